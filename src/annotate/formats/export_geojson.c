/* Annotations on the ground as GeoJSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/formats/cut_lonlat.h"
#include "annotate/formats/exchange_sets.h"
#include "annotate/formats/ground_places.h"
#include "annotate/records/objects.h"
#include "annotate/records/record_json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/lonlat.h"
#include "source/shapes/clip_shape.h"

struct export
{
    struct vdt_set_export *out;
    struct vdt_text_file text;
    struct vdt_ground_places ground;
    struct vdt_reproject **ways; /* to degrees, by CRS; NULL: the store's own */
    struct vdt_outlines outlines;
    bool first;
};

static void clear(struct export *x)
{
    vdt_text_abandon(&x->text);
    for (size_t i = 0; x->ways != NULL && i < x->ground.crs.count; i++)
        vdt_reproject_free(x->ways[i]);
    free(x->ways);
    free(x->outlines.points);
    free(x->outlines.rings);
    free(x->outlines.parts);
    vdt_ground_places_clear(&x->ground);
}

/* --- coordinates ------------------------------------------------------------------------------ */

/* Of pixels; false: they have no place. Longitudes go on beyond 180 where a shape crosses it, and
 * vdt_outlines_cut takes it from there. */
static bool to_ground(const struct export *x, const struct vdt_ground_place *place,
                      double (*points)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        vdt_affine(place->from_pixel, points[i], points[i]);
    if (x->ways == NULL)
        return true;
    if (!vdt_reproject_points(x->ways[place->crs], points, count))
        return false;
    for (size_t i = 1; i < count; i++)
        points[i][0] += 360 * round((points[0][0] - points[i][0]) / 360);
    return true;
}

static json_t *point_json(const double point[2])
{
    return json_pack("[f,f]", point[0], point[1]);
}

/* Outer rings turn left on the ground, holes right. */
static json_t *ring_json(const double (*points)[2], size_t count, bool hole)
{
    double area = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const double *p = points[i], *q = points[(i + 1) % count];
        area += (p[0] - points[0][0]) * (q[1] - points[0][1]) -
                (q[0] - points[0][0]) * (p[1] - points[0][1]);
    }
    bool backwards = (area < 0) != hole;
    for (size_t i = 0; i <= count; i++) {
        size_t at = i % count;
        json_array_append_new(list, point_json(points[backwards ? (count - at) % count : at]));
    }
    return list;
}

static json_t *polygon_json(const struct export *x, size_t part)
{
    json_t *rings = json_array();
    const struct vdt_outlines *o = &x->outlines;
    for (uint64_t r = o->parts[part]; r < o->parts[part + 1]; r++)
        json_array_append_new(rings, ring_json((const double(*)[2])o->points + o->rings[r],
                                               (size_t)(o->rings[r + 1] - o->rings[r]),
                                               r > o->parts[part]));
    return rings;
}

/* All parts in the member "coordinates" of a type, or as its Multi type. */
static json_t *parts_json(const struct export *x, const char *type, const char *multi)
{
    const struct vdt_outlines *o = &x->outlines;
    json_t *parts = json_array();
    for (size_t part = 0; part < o->part_count; part++) {
        if (strcmp(type, "Polygon") == 0) {
            json_array_append_new(parts, polygon_json(x, part));
            continue;
        }
        uint64_t ring = o->parts[part];
        json_t *run = json_array();
        for (uint64_t i = o->rings[ring]; i < o->rings[ring + 1]; i++)
            json_array_append_new(run, point_json(o->points[i]));
        json_array_append(parts, strcmp(type, "Point") == 0 ? json_array_get(run, 0) : run);
        json_decref(run);
    }
    if (o->part_count > 1)
        return json_pack("{s:s,s:o}", "type", multi, "coordinates", parts);
    json_t *geometry =
        json_pack("{s:s,s:O}", "type", type, "coordinates", json_array_get(parts, 0));
    json_decref(parts);
    return geometry;
}

/* Lines and points as they are. */
static bool add_runs(struct vdt_outlines *o, const struct vdt_annotation *a)
{
    uint64_t first = a->part_offsets[0], from = a->ring_offsets[first];
    size_t rings = (size_t)(a->part_offsets[a->part_count] - first);
    size_t count = (size_t)(a->ring_offsets[first + rings] - from);
    if (!vdt_grow(&o->points, &o->point_capacity, count, sizeof *o->points) ||
        !vdt_grow(&o->rings, &o->ring_capacity, rings + 1, sizeof *o->rings) ||
        !vdt_grow(&o->parts, &o->part_capacity, a->part_count + 1, sizeof *o->parts))
        return false;
    memcpy(o->points, a->points + from, count * sizeof *o->points);
    for (size_t i = 0; i <= rings; i++)
        o->rings[i] = a->ring_offsets[first + i] - from;
    for (size_t i = 0; i <= a->part_count; i++)
        o->parts[i] = a->part_offsets[i] - first;
    o->point_count = count;
    o->ring_count = rings;
    o->part_count = a->part_count;
    return true;
}

/* *geometry is JSON's null where the shape has no place in degrees. */
static vdt_status make_geometry(struct export *x, const struct vdt_annotation *a,
                                const struct vdt_ground_place *place, json_t **geometry,
                                struct vdt_error *error)
{
    struct vdt_outlines *o = &x->outlines;
    int dimension = a->kind == VDT_ANNOTATION_LINE ? 1 : a->kind == VDT_ANNOTATION_POINT ? 0 : 2;
    o->point_count = o->ring_count = o->part_count = 0;
    if (!(dimension == 2 ? vdt_outline_add(o, a) : add_runs(o, a)))
        return vdt_fail_memory(error, x->out->path);
    *geometry = NULL;
    vdt_status status = VDT_OK;
    if (o->part_count == 0 || !to_ground(x, place, o->points, o->point_count))
        *geometry = json_null();
    else if (x->ways != NULL)
        status = vdt_outlines_cut(o, dimension, error);
    if (status == VDT_OK && *geometry == NULL)
        *geometry = dimension == 2   ? parts_json(x, "Polygon", "MultiPolygon")
                    : dimension == 1 ? parts_json(x, "LineString", "MultiLineString")
                                     : parts_json(x, "Point", "MultiPoint");
    if (status == VDT_OK && *geometry == NULL)
        return vdt_fail_memory(error, x->out->path);
    return status;
}

/* --- features --------------------------------------------------------------------------------- */

static json_t *properties_json(const struct export *x, const struct vdt_annotation *a)
{
    static const char *const names[] = {"crowd", "ignore", "difficult"};
    json_t *properties =
        a->metadata == NULL || *a->metadata == '\0' ? NULL : json_loads(a->metadata, 0, NULL);
    properties = properties == NULL ? json_object() : properties;
    const struct vdt_label *label = vdt_row_class(a, x->out->key);
    json_object_set_new(properties, "sample",
                        json_string(vdt_strings_at(&x->out->set->samples.references, a->sample)));
    for (size_t i = 0; i < a->label_count; i++)
        if (strcmp(a->labels[i].key, x->out->key) != 0)
            json_object_set_new(properties, a->labels[i].key, json_string(a->labels[i].value));
    if (label != NULL)
        json_object_set_new(properties, "class", json_string(label->value));
    if (label != NULL && !isnan(label->score))
        json_object_set_new(properties, "score", json_real(label->score));
    json_t *flags = json_array();
    for (int i = 0; i < 3; i++)
        if ((a->flags >> i & 1) != 0)
            json_array_append_new(flags, json_string(names[i]));
    if (json_array_size(flags) > 0)
        json_object_set(properties, "flags", flags);
    json_decref(flags);
    return properties;
}

static vdt_status write_feature(struct export *x, const struct vdt_annotation *a,
                                const struct vdt_ground_place *place, struct vdt_error *error)
{
    json_t *geometry = NULL;
    struct vdt_error reason = {0};
    vdt_status status = make_geometry(x, a, place, &geometry, &reason);
    if (status != VDT_OK)
        return vdt_fail(error, status, "sample \"%.200s\", annotation \"%.200s\": %s",
                        vdt_strings_at(&x->out->set->samples.references, a->sample), a->id,
                        reason.message);
    fputs(x->first ? "\n" : ",\n", x->text.file);
    x->first = false;
    x->out->report->added++;
    return vdt_text_json(&x->text,
                         json_pack("{s:s,s:s*,s:o,s:o}", "type", "Feature", "id",
                                   a->id != NULL && *a->id != '\0' ? a->id : NULL, "properties",
                                   properties_json(x, a), "geometry", geometry),
                         false, error);
}

static vdt_status write_samples(struct export *x, struct vdt_error *error)
{
    vdt_cleanup(vdt_row_room_clear) struct vdt_row_room room = {0};
    struct vdt_annotations *set = x->out->set;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < x->ground.count; i++) {
        const uint64_t *rows = NULL;
        size_t count = 0;
        status = vdt_annotations_list(set, x->ground.places[i].sample, &rows, &count, error);
        for (size_t k = 0; status == VDT_OK && k < count; k++) {
            struct vdt_annotation a;
            status = vdt_row_get(set, rows[k], &room, &a, error);
            if (status == VDT_OK && a.kind != VDT_ANNOTATION_LABEL)
                status = write_feature(x, &a, &x->ground.places[i], error);
        }
    }
    return status;
}

static vdt_status open_ways(struct export *x, struct vdt_error *error)
{
    const char *crs = x->out->options->crs;
    if (crs != NULL && strcmp(crs, "store") != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "\"%.60s\": GeoJSON is written in longitude and latitude, or with "
                        "\"store\" in the store's CRS",
                        crs);
    if (crs != NULL) {
        int code = x->ground.crs.count == 1 ? vdt_crs_epsg(vdt_strings_at(&x->ground.crs, 0)) : 0;
        if (code == 0)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: its samples have not one CRS with an EPSG code: write longitude "
                            "and latitude",
                            x->out->set->store);
        fprintf(x->text.file,
                "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":"
                "\"urn:ogc:def:crs:EPSG::%d\"}},\n",
                code);
        return VDT_OK;
    }
    x->ways = vdt_allocate_zero(x->ground.crs.count, sizeof *x->ways);
    if (x->ways == NULL)
        return vdt_fail_memory(error, x->out->path);
    for (size_t i = 0; i < x->ground.crs.count; i++) {
        x->ways[i] = vdt_reproject_open(vdt_strings_at(&x->ground.crs, i), "EPSG:4326");
        if (x->ways[i] == NULL)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: its CRS has no place on the Earth",
                            x->out->set->store);
    }
    return VDT_OK;
}

vdt_status vdt_export_set_geojson(struct vdt_set_export *out, struct vdt_error *error)
{
    vdt_cleanup(clear) struct export x = {.out = out, .first = true};
    vdt_status status = vdt_ground_places_read(out->set, &x.ground, error);
    if (status == VDT_OK)
        status = vdt_text_open(&x.text, out->path, error);
    if (status != VDT_OK)
        return status;
    fputs("{\"type\":\"FeatureCollection\",\n", x.text.file);
    status = open_ways(&x, error);
    fputs("\"features\":[", x.text.file);
    if (status == VDT_OK)
        status = write_samples(&x, error);
    fputs("]}\n", x.text.file);
    out->report->dropped = vdt_annotations_count(out->set) - out->report->added;
    return status == VDT_OK ? vdt_text_close(&x.text, error) : status;
}

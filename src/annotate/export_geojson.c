/* Annotations on the ground as GeoJSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/exchange_sets.h"
#include "annotate/ground_places.h"
#include "annotate/objects.h"
#include "annotate/record_json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/clip_shape.h"
#include "source/lonlat.h"

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

/* Of pixels; false: they have no place. Longitudes go on beyond 180 where a shape crosses it. */
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

static json_t *area_json(struct export *x, const struct vdt_annotation *a,
                         const struct vdt_ground_place *place, bool *memory)
{
    struct vdt_outlines *o = &x->outlines;
    o->point_count = o->ring_count = o->part_count = 0;
    *memory = !vdt_outline_add(o, a);
    if (*memory || o->part_count == 0 || !to_ground(x, place, o->points, o->point_count))
        return json_null();
    if (o->part_count == 1)
        return json_pack("{s:s,s:o}", "type", "Polygon", "coordinates", polygon_json(x, 0));
    json_t *parts = json_array();
    for (size_t i = 0; i < o->part_count; i++)
        json_array_append_new(parts, polygon_json(x, i));
    return json_pack("{s:s,s:o}", "type", "MultiPolygon", "coordinates", parts);
}

static json_t *runs_json(struct export *x, const struct vdt_annotation *a,
                         const struct vdt_ground_place *place, bool *memory)
{
    bool lines = a->kind == VDT_ANNOTATION_LINE;
    uint64_t from = a->ring_offsets[a->part_offsets[0]];
    size_t count = (size_t)(a->ring_offsets[a->part_offsets[a->part_count]] - from);
    vdt_cleanup(vdt_free_pointer) double(*points)[2] = vdt_allocate(count, sizeof *points);
    *memory = points == NULL;
    if (*memory)
        return json_null();
    memcpy(points, a->points + from, count * sizeof *points);
    if (!to_ground(x, place, points, count))
        return json_null();
    json_t *parts = json_array();
    for (size_t part = 0; part < a->part_count; part++) {
        uint64_t ring = a->part_offsets[part];
        json_t *run = json_array();
        for (uint64_t i = a->ring_offsets[ring]; i < a->ring_offsets[ring + 1]; i++)
            json_array_append_new(run, point_json(points[i - from]));
        if (!lines) {
            json_array_append(parts, json_array_get(run, 0));
            json_decref(run);
        } else {
            json_array_append_new(parts, run);
        }
    }
    const char *type = a->part_count > 1 ? (lines ? "MultiLineString" : "MultiPoint")
                                         : (lines ? "LineString" : "Point");
    if (a->part_count > 1)
        return json_pack("{s:s,s:o}", "type", type, "coordinates", parts);
    json_t *geometry =
        json_pack("{s:s,s:O}", "type", type, "coordinates", json_array_get(parts, 0));
    json_decref(parts);
    return geometry;
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
    bool memory = false;
    bool runs = a->kind == VDT_ANNOTATION_LINE || a->kind == VDT_ANNOTATION_POINT;
    json_t *geometry = runs ? runs_json(x, a, place, &memory) : area_json(x, a, place, &memory);
    if (memory || geometry == NULL)
        return vdt_fail_memory(error, x->out->path);
    fputs(x->first ? "\n" : ",\n", x->text.file);
    x->first = false;
    x->out->report->added++;
    return vdt_text_json(&x->text,
                         json_pack("{s:s,s:s,s:o,s:o}", "type", "Feature", "id", a->id,
                                   "properties", properties_json(x, a), "geometry", geometry),
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

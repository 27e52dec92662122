/* Features on the ground as annotations of the samples that they fall on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/formats/exchange_sets.h"
#include "annotate/formats/ground_places.h"
#include "annotate/records/record_json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/shapes/clip_shape.h"

struct import {
    struct vdt_staged *staged;
    struct vdt_annotations *set;
    const struct vdt_annotations_exchange *options;
    struct vdt_ground_places ground;
    struct vdt_reproject **ways; /* by CRS of the store */
    const char *field;           /* with the class */
    struct vdt_record_room room;
    double (*points)[2]; /* of a feature in one CRS, then in a sample's pixels */
    double (*pixels)[2];
    size_t point_capacity, pixel_capacity;
    struct vdt_geometry cut;
    uint64_t *rings, *parts; /* of `cut`, as annotations have them */
    size_t ring_capacity, part_capacity;
};

static void clear(struct import *in)
{
    for (size_t i = 0; in->ways != NULL && i < in->ground.crs.count; i++)
        vdt_reproject_free(in->ways[i]);
    free(in->ways);
    free(in->points);
    free(in->pixels);
    free(in->rings);
    free(in->parts);
    vdt_geometry_clear(&in->cut);
    vdt_record_room_clear(&in->room);
    vdt_ground_places_clear(&in->ground);
}

/* --- CRSs ------------------------------------------------------------------------------------- */

/* "urn:ogc:def:crs:EPSG::31985" and "EPSG:31985" as the latter; without a member degrees. */
static vdt_status crs_of(const json_t *document, const char *path, char text[64],
                         struct vdt_error *error)
{
    const json_t *crs = json_object_get(document, "crs");
    const char *name =
        json_string_value(json_object_get(json_object_get(crs, "properties"), "name"));
    const char *code = name == NULL ? NULL : strrchr(name, ':');
    snprintf(text, 64, "EPSG:4326");
    if (crs == NULL || json_is_null(crs) || (name != NULL && strstr(name, "CRS84") != NULL))
        return VDT_OK;
    if (code == NULL || strstr(name, "EPSG") == NULL || strspn(code + 1, "0123456789") == 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: its \"crs\" names no EPSG code", path);
    snprintf(text, 64, "EPSG:%.20s", code + 1);
    return VDT_OK;
}

static vdt_status open_ways(struct import *in, const char *crs, struct vdt_error *error)
{
    in->ways = vdt_allocate_zero(in->ground.crs.count, sizeof *in->ways);
    if (in->ways == NULL)
        return vdt_fail_memory(error, in->options->path);
    for (size_t i = 0; i < in->ground.crs.count; i++) {
        in->ways[i] = vdt_reproject_open(crs, vdt_strings_at(&in->ground.crs, i));
        if (in->ways[i] == NULL)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: there is no way from %s to the store's CRS", in->options->path,
                            crs);
    }
    return VDT_OK;
}

/* --- features --------------------------------------------------------------------------------- */

/* What a feature says beside its geometry. */
struct feature {
    uint64_t place;
    char id[VDT_ANNOTATION_LONGEST_ID + 1];
    const char *sample; /* the only one that it is for; NULL: whatever it falls on */
    struct vdt_label label;
    bool labelled;
    uint32_t flags;
    json_t *metadata; /* borrowed by nobody: released by the caller */
    struct vdt_annotation shape;
    size_t placed; /* samples that it fell on */
};

static const char *const class_fields[] = {"class", "label", "category", "name"};

static const char *class_field(const struct import *in, const json_t *properties)
{
    if (in->options->class_field != NULL)
        return in->options->class_field;
    for (size_t i = 0; i < 4; i++)
        if (json_object_get(properties, class_fields[i]) != NULL)
            return class_fields[i];
    return "class";
}

static void read_id(const json_t *feature, struct feature *f)
{
    const json_t *id = json_object_get(feature, "id");
    if (id == NULL)
        id = json_object_get(json_object_get(feature, "properties"), "annotation");
    if (json_is_string(id) && *json_string_value(id) != '\0')
        snprintf(f->id, sizeof f->id, "%s", json_string_value(id));
    else if (json_is_integer(id))
        snprintf(f->id, sizeof f->id, "%lld", (long long)json_integer_value(id));
    else
        snprintf(f->id, sizeof f->id, "%llu", (unsigned long long)f->place);
}

static void read_flags(json_t *properties, struct feature *f)
{
    static const char *const names[] = {"crowd", "ignore", "difficult"};
    size_t i;
    json_t *flag;
    json_array_foreach(json_object_get(properties, "flags"), i, flag)
    {
        for (int k = 0; k < 3; k++)
            if (json_is_string(flag) && strcmp(json_string_value(flag), names[k]) == 0)
                f->flags |= UINT32_C(1) << k;
    }
    json_object_del(properties, "flags");
}

/* The class as text; a number as it is written. */
static bool read_class(struct import *in, const json_t *feature, struct feature *f, char value[32])
{
    json_t *properties = json_object_get(feature, "properties");
    const char *field = class_field(in, properties);
    const json_t *member = json_object_get(properties, field);
    const json_t *score = json_object_get(properties, "score");
    f->label = (struct vdt_label){in->options->key, json_string_value(member), (double)NAN};
    if (json_is_integer(member)) {
        snprintf(value, 32, "%lld", (long long)json_integer_value(member));
        f->label.value = value;
    }
    f->labelled = f->label.value != NULL && *f->label.value != '\0';
    if (f->labelled && json_is_number(score))
        f->label.score = json_number_value(score);
    f->sample = json_string_value(json_object_get(properties, "sample"));
    f->metadata = json_is_object(properties) ? json_copy(properties) : json_object();
    json_object_del(f->metadata, field);
    json_object_del(f->metadata, "sample");
    json_object_del(f->metadata, "annotation");
    if (f->labelled)
        json_object_del(f->metadata, "score");
    read_flags(f->metadata, f);
    return f->labelled || member == NULL || json_is_null(member);
}

/* By the reader of annotations' own JSON; false, and why, for what is no geometry. */
static bool read_geometry(struct import *in, const json_t *geometry, struct feature *f,
                          bool *dropped, char *why)
{
    static const char *const types[][2] = {{"Polygon", "polygon"}, {"MultiPolygon", "polygon"},
                                           {"LineString", "line"}, {"MultiLineString", "line"},
                                           {"Point", "point"},     {"MultiPoint", "point"}};
    const char *type = json_string_value(json_object_get(geometry, "type"));
    struct vdt_json_record record;
    *dropped = geometry == NULL || json_is_null(geometry);
    for (size_t i = 0; type != NULL && i < 6; i++) {
        if (strcmp(type, types[i][0]) != 0)
            continue;
        vdt_cleanup(vdt_json_release) json_t *value =
            json_pack("{s:s,s:O}", "type", types[i][1], "coordinates",
                      json_object_get(geometry, "coordinates"));
        if (value == NULL || !vdt_record_parse(value, &in->room, &record, why) ||
            !vdt_annotation_check(&record.a, 0, 0, true, why))
            return false;
        f->shape = record.a;
        return true;
    }
    *dropped = true;
    return true;
}

/* --- samples ---------------------------------------------------------------------------------- */

/* The clipped parts with the offsets of annotations. */
static bool offsets_of_cut(struct import *in)
{
    const struct vdt_geometry *cut = &in->cut;
    if (!vdt_grow(&in->rings, &in->ring_capacity, cut->ring_count + 1, sizeof *in->rings) ||
        !vdt_grow(&in->parts, &in->part_capacity, cut->part_count + 1, sizeof *in->parts))
        return false;
    in->rings[0] = in->parts[0] = 0;
    for (size_t i = 0; i < cut->ring_count; i++)
        in->rings[i + 1] = in->rings[i] + cut->rings[i].count;
    for (size_t i = 0; i < cut->part_count; i++)
        in->parts[i + 1] = in->parts[i] + cut->parts[i].count;
    return true;
}

static vdt_status stage(struct import *in, struct feature *f, uint32_t sample,
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *metadata =
        json_object_size(f->metadata) == 0 ? vdt_copy_string("") : vdt_json_text(f->metadata);
    if (metadata == NULL || !offsets_of_cut(in))
        return vdt_fail_memory(error, in->options->path);
    struct vdt_annotation a = {.id = f->id,
                               .kind = f->shape.kind,
                               .flags = f->flags,
                               .labels = &f->label,
                               .label_count = f->labelled ? 1 : 0,
                               .points = (const double(*)[2])in->cut.points,
                               .ring_offsets = in->rings,
                               .part_offsets = in->parts,
                               .part_count = in->cut.part_count,
                               .metadata = metadata};
    vdt_status status = vdt_staged_sample(
        in->staged, vdt_strings_at(&in->set->samples.references, sample), 0, 0, &a.sample, error);
    return status == VDT_OK ? vdt_staged_add(in->staged, &a, f->place, error) : status;
}

static vdt_status cut_for(struct import *in, struct feature *f,
                          const struct vdt_ground_place *place, size_t points, bool count_only,
                          struct vdt_error *error)
{
    const struct vdt_set_sample *sample = &in->set->samples.rows[place->sample];
    const double box[4] = {0, 0, sample->cols, sample->rows};
    const struct vdt_outline_in shape = {.dimension = f->shape.kind == VDT_ANNOTATION_POLYGON ? 2
                                                      : f->shape.kind == VDT_ANNOTATION_LINE  ? 1
                                                                                              : 0,
                                         .points = (const double(*)[2])in->pixels,
                                         .ring_offsets = f->shape.ring_offsets,
                                         .part_offsets = f->shape.part_offsets,
                                         .part_count = f->shape.part_count};
    in->cut.point_count = in->cut.ring_count = in->cut.part_count = 0;
    vdt_status status = VDT_OK;
    for (int turn = place->turns ? -1 : 0; status == VDT_OK && turn <= (place->turns ? 1 : 0);
         turn++) {
        for (size_t i = 0; i < points; i++) {
            const double at[2] = {in->points[i][0] + 360.0 * turn, in->points[i][1]};
            vdt_affine(place->to_pixel, at, in->pixels[i]);
        }
        status = vdt_clip_outline(&shape, box, &in->cut, error);
    }
    if (status != VDT_OK || in->cut.part_count == 0)
        return status;
    f->placed++;
    return count_only ? VDT_OK : stage(in, f, place->sample, error);
}

static bool near(const struct vdt_ground_place *place, const double box[4])
{
    bool beside = box[0] <= place->box[2] && box[2] >= place->box[0];
    return (beside || place->turns) && box[1] <= place->box[3] && box[3] >= place->box[1];
}

/* Every sample of one CRS that the feature falls on. */
static vdt_status fall_on(struct import *in, struct feature *f, size_t crs, bool count_only,
                          struct vdt_error *error)
{
    size_t points = in->room.point_count;
    double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    if (!vdt_grow(&in->points, &in->point_capacity, points, sizeof *in->points) ||
        !vdt_grow(&in->pixels, &in->pixel_capacity, points, sizeof *in->pixels))
        return vdt_fail_memory(error, in->options->path);
    memcpy(in->points, in->room.points, points * sizeof *in->points);
    if (!vdt_reproject_points(in->ways[crs], in->points, points))
        return VDT_OK; /* too far away to have a place in that CRS */
    for (size_t i = 0; i < points; i++)
        for (int k = 0; k < 2; k++) {
            box[k] = fmin(box[k], in->points[i][k]);
            box[2 + k] = fmax(box[2 + k], in->points[i][k]);
        }
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < in->ground.count; i++) {
        const struct vdt_ground_place *place = &in->ground.places[i];
        if (place->crs != crs || !near(place, box))
            continue;
        if (f->sample != NULL &&
            strcmp(f->sample, vdt_strings_at(&in->set->samples.references, place->sample)) != 0)
            continue;
        status = cut_for(in, f, place, points, count_only, error);
    }
    return status;
}

/* One that falls on several samples is known by its id as one object. */
static vdt_status place_feature(struct import *in, struct feature *f, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (int pass = 0; status == VDT_OK && pass < 2; pass++) {
        if (pass == 1 && f->placed > 1)
            json_object_set_new(f->metadata, "object", json_string(f->id));
        if (pass == 1 && f->placed == 0) {
            in->staged->report->dropped++;
            return VDT_OK;
        }
        for (size_t crs = 0; status == VDT_OK && crs < in->ground.crs.count; crs++)
            status = fall_on(in, f, crs, pass == 0, error);
    }
    return status;
}

static vdt_status take_feature(struct import *in, const json_t *value, uint64_t place,
                               struct vdt_error *error)
{
    struct feature f = {.place = place};
    char number[32], why[VDT_ANNOTATION_WHY] = "its class is no text and no whole number";
    struct vdt_error reason = {0};
    bool dropped = false;
    read_id(value, &f);
    bool good = read_class(in, value, &f, number) &&
                read_geometry(in, json_object_get(value, "geometry"), &f, &dropped, why);
    vdt_status status = VDT_OK;
    if (!good)
        status = vdt_staged_problem(in->staged, VDT_ERR_FORMAT, place, NULL, f.id, why, error);
    else if (dropped)
        in->staged->report->dropped++;
    else if ((status = place_feature(in, &f, &reason)) == VDT_ERR_FORMAT)
        status = vdt_staged_problem(in->staged, status, place, NULL, f.id, reason.message, error);
    else if (status != VDT_OK)
        status = vdt_fail(error, status, "%s", reason.message);
    json_decref(f.metadata);
    return status;
}

vdt_status vdt_import_set_geojson(struct vdt_staged *staged, struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_error *error)
{
    vdt_cleanup(clear) struct import in = {.staged = staged, .set = set, .options = options};
    char crs[64];
    json_error_t place;
    vdt_cleanup(vdt_json_release) json_t *document =
        json_load_file(options->path, JSON_REJECT_DUPLICATES, &place);
    if (document == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d column %d: %s", options->path,
                        place.line, place.column, place.text);
    const json_t *features = json_object_get(document, "features");
    if (!json_is_array(features))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no FeatureCollection", options->path);
    vdt_status status = vdt_ground_places_read(set, &in.ground, error);
    if (status == VDT_OK)
        status = crs_of(document, options->path, crs, error);
    if (status == VDT_OK)
        status = open_ways(&in, crs, error);
    for (size_t i = 0; status == VDT_OK && i < json_array_size(features); i++)
        status = take_feature(&in, json_array_get(features, i), i + 1, error);
    if (status == VDT_OK && json_array_size(features) > 0 && staged->set->records.count == 0 &&
        staged->report->failed == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: none of its %zu features falls on the store",
                        options->path, json_array_size(features));
    return status;
}

/* An annotation to JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/records/record_json.h"
#include "annotate/records/record_mask.h"

static json_t *numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, json_real(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* --- labels ---------------------------------------------------------------------------------- */

/* "score" stands beside the labels where it can only be that of the one label. */
static bool stands_alone(const struct vdt_annotation *a)
{
    return a->label_count == 1 && !isnan(a->labels[0].score);
}

static int put_label(json_t *labels, const struct vdt_annotation *a, const struct vdt_label *label)
{
    if (isnan(label->score) || stands_alone(a))
        return json_object_set_new(labels, label->key, json_string(label->value));
    json_t *values = json_object_get(labels, label->key);
    if (values == NULL) {
        values = json_object();
        if (json_object_set_new(labels, label->key, values) != 0)
            return -1;
    }
    return json_object_set_new(values, label->value, json_real(label->score));
}

static int put_labels(json_t *record, const struct vdt_annotation *a)
{
    json_t *labels = json_object();
    int failed = 0;
    for (size_t i = 0; i < a->label_count && failed == 0; i++)
        failed = put_label(labels, a, &a->labels[i]);
    if (a->label_count == 0) {
        json_decref(labels);
        return 0;
    }
    if (json_object_set_new(record, "labels", labels) != 0 || failed != 0)
        return -1;
    return stands_alone(a) ? json_object_set_new(record, "score", json_real(a->labels[0].score))
                           : 0;
}

/* --- geometry -------------------------------------------------------------------------------- */

static json_t *ring_json(const struct vdt_annotation *a, uint64_t ring)
{
    bool closes = a->kind == VDT_ANNOTATION_POLYGON;
    json_t *list = json_array();
    uint64_t from = a->ring_offsets[ring], to = a->ring_offsets[ring + 1];
    for (uint64_t i = from; i < to; i++)
        json_array_append_new(list, numbers(a->points[i], 2));
    if (closes && to > from)
        json_array_append_new(list, numbers(a->points[from], 2));
    return list;
}

static json_t *part_json(const struct vdt_annotation *a, size_t part)
{
    uint64_t from = a->part_offsets[part], to = a->part_offsets[part + 1];
    if (a->kind == VDT_ANNOTATION_POINT)
        return numbers(a->points[a->ring_offsets[from]], 2);
    if (a->kind == VDT_ANNOTATION_LINE)
        return ring_json(a, from);
    json_t *list = json_array();
    for (uint64_t ring = from; ring < to; ring++)
        json_array_append_new(list, ring_json(a, ring));
    return list;
}

static json_t *coordinates(const struct vdt_annotation *a)
{
    if (a->part_count == 1)
        return part_json(a, 0);
    json_t *list = json_array();
    for (size_t part = 0; part < a->part_count; part++)
        json_array_append_new(list, part_json(a, part));
    return list;
}

/* Corners for everybody, and the sizes where corners do not bring them back. */
static int put_box(json_t *record, const double box[4])
{
    double corners[4] = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    bool exact = corners[2] - box[0] == box[2] && corners[3] - box[1] == box[3];
    if (json_object_set_new(record, "box", numbers(corners, 4)) != 0)
        return -1;
    return exact ? 0 : json_object_set_new(record, "bbox", numbers(box, 4));
}

static int put_geometry(json_t *record, const struct vdt_annotation *a)
{
    if (a->box_given && a->kind != VDT_ANNOTATION_BOX &&
        json_object_set_new(record, "bbox", numbers(a->box, 4)) != 0)
        return -1;
    switch (a->kind) {
    case VDT_ANNOTATION_LABEL: return 0;
    case VDT_ANNOTATION_BOX: return put_box(record, a->box);
    case VDT_ANNOTATION_ROTATED:
        return json_object_set_new(record, "rotated", numbers(a->rotated, 5));
    case VDT_ANNOTATION_MASK: return json_object_set_new(record, "mask", vdt_record_mask_json(a));
    default: return json_object_set_new(record, "coordinates", coordinates(a));
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

static int put_metadata(json_t *record, const char *text)
{
    if (text == NULL || *text == '\0')
        return 0;
    json_t *value = json_loads(text, 0, NULL);
    return value == NULL ? 0 : json_object_set_new(record, "metadata", value);
}

static int put_flags(json_t *record, uint32_t flags)
{
    static const char *const names[] = {"crowd", "ignore", "difficult"};
    if (flags == 0)
        return 0;
    json_t *list = json_array();
    for (int flag = 0; flag < 3; flag++)
        if ((flags >> flag & 1) != 0)
            json_array_append_new(list, json_string(names[flag]));
    return json_object_set_new(record, "flags", list);
}

json_t *vdt_record_json(const struct vdt_annotation *a, const char *sample)
{
    json_t *record = json_object();
    int failed =
        json_object_set_new(record, "type", json_string(vdt_annotation_kind_name(a->kind)));
    if (sample != NULL)
        failed |= json_object_set_new(record, "sample", json_string(sample));
    if (a->id != NULL)
        failed |= json_object_set_new(record, "id", json_string(a->id));
    failed |= json_object_set_new(record, "number", json_integer((json_int_t)a->number));
    failed |= put_labels(record, a) | put_geometry(record, a) | put_flags(record, a->flags) |
              put_metadata(record, a->metadata);
    if (a->area_given)
        failed |= json_object_set_new(record, "area", json_real(a->area));
    if (failed == 0)
        return record;
    json_decref(record);
    return NULL;
}

json_t *vdt_sample_json(const struct vdt_annotated_sample *sample)
{
    json_t *record = json_object();
    int failed = json_object_set_new(record, "sample", json_string(sample->reference));
    failed |= json_object_set_new(record, "annotated", json_boolean(sample->annotated));
    if (sample->rows != 0)
        failed |= json_object_set_new(record, "rows", json_integer(sample->rows));
    if (sample->cols != 0)
        failed |= json_object_set_new(record, "cols", json_integer(sample->cols));
    if (sample->code != INT64_MIN)
        failed |= json_object_set_new(record, "code", json_integer((json_int_t)sample->code));
    failed |= put_metadata(record, sample->metadata);
    if (failed == 0)
        return record;
    json_decref(record);
    return NULL;
}

json_t *vdt_category_json(const char *key, const char *value, int64_t code)
{
    return json_pack("{s:{s:s}, s:I}", "category", key, value, "code", (json_int_t)code);
}

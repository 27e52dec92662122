/* Objects of a set as columns for evaluation. Where the set has them already as they are wanted
 * they are lent; else they are gathered. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "annotate/records/objects.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static void clear_outline(struct vdt_outlines *outlines)
{
    free(outlines->points);
    free(outlines->rings);
    free(outlines->parts);
    free(outlines->shapes);
}

void vdt_annotation_columns_free(struct vdt_annotation_columns *columns)
{
    if (columns == NULL)
        return;
    free(columns->rows);
    free(columns->image);
    free(columns->category);
    free(columns->score);
    free(columns->box);
    free(columns->area);
    free(columns->crowd);
    free(columns->ignore);
    free(columns->rotated);
    free(columns->categories);
    clear_outline(&columns->outlines);
    vdt_masks_free(columns->masks);
    free(columns);
}

static void columns_cleanup(struct vdt_annotation_columns **columns)
{
    vdt_annotation_columns_free(*columns);
}

const struct vdt_objects *
vdt_annotation_columns_objects(const struct vdt_annotation_columns *columns)
{
    return &columns->objects;
}

const uint64_t *vdt_annotation_columns_rows(const struct vdt_annotation_columns *columns)
{
    return columns->rows;
}

uint32_t vdt_annotation_columns_image_count(const struct vdt_annotation_columns *columns)
{
    return columns->image_count;
}

uint32_t vdt_annotation_columns_category_count(const struct vdt_annotation_columns *columns)
{
    return columns->category_count;
}

const char *vdt_annotation_columns_category(const struct vdt_annotation_columns *columns,
                                            uint32_t category)
{
    return category < columns->category_count ? columns->categories[category] : "";
}

/* --- categories ------------------------------------------------------------------------------ */

/* Of each label of the set its category; UINT32_MAX: none. Owned; NULL: memory is out. */
static uint32_t *categories_of(const struct vdt_record_columns *records,
                               const struct vdt_annotation_columns_options *options,
                               struct vdt_annotation_columns *columns)
{
    const char *key = options->key == NULL || *options->key == '\0' ? "class" : options->key;
    size_t labels = records->labels.count;
    uint32_t *map = vdt_allocate(labels, sizeof *map);
    size_t most = options->categories == NULL ? labels : options->category_count;
    columns->categories = vdt_allocate(most, sizeof *columns->categories);
    if (map == NULL || columns->categories == NULL) {
        free(map);
        return NULL;
    }
    for (size_t i = 0; options->categories != NULL && i < most; i++)
        columns->categories[i] = options->categories[i];
    columns->category_count = options->categories == NULL ? 0 : (uint32_t)most;
    for (uint32_t i = 0; i < labels; i++) {
        const char *value = vdt_record_columns_value(records, i);
        map[i] = UINT32_MAX;
        if (strcmp(vdt_record_columns_key(records, i), key) != 0)
            continue;
        if (options->categories == NULL) {
            columns->categories[columns->category_count] = value;
            map[i] = columns->category_count++;
        }
        for (uint32_t c = 0; options->categories != NULL && c < most; c++)
            if (strcmp(options->categories[c], value) == 0)
                map[i] = c;
    }
    return map;
}

/* --- which rows ------------------------------------------------------------------------------ */

static bool is_object(uint8_t kind)
{
    return kind >= VDT_ANNOTATION_BOX && kind <= VDT_ANNOTATION_MASK;
}

/* One object: a row and a label of it. */
struct vdt_object_list {
    uint64_t count;
    size_t capacity, category_capacity, score_capacity;
};

static bool add_object(struct vdt_annotation_columns *columns, struct vdt_object_list *list,
                       uint64_t row, uint32_t category, double score, bool scores)
{
    size_t count = (size_t)list->count;
    if (!vdt_grow(&columns->rows, &list->capacity, count + 1, sizeof *columns->rows) ||
        !vdt_grow(&columns->category, &list->category_capacity, count + 1,
                  sizeof *columns->category) ||
        (scores &&
         !vdt_grow(&columns->score, &list->score_capacity, count + 1, sizeof *columns->score)))
        return false;
    columns->rows[count] = row;
    columns->category[count] = category;
    if (scores)
        columns->score[count] = isnan(score) ? 1 : score;
    list->count++;
    return true;
}

static vdt_status two_values(const struct vdt_annotations *set, uint64_t row,
                             struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "%s: sample \"%.100s\", annotation \"%.100s\": ground truth needs one value of "
                    "the key, and it has several",
                    vdt_set_name(set),
                    vdt_strings_at(&set->samples.references, set->records.sample[row]),
                    set->records.ids.count == 0 ? "" : vdt_strings_at(&set->records.ids, row));
}

static vdt_status choose(const struct vdt_annotations *set, const uint32_t *map, bool scores,
                         struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    struct vdt_object_list list = {0};
    for (uint64_t row = 0; row < records->count; row++) {
        if (!is_object(records->kind[row]) || !vdt_record_columns_alive(records, row))
            continue;
        uint64_t first = vdt_record_columns_first_label(records, row), before = list.count;
        uint64_t end = records->label_offsets == NULL ? row + 1 : records->label_offsets[row + 1];
        for (uint64_t i = first; i < end; i++) {
            if (map[records->label[i]] == UINT32_MAX)
                continue;
            if (!scores && list.count > before)
                return two_values(set, row, error);
            if (!add_object(columns, &list, row, map[records->label[i]],
                            records->score == NULL ? NAN : records->score[i], scores))
                return vdt_fail_memory(error, vdt_set_name(set));
        }
    }
    columns->objects.count = list.count;
    return VDT_OK;
}

/* Every row is one object: its columns can be lent as they are. */
static bool all_rows(const struct vdt_annotations *set, const uint32_t *map)
{
    const struct vdt_record_columns *records = &set->records;
    if (records->label_offsets != NULL || records->dead_count != 0)
        return false;
    uint32_t labels = 0;
    for (uint32_t i = 0; i < records->labels.count; i++)
        labels += map[i] == UINT32_MAX;
    uint8_t others = 0;
    for (uint64_t row = 0; row < records->count; row++)
        others |= !is_object(records->kind[row]);
    return labels == 0 && others == 0;
}

/* --- columns --------------------------------------------------------------------------------- */

static bool lend(const struct vdt_annotations *set, const uint32_t *map, bool scores,
                 struct vdt_annotation_columns *columns)
{
    const struct vdt_record_columns *records = &set->records;
    struct vdt_objects *objects = &columns->objects;
    size_t count = (size_t)records->count;
    bool identity = true, missing = records->score == NULL;
    for (uint32_t i = 0; i < records->labels.count; i++)
        identity = identity && map[i] == i;
    objects->count = records->count;
    objects->image = records->sample;
    objects->box = (const double(*)[4])records->box;
    objects->category = records->label;
    columns->rows = vdt_allocate(count, sizeof *columns->rows);
    if (columns->rows == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        columns->rows[i] = i;
    if (!identity) {
        columns->category = vdt_allocate(count, sizeof *columns->category);
        for (size_t i = 0; columns->category != NULL && i < count; i++)
            columns->category[i] = map[records->label[i]];
        objects->category = columns->category;
    }
    for (size_t i = 0; scores && !missing && i < count; i++)
        missing = isnan(records->score[i]);
    if (scores && missing) {
        columns->score = vdt_allocate(count, sizeof *columns->score);
        for (size_t i = 0; columns->score != NULL && i < count; i++)
            columns->score[i] =
                records->score == NULL || isnan(records->score[i]) ? 1 : records->score[i];
    }
    objects->score = !scores ? NULL : missing ? columns->score : records->score;
    return objects->category != NULL && (!scores || objects->score != NULL || count == 0);
}

static bool gather(const struct vdt_annotations *set, struct vdt_annotation_columns *columns)
{
    const struct vdt_record_columns *records = &set->records;
    struct vdt_objects *objects = &columns->objects;
    size_t count = (size_t)objects->count;
    columns->image = vdt_allocate(count, sizeof *columns->image);
    columns->box = vdt_allocate(count, sizeof *columns->box);
    if (columns->image == NULL || columns->box == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        columns->image[i] = records->sample[columns->rows[i]];
        memcpy(columns->box[i], records->box[columns->rows[i]], sizeof *columns->box);
    }
    objects->image = columns->image;
    objects->category = columns->category;
    objects->score = columns->score;
    objects->box = (const double(*)[4])columns->box;
    return true;
}

/* Areas: as given, else of the shape; boxes alone need none. */
static bool measure(const struct vdt_annotations *set, struct vdt_annotation_columns *columns,
                    bool scores)
{
    const struct vdt_record_columns *records = &set->records;
    size_t count = (size_t)columns->objects.count;
    bool plain = records->area == NULL;
    for (size_t i = 0; plain && i < count; i++)
        plain = records->kind[columns->rows[i]] == VDT_ANNOTATION_BOX;
    /* Detections of boxes are measured by their boxes, whatever they were. */
    if (plain || (scores && columns->objects.shapes == NULL && records->area == NULL))
        return true;
    columns->area = vdt_allocate(count, sizeof *columns->area);
    if (columns->area == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct vdt_annotation a;
        vdt_record_columns_get(records, columns->rows[i], &a);
        columns->area[i] = a.area_given ? a.area : vdt_annotation_area(&a);
    }
    columns->objects.area = columns->area;
    return true;
}

static bool mark(const struct vdt_annotations *set, struct vdt_annotation_columns *columns)
{
    const struct vdt_record_columns *records = &set->records;
    size_t count = (size_t)columns->objects.count;
    uint8_t any = 0;
    if (records->flags == NULL)
        return true;
    columns->crowd = vdt_allocate(count, 1);
    columns->ignore = vdt_allocate(count, 1);
    if (columns->crowd == NULL || columns->ignore == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint8_t flags = records->flags[columns->rows[i]];
        any |= flags;
        columns->crowd[i] = (flags & VDT_ANNOTATION_CROWD) != 0;
        columns->ignore[i] = (flags & (VDT_ANNOTATION_IGNORE | VDT_ANNOTATION_DIFFICULT)) != 0;
    }
    columns->objects.crowd = (any & VDT_ANNOTATION_CROWD) != 0 ? columns->crowd : NULL;
    columns->objects.ignore =
        (any & (VDT_ANNOTATION_IGNORE | VDT_ANNOTATION_DIFFICULT)) != 0 ? columns->ignore : NULL;
    return true;
}

static vdt_status fill(struct vdt_annotations *set,
                       const struct vdt_annotation_columns_options *options,
                       struct vdt_annotation_columns *columns, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *map = categories_of(&set->records, options, columns);
    if (map == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    columns->image_count = (uint32_t)set->samples.count;
    bool lent = all_rows(set, map);
    vdt_status status = lent ? VDT_OK : choose(set, map, options->scores, columns, error);
    if (status != VDT_OK)
        return status;
    bool done = lent ? lend(set, map, options->scores, columns) : gather(set, columns);
    if (!done)
        return vdt_fail_memory(error, vdt_set_name(set));
    if (options->form != VDT_FORM_BOX)
        status = vdt_objects_shapes(set, options->form, columns, error);
    if (status == VDT_OK &&
        (!measure(set, columns, options->scores) || (!options->scores && !mark(set, columns))))
        status = vdt_fail_memory(error, vdt_set_name(set));
    return status;
}

vdt_status vdt_annotations_columns(struct vdt_annotations *set,
                                   const struct vdt_annotation_columns_options *options,
                                   struct vdt_annotation_columns **out, struct vdt_error *error)
{
    const struct vdt_annotation_columns_options none = {0};
    vdt_cleanup(columns_cleanup) struct vdt_annotation_columns *columns =
        calloc(1, sizeof *columns);
    if (columns == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    vdt_status status = fill(set, options == NULL ? &none : options, columns, error);
    if (status != VDT_OK)
        return status;
    *out = columns;
    columns = NULL;
    return VDT_OK;
}

/* --- labels of whole samples ----------------------------------------------------------------- */

void vdt_annotation_labels_clear(struct vdt_annotation_labels *labels)
{
    free(labels->sample);
    free(labels->category);
    free(labels->score);
    free(labels->categories);
    *labels = (struct vdt_annotation_labels){0};
}

static vdt_status gather_labels(struct vdt_annotations *set, const uint32_t *map,
                                struct vdt_annotation_labels *labels, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    size_t most = records->label_count;
    labels->sample = vdt_allocate(most, sizeof *labels->sample);
    labels->category = vdt_allocate(most, sizeof *labels->category);
    labels->score = vdt_allocate(most, sizeof *labels->score);
    if (labels->sample == NULL || labels->category == NULL || labels->score == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    labels->sample_count = set->samples.count;
    for (uint32_t sample = 0; sample < set->samples.count; sample++) {
        const uint64_t *rows = NULL;
        size_t count = 0;
        vdt_status status = vdt_annotations_list(set, sample, &rows, &count, error);
        if (status != VDT_OK)
            return status;
        for (size_t k = 0; k < count; k++) {
            uint64_t first = vdt_record_columns_first_label(records, rows[k]);
            uint64_t end =
                records->label_offsets == NULL ? first + 1 : records->label_offsets[rows[k] + 1];
            for (uint64_t i = first; records->kind[rows[k]] == VDT_ANNOTATION_LABEL && i < end;
                 i++) {
                if (map[records->label[i]] == UINT32_MAX)
                    continue;
                labels->sample[labels->count] = sample;
                labels->category[labels->count] = map[records->label[i]];
                labels->score[labels->count++] = records->score == NULL ? NAN : records->score[i];
            }
        }
    }
    return VDT_OK;
}

vdt_status vdt_annotations_labels(struct vdt_annotations *set, const char *key,
                                  struct vdt_annotation_labels *labels, struct vdt_error *error)
{
    const struct vdt_annotation_columns_options options = {.key = key};
    struct vdt_annotation_columns columns = {0};
    *labels = (struct vdt_annotation_labels){0};
    vdt_cleanup(vdt_free_pointer) uint32_t *map = categories_of(&set->records, &options, &columns);
    labels->categories = columns.categories;
    labels->category_count = columns.category_count;
    vdt_status status = map == NULL ? vdt_fail_memory(error, vdt_set_name(set))
                                    : gather_labels(set, map, labels, error);
    if (status != VDT_OK)
        vdt_annotation_labels_clear(labels);
    return status;
}

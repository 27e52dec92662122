/* Objects of both sides as columns that can be matched. */
#include "report/tasks/objects.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

const char *const vdt_iou_words[] = {"bbox", "segm", "polygon", "rotated", NULL};

void vdt_compared_clear(struct vdt_compared *compared)
{
    if (compared->ground)
        compared->free_ground(compared->ground);
    free(compared->unit_weights);
    for (uint32_t i = 0; i < compared->category_count; i++)
        free(compared->categories[i]);
    free(compared->categories);
    free(compared->truth_counts);
    free(compared->predicted_counts);
    for (size_t i = 0; i < sizeof compared->owned / sizeof compared->owned[0]; i++)
        free(compared->owned[i]);
    for (size_t i = 0; i < 2; i++)
        if (compared->kept[i]) {
            vdt_kept_clear(compared->kept[i]);
            free(compared->kept[i]);
        }
    vdt_annotation_columns_free(compared->truth_columns);
    vdt_annotation_columns_free(compared->predicted_columns);
    *compared = (struct vdt_compared){0};
}

/* --- names --------------------------------------------------------------------------------- */

vdt_status vdt_label_map(const struct vdt_evaluate_options *options, json_t **map,
                         struct vdt_error *error)
{
    if (options->label_map == NULL) {
        *map = NULL;
        return VDT_OK;
    }
    vdt_cleanup(vdt_json_release) json_t *object = NULL;
    vdt_status status = vdt_json_parse(options->label_map, "label map", &object, error);
    if (status)
        return status;
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "label map: no JSON object such as {\"car\": \"vehicle\"}");
    json_object_foreach(object, name, value) if (!json_is_string(value)) return vdt_fail(
        error, VDT_ERR_ARGUMENT, "label map: \"%s\" is to be a text", name);
    *map = json_incref(object);
    return VDT_OK;
}

const char *vdt_mapped_label(const json_t *map, const char *name)
{
    const char *other = json_string_value(json_object_get(map, name));
    return other ? other : name;
}

uint32_t vdt_name_index(char ***names, uint32_t *count, const char *name)
{
    for (uint32_t i = 0; i < *count; i++)
        if (strcmp((*names)[i], name) == 0)
            return i;
    char **grown = realloc(*names, (*count + 1) * sizeof *grown);
    if (grown == NULL)
        return UINT32_MAX;
    *names = grown;
    grown[*count] = vdt_copy_string(name);
    return grown[*count] ? (*count)++ : UINT32_MAX;
}

/* --- kinds --------------------------------------------------------------------------------- */

static vdt_status set_kinds(const struct vdt_annotations *set, uint32_t *kinds,
                            struct vdt_error *error)
{
    for (uint64_t row = 0; set && row < vdt_annotations_count(set); row++) {
        struct vdt_annotation annotation;
        vdt_status status = vdt_annotations_get(set, row, &annotation, NULL, NULL, error);
        if (status)
            return status;
        *kinds |= 1U << annotation.kind;
    }
    return VDT_OK;
}

static uint32_t coco_kinds(const struct vdt_coco *coco)
{
    struct vdt_coco_records records;
    uint32_t kinds = 0;
    uint64_t shapes = 0;
    vdt_coco_get_records(coco, &records);
    for (uint64_t i = 0; i < records.count; i++) {
        shapes += records.shape && records.shape[i] != VDT_COCO_NO_SHAPE;
        if (!isnan(records.box[i][0]))
            kinds |= 1U << VDT_ANNOTATION_BOX;
    }
    if (shapes && shapes == records.count)
        kinds |= 1U << VDT_ANNOTATION_MASK;
    return kinds;
}

vdt_status vdt_sides_kinds(const struct vdt_sides *sides, uint32_t *truth, uint32_t *predicted,
                           struct vdt_error *error)
{
    *truth = *predicted = 0;
    if (sides->truth_coco) {
        *truth = coco_kinds(sides->truth_coco);
        *predicted = coco_kinds(sides->result_coco);
        return VDT_OK;
    }
    vdt_status status = set_kinds(sides->truth, truth, error);
    return status ? status : set_kinds(sides->predicted, predicted, error);
}

/* --- columns ------------------------------------------------------------------------------- */

/* Numbers a column anew by a table; the table may be the identity, then nothing is to be done. */
static vdt_status renumber(const uint32_t **column, uint64_t count, const uint32_t *table,
                           uint32_t table_size, uint32_t **owned, struct vdt_error *error)
{
    bool same = true;
    for (uint32_t i = 0; i < table_size; i++)
        same = same && table[i] == i;
    if (same || *column == NULL)
        return VDT_OK;
    *owned = vdt_allocate(count, sizeof **owned);
    if (*owned == NULL)
        return vdt_fail_memory(error, "objects");
    for (uint64_t i = 0; i < count; i++)
        (*owned)[i] = table[(*column)[i]];
    *column = *owned;
    return VDT_OK;
}

/* From samples of a set to those of the evaluation; the one behind the last is for all others. */
static vdt_status image_table(const struct vdt_sides *sides, bool truth, uint32_t **table,
                              uint32_t *size, struct vdt_error *error)
{
    const struct vdt_annotations *set = truth ? sides->truth : sides->predicted;
    *size = (uint32_t)vdt_annotations_sample_count(set);
    *table = vdt_allocate(*size, sizeof **table);
    if (*table == NULL)
        return vdt_fail_memory(error, "objects");
    for (uint32_t i = 0; i < *size; i++)
        (*table)[i] = sides->sample_count;
    for (uint32_t i = 0; i < sides->sample_count; i++) {
        uint32_t there = truth ? sides->samples[i].truth : sides->samples[i].predicted;
        if (there != VDT_NO_SAMPLE)
            (*table)[there] = i;
    }
    return VDT_OK;
}

/* A side's objects with the categories of both. */
static vdt_status number_side(struct vdt_sides *sides, struct vdt_compared *compared,
                              const json_t *map, bool truth, struct vdt_error *error)
{
    struct vdt_annotation_columns *columns =
        truth ? compared->truth_columns : compared->predicted_columns;
    struct vdt_objects *objects = truth ? &compared->truth : &compared->predicted;
    uint32_t count = vdt_annotation_columns_category_count(columns), size = 0;
    vdt_cleanup(vdt_free_pointer) uint32_t *names = vdt_allocate(count, sizeof *names);
    vdt_cleanup(vdt_free_pointer) uint32_t *images = NULL;
    if (names == NULL)
        return vdt_fail_memory(error, "objects");
    *objects = *vdt_annotation_columns_objects(columns);
    for (uint32_t i = 0; i < count; i++) {
        names[i] =
            vdt_name_index(&compared->categories, &compared->category_count,
                           vdt_mapped_label(map, vdt_annotation_columns_category(columns, i)));
        if (names[i] == UINT32_MAX)
            return vdt_fail_memory(error, "objects");
    }
    vdt_status status = image_table(sides, truth, &images, &size, error);
    if (!status)
        status = renumber(&objects->image, objects->count, images, size,
                          &compared->owned[truth ? 0 : 1], error);
    if (!status)
        status = renumber(&objects->category, objects->count, names, count,
                          &compared->owned[truth ? 2 : 3], error);
    return status;
}

static vdt_status columns_of_sets(struct vdt_sides *sides, enum vdt_annotation_form form,
                                  struct vdt_compared *compared, const json_t *map,
                                  struct vdt_error *error)
{
    struct vdt_annotation_columns_options options = {.form = form,
                                                     .key = sides->options->label_key};
    vdt_status status =
        vdt_annotations_columns(sides->truth, &options, &compared->truth_columns, error);
    options.scores = true;
    if (!status)
        status = vdt_annotations_columns(sides->predicted, &options, &compared->predicted_columns,
                                         error);
    if (!status)
        status = number_side(sides, compared, map, true, error);
    if (!status)
        status = number_side(sides, compared, map, false, error);
    if (status)
        return status;
    compared->truth_rows = vdt_annotation_columns_rows(compared->truth_columns);
    compared->predicted_rows = vdt_annotation_columns_rows(compared->predicted_columns);
    return VDT_OK;
}

/* Two categories of one name are two, unless a map says that they are one. */
static uint32_t coco_category(const struct vdt_coco_categories *known, uint64_t i,
                              const json_t *map, struct vdt_compared *compared)
{
    char name[512];
    const char *given = known->name[i];
    snprintf(name, sizeof name, "%s", given);
    if (given[0] == 0)
        snprintf(name, sizeof name, "%" PRId64, known->id[i]);
    for (uint64_t k = 0; map == NULL && k < i; k++)
        if (strcmp(known->name[k], given) == 0)
            snprintf(name, sizeof name, "%.400s (%" PRId64 ")", given, known->id[i]);
    return vdt_name_index(&compared->categories, &compared->category_count,
                          vdt_mapped_label(map, name));
}

static vdt_status columns_of_coco(struct vdt_sides *sides, enum vdt_annotation_form form,
                                  struct vdt_compared *compared, const json_t *map,
                                  struct vdt_error *error)
{
    bool masks = form == VDT_FORM_MASK;
    if (form != VDT_FORM_BOX && !masks)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "COCO's files have boxes and masks: iou is bbox or segm");
    vdt_status status = vdt_coco_truth_objects(sides->truth_coco, masks, &compared->truth, error);
    if (!status)
        status = vdt_coco_result_objects(sides->result_coco, sides->truth_coco, masks,
                                         &compared->predicted, error);
    if (status)
        return status;
    struct vdt_coco_categories known;
    vdt_coco_get_categories(sides->truth_coco, &known);
    vdt_cleanup(vdt_free_pointer) uint32_t *table = vdt_allocate(known.count, sizeof *table);
    if (table == NULL)
        return vdt_fail_memory(error, "objects");
    for (uint64_t i = 0; i < known.count; i++) {
        table[i] = coco_category(&known, i, map, compared);
        if (table[i] == UINT32_MAX)
            return vdt_fail_memory(error, "objects");
    }
    uint32_t size = (uint32_t)known.count;
    status = renumber(&compared->truth.category, compared->truth.count, table, size,
                      &compared->owned[2], error);
    return status ? status
                  : renumber(&compared->predicted.category, compared->predicted.count, table, size,
                             &compared->owned[3], error);
}

static void count_categories(const struct vdt_sides *sides, const struct vdt_objects *objects,
                             uint64_t *counts)
{
    for (uint64_t i = 0; i < objects->count; i++)
        if (sides->weights[objects->image[i]])
            counts[objects->category ? objects->category[i] : 0]++;
}

/* Leaves out the objects of samples that do not count, so that nothing is said of them. */
static vdt_status keep_counted(const struct vdt_sides *sides, struct vdt_objects *objects,
                               const uint64_t **rows, struct vdt_kept **kept,
                               struct vdt_error *error)
{
    bool all = true;
    for (uint64_t i = 0; all && i < objects->count; i++)
        all = sides->weights[objects->image[i]] != 0;
    if (all)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) uint32_t *number =
        vdt_allocate((size_t)sides->sample_count + 1, sizeof *number);
    *kept = vdt_allocate_zero(1, sizeof **kept);
    if (number == NULL || *kept == NULL)
        return vdt_fail_memory(error, "objects");
    for (uint32_t i = 0; i <= sides->sample_count; i++)
        number[i] = sides->weights[i] ? i : UINT32_MAX;
    vdt_status status = vdt_kept_make(objects, number, *kept, error);
    if (status)
        return status;
    *objects = (*kept)->objects;
    for (uint64_t i = 0; *rows && i < objects->count; i++)
        (*kept)->index[i] = (*rows)[(*kept)->index[i]];
    *rows = *rows ? (*kept)->index : NULL;
    return VDT_OK;
}

vdt_status vdt_compared_open(struct vdt_sides *sides, enum vdt_annotation_form form,
                             struct vdt_compared *compared, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *map = NULL;
    struct vdt_compared opened = {0};
    vdt_status status = vdt_label_map(sides->options, &map, error);
    if (!status)
        status = sides->truth_coco ? columns_of_coco(sides, form, &opened, map, error)
                                   : columns_of_sets(sides, form, &opened, map, error);
    if (!status)
        status = keep_counted(sides, &opened.truth, &opened.truth_rows, &opened.kept[0], error);
    if (!status)
        status =
            keep_counted(sides, &opened.predicted, &opened.predicted_rows, &opened.kept[1], error);
    if (!status) {
        opened.truth_counts = vdt_allocate_zero(opened.category_count, sizeof *opened.truth_counts);
        opened.predicted_counts =
            vdt_allocate_zero(opened.category_count, sizeof *opened.predicted_counts);
        opened.unit_count = sides->sample_count + 1;
        opened.unit_weights = vdt_allocate(opened.unit_count, sizeof *opened.unit_weights);
        if (opened.truth_counts == NULL || opened.predicted_counts == NULL ||
            opened.unit_weights == NULL)
            status = vdt_fail_memory(error, "objects");
    }
    if (status) {
        vdt_compared_clear(&opened);
        return status;
    }
    memcpy(opened.unit_weights, sides->weights, opened.unit_count * sizeof *opened.unit_weights);
    count_categories(sides, &opened.truth, opened.truth_counts);
    count_categories(sides, &opened.predicted, opened.predicted_counts);
    *compared = opened;
    return VDT_OK;
}

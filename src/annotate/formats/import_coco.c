/* COCO's files as sets: ground truth, and results of images and categories that the set knows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/coco.h>

#include "annotate/formats/exchange_sets.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Numbers of the set's images and categories and what they are, sorted by number. */
struct coded {
    int64_t code;
    uint32_t index;
};

struct import {
    struct vdt_staged *staged;
    struct vdt_annotations *set;
    const struct vdt_annotations_exchange *options;
    struct vdt_coco *coco;
    struct vdt_coco_images images;
    struct vdt_coco_categories categories;
    struct vdt_coco_records records;
    uint32_t *samples;                         /* staged, by image */
    struct coded *images_coded, *labels_coded; /* of the set, for results */
    size_t image_count, label_count;
    uint64_t *parts; /* of one polygon */
    size_t part_capacity;
    char *metadata;
    size_t metadata_capacity;
};

static void clear(struct import *in)
{
    vdt_coco_free(in->coco);
    free(in->samples);
    free(in->images_coded);
    free(in->labels_coded);
    free(in->parts);
    free(in->metadata);
}

/* --- ground truth ---------------------------------------------------------------------------- */

static vdt_status stage_images(struct import *in, struct vdt_error *error)
{
    in->samples = vdt_allocate((size_t)in->images.count, sizeof *in->samples);
    if (in->samples == NULL)
        return vdt_fail_memory(error, in->options->path);
    for (uint64_t i = 0; i < in->images.count; i++) {
        char number[32];
        const char *name = in->images.file_name[i];
        size_t before = in->staged->set->samples.count;
        snprintf(number, sizeof number, "%" PRId64, in->images.id[i]);
        vdt_status status =
            vdt_staged_sample(in->staged, *name == '\0' ? number : name, in->images.size[i][0],
                              in->images.size[i][1], &in->samples[i], error);
        if (status != VDT_OK)
            return status;
        if (in->samples[i] < before)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: images %" PRId64 " and %" PRId64 " have one file name, \"%.100s\"",
                            in->options->path, in->staged->set->samples.rows[in->samples[i]].code,
                            in->images.id[i], name);
        struct vdt_set_sample *row = &in->staged->set->samples.rows[in->samples[i]];
        row->code = in->images.id[i];
        row->marked = i + 2; /* an image without annotations has nothing on it */
    }
    return VDT_OK;
}

static vdt_status stage_categories(struct import *in, struct vdt_error *error)
{
    for (uint64_t i = 0; i < in->categories.count; i++) {
        uint32_t label;
        char number[32];
        const char *name = in->categories.name[i];
        snprintf(number, sizeof number, "%" PRId64, in->categories.id[i]);
        size_t before = in->staged->set->records.labels.count;
        if (!vdt_record_columns_label(&in->staged->set->records, in->options->key,
                                      *name == '\0' ? number : name, in->categories.id[i], &label))
            return vdt_fail_memory(error, in->options->path);
        if (before == in->staged->set->records.labels.count)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: two categories are named \"%.100s\"",
                            in->options->path, name);
    }
    return VDT_OK;
}

/* --- results --------------------------------------------------------------------------------- */

static int by_code(const void *a, const void *b)
{
    const struct coded *left = a, *right = b;
    return left->code < right->code ? -1 : left->code > right->code;
}

static const struct coded *find_code(const struct coded *list, size_t count, int64_t code)
{
    const struct coded wanted = {.code = code};
    return bsearch(&wanted, list, count, sizeof *list, by_code);
}

static vdt_status sort_codes(struct import *in, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &in->set->samples;
    const struct vdt_record_columns *records = &in->set->records;
    const char *key = in->options->key == NULL ? "class" : in->options->key;
    in->images_coded = vdt_allocate(samples->count, sizeof *in->images_coded);
    in->labels_coded = vdt_allocate(records->labels.count, sizeof *in->labels_coded);
    if (in->images_coded == NULL || in->labels_coded == NULL)
        return vdt_fail_memory(error, in->options->path);
    for (uint32_t i = 0; i < samples->count; i++)
        if (samples->rows[i].code != INT64_MIN)
            in->images_coded[in->image_count++] = (struct coded){samples->rows[i].code, i};
    for (uint32_t i = 0; i < records->labels.count; i++)
        if (records->codes[i] != INT64_MIN && strcmp(vdt_record_columns_key(records, i), key) == 0)
            in->labels_coded[in->label_count++] = (struct coded){records->codes[i], i};
    qsort(in->images_coded, in->image_count, sizeof *in->images_coded, by_code);
    qsort(in->labels_coded, in->label_count, sizeof *in->labels_coded, by_code);
    if (in->image_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: results name images by number, which the set does not know: import "
                        "the ground truth file first",
                        in->options->path);
    return VDT_OK;
}

/* --- records --------------------------------------------------------------------------------- */

static bool put_shape(struct import *in, uint64_t i, struct vdt_annotation *a)
{
    const struct vdt_coco_records *r = &in->records;
    a->kind = VDT_ANNOTATION_BOX;
    a->box_given = !isnan(r->box[i][0]);
    if (a->box_given)
        memcpy(a->box, r->box[i], sizeof a->box);
    if (r->shape == NULL || r->shape[i] == VDT_COCO_NO_SHAPE)
        return true;
    if (r->shape[i] == VDT_COCO_RLE) {
        a->kind = VDT_ANNOTATION_MASK;
        a->counts = r->counts + r->count_offsets[i];
        a->count_count = (size_t)(r->count_offsets[i + 1] - r->count_offsets[i]);
        a->rows = r->size[i][0];
        a->cols = r->size[i][1];
        return true;
    }
    uint64_t first = r->shape_offsets[i];
    size_t rings = (size_t)(r->shape_offsets[i + 1] - first);
    if (!vdt_grow(&in->parts, &in->part_capacity, rings + 1, sizeof *in->parts))
        return false;
    for (size_t k = 0; k <= rings; k++)
        in->parts[k] = first + k;
    a->kind = VDT_ANNOTATION_POLYGON;
    a->points = r->points;
    a->ring_offsets = r->ring_offsets;
    a->part_offsets = in->parts;
    a->part_count = rings;
    return true;
}

static bool put_metadata(struct import *in, uint64_t i, struct vdt_annotation *a)
{
    const struct vdt_coco_records *r = &in->records;
    if (r->attributes == NULL || r->attribute_offsets[i + 1] == r->attribute_offsets[i])
        return true;
    size_t size = (size_t)(r->attribute_offsets[i + 1] - r->attribute_offsets[i]);
    if (!vdt_grow(&in->metadata, &in->metadata_capacity, size + 1, 1))
        return false;
    memcpy(in->metadata, r->attributes + r->attribute_offsets[i], size);
    in->metadata[size] = '\0';
    a->metadata = in->metadata;
    return true;
}

/* The staged sample and the class of a result. */
static vdt_status place_result(struct import *in, uint64_t i, struct vdt_annotation *a,
                               struct vdt_label *label, const char **why, struct vdt_error *error)
{
    const struct coded *image =
        find_code(in->images_coded, in->image_count, in->records.image_id[i]);
    const struct coded *category =
        find_code(in->labels_coded, in->label_count, in->records.category_id[i]);
    *why = image == NULL      ? "the set has no image of that number"
           : category == NULL ? "the set has no category of that number"
                              : NULL;
    if (*why != NULL)
        return VDT_OK;
    label->value = vdt_record_columns_value(&in->set->records, category->index);
    label->score = in->records.score[i];
    return vdt_staged_sample(in->staged, vdt_strings_at(&in->set->samples.references, image->index),
                             0, 0, &a->sample, error);
}

static vdt_status stage_record(struct import *in, uint64_t i, struct vdt_error *error)
{
    const struct vdt_coco_records *r = &in->records;
    char id[32];
    const char *why = NULL;
    struct vdt_label label = {in->options->key, NULL, NAN};
    struct vdt_annotation a = {.id = id, .labels = &label, .label_count = 1};
    vdt_status status = VDT_OK;
    snprintf(id, sizeof id, "%" PRId64, r->id == NULL ? (int64_t)i + 1 : r->id[i]);
    if (r->image == NULL) {
        status = place_result(in, i, &a, &label, &why, error);
    } else {
        a.sample = in->samples[r->image[i]];
        label.value = vdt_record_columns_value(&in->staged->set->records, r->category[i]);
        a.flags =
            (r->crowd[i] ? VDT_ANNOTATION_CROWD : 0u) | (r->ignore[i] ? VDT_ANNOTATION_IGNORE : 0u);
        a.area_given = !isnan(r->area[i]);
        a.area = r->area[i];
    }
    if (status != VDT_OK)
        return status;
    if (why == NULL && isnan(r->box[i][0]) &&
        (r->shape == NULL || r->shape[i] == VDT_COCO_NO_SHAPE))
        why = "it has neither a box nor a segmentation";
    if (why != NULL)
        return vdt_staged_problem(in->staged, VDT_ERR_NOT_FOUND, i + 1, NULL, id, why, error);
    if (!put_shape(in, i, &a) || !put_metadata(in, i, &a))
        return vdt_fail_memory(error, in->options->path);
    return vdt_staged_add(in->staged, &a, i + 1, error);
}

/* A list is one of results. */
static bool is_list(const char *path)
{
    FILE *file = fopen(path, "rb");
    int letter = ' ';
    while (file != NULL && (letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r'))
        letter = fgetc(file);
    if (file != NULL)
        fclose(file);
    return letter == '[';
}

vdt_status vdt_import_set_coco(struct vdt_staged *staged, struct vdt_annotations *set,
                               const struct vdt_annotations_exchange *options,
                               struct vdt_error *error)
{
    vdt_cleanup(clear) struct import in = {.staged = staged, .set = set, .options = options};
    const struct vdt_coco_options reading = {.attributes = true};
    bool results = is_list(options->path);
    vdt_status status = results
                            ? vdt_coco_read_results(options->path, &reading, &in.coco, error)
                            : vdt_coco_read_ground_truth(options->path, &reading, &in.coco, error);
    if (status != VDT_OK)
        return status;
    vdt_coco_get_images(in.coco, &in.images);
    vdt_coco_get_categories(in.coco, &in.categories);
    vdt_coco_get_records(in.coco, &in.records);
    staged->by_file = !results;
    staged->scores = results;
    status = results ? sort_codes(&in, error) : stage_images(&in, error);
    if (status == VDT_OK && !results)
        status = stage_categories(&in, error);
    for (uint64_t i = 0; status == VDT_OK && i < in.records.count; i++)
        status = stage_record(&in, i, error);
    return status;
}

/* Predictions from COCO's result files. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/coco.h>

#include "annotate/runs/run_state.h"
#include "base/cleanup.h"
#include "base/error.h"

/* From the ids of a file to samples and classes of the run. */
struct map {
    struct vdt_run *run;
    struct vdt_coco *truth;   /* with names for the ids; NULL: samples by place, classes by id */
    struct vdt_coco *results; /* that are taken */
    uint32_t *sample;         /* [truth's images], VDT_NO_TEXT: not looked for yet */
    uint32_t *class_id;       /* [truth's categories] */
};

static void clear_map(struct map *map)
{
    vdt_coco_free(map->truth);
    vdt_coco_free(map->results);
    free(map->sample);
    free(map->class_id);
}

/* The place of an id among rising ids; `count`: none. */
static uint64_t place_of(const int64_t *ids, uint64_t count, int64_t id)
{
    uint64_t first = 0;
    uint64_t end = count;
    while (first < end) {
        uint64_t middle = first + (end - first) / 2;
        if (ids[middle] < id)
            first = middle + 1;
        else
            end = middle;
    }
    return first < count && ids[first] == id ? first : count;
}

/* The sample of a file name: its reference, or the name without folders and extension. A free run
 * takes the name. */
static vdt_status named_sample(struct vdt_run *run, const char *name, uint32_t rows, uint32_t cols,
                               uint32_t *sample, struct vdt_error *error)
{
    *sample = vdt_texts_find(&run->references, name);
    if (*sample != VDT_NO_TEXT)
        return VDT_OK;
    const char *slash = strrchr(name, '/');
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_copy_string(slash == NULL ? name : slash + 1);
    if (stem == NULL)
        return vdt_fail_memory(error, run->path);
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
    *sample = vdt_texts_find(&run->references, stem);
    if (*sample != VDT_NO_TEXT)
        return VDT_OK;
    if (run->fixed) /* as `vedatile export --format coco` names them: GROUP/KEY.png */
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no sample '%.200s' or '%.200s'", run->path,
                        name, stem);
    return vdt_run_sample(run, name, rows, cols, sample, error);
}

static vdt_status find_sample(struct map *map, const char *path, int64_t id, uint32_t *sample,
                              struct vdt_error *error)
{
    struct vdt_run *run = map->run;
    if (map->truth == NULL) {
        char reference[32];
        if (run->fixed && id >= 0 && id < run->references.count) {
            *sample = (uint32_t)id;
            return VDT_OK;
        }
        snprintf(reference, sizeof reference, "%lld", (long long)id);
        if (!run->fixed)
            return vdt_run_sample(run, reference, 0, 0, sample, error);
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: image_id %s is no number of a sample; give the file with the images",
                        path, reference);
    }
    struct vdt_coco_images images;
    vdt_coco_get_images(map->truth, &images);
    uint64_t at = place_of(images.id, images.count, id);
    if (at == images.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: image_id %lld is not among the images of the file with the images",
                        path, (long long)id);
    if (map->sample[at] == VDT_NO_TEXT) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)id);
        vdt_status status =
            named_sample(run, *images.file_name[at] == '\0' ? number : images.file_name[at],
                         images.size[at][0], images.size[at][1], &map->sample[at], error);
        if (status != VDT_OK)
            return status;
    }
    *sample = map->sample[at];
    return VDT_OK;
}

static vdt_status find_class(struct map *map, const char *path, int64_t id, uint32_t *class_id,
                             struct vdt_error *error)
{
    struct vdt_run *run = map->run;
    if (map->truth == NULL) {
        char name[32];
        if (id >= 0 && id < run->classes.count && !run->any_class) {
            *class_id = (uint32_t)id;
            return VDT_OK;
        }
        snprintf(name, sizeof name, "%lld", (long long)id);
        if (run->any_class)
            return vdt_run_class(run, name, class_id, error);
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: category_id %s is no class id (0 to %lu); give the file with the "
                        "categories",
                        path, name, (unsigned long)run->classes.count - 1);
    }
    struct vdt_coco_categories categories;
    vdt_coco_get_categories(map->truth, &categories);
    uint64_t at = place_of(categories.id, categories.count, id);
    if (at == categories.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: category_id %lld is not among the categories", path, (long long)id);
    if (map->class_id[at] == VDT_NO_TEXT) {
        vdt_status status = vdt_run_class(run, categories.name[at], &map->class_id[at], error);
        if (status != VDT_OK)
            return status;
    }
    *class_id = map->class_id[at];
    return VDT_OK;
}

static uint32_t *unknown(uint64_t count)
{
    uint32_t *numbers = vdt_allocate(count, sizeof *numbers);
    for (uint64_t i = 0; numbers != NULL && i < count; i++)
        numbers[i] = VDT_NO_TEXT;
    return numbers;
}

static vdt_status read_files(struct map *map, const char *path, const char *images, bool no_shapes,
                             struct vdt_error *error)
{
    const struct vdt_coco_options options = {.no_shapes = no_shapes};
    const struct vdt_coco_options names = {.no_shapes = true};
    vdt_status status = vdt_coco_read_results(path, &options, &map->results, error);
    if (status == VDT_OK && images != NULL)
        status = vdt_coco_read_ground_truth(images, &names, &map->truth, error);
    if (status != VDT_OK || images == NULL)
        return status;
    struct vdt_coco_images found;
    struct vdt_coco_categories categories;
    vdt_coco_get_images(map->truth, &found);
    vdt_coco_get_categories(map->truth, &categories);
    map->sample = unknown(found.count);
    map->class_id = unknown(categories.count);
    if (map->sample == NULL || map->class_id == NULL)
        return vdt_fail_memory(error, images);
    /* All of the file's images and classes, so that their order is the file's. */
    for (uint64_t i = 0; !map->run->fixed && i < found.count && status == VDT_OK; i++) {
        uint32_t ignored;
        status = find_sample(map, images, found.id[i], &ignored, error);
    }
    for (uint64_t i = 0; map->run->any_class && i < categories.count && status == VDT_OK; i++) {
        uint32_t ignored;
        status = find_class(map, images, categories.id[i], &ignored, error);
    }
    return status;
}

/* --- boxes ---------------------------------------------------------------------------------------
 */

static vdt_status add_boxes(struct map *map, const char *path,
                            const struct vdt_coco_records *records, enum vdt_run_mode mode,
                            struct vdt_run_counts *counts, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *sample = unknown(records->count);
    vdt_cleanup(vdt_free_pointer) uint32_t *class_id = unknown(records->count);
    vdt_status status = sample == NULL || class_id == NULL ? vdt_fail_memory(error, path) : VDT_OK;
    for (uint64_t i = 0; i < records->count && status == VDT_OK; i++) {
        status = find_sample(map, path, records->image_id[i], &sample[i], error);
        if (status == VDT_OK)
            status = find_class(map, path, records->category_id[i], &class_id[i], error);
    }
    const struct vdt_run_boxes boxes = {records->count, sample, class_id, records->box,
                                        records->score};
    return status == VDT_OK ? vdt_run_add_boxes(map->run, &boxes, mode, counts, error) : status;
}

/* --- masks and outlines --------------------------------------------------------------------------
 */

struct shapes {
    struct vdt_annotation *all;
    struct vdt_label *labels;
    uint64_t *parts; /* of outlines: each ring is a part of its own */
};

static void clear_shapes(struct shapes *shapes)
{
    free(shapes->all);
    free(shapes->labels);
    free(shapes->parts);
}

static void fill(const struct vdt_coco_records *records, uint64_t i, struct vdt_annotation *a,
                 const uint64_t *parts)
{
    switch (records->shape[i]) {
    case VDT_COCO_RLE:
        a->kind = VDT_ANNOTATION_MASK;
        a->counts = records->counts + records->count_offsets[i];
        a->count_count = records->count_offsets[i + 1] - records->count_offsets[i];
        a->rows = records->size[i][0];
        a->cols = records->size[i][1];
        break;
    case VDT_COCO_POLYGONS:
        a->kind = VDT_ANNOTATION_POLYGON;
        a->points = records->points;
        a->ring_offsets = records->ring_offsets;
        a->part_offsets = parts + records->shape_offsets[i];
        a->part_count = records->shape_offsets[i + 1] - records->shape_offsets[i];
        break;
    default: a->kind = VDT_ANNOTATION_BOX;
    }
    memcpy(a->box, records->box[i], sizeof a->box);
    a->box_given = a->kind != VDT_ANNOTATION_BOX && !isnan(a->box[0]);
}

static vdt_status add_shapes(struct map *map, const char *path,
                             const struct vdt_coco_records *records, enum vdt_run_mode mode,
                             struct vdt_run_counts *counts, struct vdt_error *error)
{
    uint64_t count = records->count;
    uint64_t rings = records->shape_offsets[count];
    vdt_cleanup(clear_shapes) struct shapes shapes = {
        vdt_allocate_zero(count, sizeof *shapes.all), vdt_allocate(count, sizeof *shapes.labels),
        vdt_allocate(rings + 1, sizeof *shapes.parts)};
    if (shapes.all == NULL || shapes.labels == NULL || shapes.parts == NULL)
        return vdt_fail_memory(error, path);
    for (uint64_t i = 0; i <= rings; i++)
        shapes.parts[i] = i;
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; i < count && status == VDT_OK; i++) {
        struct vdt_annotation *a = &shapes.all[i];
        uint32_t class_id = 0;
        status = find_sample(map, path, records->image_id[i], &a->sample, error);
        if (status == VDT_OK)
            status = find_class(map, path, records->category_id[i], &class_id, error);
        if (status != VDT_OK)
            break;
        shapes.labels[i].score = records->score[i];
        shapes.labels[i].key = NULL;
        /* Lent for good only when no class can be added any more: below. */
        a->number = class_id;
        a->labels = &shapes.labels[i];
        a->label_count = 1;
        fill(records, i, a, shapes.parts);
    }
    for (uint64_t i = 0; i < count && status == VDT_OK; i++)
        shapes.labels[i].value = vdt_texts_get(&map->run->classes, (uint32_t)shapes.all[i].number);
    return status == VDT_OK ? vdt_run_add(map->run, shapes.all, count, mode, counts, error)
                            : status;
}

vdt_status vdt_run_add_coco(struct vdt_run *run, const char *path, const char *images,
                            bool boxes_only, enum vdt_run_mode mode, struct vdt_run_counts *counts,
                            struct vdt_error *error)
{
    vdt_cleanup(clear_map) struct map map = {.run = run};
    struct vdt_coco_records records;
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK)
        status = read_files(&map, path, images, boxes_only, error);
    if (status != VDT_OK)
        return status;
    vdt_coco_get_records(map.results, &records);
    bool shapes = false;
    for (uint64_t i = 0; records.shape != NULL && i < records.count && !shapes; i++)
        shapes = records.shape[i] != VDT_COCO_NO_SHAPE;
    return shapes ? add_shapes(&map, path, &records, mode, counts, error)
                  : add_boxes(&map, path, &records, mode, counts, error);
}

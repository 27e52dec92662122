/* Masks of a COCO file's records: run lengths as they are, polygons drawn by several threads. */
#include "annotate/coco/coco_masks.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

enum { RECORDS = 512 /* that a thread draws at once */, MOST_SLOTS = 64 };

/* Rings of one polygon, as vdt_masks_add_polygons takes them. */
struct rings {
    const double (**points)[2];
    size_t *counts;
    size_t capacity, count_capacity;
};

struct drawing {
    const char *path;
    struct vdt_coco_records records;
    struct vdt_coco_images images;
    const uint32_t *image; /* [records.count] places in images */
    uint32_t slots;
    struct vdt_masks *drawn[MOST_SLOTS];
};

static void clear_drawing(struct drawing *drawing)
{
    for (uint32_t i = 0; i < drawing->slots; i++)
        vdt_masks_free(drawing->drawn[i]);
}

static void free_ordered(struct vdt_ordered **ordered)
{
    vdt_ordered_free(*ordered);
}

/* --- a worker ------------------------------------------------------------------------------- */

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    const struct drawing *drawing = payload;
    *worker = vdt_allocate_zero(1, sizeof(struct rings));
    return *worker == NULL ? vdt_fail_memory(error, drawing->path) : VDT_OK;
}

static void stop_worker(void *payload, void *worker)
{
    (void)payload;
    struct rings *rings = worker;
    free(rings->points);
    free(rings->counts);
    free(rings);
}

static bool gather_rings(struct rings *rings, const struct vdt_coco_records *records, size_t record)
{
    size_t first = (size_t)records->shape_offsets[record];
    size_t count = (size_t)records->shape_offsets[record + 1] - first;
    if (!vdt_grow(&rings->points, &rings->capacity, count, sizeof *rings->points) ||
        !vdt_grow(&rings->counts, &rings->count_capacity, count, sizeof *rings->counts))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = records->ring_offsets[first + i];
        rings->points[i] = records->points + begin;
        rings->counts[i] = (size_t)(records->ring_offsets[first + i + 1] - begin);
    }
    return true;
}

static vdt_status add_polygons(const struct drawing *drawing, size_t record, struct rings *rings,
                               struct vdt_masks *masks, struct vdt_error *error)
{
    const uint32_t *size = drawing->images.size[drawing->image[record]];
    if (size[0] == 0 || size[1] == 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: record %zu is a polygon, and its image has no width and height: give "
                        "the image both",
                        drawing->path, record + 1);
    if (!gather_rings(rings, &drawing->records, record))
        return vdt_fail_memory(error, drawing->path);
    const uint64_t *offsets = drawing->records.shape_offsets;
    struct vdt_error why = {.status = VDT_OK};
    vdt_status status =
        vdt_masks_add_polygons(masks, size[0], size[1], rings->points, rings->counts,
                               (size_t)(offsets[record + 1] - offsets[record]), &why);
    return status == VDT_OK ? VDT_OK
                            : vdt_fail(error, status, "%s: record %zu: %s", drawing->path,
                                       record + 1, why.message);
}

/* Masks of RECORDS records; run lengths are left to the consumer, who has to copy them anyway. */
static vdt_status draw(void *payload, void *worker, uint64_t item, uint32_t slot,
                       struct vdt_error *error)
{
    struct drawing *drawing = payload;
    struct vdt_masks *masks = drawing->drawn[slot];
    vdt_masks_clear(masks);
    size_t end = (size_t)(item + 1) * RECORDS;
    end = end < drawing->records.count ? end : (size_t)drawing->records.count;
    vdt_status status = VDT_OK;
    for (size_t i = (size_t)item * RECORDS; status == VDT_OK && i < end; i++)
        if (drawing->records.shape[i] == VDT_COCO_POLYGONS)
            status = add_polygons(drawing, i, worker, masks, error);
    return status;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* Masks of RECORDS records behind those before them, `drawn` where they were polygons. */
static vdt_status add_item(const struct drawing *drawing, uint64_t item,
                           const struct vdt_shapes *drawn, struct vdt_masks *masks,
                           struct vdt_error *error)
{
    const struct vdt_coco_records *records = &drawing->records;
    size_t begin = (size_t)item * RECORDS, next = 0;
    vdt_status status = VDT_OK;
    for (size_t i = begin; status == VDT_OK && i < begin + RECORDS && i < records->count; i++) {
        bool polygons = records->shape[i] == VDT_COCO_POLYGONS;
        const uint32_t *size = polygons ? drawn->size[next] : records->size[i];
        const uint32_t *counts = polygons ? drawn->counts : records->counts;
        const uint64_t *offset =
            polygons ? drawn->count_offsets + next : records->count_offsets + i;
        next += polygons;
        status = vdt_masks_add_counts(masks, size[0], size[1], counts + offset[0],
                                      (size_t)(offset[1] - offset[0]), error);
    }
    return status;
}

static vdt_status draw_all(struct drawing *drawing, uint32_t threads, struct vdt_masks *masks,
                           struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start_worker, draw, stop_worker};
    vdt_cleanup(free_ordered) struct vdt_ordered *ordered = NULL;
    uint64_t items = (drawing->records.count + RECORDS - 1) / RECORDS;
    vdt_status status =
        vdt_ordered_start(&ops, drawing, items, threads, drawing->slots, &ordered, error);
    for (uint64_t item = 0; status == VDT_OK && item < items; item++) {
        uint32_t slot;
        status = vdt_ordered_take(ordered, &slot, error);
        if (status != VDT_OK)
            break;
        status = add_item(drawing, item, vdt_masks_shapes(drawing->drawn[slot]), masks, error);
        vdt_ordered_release(ordered, slot);
    }
    return status;
}

static void free_masks(struct vdt_masks **masks)
{
    vdt_masks_free(*masks);
}

static vdt_status make_all(struct vdt_coco *coco, const struct vdt_coco_records *records,
                           const struct vdt_coco_images *images, const uint32_t *image,
                           struct vdt_error *error)
{
    uint32_t threads = coco->threads == 0 ? vdt_core_count() : coco->threads;
    vdt_cleanup(clear_drawing) struct drawing drawing = {
        .path = coco->path, .records = *records, .images = *images, .image = image};
    drawing.slots = 2 * threads < MOST_SLOTS ? 2 * threads : MOST_SLOTS;
    vdt_cleanup(free_masks) struct vdt_masks *masks = NULL;
    vdt_status status = vdt_masks_new(&masks, error);
    for (uint32_t i = 0; status == VDT_OK && i < drawing.slots; i++)
        status = vdt_masks_new(&drawing.drawn[i], error);
    if (status == VDT_OK)
        status = draw_all(&drawing, threads, masks, error);
    if (status != VDT_OK)
        return status;
    coco->shapes = *vdt_masks_shapes(masks);
    coco->masks = masks;
    masks = NULL;
    return VDT_OK;
}

vdt_status vdt_coco_make_masks(struct vdt_coco *coco, const struct vdt_coco *truth,
                               const uint32_t *image, struct vdt_error *error)
{
    struct vdt_coco_records records;
    struct vdt_coco_images images;
    vdt_coco_get_records(coco, &records);
    vdt_coco_get_images(truth, &images);
    if (records.shape == NULL && records.count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: was read without its segmentations",
                        coco->path);
    bool polygons = false;
    for (size_t i = 0; i < records.count; i++) {
        polygons = polygons || records.shape[i] == VDT_COCO_POLYGONS;
        if (records.shape[i] == VDT_COCO_NO_SHAPE)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: record %zu has no segmentation: compare boxes, or give it one",
                            coco->path, i + 1);
    }
    if (polygons)
        return make_all(coco, &records, &images, image, error);
    coco->shapes = (struct vdt_shapes){.kind = VDT_SHAPE_RLE,
                                       .count = records.count,
                                       .counts = records.counts,
                                       .count_offsets = records.count_offsets,
                                       .size = records.size};
    return VDT_OK;
}

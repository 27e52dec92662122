/* Masks of a COCO file's records. */
#include "annotate/coco_masks.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Rings of one polygon, as vdt_masks_add_polygons takes them. */
struct rings {
    const double (**points)[2];
    size_t *counts;
    size_t capacity, count_capacity;
};

static void clear_rings(struct rings *rings)
{
    free(rings->points);
    free(rings->counts);
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

static vdt_status add_polygons(struct vdt_coco *coco, const struct vdt_coco_records *records,
                               size_t record, const uint32_t size[2], struct rings *rings,
                               struct vdt_error *error)
{
    if (size[0] == 0 || size[1] == 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: record %zu is a polygon, and its image has no width and height: give "
                        "the image both",
                        coco->path, record + 1);
    if (!gather_rings(rings, records, record))
        return vdt_fail_memory(error, coco->path);
    size_t count = (size_t)(records->shape_offsets[record + 1] - records->shape_offsets[record]);
    return vdt_masks_add_polygons(coco->masks, size[0], size[1], rings->points, rings->counts,
                                  count, error);
}

static vdt_status make_all(struct vdt_coco *coco, const struct vdt_coco_records *records,
                           const struct vdt_coco_images *images, const uint32_t *image,
                           struct vdt_error *error)
{
    vdt_status status = vdt_masks_new(&coco->masks, error);
    vdt_cleanup(clear_rings) struct rings rings = {0};
    for (size_t i = 0; status == VDT_OK && i < records->count; i++) {
        uint64_t begin = records->count_offsets[i];
        if (records->shape[i] == VDT_COCO_POLYGONS)
            status = add_polygons(coco, records, i, images->size[image[i]], &rings, error);
        else
            status = vdt_masks_add_counts(coco->masks, records->size[i][0], records->size[i][1],
                                          records->counts + begin,
                                          (size_t)(records->count_offsets[i + 1] - begin), error);
    }
    if (status == VDT_OK) {
        coco->shapes = *vdt_masks_shapes(coco->masks);
    } else {
        vdt_masks_free(coco->masks);
        coco->masks = NULL;
    }
    return status;
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

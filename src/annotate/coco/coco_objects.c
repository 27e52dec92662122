/* What is matched, of COCO files: boxes as they are, masks made where the file has polygons. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <vedatile/detection.h>

#include "annotate/coco/coco_file.h"
#include "annotate/coco/coco_masks.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

void vdt_coco_free_objects(struct vdt_coco *coco)
{
    vdt_masks_free(coco->masks);
    free(coco->area);
    free(coco->box);
    coco->masks = NULL;
    coco->area = NULL;
    coco->box = NULL;
    coco->truth = NULL;
    coco->shapes = (struct vdt_shapes){0};
}

static vdt_status make_masks(struct vdt_coco *coco, const struct vdt_coco *truth,
                             struct vdt_error *error)
{
    return coco->shapes.count > 0 ? VDT_OK : vdt_coco_make_masks(coco, truth, coco->image, error);
}

static vdt_status check_boxes(const struct vdt_coco *coco, struct vdt_error *error)
{
    const double(*box)[4] = coco->records.column[VDT_COCO_BOX].data;
    for (size_t i = 0; i < coco->records.records; i++)
        if (isnan(box[i][0]))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: record %zu has no bbox: compare masks, or give it one", coco->path,
                            i + 1);
    return VDT_OK;
}

/* Areas of annotations are what the file says: pycocotools asks for them too. */
static vdt_status check_areas(const struct vdt_coco *coco, struct vdt_error *error)
{
    const double *area = coco->records.column[VDT_COCO_AREA].data;
    for (size_t i = 0; i < coco->records.records; i++)
        if (isnan(area[i]))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: record %zu of annotations has no area: give it one in square "
                            "pixels",
                            coco->path, i + 1);
    return VDT_OK;
}

vdt_status vdt_coco_truth_objects(struct vdt_coco *coco, bool masks, struct vdt_objects *objects,
                                  struct vdt_error *error)
{
    if (coco->results)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has results, no ground truth", coco->path);
    vdt_status status = check_areas(coco, error);
    if (status == VDT_OK)
        status = masks ? make_masks(coco, coco, error) : check_boxes(coco, error);
    if (status != VDT_OK)
        return status;
    *objects = (struct vdt_objects){
        .count = coco->records.records,
        .image = coco->image,
        .category = coco->category,
        .box = masks ? NULL : (const double(*)[4])coco->records.column[VDT_COCO_BOX].data,
        .area = coco->records.column[VDT_COCO_AREA].data,
        .crowd = coco->records.column[VDT_COCO_CROWD].data,
        .ignore = coco->records.column[VDT_COCO_IGNORE].data,
        .shapes = masks ? &coco->shapes : NULL,
    };
    return VDT_OK;
}

/* --- results -------------------------------------------------------------------------------- */

static vdt_status place_all(struct vdt_coco *results, const struct vdt_coco *truth,
                            enum vdt_coco_column column, uint32_t *places, struct vdt_error *error)
{
    bool images = column == VDT_COCO_IMAGE_ID;
    const struct vdt_coco_part *part = images ? &truth->images : &truth->categories;
    vdt_cleanup(vdt_coco_lookup_clear) struct vdt_coco_lookup lookup = {0};
    vdt_status status =
        vdt_coco_lookup_make(part->column[VDT_COCO_ID].data, part->records, &lookup, error);
    if (status != VDT_OK)
        return status;
    const int64_t *ids = results->records.column[column].data;
    for (size_t i = 0; i < results->records.records; i++) {
        places[i] = vdt_coco_lookup_find(&lookup, ids[i]);
        if (places[i] == UINT32_MAX)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: record %zu has %s %" PRId64 ", which %s does not have: are the "
                            "results of this ground truth?",
                            results->path, i + 1, images ? "image_id" : "category_id", ids[i],
                            truth->path);
    }
    return VDT_OK;
}

static vdt_status place_results(struct vdt_coco *results, const struct vdt_coco *truth,
                                struct vdt_error *error)
{
    size_t count = results->records.records;
    if (results->image == NULL)
        results->image = vdt_allocate(count, sizeof *results->image);
    if (results->category == NULL)
        results->category = vdt_allocate(count, sizeof *results->category);
    if (results->image == NULL || results->category == NULL)
        return vdt_fail_memory(error, results->path);
    vdt_status status = place_all(results, truth, VDT_COCO_IMAGE_ID, results->image, error);
    return status == VDT_OK
               ? place_all(results, truth, VDT_COCO_CATEGORY_ID, results->category, error)
               : status;
}

static vdt_status measure_masks(struct vdt_coco *results, bool boxes, struct vdt_error *error)
{
    size_t count = results->records.records;
    if (results->area == NULL)
        results->area = vdt_allocate(count, sizeof *results->area);
    if (boxes && results->box == NULL)
        results->box = vdt_allocate(count, sizeof *results->box);
    if (results->area == NULL || (boxes && results->box == NULL))
        return vdt_fail_memory(error, results->path);
    if (boxes)
        vdt_shapes_box(&results->shapes, results->box);
    return vdt_shapes_area(&results->shapes, results->area, error);
}

/* Areas of boxes: pycocotools takes them also for masks when the first result has a box. */
static vdt_status measure_boxes(struct vdt_coco *results, struct vdt_error *error)
{
    const double(*box)[4] = results->records.column[VDT_COCO_BOX].data;
    if (results->area == NULL)
        results->area = vdt_allocate(results->records.records, sizeof *results->area);
    if (results->area == NULL)
        return vdt_fail_memory(error, results->path);
    for (size_t i = 0; i < results->records.records; i++)
        results->area[i] = box[i][2] * box[i][3];
    return VDT_OK;
}

vdt_status vdt_coco_result_objects(struct vdt_coco *results, const struct vdt_coco *ground_truth,
                                   bool masks, struct vdt_objects *objects, struct vdt_error *error)
{
    if (!results->results)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has ground truth, no results", results->path);
    if (results->truth != ground_truth)
        vdt_coco_free_objects(results);
    results->truth = ground_truth;
    vdt_status status = place_results(results, ground_truth, error);
    if (status != VDT_OK)
        return status;
    const double(*box)[4] = results->records.column[VDT_COCO_BOX].data;
    bool by_box = results->records.records == 0 || !isnan(box[0][0]);
    if (by_box)
        status = check_boxes(results, error);
    if (status == VDT_OK && (masks || !by_box))
        status = make_masks(results, ground_truth, error);
    if (status == VDT_OK && !by_box)
        status = measure_masks(results, !masks, error);
    if (status == VDT_OK && by_box && masks)
        status = measure_boxes(results, error);
    if (status != VDT_OK)
        return status;
    *objects = (struct vdt_objects){
        .count = results->records.records,
        .image = results->image,
        .category = results->category,
        .score = results->records.column[VDT_COCO_SCORE].data,
        .box = masks    ? NULL
               : by_box ? box
                        : (const double(*)[4])results->box,
        .area = results->area,
        .shapes = masks ? &results->shapes : NULL,
    };
    return VDT_OK;
}

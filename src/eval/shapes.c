/* Columns of shapes: whether they are sound, their areas, boxes and overlaps. */
#include <vedatile/shapes.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/iou.h"
#include "eval/overlap.h"
#include "eval/runs.h"

/* --- soundness ------------------------------------------------------------------------------ */

static vdt_status check_masks(const struct vdt_shapes *shapes, struct vdt_error *error)
{
    for (uint64_t i = 0; i < shapes->count; i++) {
        if (shapes->count_offsets[i] > shapes->count_offsets[i + 1])
            return vdt_fail(error, VDT_ERR_ARGUMENT, "mask %llu: its runs end before they begin",
                            (unsigned long long)i);
        struct vdt_runs runs = vdt_runs_of(shapes, i);
        if (!vdt_runs_fit(&runs))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "mask %llu: its runs do not add up to %u x %u pixels",
                            (unsigned long long)i, runs.rows, runs.cols);
    }
    return VDT_OK;
}

static vdt_status check_ring(const struct vdt_shapes *shapes, uint64_t shape, uint64_t ring,
                             struct vdt_error *error)
{
    uint64_t first = shapes->ring_offsets[ring], end = shapes->ring_offsets[ring + 1];
    if (first > end || end - first < 3)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "polygon %llu: a ring of fewer than 3 points",
                        (unsigned long long)shape);
    for (uint64_t i = first; i < end; i++)
        if (!isfinite(shapes->points[i][0]) || !isfinite(shapes->points[i][1]))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "polygon %llu: a point is not finite",
                            (unsigned long long)shape);
    return VDT_OK;
}

static vdt_status check_polygons(const struct vdt_shapes *shapes, struct vdt_error *error)
{
    for (uint64_t i = 0; i < shapes->count; i++) {
        uint64_t part = shapes->shape_offsets[i], end = shapes->shape_offsets[i + 1];
        if (part > end)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "polygon %llu: its parts end before they begin", (unsigned long long)i);
        for (; part < end; part++) {
            uint64_t ring = shapes->part_offsets[part], last = shapes->part_offsets[part + 1];
            if (ring >= last)
                return vdt_fail(error, VDT_ERR_ARGUMENT, "polygon %llu: a part without a ring",
                                (unsigned long long)i);
            for (; ring < last; ring++) {
                vdt_status status = check_ring(shapes, i, ring, error);
                if (status != VDT_OK)
                    return status;
            }
        }
    }
    return VDT_OK;
}

static vdt_status check_rotated(const struct vdt_shapes *shapes, struct vdt_error *error)
{
    for (uint64_t i = 0; i < shapes->count; i++) {
        const double *rotated = shapes->rotated[i];
        bool good = rotated[2] >= 0 && rotated[3] >= 0;
        for (int k = 0; k < 5; k++)
            good = good && isfinite(rotated[k]);
        if (!good)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "rotated box %llu: a number is not finite, or a side is below 0",
                            (unsigned long long)i);
    }
    return VDT_OK;
}

vdt_status vdt_shapes_check(const struct vdt_shapes *shapes, struct vdt_error *error)
{
    switch (shapes->kind) {
    case VDT_SHAPE_RLE: return check_masks(shapes, error);
    case VDT_SHAPE_POLYGON: return check_polygons(shapes, error);
    case VDT_SHAPE_ROTATED: return check_rotated(shapes, error);
    }
    return vdt_fail(error, VDT_ERR_ARGUMENT, "shapes of no known kind: %d", (int)shapes->kind);
}

/* --- measures ------------------------------------------------------------------------------- */

vdt_status vdt_shapes_area(const struct vdt_shapes *shapes, double *area, struct vdt_error *error)
{
    vdt_cleanup(vdt_plane_geos_clear) struct vdt_plane_geos geos = {0};
    for (uint64_t i = 0; i < shapes->count; i++) {
        if (shapes->kind == VDT_SHAPE_RLE) {
            struct vdt_runs runs = vdt_runs_of(shapes, i);
            area[i] = vdt_runs_area(&runs);
            continue;
        }
        struct vdt_plane outline;
        vdt_plane_make(shapes, i, &outline);
        vdt_status status = vdt_plane_measure(&geos, &outline, error);
        area[i] = outline.area;
        vdt_plane_clear(&geos, &outline);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

void vdt_shapes_box(const struct vdt_shapes *shapes, double (*box)[4])
{
    for (uint64_t i = 0; i < shapes->count; i++) {
        if (shapes->kind == VDT_SHAPE_RLE) {
            struct vdt_runs runs = vdt_runs_of(shapes, i);
            vdt_runs_box(&runs, box[i]);
            continue;
        }
        struct vdt_plane outline;
        vdt_plane_make(shapes, i, &outline);
        box[i][0] = outline.box[0];
        box[i][1] = outline.box[1];
        box[i][2] = outline.box[2] - outline.box[0];
        box[i][3] = outline.box[3] - outline.box[1];
    }
}

/* 0, 1, 2 ... */
static uint32_t *count_up(uint64_t count)
{
    uint32_t *all = count > UINT32_MAX ? NULL : vdt_allocate((size_t)count, sizeof *all);
    for (uint32_t i = 0; all != NULL && i < count; i++)
        all[i] = i;
    return all;
}

vdt_status vdt_shapes_iou(const struct vdt_shapes *a, const struct vdt_shapes *b,
                          const uint8_t *crowd, double lowest, double *iou, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *ai = count_up(a->count);
    vdt_cleanup(vdt_free_pointer) uint32_t *bi = count_up(b->count);
    if (ai == NULL || bi == NULL)
        return vdt_fail_memory(error, "shapes");
    vdt_cleanup(vdt_iou_scratch_clear) struct vdt_iou_scratch scratch = {0};
    return vdt_iou_shapes(a, ai, (size_t)a->count, b, bi, (size_t)b->count, crowd, lowest, &scratch,
                          iou, error);
}

void vdt_boxes_iou(const double (*a)[4], size_t a_count, const double (*b)[4], size_t b_count,
                   const uint8_t *crowd, double *iou)
{
    for (size_t i = 0; i < a_count; i++)
        for (size_t j = 0; j < b_count; j++)
            iou[i * b_count + j] = vdt_iou_box(a[i], b[j], crowd != NULL && crowd[j] != 0);
}

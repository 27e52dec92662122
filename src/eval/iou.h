/* How much of shapes overlaps, many with many. Private to eval/ and report/. */
#ifndef EVAL_IOU_H
#define EVAL_IOU_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/detection.h>
#include <vedatile/error.h>
#include <vedatile/shapes.h>

/* Memory of one thread, used again from call to call; {0} is empty. */
struct vdt_iou_scratch {
    struct vdt_iou_state *state;
};
void vdt_iou_scratch_clear(struct vdt_iou_scratch *scratch);

/* iou[i * ng + j]: detection d[i] with ground truth g[j]; shapes of both are of one kind, or both
 * have only boxes. A crowd's union is the area of the detection. What is below `lowest` may be 0;
 * everything else is exact: for masks and boxes bit for bit what pycocotools computes. */
vdt_status vdt_iou_cell(const struct vdt_objects *dt, const uint32_t *d, size_t nd,
                        const struct vdt_objects *gt, const uint32_t *g, size_t ng, double lowest,
                        struct vdt_iou_scratch *scratch, double *iou, struct vdt_error *error);

/* The same for shapes alone; crowd (may be NULL) is by b's indices. */
vdt_status vdt_iou_shapes(const struct vdt_shapes *a, const uint32_t *ai, size_t na,
                          const struct vdt_shapes *b, const uint32_t *bi, size_t nb,
                          const uint8_t *crowd, double lowest, struct vdt_iou_scratch *scratch,
                          double *iou, struct vdt_error *error);

/* The same without a place for every pair, for cells where few of many overlap: first the ground
 * truth is held, then detections are compared with it, some at a time. What was given is borrowed
 * until the next is held. */
vdt_status vdt_iou_hold(const struct vdt_objects *gt, const uint32_t *g, size_t ng,
                        struct vdt_iou_scratch *scratch, struct vdt_error *error);

/* Of detection i: places first[i] .. first[i + 1] - 1, rising by truth. Borrowed from the scratch
 * until its next use. */
struct vdt_iou_list {
    const size_t *first;   /* [nd + 1] */
    const uint32_t *truth; /* places in g */
    const double *iou;
};

/* Lists what is above 0, or, with a `lowest` of 0 or less, all. */
vdt_status vdt_iou_find(const struct vdt_objects *dt, const uint32_t *d, size_t nd, double lowest,
                        struct vdt_iou_scratch *scratch, struct vdt_iou_list *list,
                        struct vdt_error *error);

/* For boxes: x, y, width, height. */
static inline double vdt_iou_box(const double a[4], const double b[4], bool crowd)
{
    double a_right = a[2] + a[0], b_right = b[2] + b[0];
    double width = (a_right < b_right ? a_right : b_right) - (a[0] > b[0] ? a[0] : b[0]);
    if (!(width > 0))
        return 0;
    double a_bottom = a[3] + a[1], b_bottom = b[3] + b[1];
    double height = (a_bottom < b_bottom ? a_bottom : b_bottom) - (a[1] > b[1] ? a[1] : b[1]);
    if (!(height > 0))
        return 0;
    double shared = width * height, area = a[2] * a[3];
    return shared / (crowd ? area : area + b[2] * b[3] - shared);
}

#endif

/* Intersection over union, many with many. */
#include "eval/iou.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "eval/overlap.h"

struct vdt_iou_state {
    struct vdt_mask_store store;
    struct vdt_mask_item *masks[2];
    size_t mask_capacity[2];
    struct vdt_plane_geos geos;
    struct vdt_plane *outlines[2];
    size_t outline_count[2], outline_capacity[2];
    double *sides[4]; /* xmin, ymin, xmax, ymax of the second outlines, one after the other */
    size_t side_capacity[4];
    uint32_t *near; /* places of those whose boxes overlap */
    size_t near_capacity;
};

/* One call's inputs. */
struct task {
    struct vdt_iou_state *state;
    const struct vdt_shapes *shapes[2];
    const uint32_t *index[2];
    size_t count[2];
    const uint8_t *crowd;
    double lowest;
    double *iou;
};

static void clear_outlines(struct vdt_iou_state *state)
{
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < state->outline_count[side]; i++)
            vdt_plane_clear(&state->geos, &state->outlines[side][i]);
        state->outline_count[side] = 0;
    }
}

void vdt_iou_scratch_clear(struct vdt_iou_scratch *scratch)
{
    struct vdt_iou_state *state = scratch->state;
    if (state == NULL)
        return;
    clear_outlines(state);
    vdt_plane_geos_clear(&state->geos);
    vdt_mask_store_clear(&state->store);
    for (int side = 0; side < 2; side++) {
        free(state->masks[side]);
        free(state->outlines[side]);
    }
    for (int i = 0; i < 4; i++)
        free(state->sides[i]);
    free(state->near);
    free(state);
    scratch->state = NULL;
}

static bool is_crowd(const struct task *task, size_t j)
{
    return task->crowd != NULL && task->crowd[task->index[1][j]] != 0;
}

/* The most that it can be, by what the two can share at most, is below what is asked for. */
static bool hopeless(double shared, double a, double b, bool crowd, double lowest)
{
    double most = shared < a ? shared : a;
    most = most < b ? most : b;
    return lowest > 0 && most / (crowd ? a : a + b - most) < lowest;
}

/* --- masks ---------------------------------------------------------------------------------- */

static bool make_masks(struct task *task, int side)
{
    struct vdt_iou_state *state = task->state;
    if (!vdt_grow(&state->masks[side], &state->mask_capacity[side], task->count[side],
                  sizeof *state->masks[side]))
        return false;
    for (size_t i = 0; i < task->count[side]; i++)
        if (!vdt_mask_item_make(&state->store, task->shapes[side], task->index[side][i],
                                &state->masks[side][i]))
            return false;
    return true;
}

enum { OPEN = 2 }; /* no overlap is 2: it has yet to be computed */

/* What the boxes tell: 0, -1 for masks of two sizes, or OPEN. */
static double bound_masks(const struct vdt_mask_item *a, const struct vdt_mask_item *b, bool crowd,
                          double lowest)
{
    uint32_t x0 = a->x0 > b->x0 ? a->x0 : b->x0, x1 = a->x1 < b->x1 ? a->x1 : b->x1;
    uint32_t y0 = a->y0 > b->y0 ? a->y0 : b->y0, y1 = a->y1 < b->y1 ? a->y1 : b->y1;
    if (x0 >= x1 || y0 >= y1)
        return 0;
    if (a->rows != b->rows || a->cols != b->cols)
        return -1;
    double box = (double)(x1 - x0) * (y1 - y0);
    return hopeless(box, a->area, b->area, crowd, lowest) ? 0 : OPEN;
}

static vdt_status compare_masks(struct task *task, struct vdt_error *error)
{
    struct vdt_iou_state *state = task->state;
    state->store.span_count = state->store.word_count = 0;
    if (!make_masks(task, 0) || !make_masks(task, 1))
        return vdt_fail_memory(error, "masks");
    size_t nb = task->count[1], open = 0;
    for (size_t i = 0; i < task->count[0]; i++)
        for (size_t j = 0; j < nb; j++) {
            struct vdt_mask_item *a = &state->masks[0][i], *b = &state->masks[1][j];
            double bound = bound_masks(a, b, is_crowd(task, j), task->lowest);
            task->iou[i * nb + j] = bound;
            if (bound != OPEN)
                continue;
            a->pairs++;
            b->pairs++;
            open++;
        }
    for (size_t i = 0; open > 0 && i < task->count[0]; i++)
        for (size_t j = 0; j < nb; j++) {
            if (task->iou[i * nb + j] != OPEN)
                continue;
            struct vdt_mask_item *a = &state->masks[0][i], *b = &state->masks[1][j];
            uint32_t shared = vdt_mask_items_share(&state->store, a, b);
            uint32_t all = is_crowd(task, j) ? a->area : a->area + b->area - shared;
            task->iou[i * nb + j] = shared == 0 ? 0 : (double)shared / (double)all;
            open--;
        }
    return VDT_OK;
}

/* --- outlines ------------------------------------------------------------------------------- */

static bool make_outlines(struct task *task, int side)
{
    struct vdt_iou_state *state = task->state;
    if (!vdt_grow(&state->outlines[side], &state->outline_capacity[side], task->count[side],
                  sizeof *state->outlines[side]))
        return false;
    for (size_t i = 0; i < task->count[side]; i++)
        vdt_plane_make(task->shapes[side], task->index[side][i], &state->outlines[side][i]);
    state->outline_count[side] = task->count[side];
    return true;
}

static vdt_status compare_pair(struct task *task, struct vdt_plane *a, struct vdt_plane *b,
                               bool crowd, double *iou, struct vdt_error *error)
{
    double width = (a->box[2] < b->box[2] ? a->box[2] : b->box[2]) -
                   (a->box[0] > b->box[0] ? a->box[0] : b->box[0]);
    double height = (a->box[3] < b->box[3] ? a->box[3] : b->box[3]) -
                    (a->box[1] > b->box[1] ? a->box[1] : b->box[1]);
    *iou = 0;
    if (!(width > 0 && height > 0))
        return VDT_OK;
    struct vdt_plane_geos *geos = &task->state->geos;
    vdt_status status = vdt_plane_measure(geos, a, error);
    if (status == VDT_OK)
        status = vdt_plane_measure(geos, b, error);
    if (status != VDT_OK || !(a->area > 0 && b->area > 0))
        return status;
    /* A part in 10^9 for what rounding makes of boxes. */
    if (hopeless(width * height * (1 + 1e-9), a->area, b->area, crowd, task->lowest))
        return VDT_OK;
    double shared = 0;
    status = vdt_planes_share(geos, a, b, &shared, error);
    if (status == VDT_OK)
        *iou = shared / (crowd ? a->area : a->area + b->area - shared);
    return status;
}

/* The boxes of the second outlines, where the next are next to each other. */
static bool lay_out_boxes(struct vdt_iou_state *state, size_t count)
{
    for (int side = 0; side < 4; side++) {
        if (!vdt_grow(&state->sides[side], &state->side_capacity[side], count,
                      sizeof *state->sides[side]))
            return false;
        for (size_t i = 0; i < count; i++)
            state->sides[side][i] = state->outlines[1][i].box[side];
    }
    return vdt_grow(&state->near, &state->near_capacity, count, sizeof *state->near);
}

/* The second outlines whose boxes overlap a box, in `near`. Every place is written, and the next
 * one taken only where they do: nothing for the processor to guess. */
static size_t find_near(struct vdt_iou_state *state, const double box[4], size_t count)
{
    const double *xmin = state->sides[0], *ymin = state->sides[1];
    const double *xmax = state->sides[2], *ymax = state->sides[3];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        state->near[found] = (uint32_t)i;
        found += (size_t)((xmin[i] < box[2]) & (xmax[i] > box[0]) & (ymin[i] < box[3]) &
                          (ymax[i] > box[1]));
    }
    return found;
}

static vdt_status compare_outlines(struct task *task, struct vdt_error *error)
{
    struct vdt_iou_state *state = task->state;
    size_t nb = task->count[1];
    vdt_status status = VDT_OK;
    if (!make_outlines(task, 0) || !make_outlines(task, 1) || !lay_out_boxes(state, nb))
        status = vdt_fail_memory(error, "polygons");
    for (size_t i = 0; status == VDT_OK && i < task->count[0]; i++) {
        double *iou = task->iou + i * nb;
        memset(iou, 0, nb * sizeof *iou);
        size_t near = find_near(state, state->outlines[0][i].box, nb);
        for (size_t n = 0; status == VDT_OK && n < near; n++) {
            uint32_t j = state->near[n];
            status = compare_pair(task, &state->outlines[0][i], &state->outlines[1][j],
                                  is_crowd(task, j), &iou[j], error);
        }
    }
    clear_outlines(state);
    return status;
}

/* --- all ------------------------------------------------------------------------------------ */

vdt_status vdt_iou_shapes(const struct vdt_shapes *a, const uint32_t *ai, size_t na,
                          const struct vdt_shapes *b, const uint32_t *bi, size_t nb,
                          const uint8_t *crowd, double lowest, struct vdt_iou_scratch *scratch,
                          double *iou, struct vdt_error *error)
{
    if (a->kind != b->kind)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "shapes of two kinds have no overlap: turn masks, polygons or rotated "
                        "boxes into one of them");
    if (na == 0 || nb == 0)
        return VDT_OK;
    if (scratch->state == NULL)
        scratch->state = calloc(1, sizeof *scratch->state);
    if (scratch->state == NULL)
        return vdt_fail_memory(error, "shapes");
    struct task task = {.state = scratch->state,
                        .shapes = {a, b},
                        .index = {ai, bi},
                        .count = {na, nb},
                        .crowd = crowd,
                        .lowest = lowest,
                        .iou = iou};
    return a->kind == VDT_SHAPE_RLE ? compare_masks(&task, error) : compare_outlines(&task, error);
}

vdt_status vdt_iou_cell(const struct vdt_objects *dt, const uint32_t *d, size_t nd,
                        const struct vdt_objects *gt, const uint32_t *g, size_t ng, double lowest,
                        struct vdt_iou_scratch *scratch, double *iou, struct vdt_error *error)
{
    if (dt->shapes != NULL && gt->shapes != NULL)
        return vdt_iou_shapes(dt->shapes, d, nd, gt->shapes, g, ng, gt->crowd, lowest, scratch, iou,
                              error);
    if (dt->box == NULL || gt->box == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "detections and ground truth: both need shapes, or both boxes");
    for (size_t i = 0; i < nd; i++)
        for (size_t j = 0; j < ng; j++)
            iou[i * ng + j] = vdt_iou_box(dt->box[d[i]], gt->box[g[j]],
                                          gt->crowd != NULL && gt->crowd[g[j]] != 0);
    return VDT_OK;
}

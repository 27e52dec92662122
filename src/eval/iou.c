/* Intersection over union, many with many. */
#include "eval/iou.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "eval/iou_box.h"
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
    /* What is held. */
    const struct vdt_objects *held;
    const uint32_t *held_index;
    size_t held_count, held_spans;
    struct vdt_box_set boxes;
    /* What was found: lists of places and overlaps. */
    size_t *first;
    size_t first_capacity;
    uint32_t *place;
    size_t place_capacity;
    double *overlap;
    size_t overlap_capacity;
};

enum { WORDS_KEPT = 1 << 22 }; /* 32 MiB of bits */

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

static void clear_outlines(struct vdt_iou_state *state, int side)
{
    for (size_t i = 0; i < state->outline_count[side]; i++)
        vdt_plane_clear(&state->geos, &state->outlines[side][i]);
    state->outline_count[side] = 0;
}

void vdt_iou_scratch_clear(struct vdt_iou_scratch *scratch)
{
    struct vdt_iou_state *state = scratch->state;
    if (state == NULL)
        return;
    clear_outlines(state, 0);
    clear_outlines(state, 1);
    vdt_plane_geos_clear(&state->geos);
    vdt_mask_store_clear(&state->store);
    for (int side = 0; side < 2; side++) {
        free(state->masks[side]);
        free(state->outlines[side]);
    }
    for (int i = 0; i < 4; i++)
        free(state->sides[i]);
    free(state->near);
    vdt_box_set_clear(&state->boxes);
    free(state->first);
    free(state->place);
    free(state->overlap);
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

static double share_of(struct vdt_iou_state *state, struct vdt_mask_item *a,
                       struct vdt_mask_item *b, bool crowd)
{
    uint32_t shared = vdt_mask_items_share(&state->store, a, b);
    uint32_t all = crowd ? a->area : a->area + b->area - shared;
    return shared == 0 ? 0 : (double)shared / (double)all;
}

static vdt_status compare_masks(struct task *task, struct vdt_error *error)
{
    struct vdt_iou_state *state = task->state;
    state->store.span_count = state->store.word_count = 0;
    state->held = NULL;
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
            task->iou[i * nb + j] = share_of(state, a, b, is_crowd(task, j));
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

static vdt_status compare_pair(const struct task *task, struct vdt_plane *a, struct vdt_plane *b,
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
    state->held = NULL;
    clear_outlines(state, 1);
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
    clear_outlines(state, 0);
    clear_outlines(state, 1);
    return status;
}

/* --- lists ---------------------------------------------------------------------------------- */

static bool make_state(struct vdt_iou_scratch *scratch)
{
    if (scratch->state == NULL)
        scratch->state = calloc(1, sizeof *scratch->state);
    return scratch->state != NULL;
}

/* The boxes of what is held, for a search. */
static bool index_boxes(struct vdt_iou_state *state, const struct vdt_shapes *shapes)
{
    struct vdt_box_set *boxes = &state->boxes;
    if (shapes == NULL)
        return vdt_box_set_fill(boxes, state->held, state->held_index, state->held_count);
    if (!vdt_box_set_reserve(boxes, state->held_count))
        return false;
    for (size_t j = 0; j < state->held_count; j++) {
        const struct vdt_mask_item *mask = &state->masks[1][j];
        bool masks = shapes->kind == VDT_SHAPE_RLE;
        const double *box = masks ? NULL : state->outlines[1][j].box;
        boxes->left[j] = masks ? mask->x0 : box[0];
        boxes->top[j] = masks ? mask->y0 : box[1];
        boxes->right[j] = masks ? mask->x1 : box[2];
        boxes->bottom[j] = masks ? mask->y1 : box[3];
    }
    return vdt_box_set_index(boxes);
}

vdt_status vdt_iou_hold(const struct vdt_objects *gt, const uint32_t *g, size_t ng,
                        struct vdt_iou_scratch *scratch, struct vdt_error *error)
{
    if (!make_state(scratch))
        return vdt_fail_memory(error, "shapes");
    struct vdt_iou_state *state = scratch->state;
    struct task task = {
        .state = state, .shapes = {NULL, gt->shapes}, .index = {NULL, g}, .count = {0, ng}};
    clear_outlines(state, 1);
    state->store.span_count = state->store.word_count = 0;
    state->held = gt;
    state->held_index = g;
    state->held_count = ng;
    bool good = gt->shapes == NULL                  ? true
                : gt->shapes->kind == VDT_SHAPE_RLE ? make_masks(&task, 1)
                                                    : make_outlines(&task, 1);
    state->held_spans = state->store.span_count;
    if (!good || !index_boxes(state, gt->shapes) ||
        !vdt_grow(&state->near, &state->near_capacity, ng, sizeof *state->near))
        return vdt_fail_memory(error, "shapes");
    return VDT_OK;
}

/* The detections' shapes. Bits of masks that are held stay until there are too many. */
static bool make_first(struct task *task)
{
    struct vdt_iou_state *state = task->state;
    if (task->shapes[0] == NULL)
        return true;
    if (task->shapes[0]->kind != VDT_SHAPE_RLE) {
        clear_outlines(state, 0);
        return make_outlines(task, 0);
    }
    state->store.span_count = state->held_spans;
    if (state->store.word_count > WORDS_KEPT) {
        state->store.word_count = 0;
        for (size_t j = 0; j < task->count[1]; j++)
            state->masks[1][j].bits = SIZE_MAX;
    }
    return make_masks(task, 0);
}

static void sides_of(const struct task *task, const struct vdt_objects *dt, size_t i,
                     double sides[4])
{
    if (task->shapes[0] == NULL) {
        const double *box = dt->box[task->index[0][i]];
        const double made[4] = {box[0], box[1], box[2] + box[0], box[3] + box[1]};
        memcpy(sides, made, sizeof made);
    } else if (task->shapes[0]->kind == VDT_SHAPE_RLE) {
        const struct vdt_mask_item *mask = &task->state->masks[0][i];
        const double made[4] = {mask->x0, mask->y0, mask->x1, mask->y1};
        memcpy(sides, made, sizeof made);
    } else {
        memcpy(sides, task->state->outlines[0][i].box, 4 * sizeof *sides);
    }
}

/* Who may overlap whom, by their boxes. */
static bool list_places(struct task *task, const struct vdt_objects *dt)
{
    struct vdt_iou_state *state = task->state;
    size_t count = 0, nb = task->count[1];
    if (!vdt_grow(&state->first, &state->first_capacity, task->count[0] + 1, sizeof *state->first))
        return false;
    for (size_t i = 0; i < task->count[0]; i++) {
        double sides[4];
        size_t near = nb;
        sides_of(task, dt, i, sides);
        if (task->lowest > 0)
            near = vdt_box_set_touching(&state->boxes, sides, state->near);
        if (!vdt_grow(&state->place, &state->place_capacity, count + near, sizeof *state->place) ||
            !vdt_grow(&state->overlap, &state->overlap_capacity, count + near,
                      sizeof *state->overlap))
            return false;
        state->first[i] = count;
        for (size_t n = 0; n < near; n++)
            state->place[count++] = task->lowest > 0 ? state->near[n] : (uint32_t)n;
    }
    state->first[task->count[0]] = count;
    return true;
}

/* What masks' boxes tell, and how often each mask is compared. */
static void bound_list(struct task *task)
{
    struct vdt_iou_state *state = task->state;
    for (size_t i = 0; i < task->count[0]; i++)
        for (size_t n = state->first[i]; n < state->first[i + 1]; n++) {
            uint32_t j = state->place[n];
            struct vdt_mask_item *a = &state->masks[0][i], *b = &state->masks[1][j];
            state->overlap[n] = bound_masks(a, b, is_crowd(task, j), task->lowest);
            a->pairs += state->overlap[n] == OPEN;
            b->pairs += state->overlap[n] == OPEN;
        }
}

static vdt_status measure(struct task *task, const struct vdt_objects *dt, size_t i, size_t n,
                          struct vdt_error *error)
{
    struct vdt_iou_state *state = task->state;
    uint32_t j = state->place[n];
    double *iou = &state->overlap[n];
    if (task->shapes[0] == NULL)
        *iou = vdt_iou_box(dt->box[task->index[0][i]], state->held->box[task->index[1][j]],
                           is_crowd(task, j));
    else if (task->shapes[0]->kind != VDT_SHAPE_RLE)
        return compare_pair(task, &state->outlines[0][i], &state->outlines[1][j], is_crowd(task, j),
                            iou, error);
    else if (*iou == OPEN)
        *iou = share_of(state, &state->masks[0][i], &state->masks[1][j], is_crowd(task, j));
    return VDT_OK;
}

vdt_status vdt_iou_find(const struct vdt_objects *dt, const uint32_t *d, size_t nd, double lowest,
                        struct vdt_iou_scratch *scratch, struct vdt_iou_list *list,
                        struct vdt_error *error)
{
    struct vdt_iou_state *state = scratch->state;
    struct task task = {.state = state,
                        .shapes = {dt->shapes, state->held->shapes},
                        .index = {d, state->held_index},
                        .count = {nd, state->held_count},
                        .crowd = state->held->crowd,
                        .lowest = lowest};
    if (!make_first(&task) || !list_places(&task, dt))
        return vdt_fail_memory(error, "shapes");
    if (dt->shapes != NULL && dt->shapes->kind == VDT_SHAPE_RLE)
        bound_list(&task);
    vdt_status status = VDT_OK;
    size_t kept = 0;
    for (size_t i = 0, n = 0; status == VDT_OK && i < nd; i++) {
        size_t end = state->first[i + 1];
        state->first[i] = kept;
        for (; status == VDT_OK && n < end; n++) {
            status = measure(&task, dt, i, n, error);
            if (state->overlap[n] <= 0 && lowest > 0)
                continue;
            state->place[kept] = state->place[n];
            state->overlap[kept++] = state->overlap[n];
        }
    }
    state->first[nd] = kept;
    *list = (struct vdt_iou_list){state->first, state->place, state->overlap};
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
    if (!make_state(scratch))
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

/* Whether pieces of two tiles look like one object. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"
#include "source/shapes/overlay.h"

void vdt_piece_view_clear(struct vdt_piece_view *view)
{
    vdt_overlay_free(view->overlay);
    vdt_geometry_clear(&view->work);
    vdt_shared_area_clear(&view->small);
    for (int i = 0; i < 2; i++) {
        free(view->bits[i]);
        free(view->runs[i]);
    }
    *view = (struct vdt_piece_view){0};
}

static vdt_status need_overlay(struct vdt_piece_view *view, struct vdt_error *error)
{
    return view->overlay != NULL ? VDT_OK : vdt_overlay_open(&view->overlay, error);
}

/* --- in the ground that two tiles share ---------------------------------------------------------
 */

static void within(const double box[4], const double common[4], double shared[4])
{
    for (int axis = 0; axis < 2; axis++) {
        shared[axis] = fmax(box[axis], common[axis]);
        shared[axis + 2] = fmin(box[axis + 2], common[axis + 2]);
    }
}

static double area_of(const double box[4])
{
    return box[2] > box[0] && box[3] > box[1] ? (box[2] - box[0]) * (box[3] - box[1]) : 0;
}

static double iou_of(double shared, double a, double b)
{
    double whole = a + b - shared;
    return whole > 0 ? shared / whole : 0;
}

/* By the areas in the ground that both tiles see. */
static struct vdt_likeness likeness_of(double shared, double a, double b)
{
    double smaller = fmin(a, b);
    return (struct vdt_likeness){iou_of(shared, a, b), smaller > 0 ? shared / smaller : 0};
}

static struct vdt_likeness boxes_alike(const double a[4], const double b[4], const double common[4])
{
    double first[4], second[4], shared[4];
    within(a, common, first);
    within(b, common, second);
    within(first, second, shared);
    return likeness_of(area_of(shared), area_of(first), area_of(second));
}

bool vdt_piece_is_cut(const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                      uint32_t other)
{
    const double *window = pieces->areas->tiles[piece->tile].window;
    const double *beyond = pieces->areas->tiles[other].window;
    bool cut = false;
    for (int side = 0; side < 4; side++) {
        bool goes_on = side < 2 ? beyond[side] < window[side] : beyond[side] > window[side];
        cut = cut || (goes_on && fabs(piece->box[side] - window[side]) <= pieces->areas->reach);
    }
    return cut;
}

void vdt_piece_paint(const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                     const int64_t corner[2], size_t rows, size_t cols, uint8_t *bits)
{
    const struct vdt_shapes *shapes = pieces->objects->shapes;
    const double *window = pieces->areas->tiles[piece->tile].window;
    const int64_t height = pieces->areas->rows;
    int64_t left = (int64_t)window[0] - corner[0], top = (int64_t)window[1] - corner[1], at = 0;
    uint64_t first = shapes->count_offsets[piece->input];
    for (uint64_t k = first; k < shapes->count_offsets[piece->input + 1]; k++) {
        int64_t end = at + shapes->counts[k];
        while ((k - first) % 2 == 1 && at < end) {
            int64_t col = at / height, row = at % height;
            int64_t last = end - at < height - row ? row + end - at : height;
            int64_t from = row + top > 0 ? row + top : 0;
            int64_t to = last + top < (int64_t)rows ? last + top : (int64_t)rows;
            int64_t x = col + left;
            for (int64_t y = from; x >= 0 && x < (int64_t)cols && y < to; y++)
                bits[(size_t)y * cols + (size_t)x] = 1;
            at += last - row;
        }
        at = end;
    }
}

static vdt_status paint_within(struct vdt_piece_view *view, int which,
                               const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                               const double common[4], struct vdt_error *error)
{
    const int64_t corner[2] = {(int64_t)common[0], (int64_t)common[1]};
    size_t cols = (size_t)(common[2] - common[0]), rows = (size_t)(common[3] - common[1]);
    if (!vdt_grow(&view->bits[which], &view->bit_capacity[which], rows * cols, 1))
        return vdt_fail_memory(error, "objects on the ground");
    memset(view->bits[which], 0, rows * cols);
    vdt_piece_paint(pieces, piece, corner, rows, cols, view->bits[which]);
    return VDT_OK;
}

static vdt_status masks_alike(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                              const struct vdt_piece *a, const struct vdt_piece *b,
                              const double common[4], struct vdt_likeness *likeness,
                              struct vdt_error *error)
{
    double first[4], second[4], both[4];
    within(a->box, common, first);
    within(b->box, common, second);
    for (int axis = 0; axis < 2; axis++) {
        both[axis] = fmin(first[axis], second[axis]);
        both[axis + 2] = fmax(first[axis + 2], second[axis + 2]);
    }
    vdt_status status = paint_within(view, 0, pieces, a, both, error);
    if (status == VDT_OK)
        status = paint_within(view, 1, pieces, b, both, error);
    size_t shared = 0, ones[2] = {0, 0};
    size_t pixels = status == VDT_OK ? (size_t)area_of(both) : 0;
    for (size_t i = 0; i < pixels; i++) {
        shared += view->bits[0][i] & view->bits[1][i];
        ones[0] += view->bits[0][i];
        ones[1] += view->bits[1][i];
    }
    *likeness = likeness_of((double)shared, (double)ones[0], (double)ones[1]);
    return status;
}

static double area_of_parts(const struct vdt_geometry *shapes, size_t first, size_t count)
{
    double area = 0;
    for (size_t p = first; p < first + count; p++)
        for (size_t r = 0; r < shapes->parts[p].count; r++) {
            const struct vdt_ring *ring = &shapes->rings[shapes->parts[p].first + r];
            double of_ring = fabs(vdt_ring_area2((const double(*)[2])shapes->points + ring->first,
                                                 ring->count)) /
                             2;
            area += r == 0 ? of_ring : -of_ring;
        }
    return area;
}

static vdt_status small_alike(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                              const struct vdt_piece *a, const struct vdt_piece *b,
                              const double common[4], struct vdt_likeness *likeness,
                              struct vdt_error *error)
{
    double within[4] = {0, 0, common[2] - common[0], common[3] - common[1]}, areas[3];
    vdt_shared_area_begin(&view->small);
    if (!vdt_piece_sides(pieces, a, 0, common, &view->small) ||
        !vdt_piece_sides(pieces, b, 1, common, &view->small) ||
        !vdt_shared_area_measure(&view->small, within, areas))
        return vdt_fail_memory(error, "objects on the ground");
    *likeness = likeness_of(areas[2], areas[0], areas[1]);
    return VDT_OK;
}

static vdt_status polygons_alike(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                                 const struct vdt_piece *a, const struct vdt_piece *b,
                                 const double common[4], struct vdt_likeness *likeness,
                                 struct vdt_error *error)
{
    struct vdt_geometry *work = &view->work;
    struct vdt_overlay_parts first = vdt_piece_parts(pieces, a);
    struct vdt_overlay_parts second = vdt_piece_parts(pieces, b);
    if (vdt_piece_points(pieces, a) + vdt_piece_points(pieces, b) <= VDT_SMALL_SHAPES)
        return small_alike(view, pieces, a, b, common, likeness, error);
    work->part_count = work->ring_count = work->point_count = 0;
    vdt_status status = need_overlay(view, error);
    if (status == VDT_OK)
        status = vdt_overlay_cut(view->overlay, &first, common, work, error);
    size_t middle = work->part_count;
    if (status == VDT_OK)
        status = vdt_overlay_cut(view->overlay, &second, common, work, error);
    if (status != VDT_OK || middle == 0 || middle == work->part_count)
        return status;
    double shared = 0, areas[2] = {area_of_parts(work, 0, middle),
                                   area_of_parts(work, middle, work->part_count - middle)};
    status = vdt_overlay_shared(
        view->overlay, &(struct vdt_overlay_parts){work, 0, middle, true},
        &(struct vdt_overlay_parts){work, middle, work->part_count - middle, true}, &shared, error);
    *likeness = likeness_of(shared, areas[0], areas[1]);
    return status;
}

static vdt_status overlap_likeness(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                                   const struct vdt_piece *a, const struct vdt_piece *b,
                                   const double common[4], struct vdt_likeness *likeness,
                                   struct vdt_error *error)
{
    double boxes[3][4];
    within(a->box, common, boxes[0]);
    within(b->box, common, boxes[1]);
    within(boxes[0], boxes[1], boxes[2]);
    if (area_of(boxes[2]) == 0)
        return VDT_OK;
    if (pieces->kind == VDT_PIECE_MASK)
        return masks_alike(view, pieces, a, b, common, likeness, error);
    if (pieces->kind == VDT_PIECE_POLYGON)
        return polygons_alike(view, pieces, a, b, common, likeness, error);
    *likeness = boxes_alike(a->box, b->box, common);
    return VDT_OK;
}

/* --- along a border -----------------------------------------------------------------------------
 */

/* Stretches of a border, rising, apart from each other. */
struct runs {
    double (*ends)[2];
    size_t count;
};

static vdt_status add_run(struct vdt_piece_view *view, int which, struct runs *runs, double from,
                          double to, struct vdt_error *error)
{
    if (!vdt_grow(&view->runs[which], &view->run_capacity[which], runs->count + 1,
                  sizeof *view->runs[which]))
        return vdt_fail_memory(error, "objects on the ground");
    runs->ends = view->runs[which];
    runs->ends[runs->count][0] = from;
    runs->ends[runs->count++][1] = to;
    return VDT_OK;
}

static vdt_status mask_runs(struct vdt_piece_view *view, int which, const struct vdt_pieces *pieces,
                            const struct vdt_piece *piece, const double strip[4], int along,
                            struct runs *runs, struct vdt_error *error)
{
    double whole[4];
    for (int axis = 0; axis < 2; axis++) {
        whole[axis] = floor(strip[axis]);
        whole[axis + 2] = ceil(strip[axis + 2]);
    }
    vdt_status status = paint_within(view, 0, pieces, piece, whole, error);
    size_t cols = (size_t)(whole[2] - whole[0]), rows = (size_t)(whole[3] - whole[1]);
    size_t length = along == 1 ? rows : cols, depth = along == 1 ? cols : rows;
    for (size_t i = 0; status == VDT_OK && i < length; i++) {
        bool any = false;
        for (size_t k = 0; k < depth; k++)
            any = any || view->bits[0][along == 1 ? i * cols + k : k * cols + i] != 0;
        double at = whole[along] + (double)i;
        if (any && runs->count > 0 && runs->ends[runs->count - 1][1] == at)
            runs->ends[runs->count - 1][1] = at + 1;
        else if (any)
            status = add_run(view, which, runs, at, at + 1, error);
    }
    return status;
}

static vdt_status polygon_runs(struct vdt_piece_view *view, int which,
                               const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                               const double strip[4], int along, struct runs *runs,
                               struct vdt_error *error)
{
    struct vdt_geometry *work = &view->work;
    struct vdt_overlay_parts whole = vdt_piece_parts(pieces, piece);
    work->part_count = work->ring_count = work->point_count = 0;
    vdt_status status = need_overlay(view, error);
    if (status == VDT_OK)
        status = vdt_overlay_cut(view->overlay, &whole, strip, work, error);
    for (size_t p = 0; status == VDT_OK && p < work->part_count; p++) {
        const struct vdt_ring *ring = &work->rings[work->parts[p].first];
        double from = INFINITY, to = -INFINITY;
        for (size_t i = 0; i < ring->count; i++) {
            from = fmin(from, work->points[ring->first + i][along]);
            to = fmax(to, work->points[ring->first + i][along]);
        }
        status = add_run(view, which, runs, from, to, error);
    }
    return status;
}

static int by_begin(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* Widens stretches by the reach, within the border; those that then meet become one. */
static void widen(struct runs *runs, double reach, const double border[2])
{
    size_t kept = 0;
    if (runs->count > 1)
        qsort(runs->ends, runs->count, sizeof *runs->ends, by_begin);
    for (size_t i = 0; i < runs->count; i++) {
        double from = fmax(runs->ends[i][0] - reach, border[0]);
        double to = fmin(runs->ends[i][1] + reach, border[1]);
        if (!(to > from))
            continue;
        if (kept > 0 && from <= runs->ends[kept - 1][1]) {
            runs->ends[kept - 1][1] = fmax(runs->ends[kept - 1][1], to);
            continue;
        }
        runs->ends[kept][0] = from;
        runs->ends[kept++][1] = to;
    }
    runs->count = kept;
}

static double runs_alike(const struct runs *a, const struct runs *b)
{
    double lengths[2] = {0, 0}, shared = 0;
    for (size_t i = 0; i < a->count; i++)
        lengths[0] += a->ends[i][1] - a->ends[i][0];
    for (size_t i = 0; i < b->count; i++)
        lengths[1] += b->ends[i][1] - b->ends[i][0];
    for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
        shared += fmax(0, fmin(a->ends[i][1], b->ends[k][1]) - fmax(a->ends[i][0], b->ends[k][0]));
        if (a->ends[i][1] < b->ends[k][1])
            i++;
        else
            k++;
    }
    return iou_of(shared, lengths[0], lengths[1]);
}

/* Where a piece is within reach of the border, which is `common`; `across` is the axis from tile to
 * tile. */
static vdt_status border_runs(struct vdt_piece_view *view, int which,
                              const struct vdt_pieces *pieces, const struct vdt_piece *piece,
                              const double common[4], int across, struct runs *runs,
                              struct vdt_error *error)
{
    double reach = pieces->areas->reach, strip[4], part[4];
    const double *window = pieces->areas->tiles[piece->tile].window;
    memcpy(strip, common, sizeof strip);
    if (window[across] == common[across])
        strip[across + 2] += reach;
    else
        strip[across] -= reach;
    within(piece->box, strip, part);
    if (!(part[2] > part[0]) || !(part[3] > part[1]))
        return VDT_OK;
    int along = 1 - across;
    if (pieces->kind == VDT_PIECE_MASK)
        return mask_runs(view, which, pieces, piece, part, along, runs, error);
    if (pieces->kind == VDT_PIECE_POLYGON)
        return polygon_runs(view, which, pieces, piece, part, along, runs, error);
    return add_run(view, which, runs, part[along], part[along + 2], error);
}

static vdt_status touch_likeness(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                                 const struct vdt_piece *a, const struct vdt_piece *b,
                                 const double common[4], double *iou, struct vdt_error *error)
{
    int across = common[0] == common[2] ? 0 : 1, along = 1 - across;
    const double border[2] = {common[along], common[along + 2]};
    struct runs first = {0}, second = {0};
    *iou = 0;
    vdt_status status = border_runs(view, 0, pieces, a, common, across, &first, error);
    if (status == VDT_OK && first.count > 0)
        status = border_runs(view, 1, pieces, b, common, across, &second, error);
    if (status != VDT_OK || first.count == 0 || second.count == 0)
        return status;
    widen(&first, pieces->areas->reach, border);
    widen(&second, pieces->areas->reach, border);
    *iou = runs_alike(&first, &second);
    return VDT_OK;
}

vdt_status vdt_pieces_likeness(struct vdt_piece_view *view, const struct vdt_pieces *pieces,
                               const struct vdt_piece *a, const struct vdt_piece *b,
                               enum vdt_tile_relation relation, const double common[4],
                               struct vdt_likeness *likeness, struct vdt_error *error)
{
    *likeness = (struct vdt_likeness){0};
    return relation == VDT_TILES_OVERLAP
               ? overlap_likeness(view, pieces, a, b, common, likeness, error)
               : touch_likeness(view, pieces, a, b, common, &likeness->iou, error);
}

/* Clipping to a window: areas ring by ring, boxes from what really lies inside.
 *
 * Sutherland-Hodgman joins the pieces of a concave ring along the window's sides. That costs no
 * area, but its points can lie where the polygon is not: boxes are never made from them. */
#include "encode/visible.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* Areas below this share of a part are rounding, not ground. */
static const double negligible = 1e-12;

static const double no_box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};

void vdt_clip_clear(struct vdt_clip *clip)
{
    free(clip->from);
    free(clip->to);
    *clip = (struct vdt_clip){0};
}

static const double (*ring_points(const struct vdt_geometry *geometry,
                                  const struct vdt_ring *ring))[2]
{
    return (const double(*)[2])geometry->points + ring->first;
}

static void widen(double box[4], const double point[2])
{
    box[0] = fmin(box[0], point[0]);
    box[1] = fmin(box[1], point[1]);
    box[2] = fmax(box[2], point[0]);
    box[3] = fmax(box[3], point[1]);
}

static bool has_area(const double box[4])
{
    return box[0] < box[2] && box[1] < box[3];
}

static bool holds(const double outer[4], const double inner[4])
{
    return outer[0] <= inner[0] && inner[2] <= outer[2] && outer[1] <= inner[1] &&
           inner[3] <= outer[3];
}

/* Sharing no more than a side is apart. */
static bool apart(const double a[4], const double b[4])
{
    return !(a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]);
}

/* --- area ---------------------------------------------------------------------------------- */

/* Keeps what lies on the inner side of one of the window's lines: axis 0 is x, and `sign` is 1
 * where larger coordinates are inside. The result has at most twice the points. */
static size_t clip_side(const double (*from)[2], size_t count, int axis, double line, double sign,
                        double (*to)[2])
{
    size_t kept = 0;
    const double *a = from[count - 1];
    bool a_inside = sign * (a[axis] - line) >= 0;
    for (size_t i = 0; i < count; i++) {
        const double *b = from[i];
        bool b_inside = sign * (b[axis] - line) >= 0;
        if (a_inside != b_inside) {
            /* From the inner end whichever way it runs: there and back are cut at one point. */
            const double *p = a_inside ? a : b, *q = a_inside ? b : a;
            double along = (line - p[axis]) / (q[axis] - p[axis]);
            to[kept][axis] = line;
            to[kept][!axis] = p[!axis] + along * (q[!axis] - p[!axis]);
            kept++;
        }
        if (b_inside)
            memcpy(to[kept++], b, sizeof to[0]);
        a = b;
        a_inside = b_inside;
    }
    return kept;
}

static bool ring_inside(struct vdt_clip *clip, const double (*points)[2], size_t count,
                        const double frame[4], double *area)
{
    *area = 0;
    for (int side = 0; side < 4 && count > 0; side++) {
        if (!vdt_grow(&clip->to, &clip->to_capacity, 2 * count, sizeof *clip->to))
            return false;
        count = clip_side(points, count, side & 1, frame[side], side < 2 ? 1 : -1, clip->to);
        struct vdt_clip swapped = {clip->to, clip->from, clip->to_capacity, clip->from_capacity};
        *clip = swapped;
        points = (const double(*)[2])clip->from;
    }
    *area = fabs(vdt_ring_area2(points, count)) / 2;
    return true;
}

/* --- box ----------------------------------------------------------------------------------- */

/* The piece of an edge in the open window widens the box by its closure. Edges along a side are not
 * in it: whether there is ground on their inner side is seen by the edges that leave them. */
static bool widen_by_edge(const double a[2], const double b[2], const double frame[4],
                          double box[4])
{
    double along[2] = {0, 1};
    int axis_of[2] = {-1, -1};
    double line_of[2] = {0, 0};
    for (int axis = 0; axis < 2; axis++) {
        double low = frame[axis], high = frame[axis + 2], step = b[axis] - a[axis];
        if (step == 0) {
            if (!(low < a[axis] && a[axis] < high))
                return false;
            continue;
        }
        double line[2] = {step > 0 ? low : high, step > 0 ? high : low};
        for (int end = 0; end < 2; end++) {
            double cut = (line[end] - a[axis]) / step;
            if (end == 0 ? cut > along[0] : cut < along[1]) {
                along[end] = cut;
                axis_of[end] = axis;
                line_of[end] = line[end];
            }
        }
    }
    if (!(along[0] < along[1]))
        return false;
    for (int end = 0; end < 2; end++) {
        double point[2] = {end == 0 ? a[0] : b[0], end == 0 ? a[1] : b[1]};
        if (axis_of[end] >= 0) {
            int other = !axis_of[end];
            double at = a[other] + along[end] * (b[other] - a[other]);
            point[axis_of[end]] = line_of[end];
            point[other] = fmin(fmax(at, frame[other]), frame[other + 2]);
        }
        widen(box, point);
    }
    return true;
}

/* Whether there is ground of the part right beside a corner of the window, on the window's side:
 * the even-odd rule for a point nudged from `corner` towards (right, down), far less in y than in
 * x. So edges along a side or through the corner are no special case. */
static bool ground_at(const struct vdt_geometry *geometry, const struct vdt_part *part,
                      const double corner[2], bool right, bool down)
{
    bool inside = false;
    for (size_t r = part->first; r < part->first + part->count; r++) {
        const double(*points)[2] = ring_points(geometry, &geometry->rings[r]);
        size_t count = geometry->rings[r].count;
        const double *a = points[count - 1];
        for (size_t i = 0; i < count; a = points[i++]) {
            const double *b = points[i];
            bool a_below = down ? a[1] > corner[1] : a[1] >= corner[1];
            bool b_below = down ? b[1] > corner[1] : b[1] >= corner[1];
            if (a_below == b_below)
                continue;
            const double *top = a_below ? b : a, *bottom = a_below ? a : b;
            double turn = (bottom[0] - top[0]) * (corner[1] - top[1]) -
                          (corner[0] - top[0]) * (bottom[1] - top[1]);
            if (turn > 0 || (turn == 0 && !right))
                inside = !inside;
        }
    }
    return inside;
}

/* --- parts --------------------------------------------------------------------------------- */

struct part_view {
    double area;
    double inside;
    double box[4]; /* of what is inside, on the scene */
};

static bool cut_part(struct vdt_clip *clip, const struct vdt_geometry *geometry,
                     const struct vdt_part *part, const double frame[4], struct part_view *view)
{
    bool crossed = false;
    for (size_t r = part->first; r < part->first + part->count; r++) {
        const double(*points)[2] = ring_points(geometry, &geometry->rings[r]);
        size_t count = geometry->rings[r].count;
        for (size_t i = 0; i < count; i++)
            if (widen_by_edge(points[i == 0 ? count - 1 : i - 1], points[i], frame, view->box))
                crossed = true;
    }
    for (int k = 0; k < 4; k++) {
        const double corner[2] = {frame[k & 1 ? 2 : 0], frame[k & 2 ? 3 : 1]};
        if (ground_at(geometry, part, corner, !(k & 1), !(k & 2)))
            widen(view->box, corner);
    }
    if (!crossed) {
        /* All of the window is ground, or none. */
        view->inside = has_area(view->box) ? (frame[2] - frame[0]) * (frame[3] - frame[1]) : 0;
        return true;
    }
    for (size_t r = part->first; r < part->first + part->count; r++) {
        double area;
        if (!ring_inside(clip, ring_points(geometry, &geometry->rings[r]), geometry->rings[r].count,
                         frame, &area))
            return false;
        view->inside += r == part->first ? area : -area;
    }
    return true;
}

static bool view_part(struct vdt_clip *clip, const struct vdt_geometry *geometry,
                      const struct vdt_part *part, const double frame[4], struct part_view *view)
{
    *view = (struct part_view){0};
    memcpy(view->box, no_box, sizeof no_box);
    double whole_box[4];
    memcpy(whole_box, no_box, sizeof no_box);
    for (size_t r = part->first; r < part->first + part->count; r++) {
        const double(*points)[2] = ring_points(geometry, &geometry->rings[r]);
        size_t count = geometry->rings[r].count;
        double area = fabs(vdt_ring_area2(points, count)) / 2;
        view->area += r == part->first ? area : -area;
        for (size_t i = 0; r == part->first && i < count; i++)
            widen(whole_box, points[i]);
    }
    if (apart(whole_box, frame))
        return true;
    if (holds(frame, whole_box)) {
        view->inside = view->area;
        memcpy(view->box, whole_box, sizeof whole_box);
        return true;
    }
    return cut_part(clip, geometry, part, frame, view);
}

vdt_status vdt_visible(struct vdt_clip *clip, const struct vdt_geometry *geometry, size_t feature,
                       const struct vdt_window *window, struct vdt_visible *visible,
                       struct vdt_error *error)
{
    assert(feature < geometry->feature_count);
    const struct vdt_feature *seen = &geometry->features[feature];
    const double offset[4] = {window->col, window->row, window->col, window->row};
    const double frame[4] = {window->col, window->row, (double)window->col + window->cols,
                             (double)window->row + window->rows};
    *visible = (struct vdt_visible){0};
    if (!(seen->area > 0) || apart(seen->box, frame))
        return VDT_OK;
    double inside = 0, box[4];
    memcpy(box, no_box, sizeof no_box);
    if (holds(frame, seen->box)) {
        visible->whole = true;
        inside = seen->area;
        memcpy(box, seen->box, sizeof box);
    } else {
        for (size_t p = seen->first; p < seen->first + seen->count; p++) {
            struct part_view view;
            if (!view_part(clip, geometry, &geometry->parts[p], frame, &view))
                return vdt_fail_memory(error, "clipping a feature");
            if (!(view.inside > negligible * view.area) || !has_area(view.box))
                continue;
            inside += view.inside;
            widen(box, view.box);
            widen(box, view.box + 2);
        }
    }
    if (!(inside > 0))
        return VDT_OK;
    visible->share = visible->whole ? 1 : fmin(inside / seen->area, 1);
    for (int i = 0; i < 4; i++)
        visible->box[i] = box[i] - offset[i];
    return VDT_OK;
}

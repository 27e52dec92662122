/* Between two levels at which nothing begins, ends or crosses, shapes are trapezoids: their widths
 * half way, times the height. */
#include "base/shared_area.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

void vdt_shared_area_clear(struct vdt_shared_area *work)
{
    free(work->sides);
    free(work->levels);
    free(work->at);
    free(work->active);
    *work = (struct vdt_shared_area){0};
}

void vdt_shared_area_begin(struct vdt_shared_area *work)
{
    work->side_count = 0;
}

bool vdt_shared_area_ring(struct vdt_shared_area *work, int shape, const double (*points)[2],
                          size_t count, const double origin[2])
{
    if (!vdt_grow(&work->sides, &work->side_capacity, work->side_count + count,
                  sizeof *work->sides))
        return false;
    for (size_t i = 0; i < count; i++) {
        const double *a = points[i], *b = points[i + 1 < count ? i + 1 : 0];
        if (a[1] == b[1])
            continue;
        const double *low = a[1] < b[1] ? a : b, *high = a[1] < b[1] ? b : a;
        struct vdt_side side = {.x0 = low[0] - origin[0],
                                .y0 = low[1] - origin[1],
                                .x1 = high[0] - origin[0],
                                .y1 = high[1] - origin[1],
                                .shape = shape};
        if (!(side.y1 > side.y0))
            continue;
        side.slope = (side.x1 - side.x0) / (side.y1 - side.y0);
        work->sides[work->side_count++] = side;
    }
    return true;
}

static double x_at(const struct vdt_side *side, double y)
{
    return y >= side->y1 ? side->x1 : side->x0 + (y - side->y0) * side->slope;
}

/* --- levels --------------------------------------------------------------------------------- */

static bool add_level(struct vdt_shared_area *work, double y)
{
    if (!vdt_grow(&work->levels, &work->level_capacity, work->level_count + 1,
                  sizeof *work->levels))
        return false;
    work->levels[work->level_count++] = y;
    return true;
}

/* Where the difference of two places goes through 0 on the way from one level to another. */
static bool add_crossing(struct vdt_shared_area *work, double low, double high, double first,
                         double last)
{
    if (!((first < 0 && last > 0) || (first > 0 && last < 0)))
        return true;
    return add_level(work, low + (high - low) * (first / (first - last)));
}

static bool cross_edges(struct vdt_shared_area *work, const struct vdt_side *side,
                        const double *within)
{
    if (within == NULL)
        return true;
    return add_crossing(work, side->y0, side->y1, side->x0 - within[0], side->x1 - within[0]) &&
           add_crossing(work, side->y0, side->y1, side->x0 - within[2], side->x1 - within[2]);
}

static bool cross_sides(struct vdt_shared_area *work, const struct vdt_side *a,
                        const struct vdt_side *b)
{
    double low = fmax(a->y0, b->y0), high = fmin(a->y1, b->y1);
    if (!(high > low))
        return true;
    return add_crossing(work, low, high, x_at(a, low) - x_at(b, low),
                        x_at(a, high) - x_at(b, high));
}

static int by_begin(const void *left, const void *right)
{
    double a = ((const struct vdt_side *)left)->y0, b = ((const struct vdt_side *)right)->y0;
    return a < b ? -1 : a > b;
}

static int rising(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* Sides are sorted. */
static bool find_levels(struct vdt_shared_area *work, const double *within)
{
    bool good = true;
    work->level_count = 0;
    for (size_t i = 0; good && i < work->side_count; i++) {
        const struct vdt_side *side = &work->sides[i];
        good = add_level(work, side->y0) && add_level(work, side->y1) &&
               cross_edges(work, side, within);
        for (size_t k = i + 1; good && k < work->side_count && work->sides[k].y0 < side->y1; k++)
            if (work->sides[k].shape != side->shape)
                good = cross_sides(work, side, &work->sides[k]);
    }
    if (good && within != NULL) {
        good = add_level(work, within[1]) && add_level(work, within[3]);
        for (size_t i = 0; i < work->level_count; i++)
            work->levels[i] = fmin(fmax(work->levels[i], within[1]), within[3]);
    }
    if (good && work->level_count > 1)
        qsort(work->levels, work->level_count, sizeof *work->levels, rising);
    return good;
}

/* --- areas ---------------------------------------------------------------------------------- */

/* Puts the active sides in order along a level; how many. */
static size_t place_sides(struct vdt_shared_area *work, size_t active, double y,
                          const double *within)
{
    for (size_t i = 0; i < active; i++) {
        const struct vdt_side *side = &work->sides[work->active[i]];
        double x = side->x0 + (y - side->y0) * side->slope;
        if (within != NULL)
            x = fmin(fmax(x, within[0]), within[2]);
        size_t k = i;
        for (; k > 0 && work->at[k - 1].x > x; k--)
            work->at[k] = work->at[k - 1];
        work->at[k].x = x;
        work->at[k].shape = side->shape;
    }
    return active;
}

static void add_widths(const struct vdt_shared_area *work, size_t count, double height,
                       double areas[3])
{
    bool inside[2] = {false, false};
    for (size_t i = 0; i + 1 < count; i++) {
        inside[work->at[i].shape] = !inside[work->at[i].shape];
        double area = (work->at[i + 1].x - work->at[i].x) * height;
        areas[0] += inside[0] ? area : 0;
        areas[1] += inside[1] ? area : 0;
        areas[2] += inside[0] && inside[1] ? area : 0;
    }
}

bool vdt_shared_area_measure(struct vdt_shared_area *work, const double *within, double areas[3])
{
    size_t active = 0, next = 0;
    memset(areas, 0, 3 * sizeof *areas);
    if (work->side_count > 1)
        qsort(work->sides, work->side_count, sizeof *work->sides, by_begin);
    if (!find_levels(work, within) ||
        !vdt_grow(&work->at, &work->at_capacity, work->side_count, sizeof *work->at) ||
        !vdt_grow(&work->active, &work->active_capacity, work->side_count, sizeof *work->active))
        return false;
    for (size_t i = 0; i + 1 < work->level_count; i++) {
        double low = work->levels[i], high = work->levels[i + 1], y = low + (high - low) / 2;
        if (!(high > low))
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < active; k++)
            if (work->sides[work->active[k]].y1 > y)
                work->active[kept++] = work->active[k];
        for (active = kept; next < work->side_count && work->sides[next].y0 < y; next++)
            if (work->sides[next].y1 > y)
                work->active[active++] = next;
        add_widths(work, place_sides(work, active, y, within), high - low, areas);
    }
    return true;
}

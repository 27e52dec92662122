/* One form for polygons that are the same. */
#define _GNU_SOURCE /* qsort_r */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

/* Pixels that a point may be off the straight line between its neighbours and be none of the
 * polygon's own: a border of tiles cut the side there. */
static const double STRAIGHT = 1e-7;

static int by_place(const double a[2], const double b[2])
{
    for (int axis = 0; axis < 2; axis++)
        if (a[axis] != b[axis])
            return a[axis] < b[axis] ? -1 : 1;
    return 0;
}

static bool is_between(const double a[2], const double at[2], const double b[2])
{
    double dx = b[0] - a[0], dy = b[1] - a[1], length = hypot(dx, dy);
    double along = (at[0] - a[0]) * dx + (at[1] - a[1]) * dy;
    double off = fabs((at[0] - a[0]) * dy - (at[1] - a[1]) * dx);
    return off <= STRAIGHT * length && along >= 0 && along <= length * length;
}

/* Begins at the leftmost point, which is a corner, goes the way that is asked for and has corners
 * only. */
static void settle_ring(struct vdt_ring *ring, double (*points)[2], double (*work)[2],
                        bool positive)
{
    size_t count = ring->count, first = 0, kept = 1;
    bool turn = (vdt_ring_area2((const double(*)[2])points, count) > 0) != positive;
    for (size_t i = 1; i < count; i++)
        if (by_place(points[i], points[first]) < 0)
            first = i;
    for (size_t i = 0; i < count; i++)
        memcpy(work[i], points[turn ? (first + count - i) % count : (first + i) % count],
               sizeof work[i]);
    memcpy(points[0], work[0], sizeof points[0]);
    for (size_t i = 1; i < count; i++)
        if (!is_between(points[kept - 1], work[i], work[(i + 1) % count]))
            memcpy(points[kept++], work[i], sizeof points[0]);
    if (kept < 3) { /* nothing is left of a sliver: it stays as it was */
        memcpy(points, work, count * sizeof *points);
        return;
    }
    ring->count = kept;
}

static int by_first_point(const void *left, const void *right, void *payload)
{
    const struct vdt_geometry *shape = payload;
    const struct vdt_ring *a = left, *b = right;
    return by_place(shape->points[a->first], shape->points[b->first]);
}

static int by_outline(const void *left, const void *right, void *payload)
{
    const struct vdt_geometry *shape = payload;
    const struct vdt_part *a = left, *b = right;
    return by_first_point(&shape->rings[a->first], &shape->rings[b->first], payload);
}

vdt_status vdt_ground_settle(struct vdt_geometry *shape, struct vdt_error *error)
{
    size_t most = 0;
    for (size_t r = 0; r < shape->ring_count; r++)
        most = shape->rings[r].count > most ? shape->rings[r].count : most;
    vdt_cleanup(vdt_free_pointer) double(*work)[2] = vdt_allocate(most, sizeof *work);
    if (work == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (size_t p = 0; p < shape->part_count; p++) {
        const struct vdt_part *part = &shape->parts[p];
        struct vdt_ring *rings = shape->rings + part->first;
        for (size_t r = 0; r < part->count; r++)
            settle_ring(&rings[r], shape->points + rings[r].first, work, r == 0);
        if (part->count > 2)
            qsort_r(rings + 1, part->count - 1, sizeof *rings, by_first_point, shape);
    }
    if (shape->part_count > 1)
        qsort_r(shape->parts, shape->part_count, sizeof *shape->parts, by_outline, shape);
    return VDT_OK;
}

/* Boxes turned about their middle. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

void vdt_rotated_corners(const double rotated[5], double corners[4][2])
{
    static const double side[4][2] = {{-.5, -.5}, {.5, -.5}, {.5, .5}, {-.5, .5}};
    double c = cos(rotated[4]), s = sin(rotated[4]);
    for (int i = 0; i < 4; i++) {
        double x = side[i][0] * rotated[2], y = side[i][1] * rotated[3];
        corners[i][0] = rotated[0] + (x * c - y * s);
        corners[i][1] = rotated[1] + (x * s + y * c);
    }
}

static double cross(const double o[2], const double a[2], const double b[2])
{
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
}

static int compare(const void *a, const void *b)
{
    const double *p = a, *q = b;
    if (p[0] != q[0])
        return p[0] < q[0] ? -1 : 1;
    return (p[1] > q[1]) - (p[1] < q[1]);
}

/* Andrew's monotone chain, in place of the sorted points; hull has room for count + 1. */
static size_t make_hull(double (*points)[2], size_t count, double (*hull)[2])
{
    size_t kept = 0;
    qsort(points, count, sizeof *points, compare);
    for (int half = 0; half < 2; half++) {
        size_t floor = kept + 1;
        for (size_t i = 0; i < count; i++) {
            const double *point = points[half == 0 ? i : count - 1 - i];
            if (half == 1 && i == 0)
                continue;
            while (kept > floor - (half == 0 ? 0 : 1) && kept >= 2 &&
                   cross(hull[kept - 2], hull[kept - 1], point) <= 0)
                kept--;
            memcpy(hull[kept++], point, sizeof *hull);
        }
    }
    return kept > 1 ? kept - 1 : kept; /* the first is there twice */
}

/* The rectangle along the way from `a` to `b` that holds the hull. */
static void along(const double (*hull)[2], size_t count, const double a[2], const double b[2],
                  double rotated[5])
{
    double length = hypot(b[0] - a[0], b[1] - a[1]);
    double c = length > 0 ? (b[0] - a[0]) / length : 1, s = length > 0 ? (b[1] - a[1]) / length : 0;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < count; i++) {
        double x = hull[i][0] - a[0], y = hull[i][1] - a[1];
        const double at[2] = {x * c + y * s, y * c - x * s};
        for (int axis = 0; axis < 2; axis++) {
            low[axis] = fmin(low[axis], at[axis]);
            high[axis] = fmax(high[axis], at[axis]);
        }
    }
    double u = (low[0] + high[0]) / 2, v = (low[1] + high[1]) / 2;
    rotated[0] = a[0] + u * c - v * s;
    rotated[1] = a[1] + u * s + v * c;
    rotated[2] = high[0] - low[0];
    rotated[3] = high[1] - low[1];
    rotated[4] = atan2(s, c);
}

/* The same rectangle with the side along `a` to `b` as its width, and its angle within half a turn.
 */
static void put_width(const double a[2], const double b[2], double rotated[5])
{
    static const double pi = 3.14159265358979323846;
    double way = atan2(b[1] - a[1], b[0] - a[0]) - rotated[4];
    if (fabs(cos(way)) < fabs(sin(way))) {
        double width = rotated[2];
        rotated[2] = rotated[3];
        rotated[3] = width;
        rotated[4] += pi / 2;
    }
    while (rotated[4] > pi / 2)
        rotated[4] -= pi;
    while (rotated[4] <= -pi / 2)
        rotated[4] += pi;
}

vdt_status vdt_rotated_around(const double (*points)[2], size_t count, double rotated[5],
                              struct vdt_error *error)
{
    if (count == 0 || count > SIZE_MAX / sizeof *points - 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "rotated box: there is no point");
    vdt_cleanup(vdt_free_pointer) double(*sorted)[2] = vdt_allocate(count, sizeof *sorted);
    vdt_cleanup(vdt_free_pointer) double(*hull)[2] = vdt_allocate(2 * count + 1, sizeof *hull);
    if (sorted == NULL || hull == NULL)
        return vdt_fail_memory(error, "rotated box");
    memcpy(sorted, points, count * sizeof *sorted);
    size_t corners = make_hull(sorted, count, hull);
    double least[5] = {0}, smallest = INFINITY;
    for (size_t i = 0; i < corners; i++) {
        double tried[5];
        along((const double(*)[2])hull, corners, hull[i], hull[(i + 1) % corners], tried);
        double size = tried[2] * tried[3];
        /* Sides that differ by rounding only are one: the first stays. */
        if (smallest == INFINITY || size < smallest - 1e-12 * smallest) {
            memcpy(least, tried, sizeof least);
            smallest = size;
        }
    }
    if (count > 1)
        put_width(points[0], points[1], least);
    memcpy(rotated, least, sizeof least);
    return VDT_OK;
}

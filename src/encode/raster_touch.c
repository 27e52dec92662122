/* An edge's way through each row of pixels, from its crossings with the lines between rows.
 *
 * In doubles a crossing may be on the wrong side of the line between two columns. So where it is
 * close to one, that corner of pixels is compared with the edge exactly: the orientation is a sum
 * of products of differences, each of which is written as an unevaluated sum of doubles without
 * error (Dekker 1971; Shewchuk 1997, "Adaptive Precision Floating-Point Arithmetic",
 * sections 2.3-2.5). */
#include "encode/raster_touch.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "encode/raster.h"

/* --- exact comparison --------------------------------------------------------------------- */

/* An expansion: a sum of doubles that do not overlap, the smallest first. */
struct sum {
    double terms[16];
    int count;
};

/* a + b as a rounded sum and what rounding lost. */
static double two_sum(double a, double b, double *lost)
{
    double total = a + b, of_b = total - a, of_a = total - of_b;
    *lost = (a - of_a) + (b - of_b);
    return total;
}

static void add(struct sum *sum, double value)
{
    for (int i = 0; i < sum->count; i++)
        value = two_sum(value, sum->terms[i], &sum->terms[i]);
    sum->terms[sum->count++] = value;
}

static void add_product(struct sum *sum, double a, double b)
{
    double product = a * b;
    add(sum, fma(a, b, -product));
    add(sum, product);
}

/* Adds sign * (a - b) * (c - d). */
static void add_difference_product(struct sum *sum, double sign, double a, double b, double c,
                                   double d)
{
    double first[2], second[2];
    first[0] = two_sum(a, -b, &first[1]);
    second[0] = two_sum(c, -d, &second[1]);
    for (int i = 1; i >= 0; i--)
        for (int k = 1; k >= 0; k--)
            add_product(sum, sign * first[i], second[k]);
}

/* Of the edge from a down to b at height y: 1 where it is right of x, -1 left, 0 on it. */
static int side_of(const double a[2], const double b[2], double x, double y)
{
    struct sum sum = {.count = 0};
    add_difference_product(&sum, 1, b[0], a[0], y, a[1]);
    add_difference_product(&sum, -1, x, a[0], b[1], a[1]);
    for (int i = sum.count - 1; i >= 0; i--)
        if (sum.terms[i] != 0)
            return sum.terms[i] > 0 ? 1 : -1;
    return 0;
}

/* Where the edge from a down to b is at height y, between whole numbers as it truly is: nudged by a
 * quarter where rounding put it on the wrong side. */
static double crossing(const double a[2], const double b[2], double y)
{
    double x = (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]) + a[0];
    double line = nearbyint(x);
    double doubt = 8 * DBL_EPSILON * (fabs(a[0]) + fabs(b[0]));
    return fabs(x - line) > doubt ? x : line + 0.25 * side_of(a, b, line, y);
}

/* --- edges -------------------------------------------------------------------------------- */

static int64_t clamped(double value, int64_t low, int64_t high)
{
    if (!(value > (double)low))
        return low;
    return value < (double)high ? (int64_t)value : high;
}

/* Sets the pixels of a row between two places on an edge. Pixels are open: a place on a line
 * between columns is in neither. */
static void burn_way(double x1, double x2, int64_t row, const struct vdt_window *window,
                     uint32_t value, size_t size, void *pixels)
{
    int64_t left = window->col, right = left + window->cols;
    int64_t first = clamped(floor(fmin(x1, x2)), left, right);
    int64_t end = clamped(ceil(fmax(x1, x2)), left, right);
    if (first >= end)
        return;
    size_t line = (size_t)(row - window->row) * (size_t)window->cols;
    vdt_fill_run((unsigned char *)pixels + line * size, (int32_t)(first - left),
                 (int32_t)(end - left), value, size);
}

static void burn_edge(const double a[2], const double b[2], const struct vdt_window *window,
                      uint32_t value, size_t size, void *pixels)
{
    int64_t low = window->row, high = low + window->rows;
    if (a[1] == b[1]) {
        double row = floor(a[1]);
        if (row != a[1] && row >= (double)low && row < (double)high)
            burn_way(a[0], b[0], (int64_t)row, window, value, size, pixels);
        return;
    }
    int64_t first = clamped(floor(a[1]), low, high), end = clamped(ceil(b[1]), low, high);
    for (int64_t row = first; row < end; row++) {
        double y1 = (double)row, y2 = y1 + 1;
        double x1 = a[1] >= y1 ? a[0] : crossing(a, b, y1);
        double x2 = b[1] <= y2 ? b[0] : crossing(a, b, y2);
        burn_way(x1, x2, row, window, value, size, pixels);
    }
}

void vdt_burn_ring(const double (*points)[2], size_t count, const struct vdt_window *window,
                   uint32_t value, size_t size, void *pixels)
{
    const double *from = points[count - 1];
    double left = window->col, right = left + window->cols;
    for (size_t i = 0; i < count; from = points[i++]) {
        const double *to = points[i];
        if (fmax(from[0], to[0]) <= left || fmin(from[0], to[0]) >= right)
            continue;
        bool down = from[1] < to[1];
        burn_edge(down ? from : to, down ? to : from, window, value, size, pixels);
    }
}

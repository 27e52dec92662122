/* COCO's rasterizer. An outline is drawn on a grid five times as fine; where it passes from the
 * third fine column of a pixel to the fourth, the pixels of that column change from there down.
 * pycocotools walks every fine pixel; here only the passages are computed, by the same arithmetic,
 * so that each comes out bit for bit. */
#include "eval/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { FINE = 5, MIDDLE = 2, FEW = 48 };

void vdt_trace_clear(struct vdt_trace *trace)
{
    free(trace->crossings);
    free(trace->sorted);
    free(trace->columns);
    free(trace->runs);
    *trace = (struct vdt_trace){0};
}

/* A passage of column `col` at fine row `fine`. */
static void cross(struct vdt_trace *trace, uint32_t col, int fine, uint32_t rows)
{
    double y = (fine + .5) / FINE - .5;
    y = y < 0 ? 0 : y > rows ? rows : y;
    trace->crossings[trace->count++] = col * rows + (uint32_t)ceil(y);
}

struct edge {
    int x0, y0, x1, y1;
};

/* An edge that is wider than high: the fine row is rounded for every fine column. */
static void cross_flat(struct vdt_trace *trace, struct edge edge, int first, int last,
                       uint32_t rows)
{
    double slope = (double)(edge.y1 - edge.y0) / (edge.x1 - edge.x0);
    for (int col = first; col <= last; col++) {
        int step = FINE * col + MIDDLE - edge.x0;
        int here = (int)(edge.y0 + slope * step + .5);
        int next = (int)(edge.y0 + slope * (step + 1) + .5);
        cross(trace, (uint32_t)col, here < next ? here : next, rows);
    }
}

/* An edge that is higher than wide: the fine column is rounded for every fine row, and the row is
 * sought where it passes. */
static void cross_steep(struct vdt_trace *trace, struct edge edge, int first, int last,
                        uint32_t rows)
{
    int height = edge.y1 - edge.y0;
    double slope = (double)(edge.x1 - edge.x0) / height;
    for (int col = first; col <= last; col++) {
        int fine = FINE * col + MIDDLE;
        double guess = (fine + .5 - edge.x0) / slope;
        int step = guess < 0 ? 0 : guess > height ? height : (int)guess;
        /* The first row that is behind the passage. */
        if (slope > 0) {
            while (step > 0 && (int)(edge.x0 + slope * (step - 1) + .5) > fine)
                step--;
            while (step < height && (int)(edge.x0 + slope * step + .5) <= fine)
                step++;
        } else {
            while (step > 0 && (int)(edge.x0 + slope * (step - 1) + .5) <= fine)
                step--;
            while (step < height && (int)(edge.x0 + slope * step + .5) > fine)
                step++;
        }
        cross(trace, (uint32_t)col, edge.y0 + step - 1, rows);
    }
}

static bool cross_edge(struct vdt_trace *trace, struct edge edge, uint32_t rows, uint32_t cols)
{
    int width = abs(edge.x1 - edge.x0), height = abs(edge.y1 - edge.y0);
    bool flat = width >= height;
    int left = edge.x0 < edge.x1 ? edge.x0 : edge.x1, right = left + width;
    /* The columns whose passage lies from `left` to before `right`. */
    int first = left <= MIDDLE ? 0 : (left - MIDDLE + FINE - 1) / FINE;
    int last = right <= MIDDLE ? -1 : (right - 1 - MIDDLE) / FINE;
    if (last >= 0 && (uint32_t)last >= cols)
        last = (int)(cols - 1);
    if (width == 0 || last < first)
        return true;
    if (!vdt_grow(&trace->crossings, &trace->capacity, trace->count + (size_t)(last - first) + 1,
                  sizeof *trace->crossings))
        return false;
    if (flat ? edge.x0 > edge.x1 : edge.y0 > edge.y1)
        edge = (struct edge){edge.x1, edge.y1, edge.x0, edge.y0};
    if (flat)
        cross_flat(trace, edge, first, last, rows);
    else
        cross_steep(trace, edge, first, last, rows);
    return true;
}

/* --- crossings in order --------------------------------------------------------------------- */

static void sort_few(uint32_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts by column first, and then the few of each. */
static bool sort_crossings(struct vdt_trace *trace, uint32_t rows)
{
    size_t count = trace->count;
    uint32_t *values = trace->crossings, low = UINT32_MAX, high = 0;
    if (count <= FEW) {
        sort_few(values, count);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t col = values[i] / rows;
        low = col < low ? col : low;
        high = col > high ? col : high;
    }
    size_t columns = (size_t)(high - low) + 1;
    if (!vdt_grow(&trace->columns, &trace->column_capacity, columns + 1, sizeof *trace->columns) ||
        !vdt_grow(&trace->sorted, &trace->sorted_capacity, count, sizeof *trace->sorted))
        return false;
    memset(trace->columns, 0, (columns + 1) * sizeof *trace->columns);
    for (size_t i = 0; i < count; i++)
        trace->columns[values[i] / rows - low + 1]++;
    for (size_t i = 0; i < columns; i++)
        trace->columns[i + 1] += trace->columns[i];
    for (size_t i = 0; i < count; i++)
        trace->sorted[trace->columns[values[i] / rows - low]++] = values[i];
    for (size_t i = 0, begin = 0; i < columns; begin = trace->columns[i++]) {
        size_t here = trace->columns[i] - begin;
        if (here <= FEW)
            sort_few(trace->sorted + begin, here);
        else
            qsort(trace->sorted + begin, here, sizeof *trace->sorted, compare);
    }
    memcpy(values, trace->sorted, count * sizeof *values);
    return true;
}

/* Every crossing changes the pixels from there on; two at one place change nothing. */
static bool make_runs(struct vdt_trace *trace, uint32_t all)
{
    if (!vdt_grow(&trace->runs, &trace->run_capacity, trace->count + 1, sizeof *trace->runs))
        return false;
    uint32_t begin = 0;
    trace->run_count = 0;
    for (size_t i = 0; i < trace->count;) {
        size_t end = i;
        while (end < trace->count && trace->crossings[end] == trace->crossings[i])
            end++;
        if ((end - i) % 2 == 1 && trace->crossings[i] < all) {
            trace->runs[trace->run_count++] = trace->crossings[i] - begin;
            begin = trace->crossings[i];
        }
        i = end;
    }
    trace->runs[trace->run_count++] = all - begin;
    return true;
}

bool vdt_trace_ring(struct vdt_trace *trace, const double (*points)[2], size_t count, uint32_t rows,
                    uint32_t cols)
{
    trace->count = 0;
    for (size_t i = 0; rows > 0 && i < count; i++) {
        const double *from = points[i], *to = points[i + 1 < count ? i + 1 : 0];
        struct edge edge = {(int)(FINE * from[0] + .5), (int)(FINE * from[1] + .5),
                            (int)(FINE * to[0] + .5), (int)(FINE * to[1] + .5)};
        if (!cross_edge(trace, edge, rows, cols))
            return false;
    }
    return sort_crossings(trace, rows) && make_runs(trace, rows * cols);
}

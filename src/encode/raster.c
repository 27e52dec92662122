/* Scanline filling with an active edge list: what a row costs depends on the edges that cross it.
 */
#include "encode/raster.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "encode/raster_touch.h"

enum {
    FEW = 24, /* up to here insertion beats qsort */
    BAND = 64 /* rows */
};

struct edge {
    double x1, y1, x2, y2; /* y1 < y2 */
    int64_t first, end;    /* rows of the window, counted on the scene */
};

void vdt_raster_clear(struct vdt_raster *raster)
{
    free(raster->columns);
    free(raster->edges);
    *raster = (struct vdt_raster){0};
}

/* The first row of [low, high] whose centre is at or below `y`; `high` for NaN. */
static int64_t row_from(double y, int64_t low, int64_t high)
{
    double row = ceil(y - 0.5);
    if (row <= (double)low)
        return low;
    return row < (double)high ? (int64_t)row : high;
}

static int by_first(const void *a, const void *b)
{
    const struct edge *p = a, *q = b;
    return p->first < q->first ? -1 : p->first > q->first;
}

static void sort_edges(struct edge *edges, size_t count)
{
    if (count > FEW) {
        qsort(edges, count, sizeof *edges, by_first);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct edge edge = edges[i];
        size_t k = i;
        for (; k > 0 && edges[k - 1].first > edge.first; k--)
            edges[k] = edges[k - 1];
        edges[k] = edge;
    }
}

static int by_value(const void *a, const void *b)
{
    int32_t p = *(const int32_t *)a, q = *(const int32_t *)b;
    return p < q ? -1 : p > q;
}

static void sort_columns(int32_t *columns, size_t count)
{
    if (count > FEW) {
        qsort(columns, count, sizeof *columns, by_value);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        int32_t column = columns[i];
        size_t k = i;
        for (; k > 0 && columns[k - 1] > column; k--)
            columns[k] = columns[k - 1];
        columns[k] = column;
    }
}

/* Adds a ring's edges that cross the centre line of a row of the window. */
static bool collect_ring(struct vdt_raster *raster, const double (*points)[2], size_t count,
                         const struct vdt_window *window, size_t *edge_count)
{
    int64_t low = window->row, high = low + window->rows;
    const double *from = points[count - 1];
    for (size_t i = 0; i < count; from = points[i++]) {
        const double *to = points[i];
        bool down = from[1] < to[1];
        const double *top = down ? from : to, *bottom = down ? to : from;
        if (!(top[1] < (double)high && bottom[1] > (double)low))
            continue;
        struct edge edge = {top[0],
                            top[1],
                            bottom[0],
                            bottom[1],
                            row_from(top[1], low, high),
                            row_from(bottom[1], low, high)};
        if (edge.first >= edge.end)
            continue;
        if (!vdt_grow(&raster->edges, &raster->edge_capacity, *edge_count + 1, sizeof edge))
            return false;
        ((struct edge *)raster->edges)[(*edge_count)++] = edge;
    }
    return true;
}

/* Where an edge crosses the centre lines of rows from `first` on. The arithmetic is GDAL's,
 * operation by operation. */
static void cross_rows(const struct edge *edge, int64_t first, int32_t count, double *x)
{
    double y = (double)first + 0.5, y1 = edge->y1, x1 = edge->x1;
    double across = edge->x2 - edge->x1, down = edge->y2 - edge->y1;
    for (int32_t i = 0; i < count; i++)
        x[i] = (y + (double)i - y1) * across / down + x1;
}

/* A crossing as the first column to its right, counted in the window: floor(x + 0.5). Clamping
 * first keeps huge values and NaN out of the integer, which takes half the time of floor() where
 * that is no instruction, and does not change how many crossings there are. */
static int32_t column_of(double x, const struct vdt_window *window)
{
    x += 0.5;
    if (!(x >= (double)window->col + 1))
        return 0;
    if (x >= (double)window->col + window->cols)
        return window->cols;
    int64_t column = (int64_t)x;
    column -= (double)column > x;
    return (int32_t)(column - window->col);
}

void vdt_fill_run(void *line, int32_t first, int32_t end, uint32_t value, size_t size)
{
    if (size == 1) {
        memset((uint8_t *)line + first, (int)value, (size_t)(end - first));
        return;
    }
    uint16_t *words = line;
    uint32_t *longs = line;
    for (int32_t i = first; i < end; i++)
        if (size == 2)
            words[i] = (uint16_t)value;
        else
            longs[i] = value;
}

static void fill_crossed(int32_t *columns, size_t count, unsigned char *line, uint32_t value,
                         size_t size)
{
    sort_columns(columns, count);
    for (size_t i = 0; i + 1 < count; i += 2)
        if (columns[i] < columns[i + 1])
            vdt_fill_run(line, columns[i], columns[i + 1], value, size);
}

static unsigned char *line_of(void *pixels, int64_t row, const struct vdt_window *window,
                              size_t size)
{
    return (unsigned char *)pixels + (size_t)(row - window->row) * (size_t)window->cols * size;
}

/* Few edges: all crossings of one after the other, so that divisions need not wait for each other.
 * Rows go in bands, as room is for each edge in each row. */
static void burn_few(struct vdt_raster *raster, size_t edge_count, const struct vdt_window *window,
                     uint32_t value, size_t size, void *pixels)
{
    const struct edge *edges = raster->edges;
    int64_t end = edges[0].end;
    for (size_t i = 1; i < edge_count; i++)
        end = edges[i].end > end ? edges[i].end : end;
    for (int64_t band = edges[0].first; band < end; band += BAND) {
        int64_t band_end = band + BAND < end ? band + BAND : end;
        int32_t columns[BAND][FEW];
        uint8_t filled[BAND] = {0};
        for (size_t i = 0; i < edge_count; i++) {
            int64_t from = edges[i].first > band ? edges[i].first : band;
            int64_t to = edges[i].end < band_end ? edges[i].end : band_end;
            double x[BAND];
            if (from >= to)
                continue;
            cross_rows(&edges[i], from, (int32_t)(to - from), x);
            for (int64_t row = from; row < to; row++)
                columns[row - band][filled[row - band]++] = column_of(x[row - from], window);
        }
        for (int64_t row = band; row < band_end; row++)
            fill_crossed(columns[row - band], filled[row - band],
                         line_of(pixels, row, window, size), value, size);
    }
}

static void burn_many(struct vdt_raster *raster, size_t edge_count, const struct vdt_window *window,
                      uint32_t value, size_t size, void *pixels)
{
    struct edge *edges = raster->edges;
    size_t live = 0, next = 0; /* edges[0 .. live) cross the row, edges[next ..) are below it */
    for (int64_t row = edges[0].first; live > 0 || next < edge_count; row++) {
        if (live == 0)
            row = edges[next].first;
        while (next < edge_count && edges[next].first <= row)
            edges[live++] = edges[next++];
        size_t left = 0;
        for (size_t i = 0; i < live; i++) {
            double x;
            cross_rows(&edges[i], row, 1, &x);
            raster->columns[i] = column_of(x, window);
            if (edges[i].end > row + 1)
                edges[left++] = edges[i];
        }
        fill_crossed(raster->columns, live, line_of(pixels, row, window, size), value, size);
        live = left;
    }
}

vdt_status vdt_burn_part(struct vdt_raster *raster, const struct vdt_geometry *geometry,
                         size_t part, const struct vdt_window *window, uint32_t value, size_t size,
                         void *pixels, struct vdt_error *error)
{
    assert(size == 1 || size == 2 || size == 4);
    assert(part < geometry->part_count);
    const struct vdt_ring *rings = geometry->rings + geometry->parts[part].first;
    size_t edge_count = 0;
    if (window->cols <= 0)
        return VDT_OK;
    for (size_t i = 0; i < geometry->parts[part].count; i++) {
        const double(*points)[2] = (const double(*)[2])geometry->points + rings[i].first;
        if (!collect_ring(raster, points, rings[i].count, window, &edge_count))
            return vdt_fail_memory(error, "edges of a polygon");
        if (raster->rule == VDT_RULE_TOUCHED)
            vdt_burn_ring(points, rings[i].count, window, value, size, pixels);
    }
    if (edge_count == 0)
        return VDT_OK;
    if (!vdt_grow(&raster->columns, &raster->column_capacity, edge_count, sizeof *raster->columns))
        return vdt_fail_memory(error, "crossings of a polygon");
    sort_edges(raster->edges, edge_count);
    if (edge_count <= FEW)
        burn_few(raster, edge_count, window, value, size, pixels);
    else
        burn_many(raster, edge_count, window, value, size, pixels);
    return VDT_OK;
}

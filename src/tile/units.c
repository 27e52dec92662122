/* Sizes of units, and windows in their order. */
#include "tile/units.h"

#include <math.h>
#include <stdlib.h>

enum {
    LEAST_UNIT_BYTES = 1 << 20,
    UNIT_BYTES = 16 << 20,
    LARGEST_UNIT_BYTES = 160 << 20, /* where blocks are strips */
    FAIR_UNITS = 64                 /* of a scene, so that all threads have work to the end */
};

static int64_t at_least_one(int64_t value)
{
    return value < 1 ? 1 : value;
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/* Windows that a unit should have of `count` in the scene. */
static int64_t wanted(uint64_t count, uint64_t tile_bytes)
{
    int64_t windows = at_least_one((int64_t)(UNIT_BYTES / tile_bytes));
    int64_t least = at_least_one((int64_t)(LEAST_UNIT_BYTES / tile_bytes));
    uint64_t fair = count / FAIR_UNITS;
    if (fair >= (uint64_t)windows)
        return windows;
    return (int64_t)fair < least ? least : (int64_t)fair;
}

/* `count` strides of one axis, made whole blocks of the scene. */
static int64_t whole_blocks(int64_t count, int64_t block, int64_t stride, int64_t most)
{
    int64_t step = (block + stride - 1) / stride;
    int64_t windows = count <= step ? step : (count + step / 2) / step * step;
    return at_most(windows, most);
}

struct vdt_unit_shape vdt_unit_of_grid(const struct vdt_grid *grid, int32_t block_cols,
                                       int32_t block_rows, uint64_t tile_bytes)
{
    int64_t cols = vdt_grid_cols(grid), rows = vdt_grid_rows(grid);
    int64_t windows = wanted((uint64_t)cols * (uint64_t)rows, tile_bytes);
    int64_t most = (int64_t)(LARGEST_UNIT_BYTES / tile_bytes);
    int64_t across =
        whole_blocks((int64_t)sqrt((double)windows), block_cols, grid->stride_cols, cols);
    across = at_least_one(at_most(across, most));
    int64_t down =
        whole_blocks(at_least_one(windows / across), block_rows, grid->stride_rows, rows);
    down = at_least_one(at_most(down, most / across));
    return (struct vdt_unit_shape){(int32_t)across, (int32_t)down, UINT32_MAX};
}

struct vdt_unit_shape vdt_unit_of_places(const struct vdt_grid *grid, uint64_t count,
                                         int32_t block_cols, int32_t block_rows,
                                         uint64_t tile_bytes)
{
    double area = (double)grid->scene_cols * grid->scene_rows;
    double pixels = area / (double)(count == 0 ? 1 : count) * (double)wanted(count, tile_bytes);
    int64_t across = (int64_t)sqrt(fmin(pixels, area));
    across = at_least_one(whole_blocks(across, block_cols, 1, grid->scene_cols));
    int64_t down = (int64_t)(fmin(pixels, area) / (double)across);
    down = at_least_one(whole_blocks(down, block_rows, 1, grid->scene_rows));
    int64_t most = at_least_one((int64_t)(LARGEST_UNIT_BYTES / tile_bytes));
    return (struct vdt_unit_shape){(int32_t)across, (int32_t)down, (uint32_t)most};
}

static int compare(const void *a, const void *b)
{
    const struct vdt_place *p = a, *q = b;
    if (p->unit_row != q->unit_row)
        return p->unit_row < q->unit_row ? -1 : 1;
    if (p->unit_col != q->unit_col)
        return p->unit_col < q->unit_col ? -1 : 1;
    if (p->row != q->row)
        return p->row < q->row ? -1 : 1;
    return p->col < q->col ? -1 : p->col > q->col;
}

void vdt_places_sort(struct vdt_place *places, size_t count)
{
    if (count > 1) /* places may be NULL for none */
        qsort(places, count, sizeof *places, compare);
}

size_t vdt_unit_end(const struct vdt_place *places, size_t count, size_t first, uint32_t most)
{
    size_t end = first + 1;
    while (end < count && end - first < most && places[end].unit_col == places[first].unit_col &&
           places[end].unit_row == places[first].unit_row)
        end++;
    return end;
}

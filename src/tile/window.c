/* Grid arithmetic, one axis at a time, in 64 bits: strides and scenes may be near INT32_MAX. */
#include "tile/window.h"

#include <assert.h>

static int64_t divide_up(int64_t value, int64_t by)
{
    return (value + by - 1) / by;
}

static int32_t axis_count(int64_t scene, int64_t tile, int64_t stride, enum vdt_edge edge)
{
    assert(scene > 0 && tile > 0 && stride > 0);
    if (scene < tile)
        return edge == VDT_EDGE_PAD ? 1 : 0;
    if (edge == VDT_EDGE_DROP)
        return (int32_t)((scene - tile) / stride + 1);
    int64_t count = divide_up(scene - tile, stride) + 1;
    /* With a stride larger than the tile the last window could begin past the scene. */
    int64_t begins = divide_up(scene, stride);
    return (int32_t)(count < begins ? count : begins);
}

static int32_t axis_start(int64_t scene, int64_t tile, int64_t stride, enum vdt_edge edge,
                          int32_t i)
{
    int64_t start = i * stride;
    if (edge == VDT_EDGE_SHIFT && start > scene - tile)
        start = scene - tile;
    return (int32_t)start;
}

int32_t vdt_grid_cols(const struct vdt_grid *grid)
{
    return axis_count(grid->scene_cols, grid->tile_cols, grid->stride_cols, grid->edge);
}

int32_t vdt_grid_rows(const struct vdt_grid *grid)
{
    return axis_count(grid->scene_rows, grid->tile_rows, grid->stride_rows, grid->edge);
}

struct vdt_window vdt_grid_window(const struct vdt_grid *grid, int32_t i, int32_t j)
{
    struct vdt_window window = {
        .col = axis_start(grid->scene_cols, grid->tile_cols, grid->stride_cols, grid->edge, i),
        .row = axis_start(grid->scene_rows, grid->tile_rows, grid->stride_rows, grid->edge, j),
        .cols = grid->tile_cols,
        .rows = grid->tile_rows,
    };
    return window;
}

/* The grid of windows over a scene: size, stride and what happens at the edge. Pure arithmetic. */
#ifndef TILE_WINDOW_H
#define TILE_WINDOW_H

#include <stdbool.h>
#include <vedatile/feed.h>

/* All sizes in pixels, positive. */
struct vdt_grid {
    int32_t scene_cols, scene_rows;
    int32_t tile_cols, tile_rows;
    int32_t stride_cols, stride_rows;
    enum vdt_edge edge;
};

/* Number of windows along each axis; 0 when none fits (DROP or SHIFT and a tile larger than the
 * scene). Along one axis with S pixels, tile T and stride D:
 * DROP  floor((S - T) / D) + 1 for S >= T, else 0;
 * PAD   1 for S <= T, else ceil((S - T) / D) + 1, but no window may begin at or past S;
 * SHIFT as PAD for S >= T, the last one moved back to end at S (never before its predecessor:
 *       equal positions are one window); 0 for S < T. */
int32_t vdt_grid_cols(const struct vdt_grid *grid);
int32_t vdt_grid_rows(const struct vdt_grid *grid);

/* The window at grid position (i, j) = (column, row), 0 <= i < cols, 0 <= j < rows.
 * Its size is always the tile's; with PAD it may reach past the scene. */
struct vdt_window vdt_grid_window(const struct vdt_grid *grid, int32_t i, int32_t j);

#endif

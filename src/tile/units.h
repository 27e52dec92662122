/* Windows of one scene in units that one worker does in one go: neighbours go together, so that no
 * block of the scene is decoded twice. Pure arithmetic. */
#ifndef TILE_UNITS_H
#define TILE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "tile/window.h"

/* A window by its corner, and the unit it belongs to, counted across and down. */
struct vdt_place {
    int32_t col, row;
    int32_t unit_col, unit_row;
    int32_t group; /* the caller's */
};

/* How far units reach. */
struct vdt_unit_shape {
    int32_t cols, rows; /* strides of the grid in a unit */
    uint32_t most;      /* windows that one may have */
};

/* Units of a grid of windows: about square and of whole blocks of the scene. Where blocks are
 * strips, a whole grid row. How many threads run has no say, because the order of samples follows.
 */
struct vdt_unit_shape vdt_unit_of_grid(const struct vdt_grid *grid, int32_t block_cols,
                                       int32_t block_rows, uint64_t tile_bytes);

/* The same for `count` windows that lie anywhere: strides of one pixel. */
struct vdt_unit_shape vdt_unit_of_places(const struct vdt_grid *grid, uint64_t count,
                                         int32_t block_cols, int32_t block_rows,
                                         uint64_t tile_bytes);

/* Sorts by unit and then by place, rows first. */
void vdt_places_sort(struct vdt_place *places, size_t count);

/* The end of the unit that begins at `first` in a sorted list. */
size_t vdt_unit_end(const struct vdt_place *places, size_t count, size_t first, uint32_t most);

#endif

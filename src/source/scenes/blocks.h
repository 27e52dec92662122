/* Decoded blocks of a scene, kept by who reads it and not by GDAL: each is decoded once, straight
 * to where it is needed, without GDAL's block cache between. Private to source/. */
#ifndef SOURCE_BLOCKS_H
#define SOURCE_BLOCKS_H

#include <gdal.h>

#include "source/scenes/scene.h"

struct vdt_blocks;

/* Pixels of a scene's bands: `row`, `col` and so on in the scene, all of it inside. */
struct vdt_block_window {
    int col, row, cols, rows;
};

/* Keeps up to `bytes` of blocks, and at least one. `once`: no block has pixels for two windows, so
 * that those of a whole block need not be kept. Only for what vdt_scene_suits_blocks. */
vdt_status vdt_blocks_make(const struct vdt_scene *scene,
                           const struct vdt_band_selection *selection, size_t bytes, bool once,
                           struct vdt_blocks **blocks, struct vdt_error *error);
void vdt_blocks_free(struct vdt_blocks *blocks);

/* Whether they were made for this selection. */
bool vdt_blocks_are_of(const struct vdt_blocks *blocks, const struct vdt_band_selection *selection);

/* As vdt_scene_read has them: [band][row][col], `line` and `plane` bytes from one row and one band
 * to the next. False: GDAL has said why. */
bool vdt_blocks_read(struct vdt_blocks *blocks, const struct vdt_block_window *window, size_t line,
                     size_t plane, unsigned char *pixels);

/* Forgets what was read, as some of it may be damaged. */
void vdt_blocks_forget(struct vdt_blocks *blocks);

#endif

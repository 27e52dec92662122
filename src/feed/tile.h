/* The pixels of a window and what a sample says of them, whoever made its labels. */
#ifndef FEED_TILE_H
#define FEED_TILE_H

#include <stdint.h>
#include <vedatile/store.h>

#include "source/scenes/scene.h"

/* Room for one tile, used again for the next; {0} is empty. */
struct vdt_tile {
    struct vdt_tile_spec spec;
    void *pixels;
    uint8_t *valid; /* [rows * cols] */
    struct vdt_band_stats *stats;
};

vdt_status vdt_tile_init(struct vdt_tile *tile, const struct vdt_tile_spec *spec,
                         struct vdt_error *error);
void vdt_tile_clear(struct vdt_tile *tile);

/* Reads a window of the tile's size. `seen` [rows * cols], NULL for all: pixels that are 0 there
 * are blanked and invalid. *valid_fraction in full precision: 0.9 in single precision is less than
 * 0.9. */
vdt_status vdt_tile_read(struct vdt_tile *tile, struct vdt_scene *scene,
                         const struct vdt_band_selection *selection,
                         const struct vdt_window *window, const uint8_t *seen,
                         double *valid_fraction, struct vdt_error *error);

/* Blanks pixels of what was read, as vdt_tile_read does with `seen`. */
void vdt_tile_hide(struct vdt_tile *tile, const struct vdt_band_selection *selection,
                   const uint8_t *seen, double *valid_fraction);

/* Fills all of the sample but scene, crs, labels and metadata, for the window that was read; its
 * image and statistics are borrowed from the tile. */
void vdt_tile_describe(struct vdt_tile *tile, struct vdt_scene *scene,
                       const struct vdt_band_selection *selection, const struct vdt_window *window,
                       double valid_fraction, struct vdt_sample *sample);

/* "<first 16 hex digits of the scene's digest>-<col>-<row>-<cols>x<rows>" */
void vdt_window_key(const char *digest, const struct vdt_window *window, char key[VDT_KEY_SIZE]);

#endif

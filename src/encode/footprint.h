/* What lies around the edges of objects: arrays made from their footprint. Arithmetic only.
 *
 * The footprint of a tile is burnt with a margin (halo) around it, wide enough for what is asked,
 * so that a tile's array is the crop of the scene's. Pixels outside the scene are neither object
 * nor background: they do not erode, do not spread and are at no distance. */
#ifndef ENCODE_FOOTPRINT_H
#define ENCODE_FOOTPRINT_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/feed.h>

enum { VDT_BACKGROUND = 0, VDT_OBJECT = 1, VDT_OUTSIDE = 255 };

/* [rows][cols] of the kinds above: a tile with `halo` pixels more on all sides. */
struct vdt_footprint {
    int32_t rows, cols;
    int32_t halo;
    const uint8_t *kinds;
};

/* Scratch memory, reused between calls; {0} is empty. One thread. */
struct vdt_around {
    int32_t *near; /* of a footprint's pixels */
    size_t near_capacity;
    int32_t *line; /* two for each of its columns */
    size_t line_capacity;
};
void vdt_around_clear(struct vdt_around *around);

/* Pixels of margin that a boundary of that width, or distances up to `limit`, need. */
int32_t vdt_boundary_halo(uint32_t width);
int32_t vdt_distance_halo(double limit);

/* The inner boundary is the footprint less its erosion by a square of width x width pixels, the
 * outer one its dilation by the square less the footprint. The square around a pixel is
 * -(w - 1) / 2 .. w / 2 of columns and rows, rounded down: for even widths one pixel more to the
 * right and below, as scikit-image and so solaris have it. boundary [rows][cols] of the tile: 0, 1.
 */
vdt_status vdt_make_boundary(struct vdt_around *around, const struct vdt_footprint *footprint,
                             enum vdt_boundary side, uint32_t width, uint8_t *boundary,
                             struct vdt_error *error);

/* Euclidean distance in pixels from centre to centre of the nearest pixel of the other kind,
 * positive for objects and negative for background, cut at +-limit. Exact (Meijster, Roerdink and
 * Hesselink 2000; the lower envelope of parabolas, as Felzenszwalb and Huttenlocher 2012, in whole
 * numbers), then rounded to float. distance [rows][cols] of the tile; what is outside the scene
 * is left as it is. */
vdt_status vdt_make_distance(struct vdt_around *around, const struct vdt_footprint *footprint,
                             double limit, float *distance, struct vdt_error *error);

#endif

/* Pixels of any type as a picture of 8 bits for the eye, as `vedatile show` makes it. Private to
 * draw/. */
#ifndef SERVER_DRAW_SHADE_H
#define SERVER_DRAW_SHADE_H

#include <stdbool.h>
#include <vedatile/store.h>

enum vdt_stretch_kind {
    VDT_STRETCH_AUTO, /* 2nd to 98th percentile; 8-bit colour that fills its range is left alone */
    VDT_STRETCH_NONE, /* 8-bit values as they are, others over the range of their type, floats 0..1
                       */
    VDT_STRETCH_RANGE /* low becomes 0, high 255 */
};

struct vdt_shade {
    size_t count;      /* bands: 1 or 3 */
    uint32_t bands[3]; /* from 0 */
    enum vdt_stretch_kind kind;
    double low[3], high[3];
};

/* The bands that are shown unless others are asked for: those named red, green and blue, else by
 * their number. */
void vdt_shade_bands(const struct vdt_store_spec *spec, struct vdt_shade *shade);

/* Fills low and high for the tile. `stats` [bands]: values outside of a band's range are no data.
 * False: memory is out. */
bool vdt_shade_range(struct vdt_shade *shade, const struct vdt_tile_spec *tile, const void *image,
                     const struct vdt_band_stats *stats);

/* [row][col][band] of the tile in 8 bits. */
void vdt_shade_paint(const struct vdt_shade *shade, const struct vdt_tile_spec *tile,
                     const void *image, uint8_t *pixels);

/* A picture in another size: means of what becomes one pixel, or the nearest pixel. */
void vdt_shade_resize(const uint8_t *pixels, uint32_t cols, uint32_t rows, size_t channels,
                      uint32_t to_cols, uint32_t to_rows, uint8_t *to);

#endif

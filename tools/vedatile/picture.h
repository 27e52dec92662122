/* Tiles of any type and any bands -> pictures for the eye. */
#ifndef TOOL_PICTURE_H
#define TOOL_PICTURE_H

#include <cairo.h>

#include "labels.h"

/* How values become colours; the same for all tiles of a sheet, so that they compare. */
struct stretch {
    size_t count;      /* 1: grey, 3: red, green, blue */
    uint32_t bands[3]; /* indices from 0 */
    double low[3];     /* shown black */
    double high[3];    /* shown at full brightness */
    bool plain;        /* 8-bit values shown as they are */
};

/* The bands that a person expects: those named red, green and blue; else 1, 2, 3 of three or four
 * and 3, 2, 1 of more; else the first as grey. */
struct stretch picture_bands(const struct vdt_store_spec *spec);

/* Fills low and high from the 2nd and 98th percentile of the samples' valid pixels. */
vdt_status picture_stretch(const struct vdt_reader *reader, const struct sample_ref *samples,
                           size_t count, struct stretch *stretch, struct vdt_error *error);

/* Pixels [band][row][col] of spec->tile as a picture, stretched by those that are valid. Owned by
 * the caller: cairo_surface_destroy. */
vdt_status picture_of(const struct vdt_store_spec *spec, const void *pixels, const uint8_t *valid,
                      cairo_surface_t **surface, struct vdt_error *error);

/* The sample's tile, one pixel of the surface for a pixel of the tile.
 * Owned by the caller: cairo_surface_destroy. */
vdt_status picture_draw(const struct vdt_reader *reader, struct sample_ref sample,
                        const struct stretch *stretch, cairo_surface_t **surface,
                        struct vdt_error *error);

#endif

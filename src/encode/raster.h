/* Our own scanline rasterizer, by pixel centres or by all that is touched.
 *
 * VDT_RULE_CENTER: a pixel is inside when its centre (col + 0.5, row + 0.5) is inside by the
 * even-odd rule over the rings of one part; parts are burnt one after the other, so overlapping
 * parts unite. Crossings are computed in scene pixels, never relative to a tile: a tile's mask is
 * bit for bit the crop of the scene's. Ties are GDAL's: an edge covers rows with ymin <= y < ymax,
 * and a run between crossings x1 <= x2 covers columns floor(x1 + 0.5) .. floor(x2 + 0.5) - 1. One
 * exception: a horizontal edge exactly on a line of centres burns nothing of its own. GDAL burns it
 * where it is a ring's lower side, so that polygons that abut there overlap.
 *
 * VDT_RULE_TOUCHED: those, and every pixel whose open square an edge of the part passes through. So
 * a pixel is burnt exactly when the closed polygon meets the open square: what only shares a side
 * or a corner with a pixel does not touch it. Where rounding could decide, crossings of edges with
 * the lines between pixels are computed exactly. */
#ifndef ENCODE_RASTER_H
#define ENCODE_RASTER_H

#include <stddef.h>
#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "base/geometry.h"

/* The rule, and scratch memory that is reused between calls; {0} is empty. One thread. */
struct vdt_raster {
    enum vdt_mask_rule rule;
    int32_t *columns;
    size_t column_capacity;
    void *edges;
    size_t edge_capacity;
};

void vdt_raster_clear(struct vdt_raster *raster);

/* Sets pixels [first, end) of a row of pixels of `size` bytes, 1, 2 or 4. */
void vdt_fill_run(void *line, int32_t first, int32_t end, uint32_t value, size_t size);

/* Writes `value` to the pixels of `window` that part `part` of `geometry` covers. `pixels` is
 * [window.rows][window.cols] of `size` bytes (1, 2 or 4). */
vdt_status vdt_burn_part(struct vdt_raster *raster, const struct vdt_geometry *geometry,
                         size_t part, const struct vdt_window *window, uint32_t value, size_t size,
                         void *pixels, struct vdt_error *error);

#endif

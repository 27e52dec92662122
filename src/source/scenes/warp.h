/* Images on another grid, as GDAL VRT text. Private to source/.
 *
 * A warped image does not depend on how it is read: GDAL makes it in blocks of a fixed size from
 * the grid's corner, every pixel is placed by the exact transformation (no approximation between
 * points), and the kernel's width is one for the whole image. */
#ifndef SOURCE_WARP_H
#define SOURCE_WARP_H

#include <ogr_srs_api.h>
#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "source/scenes/scene.h"

/* North is up; pixel edges are whole multiples of the resolution. */
struct vdt_warp_grid {
    OGRSpatialReferenceH crs; /* NULL: that of the image; borrowed */
    double geotransform[6];
    int32_t cols, rows;
};

/* The smallest grid of whole multiples of `resolution` in `crs` (NULL: the image's) that holds the
 * image. A millionth of a pixel beyond an edge is rounding, not image. */
vdt_status vdt_warp_fit(struct vdt_scene *scene, OGRSpatialReferenceH crs,
                        const double resolution[2], struct vdt_warp_grid *grid,
                        struct vdt_error *error);

/* VRT text of the image on that grid: all bands but alpha, with their names, colours, nodata,
 * scales and metadata, and then an alpha band, which is 0 where the image has no valid pixel. Where
 * a pixel of the grid is as large as two or more of the image's and `overviews` may be read, the
 * coarsest that is no coarser than the grid is, in place of the image: *overview is its number from
 * 1, or 0. */
vdt_status vdt_warp_text(struct vdt_scene *scene, const struct vdt_warp_grid *grid,
                         enum vdt_resampling resampling, bool overviews, char **text, int *overview,
                         struct vdt_error *error);

#endif

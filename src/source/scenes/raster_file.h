/* Arrays to image files that GDAL writes. Any thread. */
#ifndef SOURCE_RASTER_FILE_H
#define SOURCE_RASTER_FILE_H

#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/buffer.h"

enum vdt_raster_format {
    VDT_RASTER_TIFF, /* deflate; any bands and type */
    VDT_RASTER_PNG,  /* uint8, uint16; 1 to 4 bands */
    VDT_RASTER_JPEG  /* uint8; 1 or 3 bands; quality 95 */
};

/* Where pixels lie on the ground; {0} is nowhere. Only TIFF keeps it. All borrowed. */
struct vdt_raster_place {
    const double *geotransform; /* [6] in GDAL's order, or NULL */
    const char *crs;            /* WKT, or NULL */
};

/* GDAL is ready, for processes that are going to be forked. */
void vdt_raster_prepare(void);

/* Writes pixels, [band][row][col] of raster->dtype, to a new file. `band_names` (TIFF only) may be
 * NULL. */
vdt_status vdt_raster_save(const char *path, enum vdt_raster_format format,
                           const struct vdt_tile_spec *raster, const void *pixels,
                           const char *const *band_names, const struct vdt_raster_place *place,
                           struct vdt_error *error);

/* The same into memory: appends the file's bytes. */
vdt_status vdt_raster_encode(enum vdt_raster_format format, const struct vdt_tile_spec *raster,
                             const void *pixels, const char *const *band_names,
                             const struct vdt_raster_place *place, struct vdt_buffer *bytes,
                             struct vdt_error *error);

/* Columns, rows, bands and pixel type of any file that GDAL opens, from its header. Alpha counts as
 * no band. */
vdt_status vdt_raster_shape(const char *path, struct vdt_tile_spec *shape, struct vdt_error *error);

/* Reads a whole file of exactly this shape and type, [band][row][col]. TIFF, PNG and JPEG only. */
vdt_status vdt_raster_load(const char *path, const struct vdt_tile_spec *raster, void *pixels,
                           struct vdt_error *error);
/* The same from memory; `what` names the bytes in messages. */
vdt_status vdt_raster_decode(const char *what, const void *bytes, size_t size,
                             const struct vdt_tile_spec *raster, void *pixels,
                             struct vdt_error *error);

#endif

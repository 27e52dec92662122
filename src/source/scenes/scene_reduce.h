/* What scene_read.c shares with scene_overview.c. Private to source/. */
#ifndef SOURCE_SCENE_REDUCE_H
#define SOURCE_SCENE_REDUCE_H

#include <gdal.h>

#include "source/scenes/scene.h"

GDALDataType vdt_gdal_type(enum vdt_dtype dtype);

/* Sets valid [count] where a pixel of the bands is image by their nodata. `numbers`: NaN is none.
 */
void vdt_find_valid(const struct vdt_band_selection *selection, bool numbers,
                    const unsigned char *pixels, size_t count, uint8_t *valid);

#endif

/* Pixels of one type and unit to another. Private to source/. */
#ifndef SOURCE_CONVERT_PIXELS_H
#define SOURCE_CONVERT_PIXELS_H

#include <stddef.h>

#include "source/scenes/scene.h"

/* Whether a pixel of this type can have the value at all. */
bool vdt_dtype_fits(enum vdt_dtype dtype, double value);
bool vdt_dtype_is_real(enum vdt_dtype dtype);

/* `count` pixels of band `band` (its place in the selection) from selection->stored's type to the
 * selection's: value * scale + offset in double precision, and then in an integer type the nearest
 * whole number, ties to even, within the type's range. Nodata becomes the selection's nodata; what
 * is no number becomes nodata, else 0, in an integer type. */
void vdt_convert_pixels(const struct vdt_band_selection *selection, int band, const void *stored,
                        size_t count, void *pixels);

#endif

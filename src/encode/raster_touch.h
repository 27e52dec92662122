/* The pixels that edges pass through. Private to encode/raster*.c. */
#ifndef ENCODE_RASTER_TOUCH_H
#define ENCODE_RASTER_TOUCH_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/types.h>

/* Sets every pixel of the window whose open square an edge of the ring passes through. */
void vdt_burn_ring(const double (*points)[2], size_t count, const struct vdt_window *window,
                   uint32_t value, size_t size, void *pixels);

#endif

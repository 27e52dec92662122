/* Runs of pixels, and the pixels that edges pass through. Private to encode/raster*.c. */
#ifndef ENCODE_RASTER_TOUCH_H
#define ENCODE_RASTER_TOUCH_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/types.h>

/* Sets pixels [first, end) of a row of pixels of `size` bytes, 1, 2 or 4. */
void vdt_fill_run(void *line, int32_t first, int32_t end, uint32_t value, size_t size);

/* Sets every pixel of the window whose open square an edge of the ring passes through. */
void vdt_burn_ring(const double (*points)[2], size_t count, const struct vdt_window *window,
                   uint32_t value, size_t size, void *pixels);

#endif

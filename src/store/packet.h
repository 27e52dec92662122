/* A sample made ready to be written: encoded by any thread, put into the file by one. */
#ifndef STORE_PACKET_H
#define STORE_PACKET_H

#include <vedatile/error.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "store/codec.h"
#include "store/layout.h"

/* Everything of one sample in one run of bytes; `at` and `size` are by array, 0 bytes when the
 * store has no such array. Reused between samples; {0} is empty. */
struct vdt_packet {
    struct vdt_buffer bytes;
    size_t at[VDT_ARRAYS];
    size_t size[VDT_ARRAYS];
    size_t box_count;
    char key[VDT_KEY_SIZE];
};

/* Checks the sample against the layout, computes checksums (and statistics when it has none) and
 * encodes its chunks. */
vdt_status vdt_packet_encode(struct vdt_packet *packet, const struct vdt_layout *layout,
                             struct vdt_coder *coder, const struct vdt_sample *sample,
                             struct vdt_error *error);
void vdt_packet_clear(struct vdt_packet *packet);

/* Statistics of one band over `count` pixels; `valid` NULL: all of them. Pixels equal to *nodata
 * (when not NULL) and NaN are left out. */
struct vdt_band_stats vdt_band_statistics(enum vdt_dtype dtype, const void *pixels, size_t count,
                                          const uint8_t *valid, const double *nodata);

#endif

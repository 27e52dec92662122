/* A sample made ready to be written: encoded by any thread, put into the file by one. */
#ifndef STORE_PACKET_H
#define STORE_PACKET_H

#include <vedatile/error.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "store/codec.h"
#include "store/decoder.h"
#include "store/layout.h"

/* Everything of one sample in one run of bytes; `at` and `size` are by array, 0 bytes when the
 * store has no such array. An image that is stored as it is stays where the sample has it. Reused
 * between samples; {0} is empty. */
struct vdt_packet {
    struct vdt_buffer bytes;
    const void *image; /* the sample's, needed until the packet is put; NULL: in `bytes` */
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

/* A sample of a store as it lies there: stored chunks and rows, nothing decoded. Its row and
 * metadata are compared with their checksum; for a store with the same tables of scenes and CRSs.
 */
vdt_status vdt_packet_copy(struct vdt_packet *packet, const struct vdt_reader *reader, size_t group,
                           uint64_t index, struct vdt_error *error);
/* Decodes a packet that was copied from there and compares it with its checksums. `scratch` is used
 * again from call to call. */
struct vdt_packet_scratch {
    struct vdt_decoder decoder;
    struct vdt_buffer arrays[VDT_TILE_ARRAYS];
};
vdt_status vdt_packet_verify(const struct vdt_packet *packet, const struct vdt_reader *reader,
                             size_t group, uint64_t index, struct vdt_packet_scratch *scratch,
                             struct vdt_error *error);
void vdt_packet_scratch_clear(struct vdt_packet_scratch *scratch);

void vdt_packet_clear(struct vdt_packet *packet);

/* Statistics of one band over `count` pixels; `valid` NULL: all of them. Pixels equal to *nodata
 * (when not NULL) and NaN are left out. */
struct vdt_band_stats vdt_band_statistics(enum vdt_dtype dtype, const void *pixels, size_t count,
                                          const uint8_t *valid, const double *nodata);

#endif

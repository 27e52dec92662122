/* One thread's means of decoding chunks, used again from chunk to chunk. */
#ifndef STORE_DECODER_H
#define STORE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/buffer.h"

struct vdt_map;

/* {0} is empty. One thread at a time. */
struct vdt_decoder {
    struct vdt_buffer stored;  /* a chunk as it lies in the file */
    struct vdt_buffer plain;   /* decoded, still shuffled */
    void *deflate;             /* struct libdeflate_decompressor */
    void *zstd;                /* ZSTD_DCtx */
    const struct vdt_map *map; /* borrowed: the store to read from, in memory; NULL: its file */
    bool past; /* results go past the processor's caches: set by who does not read them at once */
};
void vdt_decoder_clear(struct vdt_decoder *decoder);

/* Single codecs: exactly `size` bytes, or VDT_ERR_FORMAT. */
vdt_status vdt_decode_lz4(const void *stored, size_t stored_size, void *data, size_t size,
                          struct vdt_error *error); /* filter 32004's framing */
vdt_status vdt_decode_deflate(struct vdt_decoder *decoder, const void *stored, size_t stored_size,
                              void *data, size_t size, struct vdt_error *error);
vdt_status vdt_decode_zstd(struct vdt_decoder *decoder, const void *stored, size_t stored_size,
                           void *data, size_t size, struct vdt_error *error);

/* A chunk as a store has it: codec behind a byte shuffle of elements of `element` bytes. `stored`
 * may be decoder->stored.data. */
vdt_status vdt_decode(struct vdt_decoder *decoder, enum vdt_codec codec, size_t element,
                      const void *stored, size_t stored_size, void *data, size_t size,
                      struct vdt_error *error);

#endif

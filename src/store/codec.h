/* Chunks to stored bytes, byte for byte as HDF5's filters would. */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include <stddef.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/buffer.h"

/* One thread's compressors and scratch; {0} is empty. */
struct vdt_coder {
    void *deflate; /* struct libdeflate_compressor */
    void *zstd;    /* ZSTD_CCtx */
    struct vdt_buffer scratch;
};
void vdt_coder_clear(struct vdt_coder *coder);

/* Appends the stored form of `size` bytes of elements of `element` bytes to `out`. */
vdt_status vdt_encode_chunk(struct vdt_coder *coder, enum vdt_codec codec, size_t element,
                            const void *data, size_t size, struct vdt_buffer *out,
                            struct vdt_error *error);

/* HDF5's shuffle filter: byte k of every element together, and what is less than an element as it
 * is. `element` is not 0. */
void vdt_shuffle(const void *data, size_t size, size_t element, void *shuffled);
void vdt_unshuffle(const void *shuffled, size_t size, size_t element, void *data);
/* As vdt_unshuffle, past the processor's caches where it can: twice as fast into memory that is not
 * in them, and slower where `data` is read again at once. */
void vdt_unshuffle_past(const void *shuffled, size_t size, size_t element, void *data);

#endif

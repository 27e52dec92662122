/* LZ4 (filter 32004's framing), deflate and zstd behind HDF5's byte shuffle. */
#include "store/codec.h"

#include <libdeflate.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "base/error.h"

enum { DEFLATE_LEVEL = 4, ZSTD_LEVEL = 3, LZ4_HEADER = 16 };

void vdt_coder_clear(struct vdt_coder *coder)
{
    if (coder->deflate != NULL)
        libdeflate_free_compressor(coder->deflate);
    ZSTD_freeCCtx(coder->zstd);
    vdt_buffer_clear(&coder->scratch);
    *coder = (struct vdt_coder){0};
}

/* --- shuffle ------------------------------------------------------------------------------ */

typedef unsigned char bytes16 __attribute__((vector_size(16), may_alias));

/* With a constant `n` the loops below become a few instructions, whatever the compiler's level. */
#define UNROLLED static inline __attribute__((always_inline))

/* The bytes of both halves of n vectors in turn. Each byte's position is turned left by a bit: of
 * the 4 + log2(n) bits, log2(n) turns undo the shuffle of 16 elements of n bytes, and 4 make it. */
UNROLLED void zip(bytes16 *v, size_t n)
{
    bytes16 zipped[8];
#pragma GCC unroll 4
    for (size_t i = 0; i < n / 2; i++) {
        bytes16 a = v[i], b = v[i + n / 2];
        zipped[2 * i] =
            __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        zipped[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                    29, 14, 30, 15, 31);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < n; i++)
        v[i] = zipped[i];
}

/* As many elements as make whole vectors; returns how many. n is 2, 4 or 8. */
UNROLLED size_t shuffle_vectors(const unsigned char *in, size_t count, size_t n, unsigned char *out)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        bytes16 v[8];
#pragma GCC unroll 8
        for (size_t k = 0; k < n; k++)
            memcpy(&v[k], in + i * n + 16 * k, 16);
#pragma GCC unroll 4
        for (int turn = 0; turn < 4; turn++)
            zip(v, n);
#pragma GCC unroll 8
        for (size_t k = 0; k < n; k++)
            memcpy(out + k * count + i, &v[k], 16);
    }
    return i;
}

UNROLLED void put(unsigned char *out, bytes16 v, bool past)
{
#ifdef __SSE2__
    if (past) {
        __asm__("movntdq %1, %0" : "=m"(*(bytes16 *)(void *)out) : "x"(v));
        return;
    }
#else
    (void)past;
#endif
    memcpy(out, &v, 16);
}

/* `past`: past the processor's caches; `out` is then aligned to 16 bytes. */
UNROLLED size_t unshuffle_vectors(const unsigned char *in, size_t count, size_t n,
                                  unsigned char *out, bool past)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        bytes16 v[8];
#pragma GCC unroll 8
        for (size_t k = 0; k < n; k++)
            memcpy(&v[k], in + k * count + i, 16);
#pragma GCC unroll 3
        for (size_t turn = 1; turn < n; turn *= 2)
            zip(v, n);
#pragma GCC unroll 8
        for (size_t k = 0; k < n; k++)
            put(out + i * n + 16 * k, v[k], past);
    }
#ifdef __SSE2__
    if (past)
        __asm__ volatile("sfence" ::: "memory"); /* for the threads that are told of it */
#endif
    return i;
}

void vdt_shuffle(const void *data, size_t size, size_t element, void *shuffled)
{
    const unsigned char *in = data;
    unsigned char *out = shuffled;
    size_t count = size / element, done = 0;
    switch (element) {
    case 1: memcpy(out, in, count); return;
    case 2: done = shuffle_vectors(in, count, 2, out); break;
    case 4: done = shuffle_vectors(in, count, 4, out); break;
    case 8: done = shuffle_vectors(in, count, 8, out); break;
    default: break;
    }
    for (size_t k = 0; k < element; k++)
        for (size_t i = done; i < count; i++)
            out[k * count + i] = in[i * element + k];
    memcpy(out + count * element, in + count * element, size % element);
}

UNROLLED void unshuffle(const unsigned char *in, size_t size, size_t element, unsigned char *out,
                        bool past)
{
    size_t count = size / element, done = 0;
    switch (element) {
    case 1: memcpy(out, in, count); return;
    case 2: done = unshuffle_vectors(in, count, 2, out, past); break;
    case 4: done = unshuffle_vectors(in, count, 4, out, past); break;
    case 8: done = unshuffle_vectors(in, count, 8, out, past); break;
    default: break;
    }
    for (size_t i = done; i < count; i++)
        for (size_t k = 0; k < element; k++)
            out[i * element + k] = in[k * count + i];
    memcpy(out + count * element, in + count * element, size % element);
}

void vdt_unshuffle(const void *shuffled, size_t size, size_t element, void *data)
{
    unshuffle(shuffled, size, element, data, false);
}

void vdt_unshuffle_past(const void *shuffled, size_t size, size_t element, void *data)
{
    if ((uintptr_t)data % 16 == 0)
        unshuffle(shuffled, size, element, data, true);
    else
        unshuffle(shuffled, size, element, data, false);
}

/* --- codecs ------------------------------------------------------------------------------- */

static void put_be(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

/* One block: u64 size, u32 block size, u32 stored size, data; all big-endian. Data that does not
 * shrink is stored as it is, which the format marks by stored size == block size. */
static bool encode_lz4(const void *data, size_t size, struct vdt_buffer *out)
{
    int bound = LZ4_compressBound((int)size);
    if (bound <= 0 || !vdt_buffer_reserve(out, out->size + LZ4_HEADER + (size_t)bound))
        return false;
    unsigned char *to = out->data + out->size;
    int stored = LZ4_compress_default(data, (char *)to + LZ4_HEADER, (int)size, bound);
    if (stored <= 0 || (size_t)stored >= size) {
        memcpy(to + LZ4_HEADER, data, size);
        stored = (int)size;
    }
    put_be(to, size, 8);
    put_be(to + 8, size, 4);
    put_be(to + 12, (uint64_t)stored, 4);
    out->size += LZ4_HEADER + (size_t)stored;
    return true;
}

static bool encode_deflate(struct vdt_coder *coder, const void *data, size_t size,
                           struct vdt_buffer *out)
{
    if (coder->deflate == NULL)
        coder->deflate = libdeflate_alloc_compressor(DEFLATE_LEVEL);
    if (coder->deflate == NULL)
        return false;
    size_t bound = libdeflate_zlib_compress_bound(coder->deflate, size);
    if (!vdt_buffer_reserve(out, out->size + bound))
        return false;
    size_t stored =
        libdeflate_zlib_compress(coder->deflate, data, size, out->data + out->size, bound);
    out->size += stored;
    return stored > 0;
}

static bool encode_zstd(struct vdt_coder *coder, const void *data, size_t size,
                        struct vdt_buffer *out)
{
    if (coder->zstd == NULL)
        coder->zstd = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(size);
    if (coder->zstd == NULL || !vdt_buffer_reserve(out, out->size + bound))
        return false;
    size_t stored =
        ZSTD_compressCCtx(coder->zstd, out->data + out->size, bound, data, size, ZSTD_LEVEL);
    if (ZSTD_isError(stored))
        return false;
    out->size += stored;
    return true;
}

vdt_status vdt_encode_chunk(struct vdt_coder *coder, enum vdt_codec codec, size_t element,
                            const void *data, size_t size, struct vdt_buffer *out,
                            struct vdt_error *error)
{
    bool done = false;
    if (codec != VDT_CODEC_RAW && element > 1) {
        if (!vdt_buffer_reserve(&coder->scratch, size))
            return vdt_fail_memory(error, "encoder");
        vdt_shuffle(data, size, element, coder->scratch.data);
        data = coder->scratch.data;
    }
    switch (codec) {
    case VDT_CODEC_RAW: done = vdt_buffer_append(out, data, size); break;
    case VDT_CODEC_LZ4: done = encode_lz4(data, size, out); break;
    case VDT_CODEC_DEFLATE: done = encode_deflate(coder, data, size, out); break;
    case VDT_CODEC_ZSTD: done = encode_zstd(coder, data, size, out); break;
    case VDT_CODEC_AUTO: return vdt_fail(error, VDT_ERR_ARGUMENT, "auto is no stored codec");
    }
    return done ? VDT_OK : vdt_fail_memory(error, "encoder");
}

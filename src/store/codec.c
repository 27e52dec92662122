/* LZ4 (filter 32004's framing), deflate and zstd behind HDF5's byte shuffle. */
#include "store/codec.h"

#include <libdeflate.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/cleanup.h"
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

/* Constant element sizes let the compiler make vector code of the same loop. */
static inline void shuffle_elements(const unsigned char *in, size_t count, size_t element,
                                    unsigned char *out)
{
    for (size_t k = 0; k < element; k++)
        for (size_t i = 0; i < count; i++)
            out[k * count + i] = in[i * element + k];
}

static inline void unshuffle_elements(const unsigned char *in, size_t count, size_t element,
                                      unsigned char *out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < element; k++)
            out[i * element + k] = in[k * count + i];
}

void vdt_shuffle(const void *data, size_t size, size_t element, void *shuffled)
{
    size_t count = size / element;
    switch (element) {
    case 1: memcpy(shuffled, data, size); break;
    case 2: shuffle_elements(data, count, 2, shuffled); break;
    case 4: shuffle_elements(data, count, 4, shuffled); break;
    default: shuffle_elements(data, count, element, shuffled); break;
    }
}

void vdt_unshuffle(const void *shuffled, size_t size, size_t element, void *data)
{
    size_t count = size / element;
    switch (element) {
    case 1: memcpy(data, shuffled, size); break;
    case 2: unshuffle_elements(shuffled, count, 2, data); break;
    case 4: unshuffle_elements(shuffled, count, 4, data); break;
    default: unshuffle_elements(shuffled, count, element, data); break;
    }
}

static void put_be(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const unsigned char *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
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

static bool decode_lz4(const unsigned char *in, size_t in_size, unsigned char *data, size_t size)
{
    if (in_size < 12 || get_be(in, 8) != size)
        return false;
    uint64_t block = get_be(in + 8, 4);
    const unsigned char *end = in + in_size;
    in += 12;
    while (size > 0) {
        if (block == 0 || end - in < 4)
            return false;
        size_t want = size < block ? size : (size_t)block;
        uint64_t stored = get_be(in, 4);
        in += 4;
        if (stored > (uint64_t)(end - in) || stored > LZ4_MAX_INPUT_SIZE)
            return false;
        if (stored == want)
            memcpy(data, in, want);
        else if (LZ4_decompress_safe((const char *)in, (char *)data, (int)stored, (int)want) !=
                 (int)want)
            return false;
        in += stored;
        data += want;
        size -= want;
    }
    return in == end;
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

static bool decode_deflate(const void *in, size_t in_size, void *data, size_t size)
{
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (decompressor == NULL)
        return false;
    size_t got = 0;
    enum libdeflate_result result =
        libdeflate_zlib_decompress(decompressor, in, in_size, data, size, &got);
    libdeflate_free_decompressor(decompressor);
    return result == LIBDEFLATE_SUCCESS && got == size;
}

static bool decode(enum vdt_codec codec, const void *stored, size_t stored_size, void *data,
                   size_t size)
{
    switch (codec) {
    case VDT_CODEC_LZ4: return decode_lz4(stored, stored_size, data, size);
    case VDT_CODEC_DEFLATE: return decode_deflate(stored, stored_size, data, size);
    case VDT_CODEC_ZSTD: return ZSTD_decompress(data, size, stored, stored_size) == size;
    default: break;
    }
    if (stored_size != size)
        return false;
    memcpy(data, stored, size);
    return true;
}

vdt_status vdt_decode_chunk(enum vdt_codec codec, size_t element, const void *stored,
                            size_t stored_size, void *data, size_t size, struct vdt_error *error)
{
    bool shuffled = codec != VDT_CODEC_RAW && element > 1;
    vdt_cleanup(vdt_free_pointer) void *scratch = shuffled ? vdt_allocate(size, 1) : NULL;
    if (shuffled && scratch == NULL)
        return vdt_fail_memory(error, "decoder");
    if (!decode(codec, stored, stored_size, shuffled ? scratch : data, size))
        return vdt_fail(error, VDT_ERR_FORMAT, "the %s data is damaged", vdt_codec_name(codec));
    if (shuffled)
        vdt_unshuffle(scratch, size, element, data);
    return VDT_OK;
}

/* LZ4 (filter 32004's framing), deflate and zstd, and the byte shuffle before them. */
#include "store/decoder.h"

#include <libdeflate.h>
#include <lz4.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "base/error.h"
#include "store/codec.h"

void vdt_decoder_clear(struct vdt_decoder *decoder)
{
    if (decoder->deflate != NULL)
        libdeflate_free_decompressor(decoder->deflate);
    ZSTD_freeDCtx(decoder->zstd);
    vdt_buffer_clear(&decoder->stored);
    vdt_buffer_clear(&decoder->plain);
    *decoder = (struct vdt_decoder){0};
}

static vdt_status damaged(enum vdt_codec codec, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "the %s data is damaged", vdt_codec_name(codec));
}

static uint64_t get_be(const unsigned char *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

/* u64 size, u32 block size, then blocks of u32 stored size and data, all big-endian. A block that
 * is stored as it is has its stored size equal to its size. */
static bool decode_lz4(const unsigned char *in, size_t in_size, unsigned char *data, size_t size)
{
    if (in_size < 12 || get_be(in, 8) != size)
        return false;
    uint64_t block = get_be(in + 8, 4);
    const unsigned char *end = in + in_size;
    in += 12;
    while (size > 0) {
        if (end - in < 4)
            return false;
        size_t want = size < block ? size : (size_t)block;
        uint64_t stored = get_be(in, 4);
        in += 4;
        if (stored > (uint64_t)(end - in) || stored > LZ4_MAX_INPUT_SIZE ||
            want > LZ4_MAX_INPUT_SIZE)
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

vdt_status vdt_decode_lz4(const void *stored, size_t stored_size, void *data, size_t size,
                          struct vdt_error *error)
{
    return decode_lz4(stored, stored_size, data, size) ? VDT_OK : damaged(VDT_CODEC_LZ4, error);
}

vdt_status vdt_decode_deflate(struct vdt_decoder *decoder, const void *stored, size_t stored_size,
                              void *data, size_t size, struct vdt_error *error)
{
    if (decoder->deflate == NULL)
        decoder->deflate = libdeflate_alloc_decompressor();
    if (decoder->deflate == NULL)
        return vdt_fail_memory(error, "decoder");
    enum libdeflate_result result =
        libdeflate_zlib_decompress(decoder->deflate, stored, stored_size, data, size, NULL);
    return result == LIBDEFLATE_SUCCESS ? VDT_OK : damaged(VDT_CODEC_DEFLATE, error);
}

vdt_status vdt_decode_zstd(struct vdt_decoder *decoder, const void *stored, size_t stored_size,
                           void *data, size_t size, struct vdt_error *error)
{
    if (decoder->zstd == NULL)
        decoder->zstd = ZSTD_createDCtx();
    if (decoder->zstd == NULL)
        return vdt_fail_memory(error, "decoder");
    size_t got = ZSTD_decompressDCtx(decoder->zstd, data, size, stored, stored_size);
    return got == size ? VDT_OK : damaged(VDT_CODEC_ZSTD, error);
}

static vdt_status decode(struct vdt_decoder *decoder, enum vdt_codec codec, const void *stored,
                         size_t stored_size, void *data, size_t size, struct vdt_error *error)
{
    switch (codec) {
    case VDT_CODEC_LZ4: return vdt_decode_lz4(stored, stored_size, data, size, error);
    case VDT_CODEC_DEFLATE:
        return vdt_decode_deflate(decoder, stored, stored_size, data, size, error);
    case VDT_CODEC_ZSTD: return vdt_decode_zstd(decoder, stored, stored_size, data, size, error);
    default: break;
    }
    if (stored_size != size)
        return damaged(VDT_CODEC_RAW, error);
    memcpy(data, stored, size);
    return VDT_OK;
}

vdt_status vdt_decode(struct vdt_decoder *decoder, enum vdt_codec codec, size_t element,
                      const void *stored, size_t stored_size, void *data, size_t size,
                      struct vdt_error *error)
{
    if (codec == VDT_CODEC_RAW || element == 1)
        return decode(decoder, codec, stored, stored_size, data, size, error);
    /* One buffer for all chunks: it stays in the processor's cache. */
    if (!vdt_buffer_reserve(&decoder->plain, size))
        return vdt_fail_memory(error, "decoder");
    vdt_status status =
        decode(decoder, codec, stored, stored_size, decoder->plain.data, size, error);
    if (status == VDT_OK && decoder->past)
        vdt_unshuffle_past(decoder->plain.data, size, element, data);
    else if (status == VDT_OK)
        vdt_unshuffle(decoder->plain.data, size, element, data);
    return status;
}

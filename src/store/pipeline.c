/* Shuffle, deflate, fletcher32, LZF, LZ4 and zstd in whatever order a dataset declares them. */
#include "store/pipeline.h"

#include <lzf.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "store/codec.h"
#include "store/layout.h"

enum { FILTER_LZF = 32000, CHECKSUM_BYTES = 4 };

/* --- reading the declaration -------------------------------------------------------------- */

static bool compresses(int id)
{
    return id == H5Z_FILTER_DEFLATE || id == FILTER_LZF || id == VDT_FILTER_LZ4 ||
           id == VDT_FILTER_ZSTD;
}

static vdt_status read_one(struct vdt_stage *filter, hid_t creation, unsigned index,
                           const char *what, struct vdt_error *error)
{
    unsigned values[8] = {0}, flags = 0;
    size_t count = 8;
    char name[64] = "";
    filter->id = H5Pget_filter2(creation, index, &flags, &count, values, sizeof name, name, NULL);
    name[sizeof name - 1] = '\0';
    if (filter->id < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: filter %u cannot be read", what, index);
    if (filter->id == H5Z_FILTER_SHUFFLE) {
        filter->element = values[0];
        return count > 0 && values[0] > 0
                   ? VDT_OK
                   : vdt_fail(error, VDT_ERR_FORMAT, "%s: the shuffle filter names no size", what);
    }
    if (filter->id == H5Z_FILTER_FLETCHER32 || compresses(filter->id))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: filter %d (%s) is not supported; shuffle, deflate, fletcher32, LZF, LZ4 "
                    "and zstd are",
                    what, filter->id, name[0] == '\0' ? "no name" : name);
}

vdt_status vdt_pipeline_read(struct vdt_pipeline *pipeline, hid_t creation, const char *what,
                             struct vdt_error *error)
{
    struct vdt_pipeline read = {0};
    int count = H5Pget_nfilters(creation), compressors = 0;
    if (count < 0 || count > VDT_STAGES)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %d filters; at most %d are supported",
                        what, count, VDT_STAGES);
    for (read.count = 0; read.count < (uint32_t)count; read.count++) {
        struct vdt_stage *filter = &read.list[read.count];
        vdt_status status = read_one(filter, creation, read.count, what, error);
        if (status != VDT_OK)
            return status;
        compressors += compresses(filter->id);
    }
    /* The size between two of them is written down nowhere. */
    if (compressors > 1)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: is compressed twice; one compressor is supported", what);
    *pipeline = read;
    return VDT_OK;
}

/* --- undoing ------------------------------------------------------------------------------ */

/* Fletcher's checksum as HDF5 has it (H5checksum.c): over big-endian 16-bit words, the last of
 * which may lack its second byte. 360 words are the most before a sum of 32 bits can overflow. */
static uint32_t fletcher32(const unsigned char *data, size_t size)
{
    uint32_t sum = 0, sums = 0;
    size_t words = size / 2;
    while (words > 0) {
        size_t step = words < 360 ? words : 360;
        words -= step;
        for (; step > 0; step--, data += 2) {
            sum += (uint32_t)data[0] << 8 | data[1];
            sums += sum;
        }
        sum = (sum & 0xffff) + (sum >> 16);
        sums = (sums & 0xffff) + (sums >> 16);
    }
    if (size % 2 != 0) {
        sum += (uint32_t)data[0] << 8;
        sums += sum;
        sum = (sum & 0xffff) + (sum >> 16);
        sums = (sums & 0xffff) + (sums >> 16);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sums = (sums & 0xffff) + (sums >> 16);
    return sums << 16 | sum;
}

/* Takes the checksum off the end. HDF5 before 1.6.3 swapped the bytes of both halves on
 * little-endian machines, and its files are still read. */
static vdt_status verify(const unsigned char *data, size_t *size, struct vdt_error *error)
{
    if (*size < CHECKSUM_BYTES)
        return vdt_fail(error, VDT_ERR_FORMAT, "the chunk is too short for its checksum");
    *size -= CHECKSUM_BYTES;
    const unsigned char *tail = data + *size;
    uint32_t stored =
        (uint32_t)tail[3] << 24 | (uint32_t)tail[2] << 16 | (uint32_t)tail[1] << 8 | tail[0];
    uint32_t right = fletcher32(data, *size);
    uint32_t swapped = (right & 0x00ff00ff) << 8 | (right >> 8 & 0x00ff00ff);
    return stored == right || stored == swapped
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_FORMAT, "the fletcher32 checksum does not match");
}

static vdt_status decompress(int id, struct vdt_decoder *decoder, const void *stored,
                             size_t stored_size, void *data, size_t size, struct vdt_error *error)
{
    if (id == H5Z_FILTER_DEFLATE)
        return vdt_decode_deflate(decoder, stored, stored_size, data, size, error);
    if (id == VDT_FILTER_LZ4)
        return vdt_decode_lz4(stored, stored_size, data, size, error);
    if (id == VDT_FILTER_ZSTD)
        return vdt_decode_zstd(decoder, stored, stored_size, data, size, error);
    if (lzf_decompress(stored, (unsigned)stored_size, data, (unsigned)size) != size)
        return vdt_fail(error, VDT_ERR_FORMAT, "the lzf data is damaged");
    return VDT_OK;
}

/* Filters that were applied before filter `end`; *checksums says how many of them add a checksum.
 */
static uint32_t active_before(const struct vdt_pipeline *pipeline, uint32_t skipped, uint32_t end,
                              size_t *checksums)
{
    uint32_t active = 0;
    *checksums = 0;
    for (uint32_t i = 0; i < end; i++) {
        bool is = (skipped >> i & 1) == 0;
        active += is;
        *checksums += is && pipeline->list[i].id == H5Z_FILTER_FLETCHER32;
    }
    return active;
}

vdt_status vdt_pipeline_undo(const struct vdt_pipeline *pipeline, uint32_t skipped,
                             struct vdt_decoder *decoder, struct vdt_buffer *spare,
                             const void *stored, size_t stored_size, void *data, size_t size,
                             struct vdt_error *error)
{
    const unsigned char *now = stored;
    size_t have = stored_size;
    vdt_status status = VDT_OK;
    for (uint32_t i = pipeline->count; status == VDT_OK && i-- > 0;) {
        int id = pipeline->list[i].id;
        size_t checksums;
        uint32_t active = active_before(pipeline, skipped, i, &checksums);
        if ((skipped >> i & 1) != 0)
            continue;
        /* Decoders read their first byte without looking at the size. */
        if (have == 0)
            return vdt_fail(error, VDT_ERR_FORMAT, "the chunk is empty");
        if (id == H5Z_FILTER_FLETCHER32) {
            status = verify(now, &have, error);
            continue;
        }
        size_t out_size = compresses(id) ? size + checksums * CHECKSUM_BYTES : have;
        struct vdt_buffer *buffer = now == decoder->plain.data ? spare : &decoder->plain;
        bool last = active == 0 && out_size == size;
        if (!last && !vdt_buffer_reserve(buffer, out_size))
            return vdt_fail_memory(error, "decoder");
        unsigned char *out = last ? data : buffer->data;
        if (compresses(id))
            status = decompress(id, decoder, now, have, out, out_size, error);
        else
            vdt_unshuffle(now, have, pipeline->list[i].element, out);
        now = out;
        have = out_size;
    }
    if (status != VDT_OK)
        return status;
    if (have != size)
        return vdt_fail(error, VDT_ERR_FORMAT, "the chunk has %zu bytes instead of %zu", have,
                        size);
    if (now != data)
        memcpy(data, now, size);
    return VDT_OK;
}

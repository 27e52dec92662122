/* Chunks with their checksums, and rows with the filter that leaves the smallest numbers. */
#include "server/draw/png.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/codec.h"

enum { NONE, SUB, UP, FILTERS };

struct crc_table {
    uint32_t rows[256];
};

static void make_table(struct crc_table *table)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
        table->rows[i] = crc;
    }
}

static uint32_t crc32_of(const struct crc_table *table, uint32_t crc, const unsigned char *data,
                         size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table->rows[(crc ^ data[i]) & 255];
    return ~crc;
}

static void put_u32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static bool add_chunk(const struct crc_table *table, struct vdt_buffer *bytes, const char type[5],
                      const void *data, size_t size)
{
    unsigned char head[8], tail[4];
    put_u32(head, (uint32_t)size);
    memcpy(head + 4, type, 4);
    put_u32(tail, crc32_of(table, crc32_of(table, 0, head + 4, 4), data, size));
    return vdt_buffer_append(bytes, head, sizeof head) && vdt_buffer_append(bytes, data, size) &&
           vdt_buffer_append(bytes, tail, sizeof tail);
}

static bool add_palette(const struct crc_table *table, const struct vdt_png *png,
                        struct vdt_buffer *bytes)
{
    unsigned char colours[256 * 3], alpha[256];
    if (png->palette == NULL)
        return true;
    for (unsigned i = 0; i < png->colours; i++) {
        memcpy(colours + (size_t)3 * i, png->palette[i], 3);
        alpha[i] = png->palette[i][3];
    }
    return add_chunk(table, bytes, "PLTE", colours, (size_t)3 * png->colours) &&
           add_chunk(table, bytes, "tRNS", alpha, png->colours);
}

/* Most significant byte first. */
static void copy_row(const struct vdt_png *png, const unsigned char *from, size_t size,
                     unsigned char *row)
{
    if (png->depth == 8) {
        memcpy(row, from, size);
        return;
    }
    for (size_t i = 0; i < size; i += 2) {
        uint16_t value;
        memcpy(&value, from + i, 2);
        row[i] = (unsigned char)(value >> 8);
        row[i + 1] = (unsigned char)value;
    }
}

static uint64_t filter_row(unsigned filter, const unsigned char *row, const unsigned char *above,
                           size_t step, size_t size, unsigned char *out)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char left = i < step ? 0 : row[i - step];
        out[i] = (unsigned char)(row[i] - (filter == SUB ? left : filter == UP ? above[i] : 0));
        sum += out[i] < 128 ? out[i] : 256u - out[i];
    }
    return sum;
}

/* All rows with their filters' numbers before them; numbers of a palette are left as they are. */
static void filter_rows(const struct vdt_png *png, size_t size, unsigned char *rows,
                        unsigned char *scratch)
{
    unsigned char *above = scratch, *row = scratch + size, *trial = scratch + 2 * size;
    size_t step = (size_t)png->channels * png->depth / 8;
    memset(above, 0, size);
    for (uint32_t y = 0; y < png->rows; y++) {
        unsigned char *out = rows + y * (size + 1);
        uint64_t least = UINT64_MAX;
        copy_row(png, (const unsigned char *)png->pixels + y * size, size, row);
        for (unsigned f = NONE; f < (png->palette != NULL ? SUB : FILTERS); f++) {
            uint64_t sum = filter_row(f, row, above, step, size, trial);
            if (sum >= least)
                continue;
            least = sum;
            out[0] = (unsigned char)f;
            memcpy(out + 1, trial, size);
        }
        unsigned char *swap = above;
        above = row;
        row = swap;
    }
}

static vdt_status compress(const struct vdt_png *png, struct vdt_buffer *stream,
                           struct vdt_error *error)
{
    size_t size = (size_t)png->cols * png->channels * png->depth / 8;
    vdt_cleanup(vdt_free_pointer) unsigned char *rows = vdt_allocate(png->rows, size + 1);
    vdt_cleanup(vdt_free_pointer) unsigned char *scratch = vdt_allocate(3, size);
    vdt_cleanup(vdt_coder_clear) struct vdt_coder coder = {0};
    if (rows == NULL || scratch == NULL)
        return vdt_fail_memory(error, "picture");
    filter_rows(png, size, rows, scratch);
    /* HDF5's deflate filter is a zlib stream, as PNG wants it; elements of a byte are not shuffled.
     */
    return vdt_encode_chunk(&coder, VDT_CODEC_DEFLATE, 1, rows, png->rows * (size + 1), stream,
                            error);
}

vdt_status vdt_png_encode(const struct vdt_png *png, struct vdt_buffer *bytes,
                          struct vdt_error *error)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer stream = {0};
    unsigned char head[13] = {0};
    struct crc_table table;
    make_table(&table);
    put_u32(head, png->cols);
    put_u32(head + 4, png->rows);
    head[8] = (unsigned char)png->depth;
    head[9] = png->palette != NULL ? 3 : png->channels == 3 ? 2 : 0;
    vdt_status status = compress(png, &stream, error);
    if (status != VDT_OK)
        return status;
    return vdt_buffer_append(bytes, signature, sizeof signature) &&
                   add_chunk(&table, bytes, "IHDR", head, sizeof head) &&
                   add_palette(&table, png, bytes) &&
                   add_chunk(&table, bytes, "IDAT", stream.data, stream.size) &&
                   add_chunk(&table, bytes, "IEND", "", 0)
               ? VDT_OK
               : vdt_fail_memory(error, "picture");
}

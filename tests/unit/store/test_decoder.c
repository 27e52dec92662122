#include "stores.h"

#include <hdf5.h>
#include <lz4.h>
#include <zstd.h>

#include "store/codec.h"
#include "store/decoder.h"

static const enum vdt_codec codecs[] = {VDT_CODEC_RAW, VDT_CODEC_LZ4, VDT_CODEC_DEFLATE,
                                        VDT_CODEC_ZSTD};
static const size_t elements[] = {1, 2, 4, 8};

/* 0: packs well, and no two neighbours are alike; 1: does not pack. */
static void fill(unsigned char *data, size_t size, int kind)
{
    for (size_t i = 0; i < size; i++)
        data[i] = kind == 0 ? (unsigned char)(i * 7 % 97) : (unsigned char)vdt_mix(i + 1);
}

static unsigned char *a_copy(const void *data, size_t size)
{
    unsigned char *copy = malloc(size == 0 ? 1 : size); /* exact, so that a read beyond is seen */
    memcpy(copy, data, size);
    return copy;
}

/* --- other people's chunks -------------------------------------------------------------------- */

/* What libhdf5 itself stores for `data`, as a chunk of elements of `element` bytes. */
static size_t stored_by_hdf5(enum vdt_codec codec, size_t element, const unsigned char *data,
                             size_t size, unsigned char *stored)
{
    hid_t type = element == 1   ? H5T_STD_U8LE
                 : element == 2 ? H5T_STD_I16LE
                 : element == 4 ? H5T_IEEE_F32LE
                                : H5T_STD_U64LE;
    hsize_t count = size / element, start = 0, bytes = 0;
    uint32_t mask = 1;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_fapl_core(access, 65536, 0);
    H5Pset_chunk(creation, 1, &count);
    if (codec == VDT_CODEC_DEFLATE && element > 1)
        H5Pset_shuffle(creation);
    if (codec == VDT_CODEC_DEFLATE)
        H5Pset_deflate(creation, 6);
    hid_t file = H5Fcreate("none.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hid_t space = H5Screate_simple(1, &count, NULL);
    hid_t set = H5Dcreate2(file, "d", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Fflush(file, H5F_SCOPE_LOCAL);
    H5Dget_chunk_storage_size(set, &start, &bytes);
    assert_true(H5Dread_chunk(set, H5P_DEFAULT, &start, &mask, stored) >= 0);
    assert_int_equal(mask, 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(creation);
    H5Pclose(access);
    H5Fclose(file);
    return (size_t)bytes;
}

/* What the libraries of the other two codecs make of bytes that a plain loop has shuffled; the lz4
 * filter puts a size and a block size before it. */
static size_t stored_by_library(enum vdt_codec codec, size_t element, const unsigned char *data,
                                size_t size, unsigned char *stored)
{
    unsigned char *shuffled = malloc(size);
    for (size_t i = 0; i < size; i++)
        shuffled[i % element * (size / element) + i / element] = data[i];
    size_t bytes;
    if (codec == VDT_CODEC_ZSTD) {
        bytes = ZSTD_compress(stored, 2 * size + 1000, shuffled, size, 19);
        assert_false(ZSTD_isError(bytes));
    } else {
        int packed = LZ4_compress_default((char *)shuffled, (char *)stored + 16, (int)size,
                                          (int)(2 * size + 900));
        memset(stored, 0, 16);
        for (int i = 0; i < 4; i++) {
            stored[7 - i] = stored[11 - i] = (unsigned char)(size >> 8 * i);
            stored[15 - i] = (unsigned char)((unsigned)packed >> 8 * i);
        }
        bytes = 16 + (size_t)packed;
    }
    free(shuffled);
    return bytes;
}

/* One decoder for all of them, large and small in turn. */
static void chunks_of_others_are_read(void **state)
{
    (void)state;
    static const size_t sizes[] = {200000, 800, 65536, 8, 24, 1000};
    struct vdt_decoder decoder = {0};
    unsigned char *data = malloc(200000), *stored = malloc(500000);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t c = 0; c < 4; c++)
            for (size_t e = 0; e < 4; e++) {
                size_t size = sizes[s];
                bool library = codecs[c] == VDT_CODEC_LZ4 || codecs[c] == VDT_CODEC_ZSTD;
                /* Past the caches in every second round, and into places of any alignment. */
                size_t shift = (s + c) % 3;
                decoder.past = (s + e) % 2 == 1;
                unsigned char *memory = malloc(size + shift), *back = memory + shift;
                memset(back, 0xaa, size);
                fill(data, size, 0);
                size_t bytes = library
                                   ? stored_by_library(codecs[c], elements[e], data, size, stored)
                                   : stored_by_hdf5(codecs[c], elements[e], data, size, stored);
                unsigned char *exact = a_copy(stored, bytes);
                assert_int_equal(
                    vdt_decode(&decoder, codecs[c], elements[e], exact, bytes, back, size, &error),
                    VDT_OK);
                assert_memory_equal(back, data, size);
                free(exact);
                free(memory);
            }
    free(data);
    free(stored);
    vdt_decoder_clear(&decoder);
    assert_null(decoder.deflate);
    assert_null(decoder.zstd);
    assert_null(decoder.plain.data);
}

/* Other writers of the filter cut a chunk into blocks. */
static void lz4_of_several_blocks_is_read(void **state)
{
    (void)state;
    unsigned char data[250], back[250], stored[1024] = {0};
    fill(data, 250, 0);
    stored[7] = 250;
    stored[11] = 100;
    size_t at = 12;
    for (int block = 0; block < 3; block++) {
        int size = block == 2 ? 50 : 100;
        int packed =
            LZ4_compress_default((char *)data + 100 * block, (char *)stored + at + 4, size, 500);
        if (block == 1) { /* stored as it is */
            packed = size;
            memcpy(stored + at + 4, data + 100, 100);
        }
        memcpy(stored + at, (unsigned char[]){0, 0, 0, (unsigned char)packed}, 4);
        at += 4 + (size_t)packed;
    }
    assert_int_equal(vdt_decode_lz4(stored, at, back, 250, NULL), VDT_OK);
    assert_memory_equal(back, data, 250);
    assert_int_equal(vdt_decode_lz4(stored, at + 1, back, 250, NULL), VDT_ERR_FORMAT);
    stored[11] = 0;
    assert_int_equal(vdt_decode_lz4(stored, at, back, 250, NULL), VDT_ERR_FORMAT);
}

/* Sizes in the framing that are not those of the data. */
static void lz4_claims_are_not_believed(void **state)
{
    (void)state;
    static const unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    unsigned char back[16], stored[16] = {0};
    assert_int_equal(vdt_decode_lz4(huge, 16, back, 16, NULL), VDT_ERR_FORMAT);
    stored[7] = 16; /* size as wanted, and a block of 4 GiB of which 2 GiB are stored */
    memset(stored + 8, 0xff, 4);
    stored[12] = 0x7f;
    assert_int_equal(vdt_decode_lz4(stored, 16, back, 16, NULL), VDT_ERR_FORMAT);
    stored[12] = 0; /* a block of nothing */
    assert_int_equal(vdt_decode_lz4(stored, 16, back, 16, NULL), VDT_ERR_FORMAT);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void every_shortened_chunk_is_an_error(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_decoder decoder = {0};
    for (size_t c = 0; c < 4; c++)
        for (int kind = 0; kind < 2; kind++) {
            struct vdt_buffer out = {0};
            unsigned char data[400], back[401];
            fill(data, 400, kind);
            assert_int_equal(vdt_encode_chunk(&coder, codecs[c], 4, data, 400, &out, NULL), VDT_OK);
            for (size_t size = 0; size < out.size; size++) {
                unsigned char *shorter = a_copy(out.data, size);
                assert_int_equal(
                    vdt_decode(&decoder, codecs[c], 4, shorter, size, back, 400, &error),
                    VDT_ERR_FORMAT);
                free(shorter);
            }
            assert_non_null(strstr(error.message, vdt_codec_name(codecs[c])));
            /* The same bytes for a larger or a smaller chunk. */
            assert_int_equal(
                vdt_decode(&decoder, codecs[c], 4, out.data, out.size, back, 396, NULL),
                VDT_ERR_FORMAT);
            assert_int_equal(
                vdt_decode(&decoder, codecs[c], 1, out.data, out.size, back, 401, NULL),
                VDT_ERR_FORMAT);
            /* And the decoder is none the worse for it. */
            assert_int_equal(
                vdt_decode(&decoder, codecs[c], 4, out.data, out.size, back, 400, NULL), VDT_OK);
            assert_memory_equal(back, data, 400);
            vdt_buffer_clear(&out);
        }
    vdt_coder_clear(&coder);
    vdt_decoder_clear(&decoder);
}

static void damaged_bytes_never_leave_the_buffer(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_decoder decoder = {0};
    for (size_t c = 1; c < 4; c++)
        for (size_t e = 0; e < 4; e++) {
            struct vdt_buffer out = {0};
            unsigned char data[2000];
            unsigned refused = 0;
            fill(data, 2000, 0);
            assert_int_equal(
                vdt_encode_chunk(&coder, codecs[c], elements[e], data, 2000, &out, NULL), VDT_OK);
            for (uint64_t i = 0; i < 2000; i++) {
                size_t size = i % 3 == 0 ? 1 + vdt_mix(i) % out.size : out.size;
                unsigned char *bytes = a_copy(out.data, size), *back = malloc(2000);
                for (uint64_t k = 0; k < 1 + i % 5; k++)
                    bytes[vdt_mix(i * 8 + k) % size] ^= (unsigned char)(1 + vdt_mix(i + k) % 255);
                vdt_status status =
                    vdt_decode(&decoder, codecs[c], elements[e], bytes, size, back, 2000, NULL);
                assert_true(status == VDT_OK || status == VDT_ERR_FORMAT);
                refused += status != VDT_OK;
                free(bytes);
                free(back);
            }
            assert_true(refused > 500);
            vdt_buffer_clear(&out);
        }
    vdt_coder_clear(&coder);
    vdt_decoder_clear(&decoder);
}

/* A chunk of one-byte elements goes straight to where it is wanted. */
static void memory_is_used_again(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_decoder decoder = {0};
    struct vdt_buffer out = {0};
    unsigned char data[4000], back[4000];
    fill(data, 4000, 0);
    assert_int_equal(vdt_encode_chunk(&coder, VDT_CODEC_LZ4, 1, data, 4000, &out, NULL), VDT_OK);
    assert_int_equal(vdt_decode(&decoder, VDT_CODEC_LZ4, 1, out.data, out.size, back, 4000, NULL),
                     VDT_OK);
    assert_null(decoder.plain.data);
    out.size = 0;
    assert_int_equal(vdt_encode_chunk(&coder, VDT_CODEC_LZ4, 2, data, 4000, &out, NULL), VDT_OK);
    /* From the decoder's own memory, as a reader does it. */
    assert_true(vdt_buffer_append(&decoder.stored, out.data, out.size));
    const unsigned char *plain = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            vdt_decode(&decoder, VDT_CODEC_LZ4, 2, decoder.stored.data, out.size, back, 4000, NULL),
            VDT_OK);
        assert_memory_equal(back, data, 4000);
        assert_true(plain == NULL || plain == decoder.plain.data);
        plain = decoder.plain.data;
    }
    vdt_buffer_clear(&out);
    vdt_coder_clear(&coder);
    vdt_decoder_clear(&decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_others_are_read),
        cmocka_unit_test(lz4_of_several_blocks_is_read),
        cmocka_unit_test(lz4_claims_are_not_believed),
        cmocka_unit_test(every_shortened_chunk_is_an_error),
        cmocka_unit_test(damaged_bytes_never_leave_the_buffer),
        cmocka_unit_test(memory_is_used_again),
    };
    return cmocka_run_group_tests_name("store/decoder", tests, NULL, NULL);
}

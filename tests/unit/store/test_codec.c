#include "stores.h"

#include <hdf5.h>
#include <lz4.h>

#include "store/codec.h"
#include "store/decoder.h"

static const enum vdt_codec codecs[] = {VDT_CODEC_RAW, VDT_CODEC_LZ4, VDT_CODEC_DEFLATE,
                                        VDT_CODEC_ZSTD};
static const size_t elements[] = {1, 2, 4, 8};

static void fill(unsigned char *data, size_t size, int kind)
{
    for (size_t i = 0; i < size; i++)
        data[i] = kind == 0   ? 0
                  : kind == 1 ? (unsigned char)(i / 50)
                              : (unsigned char)vdt_mix(i + 1);
}

static void every_codec_gives_back_what_it_got(void **state)
{
    (void)state;
    static const size_t sizes[] = {8, 16, 1000, 65536, 196608};
    struct vdt_coder coder = {0};
    struct vdt_decoder decoder = {0};
    struct vdt_buffer stored = {0};
    unsigned char *data = malloc(196608), *back = malloc(196608);
    for (size_t c = 0; c < 4; c++)
        for (size_t e = 0; e < 4; e++)
            for (size_t s = 0; s < 5; s++)
                for (int kind = 0; kind < 3; kind++) {
                    fill(data, sizes[s], kind);
                    memset(back, 0xaa, sizes[s]);
                    stored.size = 0;
                    assert_int_equal(vdt_encode_chunk(&coder, codecs[c], elements[e], data,
                                                      sizes[s], &stored, NULL),
                                     VDT_OK);
                    assert_int_equal(vdt_decode(&decoder, codecs[c], elements[e], stored.data,
                                                stored.size, back, sizes[s], NULL),
                                     VDT_OK);
                    assert_memory_equal(back, data, sizes[s]);
                    if (codecs[c] != VDT_CODEC_RAW && kind == 0 && sizes[s] >= 1000)
                        assert_true(stored.size < sizes[s] / 4);
                }
    free(data);
    free(back);
    vdt_buffer_clear(&stored);
    vdt_coder_clear(&coder);
    vdt_decoder_clear(&decoder);
}

static void encoding_appends(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_decoder decoder = {0};
    for (size_t c = 0; c < 4; c++) {
        struct vdt_buffer out = {0};
        unsigned char data[64], back[64];
        fill(data, 64, 1);
        assert_true(vdt_buffer_append(&out, "before", 6));
        assert_int_equal(vdt_encode_chunk(&coder, codecs[c], 2, data, 64, &out, NULL), VDT_OK);
        assert_memory_equal(out.data, "before", 6);
        assert_int_equal(
            vdt_decode(&decoder, codecs[c], 2, out.data + 6, out.size - 6, back, 64, NULL), VDT_OK);
        assert_memory_equal(back, data, 64);
        vdt_buffer_clear(&out);
    }
    vdt_coder_clear(&coder);
    vdt_decoder_clear(&decoder);
}

static void auto_is_refused(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_buffer out = {0};
    assert_int_equal(vdt_encode_chunk(&coder, VDT_CODEC_AUTO, 1, "x", 1, &out, NULL),
                     VDT_ERR_ARGUMENT);
    vdt_buffer_clear(&out);
    vdt_coder_clear(&coder);
}

/* HDF5 itself is the witness: what its filters stored, we read, and the other way round. */
static void our_chunks_are_those_of_hdf5(void **state)
{
    (void)state;
    hid_t types[] = {H5T_STD_U8LE, H5T_STD_U16LE, H5T_STD_U32LE, H5T_IEEE_F64LE};
    for (int e = 0; e < 4; e++) {
        unsigned char data[800], back[800], theirs[2000];
        hsize_t count = 800 / elements[e], start = 0, size = 0;
        uint32_t mask = 1;
        struct vdt_coder coder = {0};
        struct vdt_decoder decoder = {0};
        struct vdt_buffer ours = {0};
        fill(data, 800, 1);
        hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_fapl_core(access, 65536, 0);
        H5Pset_chunk(creation, 1, &count);
        if (elements[e] > 1)
            H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 6);
        hid_t file = H5Fcreate("none.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
        hid_t space = H5Screate_simple(1, &count, NULL);
        hid_t set = H5Dcreate2(file, "d", types[e], space, H5P_DEFAULT, creation, H5P_DEFAULT);
        assert_true(H5Dwrite(set, types[e], H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
        H5Fflush(file, H5F_SCOPE_LOCAL);
        H5Dget_chunk_storage_size(set, &start, &size);
        assert_true(H5Dread_chunk(set, H5P_DEFAULT, &start, &mask, theirs) >= 0);
        assert_int_equal(
            vdt_decode(&decoder, VDT_CODEC_DEFLATE, elements[e], theirs, size, back, 800, NULL),
            VDT_OK);
        assert_memory_equal(back, data, 800);
        fill(data, 800, 2);
        assert_int_equal(
            vdt_encode_chunk(&coder, VDT_CODEC_DEFLATE, elements[e], data, 800, &ours, NULL),
            VDT_OK);
        assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, 0, &start, ours.size, ours.data) >= 0);
        assert_true(H5Dread(set, types[e], H5S_ALL, H5S_ALL, H5P_DEFAULT, back) >= 0);
        assert_memory_equal(back, data, 800);
        H5Dclose(set);
        H5Sclose(space);
        H5Pclose(creation);
        H5Pclose(access);
        H5Fclose(file);
        vdt_buffer_clear(&ours);
        vdt_coder_clear(&coder);
        vdt_decoder_clear(&decoder);
    }
}

static void shuffle_puts_equal_bytes_together(void **state)
{
    (void)state;
    static const unsigned char in[] = {1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24};
    static const unsigned char two[] = {1, 3, 11, 13, 21, 23, 2, 4, 12, 14, 22, 24};
    static const unsigned char four[] = {1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24};
    unsigned char out[12], back[12];
    vdt_shuffle(in, 12, 1, out);
    assert_memory_equal(out, in, 12);
    vdt_shuffle(in, 12, 2, out);
    assert_memory_equal(out, two, 12);
    vdt_unshuffle(out, 12, 2, back);
    assert_memory_equal(back, in, 12);
    vdt_shuffle(in, 12, 4, out);
    assert_memory_equal(out, four, 12);
    vdt_unshuffle(out, 12, 4, back);
    assert_memory_equal(back, in, 12);
}

/* Every length around whole vectors, against the definition. */
static void shuffle_is_that_of_hdf5(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 3, 4, 5, 8, 16};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t size = 0; size < 700; size++) {
            size_t element = widths[w], count = size / element;
            /* Of the exact size, so that a step too far is seen. */
            size_t bytes = size == 0 ? 1 : size;
            unsigned char *data = malloc(bytes), *shuffled = malloc(bytes);
            unsigned char *expected = malloc(bytes);
            fill(data, size, 2);
            for (size_t i = 0; i < size; i++)
                expected[i < count * element ? i % element * count + i / element : i] = data[i];
            vdt_shuffle(data, size, element, shuffled);
            assert_memory_equal(shuffled, expected, size);
            memset(data, 0xaa, size);
            vdt_unshuffle(shuffled, size, element, data);
            fill(expected, size, 2);
            assert_memory_equal(data, expected, size);
            memset(data, 0xaa, size);
            vdt_unshuffle_past(shuffled, size, element, data);
            assert_memory_equal(data, expected, size);
            free(data);
            free(shuffled);
            free(expected);
        }
}

/* Filter 32004: u64 size, u32 block size, then blocks of u32 stored size and data, big-endian. */
static void lz4_is_framed_as_the_filter_does(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_buffer out = {0};
    unsigned char data[1000], back[1000];
    fill(data, 1000, 1);
    assert_int_equal(vdt_encode_chunk(&coder, VDT_CODEC_LZ4, 1, data, 1000, &out, NULL), VDT_OK);
    assert_memory_equal(out.data, "\0\0\0\0\0\0\3\xe8\0\0\3\xe8\0\0", 14);
    assert_int_equal(out.data[14] << 8 | out.data[15], (int)out.size - 16);
    assert_int_equal(
        LZ4_decompress_safe((char *)out.data + 16, (char *)back, (int)out.size - 16, 1000), 1000);
    assert_memory_equal(back, data, 1000);
    vdt_buffer_clear(&out);
    vdt_coder_clear(&coder);
}

static void lz4_stores_what_does_not_shrink(void **state)
{
    (void)state;
    struct vdt_coder coder = {0};
    struct vdt_buffer out = {0};
    unsigned char data[1000];
    fill(data, 1000, 2);
    assert_int_equal(vdt_encode_chunk(&coder, VDT_CODEC_LZ4, 1, data, 1000, &out, NULL), VDT_OK);
    assert_int_equal(out.size, 1016);
    assert_memory_equal(out.data + 12, "\0\0\3\xe8", 4);
    assert_memory_equal(out.data + 16, data, 1000);
    vdt_buffer_clear(&out);
    vdt_coder_clear(&coder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_got),
        cmocka_unit_test(encoding_appends),
        cmocka_unit_test(auto_is_refused),
        cmocka_unit_test(our_chunks_are_those_of_hdf5),
        cmocka_unit_test(shuffle_puts_equal_bytes_together),
        cmocka_unit_test(shuffle_is_that_of_hdf5),
        cmocka_unit_test(lz4_is_framed_as_the_filter_does),
        cmocka_unit_test(lz4_stores_what_does_not_shrink),
    };
    return cmocka_run_group_tests_name("store/codec", tests, NULL, NULL);
}

/* What the tests of src/store/foreign.c share: files whose chunks are made here, so that every
 * filter, mask and index is known. */
#ifndef TEST_FOREIGN_FILES_H
#define TEST_FOREIGN_FILES_H

#include "stores.h"

#include <libdeflate.h>
#include <lzf.h>
#include <vedatile/hdf5.h>
#include <zstd.h>

#include "encoders.h"
#include "store/foreign.h"

/* --- files whose chunks are made here, so that every filter, mask and index is known -------- */

enum { RANK = 4, COUNT = 7, FILL = 4242, LZF = 32000, LZ4 = 32004, ZSTD = 32015 };
enum index { B_TREE_1, SINGLE, IMPLICIT, FIXED_ARRAY, EXTENSIBLE_ARRAY, B_TREE_2, INDEXES };
static const hsize_t dims[RANK] = {COUNT, 3, 10, 11};
static const hsize_t unlimited[RANK] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};
enum { PIXELS = 3 * 10 * 11 };

struct plan {
    enum index index;
    int filters[4]; /* 0 ends them */
    hsize_t chunk[RANK];
    hsize_t user_block;
    bool sparse;   /* every third chunk is left out */
    bool masks;    /* filters are skipped now and then */
    bool by_hdf5;  /* HDF5's own filters do it */
    bool unpadded; /* chunks over the edge are not filtered */
};

static inline uint16_t value_at(uint64_t sample, uint64_t pixel)
{
    /* Half of the samples shrink, half do not. */
    return sample % 2 == 0 ? (uint16_t)(sample * 100 + pixel / 16)
                           : (uint16_t)vdt_mix(sample * 1000 + pixel + 1);
}

static inline size_t deflate(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(3);
    size_t got = libdeflate_zlib_compress(compressor, in, size, out, room);
    libdeflate_free_compressor(compressor);
    return got;
}

/* One filter; 0 when the data did not shrink and the filter would be skipped for it. */
static inline size_t apply(int filter, const unsigned char *in, size_t size, unsigned char *out,
                           size_t room)
{
    switch (filter) {
    case H5Z_FILTER_SHUFFLE:
        for (size_t i = 0; i < size / 2; i++)
            for (size_t k = 0; k < 2; k++)
                out[k * (size / 2) + i] = in[2 * i + k];
        memcpy(out + size / 2 * 2, in + size / 2 * 2, size % 2);
        return size;
    case H5Z_FILTER_FLETCHER32: {
        uint32_t sum = checksum(in, size);
        memcpy(out, in, size);
        for (int i = 0; i < 4; i++)
            out[size + (size_t)i] = (unsigned char)(sum >> 8 * i);
        return size + 4;
    }
    case H5Z_FILTER_DEFLATE: return deflate(in, size, out, room);
    case LZF: return lzf_compress(in, (unsigned)size, out, (unsigned)size - 1);
    case LZ4: return lz4(in, size, out);
    default: return ZSTD_compress(out, room, in, size, 3);
    }
}

/* All filters but those in *mask and those that do not shrink it, which are added to *mask. */
static inline size_t encode(const struct plan *plan, unsigned char *data, size_t size, size_t room,
                            uint32_t *mask)
{
    unsigned char *other = malloc(room);
    for (unsigned i = 0; i < 4 && plan->filters[i] != 0; i++) {
        size_t got = (*mask >> i & 1) != 0 ? 0 : apply(plan->filters[i], data, size, other, room);
        if (got == 0) {
            *mask |= 1u << i;
            continue;
        }
        memcpy(data, other, got);
        size = got;
    }
    free(other);
    return size;
}

static inline hid_t make_set(hid_t file, const struct plan *plan)
{
    hsize_t most[RANK];
    memcpy(most, dims, sizeof most);
    if (plan->index == EXTENSIBLE_ARRAY)
        most[0] = H5S_UNLIMITED;
    if (plan->index == B_TREE_2)
        memcpy(most, unlimited, sizeof most);
    uint16_t fill = FILL;
    hid_t space = H5Screate_simple(RANK, dims, most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, RANK, plan->chunk);
    H5Pset_fill_value(creation, H5T_NATIVE_UINT16, &fill);
    if (plan->index == IMPLICIT)
        H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    if (plan->unpadded)
        H5Pset_chunk_opts(creation, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
    for (int i = 0; i < 4 && plan->filters[i] != 0; i++) {
        unsigned level = 3;
        bool deflate = plan->filters[i] == H5Z_FILTER_DEFLATE;
        assert_true(H5Pset_filter(creation, plan->filters[i], H5Z_FLAG_OPTIONAL, deflate, &level) >=
                    0);
    }
    hid_t set =
        H5Dcreate2(file, "images", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Sclose(space);
    H5Pclose(creation);
    return set;
}

/* Whether the plan writes the chunk at these elements. */
static inline bool is_written(const struct plan *plan, const hsize_t *at)
{
    uint64_t number = 0;
    for (int k = 0; k < RANK; k++)
        number = 5 * number + at[k] / plan->chunk[k];
    return !plan->sparse || number % 3 != 1;
}

/* The chunk's values; outside the dataset there is rubbish. */
static inline void chunk_values(const struct plan *plan, const hsize_t *at, uint16_t *values)
{
    const hsize_t *chunk = plan->chunk;
    for (hsize_t i = 0; i < chunk[0] * chunk[1] * chunk[2] * chunk[3]; i++) {
        hsize_t x = at[3] + i % chunk[3], y = at[2] + i / chunk[3] % chunk[2];
        hsize_t band = at[1] + i / chunk[3] / chunk[2] % chunk[1];
        hsize_t sample = at[0] + i / chunk[3] / chunk[2] / chunk[1];
        bool inside = x < dims[3] && y < dims[2] && band < dims[1] && sample < dims[0];
        values[i] = inside ? value_at(sample, (band * dims[2] + y) * dims[3] + x) : 0xeeee;
    }
}

static inline void write_by_hdf5(hid_t set, const struct plan *plan, const hsize_t *at,
                                 const uint16_t *values)
{
    hsize_t count[RANK], zero[RANK] = {0};
    for (int k = 0; k < RANK; k++)
        count[k] = dims[k] - at[k] < plan->chunk[k] ? dims[k] - at[k] : plan->chunk[k];
    hid_t space = H5Dget_space(set), memory = H5Screate_simple(RANK, plan->chunk, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, at, NULL, count, NULL);
    H5Sselect_hyperslab(memory, H5S_SELECT_SET, zero, NULL, count, NULL);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT16, memory, space, H5P_DEFAULT, values) >= 0);
    H5Sclose(space);
    H5Sclose(memory);
}

static inline void write_chunk(hid_t set, const struct plan *plan, const hsize_t *at)
{
    const hsize_t *chunk = plan->chunk;
    size_t size = 2 * (size_t)(chunk[0] * chunk[1] * chunk[2] * chunk[3]), room = 2 * size + 4096;
    uint32_t mask = plan->masks ? (uint32_t)vdt_mix(at[0] * 31 + at[2] + at[3]) & 7 : 0;
    unsigned char *data = malloc(room);
    chunk_values(plan, at, (uint16_t *)(void *)data);
    if (plan->by_hdf5) {
        write_by_hdf5(set, plan, at, (const uint16_t *)(const void *)data);
    } else {
        size = encode(plan, data, size, room, &mask);
        assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, mask, at, size, data) >= 0);
    }
    free(data);
}

static inline void write_labels(hid_t file)
{
    int64_t labels[COUNT];
    hsize_t count = COUNT;
    for (int i = 0; i < COUNT; i++)
        labels[i] = -1000 * i;
    hid_t space = H5Screate_simple(1, &count, NULL);
    hid_t set =
        H5Dcreate2(file, "labels", H5T_STD_I64BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
    H5Dclose(set);
    H5Sclose(space);
}

static inline void make_file(const char *path, const struct plan *plan)
{
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_userblock(creation, plan->user_block);
    if (plan->index != B_TREE_1)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    assert_true(file >= 0);
    hid_t set = make_set(file, plan);
    hsize_t at[RANK];
    for (at[0] = 0; at[0] < dims[0]; at[0] += plan->chunk[0])
        for (at[1] = 0; at[1] < dims[1]; at[1] += plan->chunk[1])
            for (at[2] = 0; at[2] < dims[2]; at[2] += plan->chunk[2])
                for (at[3] = 0; at[3] < dims[3]; at[3] += plan->chunk[3])
                    if (is_written(plan, at))
                        write_chunk(set, plan, at);
    write_labels(file);
    H5Dclose(set);
    H5Pclose(creation);
    H5Pclose(access);
    assert_true(H5Fclose(file) >= 0);
}

/* --- reading them -------------------------------------------------------------------------------
 */

static const struct vdt_hdf5_options both = {.images = "/images", .labels = "labels"};

static inline struct vdt_hdf5 *open_file(const char *path)
{
    struct vdt_hdf5 *file = NULL;
    if (vdt_hdf5_open(path, &both, &file, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return file;
}

static inline void expect_image(const struct plan *plan, uint64_t sample, const uint16_t *image)
{
    for (uint64_t i = 0; i < PIXELS; i++) {
        hsize_t at[RANK] = {sample, i / dims[3] / dims[2], i / dims[3] % dims[2], i % dims[3]};
        for (int k = 0; k < RANK; k++)
            at[k] = at[k] / plan->chunk[k] * plan->chunk[k];
        uint16_t wanted = is_written(plan, at) ? value_at(sample, i) : FILL;
        if (image[i] != wanted)
            fail_msg("index %d, filter %d, chunk %d x %d x %d x %d, sample %d, pixel %d: %u for %u",
                     plan->index, plan->filters[0], (int)plan->chunk[0], (int)plan->chunk[1],
                     (int)plan->chunk[2], (int)plan->chunk[3], (int)sample, (int)i, image[i],
                     wanted);
    }
}

static inline void expect_file(const char *path, const struct plan *plan)
{
    static const uint64_t order[] = {0, 1, 2, 3, 4, 5, 6, 3, 0, 6, 1, 2};
    struct vdt_hdf5_cursor cursor = {0};
    struct vdt_hdf5 *file = open_file(path);
    assert_int_equal(vdt_hdf5_spec(file).count, COUNT);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        uint16_t image[PIXELS] = {0};
        int64_t label = 0;
        if (vdt_hdf5_read_image(file, &cursor, order[i], image, &error) != VDT_OK)
            fail_msg("%s", error.message);
        expect_image(plan, order[i], image);
        memset(image, 0, sizeof image);
        assert_int_equal(vdt_hdf5_image(file, order[i], image, &error), VDT_OK);
        expect_image(plan, order[i], image);
        assert_int_equal(vdt_hdf5_read_label(file, &cursor, order[i], &label, &error), VDT_OK);
        assert_int_equal(label, -1000 * (int64_t)order[i]);
    }
    vdt_hdf5_cursor_clear(&cursor);
    vdt_hdf5_free(file);
}

static const int pipelines[][4] = {
    {0},
    {H5Z_FILTER_DEFLATE},
    {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32},
    {H5Z_FILTER_FLETCHER32, H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
    {H5Z_FILTER_FLETCHER32, H5Z_FILTER_SHUFFLE},
    {H5Z_FILTER_FLETCHER32},
    {LZF},
    {H5Z_FILTER_SHUFFLE, LZF, H5Z_FILTER_FLETCHER32},
    {H5Z_FILTER_SHUFFLE, LZ4},
    {H5Z_FILTER_FLETCHER32, ZSTD, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32}};
enum { PIPELINES = sizeof pipelines / sizeof pipelines[0] };

static const hsize_t shapes[][RANK] = {{1, 3, 10, 11}, {3, 3, 10, 11}, {1, 2, 10, 11},
                                       {1, 3, 10, 1},  {2, 2, 4, 5},   {5, 1, 3, 11}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static inline bool known_to_hdf5(const int *filters)
{
    for (int i = 0; i < 4; i++)
        if (filters[i] >= LZF)
            return false;
    return true;
}

static const struct plan common_plan = {.index = FIXED_ARRAY,
                                        .filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
                                        .chunk = {2, 2, 4, 5}};

#endif

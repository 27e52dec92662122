#include "stores.h"

#include <libdeflate.h>
#include <lzf.h>
#include <pthread.h>
#include <vedatile/hdf5.h>
#include <zstd.h>

#include "encoders.h"
#include "store/foreign.h"
#include "store/pipeline.h"

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

static uint16_t value_at(uint64_t sample, uint64_t pixel)
{
    /* Half of the samples shrink, half do not. */
    return sample % 2 == 0 ? (uint16_t)(sample * 100 + pixel / 16)
                           : (uint16_t)vdt_mix(sample * 1000 + pixel + 1);
}

static size_t deflate(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(3);
    size_t got = libdeflate_zlib_compress(compressor, in, size, out, room);
    libdeflate_free_compressor(compressor);
    return got;
}

/* One filter; 0 when the data did not shrink and the filter would be skipped for it. */
static size_t apply(int filter, const unsigned char *in, size_t size, unsigned char *out,
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
static size_t encode(const struct plan *plan, unsigned char *data, size_t size, size_t room,
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

static hid_t make_set(hid_t file, const struct plan *plan)
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
static bool is_written(const struct plan *plan, const hsize_t *at)
{
    uint64_t number = 0;
    for (int k = 0; k < RANK; k++)
        number = 5 * number + at[k] / plan->chunk[k];
    return !plan->sparse || number % 3 != 1;
}

/* The chunk's values; outside the dataset there is rubbish. */
static void chunk_values(const struct plan *plan, const hsize_t *at, uint16_t *values)
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

static void write_by_hdf5(hid_t set, const struct plan *plan, const hsize_t *at,
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

static void write_chunk(hid_t set, const struct plan *plan, const hsize_t *at)
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

static void write_labels(hid_t file)
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

static void make_file(const char *path, const struct plan *plan)
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

static struct vdt_hdf5 *open_file(const char *path)
{
    struct vdt_hdf5 *file = NULL;
    if (vdt_hdf5_open(path, &both, &file, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return file;
}

static void expect_image(const struct plan *plan, uint64_t sample, const uint16_t *image)
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

static void expect_file(const char *path, const struct plan *plan)
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

static bool known_to_hdf5(const int *filters)
{
    for (int i = 0; i < 4; i++)
        if (filters[i] >= LZF)
            return false;
    return true;
}

/* Index, pipeline and shape in all combinations; user block, gaps and masks in turn. */
static void every_index_filter_and_shape_is_read(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    int number = 0;
    for (int index = 0; index < INDEXES; index++)
        for (int p = 0; p < PIPELINES; p++)
            for (int s = 0; s < SHAPES; s++, number++) {
                struct plan plan = {.index = index,
                                    .user_block = number % 3 == 0 ? 1024 : 0,
                                    .sparse = number % 5 < 2,
                                    .masks = number % 7 < 3};
                if (index == IMPLICIT && p > 0)
                    continue;
                plan.by_hdf5 = number % 2 == 0 && !plan.masks && known_to_hdf5(pipelines[p]);
                memcpy(plan.filters, pipelines[p], sizeof plan.filters);
                memcpy(plan.chunk, index == SINGLE ? dims : shapes[s], sizeof plan.chunk);
                plan.sparse = plan.sparse && index != SINGLE;
                make_file(path, &plan);
                expect_file(path, &plan);
            }
    assert_int_equal(files_in_folder(false), 1);
}

static void unfiltered_chunks_over_the_edge_are_read(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    for (int index = FIXED_ARRAY; index < INDEXES; index++)
        for (int s = 0; s < SHAPES; s++) {
            struct plan plan = {.index = index,
                                .filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
                                .by_hdf5 = true,
                                .unpadded = true};
            memcpy(plan.chunk, shapes[s], sizeof plan.chunk);
            make_file(path, &plan);
            expect_file(path, &plan);
        }
}

static void chunks_larger_than_the_dataset_are_read(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    static const hsize_t large[][RANK] = {{1, 3, 10, 16}, {9, 3, 16, 11}, {2, 4, 10, 11}};
    for (int filtered = 0; filtered < 2; filtered++)
        for (int s = 0; s < 3; s++) {
            struct plan plan = {.index = B_TREE_2, .filters = {filtered ? LZF : 0}};
            memcpy(plan.chunk, large[s], sizeof plan.chunk);
            make_file(path, &plan);
            expect_file(path, &plan);
        }
}

static const struct plan common_plan = {.index = FIXED_ARRAY,
                                        .filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE},
                                        .chunk = {2, 2, 4, 5}};

static void one_cursor_serves_several_files(void **state)
{
    (void)state;
    struct plan sparse = common_plan;
    sparse.sparse = true;
    make_file(in_folder("a.h5"), &common_plan);
    make_file(in_folder("b.h5"), &sparse);
    struct vdt_hdf5 *a = open_file(in_folder("a.h5")), *b = open_file(in_folder("b.h5"));
    struct vdt_hdf5_cursor cursor = {0};
    uint16_t image[PIXELS];
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(vdt_hdf5_read_image(a, &cursor, i, image, &error), VDT_OK);
        expect_image(&common_plan, i, image);
        assert_int_equal(vdt_hdf5_read_image(b, &cursor, i, image, &error), VDT_OK);
        expect_image(&sparse, i, image);
    }
    vdt_hdf5_cursor_clear(&cursor);
    vdt_hdf5_free(a);
    vdt_hdf5_free(b);
}

static void *read_often(void *payload)
{
    struct vdt_hdf5_cursor cursor = {0};
    uint16_t image[PIXELS];
    bool same = true;
    for (uint64_t i = 0; i < 200 && same; i++) {
        uint64_t sample = vdt_mix(i) % COUNT;
        same = vdt_hdf5_read_image(payload, &cursor, sample, image, NULL) == VDT_OK;
        for (uint64_t k = 0; k < PIXELS; k++)
            same = same && image[k] == value_at(sample, k);
    }
    vdt_hdf5_cursor_clear(&cursor);
    return same ? payload : NULL;
}

static void threads_share_a_file(void **state)
{
    (void)state;
    make_file(in_folder("x.h5"), &common_plan);
    struct vdt_hdf5 *file = open_file(in_folder("x.h5"));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, file), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, file);
    }
    vdt_hdf5_free(file);
}

/* --- the table of chunks kept beside the file ---------------------------------------------------
 */

/* [40000, 2, 1] bytes, a chunk each; some are missing, some are stored as they are. */
static void make_many(const char *path)
{
    hsize_t shape[3] = {40000, 2, 1}, chunk[3] = {1, 2, 1};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(3, shape, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 3, chunk);
    H5Pset_fletcher32(creation);
    hid_t set = H5Dcreate2(file, "images", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    for (hsize_t i = 0; i < shape[0]; i++) {
        hsize_t at[3] = {i};
        unsigned char data[6] = {(unsigned char)i,         (unsigned char)(i / 256),
                                 (unsigned char)(i / 256), (unsigned char)i,
                                 (unsigned char)(i / 256), (unsigned char)i};
        if (i % 3 != 1)
            assert_true(
                H5Dwrite_chunk(set, H5P_DEFAULT, i % 3 == 2, at, i % 3 == 2 ? 2 : 6, data) >= 0);
    }
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(creation);
    H5Fclose(file);
}

static void expect_many(const char *path, const struct vdt_hdf5_options *options)
{
    struct vdt_hdf5 *file = NULL;
    assert_int_equal(vdt_hdf5_open(path, options, &file, &error), VDT_OK);
    for (uint64_t i = 0; i < 40000; i++) {
        unsigned char image[2] = {1, 1};
        if (vdt_hdf5_image(file, i, image, &error) != VDT_OK)
            fail_msg("%s", error.message);
        assert_int_equal(image[0], i % 3 == 1 ? 0 : i % 256);
        assert_int_equal(image[1], i % 3 == 1 ? 0 : i / 256);
    }
    vdt_hdf5_free(file);
}

static void many_chunks_are_kept_beside_the_file(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5"), *kept = in_folder("x.h5.chunks");
    make_many(path);
    expect_many(path, &(struct vdt_hdf5_options){.images = "images", .no_cache = true});
    assert_false(exists(kept));
    expect_many(path, &(struct vdt_hdf5_options){.images = "images"});
    assert_true(exists(kept));
    struct stat before;
    assert_int_equal(stat(kept, &before), 0);
    expect_many(path, &(struct vdt_hdf5_options){.images = "/images"});
    struct stat after;
    assert_int_equal(stat(kept, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* --- damage -------------------------------------------------------------------------------------
 */

/* Opening and reading all of it: no crash; how many samples could not be read, or -1. */
static int failures(const char *path)
{
    struct vdt_hdf5 *file = NULL;
    struct vdt_hdf5_cursor cursor = {0};
    int failed = 0;
    error.message[0] = '\0';
    if (vdt_hdf5_open(path, &both, &file, &error) != VDT_OK) {
        assert_non_null(strstr(error.message, path));
        return -1;
    }
    struct vdt_hdf5_spec spec = vdt_hdf5_spec(file);
    size_t size = vdt_tile_bytes(&spec.tile);
    unsigned char *image = malloc(size + spec.label_bytes);
    for (uint64_t i = 0; i < spec.count && i < 100; i++) {
        failed += vdt_hdf5_read_image(file, &cursor, i, image, &error) != VDT_OK;
        assert_true(vdt_hdf5_read_label(file, &cursor, i, image, NULL) != VDT_ERR_ARGUMENT);
    }
    free(image);
    vdt_hdf5_cursor_clear(&cursor);
    vdt_hdf5_free(file);
    return failed;
}

static void flipped_bits_never_crash(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    for (int p = 0; p < PIPELINES; p++) {
        struct plan plan = {.index = p % 2 == 0 ? B_TREE_1 : FIXED_ARRAY,
                            .chunk = {2, 3, 10, 11},
                            .masks = p % 3 == 0};
        memcpy(plan.filters, pipelines[p], sizeof plan.filters);
        make_file(path, &plan);
        size_t size;
        unsigned char *data = read_file(path, &size);
        for (size_t i = 0; i < size; i += 1 + vdt_mix(i) % 40) {
            unsigned char kept = data[i];
            data[i] ^= (unsigned char)(1u << vdt_mix(i + 7) % 8);
            write_file(path, data, size);
            failures(path);
            data[i] = kept;
        }
        free(data);
    }
}

/* Where the bytes `word` begin, behind `from`. */
static size_t find(const unsigned char *data, size_t size, const void *word, size_t length,
                   size_t from)
{
    for (size_t i = from; i + length <= size; i++)
        if (memcmp(data + i, word, length) == 0)
            return i;
    return size;
}

static void a_damaged_chunk_is_named_with_its_place(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct plan plan = {.index = B_TREE_1, .chunk = {1, 3, 10, 11}, .user_block = 512};
    const int filters[] = {H5Z_FILTER_DEFLATE, LZ4, ZSTD, H5Z_FILTER_FLETCHER32, LZF};
    static const char *const said[] = {
        "the deflate data is damaged", "the lz4 data is damaged", "the zstd data is damaged",
        "the fletcher32 checksum does not match", "the lzf data is damaged"};
    for (int f = 0; f < 5; f++) {
        size_t size, room = 8 * PIXELS;
        plan.filters[0] = filters[f];
        make_file(path, &plan);
        unsigned char *data = read_file(path, &size), *stored = malloc(room);
        hsize_t at[RANK] = {4};
        uint32_t mask = 0;
        chunk_values(&plan, at, (uint16_t *)(void *)stored);
        size_t length = encode(&plan, stored, 2 * PIXELS, room, &mask);
        size_t place = find(data, size, stored, length, 0);
        assert_true(place < size);
        memset(data + place, 0xff, length / 2);
        write_file(path, data, size);
        char wanted[600];
        snprintf(wanted, sizeof wanted, "%s: /images[4] at byte %zu: %s", path, place, said[f]);
        assert_int_equal(failures(path), 1);
        assert_string_equal(error.message, wanted);
        free(data);
        free(stored);
    }
}

/* A row of chunks that fails half-way is not taken for the one before. */
static void a_failure_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct plan plan = {
        .index = B_TREE_1, .filters = {H5Z_FILTER_FLETCHER32}, .chunk = {2, 1, 10, 11}};
    make_file(path, &plan);
    size_t size;
    unsigned char *data = read_file(path, &size);
    uint16_t values[2 * 110], image[PIXELS];
    chunk_values(&plan, (hsize_t[RANK]){4, 2}, values);
    data[find(data, size, values, sizeof values, 0)] ^= 1;
    write_file(path, data, size);
    free(data);
    struct vdt_hdf5 *file = open_file(path);
    struct vdt_hdf5_cursor cursor = {0};
    assert_int_equal(vdt_hdf5_read_image(file, &cursor, 0, image, &error), VDT_OK);
    assert_int_equal(vdt_hdf5_read_image(file, &cursor, 5, image, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_hdf5_read_image(file, &cursor, 0, image, &error), VDT_OK);
    expect_image(&plan, 0, image);
    vdt_hdf5_cursor_clear(&cursor);
    vdt_hdf5_free(file);
}

/* Replaces `length` bytes, wherever they are in the file. */
static void patch(const char *path, const void *old, const void *replacement, size_t length)
{
    size_t size, at, found = 0;
    unsigned char *data = read_file(path, &size);
    for (; (at = find(data, size, old, length, 0)) < size; found++)
        memcpy(data + at, replacement, length);
    assert_int_equal(found, 1);
    write_file(path, data, size);
    free(data);
}

static void places_outside_the_file_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct plan plan = {.index = B_TREE_1, .chunk = {1, 3, 10, 11}};
    for (int what = 0; what < 2; what++) {
        size_t size;
        uint16_t values[PIXELS];
        make_file(path, &plan);
        unsigned char *data = read_file(path, &size);
        chunk_values(&plan, (hsize_t[RANK]){4}, values);
        uint64_t place = find(data, size, values, sizeof values, 0), outside = size - 100;
        if (what == 1) { /* the labels: big-endian, in one piece, the second is -1000 */
            static const unsigned char second[8] = {255, 255, 255, 255, 255, 255, 252, 24};
            place = find(data, size, second, 8, 0) - 8;
            outside = size - 8;
        }
        free(data);
        patch(path, &place, &outside, 8);
        assert_int_equal(failures(path), -1);
        puts(error.message);
        assert_non_null(strstr(error.message, what == 0 ? "/images: chunk 4 lies outside"
                                                        : "/labels: its values lie outside"));
    }
}

static void a_wrong_size_is_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    for (int filtered = 0; filtered < 2; filtered++) {
        struct plan plan = {.index = B_TREE_1, .chunk = {1, 3, 10, 11}, .filters = {0}};
        plan.filters[0] = filtered ? H5Z_FILTER_FLETCHER32 : 0;
        make_file(path, &plan);
        /* The key of chunk 4 in its B-tree: size, mask, place. */
        uint32_t key[5] = {2 * PIXELS + (filtered ? 4 : 0), 0, 4, 0, 0}, wrong[5];
        memcpy(wrong, key, sizeof key);
        wrong[0] = filtered ? 0 : key[0] - 1;
        patch(path, key, wrong, sizeof key);
        assert_int_equal(failures(path), -1);
        puts(error.message);
        assert_non_null(strstr(error.message, "/images: chunk 4 has a wrong size"));
    }
}

/* --- filters alone ------------------------------------------------------------------------------
 */

/* The status for stored bytes that are in a block of just that size. */
static vdt_status undo(const int *filters, const void *stored, size_t stored_size, size_t size)
{
    struct vdt_pipeline pipeline = {0};
    for (; pipeline.count < 4 && filters[pipeline.count] != 0; pipeline.count++) {
        pipeline.list[pipeline.count].id = filters[pipeline.count];
        pipeline.list[pipeline.count].element = 2;
    }
    struct vdt_decoder decoder = {0};
    struct vdt_buffer spare = {0};
    unsigned char *exact = malloc(stored_size), *data = malloc(size);
    if (stored_size > 0)
        memcpy(exact, stored, stored_size);
    vdt_status status =
        vdt_pipeline_undo(&pipeline, 0, &decoder, &spare, exact, stored_size, data, size, &error);
    free(exact);
    free(data);
    vdt_decoder_clear(&decoder);
    vdt_buffer_clear(&spare);
    return status;
}

static void chunks_of_a_wrong_size_are_damaged(void **state)
{
    (void)state;
    static const unsigned char zeros[64] = {0};
    for (int p = 1; p < PIPELINES; p++)
        for (size_t stored = 0; stored < sizeof zeros; stored++)
            if (undo(pipelines[p], zeros, stored, 16) == VDT_OK)
                assert_true(stored == 20 && (p == 4 || p == 5)); /* fletcher32 of zeros is 0 */
    static const int shuffle[4] = {H5Z_FILTER_SHUFFLE};
    assert_int_equal(undo(shuffle, zeros, 16, 16), VDT_OK);
    assert_int_equal(undo(shuffle, zeros, 64, 16), VDT_ERR_FORMAT);
    assert_int_equal(undo(shuffle, zeros, 14, 16), VDT_ERR_FORMAT);
}

/* Sums that would not fit if they were folded more rarely. */
static void large_checksums_are_right(void **state)
{
    (void)state;
    static const int fletcher[4] = {H5Z_FILTER_FLETCHER32};
    for (size_t size = 99999; size < 100001; size++) {
        unsigned char *data = malloc(size + 4);
        memset(data, 0xfe, size);
        uint32_t sum = checksum(data, size);
        for (size_t i = 0; i < 4; i++)
            data[size + i] = (unsigned char)(sum >> 8 * i);
        assert_int_equal(undo(fletcher, data, size + 4, size), VDT_OK);
        free(data);
    }
}

static void checksums_of_old_files_are_accepted(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct plan plan = {
        .index = B_TREE_1, .filters = {H5Z_FILTER_FLETCHER32}, .chunk = {1, 3, 10, 11}};
    make_file(path, &plan);
    size_t size;
    unsigned char *data = read_file(path, &size);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint16_t values[PIXELS];
        chunk_values(&plan, (hsize_t[RANK]){i}, values);
        unsigned char *sum = data + find(data, size, values, sizeof values, 0) + sizeof values;
        for (int k = 0; k < 4; k += 2) {
            unsigned char byte = sum[k];
            sum[k] = sum[k + 1];
            sum[k + 1] = byte;
        }
    }
    write_file(path, data, size);
    expect_file(path, &plan);
    free(data);
}

/* What cannot be found in the index is not what was never written. */
static void a_damaged_index_is_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    static const char *const marks[] = {"TREE", "FADB", "EADB", "BTLF"};
    static const enum index indexes[] = {B_TREE_1, FIXED_ARRAY, EXTENSIBLE_ARRAY, B_TREE_2};
    for (int m = 0; m < 4; m++) {
        struct plan plan = {.index = indexes[m], .chunk = {1, 1, 10, 3}, .sparse = true};
        make_file(path, &plan);
        size_t size, found = 0;
        unsigned char *data = read_file(path, &size);
        for (size_t at = 0; (at = find(data, size, marks[m], 4, at)) < size; at++, found++) {
            data[at] ^= 1;
            write_file(path, data, size);
            assert_int_equal(failures(path), -1);
            data[at] ^= 1;
        }
        if (found == 0)
            fail_msg("no %s", marks[m]);
        free(data);
    }
}

static void shortened_files_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    make_file(path, &common_plan);
    size_t size;
    unsigned char *data = read_file(path, &size);
    struct vdt_hdf5 *file = open_file(path);
    uint16_t image[PIXELS];
    assert_int_equal(truncate(path, 600), 0);
    assert_int_equal(vdt_hdf5_image(file, COUNT - 1, image, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, path));
    vdt_hdf5_free(file);
    for (size_t cut = 0; cut < size; cut += 1 + size / 61) {
        write_file(path, data, cut);
        assert_int_equal(failures(path), -1);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_index_filter_and_shape_is_read, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(unfiltered_chunks_over_the_edge_are_read, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(chunks_larger_than_the_dataset_are_read, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(one_cursor_serves_several_files, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(threads_share_a_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(many_chunks_are_kept_beside_the_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(flipped_bits_never_crash, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_chunk_is_named_with_its_place, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_failure_leaves_nothing_behind, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(places_outside_the_file_are_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_wrong_size_is_refused, make_folder, remove_folder),
        cmocka_unit_test(chunks_of_a_wrong_size_are_damaged),
        cmocka_unit_test(large_checksums_are_right),
        cmocka_unit_test_setup_teardown(checksums_of_old_files_are_accepted, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_index_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(shortened_files_are_refused, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

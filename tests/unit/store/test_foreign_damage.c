#include "foreign_files.h"

#include "store/pipeline.h"

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
    size_t size;
    uint16_t values[PIXELS];
    make_file(path, &plan);
    unsigned char *data = read_file(path, &size);
    chunk_values(&plan, (hsize_t[RANK]){4}, values);
    uint64_t chunk = find(data, size, values, sizeof values, 0), outside = size - 100;
    patch(path, &chunk, &outside, 8);
    assert_int_equal(failures(path), -1);
    write_file(path, data, size);
    /* The labels lie in one piece, big-endian; the second is -1000. */
    uint64_t labels = find(data, size, "\xff\xff\xff\xff\xff\xff\xfc\x18", 8, 0) - 8;
    outside = size - 8;
    patch(path, &labels, &outside, 8);
    assert_int_equal(failures(path), -1);
    assert_non_null(strstr(error.message, "/labels: its values lie outside"));
    free(data);
}

static void a_wrong_size_is_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct plan plan = {.index = B_TREE_1, .chunk = {1, 3, 10, 11}};
    /* The key of chunk 4 in its B-tree: size, mask, place. */
    uint32_t key[5] = {2 * PIXELS, 0, 4}, wrong[5] = {2 * PIXELS - 1, 0, 4};
    make_file(path, &plan);
    patch(path, key, wrong, sizeof key);
    assert_int_equal(failures(path), -1);
    assert_non_null(strstr(error.message, "/images: chunk 4 has a wrong size"));
    plan.filters[0] = H5Z_FILTER_FLETCHER32;
    key[0] = 2 * PIXELS + 4;
    wrong[0] = 0;
    make_file(path, &plan);
    patch(path, key, wrong, sizeof key);
    assert_int_equal(failures(path), -1);
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
    /* What 16 zeros are: their checksum is 0, and LZF's 0 is the mark of one plain byte. */
    static const size_t right[PIPELINES] = {[4] = 20, [5] = 20, [6] = 32, [7] = 36};
    for (int p = 1; p < PIPELINES; p++)
        for (size_t stored = 0; stored < sizeof zeros; stored++)
            if ((undo(pipelines[p], zeros, stored, 16) == VDT_OK) !=
                (stored > 0 && stored == right[p]))
                fail_msg("pipeline %d, %d bytes", p, (int)stored);
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

#define CASE(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(flipped_bits_never_crash),        CASE(a_damaged_chunk_is_named_with_its_place),
        CASE(a_failure_leaves_nothing_behind), CASE(places_outside_the_file_are_refused),
        CASE(a_wrong_size_is_refused),         CASE(chunks_of_a_wrong_size_are_damaged),
        CASE(large_checksums_are_right),       CASE(checksums_of_old_files_are_accepted),
        CASE(a_damaged_index_is_refused),      CASE(shortened_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

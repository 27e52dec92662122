#include "foreign_files.h"

#include <pthread.h>

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

#define CASE(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_index_filter_and_shape_is_read),
        CASE(unfiltered_chunks_over_the_edge_are_read),
        CASE(chunks_larger_than_the_dataset_are_read),
        CASE(one_cursor_serves_several_files),
        CASE(threads_share_a_file),
        CASE(many_chunks_are_kept_beside_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stores.h"

#include <pthread.h>

#include "store/reader.h"

enum { SAMPLES = 5200, ALL_TASKS = 15 }; /* more than a MiB of rows */

static struct vdt_store_spec spec;
static const char *path;

/* Enough rows for several chunks of most columns, in two commits so that they do not all follow one
 * another. */
static int make_large_store(void **state)
{
    if (make_folder(state) != 0)
        return -1;
    path = strdup(in_folder("a.h5"));
    spec = make_spec(VDT_UINT8, ALL_TASKS, VDT_CODEC_LZ4);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "other", &spec, 9000, 3);
    append_to(writer, "train", &spec, 0, 700);
    commit(writer);
    append_to(writer, "train", &spec, 700, SAMPLES - 700);
    finish(writer);
    return 0;
}

static int remove_store(void **state)
{
    free((void *)path);
    return remove_folder(state);
}

static struct vdt_columns *load(const struct vdt_reader *reader, uint64_t limit)
{
    struct vdt_columns *columns = NULL;
    size_t group = 9;
    assert_int_equal(vdt_reader_find_group(reader, "train", &group, NULL), VDT_OK);
    assert_int_equal(vdt_columns_load(reader, group, limit, &columns, &error), VDT_OK);
    return columns;
}

static size_t train(const struct vdt_reader *reader)
{
    size_t group = 9;
    assert_int_equal(vdt_reader_find_group(reader, "train", &group, NULL), VDT_OK);
    return group;
}

struct rows {
    uint8_t onehot[4];
    float boxes[MOST_BOXES][4];
    uint16_t box_class[MOST_BOXES];
    int64_t box_feature[MOST_BOXES];
    float box_visible[MOST_BOXES];
};

static vdt_status rows_of(const struct vdt_columns *columns, uint64_t index, struct rows *rows)
{
    memset(rows, 0xee, sizeof *rows);
    vdt_status status = vdt_columns_onehot(columns, index, rows->onehot, &error);
    return status == VDT_OK ? vdt_columns_boxes(columns, index, rows->boxes, rows->box_class,
                                                rows->box_feature, rows->box_visible, &error)
                            : status;
}

static void expect_rows(const struct vdt_columns *columns, const struct vdt_reader *reader,
                        uint64_t index)
{
    static struct made m;
    struct rows a, b;
    memset(&b, 0xee, sizeof b);
    make_sample(&m, &spec, index);
    assert_int_equal(rows_of(columns, index, &a), VDT_OK);
    assert_int_equal(vdt_reader_onehot(reader, train(reader), index, b.onehot, NULL), VDT_OK);
    assert_int_equal(vdt_reader_boxes(reader, train(reader), index, 1, b.boxes, b.box_class,
                                      b.box_feature, b.box_visible, NULL),
                     VDT_OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(a.onehot, m.onehot, 4);
    assert_memory_equal(a.boxes, m.boxes, m.sample.labels.box_count * 16);
    assert_memory_equal(a.box_feature, m.box_feature, m.sample.labels.box_count * 8);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void rows_are_those_of_the_reader(void **state)
{
    (void)state;
    static const uint64_t limits[] = {0, 4 * SAMPLES, 60000, 200000, UINT64_MAX};
    struct vdt_reader *reader = read_store(path);
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        struct vdt_columns *columns = load(reader, limits[l]);
        for (uint64_t i = 0; i < SAMPLES; i += l == 4 ? 1 : 7)
            expect_rows(columns, reader, i);
        expect_rows(columns, reader, SAMPLES - 1);
        vdt_columns_free(columns);
    }
    vdt_reader_free(reader);
}

static void what_is_not_wanted_is_left_out(void **state)
{
    (void)state;
    struct vdt_reader *reader = read_store(path);
    struct vdt_columns *columns = load(reader, UINT64_MAX);
    struct rows a, b;
    assert_int_equal(rows_of(columns, 4, &a), VDT_OK); /* 17 boxes */
    memset(&b, 0xee, sizeof b);
    assert_int_equal(vdt_columns_boxes(columns, 4, NULL, b.box_class, NULL, NULL, &error), VDT_OK);
    assert_memory_equal(b.box_class, a.box_class, sizeof a.box_class);
    assert_int_equal(vdt_columns_boxes(columns, 4, NULL, NULL, NULL, NULL, &error), VDT_OK);
    assert_int_equal(vdt_columns_onehot(columns, SAMPLES, a.onehot, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "5200 of 5200"));
    assert_int_equal(vdt_columns_boxes(columns, SAMPLES, NULL, NULL, NULL, NULL, &error),
                     VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_columns_verify(columns, UINT64_MAX, NULL, NULL, &error), VDT_ERR_ARGUMENT);
    vdt_columns_free(columns);
    columns = NULL;
    assert_int_equal(vdt_columns_load(reader, 2, 0, &columns, &error), VDT_ERR_ARGUMENT);
    assert_null(columns);
    vdt_columns_free(NULL);
    vdt_reader_free(reader);
}

/* Which rows still come when the file's bytes are gone tells which are in memory. */
static void the_smallest_arrays_are_kept(void **state)
{
    (void)state;
    const char *copy = in_folder("b.h5");
    struct rows rows[2];
    copy_file(path, copy);
    struct vdt_reader *reader = read_store(copy);
    uint64_t boxes = vdt_reader_box_count(reader, train(reader));
    assert_true(boxes > 2 * SAMPLES);
    /* onehot 4 a sample, checksums 8 a sample, classes 2 a box and no more. */
    struct vdt_columns *few = load(reader, 12 * SAMPLES + 2 * boxes);
    struct vdt_columns *all = load(reader, 12 * SAMPLES + 30 * boxes);
    struct vdt_columns *none = load(reader, 4 * SAMPLES - 1);
    static unsigned char image[70];
    assert_int_equal(vdt_reader_image(reader, train(reader), 9, image, NULL), VDT_OK);
    struct vdt_columns *const loaded[] = {few, all, none};
    for (int i = 0; i < 3 * (SAMPLES / 64 + 1); i++) { /* often enough for them to be kept */
        assert_int_equal(rows_of(loaded[i % 3], 9, &rows[0]), VDT_OK);
        assert_int_equal(vdt_columns_verify(loaded[i % 3], 9, image, NULL, &error), VDT_OK);
    }
    size_t size = size_of(copy);
    void *zeros = calloc(1, size);
    FILE *file = fopen(copy, "r+b");
    assert_int_equal(fwrite(zeros, 1, size, file), size);
    fclose(file);
    free(zeros);
    assert_int_equal(rows_of(all, 9, &rows[1]), VDT_OK);
    assert_memory_equal(&rows[0], &rows[1], sizeof *rows);
    assert_int_equal(vdt_columns_verify(all, 9, image, NULL, &error), VDT_OK);
    assert_int_equal(rows_of(few, 9, &rows[1]), VDT_OK);
    assert_memory_equal(rows[0].onehot, rows[1].onehot, 4);
    assert_memory_equal(rows[0].box_class, rows[1].box_class, sizeof rows->box_class);
    assert_memory_not_equal(rows[0].boxes, rows[1].boxes, sizeof rows->boxes);
    assert_memory_not_equal(rows[0].box_visible, rows[1].box_visible, sizeof rows->box_visible);
    assert_int_equal(vdt_columns_verify(few, 9, image, NULL, &error), VDT_OK);
    assert_int_equal(rows_of(none, 9, &rows[1]), VDT_OK);
    assert_memory_not_equal(rows[0].onehot, rows[1].onehot, 4);
    assert_int_equal(vdt_columns_verify(none, 9, image, NULL, &error), VDT_ERR_FORMAT);
    for (int i = 0; i < 3; i++)
        vdt_columns_free(loaded[i]);
    vdt_reader_free(reader);
}

static void checksums_are_compared(void **state)
{
    (void)state;
    static struct made m;
    struct vdt_reader *reader = read_store(path);
    for (int l = 0; l < 2; l++) {
        struct vdt_columns *columns = load(reader, l == 0 ? 0 : UINT64_MAX);
        for (uint64_t i = 0; i < SAMPLES; i += 397) {
            make_sample(&m, &spec, i);
            struct vdt_error said = {0};
            struct vdt_labels *labels = &m.sample.labels;
            assert_int_equal(vdt_columns_verify(columns, i, m.image, labels, NULL), VDT_OK);
            assert_int_equal(vdt_columns_verify(columns, i, NULL, NULL, NULL), VDT_OK);
            m.image[69] ^= 1;
            assert_int_equal(vdt_columns_verify(columns, i, m.image, labels, &error),
                             VDT_ERR_FORMAT);
            assert_int_equal(vdt_reader_verify(reader, train(reader), i, m.image, labels, &said),
                             VDT_ERR_FORMAT);
            assert_string_equal(error.message, said.message);
            assert_non_null(strstr(said.message, "/train/images["));
            assert_non_null(strstr(said.message, m.sample.key));
            assert_int_equal(vdt_columns_verify(columns, i, NULL, labels, NULL), VDT_OK);
            m.mask[34] ^= 1;
            assert_int_equal(vdt_columns_verify(columns, i, NULL, labels, &error), VDT_ERR_FORMAT);
            assert_non_null(strstr(error.message, "/train/labels/mask["));
            assert_non_null(strstr(error.message, "] at byte "));
        }
        vdt_columns_free(columns);
    }
    vdt_reader_free(reader);
}

/* --- many threads ----------------------------------------------------------------------------- */

struct asking {
    pthread_barrier_t *start;
    const struct vdt_columns *columns;
    uint64_t first;
    bool right;
};

static void *ask(void *payload)
{
    struct asking *asking = payload;
    struct made *m = malloc(sizeof *m);
    asking->right = true;
    pthread_barrier_wait(asking->start);
    for (uint64_t i = asking->first; i < SAMPLES; i += 4) {
        struct rows rows;
        memset(&rows, 0, sizeof rows);
        make_sample(m, &spec, i);
        asking->right =
            asking->right &&
            vdt_columns_boxes(asking->columns, i, rows.boxes, rows.box_class, NULL,
                              rows.box_visible, NULL) == VDT_OK &&
            vdt_columns_onehot(asking->columns, i, rows.onehot, NULL) == VDT_OK &&
            vdt_columns_verify(asking->columns, i, m->image, &m->sample.labels, NULL) == VDT_OK &&
            memcmp(rows.onehot, m->onehot, 4) == 0 &&
            memcmp(rows.boxes, m->boxes, m->sample.labels.box_count * 16) == 0 &&
            memcmp(rows.box_visible, m->box_visible, m->sample.labels.box_count * 4) == 0;
    }
    free(m);
    return NULL;
}

static void threads_may_ask_first_at_once(void **state)
{
    (void)state;
    struct vdt_reader *reader = read_store(path);
    for (int round = 0; round < 5; round++) {
        struct vdt_columns *columns = load(reader, UINT64_MAX);
        struct asking asking[4];
        pthread_t threads[4];
        pthread_barrier_t start_together;
        pthread_barrier_init(&start_together, NULL, 4);
        for (uint64_t t = 0; t < 4; t++) {
            asking[t] = (struct asking){.start = &start_together, .columns = columns, .first = t};
            assert_int_equal(pthread_create(&threads[t], NULL, ask, &asking[t]), 0);
        }
        for (int t = 0; t < 4; t++) {
            pthread_join(threads[t], NULL);
            assert_true(asking[t].right);
        }
        pthread_barrier_destroy(&start_together);
        vdt_columns_free(columns);
    }
    vdt_reader_free(reader);
}

/* --- tiles with a decoder -----------------------------------------------------------------------
 */

static void tiles_are_those_of_the_reader(void **state)
{
    (void)state;
    static struct made m;
    struct vdt_decoder decoder = {0};
    struct vdt_reader *reader = read_store(path);
    unsigned char image[70], mask[35];
    uint16_t instances[35];
    for (uint64_t i = 0; i < SAMPLES; i += 13) {
        make_sample(&m, &spec, i);
        assert_int_equal(
            vdt_reader_tile(reader, &decoder, train(reader), VDT_IMAGES, i, image, &error), VDT_OK);
        assert_int_equal(
            vdt_reader_tile(reader, &decoder, train(reader), VDT_MASK, i, mask, &error), VDT_OK);
        assert_int_equal(
            vdt_reader_tile(reader, &decoder, train(reader), VDT_INSTANCES, i, instances, &error),
            VDT_OK);
        assert_memory_equal(image, m.image, 70);
        assert_memory_equal(mask, m.mask, 35);
        assert_memory_equal(instances, m.instances, 70);
    }
    assert_int_equal(
        vdt_reader_tile(reader, &decoder, train(reader), VDT_IMAGES, SAMPLES, image, &error),
        VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_reader_tile(reader, &decoder, 2, VDT_IMAGES, 0, image, &error),
                     VDT_ERR_ARGUMENT);
    vdt_reader_free(reader);
    vdt_decoder_clear(&decoder);
}

/* The message leads to the byte. */
static void damage_is_found_where_the_message_says(void **state)
{
    (void)state;
    const char *copy = in_folder("b.h5");
    unsigned long long at = 0;
    unsigned char image[70], bytes[8];
    struct vdt_error fixed = {0};
    copy_file(path, copy);
    struct vdt_reader *reader = read_store(copy);
    FILE *file = fopen(copy, "r+b");
    hid_t h5 = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(h5, "/train/images", H5P_DEFAULT);
    hsize_t start[4] = {17};
    uint32_t mask;
    unsigned char chunk[200];
    assert_true(H5Dread_chunk(set, H5P_DEFAULT, start, &mask, chunk) >= 0);
    H5Dclose(set);
    H5Fclose(h5);
    /* Find the chunk by its content, without asking the reader. */
    size_t size;
    unsigned char *all = read_file(copy, &size);
    unsigned char *found = NULL;
    for (size_t i = 0; found == NULL && i + 40 < size; i++)
        if (memcmp(all + i, chunk, 40) == 0)
            found = all + i;
    assert_non_null(found);
    assert_int_equal(fseek(file, found - all, SEEK_SET), 0);
    memset(bytes, 0xff, 8);
    assert_int_equal(fwrite(bytes, 1, 8, file), 8);
    fclose(file);
    assert_int_equal(vdt_reader_image(reader, train(reader), 17, image, &fixed), VDT_ERR_FORMAT);
    assert_non_null(strstr(fixed.message, copy));
    const char *place = strstr(fixed.message, ": /train/images[17] at byte ");
    assert_non_null(place);
    assert_int_equal(sscanf(place, ": /train/images[17] at byte %llu: the lz4", &at), 1);
    assert_int_equal(at, found - all);
    assert_non_null(strstr(place, ": the lz4 data is damaged"));
    free(all);
    vdt_reader_free(reader);
}

/* Without masks the labels' first array is a column: the place is that of the row. */
static void damaged_rows_are_named_by_their_place(void **state)
{
    (void)state;
    static struct made m;
    const char *small = in_folder("c.h5");
    struct vdt_store_spec classes = make_spec(VDT_UINT8, VDT_CLASSIFICATION, VDT_CODEC_RAW);
    unsigned long long at = 0;
    size_t size;
    make_store(small, &classes, 30);
    struct vdt_reader *reader = read_store(small);
    make_sample(&m, &classes, 13);
    m.onehot[1] ^= 1;
    assert_int_equal(vdt_reader_verify(reader, 0, 13, NULL, &m.sample.labels, &error),
                     VDT_ERR_FORMAT);
    const char *place = strstr(error.message, ": /train/labels/onehot[13] at byte ");
    assert_non_null(place);
    assert_int_equal(sscanf(place, ": /train/labels/onehot[13] at byte %llu: the labels of", &at),
                     1);
    unsigned char *data = read_file(small, &size);
    assert_true(at > 52 && at + 4 < size);
    for (uint64_t i = 0; i < 30; i++) {
        make_sample(&m, &classes, i);
        assert_memory_equal(data + at - 52 + 4 * i, m.onehot, 4);
    }
    free(data);
    vdt_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rows_are_those_of_the_reader, close_all),
        cmocka_unit_test_teardown(what_is_not_wanted_is_left_out, close_all),
        cmocka_unit_test_teardown(the_smallest_arrays_are_kept, close_all),
        cmocka_unit_test_teardown(checksums_are_compared, close_all),
        cmocka_unit_test_teardown(threads_may_ask_first_at_once, close_all),
        cmocka_unit_test_teardown(tiles_are_those_of_the_reader, close_all),
        cmocka_unit_test_teardown(damage_is_found_where_the_message_says, close_all),
        cmocka_unit_test_teardown(damaged_rows_are_named_by_their_place, close_all),
    };
    return cmocka_run_group_tests_name("store/columns", tests, make_large_store, remove_store);
}

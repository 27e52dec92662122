/* Weights from stores and other HDF5 files against sums over the classes that were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/balance.h"

/* More samples than are read at once, by rows and by boxes. */
enum { SAMPLES = 6000, CLASSES = 3, MOST_BOXES = 12 };

static char folder[64];
static struct vdt_error error;

/* Bits of the classes of a sample: many have class 0, few class 1, some none or two. */
static unsigned classes_of(uint64_t sample)
{
    if (sample % 10 == 0)
        return 0;
    if (sample % 7 == 0)
        return 1 | 4;
    return sample % 50 == 3 ? 2 : 1;
}

static float weight_of(uint64_t sample)
{
    return (float)(sample % 17) / 4;
}

static size_t boxes_of(uint64_t sample, uint16_t *box_class)
{
    size_t count = 0;
    for (uint16_t c = 0; c < CLASSES; c++)
        for (uint64_t n = 0; n < 1 + sample % 4; n++)
            if (classes_of(sample) >> c & 1)
                box_class[count++] = c;
    return count;
}

static void append(struct vdt_writer *writer, uint64_t index, uint32_t tasks)
{
    uint8_t image = (uint8_t)index, mask = 0, onehot[CLASSES];
    uint16_t box_class[MOST_BOXES];
    int64_t box_feature[MOST_BOXES] = {0};
    float boxes[MOST_BOXES][4], box_visible[MOST_BOXES];
    for (size_t c = 0; c < CLASSES; c++)
        onehot[c] = classes_of(index) >> c & 1;
    for (size_t b = 0; b < MOST_BOXES; b++) {
        boxes[b][0] = boxes[b][1] = 0;
        boxes[b][2] = boxes[b][3] = box_visible[b] = 1;
    }
    struct vdt_sample sample = {.window = {(int32_t)index, 0, 1, 1},
                                .valid_fraction = 1,
                                .weight = weight_of(index),
                                .image = &image};
    snprintf(sample.key, sizeof sample.key, "%d", (int)index);
    if (tasks & VDT_CLASSIFICATION)
        sample.labels.onehot = onehot;
    if (tasks & VDT_SEGMENTATION)
        sample.labels.mask = &mask;
    if (tasks & VDT_DETECTION) {
        sample.labels.box_count = boxes_of(index, box_class);
        sample.labels.boxes = (const float(*)[4])boxes;
        sample.labels.box_class = box_class;
        sample.labels.box_feature = box_feature;
        sample.labels.box_visible = box_visible;
    }
    if (vdt_writer_append(writer, "train", &sample, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct vdt_reader *make_store(const char *name, uint32_t tasks, uint64_t samples)
{
    static const char *const names[CLASSES] = {"field", "forest", "water"};
    struct vdt_store_spec spec = {.tile = {1, 1, 1, VDT_UINT8},
                                  .tasks = tasks,
                                  .classes = names,
                                  .class_count = CLASSES,
                                  .image_codec = VDT_CODEC_RAW,
                                  .mask_codec = VDT_CODEC_RAW};
    struct vdt_scene_record scene = {.uri = "scene.tif",
                                     .digest = "0123456789abcdef0123456789abcdef",
                                     .acquired = "",
                                     .cols = SAMPLES,
                                     .rows = 1};
    const char *path = in_folder(name);
    struct vdt_writer *writer = NULL;
    struct vdt_reader *reader = NULL;
    uint32_t index;
    assert_int_equal(vdt_writer_create(path, &spec, &writer, &error), VDT_OK);
    assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, &error), VDT_OK);
    assert_int_equal(vdt_writer_add_crs(writer, "", &index, &error), VDT_OK);
    for (uint64_t i = 0; i < samples; i++)
        append(writer, i, tasks);
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_OK);
    vdt_writer_free(writer);
    if (vdt_reader_open(path, &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    unlink(path);
    return reader;
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vdt-balance-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* --- stored weights --------------------------------------------------------------------------- */

static void stored_weights_are_read(void **state)
{
    (void)state;
    struct vdt_reader *reader = make_store("a.h5", VDT_CLASSIFICATION, SAMPLES);
    double *weights = calloc(SAMPLES + 1, sizeof *weights);
    assert_non_null(weights);
    weights[SAMPLES] = -5;
    struct vdt_input input = {.reader = reader, .group = "train"};
    assert_int_equal(vdt_weights_stored(&input, weights, &error), VDT_OK);
    for (uint64_t i = 0; i < SAMPLES; i++)
        assert_true(weights[i] == (double)weight_of(i));

    static const uint64_t indices[] = {5, 6, 7, 5999, 5999, 0, 1, 3};
    input.indices = indices;
    input.index_count = 8;
    assert_int_equal(vdt_weights_stored(&input, weights, &error), VDT_OK);
    for (uint64_t i = 0; i < 8; i++)
        assert_true(weights[i] == (double)weight_of(indices[i]));
    assert_true(weights[8] == (double)weight_of(8) && weights[SAMPLES] == -5);
    free(weights);
    vdt_reader_free(reader);
}

static void bad_inputs_are_refused(void **state)
{
    (void)state;
    double weights[4];
    struct vdt_reader *reader = make_store("a.h5", VDT_SEGMENTATION, 3);
    static const uint64_t indices[] = {2, 3};
    struct vdt_input input = {.reader = reader, .group = "train"};
    assert_int_equal(vdt_weights_balanced(&input, 1, weights, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "a.h5: no classes to balance"));
    input.indices = indices;
    input.index_count = 2;
    assert_int_equal(vdt_weights_stored(&input, weights, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "a.h5: sample 3 of 3"));
    input.group = "nowhere";
    assert_int_equal(vdt_weights_stored(&input, weights, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_weights_balanced(&input, 1, weights, &error), VDT_ERR_NOT_FOUND);
    vdt_reader_free(reader);
}

/* --- balanced weights --------------------------------------------------------------------------
 */

/* What the header says, for samples whose class bits are given; class bit 3: none. */
static void assert_balanced(const double *weights, const unsigned *classes, uint64_t count)
{
    double total[4] = {0}, sum = 0;
    for (uint64_t i = 0; i < count; i++)
        for (int c = 0; c < 4; c++)
            total[c] += (classes[i] == 0 ? 8u : classes[i]) >> c & 1;
    for (uint64_t i = 0; i < count; i++) {
        double wanted = 0;
        for (int c = 0; c < 4; c++)
            if ((classes[i] == 0 ? 8u : classes[i]) >> c & 1)
                wanted += 1 / total[c];
        assert_true(fabs(weights[i] - wanted) < 1e-15);
        sum += weights[i];
    }
    double occurring = (total[0] > 0) + (total[1] > 0) + (total[2] > 0) + (total[3] > 0);
    assert_true(fabs(sum - occurring) < 1e-9);
}

static void every_class_gets_the_same_total(void **state)
{
    (void)state;
    static const uint32_t tasks[] = {VDT_CLASSIFICATION, VDT_DETECTION,
                                     VDT_CLASSIFICATION | VDT_DETECTION};
    static unsigned classes[SAMPLES + 6];
    static double weights[SAMPLES + 7];
    for (size_t t = 0; t < 3; t++) {
        struct vdt_reader *reader = make_store("a.h5", tasks[t], SAMPLES);
        struct vdt_input inputs[2] = {{.reader = reader, .group = "train"},
                                      {.reader = reader, .group = "train"}};
        for (uint64_t i = 0; i < SAMPLES; i++)
            classes[i] = classes_of(i);
        assert_int_equal(vdt_weights_balanced(inputs, 1, weights, &error), VDT_OK);
        assert_balanced(weights, classes, SAMPLES);

        /* A second input counts with the first; a sample that comes twice counts twice. */
        static const uint64_t indices[] = {3, 3, 20, 21, 22, 5999};
        inputs[1].indices = indices;
        inputs[1].index_count = 6;
        for (size_t i = 0; i < 6; i++)
            classes[SAMPLES + i] = classes_of(indices[i]);
        weights[SAMPLES + 6] = -5;
        assert_int_equal(vdt_weights_balanced(inputs, 2, weights, &error), VDT_OK);
        assert_balanced(weights, classes, SAMPLES + 6);
        assert_true(weights[SAMPLES + 6] == -5);

        /* Only some classes, and none at all. */
        assert_int_equal(vdt_weights_balanced(&inputs[1], 1, weights, &error), VDT_OK);
        assert_balanced(weights, classes + SAMPLES, 6);
        inputs[1].index_count = 0;
        assert_int_equal(vdt_weights_balanced(&inputs[1], 1, weights, &error), VDT_OK);
        vdt_reader_free(reader);
    }
}

/* --- other HDF5 files ---------------------------------------------------------------------------
 */

static void write_dataset(hid_t file, const char *name, int rank, const hsize_t *shape, hid_t type,
                          const void *values)
{
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* A file of 6 samples with labels [6] (columns 0) or [6, columns]. */
static struct vdt_hdf5 *make_file(hsize_t columns, hid_t type, const void *labels)
{
    static const uint8_t images[6][2][2] = {{{0}}};
    const char *path = in_folder("b.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    write_dataset(file, "images", 3, (hsize_t[]){6, 2, 2}, H5T_NATIVE_UINT8, images);
    write_dataset(file, "labels", columns == 0 ? 1 : 2, (hsize_t[]){6, columns}, type, labels);
    H5Fclose(file);
    struct vdt_hdf5 *opened = NULL;
    struct vdt_hdf5_options options = {.images = "images", .labels = "labels", .no_cache = true};
    if (vdt_hdf5_open(path, &options, &opened, &error) != VDT_OK)
        fail_msg("%s", error.message);
    unlink(path);
    return opened;
}

static vdt_status balance_file(hsize_t columns, hid_t type, const void *labels, double *weights)
{
    struct vdt_hdf5 *file = make_file(columns, type, labels);
    struct vdt_input input = {.hdf5 = file};
    vdt_status status = vdt_weights_balanced(&input, 1, weights, &error);
    vdt_hdf5_free(file);
    return status;
}

static void class_ids_of_every_type_are_balanced(void **state)
{
    (void)state;
    static const unsigned classes[] = {1, 2, 1, 4, 1, 1};
    double weights[6];
#define CHECK_TYPE(c_type, h5_type)                                          \
    do {                                                                     \
        static const c_type labels[] = {5, 0, 5, 100, 5, 5};                 \
        assert_int_equal(balance_file(0, h5_type, labels, weights), VDT_OK); \
        assert_balanced(weights, classes, 6);                                \
    } while (0)
    CHECK_TYPE(uint8_t, H5T_NATIVE_UINT8);
    CHECK_TYPE(int8_t, H5T_NATIVE_INT8);
    CHECK_TYPE(uint16_t, H5T_NATIVE_UINT16);
    CHECK_TYPE(int16_t, H5T_NATIVE_INT16);
    CHECK_TYPE(uint32_t, H5T_NATIVE_UINT32);
    CHECK_TYPE(int32_t, H5T_NATIVE_INT32);
    CHECK_TYPE(uint64_t, H5T_NATIVE_UINT64);
    CHECK_TYPE(int64_t, H5T_NATIVE_INT64);
#undef CHECK_TYPE
}

static void onehot_rows_of_files_are_balanced(void **state)
{
    (void)state;
    static const uint8_t labels[6][3] = {{1, 0, 0}, {0, 0, 0}, {1, 0, 1}, {1}, {0, 0, 7}, {1}};
    static const unsigned classes[] = {1, 0, 5, 1, 4, 1};
    double weights[6];
    assert_int_equal(balance_file(3, H5T_NATIVE_UINT8, labels, weights), VDT_OK);
    assert_balanced(weights, classes, 6);

    static const uint64_t indices[] = {4, 2, 2};
    static const unsigned chosen[] = {4, 5, 5};
    struct vdt_hdf5 *file = make_file(3, H5T_NATIVE_UINT8, labels);
    struct vdt_input input = {.hdf5 = file, .indices = indices, .index_count = 3};
    assert_int_equal(vdt_weights_balanced(&input, 1, weights, &error), VDT_OK);
    assert_balanced(weights, chosen, 3);
    weights[3] = -5;
    assert_int_equal(vdt_weights_stored(&input, weights, &error), VDT_OK);
    assert_true(weights[0] == 1 && weights[1] == 1 && weights[2] == 1 && weights[3] == -5);
    vdt_hdf5_free(file);
}

static void labels_that_are_no_classes_are_refused(void **state)
{
    (void)state;
    double weights[6];
    static const int32_t negative[] = {0, 1, -1, 2, 3, 4}, large[] = {0, 65534, 1, 2, 65535, 0};
    assert_int_equal(balance_file(0, H5T_NATIVE_INT32, negative, weights), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "b.h5: the label of sample 2 is no class id"));
    assert_int_equal(balance_file(0, H5T_NATIVE_INT32, large, weights), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "b.h5: the label of sample 4 is no class id"));
    static const uint64_t huge[] = {0, UINT64_MAX, 0, 0, 0, 0};
    assert_int_equal(balance_file(0, H5T_NATIVE_UINT64, huge, weights), VDT_ERR_ARGUMENT);
    static const float values[6][2] = {{0}};
    assert_int_equal(balance_file(0, H5T_NATIVE_FLOAT, values, weights), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "b.h5: no classes to balance"));
    assert_int_equal(balance_file(2, H5T_NATIVE_FLOAT, values, weights), VDT_ERR_ARGUMENT);
    static const uint16_t pairs[6][2] = {{0}};
    assert_int_equal(balance_file(2, H5T_NATIVE_UINT16, pairs, weights), VDT_ERR_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_weights_are_read),
        cmocka_unit_test(bad_inputs_are_refused),
        cmocka_unit_test(every_class_gets_the_same_total),
        cmocka_unit_test(class_ids_of_every_type_are_balanced),
        cmocka_unit_test(onehot_rows_of_files_are_balanced),
        cmocka_unit_test(labels_that_are_no_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

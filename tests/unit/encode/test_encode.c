/* From features near a window to the arrays of its sample. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "encode/encode.h"

enum { ALL_TASKS = VDT_CLASSIFICATION | VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE };

struct setup {
    struct vdt_geometry geometry;
    struct vdt_index *index;
    struct vdt_encoder encoder;
    struct vdt_encoded encoded;
};

static const struct vdt_window ten = {0, 0, 10, 10};

static struct setup begin(uint32_t tasks, enum vdt_match match)
{
    struct setup setup = {.encoder.rules = {.tasks = tasks, .class_count = 3, .match = match}};
    return setup;
}

static void add_rectangle(struct setup *setup, uint32_t class_id, double xmin, double ymin,
                          double xmax, double ymax)
{
    struct vdt_geometry *g = &setup->geometry;
    assert_true(vdt_grow(&g->points, &g->point_capacity, g->point_count + 4, sizeof *g->points));
    assert_true(vdt_grow(&g->rings, &g->ring_capacity, g->ring_count + 1, sizeof *g->rings));
    assert_true(vdt_grow(&g->parts, &g->part_capacity, g->part_count + 1, sizeof *g->parts));
    assert_true(
        vdt_grow(&g->features, &g->feature_capacity, g->feature_count + 1, sizeof *g->features));
    const double corners[4][2] = {{xmin, ymin}, {xmax, ymin}, {xmax, ymax}, {xmin, ymax}};
    memcpy(g->points + g->point_count, corners, sizeof corners);
    g->rings[g->ring_count] = (struct vdt_ring){g->point_count, 4};
    g->parts[g->part_count] = (struct vdt_part){g->ring_count++, 1};
    g->features[g->feature_count] = (struct vdt_feature){.id = 1000 + (int64_t)g->feature_count,
                                                         .class_id = class_id,
                                                         .first = g->part_count++,
                                                         .count = 1};
    g->feature_count++;
    g->point_count += 4;
}

static void index_features(struct setup *setup)
{
    struct vdt_geometry *g = &setup->geometry;
    vdt_geometry_measure(g);
    vdt_index_free(setup->index);
    double(*boxes)[4] = malloc((g->feature_count + 1) * sizeof *boxes);
    assert_non_null(boxes);
    for (size_t i = 0; i < g->feature_count; i++)
        memcpy(boxes[i], g->features[i].box, sizeof boxes[i]);
    assert_int_equal(
        vdt_index_build((const double(*)[4])boxes, g->feature_count, &setup->index, NULL), VDT_OK);
    free(boxes);
}

/* Encodes on a scene of 1000 x 1000 and compares `keep` with the fast answer. */
static const struct vdt_labels *encode(struct setup *setup, struct vdt_window window)
{
    index_features(setup);
    bool keep;
    assert_int_equal(vdt_encode_keep(&setup->encoder, &setup->geometry, setup->index, &window, 1000,
                                     1000, &keep, NULL),
                     VDT_OK);
    assert_int_equal(vdt_encode(&setup->encoder, &setup->geometry, setup->index, &window, 1000,
                                1000, &setup->encoded, NULL),
                     VDT_OK);
    assert_int_equal(keep, setup->encoded.keep);
    return &setup->encoded.labels;
}

static void end(struct setup *setup)
{
    vdt_encoder_clear(&setup->encoder);
    vdt_index_free(setup->index);
    vdt_geometry_clear(&setup->geometry);
}

static void expect_box(const struct vdt_labels *labels, size_t i, float xmin, float ymin,
                       float xmax, float ymax)
{
    assert_true(i < labels->box_count);
    assert_true(labels->boxes[i][0] == xmin && labels->boxes[i][1] == ymin);
    assert_true(labels->boxes[i][2] == xmax && labels->boxes[i][3] == ymax);
}

static void objects_become_onehot_and_boxes(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
    add_rectangle(&setup, 2, 101, 202, 104, 206);
    add_rectangle(&setup, 1, 500, 500, 510, 510);
    add_rectangle(&setup, 0, 95, 205, 105, 207);
    add_rectangle(&setup, 1, 110, 200, 120, 210); /* touches the side */
    const struct vdt_labels *labels = encode(&setup, (struct vdt_window){100, 200, 10, 10});
    assert_true(setup.encoded.keep);
    assert_memory_equal(labels->onehot, ((uint8_t[]){1, 0, 1}), 3);
    assert_int_equal(labels->box_count, 2);
    expect_box(labels, 0, 1, 2, 4, 6);
    expect_box(labels, 1, 0, 5, 5, 7);
    assert_memory_equal(labels->box_class, ((uint16_t[]){2, 0}), 4);
    assert_memory_equal(labels->box_feature, ((int64_t[]){1000, 1002}), 16);
    assert_true(labels->box_visible[0] == 1 && labels->box_visible[1] == 0.5f);
    const uint8_t *mask = labels->mask;
    for (int i = 0; i < 100; i++) {
        int x = i % 10, y = i / 10;
        bool first = x >= 1 && x < 4 && y >= 2 && y < 6, second = x < 5 && y >= 5 && y < 7;
        assert_int_equal(mask[i], second ? 1 : first ? 3 : 0);
        assert_int_equal(labels->instances[i], second ? 2 : first ? 1 : 0);
    }
    end(&setup);
}

static void only_arrays_that_are_asked(void **state)
{
    (void)state;
    for (uint32_t tasks = 0; tasks < 16; tasks++) {
        struct setup setup = begin(tasks, VDT_MATCH_ALL);
        const struct vdt_labels *labels = encode(&setup, ten);
        bool boxes = (tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
        assert_int_equal(labels->onehot != NULL, (tasks & VDT_CLASSIFICATION) != 0);
        assert_int_equal(labels->boxes != NULL, boxes);
        assert_int_equal(labels->box_class != NULL, boxes);
        assert_int_equal(labels->box_feature != NULL, boxes);
        assert_int_equal(labels->box_visible != NULL, boxes);
        assert_int_equal(labels->mask != NULL, (tasks & VDT_SEGMENTATION) != 0);
        assert_int_equal(labels->instances != NULL, (tasks & VDT_INSTANCE) != 0);
        end(&setup);
    }
}

static void match_decides_what_is_kept(void **state)
{
    (void)state;
    static const struct {
        enum vdt_match match;
        bool none, cut, whole;
        size_t cut_boxes;
    } table[] = {{VDT_MATCH_INTERSECT, false, true, true, 1},
                 {VDT_MATCH_INSIDE, false, false, true, 0},
                 {VDT_MATCH_ALL, true, true, true, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct setup setup = begin(ALL_TASKS, table[i].match);
        add_rectangle(&setup, 0, 10, 10, 20, 20); /* touches the corner */
        encode(&setup, ten);
        assert_int_equal(setup.encoded.keep, table[i].none);
        add_rectangle(&setup, 1, -5, 0, 5, 5);
        const struct vdt_labels *labels = encode(&setup, ten);
        assert_int_equal(setup.encoded.keep, table[i].cut);
        assert_int_equal(labels->box_count, table[i].cut_boxes);
        add_rectangle(&setup, 2, 4, 4, 10, 10);
        labels = encode(&setup, ten);
        assert_int_equal(setup.encoded.keep, table[i].whole);
        assert_int_equal(labels->box_count, table[i].cut_boxes + 1);
        assert_int_equal(labels->onehot[1], table[i].cut_boxes);
        /* The mask shows what is no object, the instances do not. */
        assert_int_equal(((const uint8_t *)labels->mask)[0], 2);
        assert_int_equal(labels->instances[0], table[i].cut_boxes);
        end(&setup);
    }
}

/* raster-vision (3c18a7a), test_object_detection_labels.py: boxes [0,0,2,2] and [2,2,4,4] in a
 * window of 3, with least shares 0.5 and 0.1. Its window of 2.01 is no whole number of pixels. */
static void slivers_are_dropped_and_counted(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
    add_rectangle(&setup, 0, 0, 0, 2, 2);
    add_rectangle(&setup, 1, 2, 2, 4, 4);
    setup.encoder.rules.min_visible = 0.5;
    const struct vdt_labels *labels = encode(&setup, (struct vdt_window){0, 0, 3, 3});
    assert_int_equal(labels->box_count, 1);
    assert_int_equal(setup.encoded.slivers, 1);
    assert_memory_equal(labels->onehot, ((uint8_t[]){1, 0, 0}), 3);
    assert_int_equal(((const uint8_t *)labels->mask)[8], 2);
    assert_int_equal(labels->instances[8], 0);

    setup.encoder.rules.min_visible = 0.1;
    labels = encode(&setup, (struct vdt_window){0, 0, 3, 3});
    assert_int_equal(labels->box_count, 2);
    assert_int_equal(setup.encoded.slivers, 0);
    expect_box(labels, 1, 2, 2, 3, 3);
    setup.encoder.rules.min_visible = 0.25; /* exactly what is visible */
    assert_int_equal(encode(&setup, (struct vdt_window){0, 0, 3, 3})->box_count, 2);

    setup.encoder.rules.min_visible = 0.5; /* nothing is left: the window goes */
    encode(&setup, (struct vdt_window){3, 3, 3, 3});
    assert_false(setup.encoded.keep);
    assert_int_equal(setup.encoded.slivers, 1);
    assert_null(setup.encoded.labels.boxes);
    end(&setup);
}

static void burn_order_decides_who_is_seen(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
    add_rectangle(&setup, 1, 0, 0, 4, 4); /* smallest */
    add_rectangle(&setup, 2, 0, 0, 6, 6);
    add_rectangle(&setup, 0, 0, 0, 8, 8);
    add_rectangle(&setup, 1, 0, 0, 8, 8);
    static const uint8_t corner[] = {2, 3, 2}, instance[] = {4, 2, 1}, edge[] = {2, 2, 2};
    for (int order = VDT_ORDER_FILE; order <= VDT_ORDER_AREA; order++) {
        setup.encoder.rules.mask_order = (enum vdt_mask_order)order;
        const struct vdt_labels *labels = encode(&setup, ten);
        assert_int_equal(((const uint8_t *)labels->mask)[0], corner[order]);
        assert_int_equal(labels->instances[0], instance[order]);
        assert_int_equal(((const uint8_t *)labels->mask)[77], edge[order]);
        assert_int_equal(labels->instances[77], 4);
    }
    end(&setup);
}

static void pixels_outside_the_scene_are_ignored(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
    add_rectangle(&setup, 1, 990, 990, 1010, 1010);
    const struct vdt_labels *labels = encode(&setup, (struct vdt_window){995, 997, 10, 10});
    for (int i = 0; i < 100; i++) {
        bool outside = i % 10 >= 5 || i / 10 >= 3;
        assert_int_equal(((const uint8_t *)labels->mask)[i], outside ? VDT_IGNORE_U8 : 2);
        assert_int_equal(labels->instances[i], !outside);
    }
    end(&setup);
}

/* Ends at the scene's edge at 1000: what lies in the padding is no image and no object. */
static void padding_hides_objects(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_ALL);
    add_rectangle(&setup, 1, 996, 2, 1004, 6);
    add_rectangle(&setup, 2, 1001, 0, 1003, 4);
    const struct vdt_labels *labels = encode(&setup, (struct vdt_window){994, 0, 10, 10});
    assert_int_equal(labels->box_count, 1);
    assert_memory_equal(labels->boxes[0], ((float[]){2, 2, 6, 6}), 16);
    assert_true(labels->box_visible[0] == 0.5f);
    assert_int_equal(labels->onehot[2], 0);
    end(&setup);
}

static void many_classes_make_a_wide_mask(void **state)
{
    (void)state;
    for (size_t classes = 254; classes <= 255; classes++) {
        struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
        setup.encoder.rules.class_count = classes;
        add_rectangle(&setup, (uint32_t)classes - 1, 999, 0, 1005, 10);
        const struct vdt_labels *labels = encode(&setup, (struct vdt_window){998, 0, 3, 1});
        if (classes == 254)
            assert_memory_equal(labels->mask, ((uint8_t[]){0, 254, 255}), 3);
        else
            assert_memory_equal(labels->mask, ((uint16_t[]){0, 255, VDT_IGNORE_U16}), 6);
        assert_int_equal(labels->onehot[classes - 1], 1);
        end(&setup);
    }
}

static void without_labels_everything_is_kept_and_empty(void **state)
{
    (void)state;
    struct setup setup = begin(ALL_TASKS, VDT_MATCH_INTERSECT);
    const struct vdt_window window = {995, 0, 10, 10};
    bool keep = false;
    assert_int_equal(vdt_encode_keep(&setup.encoder, NULL, NULL, &window, 1000, 1000, &keep, NULL),
                     VDT_OK);
    assert_true(keep);
    assert_int_equal(
        vdt_encode(&setup.encoder, NULL, NULL, &window, 1000, 1000, &setup.encoded, NULL), VDT_OK);
    assert_true(setup.encoded.keep);
    assert_int_equal(setup.encoded.labels.box_count, 0);
    assert_memory_equal(setup.encoded.labels.onehot, ((uint8_t[]){0, 0, 0}), 3);
    for (int i = 0; i < 100; i++)
        assert_int_equal(((const uint8_t *)setup.encoded.labels.mask)[i], i % 10 >= 5 ? 255 : 0);
    end(&setup);
}

/* Too thin for single precision, but there: a box that trainers can divide by. */
static void boxes_are_never_empty(void **state)
{
    (void)state;
    struct setup setup = begin(VDT_DETECTION, VDT_MATCH_INTERSECT);
    add_rectangle(&setup, 0, 9.9999999999, 2, 12, 4);
    add_rectangle(&setup, 0, 5, 6, 5 + 1e-9, 8);
    const struct vdt_labels *labels = encode(&setup, ten);
    assert_int_equal(labels->box_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(labels->boxes[i][0] < labels->boxes[i][2]);
        assert_true(labels->boxes[i][2] <= 10);
    }
    end(&setup);
}

static void too_many_boxes_are_refused(void **state)
{
    (void)state;
    struct setup setup = begin(VDT_DETECTION, VDT_MATCH_INTERSECT);
    for (int i = 0; i < 65535; i++)
        add_rectangle(&setup, 0, i % 256, i / 256, i % 256 + 0.5, i / 256 + 0.5);
    const struct vdt_window window = {0, 0, 256, 256};
    assert_int_equal(encode(&setup, window)->box_count, 65535);
    add_rectangle(&setup, 0, 255, 255, 255.5, 255.5);
    index_features(&setup);
    struct vdt_error error = {0};
    assert_int_equal(vdt_encode(&setup.encoder, &setup.geometry, setup.index, &window, 1000, 1000,
                                &setup.encoded, &error),
                     VDT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "65535 boxes"));
    setup.encoder.rules.tasks = VDT_SEGMENTATION;
    encode(&setup, window);
    end(&setup);
}

/* Masks of tiles put together are the mask of the scene, in every burn order. */
static void tiles_make_up_the_scene(void **state)
{
    (void)state;
    enum { SIDE = 70, TILE = 17 };
    static uint8_t scene[SIDE * SIDE];
    struct setup setup = begin(VDT_SEGMENTATION, VDT_MATCH_ALL);
    for (uint64_t k = 0; k < 60; k++) {
        double x = 80 * vdt_unit(vdt_mix2(k, 1)) - 10, y = 80 * vdt_unit(vdt_mix2(k, 2)) - 10;
        add_rectangle(&setup, (uint32_t)(k % 3), x, y, x + 20 * vdt_unit(vdt_mix2(k, 3)),
                      y + 20 * vdt_unit(vdt_mix2(k, 4)));
    }
    for (int order = VDT_ORDER_FILE; order <= VDT_ORDER_AREA; order++) {
        setup.encoder.rules.mask_order = (enum vdt_mask_order)order;
        memcpy(scene, encode(&setup, (struct vdt_window){0, 0, SIDE, SIDE})->mask, sizeof scene);
        for (int t = 0; t < 16; t++) {
            struct vdt_window tile = {t % 4 * TILE, t / 4 * TILE, TILE, TILE};
            const uint8_t *mask = encode(&setup, tile)->mask;
            for (int r = 0; r < TILE; r++)
                assert_memory_equal(mask + r * TILE, scene + (tile.row + r) * SIDE + tile.col,
                                    TILE);
        }
    }
    end(&setup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_become_onehot_and_boxes),
        cmocka_unit_test(only_arrays_that_are_asked),
        cmocka_unit_test(match_decides_what_is_kept),
        cmocka_unit_test(slivers_are_dropped_and_counted),
        cmocka_unit_test(burn_order_decides_who_is_seen),
        cmocka_unit_test(pixels_outside_the_scene_are_ignored),
        cmocka_unit_test(padding_hides_objects),
        cmocka_unit_test(many_classes_make_a_wide_mask),
        cmocka_unit_test(without_labels_everything_is_kept_and_empty),
        cmocka_unit_test(boxes_are_never_empty),
        cmocka_unit_test(too_many_boxes_are_refused),
        cmocka_unit_test(tiles_make_up_the_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pixels counted, the scores of their matrix, and boundaries, against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vedatile/scores.h>

#include "base/random.h"

/* A mask of runs, some short and some long, with ignored pixels in it. */
static void fill(void *mask, enum vdt_dtype dtype, uint64_t pixels, uint32_t classes, uint64_t seed)
{
    uint64_t i = 0;
    for (uint64_t run = 0; i < pixels; run++) {
        uint64_t length = 1 + vdt_mix2(seed, run) % (run % 3 ? 5 : 300);
        uint32_t value = (uint32_t)(vdt_mix2(seed + 1, run) % (classes + 2));
        if (value == classes + 1)
            value = dtype == VDT_UINT8 ? UINT8_MAX : UINT16_MAX;
        for (; length > 0 && i < pixels; length--, i++)
            if (dtype == VDT_UINT8)
                ((uint8_t *)mask)[i] = (uint8_t)value;
            else
                ((uint16_t *)mask)[i] = (uint16_t)value;
    }
}

static uint32_t value_at(const void *mask, enum vdt_dtype dtype, uint64_t i)
{
    return dtype == VDT_UINT8 ? ((const uint8_t *)mask)[i] : ((const uint16_t *)mask)[i];
}

static void count_plainly(const void *truth, const void *predicted, const uint8_t *skip,
                          enum vdt_dtype dtype, uint64_t pixels, uint32_t classes, uint64_t *matrix)
{
    const uint32_t ignored = dtype == VDT_UINT8 ? UINT8_MAX : UINT16_MAX;
    memset(matrix, 0, (size_t)(classes + 1) * (classes + 2) * sizeof *matrix);
    for (uint64_t i = 0; i < pixels; i++) {
        uint32_t t = value_at(truth, dtype, i), p = value_at(predicted, dtype, i);
        if (t != ignored && !(skip && skip[i]))
            matrix[t * (classes + 2) + (p == ignored ? classes + 1 : p)]++;
    }
}

static void check_counts(enum vdt_dtype dtype, uint32_t classes, uint64_t pixels, uint32_t threads,
                         bool with_skip)
{
    const size_t cells = (size_t)(classes + 1) * (classes + 2);
    void *truth = malloc(pixels * 2 + 1), *predicted = malloc(pixels * 2 + 1);
    uint8_t *skip = malloc(pixels + 1);
    uint64_t *expected = malloc(cells * sizeof *expected);
    fill(truth, dtype, pixels, classes, 1);
    fill(predicted, dtype, pixels, classes, 2);
    if (with_skip)
        memcpy(predicted, truth, pixels); /* long runs that agree */
    for (uint64_t i = 0; i < pixels; i++)
        skip[i] = vdt_mix2(3, i / 50) % 4 == 0;
    if (with_skip && dtype == VDT_UINT16)
        fill(predicted, dtype, pixels, classes, 2);
    const uint8_t *used = with_skip ? skip : NULL;
    count_plainly(truth, predicted, used, dtype, pixels, classes, expected);
    struct vdt_pixel_counter *counter = NULL;
    assert_int_equal(vdt_pixel_counter_new(classes, dtype, &counter, NULL), VDT_OK);
    assert_int_equal(vdt_pixel_counter_add(counter, truth, predicted, used, pixels, threads, NULL),
                     VDT_OK);
    assert_memory_equal(vdt_pixel_counter_matrix(counter), expected, cells * sizeof *expected);
    vdt_pixel_counter_free(counter);
    free(truth);
    free(predicted);
    free(skip);
    free(expected);
}

static void test_counts(void **state)
{
    (void)state;
    check_counts(VDT_UINT8, 1, 0, 1, false);
    check_counts(VDT_UINT8, 1, 63, 1, false);
    check_counts(VDT_UINT8, 5, 70001, 1, false);
    check_counts(VDT_UINT8, 5, 70001, 1, true);
    check_counts(VDT_UINT8, 254, 70001, 1, false);
    check_counts(VDT_UINT16, 5, 70001, 1, true);
    check_counts(VDT_UINT16, 600, 70001, 1, false);
}

static void test_threads_count_alike(void **state)
{
    (void)state;
    for (uint32_t threads = 2; threads <= 5; threads++)
        check_counts(VDT_UINT8, 7, (1 << 22) + 77, threads, threads % 2);
}

static void test_values_that_are_no_class(void **state)
{
    (void)state;
    uint8_t truth[70] = {0}, predicted[70] = {0}, skip[70] = {0};
    struct vdt_pixel_counter *counter = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_pixel_counter_new(3, VDT_UINT8, &counter, &error), VDT_OK);
    predicted[66] = 4;
    assert_int_equal(vdt_pixel_counter_add(counter, truth, predicted, NULL, 70, 1, &error),
                     VDT_ERR_FORMAT);
    assert_string_equal(
        error.message,
        "pixel 66: predicted value 4 is no class; 0 (background) to 3 or 255 (ignored) are");
    vdt_pixel_counter_clear(counter);
    skip[66] = 1;
    assert_int_equal(vdt_pixel_counter_add(counter, truth, predicted, skip, 70, 1, &error), VDT_OK);
    assert_int_equal(vdt_pixel_counter_matrix(counter)[0], 69);
    truth[3] = 9;
    assert_int_equal(vdt_pixel_counter_add(counter, truth, predicted, skip, 70, 1, &error),
                     VDT_ERR_FORMAT);
    vdt_pixel_counter_free(counter);
    assert_int_equal(vdt_pixel_counter_new(255, VDT_UINT8, &counter, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_pixel_counter_new(0, VDT_UINT8, &counter, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_pixel_counter_new(2, VDT_FLOAT32, &counter, &error), VDT_ERR_ARGUMENT);
}

static void test_merging(void **state)
{
    (void)state;
    const uint8_t truth[4] = {1, 1, 0, 2}, predicted[4] = {1, 2, 0, 255};
    struct vdt_pixel_counter *one = NULL, *all = NULL, *other = NULL;
    assert_int_equal(vdt_pixel_counter_new(2, VDT_UINT8, &one, NULL), VDT_OK);
    assert_int_equal(vdt_pixel_counter_new(2, VDT_UINT8, &all, NULL), VDT_OK);
    assert_int_equal(vdt_pixel_counter_new(3, VDT_UINT8, &other, NULL), VDT_OK);
    assert_int_equal(vdt_pixel_counter_add(one, truth, predicted, NULL, 4, 1, NULL), VDT_OK);
    assert_int_equal(vdt_pixel_counter_merge(all, one, 3, NULL), VDT_OK);
    const uint64_t expected[12] = {3, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 3};
    assert_memory_equal(vdt_pixel_counter_matrix(all), expected, sizeof expected);
    assert_int_equal(vdt_pixel_counter_merge(all, other, 1, NULL), VDT_ERR_MISMATCH);
    vdt_pixel_counter_free(one);
    vdt_pixel_counter_free(all);
    vdt_pixel_counter_free(other);
}

/* Worked by hand: 10 pixels; class 1: 3 true, 3 predicted, 2 both; class 2: 4 true, 3 predicted, 2
 * both, 1 not predicted; class 3 nowhere; background 3 true, 3 predicted, 2 both. */
static void test_scores_by_hand(void **state)
{
    (void)state;
    const double matrix[4 * 5] = {
        2, 0, 1, 0, 0, /* background */
        1, 2, 0, 0, 0, /* class 1 */
        0, 1, 2, 0, 1, /* class 2 */
        0, 0, 0, 0, 0,
    };
    struct vdt_segmentation_scores scores;
    struct vdt_segment_score values[4];
    vdt_segmentation_score(matrix, 3, &scores, values);
    assert_float_equal(values[1].iou, 2.0 / 4, 1e-15);
    assert_float_equal(values[2].iou, 2.0 / 5, 1e-15);
    assert_float_equal(values[2].precision, 2.0 / 3, 1e-15);
    assert_float_equal(values[2].recall, 2.0 / 4, 1e-15);
    assert_float_equal(values[2].f1, 4.0 / 7, 1e-15);
    assert_true(isnan(values[3].iou) && isnan(values[3].f1) && isnan(values[3].precision));
    assert_float_equal(scores.pixels, 10, 0);
    assert_float_equal(scores.accuracy, 0.6, 1e-15);
    assert_float_equal(scores.miou, 0.45, 1e-15);
    assert_float_equal(scores.miou_background, (0.5 + 0.5 + 0.4) / 3, 1e-15);
    assert_float_equal(scores.mean_accuracy, (2.0 / 3 + 0.5) / 2, 1e-15);
    assert_float_equal(scores.frequency_weighted_iou, 0.3 * 0.5 + 0.3 * 0.5 + 0.4 * 0.4, 1e-15);
    const double nothing[2 * 3] = {0};
    vdt_segmentation_score(nothing, 1, &scores, NULL);
    assert_true(isnan(scores.miou) && isnan(scores.accuracy) &&
                isnan(scores.frequency_weighted_iou));
}

/* --- boundaries --------------------------------------------------------------------------- */

static bool is_boundary(const uint8_t *mask, int rows, int cols, int row, int col, int distance)
{
    for (int r = row - distance; r <= row + distance; r++)
        for (int c = col - distance; c <= col + distance; c++)
            if (r < 0 || c < 0 || r >= rows || c >= cols ||
                mask[r * cols + c] != mask[row * cols + col])
                return true;
    return false;
}

static void test_boundaries(void **state)
{
    (void)state;
    enum { ROWS = 37, COLS = 29 };
    uint8_t mask[ROWS * COLS], boundary[ROWS * COLS];
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < ROWS * COLS; i++)
            mask[i] = kind == 0   ? 1
                      : kind == 1 ? (i % COLS > 14)
                      : kind == 2 ? (i / COLS / 9 + i % COLS / 9) % 3 != 0
                                  : vdt_mix2(5, (uint64_t)i) % 60 == 0;
        for (uint32_t distance = 0; distance < 22; distance += 1 + distance / 4) {
            assert_int_equal(
                vdt_mask_boundary(mask, VDT_UINT8, ROWS, COLS, distance, boundary, NULL), VDT_OK);
            for (int i = 0; i < ROWS * COLS; i++)
                assert_int_equal(boundary[i],
                                 is_boundary(mask, ROWS, COLS, i / COLS, i % COLS, (int)distance));
        }
    }
}

/* A square of 5 x 5 in 7 x 7, and the same moved by one pixel. */
static void test_boundary_iou(void **state)
{
    (void)state;
    uint8_t truth[49] = {0}, predicted[49] = {0};
    for (int r = 1; r < 6; r++)
        for (int c = 1; c < 6; c++) {
            truth[r * 7 + c] = 1;
            predicted[r * 7 + c - 1] = 1;
        }
    uint64_t both[2] = {0}, any[2] = {0};
    assert_int_equal(vdt_boundary_add(truth, truth, NULL, VDT_UINT8, 7, 7, 1, 1, both, any, NULL),
                     VDT_OK);
    assert_int_equal(both[1], 16);
    assert_int_equal(any[1], 16);
    both[1] = any[1] = 0;
    assert_int_equal(
        vdt_boundary_add(truth, predicted, NULL, VDT_UINT8, 7, 7, 1, 1, both, any, NULL), VDT_OK);
    assert_int_equal(both[1], 8); /* 4 columns of the upper and of the lower edge */
    assert_int_equal(any[1], 24);
    uint8_t skip[49] = {0};
    memset(skip, 1, 14);
    both[1] = any[1] = 0;
    assert_int_equal(
        vdt_boundary_add(truth, predicted, skip, VDT_UINT8, 7, 7, 1, 1, both, any, NULL), VDT_OK);
    assert_int_equal(both[1], 4);
    assert_int_equal(any[1], 24 - 6 - 0);
    assert_int_equal(vdt_boundary_distance(10, 10), 1);
    assert_int_equal(vdt_boundary_distance(300, 400), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_threads_count_alike),
        cmocka_unit_test(test_values_that_are_no_class),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_scores_by_hand),
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_boundary_iou),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

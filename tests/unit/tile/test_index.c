/* The R-tree against looking at every box. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "tile/index.h"

static bool meets(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

static void random_box(uint64_t seed, double room, double size, double box[4])
{
    double x = vdt_unit(vdt_mix2(seed, 1)) * room, y = vdt_unit(vdt_mix2(seed, 2)) * room;
    box[0] = floor(x);
    box[1] = floor(y);
    box[2] = floor(x + vdt_unit(vdt_mix2(seed, 3)) * size);
    box[3] = floor(y + vdt_unit(vdt_mix2(seed, 4)) * size);
}

/* Whole coordinates, so that many boxes touch the rectangle and no more. */
static void compare_with_all(size_t count, double room)
{
    double(*boxes)[4] = malloc((count + 1) * sizeof *boxes);
    assert_non_null(boxes);
    for (size_t i = 0; i < count; i++)
        random_box(vdt_mix2(count, i), room, 20, boxes[i]);
    struct vdt_index *index = NULL;
    assert_int_equal(vdt_index_build((const double(*)[4])boxes, count, &index, NULL), VDT_OK);
    struct vdt_hits hits = {0};
    for (uint64_t q = 0; q < 200; q++) {
        double rectangle[4];
        random_box(vdt_mix2(~q, count), room, 60, rectangle);
        assert_int_equal(vdt_index_query(index, rectangle, &hits, NULL), VDT_OK);
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            if (meets(boxes[i], rectangle)) {
                assert_true(found < hits.count);
                assert_int_equal(hits.ids[found++], i);
            }
        assert_int_equal(found, hits.count);
    }
    free(hits.ids);
    vdt_index_free(index);
    free(boxes);
}

static void finds_what_a_scan_finds(void **state)
{
    (void)state;
    /* Around the sizes at which a level more is needed (16, 256, 4096). */
    static const size_t counts[] = {1, 2, 15, 16, 17, 33, 255, 256, 257, 1000, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        compare_with_all(counts[i], 40 + 4 * sqrt((double)counts[i]));
}

static void empty_index_finds_nothing(void **state)
{
    (void)state;
    struct vdt_index *index = NULL;
    assert_int_equal(vdt_index_build(NULL, 0, &index, NULL), VDT_OK);
    assert_non_null(index);
    struct vdt_hits hits = {.count = 3};
    const double all[4] = {-INFINITY, -INFINITY, INFINITY, INFINITY};
    assert_int_equal(vdt_index_query(index, all, &hits, NULL), VDT_OK);
    assert_int_equal(hits.count, 0);
    vdt_index_free(index);
    vdt_index_free(NULL);
}

static void boxes_are_copied(void **state)
{
    (void)state;
    double boxes[1][4] = {{0, 0, 1, 1}};
    struct vdt_index *index = NULL;
    assert_int_equal(vdt_index_build((const double(*)[4])boxes, 1, &index, NULL), VDT_OK);
    boxes[0][0] = boxes[0][2] = 100;
    struct vdt_hits hits = {0};
    const double corner[4] = {1, 1, 2, 2};
    assert_int_equal(vdt_index_query(index, corner, &hits, NULL), VDT_OK);
    assert_int_equal(hits.count, 1);
    free(hits.ids);
    vdt_index_free(index);
}

/* A box that is no place must neither be found nor hide the others. */
static void broken_boxes_are_never_found(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    double boxes[COUNT][4];
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < 4; k++)
            boxes[i][k] = i % 3 == 0   ? (double)NAN
                          : i % 3 == 1 ? (k < 2 ? -INFINITY : INFINITY)
                                       : i;
    struct vdt_index *index = NULL;
    assert_int_equal(vdt_index_build((const double(*)[4])boxes, COUNT, &index, NULL), VDT_OK);
    struct vdt_hits hits = {0};
    const double all[4] = {-1e300, -1e300, 1e300, 1e300};
    assert_int_equal(vdt_index_query(index, all, &hits, NULL), VDT_OK);
    assert_int_equal(hits.count, COUNT - 34);
    for (size_t i = 0; i < hits.count; i++)
        assert_int_equal(hits.ids[i], i + i / 2 + 1);
    const double nowhere[4] = {NAN, 0, 1, 1};
    assert_int_equal(vdt_index_query(index, nowhere, &hits, NULL), VDT_OK);
    assert_int_equal(hits.count, 0);
    free(hits.ids);
    vdt_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_scan_finds),
        cmocka_unit_test(empty_index_finds_nothing),
        cmocka_unit_test(boxes_are_copied),
        cmocka_unit_test(broken_boxes_are_never_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Windows around boxes: the middle, the jitter's reach and the scene's edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tile/centred.h"

static const struct vdt_grid grid = {
    .scene_cols = 100, .scene_rows = 80, .tile_cols = 20, .tile_rows = 11};

static struct vdt_window centred(double xmin, double ymin, double xmax, double ymax)
{
    return vdt_centred_window(&grid, (double[4]){xmin, ymin, xmax, ymax}, 0, 1);
}

static void middle(void **state)
{
    (void)state;
    struct vdt_window window = centred(45, 30, 55, 41);
    assert_int_equal(window.col, 40);
    assert_int_equal(window.row, 30);
    assert_int_equal(window.cols, 20);
    assert_int_equal(window.rows, 11);
    assert_int_equal(centred(45.4, 30, 55.4, 41).col, 40);
    assert_int_equal(centred(45.6, 30, 55.6, 41).col, 41);
}

static void inside_the_scene(void **state)
{
    (void)state;
    struct vdt_window corner = centred(0, 0, 2, 2), other = centred(97, 77, 100, 80);
    assert_int_equal(corner.col, 0);
    assert_int_equal(corner.row, 0);
    assert_int_equal(other.col, 80);
    assert_int_equal(other.row, 69);
}

/* The middle is that of the part in the scene, however far the object goes on. */
static void objects_that_leave_the_scene(void **state)
{
    (void)state;
    struct vdt_window window = centred(60, -1e9, 1e9, 60);
    assert_int_equal(window.col, 70);
    assert_int_equal(window.row, 25);
}

static void jitter_reaches_as_far_as_it_says(void **state)
{
    (void)state;
    enum { JITTER = 3, DRAWS = 7000 };
    int cols[2 * JITTER + 1] = {0}, rows[2 * JITTER + 1] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct vdt_window window =
            vdt_centred_window(&grid, (double[4]){45, 30, 55, 41}, JITTER, i);
        assert_true(abs(window.col - 40) <= JITTER && abs(window.row - 30) <= JITTER);
        cols[window.col - 40 + JITTER]++;
        rows[window.row - 30 + JITTER]++;
    }
    for (int i = 0; i <= 2 * JITTER; i++) {
        assert_in_range(cols[i], 850, 1150);
        assert_in_range(rows[i], 850, 1150);
    }
    for (uint64_t i = 0; i < 100; i++) {
        struct vdt_window window = vdt_centred_window(&grid, (double[4]){0, 0, 2, 2}, 9, i);
        assert_true(window.col >= 0 && window.row >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(middle),
        cmocka_unit_test(inside_the_scene),
        cmocka_unit_test(objects_that_leave_the_scene),
        cmocka_unit_test(jitter_reaches_as_far_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

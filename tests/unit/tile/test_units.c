/* Units: whole blocks, every window in one of them, neighbours together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/random.h"
#include "tile/random_window.h"
#include "tile/units.h"

static struct vdt_grid scene(int32_t size, int32_t tile)
{
    return (struct vdt_grid){size, size, tile, tile, tile, tile, VDT_EDGE_DROP};
}

static void a_unit_of_a_grid_is_whole_blocks(void **state)
{
    (void)state;
    struct vdt_grid grid = scene(16384, 256);
    struct vdt_unit_shape shape = vdt_unit_of_grid(&grid, 1024, 1024, 256 * 256 * 3);
    assert_int_equal(shape.cols * 256 % 1024, 0);
    assert_int_equal(shape.rows * 256 % 1024, 0);
    /* A strip makes it a whole row of the grid. */
    shape = vdt_unit_of_grid(&grid, 16384, 1, 256 * 256 * 3);
    assert_int_equal(shape.cols, 64);
    assert_int_equal(shape.rows, 1);
}

static void a_unit_of_places_is_whole_blocks(void **state)
{
    (void)state;
    struct vdt_grid grid = scene(16384, 256);
    for (uint64_t count = 1; count < 10000000; count *= 7) {
        struct vdt_unit_shape shape = vdt_unit_of_places(&grid, count, 512, 256, 256 * 256 * 3);
        assert_true(shape.cols % 512 == 0 && shape.cols > 0);
        assert_true(shape.rows % 256 == 0 && shape.rows > 0);
        shape = vdt_unit_of_places(&grid, count, 16384, 1, 256 * 256 * 3);
        assert_int_equal(shape.cols, 16384);
    }
}

/* Tiles larger than what a unit should have, and no windows at all. */
static void hostile_sizes(void **state)
{
    (void)state;
    struct vdt_grid grid = scene(INT32_MAX, 32768);
    uint64_t bytes = (uint64_t)32768 * 32768 * 65535 * 8;
    struct vdt_unit_shape shape = vdt_unit_of_grid(&grid, INT32_MAX, INT32_MAX, bytes);
    assert_true(shape.cols == 1 && shape.rows == 1);
    shape = vdt_unit_of_places(&grid, 0, INT32_MAX, INT32_MAX, bytes);
    assert_true(shape.cols == INT32_MAX && shape.rows == INT32_MAX && shape.most == 1);
    shape = vdt_unit_of_places(&grid, 100000000, 1, 1, 1);
    assert_true(shape.cols > 0 && shape.rows > 0);
}

static void every_window_is_in_one_unit(void **state)
{
    (void)state;
    enum { COUNT = 5000, MOST = 40 };
    static struct vdt_place places[COUNT];
    struct vdt_grid grid = scene(4000, 64);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct vdt_window window = vdt_random_window(&grid, 11, i);
        places[i] = (struct vdt_place){window.col, window.row, window.col / 512, window.row / 256,
                                       (int32_t)i};
    }
    vdt_places_sort(places, COUNT);
    size_t units = 0, full = 0;
    for (size_t first = 0, end; first < COUNT; first = end, units++) {
        end = vdt_unit_end(places, COUNT, first, MOST);
        assert_true(end > first && end - first <= MOST);
        full += end - first == MOST;
        for (size_t i = first; i < end; i++) {
            assert_int_equal(places[i].unit_col, places[first].unit_col);
            assert_int_equal(places[i].unit_row, places[first].unit_row);
            assert_true(i == first || places[i].row >= places[i - 1].row);
        }
    }
    assert_true(full > 0);
    assert_true(units > 8 * 16 && units < 4 * 8 * 16);
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += (uint64_t)places[i].group;
    assert_int_equal(sum, (uint64_t)COUNT * (COUNT - 1) / 2);
}

/* Where blocks are strips there is one unit across. */
static void units_below_each_other(void **state)
{
    (void)state;
    const struct vdt_place places[] = {{0, 0, 0, 0, 0}, {5, 0, 0, 0, 0}, {0, 9, 0, 1, 0}};
    assert_int_equal(vdt_unit_end(places, 3, 0, 10), 2);
    assert_int_equal(vdt_unit_end(places, 3, 2, 10), 3);
}

/* Any order in, the same order out. */
static void order_does_not_depend_on_the_order(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct vdt_place first[COUNT], second[COUNT];
    for (int32_t i = 0; i < COUNT; i++) {
        uint64_t hash = vdt_mix((uint64_t)i);
        first[i] = (struct vdt_place){i, (int32_t)(hash % 7), (int32_t)(hash / 7 % 3),
                                      (int32_t)(hash / 21 % 3), i};
        second[COUNT - 1 - i] = first[i];
    }
    vdt_places_sort(first, COUNT);
    vdt_places_sort(second, COUNT);
    assert_memory_equal(first, second, sizeof first);
    vdt_places_sort(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_of_a_grid_is_whole_blocks),
        cmocka_unit_test(a_unit_of_places_is_whole_blocks),
        cmocka_unit_test(hostile_sizes),
        cmocka_unit_test(every_window_is_in_one_unit),
        cmocka_unit_test(units_below_each_other),
        cmocka_unit_test(order_does_not_depend_on_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Window grids: the rules of window.h against a brute force, and other projects' tables. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tile/window.h"

static struct vdt_grid square(int32_t scene, int32_t tile, int32_t stride, enum vdt_edge edge)
{
    struct vdt_grid grid = {scene, scene, tile, tile, stride, stride, edge};
    return grid;
}

/* Column starts of a square grid, ended by -1. */
static void expect_starts(int32_t scene, int32_t tile, int32_t stride, enum vdt_edge edge,
                          const int32_t *starts)
{
    struct vdt_grid grid = square(scene, tile, stride, edge);
    int32_t count = 0;
    while (starts[count] >= 0)
        count++;
    assert_int_equal(vdt_grid_cols(&grid), count);
    assert_int_equal(vdt_grid_rows(&grid), count);
    for (int32_t i = 0; i < count; i++) {
        struct vdt_window window = vdt_grid_window(&grid, i, count - 1 - i);
        assert_int_equal(window.col, starts[i]);
        assert_int_equal(window.row, starts[count - 1 - i]);
        assert_int_equal(window.cols, tile);
        assert_int_equal(window.rows, tile);
    }
}

#define STARTS(...) ((const int32_t[]){__VA_ARGS__, -1})
#define NO_STARTS ((const int32_t[]){-1})

static void edges(void **state)
{
    (void)state;
    expect_starts(10, 4, 4, VDT_EDGE_DROP, STARTS(0, 4));
    expect_starts(10, 4, 4, VDT_EDGE_PAD, STARTS(0, 4, 8));
    expect_starts(10, 4, 4, VDT_EDGE_SHIFT, STARTS(0, 4, 6));
    expect_starts(8, 4, 4, VDT_EDGE_PAD, STARTS(0, 4));
    expect_starts(8, 4, 4, VDT_EDGE_SHIFT, STARTS(0, 4));
    expect_starts(9, 4, 2, VDT_EDGE_PAD, STARTS(0, 2, 4, 6));
    expect_starts(9, 4, 2, VDT_EDGE_SHIFT, STARTS(0, 2, 4, 5));
}

static void tile_as_large_as_the_scene_or_larger(void **state)
{
    (void)state;
    for (int edge = VDT_EDGE_DROP; edge <= VDT_EDGE_SHIFT; edge++)
        expect_starts(10, 10, 3, (enum vdt_edge)edge, STARTS(0));
    expect_starts(10, 11, 3, VDT_EDGE_DROP, NO_STARTS);
    expect_starts(10, 11, 3, VDT_EDGE_PAD, STARTS(0));
    expect_starts(10, 11, 3, VDT_EDGE_SHIFT, NO_STARTS);
}

static void no_window_begins_past_the_scene(void **state)
{
    (void)state;
    expect_starts(10, 2, 9, VDT_EDGE_PAD, STARTS(0, 9));
    expect_starts(10, 2, 9, VDT_EDGE_SHIFT, STARTS(0, 8));
    expect_starts(10, 2, 10, VDT_EDGE_PAD, STARTS(0));
    expect_starts(10, 2, 20, VDT_EDGE_PAD, STARTS(0));
    expect_starts(10, 2, 20, VDT_EDGE_SHIFT, STARTS(0));
}

static void axes_are_independent(void **state)
{
    (void)state;
    struct vdt_grid grid = {100, 50, 30, 20, 15, 20, VDT_EDGE_SHIFT};
    assert_int_equal(vdt_grid_cols(&grid), 6);
    assert_int_equal(vdt_grid_rows(&grid), 3);
    struct vdt_window window = vdt_grid_window(&grid, 5, 2);
    assert_int_equal(window.col, 70);
    assert_int_equal(window.row, 30);
    assert_int_equal(window.cols, 30);
    assert_int_equal(window.rows, 20);
}

static void largest_scenes_do_not_overflow(void **state)
{
    (void)state;
    struct vdt_grid grid = square(INT32_MAX, 256, INT32_MAX, VDT_EDGE_PAD);
    assert_int_equal(vdt_grid_cols(&grid), 1);
    grid.stride_cols = INT32_MAX - 1;
    assert_int_equal(vdt_grid_cols(&grid), 2);
    assert_int_equal(vdt_grid_window(&grid, 1, 0).col, INT32_MAX - 1);
    grid = square(INT32_MAX, 1, 1, VDT_EDGE_DROP);
    assert_int_equal(vdt_grid_cols(&grid), INT32_MAX);
    assert_int_equal(vdt_grid_window(&grid, INT32_MAX - 1, 0).col, INT32_MAX - 1);
}

/* Every size up to 12: each pixel is covered (stride <= tile; not by DROP, which leaves less than a
 * stride), starts rise strictly, and the edge does what its name says. */
static void every_small_grid_covers_the_scene(void **state)
{
    (void)state;
    for (int32_t scene = 1; scene <= 12; scene++)
        for (int32_t tile = 1; tile <= scene; tile++)
            for (int32_t stride = 1; stride <= tile; stride++)
                for (int e = VDT_EDGE_DROP; e <= VDT_EDGE_SHIFT; e++) {
                    struct vdt_grid grid = square(scene, tile, stride, (enum vdt_edge)e);
                    int32_t count = vdt_grid_cols(&grid), end = 0, last = -1;
                    for (int32_t i = 0; i < count; i++) {
                        struct vdt_window window = vdt_grid_window(&grid, i, 0);
                        assert_true(window.col > last && window.col <= end);
                        last = window.col;
                        end = window.col + tile;
                    }
                    if (e == VDT_EDGE_DROP)
                        assert_true(end <= scene && end > scene - stride);
                    else if (e == VDT_EDGE_PAD)
                        assert_true(end >= scene && end < scene + stride);
                    else
                        assert_int_equal(end, scene);
                }
}

/* raster-vision (3c18a7a), tests/core/test_box.py::test_get_windows: the rows with whole-pixel
 * windows that begin at the extent. Its padding before the extent has no counterpart here. */
static void raster_vision_table(void **state)
{
    (void)state;
    struct vdt_grid grid = square(100, 10, 10, VDT_EDGE_PAD);
    assert_int_equal(vdt_grid_cols(&grid) * vdt_grid_rows(&grid), 100);
    grid = square(100, 10, 5, VDT_EDGE_PAD);
    assert_int_equal(vdt_grid_cols(&grid) * vdt_grid_rows(&grid), 19 * 19);
    expect_starts(20, 10, 10, VDT_EDGE_PAD, STARTS(0, 10));
    expect_starts(10, 6, 6, VDT_EDGE_PAD, STARTS(0, 6)); /* (10,10,20,20): 10 and 16 */
    expect_starts(10, 5, 3, VDT_EDGE_PAD, STARTS(0, 3, 6));
    expect_starts(10, 5, 6, VDT_EDGE_DROP, STARTS(0));
}

/* torchgeo (65507dc), tests/samplers/test_utils.py::test_tile_to_chips, bounds 10 x 10: all rows
 * but (2.5, 3), which is no whole number of pixels. */
static void torchgeo_table(void **state)
{
    (void)state;
    static const struct {
        int32_t tile_rows, tile_cols, stride_rows, stride_cols, rows, cols;
    } table[] = {{10, 10, 1, 1, 1, 1}, {10, 10, 10, 10, 1, 1}, {8, 8, 1, 1, 3, 3},
                 {6, 6, 2, 2, 3, 3},   {4, 4, 3, 3, 3, 3},     {8, 6, 1, 2, 3, 3},
                 {6, 4, 2, 3, 3, 3},   {3, 3, 3, 3, 4, 4}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        for (int e = VDT_EDGE_PAD; e <= VDT_EDGE_SHIFT; e++) {
            struct vdt_grid grid = {10,
                                    10,
                                    table[i].tile_cols,
                                    table[i].tile_rows,
                                    table[i].stride_cols,
                                    table[i].stride_rows,
                                    (enum vdt_edge)e};
            assert_int_equal(vdt_grid_rows(&grid), table[i].rows);
            assert_int_equal(vdt_grid_cols(&grid), table[i].cols);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(tile_as_large_as_the_scene_or_larger),
        cmocka_unit_test(no_window_begins_past_the_scene),
        cmocka_unit_test(axes_are_independent),
        cmocka_unit_test(largest_scenes_do_not_overflow),
        cmocka_unit_test(every_small_grid_covers_the_scene),
        cmocka_unit_test(raster_vision_table),
        cmocka_unit_test(torchgeo_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

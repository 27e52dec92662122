/* Which files lie on one grid, and what joined scenes are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gdal.h>
#include <stdlib.h>
#include <string.h>

#include "source/scenes/scene_recipe.h"

static struct vdt_scene_info place(double x, double y, double size, int32_t cols, int32_t rows)
{
    return (struct vdt_scene_info){.cols = cols,
                                   .rows = rows,
                                   .georef = VDT_GEOREF_AFFINE,
                                   .geotransform = {x, size, 0, y, 0, -size},
                                   .crs = "EPSG:32631"};
}

/* "" and where the file lies, or why it is not on the grid. */
static const char *compare(const struct vdt_scene_info *grid, const struct vdt_scene_info *file,
                           int32_t at[2])
{
    static char why[240];
    vdt_grid_compare(grid, file, &at[0], &at[1], why);
    return why;
}

static void test_whole_pixels_apart(void **state)
{
    (void)state;
    int32_t at[2];
    const struct vdt_scene_info grid = place(500000, 4600000, 10, 100, 100);
    struct vdt_scene_info file = place(500000 - 70, 4600000 - 30, 10, 5, 9);
    assert_string_equal(compare(&grid, &file, at), "");
    assert_int_equal(at[0], -7);
    assert_int_equal(at[1], 3);
    file = place(499930 + 1e-3, 4599970 - 1e-3, 10, 5, 9); /* rounding in the file */
    assert_string_equal(compare(&grid, &file, at), "");
    assert_int_equal(at[0], -7);
    file = place(499930 + 0.2, 4599970, 10, 5, 9);
    assert_non_null(strstr(compare(&grid, &file, at), "-6.98, 3"));
}

/* A size that is off by a millionth is seen where the file is long enough for it to matter. */
static void test_pixel_size(void **state)
{
    (void)state;
    int32_t at[2];
    const struct vdt_scene_info grid = place(0, 0, 10, 100, 100);
    struct vdt_scene_info file = place(0, 0, 10.00001, 100, 100);
    assert_string_equal(compare(&grid, &file, at), "");
    file.cols = 100000;
    assert_non_null(strstr(compare(&grid, &file, at), "pixels are 10.00001 x 10.00001, not 10 x"));
    file = place(0, 0, 20, 50, 50);
    assert_non_null(strstr(compare(&grid, &file, at), "pixels are 20 x 20, not 10 x 10"));
    file = place(0, 0, 10, 100, 100);
    file.geotransform[5] = 10; /* south is up */
    assert_true(compare(&grid, &file, at)[0] != '\0');
}

static void test_turned_grid(void **state)
{
    (void)state;
    int32_t at[2];
    struct vdt_scene_info grid = place(1000, 2000, 1, 50, 50), file;
    const double turned[6] = {1000, 0.6, 0.8, 2000, 0.8, -0.6};
    memcpy(grid.geotransform, turned, sizeof turned);
    file = grid;
    file.geotransform[0] += 4 * 0.6 + 9 * 0.8;
    file.geotransform[3] += 4 * 0.8 - 9 * 0.6;
    assert_string_equal(compare(&grid, &file, at), "");
    assert_int_equal(at[0], 4);
    assert_int_equal(at[1], 9);
}

static void test_other_ground(void **state)
{
    (void)state;
    int32_t at[2];
    const struct vdt_scene_info grid = place(0, 0, 10, 100, 100);
    struct vdt_scene_info file = grid;
    file.crs = "EPSG:32632";
    assert_non_null(strstr(compare(&grid, &file, at), "EPSG:32632, not EPSG:32631"));
    file.crs = "+proj=utm +zone=31 +datum=WGS84 +type=crs"; /* the same in other words */
    assert_string_equal(compare(&grid, &file, at), "");
    file.crs = "";
    assert_non_null(strstr(compare(&grid, &file, at), "no CRS, not EPSG:32631"));
    file.georef = VDT_GEOREF_GCP;
    assert_non_null(strstr(compare(&grid, &file, at), "different ways"));
    struct vdt_scene_info plain = {.cols = 4, .rows = 5, .crs = ""}, other = plain;
    assert_string_equal(compare(&plain, &other, at), "");
    other.rows = 6;
    assert_non_null(strstr(compare(&plain, &other, at), "4 x 6 pixels, not 4 x 5"));
}

static void assert_name(enum vdt_join join, size_t count, size_t most, const char *expected)
{
    static const char *const files[] = {"a.tif", "b.tif", "c.tif"};
    char *name = vdt_scene_recipe_name(files, count, join, most);
    assert_string_equal(name, expected);
    free(name);
}

static void test_names(void **state)
{
    (void)state;
    assert_name(VDT_JOIN_NONE, 1, 3, "a.tif");
    assert_name(VDT_JOIN_MOSAIC, 1, 3, "a.tif");
    assert_name(VDT_JOIN_TIMES, 1, 3, "times(a.tif)");
    assert_name(VDT_JOIN_MOSAIC, 3, 3, "mosaic(a.tif, b.tif, c.tif)");
    assert_name(VDT_JOIN_STACK, 3, 2, "stack(a.tif, b.tif, ... 3 files)");
}

int main(void)
{
    GDALAllRegister();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_pixels_apart),
        cmocka_unit_test(test_pixel_size),
        cmocka_unit_test(test_turned_grid),
        cmocka_unit_test(test_other_ground),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Joined scenes as a whole: their overview at full size is what their windows are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "source/scenes/scene_recipe.h"

enum { SIDE = 20 };

static char paths[3][96];

/* Two bands; every third pixel is nodata in both. */
static const char *create(int number, double col, double row, double size)
{
    double geotransform[6] = {500000 + col, size, 0, 4600000 - row, 0, -size};
    uint8_t values[SIDE * SIDE];
    snprintf(paths[number], sizeof paths[number], "%s/%d.tif", folder, number);
    GDALDatasetH made =
        GDALCreate(GDALGetDriverByName("GTiff"), paths[number], SIDE, SIDE, 2, GDT_Byte, NULL);
    assert_non_null(made);
    GDALSetGeoTransform(made, geotransform);
    for (int band = 1; band <= 2; band++) {
        for (int i = 0; i < SIDE * SIDE; i++)
            values[i] = (uint8_t)((i + number) % 3 == 0 ? 0 : 1 + (i * 7 + band + number) % 200);
        GDALSetRasterNoDataValue(GDALGetRasterBand(made, band), 0);
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, band), GF_Write, 0, 0, SIDE, SIDE,
                                      values, SIDE, SIDE, GDT_Byte, 0, 0),
                         CE_None);
    }
    GDALClose(made);
    return paths[number];
}

static void check_overview(const struct vdt_scene_rules *rules, const char *const *files,
                           size_t count, bool any_nodata)
{
    struct vdt_error error;
    struct vdt_scene_recipe recipe = {0};
    struct vdt_scene *scene = NULL;
    struct vdt_band_selection selection = {0};
    char warning[200] = "";
    assert_int_equal(vdt_scene_recipe_make(files, count, rules, &recipe, warning, &error), VDT_OK);
    assert_int_equal(vdt_scene_recipe_open(&recipe, &scene, &error), VDT_OK);
    assert_int_equal(vdt_scene_select(scene, NULL, 0, &selection, &error), VDT_OK);
    selection.any_nodata = any_nodata;
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    const struct vdt_window all = {0, 0, info->cols, info->rows};
    size_t pixels = (size_t)info->cols * (size_t)info->rows, bytes = pixels * selection.count;
    uint8_t *read = calloc(2, bytes + pixels), *seen = read + bytes + pixels;
    assert_int_equal(vdt_scene_read(scene, &selection, &all, read, read + bytes, &error), VDT_OK);
    assert_int_equal(
        vdt_scene_overview(scene, &selection, info->cols, info->rows, seen, seen + bytes, &error),
        VDT_OK);
    assert_memory_equal(read, seen, bytes + pixels);
    size_t valid = 0;
    for (size_t i = 0; i < pixels; i++)
        valid += read[bytes + i];
    assert_in_range(valid, 1, pixels - 1);
    /* Smaller ones are made, whatever their size. */
    for (int32_t size = 1; size < 9; size++)
        assert_int_equal(
            vdt_scene_overview(scene, &selection, size, 9 - size, seen, seen + bytes, &error),
            VDT_OK);
    free(read);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
    vdt_scene_recipe_clear(&recipe);
}

static void test_overviews(void **state)
{
    (void)state;
    const char *const files[] = {create(0, 0, 0, 1), create(1, 13, 7, 1), create(2, -5, 11, 1)};
    const enum vdt_join joins[] = {VDT_JOIN_MOSAIC, VDT_JOIN_STACK, VDT_JOIN_TIMES};
    for (size_t i = 0; i < 3; i++)
        for (int any = 0; any < 2; any++) {
            struct vdt_scene_rules rules = {.join = joins[i]};
            check_overview(&rules, files, 3, any);
            rules.extras = &files[1];
            rules.extra_count = 1;
            check_overview(&rules, files, 2, any);
        }
    const struct vdt_scene_rules alone = {.extras = &files[2], .extra_count = 1};
    check_overview(&alone, files, 1, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_overviews)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

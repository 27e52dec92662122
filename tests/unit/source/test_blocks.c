/* Windows through a scene's own blocks beside the same through GDAL's, for layouts of many kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cpl_string.h>
#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "folder.h"
#include "source/scenes/scene.h"

enum { COLS = 150, ROWS = 101, MOST = 64 * 64 * 4 * 2 };

static const char *make_image(int bands, GDALDataType type, char **options)
{
    static char path[128];
    static double values[COLS * ROWS];
    snprintf(path, sizeof path, "%s/scene.tif", folder);
    GDALDatasetH made = GDALCreate(GDALGetDriverByName("GTiff"), path, COLS, ROWS, bands, type,
                                   (CSLConstList)options);
    assert_non_null(made);
    for (int b = 1; b <= bands; b++) {
        for (int i = 0; i < COLS * ROWS; i++)
            values[i] = (double)(vdt_mix((uint64_t)(b * COLS * ROWS + i)) % 200);
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, b), GF_Write, 0, 0, COLS, ROWS,
                                      values, COLS, ROWS, GDT_Float64, 0, 0),
                         CE_None);
    }
    GDALClose(made);
    return path;
}

static struct vdt_scene *open_scene(const char *path)
{
    struct vdt_scene *scene = NULL;
    struct vdt_error error = {0};
    if (vdt_scene_open(path, &scene, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return scene;
}

static void read_both(struct vdt_scene *gdal, struct vdt_scene *own,
                      const struct vdt_band_selection *of_gdal,
                      const struct vdt_band_selection *of_own, const struct vdt_window *window)
{
    static unsigned char right[MOST], got[MOST];
    static uint8_t right_valid[64 * 64], valid[64 * 64];
    size_t count = (size_t)(window->cols * window->rows);
    size_t size = count * (size_t)of_own->count * vdt_dtype_size(of_own->dtype);
    assert_true(size <= MOST);
    memset(right, 0xaa, size);
    memset(got, 0x55, size);
    assert_int_equal(vdt_scene_read(gdal, of_gdal, window, right, right_valid, NULL), VDT_OK);
    assert_int_equal(vdt_scene_read(own, of_own, window, got, valid, NULL), VDT_OK);
    assert_memory_equal(right, got, size);
    assert_memory_equal(right_valid, valid, count);
}

/* Every window of a grid, and some anywhere, reaching out of the scene too. */
static void compare_windows(const char *path, const int *bands, size_t count, size_t bytes,
                            bool once)
{
    struct vdt_scene *gdal = open_scene(path), *own = open_scene(path);
    struct vdt_band_selection of_gdal = {0}, of_own = {0};
    assert_int_equal(vdt_scene_select(gdal, bands, count, &of_gdal, NULL), VDT_OK);
    assert_int_equal(vdt_scene_select(own, bands, count, &of_own, NULL), VDT_OK);
    assert_true(vdt_scene_suits_blocks(own, &of_own));
    assert_int_equal(vdt_scene_keep_blocks(own, &of_own, bytes, once, NULL), VDT_OK);
    for (int row = 0; row < ROWS; row += 32)
        for (int col = 0; col < COLS; col += 32)
            read_both(gdal, own, &of_gdal, &of_own, &(struct vdt_window){col, row, 32, 32});
    for (uint64_t i = 0; i < 200; i++) {
        const struct vdt_window window = {(int32_t)(vdt_mix(4 * i) % (COLS + 40)) - 40,
                                          (int32_t)(vdt_mix(4 * i + 1) % (ROWS + 40)) - 40,
                                          (int32_t)(vdt_mix(4 * i + 2) % 64) + 1,
                                          (int32_t)(vdt_mix(4 * i + 3) % 64) + 1};
        read_both(gdal, own, &of_gdal, &of_own, &window);
    }
    vdt_selection_clear(&of_gdal);
    vdt_selection_clear(&of_own);
    vdt_scene_free(gdal);
    vdt_scene_free(own);
}

static void windows_are_those_of_gdal(void **state)
{
    (void)state;
    static const char *const layouts[][6] = {
        {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", NULL},
        {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16", "COMPRESS=DEFLATE", "PREDICTOR=2", NULL},
        {"TILED=YES", "BLOCKXSIZE=48", "BLOCKYSIZE=80", "COMPRESS=LZW", "INTERLEAVE=BAND", NULL},
        {"BLOCKYSIZE=7", "COMPRESS=LZW", NULL},
        {"BLOCKYSIZE=101", "INTERLEAVE=BAND", NULL},
        {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "SPARSE_OK=YES", "ENDIANNESS=BIG", NULL},
    };
    static const GDALDataType types[] = {GDT_Byte, GDT_UInt16};
    static const int all[] = {1, 2, 3, 4}, some[] = {3, 1};
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++)
        for (size_t t = 0; t < 2; t++) {
            const char *path = make_image(5, types[t], (char **)layouts[l]);
            compare_windows(path, all, 4, 1, false); /* room for one block */
            compare_windows(path, all, 4, 1 << 20, true);
            compare_windows(path, some, 2, 20000, true);
        }
}

static void other_scenes_are_left_to_gdal(void **state)
{
    (void)state;
    struct vdt_band_selection selection = {0};
    char *lines[] = {"BLOCKYSIZE=1", NULL}, *alpha[] = {"TILED=YES", "ALPHA=YES", NULL};
    struct vdt_scene *scene = open_scene(make_image(2, GDT_Byte, lines));
    assert_int_equal(vdt_scene_select(scene, NULL, 0, &selection, NULL), VDT_OK);
    assert_false(vdt_scene_suits_blocks(scene, &selection));
    assert_int_equal(vdt_scene_keep_blocks(scene, &selection, 1000, true, NULL), VDT_OK);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
    scene = open_scene(make_image(4, GDT_Byte, alpha));
    assert_int_equal(vdt_scene_select(scene, NULL, 0, &selection, NULL), VDT_OK);
    assert_false(vdt_scene_suits_blocks(scene, &selection));
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

static void overwrite(const char *path, long at, long count)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    for (long i = 0; i < count; i++)
        fputc(0x5a, file);
    fclose(file);
}

static void damage_is_an_error_every_time(void **state)
{
    (void)state;
    char *options[] = {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "COMPRESS=DEFLATE", NULL};
    const char *path = make_image(3, GDT_Byte, options);
    GDALDatasetH image = GDALOpen(path, GA_ReadOnly);
    const char *offset =
        GDALGetMetadataItem(GDALGetRasterBand(image, 1), "BLOCK_OFFSET_1_1", "TIFF");
    assert_non_null(offset);
    overwrite(path, atol(offset) + 4, 200);
    GDALClose(image);
    for (int once = 0; once < 2; once++) {
        static unsigned char pixels[3 * 32 * 32];
        static uint8_t valid[32 * 32];
        struct vdt_band_selection selection = {0};
        struct vdt_error error = {0};
        struct vdt_scene *scene = open_scene(path);
        assert_int_equal(vdt_scene_select(scene, NULL, 0, &selection, NULL), VDT_OK);
        assert_int_equal(vdt_scene_keep_blocks(scene, &selection, 1 << 20, once, NULL), VDT_OK);
        const struct vdt_window good = {0, 0, 32, 32}, bad = {32, 32, 32, 32};
        for (int i = 0; i < 3; i++) {
            assert_int_equal(vdt_scene_read(scene, &selection, &good, pixels, valid, NULL), VDT_OK);
            assert_int_equal(vdt_scene_read(scene, &selection, &bad, pixels, valid, &error),
                             VDT_ERR_FORMAT);
            assert_non_null(strstr(error.message, "window col 32 row 32 32x32"));
        }
        vdt_selection_clear(&selection);
        vdt_scene_free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_those_of_gdal),
        cmocka_unit_test(other_scenes_are_left_to_gdal),
        cmocka_unit_test(damage_is_an_error_every_time),
    };
    return cmocka_run_group_tests_name("source/blocks", tests, make_folder, remove_folder);
}

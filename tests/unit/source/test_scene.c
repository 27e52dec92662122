/* Scenes made through GDAL in a folder of their own, and the bundled and shared ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cpl_string.h>
#include <gdal.h>
#include <math.h>
#include <ogr_srs_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "source/scenes/scene.h"

enum { COLS = 7, ROWS = 5, PIXELS = COLS * ROWS };

static const char *in_folder(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Pixel (col, row) of band b (from 0) is 10 * (b + 1) + col + COLS * row. */
static double expected(int band, int col, int row)
{
    return 10 * (band + 1) + col + COLS * row;
}

static GDALDatasetH create(const char *name, int bands, GDALDataType type, char **options)
{
    GDALDatasetH made = GDALCreate(GDALGetDriverByName("GTiff"), in_folder(name), COLS, ROWS, bands,
                                   type, (CSLConstList)options);
    assert_non_null(made);
    for (int b = 0; b < bands; b++) {
        double values[PIXELS];
        for (int i = 0; i < PIXELS; i++)
            values[i] = expected(b, i % COLS, i / COLS);
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, b + 1), GF_Write, 0, 0, COLS, ROWS,
                                      values, COLS, ROWS, GDT_Float64, 0, 0),
                         CE_None);
    }
    return made;
}

static struct vdt_scene *open_scene(const char *path)
{
    struct vdt_scene *scene = NULL;
    struct vdt_error error = {0};
    if (vdt_scene_open(path, &scene, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return scene;
}

static struct vdt_band_selection select_bands(struct vdt_scene *scene, const int *bands,
                                              size_t count)
{
    struct vdt_band_selection selection = {0};
    struct vdt_error error = {0};
    if (vdt_scene_select(scene, bands, count, &selection, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return selection;
}

static void assert_fails(vdt_status status, const struct vdt_error *error, vdt_status wanted,
                         const char *part)
{
    assert_int_equal(status, wanted);
    assert_int_equal(error->status, wanted);
    if (strstr(error->message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error->message);
    assert_null(strchr(error->message, '\n'));
}

static void assert_open_fails(const char *path, vdt_status wanted, const char *part)
{
    struct vdt_scene *scene = NULL;
    struct vdt_error error = {0};
    assert_fails(vdt_scene_open(path, &scene, &error), &error, wanted, part);
    assert_null(scene);
}

static double value_at(const struct vdt_band_selection *selection, const void *pixels, size_t index)
{
    switch (selection->dtype) {
    case VDT_UINT8: return ((const uint8_t *)pixels)[index];
    case VDT_UINT16: return ((const uint16_t *)pixels)[index];
    case VDT_INT16: return ((const int16_t *)pixels)[index];
    case VDT_UINT32: return ((const uint32_t *)pixels)[index];
    case VDT_INT32: return ((const int32_t *)pixels)[index];
    case VDT_FLOAT32: return ((const float *)pixels)[index];
    case VDT_FLOAT64: return ((const double *)pixels)[index];
    default: break;
    }
    return NAN;
}

/* Reads with room for 2 bands of 16 x 16 pixels of 8 bytes. */
static double pixels[2 * 16 * 16];
static uint8_t valid[16 * 16];

static void read_window(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                        struct vdt_window window)
{
    struct vdt_error error = {0};
    memset(pixels, 0xA5, sizeof pixels);
    memset(valid, 0xA5, sizeof valid);
    if (vdt_scene_read(scene, selection, &window, pixels, valid, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static size_t count_valid(size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(valid[i] <= 1);
        sum += valid[i];
    }
    return sum;
}

static const struct vdt_window all = {0, 0, COLS, ROWS};

static void test_every_dtype_reads_its_values(void **state)
{
    (void)state;
    static const struct {
        GDALDataType type;
        enum vdt_dtype dtype;
    } cases[] = {{GDT_Byte, VDT_UINT8},     {GDT_UInt16, VDT_UINT16}, {GDT_Int16, VDT_INT16},
                 {GDT_UInt32, VDT_UINT32},  {GDT_Int32, VDT_INT32},   {GDT_Float32, VDT_FLOAT32},
                 {GDT_Float64, VDT_FLOAT64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        GDALDatasetH made = create("type.tif", 2, cases[i].type, NULL);
        /* The last pixel is nodata in both bands, the first one only in the first band. */
        GDALSetRasterNoDataValue(GDALGetRasterBand(made, 1), 3);
        GDALSetRasterNoDataValue(GDALGetRasterBand(made, 2), 3);
        double three = 3;
        for (int b = 1; b <= 2; b++)
            assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, b), GF_Write, COLS - 1, ROWS - 1,
                                          1, 1, &three, 1, 1, GDT_Float64, 0, 0),
                             CE_None);
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 0, 0, 1, 1, &three, 1,
                                      1, GDT_Float64, 0, 0),
                         CE_None);
        GDALClose(made);
        struct vdt_scene *scene = open_scene(in_folder("type.tif"));
        const int order[] = {2, 1};
        struct vdt_band_selection selection = select_bands(scene, order, 2);
        assert_int_equal(selection.dtype, cases[i].dtype);
        assert_string_equal(selection.names[0], "band_2");
        /* Hangs over by one column on the left and one row below. */
        read_window(scene, &selection, (struct vdt_window){-1, 1, COLS + 1, ROWS});
        for (int row = 0; row < ROWS; row++)
            for (int col = 0; col < COLS + 1; col++) {
                size_t index = (size_t)(row * (COLS + 1) + col);
                bool inside = col > 0 && row < ROWS - 1;
                bool nodata = col == COLS && row == ROWS - 2;
                for (int b = 0; b < 2; b++)
                    assert_float_equal(
                        value_at(&selection, pixels, index + (size_t)b * ROWS * (COLS + 1)),
                        inside && !nodata ? expected(1 - b, col - 1, row + 1) : 3, 0);
                assert_int_equal(valid[index], inside && !nodata);
            }
        read_window(scene, &selection, all);
        assert_int_equal(valid[0], 1); /* nodata in one band only */
        assert_int_equal(count_valid(PIXELS), PIXELS - 1);
        vdt_selection_clear(&selection);
        vdt_scene_free(scene);
    }
}

static void test_nodata_nan_and_out_of_range(void **state)
{
    (void)state;
    static const struct {
        GDALDataType type;
        double nodata, stored;
        int missing;
        double padding;
    } cases[] = {
        {GDT_Float32, NAN, NAN, 1, NAN},
        {GDT_Float64, NAN, NAN, 1, NAN},
        {GDT_Float32, -3.4e38, -3.4e38, 1, (double)-3.4e38f},
        {GDT_Float32, 5, NAN, 0, 5}, /* NaN is data when another value is nodata */
        {GDT_Byte, 0, 0, 1, 0},
        {GDT_Int16, -9999, -9999, 1, -9999},
        {GDT_Byte, 300, 44, 0, 0}, /* 300 is 44 modulo 256: no pixel of a byte can be 300 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        GDALDatasetH made = create("nodata.tif", 1, cases[i].type, NULL);
        double stored = cases[i].stored;
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 2, 1, 1, 1, &stored, 1,
                                      1, GDT_Float64, 0, 0),
                         CE_None);
        CPLPushErrorHandler(CPLQuietErrorHandler);
        GDALSetRasterNoDataValue(GDALGetRasterBand(made, 1), cases[i].nodata);
        CPLPopErrorHandler();
        GDALClose(made);
        struct vdt_scene *scene = open_scene(in_folder("nodata.tif"));
        struct vdt_band_selection selection = select_bands(scene, NULL, 0);
        read_window(scene, &selection, (struct vdt_window){0, 0, COLS, ROWS + 1});
        assert_int_equal(count_valid(PIXELS + COLS), PIXELS - cases[i].missing);
        assert_int_equal(valid[COLS + 2], !cases[i].missing);
        double padding = value_at(&selection, pixels, PIXELS);
        assert_true(isnan(cases[i].padding) ? isnan(padding) : padding == cases[i].padding);
        vdt_selection_clear(&selection);
        vdt_scene_free(scene);
    }
}

static void test_zero_is_data_unless_declared(void **state)
{
    (void)state;
    GDALDatasetH made = create("zero.tif", 1, GDT_Byte, NULL);
    double zero = 0;
    assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 1, 1, 1, 1, &zero, 1, 1,
                                  GDT_Float64, 0, 0),
                     CE_None);
    GDALClose(made);
    struct vdt_scene *scene = open_scene(in_folder("zero.tif"));
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    assert_false(selection.has_nodata[0]);
    read_window(scene, &selection, all);
    assert_int_equal(count_valid(PIXELS), PIXELS);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

static void test_alpha_and_mask(void **state)
{
    (void)state;
    static const GDALDataType types[] = {GDT_Byte, GDT_UInt16, GDT_Float32};
    for (size_t i = 0; i < 3; i++) {
        char *options[] = {"ALPHA=YES", NULL};
        GDALDatasetH made = create("alpha.tif", 2, types[i], options);
        double alpha[3] = {0, types[i] == GDT_Float32 ? 0.25 : 1, 0};
        assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 2), GF_Write, 1, 2, 3, 1, alpha, 3, 1,
                                      GDT_Float64, 0, 0),
                         CE_None);
        GDALClose(made);
        struct vdt_scene *scene = open_scene(in_folder("alpha.tif"));
        struct vdt_band_selection selection = select_bands(scene, NULL, 0);
        assert_int_equal(selection.count, 1);
        read_window(scene, &selection, (struct vdt_window){-2, 0, COLS + 2, ROWS});
        size_t row = 2 * (COLS + 2);
        assert_int_equal(valid[row + 3], 0);
        assert_int_equal(valid[row + 4], 1);
        assert_int_equal(valid[row + 5], 0);
        assert_int_equal(count_valid(PIXELS + 2 * ROWS), PIXELS - 2);
        vdt_selection_clear(&selection);
        vdt_scene_free(scene);
    }
    GDALDatasetH made = create("mask.tif", 1, GDT_Byte, NULL);
    assert_int_equal(GDALCreateDatasetMaskBand(made, GMF_PER_DATASET), CE_None);
    unsigned char mask[PIXELS];
    memset(mask, 255, sizeof mask);
    mask[9] = 0;
    assert_int_equal(GDALRasterIO(GDALGetMaskBand(GDALGetRasterBand(made, 1)), GF_Write, 0, 0, COLS,
                                  ROWS, mask, COLS, ROWS, GDT_Byte, 0, 0),
                     CE_None);
    GDALClose(made);
    struct vdt_scene *scene = open_scene(in_folder("mask.tif"));
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    read_window(scene, &selection, all);
    assert_int_equal(valid[9], 0);
    assert_int_equal(count_valid(PIXELS), PIXELS - 1);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

static void test_windows_at_the_border(void **state)
{
    (void)state;
    GDALClose(create("border.tif", 1, GDT_Byte, NULL));
    struct vdt_scene *scene = open_scene(in_folder("border.tif"));
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    read_window(scene, &selection, (struct vdt_window){INT32_MAX - 2, 0, 4, 4});
    assert_int_equal(count_valid(16), 0);
    assert_float_equal(value_at(&selection, pixels, 15), 0, 0);
    read_window(scene, &selection, (struct vdt_window){-3, -3, 14, 12});
    assert_int_equal(count_valid(14 * 12), PIXELS);
    assert_float_equal(value_at(&selection, pixels, 14 * 3 + 3), expected(0, 0, 0), 0);
    assert_float_equal(value_at(&selection, pixels, 14 * 7 + 9), expected(0, 6, 4), 0);
    struct vdt_error error = {0};
    assert_fails(
        vdt_scene_read(scene, &selection, &(struct vdt_window){0, 0, 0, 4}, pixels, valid, &error),
        &error, VDT_ERR_ARGUMENT, "0 x 4");
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

static void test_selection_refusals(void **state)
{
    (void)state;
    GDALClose(create("two.tif", 2, GDT_Byte, NULL));
    GDALClose(create("complex.tif", 1, GDT_CFloat32, NULL));
    GDALClose(create("long.tif", 1, GDT_Int64, NULL));
    char *options[] = {"PIXELTYPE=SIGNEDBYTE", NULL};
    GDALClose(create("signed.tif", 1, GDT_Byte, options));
    static const struct {
        const char *name;
        int bands[2];
        vdt_status status;
        const char *part;
    } cases[] = {{"two.tif", {1, 3}, VDT_ERR_ARGUMENT, "no band 3: it has bands 1 to 2"},
                 {"two.tif", {0, 1}, VDT_ERR_ARGUMENT, "no band 0"},
                 {"two.tif", {2, 2}, VDT_ERR_ARGUMENT, "band 2 is chosen twice"},
                 {"complex.tif", {1, 0}, VDT_ERR_UNSUPPORTED, "band 1 has CFloat32 pixels"},
                 {"long.tif", {1, 0}, VDT_ERR_UNSUPPORTED, "band 1 has Int64 pixels"},
                 {"signed.tif", {1, 0}, VDT_ERR_UNSUPPORTED, "signed byte"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdt_scene *scene = open_scene(in_folder(cases[i].name));
        struct vdt_band_selection selection = {0};
        struct vdt_error error = {0};
        assert_fails(vdt_scene_select(scene, cases[i].bands, i < 3 ? 2 : 1, &selection, &error),
                     &error, cases[i].status, cases[i].part);
        assert_null(selection.bands);
        vdt_scene_free(scene);
    }
}

static void test_mixed_types_and_names(void **state)
{
    (void)state;
    GDALDatasetH made = create("names.tif", 1, GDT_UInt32, NULL);
    GDALSetDescription(GDALGetRasterBand(made, 1), "near infrared");
    GDALSetMetadataItem(made, "TIFFTAG_DATETIME", "2001:02:03 04:05:06", NULL);
    GDALClose(made);
    struct vdt_scene *scene = open_scene(in_folder("names.tif"));
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    assert_string_equal(selection.names[0], "near infrared");
    assert_string_equal(vdt_scene_info(scene)->acquired, "2001-02-03T04:05:06");
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
    char text[400];
    snprintf(text, sizeof text,
             "<VRTDataset rasterXSize=\"7\" rasterYSize=\"5\">"
             "<VRTRasterBand dataType=\"Int32\" band=\"1\"/>"
             "<VRTRasterBand dataType=\"UInt32\" band=\"2\"/>"
             "<VRTRasterBand dataType=\"Int16\" band=\"3\"/>"
             "<VRTRasterBand dataType=\"UInt16\" band=\"4\"/></VRTDataset>");
    scene = open_scene(text);
    static const struct {
        int bands[2];
        enum vdt_dtype dtype;
    } cases[] = {{{1, 2}, VDT_FLOAT64}, {{3, 4}, VDT_INT32}, {{4, 2}, VDT_UINT32}};
    for (size_t i = 0; i < 3; i++) {
        selection = select_bands(scene, cases[i].bands, 2);
        assert_int_equal(selection.dtype, cases[i].dtype);
        vdt_selection_clear(&selection);
    }
    vdt_scene_free(scene);
}

/* A header whose width (tag 256) or height (257) was overwritten with 2 000 000 000. */
static void overwrite_size(const char *name, int tag)
{
    GDALClose(create(name, 1, GDT_Byte, NULL));
    FILE *file = fopen(in_folder(name), "r+b");
    unsigned char bytes[12];
    uint32_t offset, size = 2000000000;
    assert_int_equal(fseek(file, 4, SEEK_SET), 0);
    assert_int_equal(fread(&offset, 4, 1, file), 1);
    long entry = (long)offset + 2 + (tag - 256) * 12; /* width comes first, then height */
    assert_int_equal(fseek(file, entry, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 12, 1, file), 1);
    assert_int_equal(bytes[0] | bytes[1] << 8, tag);
    bytes[2] = 4;
    memcpy(bytes + 8, &size, 4);
    assert_int_equal(fseek(file, entry, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 12, 1, file), 1);
    fclose(file);
}

static void test_open_errors_are_one_line(void **state)
{
    (void)state;
    assert_open_fails("/no/such/scene.tif", VDT_ERR_NOT_FOUND, "/no/such/scene.tif: no such file");
    FILE *file = fopen(in_folder("text.tif"), "w");
    fputs("not an image", file);
    fclose(file);
    assert_open_fails(in_folder("text.tif"), VDT_ERR_FORMAT, "not a raster that GDAL can open");
    overwrite_size("wide.tif", 256);
    assert_open_fails(in_folder("wide.tif"), VDT_ERR_FORMAT, "2000000000 x 5 pixels in blocks of");
    overwrite_size("tall.tif", 257);
    assert_open_fails(in_folder("tall.tif"), VDT_ERR_FORMAT, "7 x 2000000000 pixels in a file of");
}

static void test_digest_follows_content(void **state)
{
    (void)state;
    GDALClose(create("a.tif", 1, GDT_Byte, NULL));
    GDALClose(create("b.tif", 1, GDT_Byte, NULL));
    GDALDatasetH made = create("c.tif", 1, GDT_Byte, NULL); /* differs in one pixel */
    double one = 1;
    assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 1, 1, 1, 1, &one, 1, 1,
                                  GDT_Float64, 0, 0),
                     CE_None);
    GDALClose(made);
    char digests[3][33];
    for (int i = 0; i < 3; i++) {
        const char name[] = {(char)('a' + i), '.', 't', 'i', 'f', '\0'};
        struct vdt_scene *scene = open_scene(in_folder(name));
        strcpy(digests[i], vdt_scene_info(scene)->digest);
        assert_int_equal(strlen(digests[i]), 32);
        assert_true(vdt_scene_info(scene)->bytes > PIXELS);
        vdt_scene_free(scene);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

static void test_lonlat_of_a_rotated_scene(void **state)
{
    (void)state;
    GDALDatasetH made = create("rotated.tif", 1, GDT_Byte, NULL);
    double g[6] = {-35, 0.01, 0.002, -8, 0.003, -0.01};
    assert_int_equal(GDALSetGeoTransform(made, g), CE_None);
    OGRSpatialReferenceH crs = OSRNewSpatialReference(NULL);
    OSRImportFromEPSG(crs, 4674);
    assert_int_equal(GDALSetSpatialRef(made, crs), CE_None);
    OSRDestroySpatialReference(crs);
    GDALClose(made);
    struct vdt_scene *scene = open_scene(in_folder("rotated.tif"));
    struct vdt_error error = {0};
    double points[2][2] = {{0, 0}, {4, 3}};
    bool ok[2] = {false, false};
    assert_int_equal(vdt_scene_lonlat(scene, points, 2, ok, &error), VDT_OK);
    assert_true(ok[0] && ok[1]);
    assert_float_equal(points[0][0], -35, 1e-9);
    assert_float_equal(points[0][1], -8, 1e-9);
    assert_float_equal(points[1][0], -35 + 0.04 + 0.006, 1e-9);
    assert_float_equal(points[1][1], -8 + 0.012 - 0.03, 1e-9);
    double corner[6];
    vdt_window_geotransform(vdt_scene_info(scene), &(struct vdt_window){4, 3, 2, 2}, corner);
    assert_float_equal(corner[0], -35 + 0.046, 1e-12);
    assert_float_equal(corner[3], -8 - 0.018, 1e-12);
    assert_float_equal(corner[5], -0.01, 0);
    vdt_scene_free(scene);
    GDALClose(create("plain.tif", 1, GDT_Byte, NULL));
    scene = open_scene(in_folder("plain.tif"));
    assert_int_equal(vdt_scene_info(scene)->georef, VDT_GEOREF_NONE);
    assert_fails(vdt_scene_lonlat(scene, points, 2, ok, &error), &error, VDT_ERR_NOT_FOUND,
                 "has no CRS");
    vdt_scene_free(scene);
}

static void test_bundled_scene(void **state)
{
    (void)state;
    const char *data = getenv("VEDATILE_DATA");
    if (data == NULL) {
        print_message("VEDATILE_DATA is not set\n");
        skip();
        return;
    }
    char path[512];
    snprintf(path, sizeof path, "%s/olinda/scene.tif", data);
    struct vdt_scene *scene = open_scene(path);
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    assert_int_equal(info->cols, 349);
    assert_int_equal(info->rows, 352);
    assert_int_equal(info->band_count, 6);
    assert_int_equal(info->georef, VDT_GEOREF_AFFINE);
    assert_int_equal(info->bytes, 798453);
    assert_non_null(strstr(info->crs, "SIRGAS 2000 / UTM zone 25S"));
    double points[1][2] = {{0, 0}};
    bool ok[1];
    struct vdt_error error = {0};
    assert_int_equal(vdt_scene_lonlat(scene, points, 1, ok, &error), VDT_OK);
    assert_float_equal(points[0][0], -34.916165535, 1e-8);
    assert_float_equal(points[0][1], -7.949822107, 1e-8);
    vdt_scene_free(scene);
}

static void test_damaged_tile_is_an_error_every_time(void **state)
{
    (void)state;
    const char *data = getenv("VEDATILE_SHARED_DATA");
    if (data == NULL) {
        print_message("VEDATILE_SHARED_DATA is not set\n");
        skip();
        return;
    }
    char path[512];
    snprintf(path, sizeof path, "%s/hard-cases/rasterio_corrupt.tif", data);
    struct vdt_scene *scene = open_scene(path);
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    unsigned char *image = malloc(3 * 512 * 512), *image_valid = malloc(512 * 512);
    struct vdt_error error = {0};
    for (int i = 0; i < 2; i++)
        assert_fails(vdt_scene_read(scene, &selection, &(struct vdt_window){512, 512, 512, 512},
                                    image, image_valid, &error),
                     &error, VDT_ERR_FORMAT, "window col 512 row 512 512x512: cannot be read (");
    assert_int_equal(vdt_scene_read(scene, &selection, &(struct vdt_window){0, 0, 512, 512}, image,
                                    image_valid, &error),
                     VDT_OK);
    free(image);
    free(image_valid);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

/* Half a JPEG: libjpeg only warns, and the lower half would be grey. */
static void test_cut_jpeg_is_an_error_every_time(void **state)
{
    (void)state;
    enum { SIZE = 128 };
    unsigned char *image = malloc(SIZE * SIZE), *image_valid = malloc(SIZE * SIZE);
    for (int i = 0; i < SIZE * SIZE; i++)
        image[i] = (unsigned char)(i * 7919 >> 5);
    GDALDatasetH made = GDALCreate(GDALGetDriverByName("MEM"), "", SIZE, SIZE, 1, GDT_Byte, NULL);
    assert_int_equal(GDALRasterIO(GDALGetRasterBand(made, 1), GF_Write, 0, 0, SIZE, SIZE, image,
                                  SIZE, SIZE, GDT_Byte, 0, 0),
                     CE_None);
    char path[160];
    snprintf(path, sizeof path, "%s", in_folder("cut.jpg"));
    GDALClose(GDALCreateCopy(GDALGetDriverByName("JPEG"), path, made, 0, NULL, NULL, NULL));
    GDALClose(made);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    assert_int_equal(truncate(path, size / 2), 0);
    struct vdt_scene *scene = open_scene(path);
    struct vdt_band_selection selection = select_bands(scene, NULL, 0);
    struct vdt_error error = {0};
    for (int i = 0; i < 2; i++)
        assert_fails(vdt_scene_read(scene, &selection, &(struct vdt_window){0, 0, SIZE, SIZE},
                                    image, image_valid, &error),
                     &error, VDT_ERR_FORMAT, "cannot be read (libjpeg: Premature end");
    free(image);
    free(image_valid);
    vdt_selection_clear(&selection);
    vdt_scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_dtype_reads_its_values),
        cmocka_unit_test(test_nodata_nan_and_out_of_range),
        cmocka_unit_test(test_zero_is_data_unless_declared),
        cmocka_unit_test(test_alpha_and_mask),
        cmocka_unit_test(test_windows_at_the_border),
        cmocka_unit_test(test_selection_refusals),
        cmocka_unit_test(test_mixed_types_and_names),
        cmocka_unit_test(test_open_errors_are_one_line),
        cmocka_unit_test(test_digest_follows_content),
        cmocka_unit_test(test_lonlat_of_a_rotated_scene),
        cmocka_unit_test(test_bundled_scene),
        cmocka_unit_test(test_damaged_tile_is_an_error_every_time),
        cmocka_unit_test(test_cut_jpeg_is_an_error_every_time),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

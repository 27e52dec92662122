/* Samples made by hand against those of a feed, and windows of a scene against arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cpl_vsi.h>
#include <gdal.h>
#include <math.h>
#include <ogr_srs_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/vedatile.h>

enum { COLS = 23, ROWS = 17, BANDS = 2, TILE_COLS = 7, TILE_ROWS = 5, NODATA = 9 };

static char folder[64];
static struct vdt_error error;

static const char *in_folder(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Some pixels are nodata in all bands, some in the second alone. */
static int expected(int band, int col, int row)
{
    int place = (col * 31 + row * 17) % 11;
    return place == 0 || (place == 1 && band == 2) ? NODATA : 1000 * band + col + 50 * row;
}

static void make_scene(const char *name, double origin)
{
    static uint16_t pixels[COLS * ROWS];
    GDALDatasetH made = GDALCreate(GDALGetDriverByName("GTiff"), in_folder(name), COLS, ROWS, BANDS,
                                   GDT_UInt16, NULL);
    assert_non_null(made);
    OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
    char *wkt = NULL;
    OSRImportFromEPSG(srs, 32725);
    OSRExportToWkt(srs, &wkt);
    GDALSetProjection(made, wkt);
    GDALSetGeoTransform(made, (double[6]){origin, 0.5, 0.1, 9e6, 0.1, -0.5});
    VSIFree(wkt);
    OSRDestroySpatialReference(srs);
    for (int b = 1; b <= BANDS; b++) {
        for (int i = 0; i < COLS * ROWS; i++)
            pixels[i] = (uint16_t)expected(b, i % COLS, i / COLS);
        GDALRasterBandH band = GDALGetRasterBand(made, b);
        GDALSetRasterNoDataValue(band, NODATA);
        if (b == 1)
            GDALSetDescription(band, "first");
        assert_int_equal(
            GDALRasterIO(band, GF_Write, 0, 0, COLS, ROWS, pixels, COLS, ROWS, GDT_UInt16, 0, 0),
            CE_None);
    }
    GDALClose(made);
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vdt-image-XXXXXX");
    GDALAllRegister();
    if (mkdtemp(folder) == NULL)
        return 1;
    make_scene("scene.tif", 290000);
    make_scene("other.tif", 300000);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static struct vdt_image *open_scene(const char *name)
{
    struct vdt_image *image = NULL;
    assert_int_equal(vdt_image_open(in_folder(name), NULL, 0, &image, &error), VDT_OK);
    return image;
}

static struct vdt_store_spec spec_of(enum vdt_codec codec)
{
    return (struct vdt_store_spec){
        .tile = {.bands = BANDS, .rows = TILE_ROWS, .cols = TILE_COLS, .dtype = VDT_UINT16},
        .name = "made",
        .image_codec = codec,
        .mask_codec = codec};
}

static void test_spec(void **state)
{
    (void)state;
    struct vdt_image *image = open_scene("scene.tif");
    struct vdt_image_spec spec = vdt_image_spec(image);
    assert_int_equal(spec.cols, COLS);
    assert_int_equal(spec.rows, ROWS);
    assert_int_equal(spec.bands, BANDS);
    assert_int_equal(spec.dtype, VDT_UINT16);
    assert_string_equal(spec.band_names[0], "first");
    assert_string_equal(spec.band_names[1], "band_2");
    assert_true(spec.geotransform[0] == 290000 && spec.geotransform[5] == -0.5);
    assert_true(spec.bounds[0] < spec.bounds[2] && spec.bounds[1] < spec.bounds[3]);
    assert_true(fabs(spec.bounds[0] + 34.9) < 0.1); /* zone 25 has its meridian at 33 west */
    assert_non_null(strstr(spec.crs, "WGS 84 / UTM zone 25S"));
    assert_string_equal(spec.uri, in_folder("scene.tif"));
    assert_int_equal(strlen(spec.digest), 32);
    vdt_image_free(image);
    vdt_image_free(NULL);
}

static void test_read(void **state)
{
    (void)state;
    struct vdt_image *image = NULL;
    uint16_t pixels[BANDS][3][4];
    assert_int_equal(vdt_image_open(in_folder("scene.tif"), (int[]){2, 1}, 2, &image, &error),
                     VDT_OK);
    struct vdt_window window = {COLS - 2, ROWS - 1, 4, 3};
    assert_int_equal(vdt_image_read(image, &window, pixels, &error), VDT_OK);
    for (int b = 0; b < BANDS; b++)
        for (int row = 0; row < 3; row++)
            for (int col = 0; col < 4; col++)
                assert_int_equal(pixels[b][row][col],
                                 row == 0 && col < 2
                                     ? expected(2 - b, window.col + col, window.row + row)
                                     : NODATA);
    window.cols = 0;
    assert_int_equal(vdt_image_read(image, &window, pixels, &error), VDT_ERR_ARGUMENT);
    window.cols = INT32_MIN;
    assert_int_equal(vdt_image_read(image, &window, pixels, &error), VDT_ERR_ARGUMENT);
    vdt_image_free(image);
}

/* At its own size it is the scene, and at a third the middle pixels of squares of nine. */
static void test_overview(void **state)
{
    (void)state;
    enum { THIRD_COLS = COLS / 3, THIRD_ROWS = ROWS / 3 };
    static uint16_t pixels[BANDS * COLS * ROWS];
    static uint8_t valid[COLS * ROWS];
    struct vdt_image *image = NULL;
    assert_int_equal(vdt_image_open(in_folder("scene.tif"), NULL, 0, &image, &error), VDT_OK);
    assert_int_equal(vdt_image_overview(image, COLS, ROWS, pixels, valid, &error), VDT_OK);
    for (int i = 0; i < COLS * ROWS; i++) {
        int col = i % COLS, row = i / COLS;
        assert_int_equal(pixels[i], expected(1, col, row));
        assert_int_equal(pixels[COLS * ROWS + i], expected(2, col, row));
        assert_int_equal(valid[i], expected(1, col, row) != NODATA);
    }
    assert_int_equal(vdt_image_overview(image, THIRD_COLS, THIRD_ROWS, pixels, NULL, &error),
                     VDT_OK);
    for (int i = 0; i < THIRD_COLS * THIRD_ROWS; i++) {
        int col = (int)((i % THIRD_COLS + 0.5) * COLS / THIRD_COLS);
        int row = (int)((i / THIRD_COLS + 0.5) * ROWS / THIRD_ROWS);
        assert_int_equal(pixels[i], expected(1, col, row));
    }
    assert_int_equal(vdt_image_overview(image, 0, 5, pixels, NULL, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "0 x 5"));
    vdt_image_free(image);
}

static void test_open_fails(void **state)
{
    (void)state;
    struct vdt_image *image = NULL;
    assert_int_equal(vdt_image_open(in_folder("nosuch.tif"), NULL, 0, &image, &error),
                     VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_image_open(in_folder("scene.tif"), (int[]){3}, 1, &image, &error),
                     VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_image_open(in_folder("scene.tif"), (int[]){1}, 0, &image, &error),
                     VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_image_open(NULL, NULL, 0, &image, &error), VDT_ERR_ARGUMENT);
    assert_null(image);
}

static void test_random_windows(void **state)
{
    (void)state;
    enum { ACROSS = COLS - 19, DOWN = ROWS - 14, DRAWS = 6000 };
    struct vdt_image *image = open_scene("scene.tif"), *other = open_scene("other.tif");
    struct vdt_window window, again;
    int seen[DOWN][ACROSS] = {{0}}, same_seed = 0, same_scene = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        assert_int_equal(vdt_image_random_window(image, 20, 15, 5, i, &window, &error), VDT_OK);
        assert_true(window.cols == 20 && window.rows == 15);
        assert_in_range(window.col, 0, ACROSS - 1);
        assert_in_range(window.row, 0, DOWN - 1);
        seen[window.row][window.col]++;
        assert_int_equal(vdt_image_random_window(image, 20, 15, 6, i, &again, &error), VDT_OK);
        same_seed += memcmp(&window, &again, sizeof window) == 0;
        assert_int_equal(vdt_image_random_window(other, 20, 15, 5, i, &again, &error), VDT_OK);
        same_scene += memcmp(&window, &again, sizeof window) == 0;
    }
    /* 12 places of 500 draws each; six standard deviations are 128. */
    for (int row = 0; row < DOWN; row++)
        for (int col = 0; col < ACROSS; col++)
            assert_in_range(seen[row][col], 372, 628);
    assert_in_range(same_seed, 372, 628);
    assert_in_range(same_scene, 372, 628);
    /* An old index gives its old window. */
    assert_int_equal(vdt_image_random_window(image, 20, 15, 5, DRAWS - 1, &again, &error), VDT_OK);
    assert_memory_equal(&window, &again, sizeof window);
    assert_int_equal(vdt_image_random_window(image, COLS, ROWS, 1, 0, &window, &error), VDT_OK);
    assert_true(window.col == 0 && window.row == 0);
    vdt_image_free(image);
    vdt_image_free(other);
}

static void test_window_sizes(void **state)
{
    (void)state;
    static const int32_t wrong[][2] = {
        {COLS + 1, 1}, {1, ROWS + 1}, {0, 1}, {1, -1}, {INT32_MIN, INT32_MAX}};
    struct vdt_image *image = open_scene("scene.tif");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct vdt_window window, *windows = NULL;
        size_t count = 0;
        assert_int_equal(
            vdt_image_random_window(image, wrong[i][0], wrong[i][1], 0, 0, &window, &error),
            VDT_ERR_ARGUMENT);
        assert_non_null(strstr(error.message, "do not fit a scene of 23 x 17"));
        assert_int_equal(
            vdt_image_grid(image, wrong[i][0], wrong[i][1], 1, 1, &windows, &count, &error),
            VDT_ERR_ARGUMENT);
        assert_null(windows);
    }
    vdt_image_free(image);
}

static void test_grid(void **state)
{
    (void)state;
    struct vdt_image *image = open_scene("scene.tif");
    struct vdt_window *windows = NULL;
    size_t count = 0, i = 0;
    assert_int_equal(vdt_image_grid(image, 7, 5, 4, 0, &windows, &count, &error), VDT_OK);
    assert_int_equal(count, 5 * 3); /* cols 0 4 8 12 16, rows 0 5 10 */
    for (int32_t row = 0; row + 5 <= ROWS; row += 5)
        for (int32_t col = 0; col + 7 <= COLS; col += 4, i++)
            assert_memory_equal(&windows[i], (&(struct vdt_window){col, row, 7, 5}),
                                sizeof windows[i]);
    vdt_windows_free(windows);
    vdt_windows_free(NULL);
    assert_int_equal(vdt_image_grid(image, 7, 5, -1, 0, &windows, &count, &error),
                     VDT_ERR_ARGUMENT);
    vdt_image_free(image);
}

/* --- samples ------------------------------------------------------------------------------ */

static void append_all(const char *store, struct vdt_image *image)
{
    struct vdt_store_spec spec = spec_of(VDT_CODEC_RAW);
    struct vdt_writer *writer = NULL;
    struct vdt_window *windows = NULL;
    size_t count = 0;
    spec.band_names = vdt_image_spec(image).band_names;
    assert_int_equal(vdt_writer_create(store, &spec, &writer, &error), VDT_OK);
    assert_int_equal(vdt_image_grid(image, TILE_COLS, TILE_ROWS, 0, 0, &windows, &count, &error),
                     VDT_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            vdt_writer_append_window(writer, "train", image, &windows[i], NULL, NULL, &error),
            VDT_OK);
    assert_int_equal(
        vdt_writer_append_window(writer, "test", image, &windows[0], NULL, NULL, &error),
        VDT_ERR_EXISTS);
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_OK);
    vdt_windows_free(windows);
    vdt_writer_free(writer);
}

static struct vdt_reader *open_store(const char *path)
{
    struct vdt_reader *reader = NULL;
    assert_int_equal(vdt_reader_open(path, &reader, &error), VDT_OK);
    return reader;
}

/* Place, nodata and counts, from the formulas of the scene. */
static void check_sample(const struct vdt_image *image, const struct vdt_sample *sample,
                         const struct vdt_band_stats stats[BANDS])
{
    const struct vdt_window *w = &sample->window;
    const double *g = sample->geotransform, *b = sample->bounds;
    struct vdt_image_spec spec = vdt_image_spec(image);
    uint64_t counts[BANDS] = {0}, invalid = 0;
    for (int row = w->row; row < w->row + w->rows; row++)
        for (int col = w->col; col < w->col + w->cols; col++) {
            counts[0] += expected(1, col, row) != NODATA;
            counts[1] += expected(2, col, row) != NODATA;
            invalid += expected(1, col, row) == NODATA;
        }
    assert_true(counts[0] > counts[1]);
    assert_int_equal(stats[0].count, counts[0]);
    assert_int_equal(stats[1].count, counts[1]);
    assert_true(sample->valid_fraction == (float)(1 - (double)invalid / (w->cols * w->rows)));
    assert_true(fabs(g[0] - (290000 + 0.5 * w->col + 0.1 * w->row)) < 1e-6);
    assert_true(fabs(g[3] - (9e6 + 0.1 * w->col - 0.5 * w->row)) < 1e-6);
    assert_true(g[1] == 0.5 && g[2] == 0.1 && g[4] == 0.1 && g[5] == -0.5);
    assert_true(spec.bounds[0] <= b[0] && b[0] < b[2] && b[2] <= spec.bounds[2]);
    assert_true(spec.bounds[1] <= b[1] && b[1] < b[3] && b[3] <= spec.bounds[3]);
}

static void same_sample(const struct vdt_image *image, const struct vdt_reader *a,
                        const struct vdt_reader *b, uint64_t index)
{
    struct vdt_sample one, two;
    struct vdt_band_stats stats_one[BANDS], stats_two[BANDS];
    uint16_t image_one[BANDS * TILE_ROWS * TILE_COLS], image_two[BANDS * TILE_ROWS * TILE_COLS];
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    assert_int_equal(vdt_reader_sample(a, 0, index, &one, stats_one, &error), VDT_OK);
    assert_int_equal(vdt_reader_sample(b, 0, index, &two, stats_two, &error), VDT_OK);
    assert_string_equal(one.key, two.key);
    assert_memory_equal(&one.window, &two.window, sizeof one.window);
    assert_memory_equal(one.geotransform, two.geotransform, sizeof one.geotransform);
    assert_memory_equal(one.bounds, two.bounds, sizeof one.bounds);
    assert_true(one.valid_fraction == two.valid_fraction);
    assert_true(one.weight == 1 && two.weight == 1);
    assert_memory_equal(stats_one, stats_two, sizeof stats_one);
    check_sample(image, &two, stats_two);
    assert_int_equal(vdt_reader_image(a, 0, index, image_one, &error), VDT_OK);
    assert_int_equal(vdt_reader_image(b, 0, index, image_two, &error), VDT_OK);
    assert_memory_equal(image_one, image_two, sizeof image_one);
}

static void test_same_as_a_feed(void **state)
{
    (void)state;
    const char *images[] = {in_folder("scene.tif")};
    struct vdt_feed_options options = {.store = in_folder("fed.h5"),
                                       .images = images,
                                       .image_count = 1,
                                       .tile_cols = TILE_COLS,
                                       .tile_rows = TILE_ROWS,
                                       .codec = VDT_CODEC_RAW};
    struct vdt_image *image = open_scene("scene.tif");
    assert_int_equal(vdt_feed(&options, NULL, &error), VDT_OK);
    append_all(in_folder("made.h5"), image);
    struct vdt_reader *fed = open_store(in_folder("fed.h5"));
    struct vdt_reader *made = open_store(in_folder("made.h5"));
    assert_int_equal(vdt_reader_count(fed, 0), 9);
    assert_int_equal(vdt_reader_group_count(made), 1);
    assert_int_equal(vdt_reader_count(made, 0), 9);
    for (uint64_t i = 0; i < 9; i++)
        same_sample(image, fed, made, i);
    assert_int_equal(vdt_reader_scene_count(made), 1);
    struct vdt_scene_record one = vdt_reader_scene(fed, 0), two = vdt_reader_scene(made, 0);
    assert_string_equal(two.uri, "scene.tif");
    assert_string_equal(one.digest, two.digest);
    assert_true(one.size == two.size && one.cols == two.cols && one.rows == two.rows);
    assert_int_equal(vdt_reader_crs_count(made), 1);
    assert_string_equal(vdt_reader_crs(fed, 0), vdt_reader_crs(made, 0));
    vdt_reader_free(fed);
    vdt_reader_free(made);
    struct vdt_check_report fed_report, made_report;
    assert_int_equal(vdt_check(in_folder("fed.h5"), NULL, NULL, &fed_report, &error), VDT_OK);
    assert_int_equal(vdt_check(in_folder("made.h5"), NULL, NULL, &made_report, &error), VDT_OK);
    assert_int_equal(made_report.problems, 0);
    assert_string_equal(fed_report.digest, made_report.digest);
    vdt_image_free(image);
}

static void test_labels(void **state)
{
    (void)state;
    static const char *const classes[] = {"a", "b"};
    static const uint8_t onehot[] = {0, 1};
    static const float boxes[][4] = {{0, 0, 3, 5}, {1, 1, 2, 2}};
    static const uint16_t box_class[] = {1, 0}, wrong_class[] = {1, 2};
    static const int64_t box_feature[] = {7, -1};
    static const float box_visible[] = {1, 0.5f};
    uint8_t mask[TILE_ROWS * TILE_COLS], mask_back[TILE_ROWS * TILE_COLS], onehot_back[2];
    uint16_t instances[TILE_ROWS * TILE_COLS], instances_back[TILE_ROWS * TILE_COLS];
    for (int i = 0; i < TILE_ROWS * TILE_COLS; i++) {
        mask[i] = (uint8_t)(i % 4 == 3 ? 255 : i % 4);
        instances[i] = (uint16_t)(i % 3);
    }
    struct vdt_labels labels = {.onehot = onehot,
                                .box_count = 2,
                                .boxes = boxes,
                                .box_class = box_class,
                                .box_feature = box_feature,
                                .box_visible = box_visible,
                                .mask = mask,
                                .instances = instances};
    struct vdt_store_spec spec = spec_of(VDT_CODEC_LZ4);
    spec.tasks = VDT_CLASSIFICATION | VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE;
    spec.classes = classes;
    spec.class_count = 2;
    struct vdt_image *image = open_scene("scene.tif");
    struct vdt_writer *writer = NULL;
    struct vdt_window window = {3, -2, TILE_COLS, TILE_ROWS};
    assert_int_equal(vdt_writer_create(in_folder("labels.h5"), &spec, &writer, &error), VDT_OK);
    assert_int_equal(vdt_writer_append_window(writer, "hand", image, &window, NULL, NULL, &error),
                     VDT_ERR_ARGUMENT); /* the tasks need labels */
    labels.box_class = wrong_class;
    assert_int_equal(
        vdt_writer_append_window(writer, "hand", image, &window, &labels, NULL, &error),
        VDT_ERR_ARGUMENT);
    labels.box_class = box_class;
    assert_int_equal(
        vdt_writer_append_window(writer, "hand", image, &window, &labels, "{\"n\":1}", &error),
        VDT_OK);
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_OK);
    vdt_writer_free(writer);
    struct vdt_reader *reader = open_store(in_folder("labels.h5"));
    float boxes_back[2][4];
    char *metadata = NULL;
    assert_int_equal(vdt_reader_count(reader, 0), 1);
    assert_int_equal(vdt_reader_onehot(reader, 0, 0, onehot_back, &error), VDT_OK);
    assert_memory_equal(onehot, onehot_back, sizeof onehot);
    assert_int_equal(vdt_reader_mask(reader, 0, 0, mask_back, &error), VDT_OK);
    assert_memory_equal(mask, mask_back, sizeof mask);
    assert_int_equal(vdt_reader_instances(reader, 0, 0, instances_back, &error), VDT_OK);
    assert_memory_equal(instances, instances_back, sizeof instances);
    assert_int_equal(vdt_reader_boxes(reader, 0, 0, 1, boxes_back, NULL, NULL, NULL, &error),
                     VDT_OK);
    assert_memory_equal(boxes, boxes_back, sizeof boxes);
    assert_int_equal(vdt_reader_metadata(reader, 0, 0, &metadata, &error), VDT_OK);
    assert_string_equal(metadata, "{\"n\":1}");
    vdt_string_free(metadata);
    vdt_reader_free(reader);
    vdt_image_free(image);
}

static void test_store_of_another_kind(void **state)
{
    (void)state;
    struct vdt_store_spec spec = spec_of(VDT_CODEC_RAW);
    struct vdt_image *image = open_scene("scene.tif"), *one_band = NULL;
    struct vdt_writer *writer = NULL;
    struct vdt_window window = {0, 0, TILE_COLS, TILE_ROWS};
    assert_int_equal(vdt_image_open(in_folder("scene.tif"), (int[]){1}, 1, &one_band, &error),
                     VDT_OK);
    assert_int_equal(vdt_writer_create(in_folder("kind.h5"), &spec, &writer, &error), VDT_OK);
    assert_int_equal(
        vdt_writer_append_window(writer, "train", one_band, &window, NULL, NULL, &error),
        VDT_ERR_MISMATCH);
    assert_non_null(strstr(error.message, "1 bands of uint16, but"));
    window.cols++;
    assert_int_equal(vdt_writer_append_window(writer, "train", image, &window, NULL, NULL, &error),
                     VDT_ERR_MISMATCH);
    assert_non_null(strstr(error.message, "8 x 5"));
    window.cols = -TILE_COLS;
    assert_int_equal(vdt_writer_append_window(writer, "train", image, &window, NULL, NULL, &error),
                     VDT_ERR_MISMATCH);
    window.cols = TILE_COLS;
    assert_int_equal(vdt_writer_append_window(writer, "a b", image, &window, NULL, NULL, &error),
                     VDT_ERR_ARGUMENT);
    vdt_writer_free(writer);
    spec.tile.dtype = VDT_INT16;
    assert_int_equal(vdt_writer_create(in_folder("kind.h5"), &spec, &writer, &error), VDT_OK);
    assert_int_equal(vdt_writer_append_window(writer, "train", image, &window, NULL, NULL, &error),
                     VDT_ERR_MISMATCH);
    assert_non_null(strstr(error.message, "has 2 bands of int16"));
    vdt_writer_free(writer);
    vdt_image_free(image);
    vdt_image_free(one_band);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec),           cmocka_unit_test(test_read),
        cmocka_unit_test(test_overview),       cmocka_unit_test(test_open_fails),
        cmocka_unit_test(test_random_windows), cmocka_unit_test(test_window_sizes),
        cmocka_unit_test(test_grid),           cmocka_unit_test(test_same_as_a_feed),
        cmocka_unit_test(test_labels),         cmocka_unit_test(test_store_of_another_kind),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

/* The bundled scene in tiles of several sizes, with and without overlap: the same predictions have
 * the same scores on the ground as on the scene that is not cut. */
#include "../store/stores.h"

#include <vedatile/annotations.h>
#include <vedatile/evaluation.h>
#include <vedatile/feed.h>
#include <vedatile/run.h>
#include <vedatile/shapes.h>

#include "base/json.h"

enum { WHOLE = 352, FOUND_MOST = 2000, LIST_MOST = 256 };

/* Predictions of the scene, in its pixels. */
struct found {
    size_t count;
    double box[FOUND_MOST][4]; /* xmin, ymin, xmax, ymax */
    int32_t shift[FOUND_MOST][2];
    uint16_t object[FOUND_MOST]; /* of the instance mask, for masks */
    uint32_t class_id[FOUND_MOST];
    double score[FOUND_MOST];
};

static struct found found;
static uint16_t instances[WHOLE * WHOLE];
static uint8_t classes[WHOLE * WHOLE];

static const char *data_file(const char *name)
{
    static char paths[2][512];
    static unsigned next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/olinda/%s", getenv("VEDATILE_DATA"), name);
    return path;
}

static void feed(const char *store, uint32_t tile, uint32_t stride)
{
    const char *image = data_file("scene.tif"), *labels = data_file("sectors.geojson");
    const struct vdt_feed_options options = {.store = store,
                                             .images = &image,
                                             .image_count = 1,
                                             .labels = &labels,
                                             .label_count = 1,
                                             .class_field = "TIPO",
                                             .tasks = VDT_INSTANCE | VDT_SEGMENTATION,
                                             .tile_cols = tile,
                                             .tile_rows = tile,
                                             .stride_cols = stride,
                                             .stride_rows = stride,
                                             .edge = VDT_EDGE_PAD,
                                             .match = VDT_MATCH_ALL,
                                             .group = "test"};
    if (vdt_feed(&options, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static struct vdt_reader *look_into(const char *store)
{
    struct vdt_reader *reader = NULL;
    if (vdt_reader_open(store, &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return reader;
}

/* Most objects, moved by up to a pixel, some twice, some of the other class. */
static void make_found(const char *store)
{
    struct vdt_reader *reader = look_into(store);
    static float boxes[1000][4];
    static uint16_t box_class[1000];
    uint64_t count = vdt_reader_box_rows(reader, 0, 0, 1);
    assert_true(count > 400 && count < 1000);
    assert_int_equal(vdt_reader_boxes(reader, 0, 0, 1, boxes, box_class, NULL, NULL, NULL), VDT_OK);
    assert_int_equal(vdt_reader_instances(reader, 0, 0, instances, NULL), VDT_OK);
    assert_int_equal(vdt_reader_mask(reader, 0, 0, classes, NULL), VDT_OK);
    found.count = 0;
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t copy = 0; copy < (i % 9 == 0 ? 0 : i % 13 == 0 ? 2 : 1); copy++) {
            size_t n = found.count++;
            for (int axis = 0; axis < 2; axis++) {
                double size = axis == 0 ? 349 : 352;
                int32_t shift = (int32_t)(vdt_mix2(i, 10 * copy + (uint64_t)axis) % 3) - 1;
                found.shift[n][axis] = shift;
                found.box[n][axis] = fmax(0, (double)boxes[i][axis] + shift);
                found.box[n][axis + 2] = fmin(size, (double)boxes[i][axis + 2] + shift);
            }
            found.object[n] = (uint16_t)(i + 1);
            found.class_id[n] = i % 17 == 0 ? 1U - box_class[i] : box_class[i];
            found.score[n] = 0.05 + 0.9 * vdt_unit(vdt_mix2(i, 99 + copy));
        }
    vdt_reader_free(reader);
}

/* What a tile shows of a mask; false when that is nothing. */
static bool crop_mask(const struct vdt_window *window, size_t n, uint8_t *pixels)
{
    bool any = false;
    for (int32_t row = 0; row < window->rows; row++)
        for (int32_t col = 0; col < window->cols; col++) {
            int32_t y = window->row + row - found.shift[n][1];
            int32_t x = window->col + col - found.shift[n][0];
            bool inside = x >= 0 && y >= 0 && x < WHOLE && y < WHOLE &&
                          instances[y * WHOLE + x] == found.object[n];
            pixels[row * window->cols + col] = inside;
            any = any || inside;
        }
    return any;
}

static void add_one(struct vdt_run *run, uint32_t sample, const struct vdt_window *window, size_t n,
                    bool masks, struct vdt_masks *work, uint8_t *pixels)
{
    static const char *const names[] = {"RURAL", "URBANO"};
    double box[4] = {fmax(found.box[n][0] - window->col, 0), fmax(found.box[n][1] - window->row, 0),
                     fmin(found.box[n][2] - window->col, window->cols),
                     fmin(found.box[n][3] - window->row, window->rows)};
    if (!(box[2] > box[0]) || !(box[3] > box[1]) || (masks && !crop_mask(window, n, pixels)))
        return;
    const struct vdt_label label = {.value = names[found.class_id[n]], .score = found.score[n]};
    struct vdt_annotation annotation = {.sample = sample,
                                        .kind = VDT_ANNOTATION_BOX,
                                        .box = {box[0], box[1], box[2] - box[0], box[3] - box[1]},
                                        .labels = &label,
                                        .label_count = 1};
    if (masks) {
        vdt_masks_clear(work);
        assert_int_equal(vdt_masks_add_u8(work, (uint32_t)window->rows, (uint32_t)window->cols,
                                          pixels, window->cols, 1, NULL),
                         VDT_OK);
        const struct vdt_shapes *shapes = vdt_masks_shapes(work);
        annotation.kind = VDT_ANNOTATION_MASK;
        annotation.counts = shapes->counts;
        annotation.count_count = shapes->count_offsets[1];
        annotation.rows = (uint32_t)window->rows;
        annotation.cols = (uint32_t)window->cols;
    }
    if (vdt_run_add(run, &annotation, 1, VDT_RUN_APPEND, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

/* The classes of the scene, moved by two columns. */
static void add_raster(struct vdt_run *run, uint32_t sample, const struct vdt_window *window,
                       uint8_t *pixels)
{
    for (int32_t row = 0; row < window->rows; row++)
        for (int32_t col = 0; col < window->cols; col++) {
            int32_t y = window->row + row, x = window->col + col - 2;
            bool inside = x >= 0 && x < WHOLE && y < WHOLE;
            uint8_t value = inside ? classes[y * WHOLE + x] : 0;
            pixels[row * window->cols + col] = value == VDT_IGNORE_U8 ? 0 : value;
        }
    if (vdt_run_add_raster(run, sample, VDT_UINT8, pixels, (uint32_t)window->rows,
                           (uint32_t)window->cols, VDT_RUN_ADD, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static void predict(const char *store, const char *name, bool masks)
{
    struct vdt_reader *reader = look_into(store);
    struct vdt_run *run = NULL;
    struct vdt_masks *work = NULL;
    uint8_t *pixels = malloc((size_t)WHOLE * WHOLE);
    const struct vdt_run_options options = {
        .store = store, .name = name, .group = "test", .model = "net"};
    assert_non_null(pixels);
    assert_int_equal(vdt_masks_new(&work, NULL), VDT_OK);
    if (vdt_run_create(&options, &run, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_run_begin(run);
    for (uint64_t i = 0; i < vdt_reader_count(reader, 0); i++) {
        struct vdt_sample row;
        uint32_t sample;
        assert_int_equal(vdt_reader_sample(reader, 0, i, &row, NULL, NULL), VDT_OK);
        assert_int_equal(vdt_run_sample(run, row.key, 0, 0, &sample, &error), VDT_OK);
        assert_int_equal(vdt_run_mark(run, sample, &error), VDT_OK);
        if (masks)
            add_raster(run, sample, &row.window, pixels);
        for (size_t n = 0; n < found.count; n++)
            add_one(run, sample, &row.window, n, masks, work, pixels);
    }
    if (vdt_run_end(run, &error) != VDT_OK || vdt_run_commit(run, NULL, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_run_free(run);
    vdt_masks_free(work);
    free(pixels);
    vdt_reader_free(reader);
}

static const char *const metrics[] = {"AP",
                                      "AP50",
                                      "AP75",
                                      "APs",
                                      "APm",
                                      "APl",
                                      "AR",
                                      "recall",
                                      "class:RURAL:AP",
                                      "class:URBANO:AP",
                                      "f1",
                                      "precision"};
enum { METRICS = sizeof metrics / sizeof metrics[0] };

static void score(const char *store, const char *name, bool masks, double values[METRICS],
                  int64_t objects[2])
{
    struct vdt_evaluation *made = NULL;
    const struct vdt_evaluate_options options = {.store = store,
                                                 .run = name,
                                                 .task = masks ? "instance" : "detection",
                                                 .iou = masks ? "segm" : "bbox",
                                                 .ground = true};
    if (vdt_evaluate(&options, &made, &error) != VDT_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < METRICS; i++)
        if (vdt_evaluation_metric(made, metrics[i], &values[i], &error) != VDT_OK)
            values[i] = -2; /* a name that these rules have not */
    json_t *document = NULL;
    assert_int_equal(vdt_json_parse(vdt_evaluation_json(made), "document", &document, NULL),
                     VDT_OK);
    const json_t *task = json_array_get(json_object_get(document, "tasks"), 0);
    const json_t *place = json_object_get(task, "ground_objects");
    objects[0] =
        json_integer_value(json_object_get(json_object_get(place, "ground_truth"), "objects"));
    objects[1] =
        json_integer_value(json_object_get(json_object_get(place, "predictions"), "objects"));
    json_decref(document);
    vdt_evaluation_free(made);
}

/* Every pixel of the scene once, whatever the tiles are. */
static void score_pixels(const char *store, double values[4])
{
    static const char *const names[] = {"miou", "accuracy", "class:RURAL:iou", "class:URBANO:iou"};
    struct vdt_evaluation *made = NULL;
    const struct vdt_evaluate_options options = {
        .store = store, .run = "masks", .task = "segmentation", .ground = true};
    if (vdt_evaluate(&options, &made, &error) != VDT_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vdt_evaluation_metric(made, names[i], &values[i], &error), VDT_OK);
    vdt_evaluation_free(made);
}

static void remove_store(const char *store)
{
    char path[600];
    snprintf(path, sizeof path, "%s.runs", store);
    DIR *runs = opendir(path);
    for (struct dirent *entry; runs != NULL && (entry = readdir(runs)) != NULL;) {
        char file[900];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unlink(file);
    }
    if (runs != NULL)
        closedir(runs);
    rmdir(path);
    unlink(store);
}

static void tiles_do_not_show(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{WHOLE, WHOLE}, {128, 64}, {256, 128}, {96, 72}};
    double expected[2][METRICS], values[METRICS];
    double pixels[4], whole_pixels[4];
    int64_t objects[2], whole[2][2];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char store[128];
        snprintf(store, sizeof store, "%s", in_folder("store.h5"));
        feed(store, sizes[i][0], sizes[i][1]);
        if (i == 0)
            make_found(store);
        for (int masks = 0; masks < 2; masks++) {
            predict(store, masks ? "masks" : "boxes", masks);
            score(store, masks ? "masks" : "boxes", masks, values, objects);
            if (i == 0) {
                memcpy(expected[masks], values, sizeof values);
                memcpy(whole[masks], objects, sizeof objects);
                if (!(values[0] > 0.2 && values[0] < 0.9))
                    fail_msg("the AP of the scene is %g, of %lld and %lld objects", values[0],
                             (long long)objects[0], (long long)objects[1]);
            }
            assert_true(objects[1] > 400);
            assert_memory_equal(objects, whole[masks], sizeof objects);
            for (size_t m = 0; m < METRICS; m++)
                if (!(fabs(values[m] - expected[masks][m]) < 1e-12) &&
                    !(isnan(values[m]) && isnan(expected[masks][m])))
                    fail_msg("tiles of %u every %u: %s of %s is %.17g, of the scene %.17g (%lld, "
                             "%lld objects; %lld, %lld)",
                             sizes[i][0], sizes[i][1], metrics[m], masks ? "masks" : "boxes",
                             values[m], expected[masks][m], (long long)objects[0],
                             (long long)objects[1], (long long)whole[masks][0],
                             (long long)whole[masks][1]);
        }
        score_pixels(store, i == 0 ? whole_pixels : pixels);
        assert_true(whole_pixels[0] > 0.3 && whole_pixels[0] < 0.95);
        if (i > 0)
            assert_memory_equal(pixels, whole_pixels, sizeof pixels);
        remove_store(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tiles_do_not_show, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Feeds, readers and loaders when memory is out. */
#include "forced.h"

#include <vedatile/feed.h>
#include <vedatile/loader.h>

static char scene[512], sectors[512];

/* --- feeds ----------------------------------------------------------------------------------- */

static vdt_status feed(char *text, size_t size)
{
    const char *const images[] = {scene}, *const labels[] = {sectors};
    struct vdt_feed_report report;
    const struct vdt_feed_options options = {.store = in_folder("fed.h5"),
                                             .images = images,
                                             .image_count = 1,
                                             .labels = labels,
                                             .label_count = 1,
                                             .class_field = "TIPO",
                                             .tasks = VDT_DETECTION | VDT_SEGMENTATION |
                                                      VDT_INSTANCE | VDT_CLASSIFICATION,
                                             .tile_cols = 128,
                                             .tile_rows = 128,
                                             .threads = 1};
    vdt_status status = vdt_feed(&options, &report, &error);
    if (status == VDT_OK)
        snprintf(text, size, "%llu", (unsigned long long)report.written);
    return status;
}

/* What is committed stays, and is whole. */
static void remove_fed(void)
{
    struct vdt_check_report report;
    if (exists(in_folder("fed.h5")) &&
        (vdt_check(in_folder("fed.h5"), NULL, NULL, &report, &error) != VDT_OK ||
         report.problems > 0))
        fail_msg("%s", error.message);
    files_in_folder(true);
}

static void test_feeds(void **state)
{
    (void)state;
    force(feed, remove_fed, 150);
}

/* --- readers and loaders --------------------------------------------------------------------- */

static vdt_status load(char *text, size_t size)
{
    struct vdt_reader *reader = NULL;
    struct vdt_loader *loader = NULL;
    struct vdt_batch *batch = NULL;
    const struct vdt_loader_options options = {.batch_size = 3, .threads = 1, .seed = 1};
    vdt_status status = vdt_reader_open(in_folder("made.h5"), &reader, &error);
    if (status == VDT_OK)
        status = vdt_loader_start(reader, &options, &loader, &error);
    unsigned sum = 0, batches = 0;
    while (status == VDT_OK && (status = vdt_loader_next(loader, &batch, &error)) == VDT_OK) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        for (size_t i = 0; i < view.size; i++)
            sum += ((const uint8_t *)view.images)[i * 70];
        batches++;
        vdt_batch_free(batch);
    }
    if (status == VDT_END)
        status = VDT_OK;
    if (status == VDT_OK)
        snprintf(text, size, "%u %u", sum, batches);
    vdt_loader_free(loader);
    vdt_reader_free(reader);
    return status;
}

static void nothing(void)
{
}

static void test_loaders(void **state)
{
    (void)state;
    struct vdt_store_spec spec =
        make_spec(VDT_UINT8, VDT_DETECTION | VDT_SEGMENTATION, VDT_CODEC_LZ4);
    make_store(in_folder("made.h5"), &spec, 7);
    force(load, nothing, 2000);
    files_in_folder(true);
}

static int find_data(void **state)
{
    const char *data = getenv("VEDATILE_DATA");
    if (data == NULL || make_folder(state) != 0)
        return 1;
    snprintf(scene, sizeof scene, "%s/olinda/scene.tif", data);
    snprintf(sectors, sizeof sectors, "%s/olinda/sectors.geojson", data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feeds),
        cmocka_unit_test(test_loaders),
    };
    return cmocka_run_group_tests_name("memory/stores", tests, find_data, remove_folder);
}

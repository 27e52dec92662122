/* Pictures of samples: what is in them, by GDAL's own readers. */
#include "../store/stores.h"

#include <jansson.h>
#include <pthread.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "server/draw/render.h"
#include "source/scenes/raster_file.h"
#include "store/layout.h"

static struct vdt_draw *draw;
static struct vdt_inspection inspection;
static struct vdt_reader *reader;
static char path[512];

static void ok(vdt_status status)
{
    if (status != VDT_OK)
        fail_msg("%s: %s", vdt_status_name(status), error.message);
}

static int stop(void **state)
{
    vdt_inspection_clear(&inspection);
    vdt_reader_free(reader);
    vdt_draw_stop(draw);
    files_in_folder(true);
    return remove_folder(state);
}

/* One store for all tests, of every kind of label. */
static int start(void **state)
{
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 15, VDT_CODEC_ZSTD);
    static const char *const names[] = {"nir", "red"};
    spec.band_names = names;
    spec.tile.rows = 40;
    spec.tile.cols = 56;
    if (make_folder(state) != 0 || vdt_draw_start(NULL, &draw, &error) != VDT_OK)
        return 1;
    snprintf(path, sizeof path, "%s", in_folder("tiles.h5"));
    make_store(path, &spec, 12);
    reader = read_store(path);
    int fd = open(path, O_RDONLY);
    const struct vdt_file_run run = {fd, 0, size_of(path)};
    ok(vdt_inspect(draw, &run, 1, folder, &inspection, &error));
    close(fd);
    return 0;
}

/* A record as the row that it becomes in the database. */
static struct vdt_sample_row row_of(uint64_t index, struct vdt_record_place places[64])
{
    struct vdt_record_row record;
    struct vdt_sample_row row = {.places = places};
    vdt_records_rewind(inspection.records);
    for (uint64_t i = 0; i <= index; i++)
        ok(vdt_records_next(inspection.records, &record, &error));
    assert_true(record.place_count <= 64);
    row.place_count = record.place_count;
    memcpy(places, record.places, record.place_count * sizeof *places);
    memcpy(row.key, record.sample.key, sizeof row.key);
    strcpy(row.group, record.group);
    memcpy(row.bounds, record.sample.bounds, sizeof row.bounds);
    memcpy(row.geotransform, record.sample.geotransform, sizeof row.geotransform);
    row.placed = row.geotransform[1] != 0;
    row.crs_index = record.sample.crs;
    row.classes = (char *)"{}";
    return row;
}

static vdt_status make(struct vdt_render *render, uint64_t index, struct vdt_buffer *bytes,
                       struct vdt_error *reason)
{
    struct vdt_record_place places[64];
    struct vdt_file_run runs[64];
    struct vdt_sample_row row = row_of(index, places);
    vdt_cleanup(vdt_free_pointer) struct vdt_render_piece *pieces = NULL;
    size_t count = 0;
    render->info = inspection.info;
    render->sample = &row;
    int fd = open(path, O_RDONLY);
    vdt_status status = vdt_render_pieces(render, &pieces, &count, reason);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        runs[i] = (struct vdt_file_run){fd, pieces[i].address, pieces[i].size};
    if (status == VDT_OK)
        status = vdt_render(draw, render, runs, count, bytes, reason);
    close(fd);
    return status;
}

static void tiffs_are_the_tiles(void **state)
{
    (void)state;
    const struct vdt_store_spec spec = vdt_reader_spec(reader);
    for (uint64_t i = 0; i < 12; i++) {
        uint16_t image[2 * 40 * 56], decoded[2 * 40 * 56];
        struct vdt_render render = {.kind = VDT_RENDER_TIFF};
        vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
        ok(make(&render, i, &bytes, &error));
        ok(vdt_reader_image(reader, 0, i, image, &error));
        ok(vdt_raster_decode("tile", bytes.data, bytes.size, &spec.tile, decoded, &error));
        assert_memory_equal(decoded, image, sizeof image);
    }
}

static void masks_are_numbers(void **state)
{
    (void)state;
    struct vdt_tile_spec tile = vdt_reader_spec(reader).tile;
    tile.bands = 1;
    tile.dtype = VDT_UINT8;
    uint8_t mask[40 * 56], decoded[40 * 56];
    struct vdt_render render = {.kind = VDT_RENDER_MASK};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    ok(make(&render, 3, &bytes, &error));
    ok(vdt_reader_mask(reader, 0, 3, mask, &error));
    ok(vdt_raster_decode("mask", bytes.data, bytes.size, &tile, decoded, &error));
    assert_memory_equal(decoded, mask, sizeof mask);
}

static void pictures_are_stretched(void **state)
{
    (void)state;
    const struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct vdt_tile_spec tile = spec.tile;
    uint16_t image[2 * 40 * 56];
    uint8_t decoded[40 * 56];
    struct vdt_render render = {.kind = VDT_RENDER_PNG,
                                .band_count = 1,
                                .bands = {1},
                                .stretch = VDT_STRETCH_RANGE,
                                .low = 1000,
                                .high = 50000};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    ok(make(&render, 5, &bytes, &error));
    ok(vdt_reader_image(reader, 0, 5, image, &error));
    tile.bands = 1;
    tile.dtype = VDT_UINT8;
    ok(vdt_raster_decode("png", bytes.data, bytes.size, &tile, decoded, &error));
    for (size_t i = 0; i < 40 * 56; i++) {
        double share = (image[40 * 56 + i] - 1000.0) / 49000;
        assert_int_equal(decoded[i], (int)(fmax(0, fmin(1, share)) * 255 + 0.5));
    }
    bytes.size = 0;
    render.size = 28;
    ok(make(&render, 5, &bytes, &error));
    tile.cols = 28;
    tile.rows = 20;
    ok(vdt_raster_decode("png", bytes.data, bytes.size, &tile, decoded, &error));
    render.bands[0] = 2;
    assert_int_equal(make(&render, 5, &bytes, &error), VDT_ERR_ARGUMENT);
}

static void labels_are_boxes(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 12; i++) {
        struct vdt_render render = {.kind = VDT_RENDER_LABELS};
        vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
        uint64_t count = vdt_reader_box_rows(reader, 0, i, 1);
        float boxes[MOST_BOXES][4];
        ok(make(&render, i, &bytes, &error));
        ok(vdt_reader_boxes(reader, 0, i, 1, boxes, NULL, NULL, NULL, &error));
        json_t *document = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
        json_t *features = json_object_get(document, "features");
        assert_int_equal(json_array_size(features), count);
        for (size_t b = 0; b < count; b++) {
            json_t *feature = json_array_get(features, b);
            json_t *box = json_object_get(json_object_get(feature, "properties"), "box");
            for (size_t k = 0; k < 4; k++)
                assert_true(fabs(json_number_value(json_array_get(box, k)) - (double)boxes[b][k]) <
                            1e-6);
        }
        json_decref(document);
    }
}

/* Damaged chunks are refused, and the next picture is made. */
static void damage_is_refused(void **state)
{
    (void)state;
    struct vdt_record_place places[64];
    struct vdt_sample_row row = row_of(0, places);
    struct vdt_render render = {.kind = VDT_RENDER_TIFF, .info = inspection.info, .sample = &row};
    unsigned char junk[20000];
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (unsigned char)vdt_mix(i);
    write_file(in_folder("junk"), junk, sizeof junk);
    int fd = open(in_folder("junk"), O_RDONLY);
    const struct vdt_file_run runs[] = {{fd, 0, row.places[0].size}, {fd, 0, 0}};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    assert_int_equal(vdt_render(draw, &render, runs, 2, &bytes, &error), VDT_ERR_FORMAT);
    close(fd);
    ok(make(&render, 0, &bytes, &error));
}

static void *make_many(void *payload)
{
    (void)payload;
    for (int i = 0; i < 25; i++) {
        struct vdt_error reason;
        struct vdt_render render = {.kind = (enum vdt_render_kind)(1 + i % 4)};
        struct vdt_record_place places[64];
        (void)places;
        vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&lock); /* the list of records is read by one at a time */
        struct vdt_sample_row row = row_of((uint64_t)i % 12, places);
        pthread_mutex_unlock(&lock);
        struct vdt_file_run runs[64];
        vdt_cleanup(vdt_free_pointer) struct vdt_render_piece *pieces = NULL;
        size_t count = 0;
        render.info = inspection.info;
        render.sample = &row;
        if (vdt_render_pieces(&render, &pieces, &count, &reason) != VDT_OK)
            return (void *)1;
        int fd = open(path, O_RDONLY);
        for (size_t p = 0; p < count; p++)
            runs[p] = (struct vdt_file_run){fd, pieces[p].address, pieces[p].size};
        vdt_status status = vdt_render(draw, &render, runs, count, &bytes, &reason);
        close(fd);
        if (status != VDT_OK)
            return (void *)1;
    }
    return NULL;
}

static void many_at_a_time(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiffs_are_the_tiles),    cmocka_unit_test(masks_are_numbers),
        cmocka_unit_test(pictures_are_stretched), cmocka_unit_test(labels_are_boxes),
        cmocka_unit_test(damage_is_refused),      cmocka_unit_test(many_at_a_time),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

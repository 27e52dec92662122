/* Samples of versions: what an append touches, and what lists find. */
#include "../store/stores.h"

#include "base/cleanup.h"
#include "server/meta/samples.h"

static struct vdt_draw *draw;
static struct vdt_db *db;

static void ok(vdt_status status)
{
    if (status != VDT_OK)
        fail_msg("%s: %s", vdt_status_name(status), error.message);
}

static int start(void **state)
{
    return make_folder(state) != 0 || vdt_draw_start(NULL, &draw, &error) != VDT_OK;
}

static int stop(void **state)
{
    vdt_draw_stop(draw);
    return remove_folder(state);
}

/* An empty catalog with one entry, and that store's name. */
static int begin(void **state)
{
    (void)state;
    struct vdt_session *session = NULL;
    ok(vdt_db_open(in_folder("catalog.db"), true, &db, &error));
    ok(vdt_db_begin(db, VDT_DB_WRITE, &session, &error));
    ok(vdt_db_run(session,
                  "INSERT INTO user (id, name, created) VALUES (1, 'u', 0);"
                  "INSERT INTO entry (id, slug, owner, name, created, updated) VALUES "
                  "(1, 'a', 1, 'a', 0, 0), (2, 'b', 1, 'b', 0, 0)",
                  &error));
    ok(vdt_db_commit(&session, &error));
    return 0;
}

static int end(void **state)
{
    vdt_db_close(db);
    return clean(state);
}

static struct vdt_samples_change save(const char *path, int64_t entry, int64_t version)
{
    struct vdt_inspection inspection = {0};
    struct vdt_samples_change change = {0};
    struct vdt_session *session = NULL;
    int fd = open(path, O_RDONLY);
    const struct vdt_file_run run = {fd, 0, size_of(path)};
    ok(vdt_inspect(draw, &run, 1, folder, &inspection, &error));
    ok(vdt_db_begin(db, VDT_DB_WRITE, &session, &error));
    ok(vdt_samples_update(session, entry, version, &inspection, &change, &error));
    ok(vdt_db_commit(&session, &error));
    vdt_inspection_clear(&inspection);
    close(fd);
    return change;
}

struct found {
    uint64_t count;
    int64_t last;
    char group[64];
    uint64_t most;
};

static bool note(void *payload, const struct vdt_sample_row *row)
{
    struct found *found = payload;
    assert_true(found->count == 0 || strcmp(row->group, found->group) > 0 ||
                row->position > found->last);
    found->last = row->position;
    strcpy(found->group, row->group);
    found->count++;
    return found->count != found->most;
}

static uint64_t list(const struct vdt_samples_query *query)
{
    struct found found = {0};
    struct vdt_session *session = NULL;
    ok(vdt_db_begin(db, VDT_DB_READ, &session, &error));
    ok(vdt_samples_list(session, query, note, &found, &error));
    vdt_db_end(&session);
    return found.count;
}

static void expect_count(int64_t entry, int64_t version, uint64_t count)
{
    const struct vdt_samples_query query = {.entry = entry, .version = version, .limit = 100000};
    assert_int_equal(list(&query), count);
}

static void appends_touch_what_is_new(void **state)
{
    (void)state;
    const char *path = in_folder("grows.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, 200);
    struct vdt_samples_change change = save(path, 1, 1);
    assert_int_equal(change.added, 200);
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 200, 10);
    append_to(writer, "alpha", &spec, 210, 5);
    finish(writer);
    change = save(path, 1, 2);
    assert_int_equal(change.added, 15);
    assert_int_equal(change.kept, 200);
    assert_int_equal(change.removed, 0);
    change = save(path, 1, 3);
    assert_int_equal(change.added + change.removed, 0);
    expect_count(1, 1, 200);
    expect_count(1, 2, 215);
    expect_count(1, 3, 215);
    expect_count(2, 1, 0);
    make_store(in_folder("other.h5"), &spec, 40);
    change = save(in_folder("other.h5"), 1, 4);
    assert_int_equal(change.removed + change.kept, 215);
    expect_count(1, 4, 40);
    expect_count(1, 3, 215);
    expect_count(1, 1, 200);
}

static void pages_and_filters(void **state)
{
    (void)state;
    const char *path = in_folder("pages.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "train", &spec, 0, 120);
    append_to(writer, "test", &spec, 120, 30);
    finish(writer);
    save(path, 1, 1);
    struct vdt_samples_query query = {.entry = 1, .version = 1, .limit = 100};
    assert_int_equal(list(&query), 100);
    query.after_group = "train";
    query.after_position = 69;
    assert_int_equal(list(&query), 50);
    query.after_group = NULL;
    query.group = "test";
    assert_int_equal(list(&query), 30);
    /* By class and box: as the reader's own selection has it. */
    struct vdt_reader *reader = read_store(path);
    const double everywhere[4] = {-180, -90, 180, 90}, beyond[4] = {170, -90, -170, 90};
    const double *boxes[] = {NULL, everywhere, beyond};
    size_t group = 0;
    ok(vdt_reader_find_group(reader, "test", &group, &error));
    for (size_t c = 0; c < 4; c++)
        for (size_t b = 0; b < 3; b++) {
            uint64_t *indices = NULL, count = 0;
            const char *names[] = {class_names[c]};
            const struct vdt_filter filter = {
                .classes = names, .class_count = 1, .bounds = boxes[b]};
            ok(vdt_reader_select(reader, group, &filter, &indices, &count, &error));
            vdt_indices_free(indices);
            query.class_name = class_names[c];
            query.bbox = boxes[b];
            assert_true(list(&query) >= count); /* masks are looked at as well */
            if (boxes[b] == NULL)
                assert_true(count > 0);
        }
    vdt_reader_free(reader);
    query = (struct vdt_samples_query){.entry = 1, .version = 1, .limit = 100, .class_name = "no"};
    assert_int_equal(list(&query), 0);
}

static void samples_are_found_by_key(void **state)
{
    (void)state;
    const char *path = in_folder("keys.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    make_store(path, &spec, 20);
    save(path, 1, 1);
    struct vdt_reader *reader = read_store(path);
    struct vdt_session *session = NULL;
    ok(vdt_db_begin(db, VDT_DB_READ, &session, &error));
    for (uint64_t i = 0; i < 20; i++) {
        struct vdt_sample sample;
        vdt_cleanup(vdt_sample_row_clear) struct vdt_sample_row row = {0};
        ok(vdt_reader_sample(reader, 0, i, &sample, NULL, &error));
        ok(vdt_sample_find(session, 1, 1, sample.key, &row, &error));
        assert_int_equal(row.position, i);
        assert_memory_equal(&row.window, &sample.window, sizeof row.window);
        assert_true(row.placed == (sample.geotransform[1] != 0 || sample.geotransform[2] != 0));
        if (row.placed)
            assert_memory_equal(row.geotransform, sample.geotransform, sizeof row.geotransform);
        assert_int_equal(row.boxes, vdt_reader_box_rows(reader, 0, i, 1));
        assert_true(row.place_count >= 3);
    }
    struct vdt_sample_row row = {0};
    assert_int_equal(vdt_sample_find(session, 1, 1, "none", &row, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_sample_find(session, 2, 1, "none", &row, &error), VDT_ERR_NOT_FOUND);
    vdt_db_end(&session);
    vdt_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appends_touch_what_is_new, begin, end),
        cmocka_unit_test_setup_teardown(pages_and_filters, begin, end),
        cmocka_unit_test_setup_teardown(samples_are_found_by_key, begin, end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

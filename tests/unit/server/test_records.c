/* Records from a worker that lies: whatever it sends, only samples that can be are kept. */
#include "../store/stores.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "server/draw/row_wire.h"
#include "server/draw/spool.h"
#include "store/layout.h"

static const uint64_t hashes[] = {1, 2};
static const bool timed[] = {true, false};
static const int64_t times[] = {5000000, 0};
static const struct vdt_spool_rules rules = {.store_size = 1000,
                                             .class_count = 3,
                                             .scene_count = 2,
                                             .scene_hashes = hashes,
                                             .scene_timed = timed,
                                             .scene_times = times,
                                             .crs_count = 1,
                                             .crs_hashes = hashes};

/* A row with two classes, one place and some metadata. */
struct row {
    struct vdt_row_head head;
    struct vdt_record_class classes[2];
    struct vdt_record_place place;
    char text[8];
};

static struct row good_row(void)
{
    struct row row = {.head = {.size = sizeof row,
                               .class_count = 2,
                               .place_count = 1,
                               .metadata_size = 8,
                               .key = "key-1",
                               .window = {0, 0, 7, 5},
                               .geotransform = {10, 1, 0, 20, 0, -1},
                               .bounds = {1, 2, 3, 4},
                               .valid_fraction = 0.5f,
                               .weight = 1,
                               .boxes = 2},
                      .classes = {{0, 4}, {2, 1}},
                      .place = {.address = 100, .size = 900, .array = VDT_IMAGES}};
    memcpy(row.text, "{\"a\": 1}", 8);
    return row;
}

static struct vdt_records *make(void)
{
    struct vdt_records *records = NULL;
    assert_int_equal(vdt_records_create(folder, &records, &error), VDT_OK);
    assert_int_equal(vdt_records_group(records, "train", 5, &error), VDT_OK);
    return records;
}

static void expect_refused(const void *rows, size_t size, const char *part)
{
    struct vdt_records *records = make();
    vdt_status status = vdt_records_add(records, &rules, rows, size, &error);
    if (status != VDT_ERR_FORMAT || strstr(error.message, part) == NULL)
        fail_msg("\"%s\" was expected, not \"%s\"", part,
                 status == VDT_OK ? "success" : error.message);
    vdt_records_free(records);
}

static void good_rows_come_back(void **state)
{
    (void)state;
    struct vdt_records *records = make();
    struct vdt_record_row back;
    struct row rows[2] = {good_row(), good_row()};
    strcpy(rows[1].head.key, "key-2");
    rows[1].head.scene = 1;
    rows[1].head.bounds[0] = NAN;
    assert_int_equal(vdt_records_add(records, &rules, rows, sizeof rows, &error), VDT_OK);
    assert_int_equal(vdt_records_end(records, &error), VDT_OK);
    assert_int_equal(vdt_records_count(records), 2);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(vdt_records_next(records, &back, &error), VDT_OK);
        uint64_t digest = back.digest;
        assert_string_equal(back.sample.key, "key-1");
        assert_string_equal(back.sample.metadata, "{\"a\": 1}");
        assert_true(back.has_time && back.time == 5000000);
        assert_int_equal(back.class_count, 2);
        assert_int_equal(back.classes[1].id, 2);
        assert_int_equal(back.places[0].size, 900);
        assert_int_equal(vdt_records_next(records, &back, &error), VDT_OK);
        assert_true(back.digest != digest && !back.has_time && isnan(back.sample.bounds[3]));
        assert_int_equal(back.position, 1);
        assert_int_equal(vdt_records_next(records, &back, &error), VDT_END);
        vdt_records_rewind(records);
    }
    vdt_records_free(records);
}

static void lies_are_refused(void **state)
{
    (void)state;
    struct row row;
#define LIE(change, part)                       \
    do {                                        \
        row = good_row();                       \
        change;                                 \
        expect_refused(&row, sizeof row, part); \
    } while (0)
    LIE(row.head.size = UINT32_MAX, "size");
    LIE(row.head.size = 0, "size");
    LIE(row.head.class_count = UINT32_MAX, "size");
    LIE(row.head.class_count = 3, "size");
    LIE(row.head.place_count = UINT32_MAX, "size");
    LIE(row.head.metadata_size = 7, "size");
    LIE(row.head.metadata_size = 1 << 30, "size");
    LIE(row.head.metadata_size = VDT_ROW_NO_TEXT, "size");
    LIE(row.head.key[0] = '\0', "key");
    LIE(row.head.key[2] = '\n', "key");
    LIE(memset(row.head.key, 'x', sizeof row.head.key), "key");
    LIE(row.head.scene = 2, "scene");
    LIE(row.head.crs = 1, "CRS");
    LIE(row.classes[1].id = 3, "classes");
    LIE(row.classes[0].id = 2, "classes");
    LIE(row.place.address = 101, "outside");
    LIE(row.place.address = UINT64_MAX - 10, "outside");
    LIE(row.place.array = 99, "outside");
    LIE(row.head.valid_fraction = NAN, "valid fraction");
    LIE(row.head.valid_fraction = 1.5f, "valid fraction");
    LIE(row.head.window[2] = 0, "window");
    LIE(row.text[3] = '\0', "UTF-8");
    LIE(row.text[3] = (char)0xC0, "UTF-8");
#undef LIE
    row = good_row();
    for (size_t size = 1; size < sizeof row; size += 5)
        expect_refused(&row, size, size < sizeof row.head ? "cut short" : "size");
}

/* Numbers that are none become unknown. */
static void what_is_no_place_is_none(void **state)
{
    (void)state;
    struct vdt_records *records = make();
    struct vdt_record_row back;
    struct row rows[3] = {good_row(), good_row(), good_row()};
    rows[0].head.bounds[3] = 95;
    rows[1].head.bounds[0] = INFINITY;
    rows[2].head.geotransform[2] = NAN;
    assert_int_equal(vdt_records_add(records, &rules, rows, sizeof rows, &error), VDT_OK);
    assert_int_equal(vdt_records_end(records, &error), VDT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vdt_records_next(records, &back, &error), VDT_OK);
        assert_true(isnan(back.sample.bounds[0]) == (i < 2));
        assert_true((back.sample.geotransform[1] != 0) == (i < 2));
    }
    vdt_records_free(records);
}

static void groups_rise(void **state)
{
    (void)state;
    static const char *const bad[] = {"train", "alpha", "", "a/b", "views", "x\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vdt_records *records = make();
        assert_int_equal(vdt_records_group(records, bad[i], strlen(bad[i]), &error),
                         VDT_ERR_FORMAT);
        vdt_records_free(records);
    }
    struct vdt_records *records = make();
    char large[100];
    memset(large, 'z', sizeof large);
    assert_int_equal(vdt_records_group(records, large, sizeof large, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_records_group(records, "zz", 2, &error), VDT_OK);
    vdt_records_free(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rows_come_back), cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(what_is_no_place_is_none), cmocka_unit_test(groups_rise)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#include "stores.h"

enum { SAMPLES = 4500 }; /* more than a block of rows */

static struct vdt_reader *reader;
static double bounds_of[SAMPLES][4];
static float valid_of[SAMPLES];

static const char *const uris[] = {"north/a.tif", "north/b.tif", "s3://south/a.tif"};

static void vary(struct made *m, uint64_t i)
{
    uint64_t r = vdt_mix(i + 77);
    double west = (double)(r % 3600) / 10 - 180, south = (double)(r >> 20 & 127) - 64;
    double east = west + (double)(r >> 40 & 15);
    m->sample.scene = (uint32_t)(i % 3);
    m->sample.valid_fraction = valid_of[i] = (float)(i % 11) / 10;
    bounds_of[i][0] = i % 50 == 7 ? NAN : west;
    bounds_of[i][1] = south;
    bounds_of[i][2] = east > 180 ? east - 360 : east;
    bounds_of[i][3] = south + 2;
    memcpy(m->sample.bounds, bounds_of[i], 32);
}

static void make_varied(const char *path, uint32_t tasks)
{
    static struct made m;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, tasks, VDT_CODEC_RAW);
    struct vdt_writer *writer = NULL;
    assert_int_equal(vdt_writer_create(path, &spec, &writer, &error), VDT_OK);
    uint32_t index;
    for (unsigned i = 0; i < 3; i++) {
        char digest[33];
        struct vdt_scene_record scene = scene_number(i, digest);
        scene.uri = uris[i];
        assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, &error), VDT_OK);
    }
    assert_int_equal(vdt_writer_add_crs(writer, "", &index, &error), VDT_OK);
    for (uint64_t i = 0; i < SAMPLES; i++) {
        make_sample(&m, &spec, i);
        vary(&m, i);
        assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_OK);
    }
    finish(writer);
}

static int open_varied(void **state)
{
    if (make_folder(state) != 0)
        return 1;
    make_varied(in_folder("varied.h5"), VDT_CLASSIFICATION | VDT_DETECTION);
    reader = read_store(in_folder("varied.h5"));
    return 0;
}

static int close_varied(void **state)
{
    vdt_reader_free(reader);
    return remove_folder(state);
}

/* Exactly the samples that `wanted` names pass the filter; at least one does and one does not. */
static void expect_selected(const struct vdt_filter *filter, bool (*wanted)(uint64_t i))
{
    uint64_t *indices = NULL, count = 0, at = 0;
    if (vdt_reader_select(reader, 0, filter, &indices, &count, &error) != VDT_OK)
        fail_msg("%s", error.message);
    for (uint64_t i = 0; i < SAMPLES; i++) {
        bool found = at < count && indices[at] == i;
        if (found != wanted(i))
            fail_msg("sample %llu is %s", (unsigned long long)i, found ? "there" : "not there");
        at += found;
    }
    assert_int_equal(at, count);
    assert_true(count > 0 && count < SAMPLES);
    vdt_indices_free(indices);
}

/* --- labels ----------------------------------------------------------------------------------- */

static uint64_t boxes_of_class(uint64_t i, unsigned classes)
{
    static struct made m;
    static struct vdt_store_spec spec;
    spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    make_sample(&m, &spec, i);
    uint64_t count = 0;
    for (size_t b = 0; b < m.sample.labels.box_count; b++)
        count += classes >> m.box_class[b] & 1;
    return count;
}

static bool has_roof(uint64_t i)
{
    return (i & 1) || boxes_of_class(i, 1) > 0;
}

static bool has_roof_or_pool(uint64_t i)
{
    return (i & 9) || boxes_of_class(i, 9) > 0;
}

static bool has_few_boxes(uint64_t i)
{
    uint64_t boxes = boxes_of_class(i, 15);
    return boxes >= 1 && boxes <= 2;
}

static bool has_two_boxes(uint64_t i)
{
    return boxes_of_class(i, 15) == 2;
}

static bool has_many_roofs(uint64_t i)
{
    return boxes_of_class(i, 1) >= 3;
}

static bool has_no_more_roofs(uint64_t i)
{
    return has_roof(i) && boxes_of_class(i, 1) <= 1;
}

static void classes_and_boxes_select(void **state)
{
    (void)state;
    static const char *const names[] = {"roof", "pool"};
    expect_selected(&(struct vdt_filter){.classes = names, .class_count = 1}, has_roof);
    expect_selected(&(struct vdt_filter){.classes = names, .class_count = 2}, has_roof_or_pool);
    expect_selected(&(struct vdt_filter){.min_boxes = 1, .max_boxes = 2}, has_few_boxes);
    expect_selected(&(struct vdt_filter){.min_boxes = 2, .max_boxes = 2}, has_two_boxes);
    expect_selected(&(struct vdt_filter){.classes = names, .class_count = 1, .min_boxes = 3},
                    has_many_roofs);
    expect_selected(&(struct vdt_filter){.classes = names, .class_count = 1, .max_boxes = 1},
                    has_no_more_roofs);
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool is_mostly_valid(uint64_t i)
{
    return i % 11 >= 9; /* 0.9f itself is a little less than 0.9 */
}

static bool is_north(uint64_t i)
{
    return i % 3 < 2;
}

static bool is_valid_in_south(uint64_t i)
{
    return i % 11 == 10 && i % 3 == 2;
}

static void rows_select(void **state)
{
    (void)state;
    expect_selected(&(struct vdt_filter){.min_valid = 0.9}, is_mostly_valid);
    expect_selected(&(struct vdt_filter){.scene = "north/"}, is_north);
    expect_selected(&(struct vdt_filter){.scene = "south", .min_valid = 1}, is_valid_in_south);
}

static double query[4];

/* How far east of `from` one comes to `to`, 0..360. */
static double eastwards(double from, double to)
{
    return fmod(to - from + 720, 360);
}

static bool meets_query(uint64_t i)
{
    const double *b = bounds_of[i];
    bool all_around = query[2] - query[0] >= 360;
    return b[1] <= query[3] && query[1] <= b[3] && !isnan(b[0]) &&
           (all_around || eastwards(query[0], b[0]) <= eastwards(query[0], query[2]) ||
            eastwards(b[0], query[0]) <= eastwards(b[0], b[2]));
}

static void bounds_select_around_the_globe(void **state)
{
    (void)state;
    static const double queries[][4] = {
        {10, 0, 40, 30},       {170, -60, -170, 60},     {-180, -10, 180, 10},
        {179.5, -64, 180, 64}, {-180, -64, -179.75, 64}, {-0.125, -5, 0.125, 5},
        {170, -64, 190, 64},   {100, -64, -100, 64},     {33, -64, 33, 64}};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        memcpy(query, queries[i], sizeof query);
        expect_selected(&(struct vdt_filter){.bounds = query}, meets_query);
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static void no_condition_selects_all(void **state)
{
    (void)state;
    uint64_t *indices = NULL, count = 0;
    assert_int_equal(vdt_reader_select(reader, 0, NULL, &indices, &count, &error), VDT_OK);
    assert_int_equal(count, SAMPLES);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(indices[i], i);
    vdt_indices_free(indices);
    indices = NULL;
    const struct vdt_filter none = {.scene = "nowhere"};
    assert_int_equal(vdt_reader_select(reader, 0, &none, &indices, &count, &error), VDT_OK);
    assert_int_equal(count, 0);
    assert_non_null(indices);
    vdt_indices_free(indices);
    vdt_indices_free(NULL);
}

static void expect_refused(const struct vdt_reader *from, const struct vdt_filter *filter,
                           vdt_status wanted, const char *word)
{
    uint64_t *indices = NULL, count = 5;
    vdt_status status = vdt_reader_select(from, 0, filter, &indices, &count, &error);
    if (status != wanted || strstr(error.message, word) == NULL)
        fail_msg("%s, not \"%s\": %s", vdt_status_name(status), word, error.message);
    assert_true(indices == NULL && count == 5);
}

static void senseless_filters_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"roof", "tree"};
    const double upside_down[] = {0, 5, 10, -5}, nowhere[] = {NAN, 0, 1, 1};
    uint64_t *indices = NULL, count;
    expect_refused(reader, &(struct vdt_filter){.classes = names, .class_count = 2},
                   VDT_ERR_NOT_FOUND, "\"tree\"");
    expect_refused(reader, &(struct vdt_filter){.min_boxes = 3, .max_boxes = 2}, VDT_ERR_ARGUMENT,
                   "at least 3");
    expect_refused(reader, &(struct vdt_filter){.bounds = upside_down}, VDT_ERR_ARGUMENT, "west");
    expect_refused(reader, &(struct vdt_filter){.bounds = nowhere}, VDT_ERR_ARGUMENT, "west");
    assert_int_equal(vdt_reader_select(reader, 1, NULL, &indices, &count, &error),
                     VDT_ERR_ARGUMENT);
    struct vdt_store_spec spec = make_spec(VDT_UINT8, VDT_SEGMENTATION, VDT_CODEC_RAW);
    make_store(in_folder("masks.h5"), &spec, 3);
    struct vdt_reader *masks = read_store(in_folder("masks.h5"));
    expect_refused(masks, &(struct vdt_filter){.classes = names, .class_count = 1},
                   VDT_ERR_ARGUMENT, "tell the classes");
    expect_refused(masks, &(struct vdt_filter){.max_boxes = 1}, VDT_ERR_ARGUMENT, "no boxes");
    assert_int_equal(vdt_reader_most_boxes(masks, 0), 0);
    vdt_reader_free(masks);
    unlink(in_folder("masks.h5"));
}

/* One-hot vectors alone, and boxes alone, can tell classes too. */
static void either_kind_of_label_selects(void **state)
{
    (void)state;
    static const char *const names[] = {"pool"};
    const struct vdt_filter filter = {.classes = names, .class_count = 1};
    for (int task = VDT_CLASSIFICATION; task <= VDT_DETECTION; task++) {
        struct vdt_store_spec spec = make_spec(VDT_UINT8, (uint32_t)task, VDT_CODEC_RAW);
        uint64_t *indices = NULL, count = 0, at = 0;
        make_store(in_folder("one.h5"), &spec, 60);
        struct vdt_reader *one = read_store(in_folder("one.h5"));
        assert_int_equal(vdt_reader_select(one, 0, &filter, &indices, &count, &error), VDT_OK);
        for (uint64_t i = 0; i < 60; i++) {
            bool wanted = task == VDT_CLASSIFICATION ? i >> 3 & 1 : boxes_of_class(i, 8) > 0;
            assert_int_equal(wanted, at < count && indices[at] == i);
            at += wanted;
        }
        assert_true(count > 10);
        vdt_indices_free(indices);
        vdt_reader_free(one);
        unlink(in_folder("one.h5"));
    }
}

/* --- summaries -------------------------------------------------------------------------------- */

static void statistics_are_those_of_all_pixels(void **state)
{
    (void)state;
    static struct made m;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_band_stats stats[2];
    double sum[2] = {0}, squares[2] = {0}, count = SAMPLES * 35.0;
    assert_int_equal(vdt_reader_band_stats(reader, 0, stats, &error), VDT_OK);
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < SAMPLES; i++) {
            make_sample(&m, &spec, i);
            for (int k = 0; k < 70; k++) {
                double off = m.image[k] - sum[k / 35] / count;
                if (pass == 0)
                    sum[k / 35] += m.image[k];
                else
                    squares[k / 35] += off * off;
            }
        }
    for (int b = 0; b < 2; b++) {
        assert_int_equal(stats[b].count, SAMPLES * 35);
        assert_true(fabs(stats[b].mean - sum[b] / count) < 1e-9);
        assert_true(fabs(stats[b].m2 / squares[b] - 1) < 1e-9);
        assert_true(stats[b].min == 0 && stats[b].max == 255);
    }
    assert_int_equal(vdt_reader_band_stats(reader, 1, stats, &error), VDT_ERR_ARGUMENT);
}

/* Tiles without a valid pixel have statistics of no pixels: they change nothing. */
static void empty_tiles_have_no_weight(void **state)
{
    (void)state;
    static struct made m;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(in_folder("holes.h5"), &spec);
    const struct vdt_band_stats parts[4][2] = {
        {{0}}, {{10, 5, 40, 1, 9}, {0}}, {{0}}, {{30, 9, 60, 2, 20}, {5, 1, 0, 1, 1}}};
    for (uint64_t i = 0; i < 4; i++) {
        make_sample(&m, &spec, i);
        m.sample.stats = parts[i];
        assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_OK);
    }
    finish(writer);
    struct vdt_reader *holes = read_store(in_folder("holes.h5"));
    struct vdt_band_stats stats[2];
    assert_int_equal(vdt_reader_band_stats(holes, 0, stats, &error), VDT_OK);
    /* 10 of mean 5 and 30 of mean 9: mean 8, and 40 + 60 + 10 * 9 + 30 * 1 */
    assert_true(stats[0].count == 40 && stats[0].mean == 8 && stats[0].m2 == 220);
    assert_true(stats[0].min == 1 && stats[0].max == 20);
    assert_true(stats[1].count == 5 && stats[1].mean == 1 && stats[1].min == 1);
    vdt_reader_free(holes);
    unlink(in_folder("holes.h5"));
}

static void the_most_boxes_are_found(void **state)
{
    (void)state;
    assert_int_equal(vdt_reader_most_boxes(reader, 0), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_and_boxes_select),
        cmocka_unit_test(rows_select),
        cmocka_unit_test(bounds_select_around_the_globe),
        cmocka_unit_test(no_condition_selects_all),
        cmocka_unit_test(senseless_filters_are_refused),
        cmocka_unit_test(either_kind_of_label_selects),
        cmocka_unit_test(statistics_are_those_of_all_pixels),
        cmocka_unit_test(empty_tiles_have_no_weight),
        cmocka_unit_test(the_most_boxes_are_found),
    };
    (void)clean;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests_name("store/select", tests, open_varied, close_varied);
}

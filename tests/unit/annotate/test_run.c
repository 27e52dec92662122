/* Runs: what goes in comes out, sorted; what is there again is known; nothing changes once it is
 * committed. */
#include "../store/stores.h"

#include <sys/wait.h>
#include <vedatile/annotations.h>
#include <vedatile/run.h>

static const char *const classes[] = {"car", "bus", "tree"};

static struct vdt_run *make_run(const char *name, bool any_class)
{
    struct vdt_run *run = NULL;
    struct vdt_run_options options = {.path = in_folder(name),
                                      .model = "net",
                                      .model_reference = "v1",
                                      .metadata = "{\"seed\":7}",
                                      .classes = classes,
                                      .class_count = 3,
                                      .any_class = any_class};
    if (vdt_run_create(&options, &run, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return run;
}

static struct vdt_run *resume(const char *name)
{
    struct vdt_run *run = NULL;
    struct vdt_run_options options = {.path = in_folder(name)};
    if (vdt_run_resume(&options, &run, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return run;
}

static uint32_t sample_of(struct vdt_run *run, const char *reference)
{
    uint32_t sample;
    if (vdt_run_sample(run, reference, 0, 0, &sample, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return sample;
}

static struct vdt_annotation box_of(uint32_t sample, const char *id, const struct vdt_label *label)
{
    return (struct vdt_annotation){.sample = sample,
                                   .id = id,
                                   .kind = VDT_ANNOTATION_BOX,
                                   .box = {1, 2, 3, 4},
                                   .labels = label,
                                   .label_count = 1};
}

static struct vdt_run_reader *commit_and_open(struct vdt_run *run, const char *name)
{
    struct vdt_run_reader *reader = NULL;
    if (vdt_run_commit(run, NULL, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_run_free(run);
    if (vdt_run_open(NULL, in_folder(name), &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return reader;
}

static void expect_counts(struct vdt_run_counts counts, uint64_t added, uint64_t updated,
                          uint64_t ignored)
{
    assert_int_equal(counts.added, added);
    assert_int_equal(counts.updated, updated);
    assert_int_equal(counts.ignored, ignored);
}

/* 4000 boxes of 30 samples and 3 classes, with equal scores, against a slow sort. */
enum { BOXES = 4000, SAMPLES = 30 };
static uint32_t box_sample[BOXES], box_class[BOXES];
static double boxes[BOXES][4], scores[BOXES];

static int slow_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    if (box_class[x] != box_class[y])
        return box_class[x] < box_class[y] ? -1 : 1;
    if (box_sample[x] != box_sample[y])
        return box_sample[x] < box_sample[y] ? -1 : 1;
    if (scores[x] != scores[y])
        return scores[x] > scores[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void add_columns(struct vdt_run *run, uint32_t first, uint32_t count)
{
    struct vdt_run_boxes columns = {count, box_sample + first, box_class + first,
                                    (const double(*)[4])(boxes + first), scores + first};
    struct vdt_run_counts counts;
    if (vdt_run_add_boxes(run, &columns, VDT_RUN_APPEND, &counts, &error) != VDT_OK)
        fail_msg("%s", error.message);
    expect_counts(counts, count, 0, 0);
}

static void columns_are_sorted(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("sorted.h5", false);
    uint32_t order[BOXES];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        char reference[32];
        snprintf(reference, sizeof reference, "image %u", i);
        assert_int_equal(sample_of(run, reference), i);
    }
    for (uint32_t i = 0; i < BOXES; i++) {
        uint64_t r = vdt_mix(i);
        order[i] = i;
        box_sample[i] = (uint32_t)(r % (SAMPLES - 1)); /* the last has none */
        box_class[i] = (uint32_t)(r >> 8) % 3;
        scores[i] = (double)(r >> 16 & 15) / 16;
        for (int k = 0; k < 4; k++)
            boxes[i][k] = vdt_unit(vdt_mix2(r, (uint64_t)k)) * 100;
    }
    add_columns(run, 0, 1000);
    vdt_run_free(run);
    run = resume("sorted.h5");
    add_columns(run, 1000, BOXES - 1000);
    struct vdt_run_reader *reader = commit_and_open(run, "sorted.h5");
    struct vdt_annotations *set = vdt_run_annotations(reader);
    assert_int_equal(vdt_annotations_count(set), BOXES);
    qsort(order, BOXES, sizeof *order, slow_order);
    for (uint32_t i = 0; i < BOXES; i++) {
        struct vdt_annotation found;
        struct vdt_label labels[2];
        size_t room = 2;
        assert_int_equal(vdt_annotations_get(set, i, &found, labels, &room, &error), VDT_OK);
        assert_int_equal(found.sample, box_sample[order[i]]);
        assert_int_equal(found.kind, VDT_ANNOTATION_BOX);
        assert_memory_equal(found.box, boxes[order[i]], sizeof found.box);
        assert_int_equal(room, 1);
        assert_string_equal(labels[0].value, classes[box_class[order[i]]]);
        assert_true(labels[0].score == scores[order[i]]);
    }
    const struct vdt_run_info *info = vdt_run_reader_info(reader);
    assert_true(info->committed);
    assert_int_equal(info->samples, SAMPLES);
    assert_int_equal(info->predicted, SAMPLES - 1);
    assert_int_equal(info->annotations, BOXES);
    assert_string_equal(info->model, "net");
    assert_string_equal(info->metadata, "{\"seed\":7}");
    assert_int_equal(strlen(info->content_sha256), 64);
    vdt_run_reader_free(reader);
}

static void again_is_known(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("again.h5", false);
    struct vdt_run_counts counts;
    struct vdt_label car = {NULL, "car", 0.5}, bus = {"class", "bus", 0.25};
    uint32_t a = sample_of(run, "a"), b = sample_of(run, "b");
    struct vdt_annotation with_ids[] = {box_of(a, "1", &car), box_of(b, "1", &car),
                                        box_of(a, "2", &bus)};
    assert_int_equal(vdt_run_add(run, with_ids, 3, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 3, 0, 0);
    with_ids[0].labels = &bus;
    assert_int_equal(vdt_run_add(run, with_ids, 3, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 0, 3);
    struct vdt_annotation without[] = {box_of(a, NULL, &car), box_of(a, NULL, &car)};
    assert_int_equal(vdt_run_add(run, without, 2, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 2, 0, 0);
    assert_int_equal(vdt_run_add(run, without, 2, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 0, 2);
    assert_int_equal(vdt_run_add(run, without, 1, VDT_RUN_ADD, &counts, &error), VDT_ERR_EXISTS);
    assert_non_null(strstr(error.message, "sample a"));
    assert_int_equal(vdt_run_add(run, without, 1, VDT_RUN_APPEND, &counts, &error), VDT_OK);
    assert_int_equal(vdt_run_add(run, with_ids, 1, VDT_RUN_UPDATE, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 1, 0);
    vdt_run_free(run);
    run = resume("again.h5");
    assert_int_equal(vdt_run_add(run, with_ids, 3, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 0, 3);
    struct vdt_run_info info;
    vdt_run_get_info(run, &info);
    assert_int_equal(info.annotations, 6);
    assert_int_equal(vdt_run_add(run, without, 1, VDT_RUN_UPDATE, &counts, &error), VDT_OK);
    vdt_run_get_info(run, &info);
    assert_int_equal(info.annotations, 4);
    assert_int_equal(vdt_run_drop(run, a, "2", &error), VDT_OK);
    assert_int_equal(vdt_run_drop(run, a, "2", &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_run_drop(run, b, NULL, &error), VDT_OK);
    assert_false(vdt_run_predicted(run, b));
    struct vdt_run_reader *reader = commit_and_open(run, "again.h5");
    struct vdt_annotations *set = vdt_run_annotations(reader);
    assert_int_equal(vdt_annotations_count(set), 2);
    uint64_t row;
    assert_int_equal(vdt_annotations_find(set, a, "1", &row, &error), VDT_OK);
    assert_int_equal(row, 1); /* a bus, behind the car */
    assert_int_equal(vdt_run_reader_info(reader)->predicted, 1);
    vdt_run_reader_free(reader);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("kinds.h5", false);
    uint32_t s = sample_of(run, "s");
    static const double points[][2] = {{0, 0}, {9, 0},   {9, 9},   {2, 2},  {3, 2},
                                       {3, 3}, {20, 20}, {30, 20}, {30, 31}};
    static const uint64_t rings[] = {0, 3, 6, 9}, parts[] = {0, 2, 3};
    static const uint64_t line_rings[] = {0, 4}, one[] = {0, 1}, point_rings[] = {8, 9};
    static const uint32_t counts[] = {5, 3, 12};
    struct vdt_label labels[] = {
        {"class", "car", 0.75}, {"colour", "red", 0.5}, {"colour", "blue", 0.25}};
    struct vdt_annotation all[] = {
        {.sample = s, .kind = VDT_ANNOTATION_LABEL, .labels = labels, .label_count = 3},
        {.sample = s,
         .kind = VDT_ANNOTATION_ROTATED,
         .rotated = {5, 5, 4, 2, 0.5},
         .labels = labels,
         .label_count = 1,
         .metadata = "{\"a\":1}"},
        {.sample = s,
         .kind = VDT_ANNOTATION_POLYGON,
         .points = points,
         .ring_offsets = rings,
         .part_offsets = parts,
         .part_count = 2,
         .labels = labels,
         .label_count = 2,
         .area = 12.5,
         .area_given = true},
        {.sample = s,
         .kind = VDT_ANNOTATION_MASK,
         .counts = counts,
         .count_count = 3,
         .rows = 4,
         .cols = 5,
         .labels = labels,
         .label_count = 1},
        {.sample = s,
         .kind = VDT_ANNOTATION_LINE,
         .points = points,
         .ring_offsets = line_rings,
         .part_offsets = one,
         .part_count = 1,
         .labels = labels,
         .label_count = 1},
        {.sample = s,
         .kind = VDT_ANNOTATION_POINT,
         .points = points,
         .ring_offsets = point_rings,
         .part_offsets = one,
         .part_count = 1,
         .labels = labels,
         .label_count = 1},
    };
    enum { KINDS = sizeof all / sizeof *all };
    struct vdt_run_counts done;
    if (vdt_run_add(run, all, KINDS, VDT_RUN_ADD, &done, &error) != VDT_OK)
        fail_msg("%s", error.message);
    expect_counts(done, KINDS, 0, 0);
    struct vdt_annotations *looked = NULL;
    if (vdt_run_look(run, s, &looked, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vdt_annotations_count(looked), KINDS);
    vdt_annotations_free(looked);
    struct vdt_run_reader *reader = commit_and_open(run, "kinds.h5");
    struct vdt_annotations *set = vdt_run_annotations(reader);
    assert_int_equal(vdt_annotations_count(set), KINDS);
    for (uint64_t i = 0; i < KINDS; i++) {
        struct vdt_annotation a;
        struct vdt_label found[4];
        size_t room = 4;
        assert_int_equal(vdt_annotations_get(set, i, &a, found, &room, &error), VDT_OK);
        assert_int_equal(a.kind, all[i].kind);
        assert_int_equal(room, all[i].label_count);
        for (size_t k = 0; k < room; k++) {
            assert_string_equal(found[k].key, labels[k].key);
            assert_string_equal(found[k].value, labels[k].value);
            assert_true(found[k].score == labels[k].score);
        }
        if (a.kind == VDT_ANNOTATION_ROTATED) {
            assert_memory_equal(a.rotated, all[i].rotated, sizeof a.rotated);
            assert_string_equal(a.metadata, "{\"a\":1}");
        }
        if (a.kind == VDT_ANNOTATION_POLYGON) {
            assert_int_equal(a.part_count, 2);
            assert_memory_equal(a.points[a.ring_offsets[a.part_offsets[0]]], points, sizeof points);
            assert_true(a.area == 12.5);
            assert_true(a.box[0] == 0 && a.box[1] == 0 && a.box[2] == 30 && a.box[3] == 31);
        }
        if (a.kind == VDT_ANNOTATION_MASK) {
            assert_int_equal(a.count_count, 3);
            assert_memory_equal(a.counts, counts, sizeof counts);
            assert_true(a.box[0] == 1 && a.box[1] == 1 && a.box[2] == 1 && a.box[3] == 3);
        }
        if (a.kind == VDT_ANNOTATION_POINT)
            assert_true(a.box[0] == 30 && a.box[1] == 31);
    }
    vdt_run_reader_free(reader);
}

static void rasters_and_scores(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("rasters.h5", false);
    struct vdt_run_counts counts;
    uint8_t pixels[12], read[12];
    uint16_t wide[12];
    uint32_t a = sample_of(run, "a"), b = sample_of(run, "b"), c = sample_of(run, "c");
    for (uint8_t i = 0; i < 12; i++) {
        pixels[i] = i == 11 ? 255 : i % 4;
        wide[i] = i == 11 ? 65535 : i % 4;
    }
    assert_int_equal(
        vdt_run_add_raster(run, a, VDT_UINT8, pixels, 3, 4, VDT_RUN_ADD, &counts, &error), VDT_OK);
    assert_int_equal(
        vdt_run_add_raster(run, a, VDT_UINT8, pixels, 3, 4, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 0, 1);
    assert_int_equal(
        vdt_run_add_raster(run, a, VDT_UINT8, pixels, 4, 3, VDT_RUN_ADD, &counts, &error),
        VDT_ERR_EXISTS);
    assert_int_equal(
        vdt_run_add_raster(run, a, VDT_UINT8, pixels, 4, 3, VDT_RUN_UPDATE, &counts, &error),
        VDT_OK);
    assert_int_equal(
        vdt_run_add_raster(run, b, VDT_UINT16, wide, 3, 4, VDT_RUN_ADD, &counts, &error), VDT_OK);
    pixels[0] = 4;
    assert_int_equal(
        vdt_run_add_raster(run, c, VDT_UINT8, pixels, 3, 4, VDT_RUN_ADD, &counts, &error),
        VDT_ERR_ARGUMENT);
    pixels[0] = 0;
    const double values[3] = {0.2, 0.5, 0.3};
    assert_int_equal(vdt_run_add_scores(run, c, values, 2, VDT_RUN_ADD, &counts, &error),
                     VDT_ERR_MISMATCH);
    assert_int_equal(vdt_run_add_scores(run, c, values, 3, VDT_RUN_ADD, &counts, &error), VDT_OK);
    assert_int_equal(vdt_run_add_scores(run, c, values, 3, VDT_RUN_ADD, &counts, &error), VDT_OK);
    expect_counts(counts, 0, 0, 1);
    struct vdt_run_reader *reader = commit_and_open(run, "rasters.h5");
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    assert_int_equal(vdt_run_raster_shape(reader, a, &dtype, &rows, &cols, &error), VDT_OK);
    assert_true(dtype == VDT_UINT8 && rows == 4 && cols == 3);
    assert_int_equal(vdt_run_raster(reader, a, read, &error), VDT_OK);
    assert_memory_equal(read, pixels, sizeof read);
    uint16_t wide_read[12];
    assert_int_equal(vdt_run_raster(reader, b, wide_read, &error), VDT_OK);
    assert_memory_equal(wide_read, wide, sizeof wide);
    assert_int_equal(vdt_run_raster(reader, c, read, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_run_reader_info(reader)->rasters, 2);
    assert_int_equal(vdt_run_reader_class_count(reader), 3);
    assert_string_equal(vdt_run_reader_class_name(reader, 2), "tree");
    struct vdt_annotation found;
    struct vdt_label labels[3];
    size_t room = 3;
    assert_int_equal(
        vdt_annotations_get(vdt_run_annotations(reader), 0, &found, labels, &room, &error), VDT_OK);
    assert_int_equal(room, 3);
    assert_true(labels[1].score == 0.5);
    vdt_run_reader_free(reader);
}

static void bad_input_is_named(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("bad.h5", false);
    uint32_t s = sample_of(run, "tile-7");
    struct vdt_label label = {NULL, "car", NAN};
    struct vdt_annotation one = box_of(s, "x1", &label);
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "tile-7"));
    assert_non_null(strstr(error.message, "x1"));
    assert_non_null(strstr(error.message, "score"));
    label = (struct vdt_label){NULL, "lorry", 0.5};
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "car, bus, tree"));
    label.value = "car";
    one.box[2] = -1;
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    one.box[2] = NAN;
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    one.box[2] = 1;
    one.label_count = 0;
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    one.label_count = 1;
    one.sample = 5;
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_ERR_NOT_FOUND);
    one.sample = s;
    struct vdt_annotation two[] = {one, one};
    assert_int_equal(vdt_run_add(run, two, 2, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "twice"));
    assert_false(vdt_run_predicted(run, s)); /* none of it was taken */
    uint32_t class_id = 9;
    double box[1][4] = {{0, 0, 1, 1}}, score = NAN;
    struct vdt_run_boxes columns = {1, &s, &class_id, (const double(*)[4])box, &score};
    assert_int_equal(vdt_run_add_boxes(run, &columns, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    class_id = 0;
    assert_int_equal(vdt_run_add_boxes(run, &columns, VDT_RUN_ADD, NULL, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "score"));
    vdt_run_free(run);
    run = make_run("any.h5", true);
    s = sample_of(run, "s");
    one.sample = s;
    label.value = "lorry";
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
    assert_int_equal(vdt_run_class_count(run), 4);
    vdt_run_free(run);
    run = resume("any.h5");
    assert_string_equal(vdt_run_class_name(run, 3), "lorry");
    vdt_run_free(run);
}

static void commit_freezes(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("frozen.h5", false);
    uint32_t s = sample_of(run, "s");
    struct vdt_label label = {NULL, "car", 0.5};
    struct vdt_annotation one = box_of(s, "1", &label);
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
    struct vdt_run *other = NULL;
    struct vdt_run_options options = {.path = in_folder("frozen.h5")};
    assert_int_equal(vdt_run_resume(&options, &other, &error), VDT_ERR_BUSY);
    assert_int_equal(vdt_run_create(&options, &other, &error), VDT_ERR_BUSY);
    struct vdt_run_reader *reader = NULL;
    assert_int_equal(vdt_run_open(NULL, options.path, &reader, &error), VDT_ERR_BUSY);
    assert_int_equal(vdt_run_commit(run, NULL, NULL, &error), VDT_OK);
    size_t size, again_size;
    unsigned char *before = read_file(in_folder("frozen.h5"), &size);
    double box[1][4] = {{0, 0, 1, 1}}, score = 0.5;
    uint32_t class_id = 0, found;
    uint8_t pixel = 0;
    struct vdt_run_boxes columns = {1, &s, &class_id, (const double(*)[4])box, &score};
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_UPDATE, NULL, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_add_boxes(run, &columns, VDT_RUN_ADD, NULL, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_add_raster(run, s, VDT_UINT8, &pixel, 1, 1, VDT_RUN_ADD, NULL, &error),
                     VDT_ERR_DENIED);
    assert_int_equal(vdt_run_add_scores(run, s, scores, 3, VDT_RUN_ADD, NULL, &error),
                     VDT_ERR_DENIED);
    assert_int_equal(vdt_run_mark(run, s, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_drop(run, s, "1", &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_drop(run, s, NULL, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_sample(run, "new", 0, 0, &found, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_end(run, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_commit(run, NULL, NULL, &error), VDT_ERR_DENIED);
    assert_non_null(strstr(error.message, "committed"));
    vdt_run_free(run);
    assert_int_equal(vdt_run_resume(&options, &other, &error), VDT_ERR_DENIED);
    assert_int_equal(vdt_run_create(&options, &other, &error), VDT_ERR_EXISTS);
    assert_false(exists(in_folder("frozen.open")));
    unsigned char *after = read_file(in_folder("frozen.h5"), &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
    assert_int_equal(vdt_run_remove(NULL, in_folder("frozen.h5"), &error), VDT_OK);
    assert_int_equal(vdt_run_remove(NULL, in_folder("frozen.h5"), &error), VDT_ERR_NOT_FOUND);
}

/* A change by plain HDF5, of each column and of a text, is found. */
static void change_by_others_is_found(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("changed.h5", false);
    uint32_t s = sample_of(run, "s");
    struct vdt_label label = {NULL, "car", 0.5};
    struct vdt_annotation one = box_of(s, "1", &label);
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
    vdt_run_reader_free(commit_and_open(run, "changed.h5"));
    copy_file(in_folder("changed.h5"), in_folder("copy.h5"));
    hid_t file = H5Fopen(in_folder("copy.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t column = H5Dopen2(file, "/annotations/score", H5P_DEFAULT);
    double higher = 0.75;
    assert_true(H5Dwrite(column, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &higher) >= 0);
    H5Dclose(column);
    H5Fclose(file);
    struct vdt_run_reader *reader = NULL;
    assert_int_equal(vdt_run_open(NULL, in_folder("copy.h5"), &reader, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "copy.h5"));
    copy_file(in_folder("changed.h5"), in_folder("copy.h5"));
    file = H5Fopen(in_folder("copy.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Adelete(file, "run") >= 0);
    H5Fclose(file);
    assert_int_equal(vdt_run_open(NULL, in_folder("copy.h5"), &reader, &error), VDT_ERR_FORMAT);
}

/* A log cut anywhere holds the whole batches before the cut. */
static void torn_tail_is_dropped(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("torn.h5", false);
    size_t ends[9];
    for (int i = 0; i < 8; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "s%d", i);
        uint32_t s = sample_of(run, reference);
        ends[i] = size_of(in_folder("torn.open"));
        struct vdt_label label = {NULL, "car", 0.5};
        struct vdt_annotation one = box_of(s, NULL, &label);
        assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
    }
    vdt_run_free(run);
    ends[8] = size_of(in_folder("torn.open"));
    size_t size;
    unsigned char *log = read_file(in_folder("torn.open"), &size);
    for (size_t cut = ends[0]; cut <= size; cut += 13) {
        write_file(in_folder("cut.open"), log, cut);
        run = resume("cut.h5");
        struct vdt_run_info info;
        vdt_run_get_info(run, &info);
        uint64_t whole = 0;
        while (whole < 8 && ends[whole + 1] <= cut)
            whole++;
        assert_int_equal(info.annotations, whole);
        assert_int_equal(size_of(in_folder("cut.open")), ends[whole]);
        vdt_run_free(run);
    }
    /* A flipped bit ends the log before its batch; nothing is made up. */
    for (size_t at = ends[0]; at < size; at += 7) {
        log[at] ^= 16;
        write_file(in_folder("cut.open"), log, size);
        log[at] ^= 16;
        run = resume("cut.h5");
        struct vdt_run_info info;
        vdt_run_get_info(run, &info);
        assert_true(info.annotations < 8);
        vdt_run_free(run);
    }
    free(log);
}

/* A batch that was not ended is not there. */
static void batches_are_whole(void **state)
{
    (void)state;
    struct vdt_run *run = make_run("batch.h5", false);
    struct vdt_label label = {NULL, "car", 0.5};
    for (int round = 0; round < 2; round++) {
        vdt_run_begin(run);
        for (int i = 0; i < 5; i++) {
            char reference[16];
            snprintf(reference, sizeof reference, "s%d-%d", round, i);
            struct vdt_annotation one = box_of(sample_of(run, reference), "1", &label);
            assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
        }
        if (round == 0)
            assert_int_equal(vdt_run_end(run, &error), VDT_OK);
    }
    vdt_run_free(run);
    run = resume("batch.h5");
    struct vdt_run_info info;
    vdt_run_get_info(run, &info);
    assert_int_equal(info.annotations, 5);
    vdt_run_free(run);
}

/* Runs of a store, listed and removed. */
struct listed {
    char text[256];
};

static bool note(const struct vdt_run_info *info, const char *problem, void *payload)
{
    struct listed *listed = payload;
    size_t used = strlen(listed->text);
    snprintf(listed->text + used, sizeof listed->text - used, "%s:%s:%d:%d;", info->name,
             problem != NULL   ? "bad"
             : info->committed ? "committed"
                               : "open",
             (int)info->predicted, (int)info->annotations);
    return true;
}

static void runs_of_a_store(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, VDT_DETECTION, VDT_CODEC_RAW);
    const char *store = in_folder("s.h5");
    make_store(store, &spec, 6);
    struct vdt_run_options options = {.store = store, .name = "one"};
    struct vdt_run *run = NULL, *open_run = NULL;
    if (vdt_run_create(&options, &run, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vdt_run_sample_count(run), 6);
    assert_int_equal(vdt_run_class_count(run), 4);
    uint32_t s;
    assert_int_equal(vdt_run_sample(run, "key-4", 0, 0, &s, &error), VDT_OK);
    assert_int_equal(s, 4);
    assert_int_equal(vdt_run_sample(run, "key-9", 0, 0, &s, &error), VDT_ERR_NOT_FOUND);
    struct vdt_label label = {NULL, "pool", 0.5};
    struct vdt_annotation one = box_of(4, NULL, &label);
    assert_int_equal(vdt_run_add(run, &one, 1, VDT_RUN_ADD, NULL, &error), VDT_OK);
    assert_int_equal(vdt_run_mark(run, 0, &error), VDT_OK);
    options.name = "two";
    assert_int_equal(vdt_run_create(&options, &open_run, &error), VDT_OK);
    assert_int_equal(vdt_run_commit(run, NULL, NULL, &error), VDT_OK);
    vdt_run_free(run);
    struct listed listed = {""};
    assert_int_equal(vdt_run_list(store, note, &listed, &error), VDT_OK);
    assert_string_equal(listed.text, "one:committed:2:1;two:open:0:0;");
    struct vdt_run_reader *reader = NULL;
    if (vdt_run_open(store, "one", &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    struct vdt_writer *writer = open_store(store);
    append_to(writer, "train", &spec, 6, 3);
    finish(writer);
    struct vdt_reader *samples = read_store(store);
    uint64_t vanished, gained;
    assert_int_equal(vdt_run_compare_store(reader, samples, &vanished, &gained, &error), VDT_OK);
    assert_int_equal(vanished, 0);
    assert_int_equal(gained, 3);
    vdt_reader_free(samples);
    vdt_run_reader_free(reader);
    assert_int_equal(vdt_run_remove(store, "two", &error), VDT_ERR_BUSY);
    vdt_run_free(open_run);
    assert_int_equal(vdt_run_remove(store, "two", &error), VDT_OK);
    assert_int_equal(vdt_run_remove(store, "one", &error), VDT_OK);
    assert_int_equal(rmdir(in_folder("s.h5.runs")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_sorted, clean, close_all),
        cmocka_unit_test_setup_teardown(again_is_known, clean, close_all),
        cmocka_unit_test_setup_teardown(every_kind_comes_back, clean, close_all),
        cmocka_unit_test_setup_teardown(rasters_and_scores, clean, close_all),
        cmocka_unit_test_setup_teardown(bad_input_is_named, clean, close_all),
        cmocka_unit_test_setup_teardown(commit_freezes, clean, close_all),
        cmocka_unit_test_setup_teardown(change_by_others_is_found, clean, close_all),
        cmocka_unit_test_setup_teardown(torn_tail_is_dropped, clean, close_all),
        cmocka_unit_test_setup_teardown(batches_are_whole, clean, close_all),
        cmocka_unit_test_setup_teardown(runs_of_a_store, clean, close_all),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#include "../store/stores.h"

#include <sys/wait.h>
#include <time.h>
#include <vedatile/annotations.h>
#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "annotate/records/check.h"

static struct vdt_annotations_report report;

/* --- helpers --------------------------------------------------------------------------------- */

static struct vdt_annotations *open_set(const char *store, const char *path, bool write)
{
    struct vdt_annotations *set = NULL;
    const struct vdt_annotations_options options = {.store = store, .path = path, .write = write};
    if (vdt_annotations_open(&options, &set, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return set;
}

static uint32_t sample_of(struct vdt_annotations *set, const char *reference)
{
    uint32_t index;
    if (vdt_annotations_find_sample(set, reference, &index, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return index;
}

static uint32_t add_sample(struct vdt_annotations *set, const char *reference)
{
    uint32_t index;
    if (vdt_annotations_add_sample(set, reference, 100, 200, NULL, false, &index, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return index;
}

static void add_json(struct vdt_annotations *set, const char *text)
{
    if (vdt_annotations_add_json(set, text, strlen(text), "test", NULL, &report, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static void expect_json(struct vdt_annotations *set, uint32_t sample, const char *id,
                        const char *wanted)
{
    uint64_t row;
    char *json = NULL;
    if (vdt_annotations_find(set, sample, id, &row, &error) != VDT_OK ||
        vdt_annotations_json(set, row, &json, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_string_equal(json, wanted);
    vdt_string_free(json);
}

/* One line of each kind. */
static const char kinds[] =
    "{\"sample\":\"a\",\"id\":\"box\",\"box\":[1.5,2,30,40.25],\"labels\":{\"class\":\"car\"}}\n"
    "{\"sample\":\"a\",\"id\":\"rotated\",\"rotated\":[50,50,20,10,0.5],\"labels\":{\"class\":"
    "{\"bus\":0.25,\"car\":0.75},\"colour\":\"red\"},\"flags\":[\"crowd\",\"difficult\"]}\n"
    "{\"sample\":\"a\",\"id\":\"polygon\",\"type\":\"polygon\",\"coordinates\":[[[[0,0],[10,0],[10,"
    "10],[0,10],[0,0]],[[2,2],[4,2],[4,4],[2,4]]],[[[20,20],[30,20],[30,30]]]],\"area\":7}\n"
    "{\"sample\":\"a\",\"id\":\"line\",\"type\":\"line\",\"coordinates\":[[0,0],[5,5],[9,5]]}\n"
    "{\"sample\":\"a\",\"id\":\"points\",\"type\":\"point\",\"coordinates\":[[1,2],[3,4]]}\n"
    "{\"sample\":\"b\",\"id\":\"mask\",\"mask\":{\"size\":[3,4],\"counts\":[2,3,7]},\"metadata\":{"
    "\"x\":[1,2.5]}}\n"
    "{\"sample\":\"b\",\"id\":\"label\",\"labels\":{\"class\":\"town\"},\"score\":0.5}\n"
    "{\"sample\":\"c\"}\n"
    "{\"sample\":\"d\",\"rows\":5,\"cols\":6,\"metadata\":{\"frame\":3},\"annotated\":false}\n";

static void expect_kinds(struct vdt_annotations *set)
{
    uint32_t a = sample_of(set, "a"), b = sample_of(set, "b");
    assert_int_equal(vdt_annotations_count(set), 7);
    assert_int_equal(vdt_annotations_sample_count(set), 4);
    expect_json(set, a, "box",
                "{\"box\":[1.5,2.0,30.0,40.25],\"id\":\"box\",\"labels\":{\"class\":\"car\"},"
                "\"number\":0,\"sample\":\"a\",\"type\":\"box\"}");
    expect_json(
        set, a, "rotated",
        "{\"flags\":[\"crowd\",\"difficult\"],\"id\":\"rotated\",\"labels\":{\"class\":{"
        "\"bus\":0.25,\"car\":0.75},\"colour\":\"red\"},\"number\":1,\"rotated\":[50.0,50.0,"
        "20.0,10.0,0.5],\"sample\":\"a\",\"type\":\"rotated\"}");
    expect_json(set, a, "polygon",
                "{\"area\":7.0,\"coordinates\":[[[[0.0,0.0],[10.0,0.0],[10.0,10.0],[0.0,10.0],[0.0,"
                "0.0]],[[2.0,2.0],[4.0,2.0],[4.0,4.0],[2.0,4.0],[2.0,2.0]]],[[[20.0,20.0],[30.0,"
                "20.0],[30.0,30.0],[20.0,20.0]]]],\"id\":\"polygon\",\"number\":2,\"sample\":\"a\","
                "\"type\":\"polygon\"}");
    expect_json(set, a, "line",
                "{\"coordinates\":[[0.0,0.0],[5.0,5.0],[9.0,5.0]],\"id\":\"line\",\"number\":3,"
                "\"sample\":\"a\",\"type\":\"line\"}");
    expect_json(set, a, "points",
                "{\"coordinates\":[[1.0,2.0],[3.0,4.0]],\"id\":\"points\",\"number\":4,\"sample\":"
                "\"a\",\"type\":\"point\"}");
    expect_json(set, b, "mask",
                "{\"id\":\"mask\",\"mask\":{\"counts\":\"237\",\"size\":[3,4]},\"metadata\":{\"x\":"
                "[1,2.5]},\"number\":5,\"sample\":\"b\",\"type\":\"mask\"}");
    expect_json(set, b, "label",
                "{\"id\":\"label\",\"labels\":{\"class\":\"town\"},\"number\":6,\"sample\":\"b\","
                "\"score\":0.5,\"type\":\"label\"}");
    struct vdt_annotated_sample sample;
    assert_int_equal(vdt_annotations_sample(set, sample_of(set, "c"), &sample, &error), VDT_OK);
    assert_true(sample.annotated);
    assert_int_equal(sample.annotations, 0);
    assert_int_equal(vdt_annotations_sample(set, sample_of(set, "d"), &sample, &error), VDT_OK);
    assert_false(sample.annotated);
    assert_int_equal(sample.rows, 5);
    assert_int_equal(sample.cols, 6);
    assert_string_equal(sample.metadata, "{\"frame\":3}");
}

/* --- what is put in comes out ----------------------------------------------------------------- */

static void every_kind_comes_back(void **state)
{
    (void)state;
    const char *path = in_folder("set.h5");
    char digest[65];
    struct vdt_annotations *set = open_set(NULL, path, true);
    add_json(set, kinds);
    assert_int_equal(report.added, 7);
    assert_int_equal(report.samples, 4);
    assert_int_equal(report.marked, 3);
    expect_kinds(set);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    strcpy(digest, vdt_annotations_digest(set));
    vdt_annotations_free(set);
    assert_int_equal(files_in_folder(false), 1);
    set = open_set(NULL, path, true);
    assert_string_equal(vdt_annotations_digest(set), digest);
    expect_kinds(set);
    add_json(set, kinds); /* again: nothing new */
    assert_int_equal(report.added, 0);
    assert_int_equal(report.ignored, 7);
    assert_int_equal(report.marked, 0);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    assert_string_equal(vdt_annotations_digest(set), digest);
    vdt_annotations_free(set);
}

static void updates_replace(void **state)
{
    (void)state;
    const char *path = in_folder("set.h5");
    const struct vdt_annotations_change change = {.update = true};
    const char *text = "{\"sample\":\"a\",\"id\":\"line\",\"box\":[0,0,5,5]}";
    struct vdt_annotations *set = open_set(NULL, path, true);
    uint64_t row;
    add_json(set, kinds);
    assert_int_equal(
        vdt_annotations_add_json(set, text, strlen(text), "test", &change, &report, &error),
        VDT_OK);
    assert_int_equal(report.updated, 1);
    assert_int_equal(vdt_annotations_count(set), 7);
    const char *wanted = "{\"box\":[0.0,0.0,5.0,5.0],\"id\":\"line\",\"number\":3,\"sample\":\"a\","
                         "\"type\":\"box\"}";
    expect_json(set, sample_of(set, "a"), "line", wanted);
    assert_int_equal(vdt_annotations_remove(set, sample_of(set, "b"), "mask", &error), VDT_OK);
    assert_int_equal(vdt_annotations_remove(set, sample_of(set, "b"), "mask", &error),
                     VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_annotations_find_number(set, 5, &row, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    vdt_annotations_free(set);
    set = open_set(NULL, path, true);
    expect_json(set, sample_of(set, "a"), "line", wanted);
    assert_int_equal(vdt_annotations_count(set), 6);
    add_json(set, "{\"sample\":\"b\",\"labels\":{\"class\":\"x\"},\"type\":\"label\"}");
    /* Numbers are not used again. */
    assert_int_equal(vdt_annotations_find_number(set, 7, &row, &error), VDT_OK);
    assert_int_equal(vdt_annotations_find(set, sample_of(set, "b"), "#7", &row, &error), VDT_OK);
    assert_int_equal(vdt_annotations_clear(set, sample_of(set, "a"), &error), VDT_OK);
    assert_int_equal(vdt_annotations_count(set), 2);
    vdt_annotations_free(set);
}

static void columns_of_boxes(void **state)
{
    (void)state;
    struct vdt_annotations *set = open_set(NULL, NULL, false);
    struct vdt_annotation_columns *columns = NULL;
    add_json(set, kinds);
    assert_int_equal(vdt_annotations_columns(set, NULL, &columns, &error), VDT_ERR_ARGUMENT);
    const struct vdt_annotation_columns_options options = {.scores = true};
    assert_int_equal(vdt_annotations_columns(set, &options, &columns, &error), VDT_OK);
    const struct vdt_objects *objects = vdt_annotation_columns_objects(columns);
    assert_int_equal(objects->count, 3); /* box, and rotated twice */
    assert_int_equal(vdt_annotation_columns_image_count(columns), 4);
    assert_string_equal(vdt_annotation_columns_category(columns, objects->category[1]), "bus");
    assert_true(objects->score[0] == 1 && objects->score[1] == 0.25 && objects->score[2] == 0.75);
    vdt_annotation_columns_free(columns);
    vdt_annotations_free(set);
}

/* --- what cannot be --------------------------------------------------------------------------- */

static void expect_wrong(const char *text, const char *word)
{
    struct vdt_annotations *set = open_set(NULL, NULL, false);
    add_sample(set, "s");
    char lines[2048];
    snprintf(lines, sizeof lines, "{\"sample\":\"s\",\"id\":\"good\",\"box\":[0,0,1,1]}\n%s\n",
             text);
    vdt_status status =
        vdt_annotations_add_json(set, lines, strlen(lines), "x.jsonl", NULL, &report, &error);
    if (status == VDT_OK || strstr(error.message, word) == NULL ||
        strncmp(error.message, "x.jsonl: line 2", 15) != 0)
        fail_msg("%s: not \"%s\": %s", text, word, error.message);
    assert_int_equal(vdt_annotations_count(set), 0);
    vdt_annotations_free(set);
}

static void wrong_records_are_named(void **state)
{
    (void)state;
#define S "{\"sample\":\"s\",\"id\":\"n\","
    expect_wrong("{\"id\":\"n\",\"box\":[0,0,1,1]}", "names no sample");
    expect_wrong(S "\"box\":[0,0,1]}", "no list of 4 numbers");
    expect_wrong(S "\"box\":[5,0,1,1]}", "corners are swapped");
    expect_wrong(S "\"box\":[201,0,210,1]}", "lies outside of the sample");
    expect_wrong(S "\"box\":[1e300,0,1e301,1]}", "for a coordinate");
    expect_wrong(S "\"box\":[0,0,1,1],\"colour\":1}", "no member \"colour\"");
    expect_wrong(S "\"type\":\"circle\"}", "is not label, box");
    expect_wrong(S
                 "\"type\":\"polygon\",\"coordinates\":[[[0,0],[4,4],[0,4]],[[1,1],[2,2],[1,1]]]}",
                 "ring 2 of part 1 of the polygon has 2 points: at least 3");
    expect_wrong(S "\"mask\":{\"size\":[3,4],\"counts\":[2,10]}}",
                 "4 x 3 pixels and its sample 200 x 100");
    expect_wrong(S "\"mask\":{\"size\":[100,200],\"counts\":[2,3]}}", "add up to 5 of 20000");
    expect_wrong(S "\"mask\":{\"png\":\"AAAA\"}}", "no PNG");
    expect_wrong(S "\"labels\":{\"class\":\"\"}}", "has no value");
    expect_wrong(S "\"labels\":{\"class\":[\"a\",\"b\"]}}", "two values");
    expect_wrong(S "\"labels\":{\"class\":{\"a\":1.5}}}", "not between 0 and 1");
    expect_wrong(S "\"box\":[0,0,1,1],\"metadata\":[1]}", "no object");
    expect_wrong(S "\"box\":[0,0,1,1],\"flags\":[\"loud\"]}", "no flag");
    expect_wrong("{\"sample\":\"s\",\"id\":\"good\",\"box\":[0,0,1,1]}", "line 1 has that id");
    expect_wrong("{\"sample\":\"s\",\"id\":\"n\",", "column");
#undef S
}

static unsigned told;
static void tell(const char *text, void *payload)
{
    (void)payload;
    assert_non_null(strstr(text, "record 4"));
    told++;
}

static void one_bad_of_ten(void **state)
{
    (void)state;
    struct vdt_annotations *set = open_set(NULL, NULL, false);
    struct vdt_annotation boxes[10];
    char ids[10][8];
    uint32_t sample = add_sample(set, "s");
    const struct vdt_label label = {NULL, "car", (double)NAN};
    for (int i = 0; i < 10; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        boxes[i] = (struct vdt_annotation){.kind = VDT_ANNOTATION_BOX,
                                           .sample = sample,
                                           .id = ids[i],
                                           .labels = &label,
                                           .label_count = 1,
                                           .box = {i, i, 5, 5}};
    }
    boxes[3].box[2] = (double)NAN;
    assert_int_equal(vdt_annotations_add(set, boxes, 10, NULL, &report, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "record 4, sample \"s\", annotation \"3\""));
    assert_int_equal(vdt_annotations_count(set), 0);
    const struct vdt_annotations_change change = {.skip_bad = true, .problem = tell};
    assert_int_equal(vdt_annotations_add(set, boxes, 10, &change, &report, &error), VDT_OK);
    assert_int_equal(report.added, 9);
    assert_int_equal(report.failed, 1);
    assert_int_equal(told, 1);
    assert_int_equal(vdt_annotations_count(set), 9);
    boxes[3].box[2] = 1;
    boxes[3].sample = 7;
    assert_int_equal(vdt_annotations_add(set, boxes, 10, NULL, &report, &error), VDT_ERR_NOT_FOUND);
    vdt_annotations_free(set);
}

/* --- of a store ------------------------------------------------------------------------------- */

static void a_set_follows_its_store(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "train", &spec, 0, 5);
    finish(writer);
    struct vdt_annotations *set = open_set(path, NULL, true);
    struct vdt_annotated_sample sample, again;
    assert_int_equal(vdt_annotations_sample_count(set), 5);
    assert_int_equal(vdt_annotations_sample(set, 4, &sample, &error), VDT_OK);
    assert_string_equal(sample.group, "train");
    char *key = strdup(sample.reference);
    assert_int_equal(vdt_annotations_mark(set, 4, &error), VDT_OK);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    vdt_annotations_free(set);
    assert_int_equal(vdt_writer_open(path, &writer, &error), VDT_OK);
    append_to(writer, "train", &spec, 5, 3);
    append_to(writer, "test", &spec, 100, 2);
    finish(writer);
    set = open_set(path, NULL, false);
    assert_int_equal(vdt_annotations_sample_count(set), 10);
    assert_int_equal(vdt_annotations_sample(set, 4, &again, &error), VDT_OK);
    assert_string_equal(again.reference, key);
    assert_true(again.annotated);
    assert_int_equal(vdt_annotations_sample(set, 9, &again, &error), VDT_OK);
    assert_string_equal(again.group, "train");
    assert_int_equal(again.index, 7);
    vdt_annotations_free(set);
    /* Of another store. */
    writer = create_store(in_folder("b.h5"), &spec);
    append_to(writer, "train", &spec, 0, 5);
    finish(writer);
    char file[600];
    snprintf(file, sizeof file, "%s.annotations/labels.h5", path);
    const struct vdt_annotations_options options = {.store = in_folder("b.h5"), .path = file};
    assert_int_equal(vdt_annotations_open(&options, &set, &error), VDT_ERR_MISMATCH);
    unlink(file);
    snprintf(file, sizeof file, "%s.annotations", path);
    rmdir(file);
    free(key);
}

static void one_writer_at_a_time(void **state)
{
    (void)state;
    const char *path = in_folder("set.h5");
    struct vdt_annotations *set = open_set(NULL, path, true), *other = NULL;
    struct vdt_annotations_options options = {.path = path, .write = true};
    assert_int_equal(vdt_annotations_open(&options, &other, &error), VDT_ERR_BUSY);
    add_json(set, kinds);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    pid_t child = fork();
    if (child == 0) {
        options.wait = 20;
        _exit(vdt_annotations_open(&options, &other, &error) == VDT_OK &&
                      vdt_annotations_count(other) == 7
                  ? 0
                  : 1);
    }
    struct timespec pause = {0, 100000000};
    nanosleep(&pause, NULL);
    vdt_annotations_free(set);
    int result;
    waitpid(child, &result, 0);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

static void damage_is_found(void **state)
{
    (void)state;
    const char *path = in_folder("set.h5");
    struct vdt_annotations *set = open_set(NULL, path, true);
    add_json(set, kinds);
    assert_int_equal(vdt_annotations_save(set, &error), VDT_OK);
    vdt_annotations_free(set);
    size_t size;
    unsigned char *data = read_file(path, &size);
    unsigned found = 0;
    const struct vdt_annotations_options options = {.path = path};
    for (uint64_t i = 0; i < 1500; i++) {
        size_t at = vdt_mix(i) % size;
        unsigned char bit = (unsigned char)(1u << i % 8);
        data[at] ^= bit;
        write_file(path, data, size);
        data[at] ^= bit;
        set = NULL;
        if (vdt_annotations_open(&options, &set, &error) == VDT_OK)
            expect_kinds(set);
        else
            found++;
        vdt_annotations_free(set);
    }
    assert_true(found > 100);
    free(data);
}

static int empty_folder(void **state)
{
    (void)state;
    files_in_folder(true);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_kind_comes_back, empty_folder),
        cmocka_unit_test_teardown(updates_replace, empty_folder),
        cmocka_unit_test(columns_of_boxes),
        cmocka_unit_test(wrong_records_are_named),
        cmocka_unit_test(one_bad_of_ten),
        cmocka_unit_test_teardown(a_set_follows_its_store, empty_folder),
        cmocka_unit_test_teardown(one_writer_at_a_time, empty_folder),
        cmocka_unit_test_teardown(damage_is_found, empty_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* Sets, runs, COCO's files and evaluations when memory is out. */
#include "forced.h"

#include <vedatile/annotations.h>
#include <vedatile/evaluation.h>
#include <vedatile/run.h>

static const char truth[] =
    "{\"sample\":\"a\",\"id\":\"1\",\"rows\":64,\"cols\":64,\"box\":[1,2,30,40],"
    "\"labels\":{\"class\":\"car\",\"colour\":\"red\"}}\n"
    "{\"sample\":\"a\",\"id\":\"2\",\"type\":\"polygon\","
    "\"coordinates\":[[[0,0],[9,0],[9,9]]],\"label\":\"tree\",\"metadata\":{\"by\":\"me\"}}\n"
    "{\"sample\":\"b\",\"id\":\"3\",\"labels\":{\"season\":{\"dry\":0.8,\"wet\":0.2}}}\n"
    "{\"sample\":\"b\",\"id\":\"4\",\"box\":[5,5,9,9],\"metadata\":{\"iscrowd\":1},\"label\":"
    "\"car\"}\n"
    "{\"sample\":\"c\"}\n";

static const char predicted[] =
    "{\"sample\":\"a\",\"box\":[1,2,30,39],\"labels\":{\"class\":\"car\"},\"score\":0.9}\n"
    "{\"sample\":\"a\",\"box\":[3,2,31,39],\"labels\":{\"class\":\"tree\"},\"score\":0.8}\n"
    "{\"sample\":\"b\",\"box\":[5,5,9,9],\"labels\":{\"class\":\"car\"},\"score\":0.7}\n"
    "{\"sample\":\"b\",\"labels\":{\"season\":{\"dry\":0.6,\"wet\":0.4}}}\n"
    "{\"sample\":\"c\"}\n";

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* --- sets ------------------------------------------------------------------------------------ */

static vdt_status make_set(char *text, size_t size)
{
    struct vdt_annotations *set = NULL;
    const struct vdt_annotations_options options = {.path = in_folder("set.h5"), .write = true};
    vdt_status status = vdt_annotations_open(&options, &set, &error);
    if (status == VDT_OK)
        status = vdt_annotations_add_json(set, truth, strlen(truth), "truth", NULL, NULL, &error);
    if (status == VDT_OK)
        status = vdt_annotations_save(set, &error);
    if (status == VDT_OK)
        snprintf(text, size, "%llu", (unsigned long long)vdt_annotations_count(set));
    vdt_annotations_free(set);
    return status;
}

/* A failure behind the last step, such as the folder's sync, leaves all of it. */
static void remove_set(void)
{
    struct vdt_annotations *set = NULL;
    const struct vdt_annotations_options options = {.path = in_folder("set.h5")};
    if (!exists(options.path))
        return;
    if (vdt_annotations_open(&options, &set, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vdt_annotations_count(set), 4);
    vdt_annotations_free(set);
    unlink(options.path);
}

static void test_sets(void **state)
{
    (void)state;
    force(make_set, remove_set, 3000);
}

/* --- runs ------------------------------------------------------------------------------------ */

static vdt_status make_run(char *text, size_t size)
{
    static const char *const classes[] = {"car", "tree"};
    struct vdt_run *run = NULL;
    struct vdt_run_reader *reader = NULL;
    const struct vdt_run_options options = {.path = in_folder("run.h5"),
                                            .model = "net",
                                            .metadata = "{\"seed\":7}",
                                            .classes = classes,
                                            .class_count = 2};
    vdt_status status = vdt_run_create(&options, &run, &error);
    if (status == VDT_OK)
        status =
            vdt_run_add_json(run, predicted, strlen(predicted), "lines", VDT_RUN_ADD, NULL, &error);
    if (status == VDT_OK)
        status = vdt_run_commit(run, NULL, NULL, &error);
    vdt_run_free(run);
    if (status == VDT_OK)
        status = vdt_run_open(NULL, in_folder("run.h5"), &reader, &error);
    if (status == VDT_OK)
        snprintf(text, size, "%llu %llu",
                 (unsigned long long)vdt_run_reader_info(reader)->annotations,
                 (unsigned long long)vdt_run_reader_info(reader)->predicted);
    vdt_run_reader_free(reader);
    return status;
}

/* Open with what is durable, or committed. */
static void remove_run(void)
{
    bool there = exists(in_folder("run.h5")) || exists(in_folder("run.open"));
    if (there && vdt_run_remove(NULL, in_folder("run.h5"), &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static void test_runs(void **state)
{
    (void)state;
    force(make_run, remove_run, 3000);
}

/* --- evaluations ----------------------------------------------------------------------------- */

static struct vdt_evaluate_options asked;

static vdt_status evaluate(char *text, size_t size)
{
    struct vdt_evaluation *made = NULL;
    char *html = NULL;
    vdt_status status = vdt_evaluate(&asked, &made, &error);
    if (status == VDT_OK)
        status = vdt_evaluation_html(vdt_evaluation_json(made), NULL, &html, &error);
    if (status == VDT_OK)
        snprintf(text, size, "%s%s", vdt_evaluation_json(made), html);
    free(html);
    vdt_evaluation_free(made);
    return status;
}

static void nothing(void)
{
}

static void test_evaluations_of_runs(void **state)
{
    (void)state;
    char text[256];
    if (make_set(text, sizeof text) != VDT_OK || make_run(text, sizeof text) != VDT_OK)
        fail_msg("%s", error.message);
    asked = (struct vdt_evaluate_options){.ground_truth = in_folder("set.h5"),
                                          .predictions = in_folder("run.h5"),
                                          .by = "class",
                                          .bootstrap = 5,
                                          .threads = 1};
    force(evaluate, nothing, 3000);
    files_in_folder(true);
}

static void test_evaluations_of_coco_files(void **state)
{
    (void)state;
    write_text("truth.json",
               "{\"images\":[{\"id\":1,\"width\":64,\"height\":64},{\"id\":2}],"
               "\"categories\":[{\"id\":3,\"name\":\"car\"},{\"id\":5,\"name\":\"tree\"}],"
               "\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":3,\"area\":81,"
               "\"iscrowd\":0,\"bbox\":[1,1,9,9],\"segmentation\":[[1,1,10,1,10,10]]},"
               "{\"id\":2,\"image_id\":1,\"category_id\":5,\"area\":4,\"iscrowd\":1,"
               "\"bbox\":[0,0,2,2],\"segmentation\":{\"size\":[64,64],\"counts\":[0,2,4094]}}]}");
    write_text("found.json",
               "[{\"image_id\":1,\"category_id\":3,\"score\":0.5,\"bbox\":[1,1,9,8]},"
               "{\"image_id\":2,\"category_id\":5,\"score\":0.25,\"bbox\":[1,1,9,8]}]");
    asked = (struct vdt_evaluate_options){.ground_truth = in_folder("truth.json"),
                                          .predictions = in_folder("found.json"),
                                          .threads = 1};
    force(evaluate, nothing, 3000);
    files_in_folder(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_evaluations_of_runs),
        cmocka_unit_test(test_evaluations_of_coco_files),
    };
    return cmocka_run_group_tests_name("memory/evaluations", tests, make_folder, remove_folder);
}

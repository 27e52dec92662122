/* What a diagnosis tells in C: kinds, examples, ground truth, points, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/diagnosis.h>

#include <cmocka.h>

/* One of each kind, by falling score; see tests/binding/test_diagnosis.py. */
static const double truth_boxes[][4] = {{0, 0, 10, 10},   {100, 0, 10, 10}, {200, 0, 10, 10},
                                        {300, 0, 10, 10}, {0, 0, 10, 10},   {50, 0, 10, 10}};
static const uint32_t truth_image[] = {0, 0, 0, 0, 1, 1}, truth_category[] = {0, 1, 0, 1, 0, 1};
static const double boxes[][4] = {{0, 0, 10, 10},  {0, 0, 10, 9},   {100, 0, 10, 10},
                                  {200, 0, 10, 4}, {300, 0, 10, 3}, {900, 0, 10, 10},
                                  {0, 0, 10, 10},  {0, 0, 10, 10}};
static const double scores[] = {.95, .9, .85, .8, .75, .7, .65, .6};
static const uint32_t image[] = {0, 0, 0, 0, 0, 0, 1, 1}, category[] = {0, 0, 0, 0, 0, 1, 0, 1};

static const struct vdt_objects truths = {
    .count = 6, .image = truth_image, .category = truth_category, .box = truth_boxes};
static const struct vdt_objects detections = {
    .count = 8, .image = image, .category = category, .box = boxes, .score = scores};

static struct vdt_matches *match(bool keep_ids)
{
    struct vdt_detection_options options = {
        .image_count = 2, .category_count = 2, .keep_ids = keep_ids};
    struct vdt_matches *matches = NULL;
    assert_int_equal(vdt_detection_match(&options, &truths, &detections, &matches, NULL), VDT_OK);
    return matches;
}

static struct vdt_diagnosis *diagnose(void)
{
    struct vdt_matches *matches = match(true);
    struct vdt_diagnosis *diagnosis = NULL;
    assert_int_equal(vdt_diagnose(matches, &truths, &detections, NULL, &diagnosis, NULL), VDT_OK);
    vdt_matches_free(matches);
    return diagnosis;
}

static void test_kinds(void **state)
{
    (void)state;
    static const char *const names[] = {"found", "duplicate",  "class", "localisation",
                                        "both",  "background", "found", "class"};
    static const uint32_t about[] = {0, 0, 1, 2, 3, VDT_NO_MATCH, 4, 4};
    struct vdt_diagnosis *diagnosis = diagnose();
    for (uint64_t i = 0; i < 8; i++) {
        uint32_t truth;
        double iou;
        assert_string_equal(vdt_finding_name(vdt_diagnosis_detection(diagnosis, i, &truth, &iou)),
                            names[i]);
        assert_int_equal(truth, about[i]);
        assert_true(iou >= 0 && iou <= 1);
    }
    assert_int_equal(vdt_diagnosis_detection(diagnosis, 8, NULL, NULL), VDT_FINDING_LEFT_OUT);
    assert_int_equal(vdt_diagnosis_truth(diagnosis, 2), VDT_TRUTH_NEARLY);
    assert_int_equal(vdt_diagnosis_truth(diagnosis, 6), VDT_TRUTH_IGNORED);
    assert_string_equal(vdt_finding_name((enum vdt_finding)99), "unknown");
    vdt_diagnosis_free(diagnosis);
}

static void test_examples(void **state)
{
    (void)state;
    struct vdt_diagnosis *diagnosis = diagnose();
    uint32_t some[2] = {9, 9};
    assert_int_equal(vdt_diagnosis_examples(diagnosis, VDT_EVERY, VDT_FINDING_CLASS, some, 2), 2);
    assert_int_equal(some[0], 2);
    assert_int_equal(some[1], 7);
    assert_int_equal(vdt_diagnosis_examples(diagnosis, 1, VDT_FINDING_CLASS, some, 0), 1);
    assert_int_equal(some[0], 2);
    assert_int_equal(vdt_diagnosis_truths(diagnosis, VDT_EVERY, VDT_TRUTH_MISSED, some, 2), 2);
    assert_int_equal(some[0], 3);
    assert_int_equal(some[1], 5);
    assert_int_equal(vdt_diagnosis_truths(diagnosis, 0, VDT_TRUTH_MISSED, some, 2), 0);
    vdt_diagnosis_free(diagnosis);
}

static void test_counts(void **state)
{
    (void)state;
    static const uint64_t wanted[3][3] = {{2, 0, 1}, {1, 0, 2}, {3, 2, 0}};
    struct vdt_diagnosis *diagnosis = diagnose();
    uint32_t categories;
    assert_memory_equal(vdt_diagnosis_confusion(diagnosis, &categories), wanted, sizeof wanted);
    assert_int_equal(categories, 2);
    uint64_t found[4], wrong[4];
    vdt_diagnosis_histogram(diagnosis, VDT_EVERY, 0, 1, 4, found, wrong);
    assert_memory_equal(found, ((const uint64_t[]){0, 0, 1, 1}), sizeof found);
    assert_memory_equal(wrong, ((const uint64_t[]){0, 0, 2, 4}), sizeof wrong);
    const double at[] = {.99, .9};
    struct vdt_score_point points[2], best;
    assert_int_equal(vdt_diagnosis_points(diagnosis, 0, at, 2, points, NULL), VDT_OK);
    assert_true(points[0].precision == -1 && points[0].recall == 0 && points[0].f1 == 0);
    assert_int_equal(points[1].true_positives, 1);
    assert_int_equal(points[1].false_positives, 1);
    assert_int_equal(points[1].false_negatives, 2);
    assert_int_equal(vdt_diagnosis_best(diagnosis, 0, &best, NULL), VDT_OK);
    assert_true(best.score == .95 && best.f1 == .5);
    assert_int_equal(vdt_diagnosis_best(diagnosis, 5, &best, NULL), VDT_END);
    vdt_diagnosis_free(diagnosis);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct vdt_matches *matches = match(true), *without = match(false);
    struct vdt_diagnosis *diagnosis = NULL;
    struct vdt_error error;
    struct vdt_objects others = detections;
    others.count = 7;
    assert_int_equal(vdt_diagnose(matches, &truths, &others, NULL, &diagnosis, &error),
                     VDT_ERR_ARGUMENT);
    static const uint32_t far[] = {0, 0, 0, 0, 0, 0, 1, 2};
    others = detections;
    others.image = far;
    assert_int_equal(vdt_diagnose(matches, &truths, &others, NULL, &diagnosis, &error),
                     VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "diagnosis: these objects were not matched");
    assert_int_equal(vdt_diagnose(without, &truths, &detections, NULL, &diagnosis, &error),
                     VDT_ERR_ARGUMENT);
    struct vdt_diagnosis_options options = {.threshold = 10};
    assert_int_equal(vdt_diagnose(matches, &truths, &detections, &options, &diagnosis, &error),
                     VDT_ERR_ARGUMENT);
    options = (struct vdt_diagnosis_options){.background = (double)NAN};
    assert_int_equal(vdt_diagnose(matches, &truths, &detections, &options, &diagnosis, &error),
                     VDT_ERR_ARGUMENT);
    assert_null(diagnosis);
    vdt_diagnosis_free(NULL);
    vdt_matches_free(matches);
    vdt_matches_free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests_name("eval/diagnosis", tests, NULL, NULL);
}

/* COCO's protocol, LVIS's rules and what is refused, by cases that are known by hand. */
#include "detections.h"

static double ap(void)
{
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    double stats[12];
    vdt_detection_stats(scores, stats);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
    return stats[0];
}

/* --- by hand --------------------------------------------------------------------------------- */

static uint32_t matched(const struct vdt_matches *matches, uint64_t detection, size_t threshold)
{
    uint32_t g;
    vdt_detection_outcome(matches, detection, threshold, 0, &g);
    return g;
}

static void test_ties_go_to_the_last(void **state)
{
    (void)state;
    start(0, 1, 1);
    truth(0, 0, 0, 0, 10, 10);
    truth(0, 0, 0, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    struct vdt_matches *matches = match();
    assert_int_equal(matched(matches, 0, 0), 1);
    vdt_matches_free(matches);
}

static void test_equal_scores_keep_the_order_of_input(void **state)
{
    (void)state;
    start(0, 2, 1);
    truth(0, 0, 0, 0, 10, 10);
    for (int i = 0; i < 60; i++)
        found(0, 0, 0, 0, 10, 10, 0.5);
    found(1, 0, 0, 0, 10, 10, 0.5);
    struct vdt_matches *matches = match();
    for (uint32_t i = 0; i < 61; i++)
        assert_int_equal(matches->detection[i], i);
    assert_int_equal(matched(matches, 0, 9), 0);
    assert_int_equal(matched(matches, 1, 0), VDT_NO_MATCH);
    vdt_matches_free(matches);
}

static void test_second_best_when_the_best_is_taken(void **state)
{
    (void)state;
    start(0, 1, 1);
    truth(0, 0, 0, 0, 10, 10);
    truth(0, 0, 3, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    found(0, 0, 1, 0, 10, 10, 0.8); /* nearer to the first, which is taken */
    struct vdt_matches *matches = match();
    assert_int_equal(matched(matches, 0, 0), 0);
    assert_int_equal(matched(matches, 1, 0), 1);
    assert_int_equal(matched(matches, 1, 9), VDT_NO_MATCH);
    vdt_matches_free(matches);
}

static void test_regular_before_crowd(void **state)
{
    (void)state;
    start(0, 1, 1);
    scene.truths.crowd[truth(0, 0, 0, 0, 100, 100)] = 1;
    truth(0, 0, 0, 0, 10, 12);
    found(0, 0, 0, 0, 10, 10, 0.9); /* all of it is in the crowd, 10 / 12 of it in the other */
    found(0, 0, 50, 50, 10, 10, 0.8);
    found(0, 0, 60, 50, 10, 10, 0.7);
    found(0, 0, 200, 50, 10, 10, 0.6);
    struct vdt_matches *matches = match();
    uint32_t g;
    assert_int_equal(vdt_detection_outcome(matches, 0, 0, 0, &g), VDT_OUTCOME_TRUE_POSITIVE);
    assert_int_equal(g, 1);
    assert_int_equal(vdt_detection_outcome(matches, 0, 9, 0, &g), VDT_OUTCOME_IGNORED);
    assert_int_equal(g, 0);
    assert_int_equal(vdt_detection_outcome(matches, 1, 9, 0, &g), VDT_OUTCOME_IGNORED);
    assert_int_equal(vdt_detection_outcome(matches, 2, 9, 0, &g), VDT_OUTCOME_IGNORED);
    assert_int_equal(g, 0);
    assert_int_equal(vdt_detection_outcome(matches, 3, 0, 0, &g), VDT_OUTCOME_FALSE_POSITIVE);
    vdt_matches_free(matches);
}

static void test_ignored_is_not_crowd(void **state)
{
    (void)state;
    start(0, 1, 1);
    scene.truths.ignore[truth(0, 0, 0, 0, 10, 10)] = 1;
    truth(0, 0, 100, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    found(0, 0, 0, 0, 10, 10, 0.8); /* an ignored one takes one detection, a crowd takes all */
    struct vdt_matches *matches = match();
    assert_int_equal(vdt_detection_outcome(matches, 0, 0, 0, NULL), VDT_OUTCOME_IGNORED);
    assert_int_equal(vdt_detection_outcome(matches, 1, 0, 0, NULL), VDT_OUTCOME_FALSE_POSITIVE);
    vdt_matches_free(matches);
    scene.options.coco_ignores_ignore = true;
    matches = match();
    assert_int_equal(vdt_detection_outcome(matches, 0, 0, 0, NULL), VDT_OUTCOME_TRUE_POSITIVE);
    vdt_matches_free(matches);
}

static void test_ranges_of_areas_include_their_ends(void **state)
{
    (void)state;
    start(0, 1, 1);
    truth(0, 0, 0, 0, 32, 32);
    found(0, 0, 0, 0, 32, 32, 0.9);
    struct vdt_matches *matches = match();
    for (size_t a = 0; a < 4; a++)
        assert_int_equal(vdt_detection_outcome(matches, 0, 0, a, NULL),
                         a == 3 ? VDT_OUTCOME_IGNORED : VDT_OUTCOME_TRUE_POSITIVE);
    vdt_matches_free(matches);
}

static void test_threshold_itself_matches(void **state)
{
    (void)state;
    static const double one = 1;
    start(0, 1, 1);
    truth(0, 0, 0, 0, 10, 10);
    found(0, 0, 0, 0, 10, 5, 0.9);
    struct vdt_matches *matches = match();
    assert_int_equal(matched(matches, 0, 0), 0);
    assert_int_equal(matched(matches, 0, 1), VDT_NO_MATCH);
    vdt_matches_free(matches);
    /* 1 - 1e-10 is enough for a threshold of 1. */
    scene.options.iou_thresholds = &one;
    scene.options.iou_threshold_count = 1;
    scene.detections.box[0][3] = 10 - 1e-10;
    matches = match();
    assert_int_equal(matched(matches, 0, 0), 0);
    vdt_matches_free(matches);
}

/* 7 of 10 is below the 70th recall threshold, which is 0.7 and a bit. */
static void test_recall_of_7_of_10(void **state)
{
    (void)state;
    start(0, 1, 1);
    for (int i = 0; i < 10; i++) {
        truth(0, 0, 20 * i, 0, 10, 10);
        if (i < 7)
            found(0, 0, 20 * i, 0, 10, 10, 0.9 - 0.01 * i);
    }
    /* The first of them is 1 / (1 + 2^-52), which the envelope lifts to 2 / (2 + 2^-52) = 1. */
    assert_true(fabs(ap() - 70.0 / 101) < 1e-15);
    scene.options.recall_thresholds = NULL;
    scene.options.iou_thresholds = NULL;
    scene.options.area_ranges = NULL;
    scene.options.max_detections = NULL;
    assert_true(fabs(ap() - 70.0 / 101) < 1e-15);
}

static void test_smallest_precision(void **state)
{
    (void)state;
    start(0, 1, 1);
    truth(0, 0, 0, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    assert_true(vdt_detection_precision(scores)[2] == 0x1.ffffffffffffep-1);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

/* The defaults are numpy.linspace's, to the last bit. */
static void test_defaults(void **state)
{
    (void)state;
    start(0, 1, 1);
    scene.options.recall_thresholds = NULL;
    scene.options.iou_thresholds = NULL;
    scene.options.area_ranges = NULL;
    scene.options.max_detections = NULL;
    struct vdt_matches *matches = match();
    const struct vdt_match_options *options = &matches->options;
    assert_int_equal(options->threshold_count, 10);
    assert_memory_equal(options->thresholds, coco_iou, sizeof coco_iou);
    assert_int_equal(options->recall_count, 101);
    assert_memory_equal(options->recalls, coco_recalls, sizeof coco_recalls);
    assert_true(options->recalls[35] != 35 / 100.0);
    assert_int_equal(options->area_count, 4);
    assert_memory_equal(options->areas, coco_areas, sizeof coco_areas);
    assert_int_equal(options->max_count, 3);
    assert_memory_equal(options->max_detections, coco_most, sizeof coco_most);
    vdt_matches_free(matches);
}

/* --- sums ------------------------------------------------------------------------------------ */

static double next_fraction(void *context)
{
    int *n = context;
    return 1.0 / ++*n;
}

/* numpy.sum(1 / numpy.arange(1.0, n + 1)); adding up one after another differs from 20 on. */
static void test_sums_are_numpys(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        double sum;
    } known[] = {{5, 0x1.2444444444444p+1},    {20, 0x1.cc82bbab7a28bp+1},
                 {128, 0x1.5bb8ae9541ca7p+2},  {129, 0x1.5c37b09149ba9p+2},
                 {1000, 0x1.df11f45f4e61ap+2}, {8193, 0x1.32d373e67a3cap+3},
                 {9393, 0x1.37331beea9283p+3}, {80800, 0x1.7c10020a1daffp+3}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int n = 0;
        assert_true(vdt_pairwise_sum(known[i].count, next_fraction, &n) == known[i].sum);
    }
}

/* Wrong categories and categories without ground truth do not count. */
static void test_categories_without_ground_truth(void **state)
{
    (void)state;
    start(0, 1, 3);
    truth(0, 0, 0, 0, 10, 10);
    truth(0, 2, 50, 50, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    found(0, 1, 0, 0, 10, 10, 0.9);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    struct vdt_detection_category category;
    assert_true(vdt_detection_category(scores, 0, &category));
    assert_true(category.ap > 0.999 && category.ap50 > 0.999 && category.ap_large == -1);
    assert_int_equal(category.ground_truths, 1);
    assert_true(vdt_detection_category(scores, 1, &category));
    assert_true(category.ap == -1 && category.ar == -1);
    assert_int_equal(category.detections, 1);
    assert_true(vdt_detection_category(scores, 2, &category));
    assert_true(category.ap == 0 && category.ar == 0);
    assert_false(vdt_detection_category(scores, 3, &category));
    double stats[12];
    vdt_detection_stats(scores, stats);
    assert_true(fabs(stats[0] - 0.5) < 1e-12 && stats[8] == 0.5);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

static void test_numbers_of_a_category(void **state)
{
    (void)state;
    start(0, 1, 2);
    truth(0, 1, 0, 0, 10, 10);
    found(0, 1, 0, 0, 10, 7, 0.9); /* IoU 0.7 */
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    struct vdt_detection_category category;
    assert_true(vdt_detection_category(scores, 1, &category));
    assert_true(fabs(category.ap - 0.5) < 1e-12 && category.ar == 0.5);
    assert_true(category.ap50 > 0.999 && category.ap75 == 0);
    assert_true(fabs(category.ap_small - 0.5) < 1e-12 && category.ap_medium == -1);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

/* The limit is of an image and category, not of all images together. */
static void test_limit_is_of_an_image(void **state)
{
    (void)state;
    static const uint32_t two = 2;
    start(0, 3, 1);
    scene.options.max_detections = &two;
    scene.options.max_detection_count = 1;
    for (uint32_t image = 0; image < 3; image++)
        for (int i = 0; i < 3; i++)
            found(image, 0, 0, 0, 10, 10, 0.1 * (i + 1) + image);
    struct vdt_matches *matches = match();
    assert_int_equal(matches->rows, 6);
    for (uint64_t d = 0; d < 9; d++)
        assert_int_equal(vdt_detection_outcome(matches, d, 0, 0, NULL),
                         d % 3 == 0 ? VDT_OUTCOME_LEFT_OUT : VDT_OUTCOME_FALSE_POSITIVE);
    vdt_matches_free(matches);
}

/* Stats are of the largest number of detections, whether that is 100 or not. */
static void test_stats_of_other_limits(void **state)
{
    (void)state;
    static const uint32_t limits[2] = {1, 300};
    start(0, 1, 1);
    scene.options.max_detections = limits;
    scene.options.max_detection_count = 2;
    truth(0, 0, 0, 0, 10, 10);
    truth(0, 0, 50, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    found(0, 0, 50, 0, 10, 10, 0.8);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    double stats[12];
    vdt_detection_stats(scores, stats);
    assert_true(stats[0] > 0.999 && stats[1] > 0.999);
    assert_true(stats[6] == 0.5 && stats[7] == 1 && stats[8] == 1);
    assert_true(stats[5] == -1 && stats[11] == -1);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

/* --- LVIS ------------------------------------------------------------------------------------ */

static void test_lvis(void **state)
{
    (void)state;
    const struct vdt_image_category open[] = {{1, 0}, {0, 1}}, negative[] = {{1, 1}};
    start(0, 3, 2);
    truth(0, 0, 0, 0, 10, 10);
    truth(1, 0, 0, 0, 10, 10);
    found(0, 0, 0, 0, 10, 10, 0.9);
    found(0, 0, 50, 0, 10, 10, 0.8); /* 1: nothing there */
    found(1, 0, 0, 0, 10, 10, 0.7);
    found(1, 0, 50, 0, 10, 10, 0.6); /* 3: nothing there, but not everything is labelled */
    found(1, 1, 50, 0, 10, 10, 0.5); /* 4: known to be without */
    found(2, 1, 50, 0, 10, 10, 0.4); /* 5: nobody looked */
    scene.options.not_exhaustive = open;
    scene.options.not_exhaustive_count = 2;
    scene.options.federated = true;
    scene.options.negative = negative;
    scene.options.negative_count = 1;
    static const enum vdt_outcome want[] = {VDT_OUTCOME_TRUE_POSITIVE,  VDT_OUTCOME_FALSE_POSITIVE,
                                            VDT_OUTCOME_TRUE_POSITIVE,  VDT_OUTCOME_IGNORED,
                                            VDT_OUTCOME_FALSE_POSITIVE, VDT_OUTCOME_LEFT_OUT};
    struct vdt_matches *matches = match();
    for (uint64_t d = 0; d < 6; d++)
        assert_int_equal(vdt_detection_outcome(matches, d, 0, 0, NULL), want[d]);
    vdt_matches_free(matches);
    /* The two highest scores of an image, whatever their categories. */
    scene.options.max_per_image = 2;
    matches = match();
    assert_int_equal(vdt_detection_outcome(matches, 3, 0, 0, NULL), VDT_OUTCOME_IGNORED);
    assert_int_equal(vdt_detection_outcome(matches, 4, 0, 0, NULL), VDT_OUTCOME_LEFT_OUT);
    vdt_matches_free(matches);
}

/* APr, APc and APf are means over some of the categories. */
static void test_mean_of_some_categories(void **state)
{
    (void)state;
    static const uint8_t rare[2] = {0, 1};
    start(0, 1, 2);
    truth(0, 0, 0, 0, 10, 10);
    truth(0, 1, 0, 0, 10, 10);
    found(0, 1, 0, 0, 10, 10, 0.9);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    struct vdt_detection_mean which = {
        .threshold = VDT_EVERY, .max_detection = VDT_EVERY, .categories = rare};
    assert_true(vdt_detection_mean(scores, &which) > 0.999);
    which.categories = NULL;
    assert_true(fabs(vdt_detection_mean(scores, &which) - 0.5) < 1e-12);
    which.recall = true;
    assert_true(vdt_detection_mean(scores, &which) == 0.5);
    which.area = 4;
    assert_true(vdt_detection_mean(scores, &which) == -1);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void refuse(vdt_status status, const char *part)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_matches *matches = NULL;
    assert_int_equal(vdt_detection_match(&scene.options, &scene.truths.objects,
                                         &scene.detections.objects, &matches, &error),
                     status);
    assert_null(matches);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
}

static void test_bad_values(void **state)
{
    (void)state;
    start(0, 2, 2);
    truth(0, 0, 0, 0, 10, 10);
    found(1, 1, 0, 0, 10, 10, 0.9);
    scene.detections.score[0] = (double)NAN;
    refuse(VDT_ERR_FORMAT, "detection 0: its score");
    scene.detections.score[0] = 0.5;
    scene.detections.box[0][2] = (double)INFINITY;
    refuse(VDT_ERR_FORMAT, "detection 0: its box");
    scene.detections.box[0][2] = 1;
    scene.detections.image[0] = 2;
    refuse(VDT_ERR_FORMAT, "detection 0: image 2; there are 2");
    scene.detections.image[0] = 1;
    scene.truths.category[0] = 9;
    refuse(VDT_ERR_FORMAT, "ground truth 0: category 9");
    scene.truths.category[0] = 0;
    scene.truths.area[0] = (double)NAN;
    refuse(VDT_ERR_FORMAT, "ground truth 0: its area");
}

static void test_bad_options(void **state)
{
    (void)state;
    static const uint32_t falling[2] = {10, 1};
    static const double areas[1][2] = {{3, 2}};
    start(0, 2, 2);
    scene.options.image_count = 0;
    refuse(VDT_ERR_ARGUMENT, "image_count");
    scene.options.image_count = 2;
    scene.options.max_detections = falling;
    scene.options.max_detection_count = 2;
    refuse(VDT_ERR_ARGUMENT, "max_detections");
    scene.options.max_detections = NULL;
    scene.options.area_ranges = areas;
    scene.options.area_range_count = 1;
    refuse(VDT_ERR_ARGUMENT, "area_ranges[0]");
    scene.options.area_ranges = NULL;
    scene.options.iou_threshold_count = 0;
    refuse(VDT_ERR_ARGUMENT, "iou_thresholds");
    scene.options.iou_thresholds = NULL;
    found(0, 0, 0, 0, 1, 1, 0.5);
    scene.detections.objects.score = NULL;
    refuse(VDT_ERR_ARGUMENT, "scores are required");
}

static void test_nothing_at_all(void **state)
{
    (void)state;
    start(0, 1, 1);
    assert_true(ap() == -1);
    truth(0, 0, 0, 0, 10, 10);
    assert_true(ap() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ties_go_to_the_last),
        cmocka_unit_test(test_equal_scores_keep_the_order_of_input),
        cmocka_unit_test(test_second_best_when_the_best_is_taken),
        cmocka_unit_test(test_regular_before_crowd),
        cmocka_unit_test(test_ignored_is_not_crowd),
        cmocka_unit_test(test_ranges_of_areas_include_their_ends),
        cmocka_unit_test(test_threshold_itself_matches),
        cmocka_unit_test(test_recall_of_7_of_10),
        cmocka_unit_test(test_smallest_precision),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_sums_are_numpys),
        cmocka_unit_test(test_categories_without_ground_truth),
        cmocka_unit_test(test_numbers_of_a_category),
        cmocka_unit_test(test_limit_is_of_an_image),
        cmocka_unit_test(test_stats_of_other_limits),
        cmocka_unit_test(test_lvis),
        cmocka_unit_test(test_mean_of_some_categories),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

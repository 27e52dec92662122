/* Classification: worked examples, ties, what is not known or not predicted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <vedatile/scores.h>

enum { BIRD, DOG, CAT };

/* valor's animals: six samples, three classes; its areas under the ROC curve are scikit-learn's. */
static const int32_t animals[6] = {BIRD, DOG, BIRD, BIRD, CAT, DOG};
static const double animal_scores[6][3] = {
    {0.6, 0.2, 0.2},   {0.0, 0.1, 0.9}, {0.15, 0.05, 0.8},
    {0.15, 0.75, 0.1}, {0.0, 0.0, 1.0}, {0.2, 0.4, 0.4},
};

static void test_areas_by_example(void **state)
{
    (void)state;
    /* bird: positives .6 .15 .15, others 0 0 .2: 3 + 2 + 2 of 9. dog: positives .1 .4; others .2
     * .05 .75 0: .1 beats .05 and 0, .4 beats three: 5 of 8. cat: 1 beats all. */
    struct vdt_classification_input input = {
        .sample_count = 6, .class_count = 3, .truth = animals, .scores = &animal_scores[0][0]};
    struct vdt_classification_scores scores;
    struct vdt_class_score classes[3];
    uint64_t confusion[3 * 4];
    assert_int_equal(vdt_classification_score(&input, &scores, classes, confusion, NULL, NULL),
                     VDT_OK);
    assert_float_equal(classes[BIRD].roc_auc, 7.0 / 9, 1e-15);
    assert_float_equal(classes[DOG].roc_auc, 5.0 / 8, 1e-15);
    assert_float_equal(classes[CAT].roc_auc, 1, 0);
    assert_float_equal(scores.roc_auc, (7.0 / 9 + 5.0 / 8 + 1) / 3, 1e-15);
    /* predicted: bird cat cat dog cat dog (the tie goes to the lower class) */
    const uint64_t expected[12] = {1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0};
    assert_memory_equal(confusion, expected, sizeof expected);
    assert_float_equal(scores.accuracy, 0.5, 0);
    assert_int_equal(classes[CAT].false_positives, 2);
    assert_int_equal(classes[CAT].true_negatives, 3);
    assert_float_equal(classes[BIRD].precision, 1, 0);
    assert_float_equal(classes[BIRD].recall, 1.0 / 3, 1e-15);
    assert_float_equal(scores.micro_f1, 0.5, 1e-15);
}

static void test_ties_count_half(void **state)
{
    (void)state;
    const int32_t truth[4] = {0, 1, 0, 1};
    const double same[4][2] = {{0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}};
    struct vdt_classification_input input = {
        .sample_count = 4, .class_count = 2, .truth = truth, .scores = &same[0][0]};
    struct vdt_classification_scores scores;
    struct vdt_class_score classes[2];
    assert_int_equal(vdt_classification_score(&input, &scores, classes, NULL, NULL, NULL), VDT_OK);
    assert_float_equal(classes[0].roc_auc, 0.5, 0);
    assert_float_equal(classes[1].average_precision, 0.5, 0);
}

static void test_nothing_to_tell(void **state)
{
    (void)state;
    /* class 2 is nowhere; sample 2 has no truth, sample 3 no prediction */
    const int32_t truth[4] = {0, 1, -1, 1};
    const double given[4][3] = {{0.9, 0.1, 0}, {0.2, 0.7, 0.1}, {0.1, 0.1, 0.8}, {NAN, NAN, NAN}};
    struct vdt_classification_input input = {
        .sample_count = 4, .class_count = 3, .truth = truth, .scores = &given[0][0]};
    struct vdt_classification_scores scores;
    struct vdt_class_score classes[3];
    uint64_t confusion[12];
    assert_int_equal(vdt_classification_score(&input, &scores, classes, confusion, NULL, NULL),
                     VDT_OK);
    assert_int_equal(scores.samples, 3);
    assert_int_equal(scores.unpredicted, 1);
    assert_float_equal(scores.accuracy, 2.0 / 3, 1e-15);
    assert_true(isnan(classes[2].precision) && isnan(classes[2].f1) && isnan(classes[2].roc_auc));
    assert_float_equal(scores.recall, (1 + 0.5) / 2, 1e-15);
    assert_int_equal(confusion[1 * 4 + 3], 1);
    input.sample_count = 0;
    assert_int_equal(vdt_classification_score(&input, &scores, NULL, NULL, NULL, NULL), VDT_OK);
    assert_true(isnan(scores.accuracy) && isnan(scores.f1) && isnan(scores.ece));
}

static void test_thresholds(void **state)
{
    (void)state;
    struct vdt_classification_input input = {.sample_count = 6,
                                             .class_count = 3,
                                             .truth = animals,
                                             .scores = &animal_scores[0][0],
                                             .threshold = 0.7};
    struct vdt_classification_scores scores;
    uint64_t confusion[12];
    assert_int_equal(vdt_classification_score(&input, &scores, NULL, confusion, NULL, NULL),
                     VDT_OK);
    assert_int_equal(scores.unpredicted, 2); /* 0.6 and 0.4 are too low */
    assert_float_equal(scores.accuracy, 1.0 / 6, 1e-15);
}

static void test_weights_are_copies(void **state)
{
    (void)state;
    const uint32_t weights[6] = {2, 0, 1, 3, 1, 1};
    int32_t truth[8];
    double copies[8][3];
    int n = 0;
    for (int i = 0; i < 6; i++)
        for (uint32_t k = 0; k < weights[i]; k++, n++) {
            truth[n] = animals[i];
            memcpy(copies[n], animal_scores[i], sizeof copies[n]);
        }
    struct vdt_classification_input weighted = {.sample_count = 6,
                                                .class_count = 3,
                                                .truth = animals,
                                                .scores = &animal_scores[0][0],
                                                .weights = weights};
    struct vdt_classification_input plain = {
        .sample_count = 8, .class_count = 3, .truth = truth, .scores = &copies[0][0]};
    struct vdt_classification_scores a, b;
    struct vdt_class_score of_a[3], of_b[3];
    assert_int_equal(vdt_classification_score(&weighted, &a, of_a, NULL, NULL, NULL), VDT_OK);
    assert_int_equal(vdt_classification_score(&plain, &b, of_b, NULL, NULL, NULL), VDT_OK);
    assert_float_equal(a.roc_auc, b.roc_auc, 1e-15);
    assert_float_equal(a.average_precision, b.average_precision, 1e-15);
    assert_float_equal(a.ece, b.ece, 1e-15);
    assert_float_equal(a.brier, b.brier, 1e-15);
    assert_memory_equal(&of_a[0].truths, &of_b[0].truths, 6 * sizeof(uint64_t));
}

static void test_several_classes(void **state)
{
    (void)state;
    const uint8_t truths[3][2] = {{1, 1}, {0, 255}, {0, 1}};
    const double given[3][2] = {{0.9, 0.5}, {0.2, 0.9}, {0.6, 0.4}};
    struct vdt_classification_input input = {
        .sample_count = 3, .class_count = 2, .truths = &truths[0][0], .scores = &given[0][0]};
    struct vdt_classification_scores scores;
    struct vdt_class_score classes[2];
    assert_int_equal(vdt_classification_score(&input, &scores, classes, NULL, NULL, NULL), VDT_OK);
    assert_int_equal(classes[0].true_positives, 1);
    assert_int_equal(classes[0].false_positives, 1);
    assert_int_equal(classes[0].true_negatives, 1);
    assert_int_equal(classes[1].true_positives, 1); /* 0.5 reaches 0.5 */
    assert_int_equal(classes[1].false_negatives, 1);
    assert_int_equal(classes[1].predictions, 1);
    assert_float_equal(scores.accuracy, 2.0 / 3, 1e-15);
    assert_float_equal(scores.micro_precision, 2.0 / 3, 1e-15);
    assert_float_equal(classes[1].average_precision, 1, 0);
    assert_true(isnan(classes[1].roc_auc)); /* no sample is known not to have it */
}

/* Guo's bins are open below: 0.2 of ten belongs to (0.1, 0.2]. */
static void test_calibration(void **state)
{
    (void)state;
    const int32_t truth[4] = {0, 0, 1, 1};
    const double given[4][2] = {{0.2, 0.1}, {0.8, 0.2}, {0.75, 0.25}, {0, 1}};
    struct vdt_classification_input input = {.sample_count = 4,
                                             .class_count = 2,
                                             .truth = truth,
                                             .scores = &given[0][0],
                                             .bin_count = 10};
    struct vdt_classification_scores scores;
    struct vdt_calibration_bin bins[10];
    assert_int_equal(vdt_classification_score(&input, &scores, NULL, NULL, bins, NULL), VDT_OK);
    assert_int_equal(bins[1].count, 1);
    assert_int_equal(bins[7].count, 2);
    assert_int_equal(bins[9].count, 1);
    assert_true(isnan(bins[0].right));
    assert_float_equal(bins[7].right, 0.5, 0);
    assert_float_equal(bins[7].confidence, 0.775, 1e-15);
    assert_float_equal(scores.ece, 0.25 * 0.8 + 0.5 * 0.275, 1e-15);
    assert_float_equal(scores.mce, 0.8, 1e-15);
    assert_float_equal(scores.brier, (0.64 + 0.01 + 0.04 + 0.04 + 0.5625 + 0.5625 + 0) / 4, 1e-15);
}

static void refused(const struct vdt_classification_input *input, const char *message)
{
    struct vdt_error error = {0};
    struct vdt_classification_scores scores;
    assert_int_equal(vdt_classification_score(input, &scores, NULL, NULL, NULL, &error),
                     VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void test_bad_input(void **state)
{
    (void)state;
    int32_t truth[2] = {0, 2};
    double given[2][2] = {{0.5, 0.5}, {0.5, 0.5}};
    struct vdt_classification_input input = {
        .sample_count = 2, .class_count = 2, .truth = truth, .scores = &given[0][0]};
    refused(&input, "sample 1: true class 2 of 2 classes");
    truth[1] = 1;
    given[1][1] = NAN;
    refused(&input, "sample 1: score nan of class 1; 0 to 1 is wanted");
    given[1][1] = 1.5;
    refused(&input, "sample 1: score 1.5 of class 1; 0 to 1 is wanted");
    input.scores = NULL;
    refused(&input, "classification: scores are wanted");
    input.truth = NULL;
    refused(&input, "classification: truth or truths is wanted, and not both");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_areas_by_example),   cmocka_unit_test(test_ties_count_half),
        cmocka_unit_test(test_nothing_to_tell),    cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_weights_are_copies), cmocka_unit_test(test_several_classes),
        cmocka_unit_test(test_calibration),        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

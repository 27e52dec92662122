/* COCO's protocol against the slow one of coco_oracle.h, and against what is known by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coco_oracle.h"
#include "eval/accumulate.h"
#include "eval/match.h"

#if defined(__SANITIZE_ADDRESS__) || defined(FEW_CASES) /* tests/mutations */
enum { CASES = 300 };
#else
enum { CASES = 4000 };
#endif

static const double coco_iou[10] = {0x1p-1,
                                    0x1.199999999999ap-1,
                                    0x1.3333333333333p-1,
                                    0x1.4cccccccccccdp-1,
                                    0x1.6666666666666p-1,
                                    0x1.8p-1,
                                    0x1.999999999999ap-1,
                                    0x1.b333333333333p-1,
                                    0x1.cccccccccccccp-1,
                                    0x1.e666666666666p-1};
static const double coco_areas[4][2] = {{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}};
static const uint32_t coco_most[3] = {1, 10, 100};
static double coco_recalls[101];

/* --- cases ----------------------------------------------------------------------------------- */

enum { MOST = 40000 };

struct side {
    uint32_t image[MOST], category[MOST];
    double score[MOST], box[MOST][4], area[MOST];
    uint8_t crowd[MOST], ignore[MOST];
    struct vdt_objects objects;
};

struct scene {
    struct side truths, detections;
    struct vdt_detection_options options;
    double thresholds[40];
    uint64_t random;
};

static struct scene scene; /* too large for the stack */

static uint32_t draw(uint32_t below)
{
    scene.random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = scene.random;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) >> 33) % below;
}

static void start(uint64_t seed, uint32_t images, uint32_t categories)
{
    scene.random = seed;
    scene.truths.objects = scene.detections.objects = (struct vdt_objects){0};
    for (int side = 0; side < 2; side++) {
        struct side *s = side == 0 ? &scene.truths : &scene.detections;
        s->objects = (struct vdt_objects){
            .image = s->image, .category = s->category, .box = (const double(*)[4])s->box};
    }
    scene.truths.objects.area = scene.truths.area;
    scene.truths.objects.crowd = scene.truths.crowd;
    scene.truths.objects.ignore = scene.truths.ignore;
    scene.detections.objects.score = scene.detections.score;
    for (int k = 0; k < 101; k++)
        coco_recalls[k] = k * 0.01;
    scene.options = (struct vdt_detection_options){.image_count = images,
                                                   .category_count = categories,
                                                   .iou_thresholds = coco_iou,
                                                   .iou_threshold_count = 10,
                                                   .recall_thresholds = coco_recalls,
                                                   .recall_threshold_count = 101,
                                                   .max_detections = coco_most,
                                                   .max_detection_count = 3,
                                                   .area_ranges = coco_areas,
                                                   .area_range_count = 4,
                                                   .keep_ids = true,
                                                   .threads = 1};
}

static uint64_t put(struct side *side, uint32_t image, uint32_t category, double x, double y,
                    double w, double h, double score)
{
    uint64_t i = side->objects.count++;
    side->image[i] = image;
    side->category[i] = category;
    side->score[i] = score;
    side->box[i][0] = x;
    side->box[i][1] = y;
    side->box[i][2] = w;
    side->box[i][3] = h;
    side->area[i] = w * h;
    side->crowd[i] = side->ignore[i] = 0;
    return i;
}

static uint64_t truth(uint32_t image, uint32_t category, double x, double y, double w, double h)
{
    return put(&scene.truths, image, category, x, y, w, h, 0);
}

static uint64_t found(uint32_t image, uint32_t category, double x, double y, double w, double h,
                      double score)
{
    return put(&scene.detections, image, category, x, y, w, h, score);
}

/* Boxes on a coarse grid, so that much is alike. */
static void draw_truths(uint32_t count, uint32_t spread)
{
    static const double areas[] = {1024, 9216, 500, 2000};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t g = truth(draw(scene.options.image_count), draw(scene.options.category_count),
                           draw(spread), draw(spread), 1 + draw(12) * 4, draw(9) * 5);
        scene.truths.crowd[g] = draw(8) == 0;
        scene.truths.ignore[g] = draw(10) == 0;
        if (draw(2) == 0)
            scene.truths.area[g] = areas[draw(4)];
    }
}

static void draw_detections(uint32_t count, uint32_t spread)
{
    for (uint32_t i = 0; i < count; i++) {
        double score = draw(3) == 0 ? draw(5) / 4.0 : draw(1000000) / 1e6;
        score = draw(20) == 0 ? -0.0 : score;
        if (scene.truths.objects.count > 0 && draw(10) < 7) {
            uint32_t g = draw((uint32_t)scene.truths.objects.count);
            const double *box = scene.truths.box[g];
            found(scene.truths.image[g],
                  draw(5) == 0 ? draw(scene.options.category_count) : scene.truths.category[g],
                  box[0] + draw(3), box[1] + draw(2), box[2] * (8 + draw(4)) / 10,
                  box[3] * (8 + draw(4)) / 10, score);
        } else {
            found(draw(scene.options.image_count), draw(scene.options.category_count), draw(spread),
                  draw(spread), draw(50), draw(50), score);
        }
    }
}

static struct vdt_matches *match(void)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_matches *matches = NULL;
    if (vdt_detection_match(&scene.options, &scene.truths.objects, &scene.detections.objects,
                            &matches, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return matches;
}

static struct vdt_detection_scores *accumulate(const struct vdt_matches *matches,
                                               const uint32_t *weights)
{
    struct vdt_detection_scores *scores = NULL;
    assert_int_equal(vdt_detection_accumulate(matches, weights, &scores, NULL), VDT_OK);
    return scores;
}

static void assert_same(const char *what, const double *have, const double *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&have[i], &want[i], sizeof *have) != 0)
            fail_msg("%s[%zu]: %.17g, not %.17g", what, i, have[i], want[i]);
}

static void assert_outcomes(const struct oracle *oracle, const struct vdt_matches *matches)
{
    size_t n = scene.detections.objects.count;
    for (size_t t = 0; t < oracle->T; t++)
        for (size_t a = 0; a < oracle->A; a++) {
            const uint32_t *matched = oracle->matched + (t * oracle->A + a) * n;
            for (size_t d = 0; d < n; d++) {
                uint32_t g;
                assert_int_equal(vdt_detection_outcome(matches, d, t, a, &g),
                                 oracle->outcome[(t * oracle->A + a) * n + d]);
                assert_int_equal(g, matched[d]);
            }
            for (uint32_t g = 0; g < scene.truths.objects.count; g++) {
                bool ignored = oracle_ignored(oracle, g, a), hit = false;
                uint32_t d;
                for (size_t i = 0; i < n; i++)
                    hit |= matched[i] == g;
                enum vdt_outcome want = ignored ? VDT_OUTCOME_IGNORED
                                        : hit   ? VDT_OUTCOME_TRUE_POSITIVE
                                                : VDT_OUTCOME_FALSE_POSITIVE;
                assert_int_equal(vdt_detection_missed(matches, g, t, a, &d), want);
                assert_int_equal(d != VDT_NO_MATCH, hit);
                if (hit)
                    assert_int_equal(matched[d], g);
            }
        }
}

static void compare_with_oracle(bool outcomes)
{
    struct oracle oracle = {.options = &scene.options,
                            .truths = &scene.truths.objects,
                            .detections = &scene.detections.objects};
    oracle_run(&oracle);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *scores = accumulate(matches, NULL);
    size_t cells = oracle.T * oracle.K * oracle.A * oracle.M;
    assert_same("recall", vdt_detection_recall(scores), oracle.recall, cells);
    assert_same("precision", vdt_detection_precision(scores), oracle.precision, cells * oracle.R);
    assert_same("score", vdt_detection_score_at(scores), oracle.score_at, cells * oracle.R);
    if (outcomes)
        assert_outcomes(&oracle, matches);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
    oracle_clear(&oracle);
}

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

/* --- random cases ---------------------------------------------------------------------------- */

static void vary_options(void)
{
    static const uint32_t few[3] = {1, 2, 4}, one[1] = {3};
    static const double odd_recalls[5] = {-0.5, 0.3, 0.30000000000000004, 1, 1.5};
    uint32_t chance = draw(20);
    scene.options.coco_ignores_ignore = draw(2) == 0;
    scene.options.class_agnostic = draw(8) == 0;
    if (draw(3) == 0)
        scene.options.max_detections = few;
    if (draw(8) == 0) {
        scene.options.max_detections = one;
        scene.options.max_detection_count = 1;
    }
    if (chance < 3) { /* several lanes, not sorted, and the ends of what there can be */
        scene.options.iou_threshold_count = 1 + draw(36);
        for (size_t t = 0; t < scene.options.iou_threshold_count; t++)
            scene.thresholds[t] = draw(8) == 0 ? draw(2) : draw(1000) / 1000.0;
        scene.options.iou_thresholds = scene.thresholds;
    }
    if (chance == 4) {
        scene.options.recall_thresholds = odd_recalls;
        scene.options.recall_threshold_count = 5;
    }
}

static void test_random_cases(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        start(seed, 1 + draw(5), 1 + draw(4));
        vary_options();
        draw_truths(draw(25), 60);
        draw_detections(draw(40), 60);
        if (draw(6) == 0)
            scene.truths.objects.crowd = NULL;
        compare_with_oracle(seed % 4 == 0);
    }
}

static void test_random_lvis(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CASES / 8; seed++) {
        start(seed, 3, 3);
        struct vdt_image_category open[4];
        for (int i = 0; i < 4; i++)
            open[i] = (struct vdt_image_category){draw(3), draw(3)};
        scene.options.not_exhaustive = open;
        scene.options.not_exhaustive_count = draw(5);
        draw_truths(draw(15), 60);
        draw_detections(draw(30), 60);
        compare_with_oracle(true);
    }
}

/* Cells that take the ways of many objects: strips of boxes, radix sort. */
static void test_dense_cells(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        static const uint32_t most[2] = {50, 1000};
        start(seed, 2, 1);
        scene.options.max_detections = most;
        scene.options.max_detection_count = 2;
        draw_truths(300, seed % 2 == 0 ? 1000 : 60);
        for (int i = 0; i < 3; i++) /* a few that are much wider than the others */
            truth(0, 0, draw(100), draw(900), 800, 30);
        draw_detections(500, 1000);
        if (seed == 3)
            for (uint64_t i = 0; i < scene.detections.objects.count; i++)
                scene.detections.score[i] = 0.5 + draw(3) * 1e-12;
        compare_with_oracle(false);
    }
}

static void test_threads_do_not_show(void **state)
{
    (void)state;
    start(7, 40, 6);
    scene.options.keep_ids = true;
    draw_truths(3000, 300);
    draw_detections(36000, 300);
    size_t count = 10 * 101 * 6 * 4 * 3;
    struct vdt_matches *one = match();
    struct vdt_detection_scores *want = accumulate(one, NULL);
    for (uint32_t threads = 2; threads <= 5; threads += 3) {
        scene.options.threads = threads;
        struct vdt_matches *many = match();
        struct vdt_detection_scores *have = accumulate(many, NULL);
        assert_memory_equal(vdt_detection_precision(have), vdt_detection_precision(want),
                            count * sizeof(double));
        assert_memory_equal(vdt_detection_score_at(have), vdt_detection_score_at(want),
                            count * sizeof(double));
        assert_int_equal(many->rows, one->rows);
        assert_memory_equal(many->outcomes, one->outcomes, one->rows * 4 * sizeof *one->outcomes);
        assert_memory_equal(many->detection, one->detection, one->rows * sizeof *one->detection);
        for (uint64_t d = 0; d < scene.detections.objects.count; d++) {
            uint32_t a, b;
            vdt_detection_outcome(one, d, 0, 0, &a);
            vdt_detection_outcome(many, d, 0, 0, &b);
            assert_int_equal(a, b);
        }
        vdt_detection_scores_free(have);
        vdt_matches_free(many);
    }
    vdt_detection_scores_free(want);
    vdt_matches_free(one);
}

/* --- weights --------------------------------------------------------------------------------- */

static void assert_same_scores(const struct vdt_detection_scores *have,
                               const struct vdt_detection_scores *want)
{
    struct vdt_detection_shape shape = vdt_detection_shape(want);
    size_t cells = shape.thresholds * shape.categories * shape.areas * shape.max_detections;
    assert_same("recall", vdt_detection_recall(have), vdt_detection_recall(want), cells);
    assert_same("precision", vdt_detection_precision(have), vdt_detection_precision(want),
                cells * shape.recalls);
    assert_same("score", vdt_detection_score_at(have), vdt_detection_score_at(want),
                cells * shape.recalls);
}

/* Images of weight 0 are as if they were not there; those of weight 2 as if they were twice. */
static void test_weights(void **state)
{
    (void)state;
    enum { IMAGES = 5 };
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint32_t weights[IMAGES], images = 0;
        start(seed, IMAGES, 2);
        draw_truths(25, 60);
        draw_detections(60, 60);
        for (uint64_t i = 0; i < scene.detections.objects.count; i++)
            scene.detections.score[i] = 0.001 * (double)(i * 37 % 101); /* no two are equal */
        for (int i = 0; i < IMAGES; i++)
            weights[i] = draw(3);
        struct vdt_matches *matches = match();
        struct vdt_detection_scores *have = accumulate(matches, weights);
        vdt_matches_free(matches);
        for (int side = 0; side < 2; side++) {
            struct side *s = side == 0 ? &scene.truths : &scene.detections;
            uint64_t count = s->objects.count;
            for (uint64_t i = 0; i < count; i++) {
                if (weights[s->image[i]] == 2) {
                    uint64_t twin = put(s, s->image[i] + IMAGES, s->category[i], s->box[i][0],
                                        s->box[i][1], s->box[i][2], s->box[i][3], s->score[i]);
                    s->area[twin] = s->area[i];
                    s->crowd[twin] = s->crowd[i];
                    s->ignore[twin] = s->ignore[i];
                }
            }
        }
        /* Images without weight go where no category is looked at. */
        scene.options.image_count = 2 * IMAGES;
        scene.options.category_count = 3;
        for (int side = 0; side < 2; side++) {
            struct side *s = side == 0 ? &scene.truths : &scene.detections;
            for (uint64_t i = 0; i < s->objects.count; i++)
                if (s->image[i] < IMAGES && weights[s->image[i]] == 0)
                    s->category[i] = 2;
        }
        matches = match();
        struct vdt_detection_scores *all = accumulate(matches, NULL);
        struct vdt_detection_shape shape = vdt_detection_shape(have);
        for (size_t row = 0; row < shape.thresholds * shape.recalls; row++) {
            assert_same("precision", vdt_detection_precision(have) + row * 2 * 12,
                        vdt_detection_precision(all) + row * 3 * 12, 2 * 12);
            assert_same("score", vdt_detection_score_at(have) + row * 2 * 12,
                        vdt_detection_score_at(all) + row * 3 * 12, 2 * 12);
        }
        for (size_t row = 0; row < shape.thresholds; row++)
            assert_same("recall", vdt_detection_recall(have) + row * 2 * 12,
                        vdt_detection_recall(all) + row * 3 * 12, 2 * 12);
        for (int i = 0; i < IMAGES; i++)
            images += weights[i];
        assert_true(images <= 2 * IMAGES);
        vdt_matches_free(matches);
        vdt_detection_scores_free(have);
        vdt_detection_scores_free(all);
    }
}

static void test_weights_of_one(void **state)
{
    (void)state;
    const uint32_t ones[3] = {1, 1, 1};
    start(3, 3, 2);
    draw_truths(20, 60);
    draw_detections(60, 60);
    struct vdt_matches *matches = match();
    struct vdt_detection_scores *have = accumulate(matches, ones),
                                *want = accumulate(matches, NULL);
    assert_same_scores(have, want);
    vdt_detection_scores_free(have);
    vdt_detection_scores_free(want);
    vdt_matches_free(matches);
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
                 {1000, 0x1.df11f45f4e61ap+2}, {5000, 0x1.2306376e18052p+3}};
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
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weights_of_one),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_dense_cells),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_random_lvis),
        cmocka_unit_test(test_random_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

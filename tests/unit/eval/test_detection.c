/* COCO's protocol against the slow one of coco_oracle.h, on random cases. */
#include "detections.h"

#include "coco_oracle.h"

#if defined(__SANITIZE_ADDRESS__) || defined(FEW_CASES) /* tests/mutations */
enum { CASES = 300 };
#else
enum { CASES = 4000 };
#endif

static uint32_t draw(uint32_t below)
{
    scene.random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = scene.random;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) >> 33) % below;
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
        uint32_t weights[IMAGES];
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
        for (size_t k = 0; k < 2; k++) {
            struct vdt_detection_category one, other;
            assert_true(vdt_detection_category(have, k, &one));
            assert_true(vdt_detection_category(all, k, &other));
            assert_int_equal(one.detections, other.detections);
            assert_int_equal(one.ground_truths, other.ground_truths);
        }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),     cmocka_unit_test(test_weights_of_one),
        cmocka_unit_test(test_dense_cells), cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_random_lvis), cmocka_unit_test(test_random_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

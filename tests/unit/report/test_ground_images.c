/* Images of objects that could match: the scores are those of one image with all of them. */
#include "tiled.h"

/* Predictions are ground truth that was moved, or something else. */
static void guess(const struct scene *truth, struct scene *found, uint64_t seed)
{
    *found = (struct scene){0};
    for (size_t i = 0; i < truth->count; i++) {
        uint64_t n = vdt_mix2(seed, i);
        size_t copies = n % 7 == 0 ? 0 : n % 7 == 1 ? 2 : 1;
        for (size_t k = 0; k < copies; k++) {
            double *box = found->box[found->count];
            for (int axis = 0; axis < 2; axis++) {
                double move = rint(8 * vdt_unit(vdt_mix2(n, 10 * k + (uint64_t)axis)) - 4);
                box[axis] = fmax(0, truth->box[i][axis] + move);
                box[axis + 2] = fmin(SCENE, truth->box[i][axis + 2] + move);
            }
            found->category[found->count] = n % 11 == 0 ? 2 : truth->category[i];
            found->score[found->count++] = 0.05 + 0.9 * vdt_unit(vdt_mix2(n, 77 + k));
        }
    }
}

static void score_of(const struct vdt_objects *truth, const struct vdt_objects *found,
                     uint32_t images, double stats[12])
{
    static const uint32_t all[] = {UINT32_MAX};
    struct vdt_error error = {0};
    struct vdt_matches *matches = NULL;
    struct vdt_detection_scores *scores = NULL;
    const struct vdt_detection_options options = {.image_count = images,
                                                  .category_count = 3,
                                                  .max_detections = all,
                                                  .max_detection_count = 1};
    if (vdt_detection_match(&options, truth, found, &matches, &error) != VDT_OK ||
        vdt_detection_accumulate(matches, NULL, &scores, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_detection_stats(scores, stats);
    vdt_detection_scores_free(scores);
    vdt_matches_free(matches);
}

static void merge_both(const struct scene *truth, const struct scene *found, uint32_t size,
                       uint32_t stride, enum kind kind, struct vdt_ground_merged **merged)
{
    struct tiled *tiled = new_tiled();
    lay_tiles(tiled, rotated, size, stride);
    cut(tiled, truth, kind, false);
    merged[0] = merge_tiled(tiled, false, true, 2);
    cut(tiled, found, kind, true);
    merged[1] = merge_tiled(tiled, false, false, 2);
    free_tiled(tiled);
}

static void scores_do_not_depend_on_tiles(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{512, 512}, {128, 64}, {256, 128}, {256, 256}, {128, 96}};
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *truth = calloc(1, sizeof *truth), *found = calloc(1, sizeof *found);
        assert_non_null(truth);
        assert_non_null(found);
        scatter(truth, 3, kind == MASKS ? 50 : 140);
        guess(truth, found, 9);
        double expected[12];
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct vdt_ground_merged *merged[2];
            double one[12], many[12];
            uint32_t images = 0;
            merge_both(truth, found, sizes[i][0], sizes[i][1], (enum kind)kind, merged);
            assert_int_equal(vdt_ground_objects(merged[0])->count, truth->count);
            /* All objects of the area in one image, which is what the area is. */
            score_of(vdt_ground_objects(merged[0]), vdt_ground_objects(merged[1]), 1, one);
            assert_int_equal(vdt_ground_images(merged[0], merged[1], 0, &images, NULL), VDT_OK);
            assert_true(images > truth->count / 2);
            score_of(vdt_ground_objects(merged[0]), vdt_ground_objects(merged[1]), images, many);
            assert_true(one[0] > 0.1 && one[0] < 0.95);
            assert_memory_equal(one, many, sizeof one);
            if (i == 0)
                memcpy(expected, one, sizeof one);
            /* Without overlap a moved prediction may end at a border by chance. */
            if (sizes[i][0] != sizes[i][1] || i == 0)
                assert_memory_equal(one, expected, sizeof one);
            vdt_ground_merged_free(merged[0]);
            vdt_ground_merged_free(merged[1]);
        }
        free(truth);
        free(found);
    }
}

/* Ground of which nothing is known: detections in it are neither right nor wrong. */
static void unknown_ground_is_ignored(void **state)
{
    (void)state;
    struct tiled *tiled = new_tiled();
    struct scene *scene = calloc(1, sizeof *scene);
    struct vdt_ground_merged *truth, *found;
    uint32_t images = 0;
    assert_non_null(scene);
    const double boxes[][4] = {{10, 10, 30, 30}, {100, 0, 200, 512}};
    const uint32_t categories[] = {1, VDT_GROUND_ANY};
    lay_tiles(tiled, north_up, 128, 128);
    for (size_t i = 0; i < 2; i++) {
        memcpy(scene->box[i], boxes[i], sizeof boxes[i]);
        scene->category[scene->count++] = categories[i];
    }
    cut(tiled, scene, BOXES, false);
    truth = merge_tiled(tiled, false, true, 1);
    const double found_boxes[][4] = {{10, 10, 30, 31},
                                     {120, 120, 140, 140},
                                     {150, 300, 160, 310},
                                     {195, 60, 215, 80},
                                     {300, 300, 310, 310}};
    const uint32_t found_categories[] = {1, 0, 2, 2, 2};
    scene->count = 0;
    for (size_t i = 0; i < 5; i++) {
        memcpy(scene->box[i], found_boxes[i], sizeof found_boxes[i]);
        scene->category[i] = found_categories[i];
        scene->score[i] = 0.9 - 0.1 * (double)i;
        scene->count++;
    }
    cut(tiled, scene, BOXES, true);
    found = merge_tiled(tiled, false, false, 1);
    assert_int_equal(vdt_ground_objects(found)->count, 5);
    assert_int_equal(vdt_ground_images(truth, found, 0, &images, NULL), VDT_OK);
    const struct vdt_objects *objects = vdt_ground_objects(truth);
    assert_int_equal(images, 3);         /* the object, the unknown ground, the last prediction */
    assert_int_equal(objects->count, 3); /* the unknown ground twice: for categories 0 and 2 */
    struct vdt_matches *matches = NULL;
    static const double half[] = {0.5};
    const struct vdt_detection_options options = {.image_count = images,
                                                  .category_count = 3,
                                                  .keep_ids = true,
                                                  .iou_thresholds = half,
                                                  .iou_threshold_count = 1};
    assert_int_equal(
        vdt_detection_match(&options, objects, vdt_ground_objects(found), &matches, NULL), VDT_OK);
    /* By category, then score: 120, 10, 150, 195, 300. */
    static const enum vdt_outcome expected[] = {VDT_OUTCOME_IGNORED, VDT_OUTCOME_TRUE_POSITIVE,
                                                VDT_OUTCOME_IGNORED, VDT_OUTCOME_FALSE_POSITIVE,
                                                VDT_OUTCOME_FALSE_POSITIVE};
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(vdt_detection_outcome(matches, i, 0, 0, NULL), expected[i]);
    vdt_matches_free(matches);
    vdt_ground_merged_free(truth);
    vdt_ground_merged_free(found);
    free_tiled(tiled);
    free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_do_not_depend_on_tiles),
        cmocka_unit_test(unknown_ground_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

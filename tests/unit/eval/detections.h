/* Cases of detection tests, made one object at a time. */
#ifndef TEST_DETECTIONS_H
#define TEST_DETECTIONS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eval/accumulate.h"
#include "eval/match.h"

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

#endif

/* Protocols of detection: COCO, Striveworks valor (the service, 0.33), Pascal VOC, DOTA. */
#include "eval/protocol.h"

#include <float.h>
#include <math.h>

/* numpy.linspace(.5, .95, 10): not 0.5 + 0.05 * k, which differs in the last bit at two places. */
static const double coco_thresholds[] = {0x1p-1,
                                         0x1.199999999999ap-1,
                                         0x1.3333333333333p-1,
                                         0x1.4cccccccccccdp-1,
                                         0x1.6666666666666p-1,
                                         0x1.8p-1,
                                         0x1.999999999999ap-1,
                                         0x1.b333333333333p-1,
                                         0x1.cccccccccccccp-1,
                                         0x1.e666666666666p-1};
static const double valor_thresholds[] = {.5, .55, .6, .65, .7, .75, .8, .85, .9, .95};
static const double voc_thresholds[] = {.5};

static const struct vdt_protocol_rules all_rules[] = {
    [VDT_PROTOCOL_COCO] = {.epsilon = DBL_EPSILON,
                           .below_one = 1 - 1e-10,
                           .thresholds = coco_thresholds,
                           .threshold_count = 10,
                           .recall_count = 101,
                           .recall_step = .01,
                           .areas_and_limits = true},
    [VDT_PROTOCOL_VALOR] = {.best_only = true,
                            .no_flags = true,
                            .positive_scores = true,
                            .near_recall = true,
                            .below_one = 1,
                            .thresholds = valor_thresholds,
                            .threshold_count = 10,
                            .recall_count = 101,
                            .recall_step = .01},
    [VDT_PROTOCOL_VOC07] = {.best_only = true,
                            .below_one = 1,
                            .thresholds = voc_thresholds,
                            .threshold_count = 1,
                            .recall_count = 11,
                            .recall_step = .1},
    [VDT_PROTOCOL_VOC12] = {.best_only = true,
                            .exact_area = true,
                            .below_one = 1,
                            .thresholds = voc_thresholds,
                            .threshold_count = 1,
                            .recall_count = 101,
                            .recall_step = .01},
    [VDT_PROTOCOL_DOTA] = {.best_only = true,
                           .above = true,
                           .below_one = 1,
                           .thresholds = voc_thresholds,
                           .threshold_count = 1,
                           .recall_count = 11,
                           .recall_step = .1}};

const struct vdt_protocol_rules *vdt_protocol_rules(enum vdt_detection_protocol protocol)
{
    return &all_rules[protocol];
}

double vdt_protocol_limit(const struct vdt_protocol_rules *rules, double threshold)
{
    /* As pycocotools: an IoU of 1 that is rounded down still matches at threshold 1. */
    double limit = threshold < rules->below_one ? threshold : rules->below_one;
    return rules->above ? nextafter(limit, INFINITY) : limit;
}

static bool reaches(const struct vdt_protocol_rules *rules, double recall, double wanted)
{
    if (recall >= wanted)
        return true;
    /* Python's math.isclose. */
    return rules->near_recall && wanted - recall <= 1e-9 * wanted;
}

uint32_t vdt_protocol_needed(const struct vdt_protocol_rules *rules, double wanted, double truths)
{
    if (!(wanted > 0))
        return 0;
    if (wanted > 1 && !reaches(rules, 1, wanted))
        return UINT32_MAX;
    double count = wanted * truths;
    uint32_t needed = count < 1 ? 0 : (uint32_t)count - 1;
    while (!reaches(rules, (double)needed / truths, wanted))
        needed++;
    return needed;
}

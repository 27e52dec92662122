/* What protocols of detection differ in, as data. */
#ifndef EVAL_PROTOCOL_H
#define EVAL_PROTOCOL_H

#include <vedatile/detection.h>

struct vdt_protocol_rules {
    bool best_only;       /* a detection matches the ground truth that it overlaps most, or none;
                             of equal ones the first. Otherwise COCO's rule: the best that is left,
                             of equal ones the last */
    bool above;           /* IoU has to be above the threshold, not at it */
    bool no_flags;        /* crowd and ignore have no effect */
    bool positive_scores; /* a score of 0 finds nothing */
    bool near_recall;     /* a recall that is missed by less than a part in 10^9 is reached */
    bool exact_area;  /* average precision is the area under the curve, not a mean over recalls */
    double epsilon;   /* of 0 / 0 in precision */
    double below_one; /* the highest threshold that is asked for */
    const double *thresholds;
    size_t threshold_count;
    size_t recall_count; /* multiples of 1 / (recall_count - 1) */
    double recall_step;
    bool areas_and_limits; /* COCO's ranges of areas and numbers of detections; else all of both */
};

/* Of a protocol that there is. */
const struct vdt_protocol_rules *vdt_protocol_rules(enum vdt_detection_protocol protocol);

/* The lowest IoU that reaches a threshold. */
double vdt_protocol_limit(const struct vdt_protocol_rules *rules, double threshold);

/* The fewest true positives of `truths` whose recall reaches `wanted`; UINT32_MAX: there are none.
 */
uint32_t vdt_protocol_needed(const struct vdt_protocol_rules *rules, double wanted, double truths);

#endif

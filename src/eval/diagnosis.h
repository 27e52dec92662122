/* A diagnosis from inside. */
#ifndef EVAL_DIAGNOSIS_H
#define EVAL_DIAGNOSIS_H

#include <vedatile/diagnosis.h>

#include "eval/match.h"

struct vdt_diagnosed {
    double iou;
    double score;
    uint32_t truth; /* or VDT_NO_MATCH */
    uint32_t category;
    enum vdt_finding finding;
};

struct vdt_diagnosis {
    enum vdt_detection_protocol protocol;
    uint32_t categories;         /* of the input */
    uint32_t matched_categories; /* 1 when class-agnostic */
    uint64_t detections, truths;
    struct vdt_diagnosed *found; /* [detections] */
    uint32_t *order;             /* [detections] by falling score, then order of input */
    uint32_t *by_category;       /* [detections] by category, then as `order` */
    uint64_t *category_rows;     /* [categories + 2] into by_category */
    uint64_t *category_truths;   /* [categories]: ground truth that counts */
    uint8_t *truth_state;        /* [truths]: enum vdt_truth_state */
    uint32_t *truth_category;    /* [truths] */
    uint64_t *confusion;         /* [categories + 1][categories + 1] */
    struct vdt_tide tide;
};

/* Fills tide. */
vdt_status vdt_tide_fill(const struct vdt_matches *matches, struct vdt_diagnosis *diagnosis,
                         struct vdt_error *error);

#endif

/* The table of matches: what became of every detection at every threshold and in every range of
 * areas. Made once by vdt_detection_match; whatever is scored or reported afterwards reads it. */
#ifndef EVAL_MATCH_H
#define EVAL_MATCH_H

#include <vedatile/detection.h>

#include "eval/protocol.h"

/* Thresholds are looked at this many at a time, as bits of one word: a lane. */
enum { VDT_LANE = 16 };

/* One row in one range of areas and one lane. Bit t: at that threshold of the lane. Neither bit: a
 * false positive. Both: it matched ground truth that is ignored. */
struct vdt_outcomes {
    uint16_t matched;
    uint16_t ignored;
};

/* With keep_ids: a row, a ground truth (its index in the input), and at which thresholds they
 * matched. */
struct vdt_match_pair {
    uint32_t row;
    uint32_t ground_truth;
    uint16_t area;
    uint16_t lane;
    uint16_t bits;
};

/* The options as they are used: no defaults are left, nothing is borrowed. */
struct vdt_match_options {
    enum vdt_detection_protocol protocol;
    const struct vdt_protocol_rules *rules; /* of the protocol */
    uint32_t images;
    uint32_t categories; /* 1 when class-agnostic */
    uint32_t input_categories;
    bool class_agnostic;
    bool coco_ignores_ignore;
    bool federated;
    bool keep_ids;
    uint32_t max_per_image;
    uint32_t threads;
    size_t threshold_count;
    size_t lanes; /* of thresholds */
    size_t recall_count;
    size_t area_count;
    size_t max_count;
    double *thresholds; /* one allocation has all four */
    double *recalls;
    double (*areas)[2];
    uint32_t *max_detections; /* rising */
    /* Keys (vdt_cell_key) in rising order. */
    uint64_t *not_exhaustive;
    size_t not_exhaustive_count;
    uint64_t *negative;
    size_t negative_count;
};

/* Rows are the detections that are not left out: by category, then highest score, then image, then
 * their order within image and category. */
struct vdt_matches {
    struct vdt_match_options options;
    uint64_t detections;    /* in the input */
    uint64_t ground_truths; /* in the input */
    uint64_t rows;
    uint64_t *category_rows; /* [categories + 1]: where those of a category begin */
    uint32_t *detection;     /* [rows]: index in the input */
    uint32_t *image;         /* [rows] */
    uint32_t *rank;          /* [rows]: place by score among those of its image and category */
    double *score;           /* [rows] */
    struct vdt_outcomes *outcomes; /* [rows][areas][lanes] */
    /* Ground truth by category, then image, then order of input. */
    uint64_t *category_truths; /* [categories + 1] */
    uint32_t *truth;           /* [ground_truths]: index in the input */
    uint32_t *truth_image;     /* [ground_truths] */
    uint64_t *truth_ignored;   /* [ground_truths]: bit a: ignored in range a */
    /* Only with keep_ids. */
    uint32_t *row_of;             /* [detections]: UINT32_MAX: left out */
    uint32_t *truth_of;           /* [ground_truths]: place in the arrays above */
    struct vdt_match_pair *pairs; /* by row */
    uint64_t *row_pairs;          /* [rows + 1] into pairs */
    uint32_t *truth_pair;         /* indices into pairs, by place of the ground truth, then rank */
    uint64_t *truth_pairs;        /* [ground_truths + 1] into truth_pair */
};

/* Outcomes of a row: [areas][lanes]. */
static inline const struct vdt_outcomes *vdt_match_outcomes(const struct vdt_matches *matches,
                                                            uint64_t row)
{
    return matches->outcomes + row * matches->options.area_count * matches->options.lanes;
}

/* The ground truth (index in the input) that a row matched, or VDT_NO_MATCH; needs keep_ids. */
uint32_t vdt_match_truth(const struct vdt_matches *matches, uint64_t row, size_t threshold,
                         size_t area);

/* Which ranges of areas `area` is outside of, as bits; both ends of a range are inside. */
uint64_t vdt_match_outside(const struct vdt_match_options *options, double area);

#endif

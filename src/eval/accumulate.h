/* The scores of a table of matches. */
#ifndef EVAL_ACCUMULATE_H
#define EVAL_ACCUMULATE_H

#include "eval/match.h"

struct vdt_detection_scores {
    struct vdt_detection_shape shape;
    double *thresholds;       /* [T] */
    uint32_t *max_detections; /* [M] */
    size_t limits;            /* M, or 1 where only averages are wanted: of the last one */
    double *precision;        /* [T][R][K][A][limits] */
    double *score_at;         /* [T][R][K][A][M]; NULL where only averages are wanted */
    double *recall;           /* [T][K][A][M] */
    double *average;          /* [T][K][A][M]: average precision, where it is not the mean over R;
                                 else NULL */
    uint64_t *truths;         /* [K]: those that count in the first range */
    uint64_t *detections;     /* [K]: rows */
};

/* `values` summed as NumPy's add.reduce does it; read(context) hands them out in order. */
double vdt_pairwise_sum(size_t count, double (*read)(void *context), void *context);

#endif

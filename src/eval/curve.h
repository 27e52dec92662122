/* Samples by falling score: what curves, areas under them and average precision are made of. */
#ifndef EVAL_CURVE_H
#define EVAL_CURVE_H

#include <stdint.h>
#include <vedatile/scores.h>

/* One sample as a class sees it. */
struct vdt_ranked {
    double score;
    uint32_t weight;
    uint8_t truth; /* 0 or 1 */
};

struct vdt_curve_areas {
    double roc_auc;           /* NaN without both kinds */
    double average_precision; /* NaN without a true one */
};

/* Sorts `ranked`, highest scores first; the order of equal ones means nothing. */
void vdt_curve_sort(struct vdt_ranked *ranked, uint64_t count);

/* From sorted samples: their points, one for each distinct score. Returns how many. */
uint64_t vdt_curve_points(const struct vdt_ranked *ranked, uint64_t count,
                          struct vdt_curve_point *points);

struct vdt_curve_areas vdt_curve_areas(const struct vdt_ranked *ranked, uint64_t count);

#endif

/* Does a confidence of 0.8 mean right in 8 of 10 cases? Counted in bins of the confidence. */
#ifndef EVAL_CALIBRATION_H
#define EVAL_CALIBRATION_H

#include <stdint.h>
#include <vedatile/scores.h>

struct vdt_calibration {
    uint32_t bin_count;
    struct vdt_calibration_sum {
        uint64_t count;
        double confidence, right; /* sums */
    } * bins;
    double squares; /* of the Brier score, over `samples` */
    uint64_t samples;
};

/* What a number of bins that was asked for means. */
uint32_t vdt_calibration_bins(uint32_t asked);

vdt_status vdt_calibration_start(struct vdt_calibration *calibration, uint32_t bins_asked,
                                 struct vdt_error *error);
void vdt_calibration_add(struct vdt_calibration *calibration, double confidence, int right,
                         uint32_t weight);
/* Fills ece, mce and brier, and `bins` unless NULL. */
void vdt_calibration_score(const struct vdt_calibration *calibration,
                           struct vdt_classification_scores *scores,
                           struct vdt_calibration_bin *bins);
void vdt_calibration_clear(struct vdt_calibration *calibration);

#endif

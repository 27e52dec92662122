/* Calibration in bins of equal width. */
#include "eval/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"

enum { USUAL_BINS = 15 };

uint32_t vdt_calibration_bins(uint32_t asked)
{
    return asked ? asked : USUAL_BINS;
}

vdt_status vdt_calibration_start(struct vdt_calibration *calibration, uint32_t bins_asked,
                                 struct vdt_error *error)
{
    const uint32_t count = vdt_calibration_bins(bins_asked);
    *calibration = (struct vdt_calibration){.bin_count = count};
    calibration->bins = vdt_allocate_zero(count, sizeof *calibration->bins);
    return calibration->bins ? VDT_OK : vdt_fail_memory(error, "calibration");
}

void vdt_calibration_clear(struct vdt_calibration *calibration)
{
    free(calibration->bins);
    calibration->bins = NULL;
}

/* Edges are i / n as a division has them, so that 0.2 is in (0.1, 0.2] of ten. */
static uint32_t bin_of(const struct vdt_calibration *calibration, double confidence)
{
    const double count = calibration->bin_count;
    uint32_t bin = (uint32_t)fmin(ceil(confidence * count), count);
    bin = bin ? bin - 1 : 0;
    if (bin > 0 && confidence <= bin / count)
        bin--;
    else if (bin + 1 < calibration->bin_count && confidence > (bin + 1) / count)
        bin++;
    return bin;
}

void vdt_calibration_add(struct vdt_calibration *calibration, double confidence, int right,
                         uint32_t weight)
{
    struct vdt_calibration_sum *bin = &calibration->bins[bin_of(calibration, confidence)];
    bin->count += weight;
    bin->confidence += confidence * weight;
    bin->right += right ? weight : 0;
}

void vdt_calibration_score(const struct vdt_calibration *calibration,
                           struct vdt_classification_scores *scores,
                           struct vdt_calibration_bin *bins)
{
    uint64_t count = 0;
    double expected = 0, largest = 0;
    for (uint32_t i = 0; i < calibration->bin_count; i++) {
        const struct vdt_calibration_sum *bin = &calibration->bins[i];
        if (bins)
            bins[i] = (struct vdt_calibration_bin){bin->count, NAN, NAN};
        if (bin->count == 0)
            continue;
        const double gap = fabs(bin->right - bin->confidence);
        expected += gap;
        largest = fmax(largest, gap / (double)bin->count);
        count += bin->count;
        if (bins) {
            bins[i].confidence = bin->confidence / (double)bin->count;
            bins[i].right = bin->right / (double)bin->count;
        }
    }
    scores->ece = count ? expected / (double)count : NAN;
    scores->mce = count ? largest : NAN;
    scores->brier =
        calibration->samples ? calibration->squares / (double)calibration->samples : NAN;
}

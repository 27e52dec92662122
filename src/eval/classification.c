/* Scores of classification: counts by class, curves by class, calibration. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/calibration.h"
#include "eval/curve.h"

enum { NOT_KNOWN = 255 };

/* --- input -------------------------------------------------------------------------------- */

static uint32_t weight_of(const struct vdt_classification_input *input, uint64_t sample)
{
    return input->weights ? input->weights[sample] : 1;
}

static const double *scores_of(const struct vdt_classification_input *input, uint64_t sample)
{
    return input->scores + sample * input->class_count;
}

static vdt_status check_class(int32_t class_id, uint32_t class_count, uint64_t sample,
                              const char *what, struct vdt_error *error)
{
    if (class_id >= -1 && class_id < (int64_t)class_count)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "sample %llu: %s class %d of %u classes",
                    (unsigned long long)sample, what, class_id, class_count);
}

static vdt_status check_scores(const struct vdt_classification_input *input, uint64_t sample,
                               struct vdt_error *error)
{
    const double *scores = scores_of(input, sample);
    if (isnan(scores[0]))
        return VDT_OK;
    for (uint32_t c = 0; c < input->class_count; c++)
        if (!(scores[c] >= 0 && scores[c] <= 1))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "sample %llu: score %g of class %u; 0 to 1 is wanted",
                            (unsigned long long)sample, scores[c], c);
    return VDT_OK;
}

static vdt_status check_truths(const struct vdt_classification_input *input, uint64_t sample,
                               struct vdt_error *error)
{
    const uint8_t *truths = input->truths + sample * input->class_count;
    for (uint32_t c = 0; c < input->class_count; c++)
        if (truths[c] > 1 && truths[c] != NOT_KNOWN)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "sample %llu: truth %u of class %u; 0, 1 or 255 (not known) is wanted",
                            (unsigned long long)sample, truths[c], c);
    return VDT_OK;
}

static vdt_status check_input(const struct vdt_classification_input *input, struct vdt_error *error)
{
    if (input->class_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "classification: there are no classes");
    if (!input->truth == !input->truths)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "classification: truth or truths is wanted, and not both");
    if (!input->scores && (!input->predicted || input->truths))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "classification: scores are wanted");
    if (!(input->threshold >= 0 && input->threshold <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "classification: threshold %g; 0 to 1 is wanted",
                        input->threshold);
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; i < input->sample_count && status == VDT_OK; i++) {
        if (input->truth)
            status = check_class(input->truth[i], input->class_count, i, "true", error);
        else
            status = check_truths(input, i, error);
        if (status == VDT_OK && input->scores)
            status = check_scores(input, i, error);
        else if (status == VDT_OK)
            status = check_class(input->predicted[i], input->class_count, i, "predicted", error);
    }
    return status;
}

/* --- counts by class ---------------------------------------------------------------------- */

/* The class of the highest score, the first of equal ones; -1 when nothing is predicted. */
static int32_t highest(const struct vdt_classification_input *input, uint64_t sample)
{
    if (!input->scores)
        return input->predicted[sample];
    const double *scores = scores_of(input, sample);
    if (isnan(scores[0]))
        return -1;
    uint32_t best = 0;
    for (uint32_t c = 1; c < input->class_count; c++)
        if (scores[c] > scores[best])
            best = c;
    return scores[best] < input->threshold ? -1 : (int32_t)best;
}

struct totals {
    uint64_t samples, unpredicted, right;
};

static void count_single(const struct vdt_classification_input *input,
                         struct vdt_class_score *classes, uint64_t *confusion,
                         struct totals *totals)
{
    for (uint64_t i = 0; i < input->sample_count; i++) {
        const uint32_t weight = weight_of(input, i);
        const int32_t truth = input->truth[i];
        if (truth < 0)
            continue;
        const int32_t predicted = highest(input, i);
        totals->samples += weight;
        classes[truth].truths += weight;
        if (predicted < 0)
            totals->unpredicted += weight;
        else
            classes[predicted].predictions += weight;
        if (predicted == truth) {
            classes[truth].true_positives += weight;
            totals->right += weight;
        }
        if (confusion)
            confusion[(uint64_t)truth * (input->class_count + 1) +
                      (predicted < 0 ? input->class_count : (uint32_t)predicted)] += weight;
    }
    for (uint32_t c = 0; c < input->class_count; c++)
        classes[c].true_negatives = totals->samples - classes[c].truths - classes[c].predictions +
                                    classes[c].true_positives;
}

static void count_multiple(const struct vdt_classification_input *input,
                           struct vdt_class_score *classes, struct totals *totals)
{
    const double threshold = input->threshold > 0 ? input->threshold : 0.5;
    for (uint64_t i = 0; i < input->sample_count; i++) {
        const uint32_t weight = weight_of(input, i);
        const uint8_t *truths = input->truths + i * input->class_count;
        const double *scores = scores_of(input, i);
        const bool silent = isnan(scores[0]);
        bool known = false, right = true;
        for (uint32_t c = 0; c < input->class_count; c++) {
            if (truths[c] == NOT_KNOWN)
                continue;
            const bool predicted = !silent && scores[c] >= threshold;
            known = true;
            right = right && predicted == truths[c];
            classes[c].truths += truths[c] * weight;
            classes[c].predictions += predicted * weight;
            classes[c].true_positives += (truths[c] && predicted) * weight;
            classes[c].true_negatives += (!truths[c] && !predicted) * weight;
        }
        totals->samples += known * weight;
        totals->unpredicted += (known && silent) * weight;
        totals->right += (known && right && !silent) * weight;
    }
}

/* --- scores from counts ------------------------------------------------------------------- */

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static double harmonic(double precision, double recall)
{
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static void score_class(struct vdt_class_score *class)
{
    class->false_positives = class->predictions - class->true_positives;
    class->false_negatives = class->truths - class->true_positives;
    const bool nowhere = class->truths == 0 && class->predictions == 0;
    class->precision = nowhere ? NAN : ratio(class->true_positives, class->predictions);
    class->recall = nowhere ? NAN : ratio(class->true_positives, class->truths);
    class->f1 = nowhere ? NAN : harmonic(class->precision, class->recall);
    class->roc_auc = class->average_precision = NAN;
}

/* A mean over what is not NaN. */
struct mean {
    double sum;
    double weight;
};

static void mean_add(struct mean *mean, double value, double weight)
{
    if (!isnan(value)) {
        mean->sum += value * weight;
        mean->weight += weight;
    }
}

static double mean_of(const struct mean *mean)
{
    return mean->weight > 0 ? mean->sum / mean->weight : NAN;
}

static void score_all(const struct vdt_class_score *classes, uint32_t class_count,
                      struct vdt_classification_scores *scores)
{
    struct mean precision = {0}, recall = {0}, f1 = {0}, weighted = {0}, auc = {0}, average = {0};
    uint64_t right = 0, truths = 0, predictions = 0;
    for (uint32_t c = 0; c < class_count; c++) {
        const struct vdt_class_score *class = &classes[c];
        mean_add(&precision, class->precision, 1);
        mean_add(&recall, class->recall, 1);
        mean_add(&f1, class->f1, 1);
        mean_add(&weighted, class->f1, (double)class->truths);
        mean_add(&auc, class->roc_auc, 1);
        mean_add(&average, class->average_precision, 1);
        right += class->true_positives;
        truths += class->truths;
        predictions += class->predictions;
    }
    scores->precision = mean_of(&precision);
    scores->recall = mean_of(&recall);
    scores->f1 = mean_of(&f1);
    scores->weighted_f1 = mean_of(&weighted);
    scores->roc_auc = mean_of(&auc);
    scores->average_precision = mean_of(&average);
    scores->micro_precision = truths + predictions ? ratio(right, predictions) : NAN;
    scores->micro_recall = truths + predictions ? ratio(right, truths) : NAN;
    scores->micro_f1 =
        truths + predictions ? harmonic(scores->micro_precision, scores->micro_recall) : NAN;
}

/* --- curves and calibration --------------------------------------------------------------- */

/* 1, 0, or NOT_KNOWN: is the sample of that class? */
static uint8_t truth_of(const struct vdt_classification_input *input, uint64_t sample, uint32_t c)
{
    if (input->truths)
        return input->truths[sample * input->class_count + c];
    const int32_t truth = input->truth[sample];
    return truth < 0 ? NOT_KNOWN : truth == (int32_t)c;
}

/* The samples that class `c` can be ranked by. */
static uint64_t rank_class(const struct vdt_classification_input *input, uint32_t c,
                           struct vdt_ranked *ranked)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < input->sample_count; i++) {
        const double *scores = scores_of(input, i);
        const uint8_t truth = truth_of(input, i, c);
        if (truth != NOT_KNOWN && weight_of(input, i) > 0 && !isnan(scores[0]))
            ranked[count++] = (struct vdt_ranked){scores[c], weight_of(input, i), truth};
    }
    vdt_curve_sort(ranked, count);
    return count;
}

static vdt_status add_areas(const struct vdt_classification_input *input,
                            struct vdt_class_score *classes, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_ranked *ranked =
        vdt_allocate(input->sample_count, sizeof *ranked);
    if (!ranked)
        return vdt_fail_memory(error, "classification");
    for (uint32_t c = 0; c < input->class_count; c++) {
        const uint64_t count = rank_class(input, c, ranked);
        const struct vdt_curve_areas areas = vdt_curve_areas(ranked, count);
        classes[c].roc_auc = areas.roc_auc;
        classes[c].average_precision = areas.average_precision;
    }
    return VDT_OK;
}

static void calibrate_sample(const struct vdt_classification_input *input, uint64_t sample,
                             struct vdt_calibration *calibration)
{
    const double *scores = scores_of(input, sample);
    const uint32_t weight = weight_of(input, sample);
    if (isnan(scores[0]) || weight == 0)
        return;
    double squares = 0;
    uint32_t best = 0, known = 0;
    for (uint32_t c = 0; c < input->class_count; c++) {
        const uint8_t truth = truth_of(input, sample, c);
        if (truth == NOT_KNOWN)
            continue;
        known++;
        squares += (scores[c] - truth) * (scores[c] - truth);
        if (input->truths)
            vdt_calibration_add(calibration, scores[c], truth, weight);
        else if (scores[c] > scores[best])
            best = c;
    }
    if (known == 0)
        return;
    if (input->truth)
        vdt_calibration_add(calibration, scores[best], input->truth[sample] == (int32_t)best,
                            weight);
    calibration->squares += squares * weight;
    calibration->samples += weight;
}

static vdt_status calibrate(const struct vdt_classification_input *input,
                            struct vdt_classification_scores *scores,
                            struct vdt_calibration_bin *bins, struct vdt_error *error)
{
    vdt_cleanup(vdt_calibration_clear) struct vdt_calibration calibration;
    vdt_status status = vdt_calibration_start(&calibration, input->bin_count, error);
    for (uint64_t i = 0; i < input->sample_count && status == VDT_OK; i++)
        calibrate_sample(input, i, &calibration);
    if (status == VDT_OK)
        vdt_calibration_score(&calibration, scores, bins);
    return status;
}

static void empty_bins(const struct vdt_classification_input *input,
                       struct vdt_calibration_bin *bins)
{
    const uint32_t count = vdt_calibration_bins(input->bin_count);
    for (uint32_t i = 0; bins && i < count; i++)
        bins[i] = (struct vdt_calibration_bin){0, NAN, NAN};
}

vdt_status vdt_classification_score(const struct vdt_classification_input *input,
                                    struct vdt_classification_scores *scores,
                                    struct vdt_class_score *classes, uint64_t *confusion,
                                    struct vdt_calibration_bin *bins, struct vdt_error *error)
{
    vdt_status status = check_input(input, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) struct vdt_class_score *own =
        vdt_allocate_zero(input->class_count, sizeof *own);
    if (!own)
        return vdt_fail_memory(error, "classification");
    if (confusion)
        memset(confusion, 0,
               (size_t)input->class_count * (input->class_count + 1) * sizeof *confusion);
    struct totals totals = {0};
    if (input->truth)
        count_single(input, own, confusion, &totals);
    else
        count_multiple(input, own, &totals);
    for (uint32_t c = 0; c < input->class_count; c++)
        score_class(&own[c]);

    struct vdt_classification_scores found = {
        .samples = totals.samples,
        .unpredicted = totals.unpredicted,
        .accuracy = totals.samples ? ratio(totals.right, totals.samples) : NAN,
        .ece = NAN,
        .mce = NAN,
        .brier = NAN,
    };
    empty_bins(input, bins);
    if (input->scores)
        status = add_areas(input, own, error);
    if (status == VDT_OK && input->scores)
        status = calibrate(input, &found, bins, error);
    if (status != VDT_OK)
        return status;
    score_all(own, input->class_count, &found);
    *scores = found;
    if (classes)
        memcpy(classes, own, input->class_count * sizeof *own);
    return VDT_OK;
}

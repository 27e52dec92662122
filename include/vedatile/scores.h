/* Scores of classification and of segmentation, and how sure they are: arrays in, numbers out.
 *
 * Nothing here knows of stores. All calls may come from any thread; what several threads add to
 * must be one for each. NaN stands for "there is nothing to tell", and the comment says when. */
#ifndef VEDATILE_SCORES_H
#define VEDATILE_SCORES_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

/* --- classification ----------------------------------------------------------------------- */

/* Samples of one label key. Give `truth` (one class a sample) or `truths` (any number of them), and
 * `scores` or, when there is one class a sample, `predicted`. All borrowed. */
struct vdt_classification_input {
    uint64_t sample_count;
    uint32_t class_count;
    const int32_t *truth;     /* [samples] class; -1: not known, the sample is left out */
    const uint8_t *truths;    /* [samples][classes] 1 has it, 0 has it not, 255 not known */
    const double *scores;     /* [samples][classes] in [0, 1]; NaN in its first: not predicted */
    const int32_t *predicted; /* [samples] class; -1: not predicted */
    const uint32_t *weights;  /* [samples] how often it counts; NULL: once */
    double threshold;         /* a score below it predicts nothing. With one class a sample that is
                                 asked of the highest score, and 0 asks nothing; with any number 0
                                 means 0.5 */
    uint32_t bin_count;       /* of the calibration; 0: 15 */
};

/* One class. A score without a denominator is 0, as scikit-learn has it, but NaN when the class is
 * neither true nor predicted anywhere. */
struct vdt_class_score {
    uint64_t truths, predictions;
    uint64_t true_positives, false_positives, false_negatives, true_negatives;
    double precision, recall, f1;
    double roc_auc; /* this class against all others: the share of (true, other) samples that are in
                       the right order, ties by half (Mann-Whitney); NaN without both or scores */
    double average_precision; /* sum of (recall - recall before) * precision over distinct scores,
                                 without interpolation; NaN without a true sample or scores */
};

struct vdt_classification_scores {
    uint64_t samples;     /* that count: with a known truth */
    uint64_t unpredicted; /* of these; they are wrong, and of no use to curves and calibration */
    double accuracy;      /* samples all of whose classes are right */
    double precision, recall, f1; /* macro: the mean over classes that are not NaN */
    double weighted_f1;           /* the same weighted by true samples */
    double micro_precision, micro_recall, micro_f1; /* of all classes' counts together */
    double roc_auc, average_precision;              /* macro */
    double ece, mce; /* expected and maximum calibration error (Guo et al. 2017): |share right -
                        mean confidence| of bins of the confidence, weighted and the largest */
    double brier;    /* mean over samples of the sum over classes of (score - truth)^2 */
};

/* Calibration bin i of n holds confidences in (i / n, (i + 1) / n], the first 0 as well. With one
 * class a sample the confidence is the highest score; with any number every score is one. */
struct vdt_calibration_bin {
    uint64_t count;
    double confidence; /* mean; NaN when empty */
    double right;      /* share; NaN when empty */
};

/* Ties of the highest score go to the class of the lower index.
 * `classes` [class_count]; `confusion` [class_count][class_count + 1] true class by predicted one,
 * the last column not predicted, only with one class a sample; `bins` [bin_count]. These three may
 * be NULL. VDT_ERR_ARGUMENT names the sample whose class is out of range or whose score is NaN or
 * not in [0, 1]. */
VDT_API VDT_CHECKED vdt_status vdt_classification_score(
    const struct vdt_classification_input *input, struct vdt_classification_scores *scores,
    struct vdt_class_score *classes, uint64_t *confusion, struct vdt_calibration_bin *bins,
    struct vdt_error *error);

/* One point of the curves of a class: of samples with a score of at least `threshold`. */
struct vdt_curve_point {
    double threshold;
    uint64_t true_positives, false_positives;
};

/* The points at each distinct score, the highest first: of ROC (false positives / others) and of
 * precision and recall. Samples with truth 255 or weight 0 are left out. `points` has room for
 * `count`; *point_count are filled; *positives and *negatives are all there are (NULL allowed).
 * NaN scores are refused. `weights` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_score_curve(const uint8_t *truth, const double *scores,
                                               const uint32_t *weights, uint64_t count,
                                               struct vdt_curve_point *points,
                                               uint64_t *point_count, uint64_t *positives,
                                               uint64_t *negatives, struct vdt_error *error);

/* --- segmentation ------------------------------------------------------------------------- */

/* Counts pixels by (true value, predicted value). Values are those of a store's masks: 0
 * background, class id + 1 otherwise, and the type's highest for ignore: pixels so labelled are
 * left out, and pixels so predicted count as not predicted. */
struct vdt_pixel_counter;

/* `dtype` VDT_UINT8 (up to 254 classes) or VDT_UINT16 (up to 4096: 134 MB). */
VDT_API VDT_CHECKED vdt_status vdt_pixel_counter_new(uint32_t class_count, enum vdt_dtype dtype,
                                                     struct vdt_pixel_counter **counter,
                                                     struct vdt_error *error);
/* Accepts NULL. */
VDT_API void vdt_pixel_counter_free(struct vdt_pixel_counter *counter);

/* `skip` (may be NULL) leaves out pixels where it is not 0: no data. VDT_ERR_FORMAT for a value
 * that is no class; the counter has to be cleared then. `threads` 0: one a core; they are only used
 * for many pixels, and the counts are the same for any number. */
VDT_API VDT_CHECKED vdt_status vdt_pixel_counter_add(struct vdt_pixel_counter *counter,
                                                     const void *truth, const void *predicted,
                                                     const uint8_t *skip, uint64_t pixels,
                                                     uint32_t threads, struct vdt_error *error);
/* Adds what another counter of the same classes has, `times` over. */
VDT_API VDT_CHECKED vdt_status vdt_pixel_counter_merge(struct vdt_pixel_counter *counter,
                                                       const struct vdt_pixel_counter *other,
                                                       uint32_t times, struct vdt_error *error);
VDT_API void vdt_pixel_counter_clear(struct vdt_pixel_counter *counter);

/* [class_count + 1][class_count + 2]: true by predicted value, the last column not predicted.
 * Borrowed, as it is until the next call. */
VDT_API const uint64_t *vdt_pixel_counter_matrix(struct vdt_pixel_counter *counter);

/* One value of the masks, from a matrix of pixels or of square metres. */
struct vdt_segment_score {
    double truth, predicted, both; /* pixels, or what the matrix counts */
    double iou;                    /* both / (truth + predicted - both); NaN when it is nowhere */
    double precision, recall, f1;  /* 0 without a denominator, NaN when it is nowhere */
};

/* Means are over classes that are somewhere, true or predicted; the background is none of them. */
struct vdt_segmentation_scores {
    double pixels;        /* that count */
    double accuracy;      /* right ones of all, background included */
    double mean_accuracy; /* mean recall of classes that are true somewhere */
    double miou, precision, recall, f1;
    double miou_background;        /* the background included */
    double frequency_weighted_iou; /* weighted by true pixels, background included */
};

/* `matrix` is [class_count + 1][class_count + 2] as above, times whatever weighs a pixel. `values`
 * [class_count + 1], the background first, may be NULL. Sums over all pixels, not means of
 * samples. */
VDT_API void vdt_segmentation_score(const double *matrix, uint32_t class_count,
                                    struct vdt_segmentation_scores *scores,
                                    struct vdt_segment_score *values);

/* The inner boundary of each region of equal values: `boundary` [rows][cols] is 1 where a pixel of
 * another value, or what is outside of the raster, is at most `distance` pixels away (rows and
 * columns, diagonals as near), which is the raster minus its erosion by a 3 x 3 square so many
 * times. `values` is of `dtype` VDT_UINT8 or VDT_UINT16. */
VDT_API VDT_CHECKED vdt_status vdt_mask_boundary(const void *values, enum vdt_dtype dtype,
                                                 uint32_t rows, uint32_t cols, uint32_t distance,
                                                 uint8_t *boundary, struct vdt_error *error);

/* The distance that Boundary IoU takes: 2 % of the diagonal, rounded, at least 1. */
VDT_API uint32_t vdt_boundary_distance(uint32_t rows, uint32_t cols);

/* Boundary IoU (Cheng et al. 2021) by value: adds to `both` and `any` [class_count + 1] the pixels
 * of the boundaries that agree, and of either. Their quotient is the score. Pixels that are ignored
 * in `truth`, or that `skip` (may be NULL) leaves out, are not counted. */
VDT_API VDT_CHECKED vdt_status vdt_boundary_add(const void *truth, const void *predicted,
                                                const uint8_t *skip, enum vdt_dtype dtype,
                                                uint32_t rows, uint32_t cols, uint32_t class_count,
                                                uint32_t distance, uint64_t *both, uint64_t *any,
                                                struct vdt_error *error);

/* --- how sure a score is ------------------------------------------------------------------ */

/* Replicate `replicate` of a bootstrap (Efron 1979): how often each of `count` samples is drawn,
 * with replacement, as many draws as there are samples. With `cluster` [count] (numbers below
 * `cluster_count`: scenes, cells of ground) whole clusters are drawn, as samples beside each other
 * are no independent ones. A function of its arguments alone. */
VDT_API VDT_CHECKED vdt_status vdt_bootstrap_weights(uint64_t seed, uint64_t replicate,
                                                     uint64_t count, const uint32_t *cluster,
                                                     uint32_t cluster_count, uint32_t *weights,
                                                     struct vdt_error *error);

struct vdt_interval {
    double low, high; /* percentiles */
    double mean, deviation;
    double above;   /* share of values above 0, ties by half: of differences of two runs */
    uint64_t count; /* of values that are not NaN; all others are NaN when it is 0 */
};

/* Of the replicates' values: the middle `level` of them (0: 0.95), by linear interpolation between
 * order statistics as NumPy's percentile does. NaN values are left out. */
VDT_API VDT_CHECKED vdt_status vdt_bootstrap_interval(const double *values, uint64_t count,
                                                      double level, struct vdt_interval *interval,
                                                      struct vdt_error *error);

VDT_END_DECLS
#endif

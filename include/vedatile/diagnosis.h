/* What goes wrong in detections: kinds of errors and what each costs (TIDE), the confusion matrix,
 * examples, histograms of scores, and precision, recall and F1 by score. All of it agrees with the
 * matches that average precision is made of: no detection is a true positive here and a false one
 * there. Any thread; a diagnosis is read-only once made. */
#ifndef VEDATILE_DIAGNOSIS_H
#define VEDATILE_DIAGNOSIS_H

#include "vedatile/detection.h"
#include "vedatile/error.h"

VDT_BEGIN_DECLS

/* What a detection is. The errors are those of TIDE (Bolya et al., ECCV 2020), looked for in this
 * order but for the background. */
enum vdt_finding {
    VDT_FINDING_LEFT_OUT = 0, /* not among the highest scores of its image */
    VDT_FINDING_FOUND,        /* a true positive */
    VDT_FINDING_IGNORED,      /* does not count */
    VDT_FINDING_LOCALISATION, /* overlaps its own class, but too little */
    VDT_FINDING_CLASS,        /* overlaps another class enough */
    VDT_FINDING_DUPLICATE,    /* overlaps its own class enough, but that was found already */
    VDT_FINDING_BACKGROUND,   /* overlaps nothing */
    VDT_FINDING_BOTH          /* overlaps another class, but too little */
};
enum { VDT_FINDINGS = 8 };

/* The name: "localisation". Never NULL. */
VDT_API const char *vdt_finding_name(enum vdt_finding finding);

/* What a ground truth is. */
enum vdt_truth_state {
    VDT_TRUTH_IGNORED = 0,
    VDT_TRUTH_FOUND,
    VDT_TRUTH_NEARLY, /* not found, but a detection of the wrong class or place was meant for it */
    VDT_TRUTH_MISSED  /* not found at all */
};

/* Zero means the default everywhere. */
struct vdt_diagnosis_options {
    size_t threshold;  /* index of the matches' IoU thresholds: from there an overlap is enough */
    double background; /* IoU below which an overlap is none; 0: 0.1 */
    double score;      /* detections below are not in the confusion matrix */
};

struct vdt_diagnosis;

/* Diagnoses in the first range of areas. The objects are those that were matched, with keep_ids.
 * *diagnosis is owned and refers to nothing afterwards. VDT_ERR_ARGUMENT: other objects, no such
 * threshold, no keep_ids. */
VDT_API VDT_CHECKED vdt_status vdt_diagnose(const struct vdt_matches *matches,
                                            const struct vdt_objects *ground_truth,
                                            const struct vdt_objects *detections,
                                            const struct vdt_diagnosis_options *options,
                                            struct vdt_diagnosis **diagnosis,
                                            struct vdt_error *error);

/* Accepts NULL. */
VDT_API void vdt_diagnosis_free(struct vdt_diagnosis *diagnosis);

/* What a detection is (LEFT_OUT for an index that is out of range). *ground_truth is what it found,
 * or what its error is about, or VDT_NO_MATCH; *iou is their overlap, or the largest with anything.
 * Both may be NULL. */
VDT_API enum vdt_finding vdt_diagnosis_detection(const struct vdt_diagnosis *diagnosis,
                                                 uint64_t detection, uint32_t *ground_truth,
                                                 double *iou);

VDT_API enum vdt_truth_state vdt_diagnosis_truth(const struct vdt_diagnosis *diagnosis,
                                                 uint64_t ground_truth);

/* counts[categories + 1][categories + 1], rows are ground truth, columns detections; the last of
 * both is "nothing". True positives first; then what is left is matched across classes, highest
 * scores first, each with the overlap that is largest and enough; then what is alone. Borrowed.
 * Where classes were one when matching, the categories are still those of the input. */
VDT_API const uint64_t *vdt_diagnosis_confusion(const struct vdt_diagnosis *diagnosis,
                                                uint32_t *categories);

/* TIDE: how much average precision at the threshold (mean of the categories that have ground truth)
 * would be gained by mending one kind of errors and nothing else. */
struct vdt_tide {
    double ap;                    /* as it is; -1: there is no ground truth */
    double gain[VDT_FINDINGS];    /* by kind of error; 0 for the first three */
    double gain_missed;           /* by missed ground truth */
    double gain_false_positives;  /* without any false positive */
    double gain_false_negatives;  /* with nothing but what was found as ground truth */
    uint64_t count[VDT_FINDINGS]; /* detections of each kind */
    uint64_t missed;              /* ground truth */
};
VDT_API void vdt_diagnosis_tide(const struct vdt_diagnosis *diagnosis, struct vdt_tide *tide);

/* Detections of a category (VDT_EVERY: all) and kind by falling score: fills examples[] with at
 * most `most` indices and returns how many there are in all. */
VDT_API uint64_t vdt_diagnosis_examples(const struct vdt_diagnosis *diagnosis, size_t category,
                                        enum vdt_finding finding, uint32_t *examples, size_t most);

/* The same for ground truth, in the order of input. */
VDT_API uint64_t vdt_diagnosis_truths(const struct vdt_diagnosis *diagnosis, size_t category,
                                      enum vdt_truth_state state, uint32_t *examples, size_t most);

/* Scores of true and of false positives of a category (VDT_EVERY: all) in equal bins from `low` to
 * `high`, which the last one includes; scores outside are in the first or last. */
VDT_API void vdt_diagnosis_histogram(const struct vdt_diagnosis *diagnosis, size_t category,
                                     double low, double high, size_t bins, uint64_t *found,
                                     uint64_t *wrong);

/* Detections of at least one score. -1: nothing to divide by. */
struct vdt_score_point {
    double score;
    uint64_t true_positives, false_positives, false_negatives;
    double precision, recall;
    double f1;
};

/* points[count] for scores[count] (any order) of a category (VDT_EVERY: all together). With the
 * protocol of valor as its PrecisionRecallCurve: duplicates are neither true nor false positives,
 * and F1 is -1 where precision or recall is 0. Its scores are 0.05, 0.10 .. 0.95. */
VDT_API VDT_CHECKED vdt_status vdt_diagnosis_points(const struct vdt_diagnosis *diagnosis,
                                                    size_t category, const double *scores,
                                                    size_t count, struct vdt_score_point *points,
                                                    struct vdt_error *error);

/* The point of the highest F1 of a category (VDT_EVERY: all together), the highest score of equal
 * ones. VDT_END: there is neither a true positive nor a false one. */
VDT_API vdt_status vdt_diagnosis_best(const struct vdt_diagnosis *diagnosis, size_t category,
                                      struct vdt_score_point *point, struct vdt_error *error);

VDT_END_DECLS
#endif

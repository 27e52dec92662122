/* Scores of detections and instance masks: COCO's protocol, bit for bit, and its relatives.
 *
 * Two steps. vdt_detection_match compares detections with the ground truth of their image and
 * category and keeps what became of each one at every IoU threshold and in every range of areas.
 * vdt_detection_accumulate makes precision, recall and average precision of that, for all images or
 * for some of them, any number of times: slices, regions and bootstrap samples match nothing again.
 *
 * Everything here may be called from any thread; matches are read-only once made. The number of
 * threads does not show in any result. */
#ifndef VEDATILE_DETECTION_H
#define VEDATILE_DETECTION_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

/* --- what goes in --------------------------------------------------------------------------- */

struct vdt_shapes; /* vedatile/shapes.h */

/* Objects as columns of `count` values; all borrowed for the call. Any order; where two are alike
 * the order of input decides. Values that are not finite are refused. */
struct vdt_objects {
    uint64_t count;           /* below 2^32 - 1 */
    const uint32_t *image;    /* below image_count */
    const uint32_t *category; /* below category_count; may be NULL when there is one category */
    const double *score;      /* of detections; NULL for ground truth */
    const double (*box)[4];   /* x, y, width, height in pixels; may be NULL when there are shapes */
    const double *area;       /* square pixels, for the ranges of areas; NULL: of box or shape */
    const uint8_t *crowd;     /* 1: a region of many objects, which any number of detections may
                                 match; NULL: none. Ground truth only */
    const uint8_t *ignore;    /* 1: neither finding nor missing it counts; NULL: none. Ground truth
                                 only */
    const struct vdt_shapes *shapes; /* `count` of them; NULL: boxes are compared */
};

/* COCO: a detection takes the best ground truth that is left, and what ties is taken from the end.
 * All others: the ground truth that it overlaps most, the first of equal ones, or nothing; they
 * have one range of areas and any number of detections unless options say otherwise. */
enum vdt_detection_protocol {
    VDT_PROTOCOL_COCO = 0,
    VDT_PROTOCOL_VALOR, /* Striveworks valor's service: the mean over 101 recalls, which may be
                           missed by a part in 10^9; crowd and ignore have no effect, and a
                           detection of score 0 finds nothing. Thresholds 0.5, 0.55 .. 0.95 */
    VDT_PROTOCOL_VOC07, /* Pascal VOC until 2009: the mean over 11 recalls, at IoU 0.5. `ignore` is
                           VOC's difficult. Boxes are measured as they are, not one pixel larger */
    VDT_PROTOCOL_VOC12, /* Pascal VOC since 2010: the same with the area under the curve */
    VDT_PROTOCOL_DOTA   /* VOC07 with an IoU above the threshold; meant for rotated boxes */
};

/* An image and a category. */
struct vdt_image_category {
    uint32_t image;
    uint32_t category;
};

/* Zero means the default of COCO, or of the protocol, everywhere but in the two counts. All
 * pointers are borrowed for the call. */
struct vdt_detection_options {
    uint32_t image_count;    /* required; ascending index is the order of ties between images */
    uint32_t category_count; /* required */
    const double *iou_thresholds;    /* NULL: 0.50, 0.55 .. 0.95 as numpy.linspace has them */
    size_t iou_threshold_count;      /* at most 1024 */
    const double *recall_thresholds; /* NULL: 0, 0.01 .. 1 as numpy.linspace has them */
    size_t recall_threshold_count;
    const uint32_t *max_detections; /* rising: most detections of an image and category that count,
                                       highest scores first; NULL: 1, 10, 100 */
    size_t max_detection_count;
    const double (*area_ranges)[2]; /* both ends are inside; the first should hold everything; NULL:
                                       all, small, medium, large = 0..1e10, 0..32^2, 32^2..96^2,
                                       96^2..1e10 square pixels */
    size_t area_range_count;        /* at most 64 */
    bool class_agnostic;            /* all categories are one */
    enum vdt_detection_protocol protocol;
    bool keep_ids;            /* keep who matched whom: for the functions that say so below */
    bool coco_ignores_ignore; /* as pycocotools has it: `ignore` has no effect, only `crowd` has.
                                 Otherwise ground truth with either of them is ignored */
    /* LVIS: not every object of these categories is labelled in these images, so a detection that
     * matches nothing there does not count. Any order. */
    const struct vdt_image_category *not_exhaustive;
    size_t not_exhaustive_count;
    /* LVIS: with `federated`, detections of a category count only in images with ground truth of
     * it and in those known to be without, which are these. Any order. */
    bool federated;
    const struct vdt_image_category *negative;
    size_t negative_count;
    uint32_t max_per_image; /* LVIS has 300: most detections of an image over all categories; 0: any
                               number */
    uint32_t threads;       /* 0: one per core */
};

/* --- matching ------------------------------------------------------------------------------- */

struct vdt_matches;

/* Matches. *matches is owned; nothing of the inputs is referred to afterwards. VDT_ERR_ARGUMENT for
 * bad options, VDT_ERR_FORMAT for values that are not finite or out of range, by index. Memory:
 * about 50 bytes a detection with COCO's ten thresholds and four ranges. */
VDT_API VDT_CHECKED vdt_status vdt_detection_match(const struct vdt_detection_options *options,
                                                   const struct vdt_objects *ground_truth,
                                                   const struct vdt_objects *detections,
                                                   struct vdt_matches **matches,
                                                   struct vdt_error *error);

/* Accepts NULL. */
VDT_API void vdt_matches_free(struct vdt_matches *matches);

enum vdt_outcome {
    VDT_OUTCOME_LEFT_OUT = 0,   /* not among the highest scores of its image and category */
    VDT_OUTCOME_TRUE_POSITIVE,  /* ground truth: found */
    VDT_OUTCOME_FALSE_POSITIVE, /* ground truth: missed */
    VDT_OUTCOME_IGNORED         /* does not count */
};

/* No index: nothing was matched. */
#define VDT_NO_MATCH UINT32_MAX

/* What became of a detection (its index in the input) at one threshold and in one range of areas,
 * as indices of the options' lists. *ground_truth (may be NULL) is the index of what it matched, or
 * VDT_NO_MATCH; also ignored ones may have matched. Only with keep_ids; otherwise, and for indices
 * that are out of range, VDT_OUTCOME_LEFT_OUT. */
VDT_API enum vdt_outcome vdt_detection_outcome(const struct vdt_matches *matches,
                                               uint64_t detection, size_t threshold, size_t area,
                                               uint32_t *ground_truth);

/* What became of a ground truth: TRUE_POSITIVE found, FALSE_POSITIVE missed, IGNORED. *detection
 * (may be NULL) is who matched it, the highest score where many may; or VDT_NO_MATCH. Only with
 * keep_ids, as above. */
VDT_API enum vdt_outcome vdt_detection_missed(const struct vdt_matches *matches,
                                              uint64_t ground_truth, size_t threshold, size_t area,
                                              uint32_t *detection);

/* --- scores --------------------------------------------------------------------------------- */

struct vdt_detection_scores;

/* weights[image_count]: how often each image counts; NULL: once. With a weight of n each object and
 * each detection of the image counts n times, one after another, as if there were n such images; 0
 * leaves the image out. *scores is owned and needs `matches` no more. */
VDT_API VDT_CHECKED vdt_status vdt_detection_accumulate(const struct vdt_matches *matches,
                                                        const uint32_t *weights,
                                                        struct vdt_detection_scores **scores,
                                                        struct vdt_error *error);

/* The same for averages alone, in the thread of the caller and several times as fast: for many
 * weights. The numbers of vdt_detection_stats, _mean, _category_mean and _category are those of
 * vdt_detection_accumulate, but that there is no mean of precision for other than the largest
 * number of detections, and of recall for other than that only in the first range (-1). The arrays
 * are NULL. */
VDT_API VDT_CHECKED vdt_status vdt_detection_averages(const struct vdt_matches *matches,
                                                      const uint32_t *weights,
                                                      struct vdt_detection_scores **scores,
                                                      struct vdt_error *error);

/* Accepts NULL. */
VDT_API void vdt_detection_scores_free(struct vdt_detection_scores *scores);

/* Lengths of the axes of the arrays below. */
struct vdt_detection_shape {
    size_t thresholds;     /* T */
    size_t recalls;        /* R */
    size_t categories;     /* K: 1 when class-agnostic */
    size_t areas;          /* A */
    size_t max_detections; /* M */
};

VDT_API struct vdt_detection_shape vdt_detection_shape(const struct vdt_detection_scores *scores);

/* The arrays of pycocotools' COCOeval.eval: -1 where a category has no ground truth that counts in
 * the range. Borrowed from `scores`. Precision and the scores at which it is reached are
 * [T][R][K][A][M], recall is [T][K][A][M]. */
VDT_API const double *vdt_detection_precision(const struct vdt_detection_scores *scores);
VDT_API const double *vdt_detection_score_at(const struct vdt_detection_scores *scores);
VDT_API const double *vdt_detection_recall(const struct vdt_detection_scores *scores);

/* COCO's twelve numbers: AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl; -1 where
 * there is nothing to average. The areas are the second to fourth range. All but AR1 and AR10 are
 * of the largest number of detections; those two are of the first and the second (the largest,
 * where there are fewer). pycocotools gives AP only when one of its numbers is 100. */
VDT_API void vdt_detection_stats(const struct vdt_detection_scores *scores, double stats[12]);

#define VDT_EVERY SIZE_MAX

/* Which cells an average is over; zero values are the first of each list. */
struct vdt_detection_mean {
    bool recall;               /* of recall; otherwise of precision */
    size_t threshold;          /* index, or VDT_EVERY */
    size_t area;               /* index */
    size_t max_detection;      /* index, or VDT_EVERY: the last */
    const uint8_t *categories; /* [K]: 1 for those that count (APr, APc, APf); NULL: all */
};

/* The mean over cells above -1, summed as NumPy does, so that it equals pycocotools' number; -1
 * where there are none. */
VDT_API double vdt_detection_mean(const struct vdt_detection_scores *scores,
                                  const struct vdt_detection_mean *which);

/* The same of one category; `categories` has no effect. -1 for a category that there is not. */
VDT_API double vdt_detection_category_mean(const struct vdt_detection_scores *scores,
                                           size_t category, const struct vdt_detection_mean *which);

/* One category, over all areas and the largest number of detections; -1: no ground truth, or no
 * such threshold. */
struct vdt_detection_category {
    double ap;
    double ap50;
    double ap75;
    double ap_small, ap_medium, ap_large;
    double ar;              /* mean over thresholds of the highest recall */
    uint64_t ground_truths; /* that count */
    uint64_t detections;    /* of all scores, as many as count */
};

/* False when there is no such category. */
VDT_API bool vdt_detection_category(const struct vdt_detection_scores *scores, size_t category,
                                    struct vdt_detection_category *values);

VDT_END_DECLS
#endif

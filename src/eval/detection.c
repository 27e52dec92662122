/* Scores of detections: what the public header declares. */
#include <vedatile/detection.h>

#include "base/error.h"

vdt_status vdt_detection_match(const struct vdt_detection_options *options,
                               const struct vdt_objects *ground_truth,
                               const struct vdt_objects *detections, struct vdt_matches **matches,
                               struct vdt_error *error)
{
    (void)options, (void)ground_truth, (void)detections, (void)matches;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "detection: not in this build");
}

void vdt_matches_free(struct vdt_matches *matches)
{
    (void)matches;
}

enum vdt_outcome vdt_detection_outcome(const struct vdt_matches *matches, uint64_t detection,
                                       size_t threshold, size_t area, uint32_t *ground_truth)
{
    (void)matches, (void)detection, (void)threshold, (void)area, (void)ground_truth;
    return VDT_OUTCOME_LEFT_OUT;
}

enum vdt_outcome vdt_detection_missed(const struct vdt_matches *matches, uint64_t ground_truth,
                                      size_t threshold, size_t area, uint32_t *detection)
{
    (void)matches, (void)ground_truth, (void)threshold, (void)area, (void)detection;
    return VDT_OUTCOME_LEFT_OUT;
}

vdt_status vdt_detection_accumulate(const struct vdt_matches *matches, const uint32_t *weights,
                                    struct vdt_detection_scores **scores, struct vdt_error *error)
{
    (void)matches, (void)weights, (void)scores;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "detection: not in this build");
}

void vdt_detection_scores_free(struct vdt_detection_scores *scores)
{
    (void)scores;
}

struct vdt_detection_shape vdt_detection_shape(const struct vdt_detection_scores *scores)
{
    (void)scores;
    return (struct vdt_detection_shape){0};
}

const double *vdt_detection_precision(const struct vdt_detection_scores *scores)
{
    (void)scores;
    return NULL;
}

const double *vdt_detection_score_at(const struct vdt_detection_scores *scores)
{
    (void)scores;
    return NULL;
}

const double *vdt_detection_recall(const struct vdt_detection_scores *scores)
{
    (void)scores;
    return NULL;
}

void vdt_detection_stats(const struct vdt_detection_scores *scores, double stats[12])
{
    (void)scores;
    for (int i = 0; i < 12; i++)
        stats[i] = -1;
}

double vdt_detection_mean(const struct vdt_detection_scores *scores,
                          const struct vdt_detection_mean *which)
{
    (void)scores, (void)which;
    return -1;
}

bool vdt_detection_category(const struct vdt_detection_scores *scores, size_t category,
                            struct vdt_detection_category *values)
{
    (void)scores, (void)category, (void)values;
    return false;
}

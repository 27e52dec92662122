/* Detection and instances as a scored task. */
#ifndef REPORT_DETECTION_H
#define REPORT_DETECTION_H

#include <vedatile/diagnosis.h>

#include "report/scorer.h"
#include "report/tasks/objects.h"

/* By enum vdt_detection_protocol, and NULL. */
extern const char *const vdt_protocol_words[];

/* Matches and scores. Takes `compared`, whose columns borrow from the sides. */
vdt_status vdt_detection_scorer(struct vdt_sides *sides, struct vdt_compared *compared,
                                enum vdt_annotation_form form, struct vdt_scorer *scorer,
                                struct vdt_error *error);

/* What the parts of the document about detection are made of; detection.c fills it. */
struct vdt_detected {
    struct vdt_compared compared;
    struct vdt_matches *matches;
    const char *protocol;
    bool is_valor;
    double *iou_thresholds;
    size_t iou_threshold_count;
    uint32_t *max_detections;
    size_t max_detection_count;
    size_t half;           /* the threshold of 0.5, or the first */
    size_t category_count; /* 1 when class-agnostic */
    const char *const *categories;
    size_t metric_count;
    double score;      /* operating point: predictions of at least this score count */
    bool score_chosen; /* because its F1 is the best */
    uint32_t *found, *wrong, *missed;                   /* [unit_count] there */
    uint64_t *class_found, *class_wrong, *class_missed; /* [category_count], of counting units */
};

/* Curves, histogram, confusion, errors and examples: members of the task's document. */
vdt_status vdt_detection_details(const struct vdt_detected *detected,
                                 const struct vdt_detection_scores *scores,
                                 const struct vdt_sides *sides, json_t *about,
                                 struct vdt_error *error);

/* Counts, precision, recall and F1 of each class from scores 0.05, 0.10 .. 0.95 on. */
vdt_status vdt_detection_score_curve(const struct vdt_detected *detected,
                                     const struct vdt_diagnosis *diagnosis, json_t *about,
                                     struct vdt_error *error);

/* Single objects of each class: found and wrong predictions of the highest scores, the largest
 * missed labels. */
vdt_status vdt_detection_examples(const struct vdt_detected *detected,
                                  const struct vdt_diagnosis *diagnosis,
                                  const struct vdt_sides *sides, json_t *about,
                                  struct vdt_error *error);

/* Adds the box of an object, and with `outline` its rings where the shape is more than that. */
vdt_status vdt_detection_add_shape(const struct vdt_objects *objects, uint64_t index, bool outline,
                                   json_t *object, struct vdt_error *error);

/* Objects of one sample with what became of them. */
vdt_status vdt_detection_describe(const void *state, const struct vdt_sides *sides, uint32_t unit,
                                  json_t *object, struct vdt_error *error);

#endif

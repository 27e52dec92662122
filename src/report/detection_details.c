/* Parts of a detection's document: curves, histogram of scores, and single samples. */
#include <math.h>
#include <string.h>
#include <vedatile/diagnosis.h>
#include <vedatile/shapes.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/detection.h"
#include "report/document.h"

enum { BINS = 20, OBJECTS_MOST = 300 };

/* --- curves -------------------------------------------------------------------------------- */

static json_t *class_curve(const struct vdt_detected *detected,
                           const struct vdt_detection_scores *scores, size_t category, double *sum)
{
    struct vdt_detection_shape shape = vdt_detection_shape(scores);
    const double *precision = vdt_detection_precision(scores);
    const double *score_at = vdt_detection_score_at(scores);
    json_t *object = json_object(), *values = json_array(), *at = json_array();
    bool any = false;
    for (size_t r = 0; r < shape.recalls; r++) {
        size_t cell =
            (((detected->half * shape.recalls + r) * shape.categories + category) * shape.areas) *
                shape.max_detections +
            shape.max_detections - 1;
        any = any || precision[cell] >= 0;
        if (precision[cell] >= 0)
            sum[r] += precision[cell];
        json_array_append_new(values,
                              vdt_document_number(precision[cell] < 0 ? NAN : precision[cell]));
        json_array_append_new(
            at,
            vdt_document_number(score_at == NULL || precision[cell] <= 0 ? NAN : score_at[cell]));
    }
    if (!any) {
        json_decref(object);
        json_decref(values);
        json_decref(at);
        return NULL;
    }
    json_object_set_new(object, "class", vdt_document_text(detected->categories[category]));
    json_object_set_new(object, "precision", values);
    json_object_set_new(object, "score", at);
    return object;
}

/* Precision at the recalls that average precision is the mean over. */
static vdt_status add_curves(const struct vdt_detected *detected,
                             const struct vdt_detection_scores *scores, json_t *about,
                             struct vdt_error *error)
{
    struct vdt_detection_shape shape = vdt_detection_shape(scores);
    vdt_cleanup(vdt_free_pointer) double *sum = vdt_allocate_zero(shape.recalls, sizeof *sum);
    if (sum == NULL)
        return vdt_fail_memory(error, "curves");
    json_t *object = json_object(), *classes = json_array(), *recall = json_array();
    for (size_t i = 0; i < detected->category_count; i++) {
        json_t *curve = class_curve(detected, scores, i, sum);
        if (curve)
            json_array_append_new(classes, curve);
    }
    double count = (double)json_array_size(classes);
    for (size_t r = 0; r < shape.recalls; r++) {
        sum[r] = count > 0 ? sum[r] / count : NAN;
        json_array_append_new(
            recall, json_real(shape.recalls > 1 ? (double)r / (double)(shape.recalls - 1) : 0));
    }
    json_object_set_new(object, "iou",
                        vdt_document_number(detected->iou_thresholds[detected->half]));
    json_object_set_new(object, "recall", recall);
    json_object_set_new(object, "mean", vdt_document_numbers(sum, shape.recalls));
    json_object_set_new(object, "classes", classes);
    json_object_set_new(about, "curves", object);
    return VDT_OK;
}

/* --- histogram ----------------------------------------------------------------------------- */

static void add_histogram(const struct vdt_detected *detected, json_t *about)
{
    const struct vdt_compared *compared = &detected->compared;
    uint64_t right[BINS] = {0}, wrong[BINS] = {0};
    double low = 0, high = 1, edges[BINS + 1];
    for (uint64_t i = 0; i < compared->predicted.count; i++) {
        low = fmin(low, compared->predicted.score[i]);
        high = fmax(high, compared->predicted.score[i]);
    }
    for (uint64_t i = 0; i < compared->predicted.count; i++) {
        if (!compared->unit_weights[compared->predicted.image[i]])
            continue;
        enum vdt_outcome outcome =
            vdt_detection_outcome(detected->matches, i, detected->half, 0, NULL);
        double place = (compared->predicted.score[i] - low) / (high - low) * BINS;
        size_t bin = place >= BINS ? BINS - 1 : (size_t)place;
        right[bin] += outcome == VDT_OUTCOME_TRUE_POSITIVE;
        wrong[bin] += outcome == VDT_OUTCOME_FALSE_POSITIVE;
    }
    for (size_t i = 0; i <= BINS; i++)
        edges[i] = low + (high - low) * (double)i / BINS;
    json_t *object = json_object();
    json_object_set_new(object, "edges", vdt_document_numbers(edges, BINS + 1));
    json_object_set_new(object, "true_positives", vdt_document_counts(right, BINS));
    json_object_set_new(object, "false_positives", vdt_document_counts(wrong, BINS));
    json_object_set_new(about, "score_histogram", object);
}

/* --- errors -------------------------------------------------------------------------------- */

static void free_diagnosis(struct vdt_diagnosis **diagnosis)
{
    vdt_diagnosis_free(*diagnosis);
}

static void add_confusion(const struct vdt_detected *detected,
                          const struct vdt_diagnosis *diagnosis, json_t *about)
{
    uint32_t count;
    const uint64_t *counts = vdt_diagnosis_confusion(diagnosis, &count);
    const char *const *names = (const char *const *)detected->compared.categories;
    json_t *object = json_object(), *rows = json_array();
    json_t *truths = vdt_document_texts(names, count);
    for (uint32_t i = 0; i <= count; i++)
        json_array_append_new(
            rows, vdt_document_counts(counts + (size_t)i * (count + 1), (size_t)count + 1));
    json_array_append_new(truths, json_string("(none)"));
    json_object_set_new(object, "predictions", json_deep_copy(truths));
    json_object_set_new(object, "truths", truths);
    json_object_set_new(object, "counts", rows);
    json_object_set_new(about, "confusion", object);
}

static void add_error(json_t *list, const char *name, double gain, uint64_t count)
{
    json_t *item = json_object();
    json_object_set_new(item, "error", json_string(name));
    json_object_set_new(item, "gain", vdt_document_number(gain));
    json_object_set_new(item, "count", vdt_document_count(count));
    json_array_append_new(list, item);
}

static void add_tide(const struct vdt_diagnosis *diagnosis, json_t *about)
{
    struct vdt_tide tide;
    vdt_diagnosis_tide(diagnosis, &tide);
    json_t *object = json_object(), *kinds = json_array();
    for (int i = VDT_FINDING_LOCALISATION; i < VDT_FINDINGS; i++)
        add_error(kinds, vdt_finding_name((enum vdt_finding)i), tide.gain[i], tide.count[i]);
    add_error(kinds, "missed", tide.gain_missed, tide.missed);
    json_object_set_new(object, "AP", vdt_document_number(tide.ap < 0 ? NAN : tide.ap));
    json_object_set_new(object, "kinds", kinds);
    json_object_set_new(object, "false_positives", vdt_document_number(tide.gain_false_positives));
    json_object_set_new(object, "false_negatives", vdt_document_number(tide.gain_false_negatives));
    json_object_set_new(about, "errors", object);
}

/* What is wrong with detections, in agreement with their matches. */
static vdt_status add_diagnosis(const struct vdt_detected *detected, json_t *about,
                                struct vdt_error *error)
{
    vdt_cleanup(free_diagnosis) struct vdt_diagnosis *diagnosis = NULL;
    struct vdt_diagnosis_options options = {.threshold = detected->half, .score = detected->score};
    vdt_status status = vdt_diagnose(detected->matches, &detected->compared.truth,
                                     &detected->compared.predicted, &options, &diagnosis, error);
    if (status)
        return status;
    add_confusion(detected, diagnosis, about);
    add_tide(diagnosis, about);
    return VDT_OK;
}

vdt_status vdt_detection_details(const struct vdt_detected *detected,
                                 const struct vdt_detection_scores *scores,
                                 const struct vdt_sides *sides, json_t *about,
                                 struct vdt_error *error)
{
    (void)sides;
    vdt_status status = add_curves(detected, scores, about, error);
    if (status)
        return status;
    add_histogram(detected, about);
    return add_diagnosis(detected, about, error);
}

/* --- one sample ---------------------------------------------------------------------------- */

static void add_ring(json_t *rings, const double (*points)[2], uint64_t first, uint64_t last)
{
    json_t *ring = json_array();
    for (uint64_t i = first; i < last; i++)
        json_array_append_new(ring, vdt_document_numbers(points[i], 2));
    json_array_append_new(rings, ring);
}

/* Box, and outline where the shape is more than that. */
static void add_shape(const struct vdt_objects *objects, uint64_t index, json_t *object)
{
    const struct vdt_shapes *shapes = objects->shapes;
    if (objects->box)
        json_object_set_new(object, "box", vdt_document_numbers(objects->box[index], 4));
    if (shapes == NULL)
        return;
    if (shapes->kind == VDT_SHAPE_ROTATED)
        json_object_set_new(object, "rotated", vdt_document_numbers(shapes->rotated[index], 5));
    if (shapes->kind != VDT_SHAPE_POLYGON)
        return;
    json_t *rings = json_array();
    for (uint64_t part = shapes->shape_offsets[index]; part < shapes->shape_offsets[index + 1];
         part++)
        for (uint64_t ring = shapes->part_offsets[part]; ring < shapes->part_offsets[part + 1];
             ring++)
            add_ring(rings, shapes->points, shapes->ring_offsets[ring],
                     shapes->ring_offsets[ring + 1]);
    json_object_set_new(object, "rings", rings);
}

static const char *outcome_word(enum vdt_outcome outcome, bool truth)
{
    switch (outcome) {
    case VDT_OUTCOME_TRUE_POSITIVE: return truth ? "found" : "right";
    case VDT_OUTCOME_FALSE_POSITIVE: return truth ? "missed" : "wrong";
    case VDT_OUTCOME_IGNORED: return "ignored";
    case VDT_OUTCOME_LEFT_OUT: break;
    }
    return "left_out";
}

static json_t *object_document(const struct vdt_detected *detected,
                               const struct vdt_objects *objects, uint64_t index,
                               const char *outcome)
{
    json_t *object = json_object();
    size_t category =
        detected->category_count == 1 || !objects->category ? 0 : objects->category[index];
    json_object_set_new(object, "class", vdt_document_text(detected->categories[category]));
    json_object_set_new(object, "outcome", json_string(outcome));
    if (objects->score)
        json_object_set_new(object, "score", vdt_document_number(objects->score[index]));
    add_shape(objects, index, object);
    return object;
}

vdt_status vdt_detection_describe(const void *state, const struct vdt_sides *sides, uint32_t unit,
                                  json_t *object, struct vdt_error *error)
{
    const struct vdt_detected *detected = state;
    const struct vdt_objects *truth = &detected->compared.truth;
    const struct vdt_objects *predicted = &detected->compared.predicted;
    json_t *truths = json_array(), *predictions = json_array();
    (void)sides;
    (void)error;
    for (uint64_t i = 0; i < truth->count; i++) {
        if (truth->image[i] != unit || json_array_size(truths) >= OBJECTS_MOST)
            continue;
        uint32_t by;
        enum vdt_outcome outcome =
            vdt_detection_missed(detected->matches, i, detected->half, 0, &by);
        if (outcome == VDT_OUTCOME_TRUE_POSITIVE && by != VDT_NO_MATCH &&
            predicted->score[by] < detected->score)
            outcome = VDT_OUTCOME_FALSE_POSITIVE;
        json_array_append_new(truths,
                              object_document(detected, truth, i, outcome_word(outcome, true)));
    }
    for (uint64_t i = 0; i < predicted->count; i++) {
        if (predicted->image[i] != unit || predicted->score[i] < detected->score ||
            json_array_size(predictions) >= OBJECTS_MOST)
            continue;
        enum vdt_outcome outcome =
            vdt_detection_outcome(detected->matches, i, detected->half, 0, NULL);
        json_array_append_new(
            predictions, object_document(detected, predicted, i, outcome_word(outcome, false)));
    }
    json_object_set_new(object, "found", vdt_document_count(detected->found[unit]));
    json_object_set_new(object, "wrong", vdt_document_count(detected->wrong[unit]));
    json_object_set_new(object, "missed", vdt_document_count(detected->missed[unit]));
    json_object_set_new(object, "ground_truth", truths);
    json_object_set_new(object, "predictions", predictions);
    return VDT_OK;
}

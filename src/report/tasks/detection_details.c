/* Parts of a detection's document: curves, histogram of scores, confusion and errors. */
#include <math.h>
#include <string.h>
#include <vedatile/diagnosis.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/detection.h"

enum { BINS = 20 };

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
static vdt_status add_diagnosis(const struct vdt_detected *detected, const struct vdt_sides *sides,
                                json_t *about, struct vdt_error *error)
{
    vdt_cleanup(free_diagnosis) struct vdt_diagnosis *diagnosis = NULL;
    struct vdt_diagnosis_options options = {.threshold = detected->half, .score = detected->score};
    vdt_status status = vdt_diagnose(detected->matches, &detected->compared.truth,
                                     &detected->compared.predicted, &options, &diagnosis, error);
    if (status)
        return status;
    add_confusion(detected, diagnosis, about);
    add_tide(diagnosis, about);
    status = vdt_detection_score_curve(detected, diagnosis, about, error);
    return status ? status : vdt_detection_examples(detected, diagnosis, sides, about, error);
}

vdt_status vdt_detection_details(const struct vdt_detected *detected,
                                 const struct vdt_detection_scores *scores,
                                 const struct vdt_sides *sides, json_t *about,
                                 struct vdt_error *error)
{
    vdt_status status = add_curves(detected, scores, about, error);
    if (status)
        return status;
    add_histogram(detected, about);
    return add_diagnosis(detected, sides, about, error);
}

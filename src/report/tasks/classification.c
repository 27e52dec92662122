/* Labels of whole samples, scored by key. */
#include "report/tasks/classification.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/objects.h"

enum { BINS = 15 };

/* What is scored; owns its arrays. */
struct classified {
    char **classes;
    uint32_t class_count;
    uint32_t unit_count;
    bool many; /* any number of classes a sample */
    double threshold;
    int32_t *truth;  /* [units], or */
    uint8_t *truths; /* [units][classes] */
    double *scores;  /* [units][classes] */
};

static void free_classified(void *state)
{
    struct classified *classified = state;
    for (uint32_t i = 0; i < classified->class_count; i++)
        free(classified->classes[i]);
    free(classified->classes);
    free(classified->truth);
    free(classified->truths);
    free(classified->scores);
    free(classified);
}

static void release_classified(struct classified **classified)
{
    if (*classified)
        free_classified(*classified);
}

static void clear_labels(struct vdt_annotation_labels *labels)
{
    vdt_annotation_labels_clear(labels);
}

vdt_status vdt_classification_has(const struct vdt_sides *sides, const char *key, bool *has,
                                  struct vdt_error *error)
{
    struct vdt_annotations *sets[] = {sides->truth, sides->predicted};
    *has = sides->truth != NULL && sides->predicted != NULL;
    for (size_t i = 0; i < 2 && *has; i++) {
        struct vdt_annotation_labels labels = {0};
        vdt_status status = vdt_annotations_labels(sets[i], key, &labels, error);
        if (status)
            return status;
        *has = labels.count > 0;
        vdt_annotation_labels_clear(&labels);
    }
    return VDT_OK;
}

/* --- arrays -------------------------------------------------------------------------------- */

/* From a side's categories to the classes of both. */
static vdt_status map_classes(struct classified *classified,
                              const struct vdt_annotation_labels *labels, const json_t *map,
                              uint32_t **table, struct vdt_error *error)
{
    *table = vdt_allocate(labels->category_count, sizeof **table);
    for (uint32_t i = 0; *table && i < labels->category_count; i++) {
        (*table)[i] = vdt_name_index(&classified->classes, &classified->class_count,
                                     vdt_mapped_label(map, labels->categories[i]));
        if ((*table)[i] == UINT32_MAX)
            return vdt_fail_memory(error, "labels");
    }
    return *table ? VDT_OK : vdt_fail_memory(error, "labels");
}

static vdt_status allocate(struct classified *classified, struct vdt_error *error)
{
    size_t cells = (size_t)classified->unit_count * classified->class_count;
    if (classified->many)
        classified->truths = vdt_allocate_zero(cells, 1);
    else
        classified->truth = vdt_allocate(classified->unit_count, sizeof *classified->truth);
    classified->scores = vdt_allocate_zero(cells, sizeof *classified->scores);
    if ((classified->many ? (void *)classified->truths : classified->truth) == NULL ||
        classified->scores == NULL)
        return vdt_fail_memory(error, "labels");
    for (uint32_t i = 0; !classified->many && i < classified->unit_count; i++)
        classified->truth[i] = -1;
    return VDT_OK;
}

/* The evaluation's samples by those of a side; VDT_NO_SAMPLE where there is none. */
static vdt_status sample_table(const struct vdt_sides *sides, bool truth, uint32_t **table,
                               struct vdt_error *error)
{
    uint64_t count = vdt_annotations_sample_count(truth ? sides->truth : sides->predicted);
    *table = vdt_allocate(count, sizeof **table);
    if (*table == NULL)
        return vdt_fail_memory(error, "labels");
    for (uint64_t i = 0; i < count; i++)
        (*table)[i] = VDT_NO_SAMPLE;
    for (uint32_t i = 0; i < sides->sample_count; i++) {
        uint32_t there = truth ? sides->samples[i].truth : sides->samples[i].predicted;
        if (there != VDT_NO_SAMPLE)
            (*table)[there] = i;
    }
    return VDT_OK;
}

/* Several classes on a sample, or none in a store's one-hot vectors, make it any number. */
static bool find_many(const struct vdt_sides *sides, const struct vdt_annotation_labels *truth,
                      const uint32_t *samples, uint32_t class_count)
{
    if (sides->options->multi_label || class_count == 1)
        return true;
    for (uint64_t i = 1; i < truth->count; i++)
        if (truth->sample[i] == truth->sample[i - 1] &&
            truth->category[i] != truth->category[i - 1])
            return true;
    uint64_t labelled = 0, counted = 0;
    for (uint64_t i = 0; i < truth->count; i++) {
        uint32_t sample = samples[truth->sample[i]];
        bool first = i == 0 || truth->sample[i] != truth->sample[i - 1];
        labelled += first && sample != VDT_NO_SAMPLE && sides->weights[sample];
    }
    for (uint32_t i = 0; i < sides->sample_count; i++)
        counted += sides->weights[i] != 0;
    return sides->reader && !sides->options->labels && labelled < counted;
}

static void fill_truth(struct classified *classified, const struct vdt_annotation_labels *labels,
                       const uint32_t *samples, const uint32_t *classes)
{
    for (uint64_t i = 0; i < labels->count; i++) {
        uint32_t sample = samples[labels->sample[i]], class_id = classes[labels->category[i]];
        if (sample == VDT_NO_SAMPLE)
            continue;
        if (classified->many)
            classified->truths[(size_t)sample * classified->class_count + class_id] = 1;
        else
            classified->truth[sample] = (int32_t)class_id;
    }
}

/* A class without a score has 0; a label without one is sure. */
static void fill_scores(struct classified *classified, const struct vdt_sides *sides,
                        const struct vdt_annotation_labels *labels, const uint32_t *samples,
                        const uint32_t *classes)
{
    for (uint64_t i = 0; i < labels->count; i++) {
        uint32_t sample = samples[labels->sample[i]];
        if (sample == VDT_NO_SAMPLE)
            continue;
        double *cell =
            &classified
                 ->scores[(size_t)sample * classified->class_count + classes[labels->category[i]]];
        double score = isnan(labels->score[i]) ? 1 : labels->score[i];
        *cell = score > *cell ? score : *cell;
    }
    for (uint32_t i = 0; i < sides->sample_count; i++)
        if (!sides->samples[i].has_prediction)
            classified->scores[(size_t)i * classified->class_count] = NAN;
}

static vdt_status gather(struct vdt_sides *sides, const char *key, struct classified *classified,
                         json_t *about, struct vdt_error *error)
{
    vdt_cleanup(clear_labels) struct vdt_annotation_labels truth = {0}, predicted = {0};
    vdt_cleanup(vdt_json_release) json_t *map = NULL;
    vdt_cleanup(vdt_free_pointer) uint32_t *names[2] = {NULL, NULL};
    vdt_cleanup(vdt_free_pointer) uint32_t *truth_samples = NULL, *samples = NULL;
    uint32_t truth_classes = 0;
    vdt_status status = vdt_annotations_labels(sides->truth, key, &truth, error);
    if (!status)
        status = vdt_annotations_labels(sides->predicted, key, &predicted, error);
    if (!status && truth.count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "no sample has a label of the key \"%s\"", key);
    if (!status)
        status = vdt_label_map(sides->options, &map, error);
    if (!status)
        status = map_classes(classified, &truth, map, &names[0], error);
    truth_classes = classified->class_count;
    if (!status)
        status = map_classes(classified, &predicted, map, &names[1], error);
    if (!status)
        status = sample_table(sides, true, &truth_samples, error);
    if (!status)
        status = sample_table(sides, false, &samples, error);
    if (!status) {
        classified->many = find_many(sides, &truth, truth_samples, classified->class_count);
        status = allocate(classified, error);
    }
    if (!status) {
        fill_truth(classified, &truth, truth_samples, names[0]);
        fill_scores(classified, sides, &predicted, samples, names[1]);
        json_object_set_new(
            about, "ignored_labels",
            vdt_document_texts((const char *const *)classified->classes + truth_classes,
                               classified->class_count - truth_classes));
        json_t *missing = json_array();
        for (uint32_t i = 0; i < truth_classes; i++) {
            bool there = false;
            for (uint32_t k = 0; k < predicted.category_count; k++)
                there = there || names[1][k] == i;
            if (!there)
                json_array_append_new(missing, vdt_document_text(classified->classes[i]));
        }
        json_object_set_new(about, "missing_labels", missing);
    }
    free(names[1]);
    return status;
}

/* --- values -------------------------------------------------------------------------------- */

static const char *const metric_names[] = {
    "accuracy",    "precision",         "recall",       "f1",
    "weighted_f1", "micro_precision",   "micro_recall", "micro_f1",
    "roc_auc",     "average_precision", "ece",          "mce",
    "brier"};

enum { METRICS = sizeof metric_names / sizeof metric_names[0] };

static struct vdt_classification_input input_of(const struct classified *classified,
                                                const uint32_t *weights)
{
    return (struct vdt_classification_input){
        .sample_count = classified->unit_count,
        .class_count = classified->class_count,
        .truth = classified->truth,
        .truths = classified->truths,
        .scores = classified->scores,
        .weights = weights,
        .threshold = classified->threshold,
        .bin_count = BINS,
    };
}

static vdt_status score(const void *state, const uint32_t *weights, double *values,
                        struct vdt_error *error)
{
    const struct classified *classified = state;
    struct vdt_classification_scores scores;
    struct vdt_classification_input input = input_of(classified, weights);
    vdt_cleanup(vdt_free_pointer) struct vdt_class_score *classes =
        vdt_allocate(classified->class_count, sizeof *classes);
    if (classes == NULL)
        return vdt_fail_memory(error, "scores");
    vdt_status status = vdt_classification_score(&input, &scores, classes, NULL, NULL, error);
    if (status)
        return status;
    const double metrics[METRICS] = {
        scores.accuracy,    scores.precision,         scores.recall,       scores.f1,
        scores.weighted_f1, scores.micro_precision,   scores.micro_recall, scores.micro_f1,
        scores.roc_auc,     scores.average_precision, scores.ece,          scores.mce,
        scores.brier};
    memcpy(values, metrics, sizeof metrics);
    for (uint32_t i = 0; i < classified->class_count; i++)
        values[METRICS + i] = classes[i].f1;
    return VDT_OK;
}

/* --- the document -------------------------------------------------------------------------- */

static json_t *class_document(const char *name, const struct vdt_class_score *score)
{
    json_t *object = json_object();
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"precision", score->precision},
                   {"recall", score->recall},
                   {"f1", score->f1},
                   {"roc_auc", score->roc_auc},
                   {"average_precision", score->average_precision}};
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"truths", score->truths},
                  {"predictions", score->predictions},
                  {"true_positives", score->true_positives},
                  {"false_positives", score->false_positives},
                  {"false_negatives", score->false_negatives},
                  {"true_negatives", score->true_negatives}};
    json_object_set_new(object, "class", vdt_document_text(name));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(object, numbers[i].name, vdt_document_number(numbers[i].value));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(object, counts[i].name, vdt_document_count(counts[i].value));
    if (score->truths == 0)
        json_object_set_new(object, "reason", json_string("no_ground_truth"));
    return object;
}

static void add_confusion(const struct classified *classified, const uint64_t *confusion,
                          json_t *about)
{
    uint32_t count = classified->class_count;
    json_t *object = json_object(), *rows = json_array();
    json_t *columns = vdt_document_texts((const char *const *)classified->classes, count);
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(rows,
                              vdt_document_counts(confusion + (size_t)i * (count + 1), count + 1));
    json_object_set_new(object, "truths",
                        vdt_document_texts((const char *const *)classified->classes, count));
    json_array_append_new(columns, json_string("(none)"));
    json_object_set_new(object, "predictions", columns);
    json_object_set_new(object, "counts", rows);
    json_object_set_new(about, "confusion", object);
}

static void add_calibration(const struct vdt_calibration_bin *bins, json_t *about)
{
    json_t *list = json_array();
    for (size_t i = 0; i < BINS; i++) {
        json_t *item = json_object();
        json_object_set_new(item, "low", json_real((double)i / BINS));
        json_object_set_new(item, "high", json_real((double)(i + 1) / BINS));
        json_object_set_new(item, "count", vdt_document_count(bins[i].count));
        json_object_set_new(item, "confidence", vdt_document_number(bins[i].confidence));
        json_object_set_new(item, "right", vdt_document_number(bins[i].right));
        json_array_append_new(list, item);
    }
    json_object_set_new(about, "calibration", list);
}

static vdt_status fill_about(const struct classified *classified, const uint32_t *weights,
                             json_t *about, struct vdt_error *error)
{
    uint32_t count = classified->class_count;
    struct vdt_classification_scores scores;
    struct vdt_calibration_bin bins[BINS];
    struct vdt_classification_input input = input_of(classified, weights);
    vdt_cleanup(vdt_free_pointer) struct vdt_class_score *classes =
        vdt_allocate(count, sizeof *classes);
    vdt_cleanup(vdt_free_pointer) uint64_t *confusion =
        vdt_allocate_zero((size_t)count * (count + 1), sizeof *confusion);
    if (classes == NULL || confusion == NULL)
        return vdt_fail_memory(error, "scores");
    vdt_status status = vdt_classification_score(&input, &scores, classes,
                                                 classified->many ? NULL : confusion, bins, error);
    if (status)
        return status;
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, class_document(classified->classes[i], &classes[i]));
    json_object_set_new(about, "classes", list);
    json_object_set_new(about, "multi_label", json_boolean(classified->many));
    json_object_set_new(about, "labelled_samples", vdt_document_count(scores.samples));
    json_object_set_new(about, "score_threshold",
                        classified->many || classified->threshold > 0
                            ? json_real(classified->threshold > 0 ? classified->threshold : 0.5)
                            : json_null());
    if (!classified->many)
        add_confusion(classified, confusion, about);
    add_calibration(bins, about);
    return VDT_OK;
}

/* The highest score and its class, of equal ones the first; NaN: not predicted. */
static uint32_t best_class(const struct classified *classified, uint32_t unit, double *score)
{
    const double *scores = classified->scores + (size_t)unit * classified->class_count;
    uint32_t best = 0;
    for (uint32_t i = 1; i < classified->class_count; i++)
        if (scores[i] > scores[best])
            best = i;
    *score = scores[best];
    return best;
}

/* Share of the classes that are right; and how sure the wrong answer was. */
static void score_unit(const struct classified *classified, uint32_t unit, double *right,
                       double *error)
{
    double score, threshold = classified->threshold > 0 ? classified->threshold : 0.5;
    uint32_t best = best_class(classified, unit, &score);
    const double *scores = classified->scores + (size_t)unit * classified->class_count;
    *error = 0;
    if (!classified->many) {
        bool good = !isnan(scores[0]) && classified->truth[unit] == (int32_t)best &&
                    score >= classified->threshold;
        *right = classified->truth[unit] < 0 ? NAN : good;
        *error = good || isnan(scores[0]) ? 0 : score;
        return;
    }
    uint32_t good = 0;
    for (uint32_t i = 0; i < classified->class_count; i++) {
        bool truth = classified->truths[(size_t)unit * classified->class_count + i] == 1;
        bool predicted = !isnan(scores[0]) && scores[i] >= threshold;
        good += truth == predicted;
        if (truth != predicted)
            *error += isnan(scores[0]) ? 1 : fabs((double)truth - scores[i]);
    }
    *right = (double)good / classified->class_count;
}

/* Of several labels a sample, those whose score is high enough. */
static json_t *predicted_classes(const struct classified *classified, uint32_t unit)
{
    double threshold = classified->threshold > 0 ? classified->threshold : 0.5;
    const double *scores = classified->scores + (size_t)unit * classified->class_count;
    json_t *list = json_array();
    for (uint32_t i = 0; i < classified->class_count; i++)
        if (!isnan(scores[0]) && scores[i] >= threshold)
            json_array_append_new(list, vdt_document_text(classified->classes[i]));
    return list;
}

static vdt_status describe(const void *state, const struct vdt_sides *sides, uint32_t unit,
                           json_t *object, struct vdt_error *error)
{
    const struct classified *classified = state;
    json_t *truth = json_array();
    double score;
    uint32_t best = best_class(classified, unit, &score);
    (void)error;
    for (uint32_t i = 0; i < classified->class_count; i++) {
        bool has = classified->many
                       ? classified->truths[(size_t)unit * classified->class_count + i] == 1
                       : classified->truth[unit] == (int32_t)i;
        if (has)
            json_array_append_new(truth, vdt_document_text(classified->classes[i]));
    }
    json_object_set_new(object, "truth", truth);
    bool known = sides->samples[unit].has_prediction;
    json_object_set_new(object, "prediction",
                        known ? vdt_document_text(classified->classes[best]) : json_null());
    json_object_set_new(object, "score", vdt_document_number(known ? score : NAN));
    if (classified->many)
        json_object_set_new(object, "predictions", predicted_classes(classified, unit));
    return VDT_OK;
}

static vdt_status fill_units(const struct classified *classified, const struct vdt_sides *sides,
                             struct vdt_scorer *scorer, struct vdt_error *error)
{
    scorer->unit_count = sides->sample_count;
    scorer->weights = vdt_allocate(scorer->unit_count, sizeof *scorer->weights);
    scorer->unit_scores = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_scores);
    scorer->unit_errors = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_errors);
    if (scorer->weights == NULL || scorer->unit_scores == NULL || scorer->unit_errors == NULL)
        return vdt_fail_memory(error, "scores");
    memcpy(scorer->weights, sides->weights, scorer->unit_count * sizeof *scorer->weights);
    for (uint32_t i = 0; i < scorer->unit_count; i++)
        score_unit(classified, i, &scorer->unit_scores[i], &scorer->unit_errors[i]);
    return VDT_OK;
}

vdt_status vdt_classification_scorer(struct vdt_sides *sides, const char *key,
                                     struct vdt_scorer *scorer, struct vdt_error *error)
{
    vdt_cleanup(release_classified) struct classified *classified =
        vdt_allocate_zero(1, sizeof *classified);
    struct vdt_scorer made = {.task = "classification",
                              .direction = "right",
                              .score = score,
                              .describe = describe,
                              .free_state = free_classified,
                              .about = json_object()};
    vdt_status status = classified ? VDT_OK : vdt_fail_memory(error, "scores");
    if (!status) {
        classified->unit_count = sides->sample_count;
        classified->threshold = sides->options->score_threshold;
        json_object_set_new(made.about, "key", vdt_document_text(key));
        status = gather(sides, key, classified, made.about, error);
    }
    if (!status)
        status = fill_units(classified, sides, &made, error);
    for (size_t i = 0; !status && i < METRICS; i++)
        if (!vdt_scorer_name(&made, "%s", metric_names[i]))
            status = vdt_fail_memory(error, "scores");
    made.metric_count = made.value_count;
    for (uint32_t i = 0; !status && i < classified->class_count; i++)
        if (!vdt_scorer_name(&made, "class:%s:f1", classified->classes[i]))
            status = vdt_fail_memory(error, "scores");
    if (!status)
        status = fill_about(classified, made.weights, made.about, error);
    if (status) {
        vdt_scorer_clear(&made);
        return status;
    }
    made.state = classified;
    classified = NULL;
    *scorer = made;
    return VDT_OK;
}

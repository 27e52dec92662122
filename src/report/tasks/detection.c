/* Detection and instances: matched once, scored for any weights. */
#include "report/tasks/detection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/place.h"

const char *const vdt_protocol_words[] = {"coco", "valor", "voc07", "voc12", "dota", NULL};

static void free_detected(void *state)
{
    struct vdt_detected *detected = state;
    vdt_matches_free(detected->matches);
    free(detected->iou_thresholds);
    free(detected->max_detections);
    free(detected->found);
    free(detected->wrong);
    free(detected->missed);
    free(detected->class_found);
    free(detected->class_wrong);
    free(detected->class_missed);
    vdt_compared_clear(&detected->compared);
    free(detected);
}

static void release_detected(struct vdt_detected **detected)
{
    if (*detected)
        free_detected(*detected);
}

/* --- options ------------------------------------------------------------------------------- */

static vdt_status find_protocol(const char *word, enum vdt_detection_protocol *protocol,
                                struct vdt_error *error)
{
    *protocol = VDT_PROTOCOL_COCO;
    for (size_t i = 0; word && vdt_protocol_words[i]; i++)
        if (strcmp(vdt_protocol_words[i], word) == 0) {
            *protocol = (enum vdt_detection_protocol)i;
            return VDT_OK;
        }
    return word ? vdt_fail(error, VDT_ERR_ARGUMENT,
                           "protocol \"%s\": there are coco, valor, voc07, voc12 and dota", word)
                : VDT_OK;
}

/* COCO's are those of numpy.linspace(.5, .95, 10), bit by bit; valor's are decimal numbers. */
static double usual_threshold(enum vdt_detection_protocol protocol, size_t i)
{
    if (protocol == VDT_PROTOCOL_VALOR)
        return (50 + 5 * (double)i) / 100;
    return i == 9 ? 0.95 : 0.5 + (double)i * ((0.95 - 0.5) / 9);
}

static vdt_status set_thresholds(struct vdt_detected *detected,
                                 const struct vdt_evaluate_options *options,
                                 enum vdt_detection_protocol protocol, struct vdt_error *error)
{
    bool many = protocol == VDT_PROTOCOL_COCO || protocol == VDT_PROTOCOL_VALOR;
    size_t count = options->iou_threshold_count ? options->iou_threshold_count : many ? 10 : 1;
    detected->iou_thresholds = vdt_allocate(count, sizeof(double));
    if (detected->iou_thresholds == NULL)
        return vdt_fail_memory(error, "thresholds");
    for (size_t i = 0; i < count; i++)
        detected->iou_thresholds[i] = options->iou_threshold_count ? options->iou_thresholds[i]
                                                                   : usual_threshold(protocol, i);
    detected->iou_threshold_count = count;
    detected->half = 0;
    for (size_t i = 0; i < count; i++)
        if (fabs(detected->iou_thresholds[i] - 0.5) < 1e-9)
            detected->half = i;
    return VDT_OK;
}

static vdt_status set_limits(struct vdt_detected *detected,
                             const struct vdt_evaluate_options *options, bool coco,
                             struct vdt_error *error)
{
    static const uint32_t usual[] = {1, 10, 100}, all[] = {UINT32_MAX};
    const uint32_t *list = coco && !detected->compared.on_ground ? usual : all;
    size_t count = list == usual ? 3 : 1;
    if (options->max_detection_count) {
        list = options->max_detections;
        count = options->max_detection_count;
    }
    detected->max_detections = vdt_allocate(count, sizeof(uint32_t));
    if (detected->max_detections == NULL)
        return vdt_fail_memory(error, "thresholds");
    memcpy(detected->max_detections, list, count * sizeof(uint32_t));
    detected->max_detection_count = count;
    return VDT_OK;
}

static vdt_status match(struct vdt_detected *detected, const struct vdt_evaluate_options *options,
                        struct vdt_error *error)
{
    static const char *const everything[] = {"all classes"};
    enum vdt_detection_protocol protocol;
    vdt_status status = find_protocol(options->protocol, &protocol, error);
    if (status)
        return status;
    detected->protocol = vdt_protocol_words[protocol];
    detected->is_valor = protocol == VDT_PROTOCOL_VALOR;
    bool coco = protocol == VDT_PROTOCOL_COCO;
    status = set_thresholds(detected, options, protocol, error);
    if (!status)
        status = set_limits(detected, options, coco, error);
    if (status)
        return status;
    struct vdt_compared *compared = &detected->compared;
    detected->category_count = options->class_agnostic ? 1 : compared->category_count;
    detected->categories =
        options->class_agnostic ? everything : (const char *const *)compared->categories;
    struct vdt_detection_options matching = {
        .image_count = compared->unit_count,
        .category_count = compared->category_count,
        .iou_thresholds = detected->iou_thresholds,
        .iou_threshold_count = detected->iou_threshold_count,
        .max_detections = detected->max_detections,
        .max_detection_count = detected->max_detection_count,
        .class_agnostic = options->class_agnostic,
        .protocol = protocol,
        .keep_ids = true,
        .threads = options->threads,
    };
    return vdt_detection_match(&matching, &compared->truth, &compared->predicted,
                               &detected->matches, error);
}

/* --- the operating point ------------------------------------------------------------------- */

struct ranked {
    double score;
    uint64_t object;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    return left->object < right->object ? -1 : left->object > right->object;
}

static uint64_t count_truth(const struct vdt_detected *detected)
{
    const struct vdt_compared *compared = &detected->compared;
    uint64_t count = 0;
    for (uint64_t i = 0; i < compared->truth.count; i++)
        if (compared->unit_weights[compared->truth.image[i]])
            count += vdt_detection_missed(detected->matches, i, detected->half, 0, NULL) !=
                     VDT_OUTCOME_IGNORED;
    return count;
}

/* The score with the best F1 over all counting units, equal ones the highest. */
static double best_score(const struct ranked *ranked, uint64_t count,
                         const struct vdt_detected *detected)
{
    uint64_t truths = count_truth(detected), found = 0, wrong = 0;
    double best = -1, score = count ? ranked[0].score : 0;
    for (uint64_t i = 0; i < count; i++) {
        enum vdt_outcome outcome =
            vdt_detection_outcome(detected->matches, ranked[i].object, detected->half, 0, NULL);
        found += outcome == VDT_OUTCOME_TRUE_POSITIVE;
        wrong += outcome == VDT_OUTCOME_FALSE_POSITIVE;
        if (i + 1 < count && ranked[i + 1].score == ranked[i].score)
            continue;
        double f1 = 2.0 * (double)found / ((double)(found + wrong + truths) + (truths == 0));
        if (f1 > best) {
            best = f1;
            score = ranked[i].score;
        }
    }
    return score;
}

static vdt_status choose_score(struct vdt_detected *detected,
                               const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    const struct vdt_compared *compared = &detected->compared;
    if (options->score_threshold != 0) {
        detected->score = options->score_threshold;
        return VDT_OK;
    }
    vdt_cleanup(vdt_free_pointer) struct ranked *ranked =
        vdt_allocate(compared->predicted.count, sizeof *ranked);
    if (ranked == NULL)
        return vdt_fail_memory(error, "scores");
    uint64_t count = 0;
    for (uint64_t i = 0; i < compared->predicted.count; i++)
        if (compared->unit_weights[compared->predicted.image[i]])
            ranked[count++] = (struct ranked){compared->predicted.score[i], i};
    qsort(ranked, count, sizeof *ranked, by_score);
    detected->score = best_score(ranked, count, detected);
    detected->score_chosen = true;
    return VDT_OK;
}

static vdt_status count_outcomes(struct vdt_detected *detected, struct vdt_error *error)
{
    const struct vdt_compared *compared = &detected->compared;
    uint32_t **units[] = {&detected->found, &detected->wrong, &detected->missed};
    uint64_t **classes[] = {&detected->class_found, &detected->class_wrong,
                            &detected->class_missed};
    for (size_t i = 0; i < 3; i++) {
        *units[i] = vdt_allocate_zero(compared->unit_count, sizeof **units[i]);
        *classes[i] = vdt_allocate_zero(detected->category_count, sizeof **classes[i]);
        if (*units[i] == NULL || *classes[i] == NULL)
            return vdt_fail_memory(error, "counts");
    }
    bool one = detected->category_count == 1;
    for (uint64_t i = 0; i < compared->predicted.count; i++) {
        if (compared->predicted.score[i] < detected->score)
            continue;
        enum vdt_outcome outcome =
            vdt_detection_outcome(detected->matches, i, detected->half, 0, NULL);
        uint32_t unit = compared->predicted.image[i];
        uint32_t category = one ? 0 : compared->predicted.category[i];
        bool found = outcome == VDT_OUTCOME_TRUE_POSITIVE;
        bool wrong = outcome == VDT_OUTCOME_FALSE_POSITIVE;
        detected->found[unit] += found;
        detected->wrong[unit] += wrong;
        detected->class_found[category] += found * compared->unit_weights[unit];
        detected->class_wrong[category] += wrong * compared->unit_weights[unit];
    }
    for (uint64_t i = 0; i < compared->truth.count; i++) {
        uint32_t by, unit = compared->truth.image[i];
        enum vdt_outcome outcome =
            vdt_detection_missed(detected->matches, i, detected->half, 0, &by);
        bool low = outcome == VDT_OUTCOME_TRUE_POSITIVE && by != VDT_NO_MATCH &&
                   compared->predicted.score[by] < detected->score;
        bool missed = outcome == VDT_OUTCOME_FALSE_POSITIVE || low;
        detected->missed[unit] += missed;
        detected->class_missed[one ? 0 : compared->truth.category[i]] +=
            missed * compared->unit_weights[unit];
    }
    return VDT_OK;
}

/* --- values -------------------------------------------------------------------------------- */

static double known(double value)
{
    return value < 0 ? NAN : value;
}

static double mean_of(const struct vdt_detection_scores *scores, bool recall, size_t threshold,
                      size_t area, size_t limit)
{
    return known(vdt_detection_mean(scores, &(struct vdt_detection_mean){.recall = recall,
                                                                         .threshold = threshold,
                                                                         .area = area,
                                                                         .max_detection = limit}));
}

/* The index of a threshold, or `none` when it is not there. */
static bool find_threshold(const struct vdt_detected *detected, double threshold, size_t *index)
{
    for (size_t i = 0; i < detected->iou_threshold_count; i++)
        if (fabs(detected->iou_thresholds[i] - threshold) < 1e-9) {
            *index = i;
            return true;
        }
    return false;
}

static double at_threshold(const struct vdt_detected *detected,
                           const struct vdt_detection_scores *scores, double threshold)
{
    size_t index;
    return find_threshold(detected, threshold, &index) ? mean_of(scores, false, index, 0, VDT_EVERY)
                                                       : NAN;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

/* Precision, recall and F1 at the operating point. */
static void point_values(double found, double wrong, double missed, double values[3])
{
    values[0] = share(found, found + wrong);
    values[1] = share(found, found + missed);
    values[2] = share(2 * found, 2 * found + wrong + missed);
}

/* In the order of `name_values`. */
static size_t fill_coco(const struct vdt_detected *detected,
                        const struct vdt_detection_scores *scores, double *values)
{
    size_t at = 0;
    values[at++] = mean_of(scores, false, VDT_EVERY, 0, VDT_EVERY);
    values[at++] = at_threshold(detected, scores, 0.5);
    values[at++] = at_threshold(detected, scores, 0.75);
    for (size_t area = 1; area < 4; area++)
        values[at++] = mean_of(scores, false, VDT_EVERY, area, VDT_EVERY);
    for (size_t limit = 0; limit < detected->max_detection_count; limit++)
        values[at++] = mean_of(scores, true, VDT_EVERY, 0, limit);
    for (size_t area = 1; area < 4; area++)
        values[at++] = mean_of(scores, true, VDT_EVERY, area, VDT_EVERY);
    return at;
}

static size_t fill_others(const struct vdt_detected *detected,
                          const struct vdt_detection_scores *scores, double *values)
{
    size_t at = 0;
    values[at++] = mean_of(scores, false, VDT_EVERY, 0, VDT_EVERY);
    for (size_t i = 0; i < detected->iou_threshold_count; i++)
        values[at++] = mean_of(scores, false, i, 0, VDT_EVERY);
    values[at++] = mean_of(scores, true, VDT_EVERY, 0, VDT_EVERY);
    return at;
}

static bool name_coco(struct vdt_scorer *scorer, const struct vdt_detected *detected)
{
    static const char *const names[] = {"AP", "AP50", "AP75", "APs", "APm", "APl"};
    bool good = true;
    for (size_t i = 0; i < 6; i++)
        good = good && vdt_scorer_name(scorer, "%s", names[i]);
    for (size_t i = 0; i < detected->max_detection_count; i++)
        good = good && (detected->max_detections[i] == UINT32_MAX
                            ? vdt_scorer_name(scorer, "AR")
                            : vdt_scorer_name(scorer, "AR%u", detected->max_detections[i]));
    for (size_t i = 0; i < 3; i++)
        good = good && vdt_scorer_name(scorer, "AR%c", "sml"[i]);
    return good;
}

/* valor's own names, and for the others those of their papers. */
static bool name_others(struct vdt_scorer *scorer, const struct vdt_detected *detected)
{
    bool good = vdt_scorer_name(scorer, detected->is_valor ? "mAPAveragedOverIOUs" : "mAP");
    for (size_t i = 0; i < detected->iou_threshold_count; i++)
        good = good && vdt_scorer_name(scorer, "mAP@%.10g", detected->iou_thresholds[i]);
    return good && vdt_scorer_name(scorer, "mAR");
}

static bool name_values(struct vdt_scorer *scorer, const struct vdt_detected *detected)
{
    bool is_coco = strcmp(detected->protocol, "coco") == 0;
    bool good = is_coco ? name_coco(scorer, detected) : name_others(scorer, detected);
    good = good && vdt_scorer_name(scorer, "precision") && vdt_scorer_name(scorer, "recall") &&
           vdt_scorer_name(scorer, "f1");
    scorer->metric_count = scorer->value_count;
    for (size_t i = 0; i < detected->category_count; i++)
        good = good && vdt_scorer_name(scorer, "class:%s:%s", detected->categories[i],
                                       detected->is_valor ? "APAveragedOverIOUs" : "AP");
    return good;
}

static void fill_values(const struct vdt_detected *detected,
                        const struct vdt_detection_scores *scores, const uint32_t *weights,
                        double *values)
{
    size_t at = strcmp(detected->protocol, "coco") == 0 ? fill_coco(detected, scores, values)
                                                        : fill_others(detected, scores, values);
    double found = 0, wrong = 0, missed = 0;
    for (uint32_t i = 0; i < detected->compared.unit_count; i++) {
        found += (double)weights[i] * detected->found[i];
        wrong += (double)weights[i] * detected->wrong[i];
        missed += (double)weights[i] * detected->missed[i];
    }
    point_values(found, wrong, missed, values + at);
    at += 3;
    for (size_t i = 0; i < detected->category_count; i++) {
        struct vdt_detection_mean over = {.threshold = VDT_EVERY, .max_detection = VDT_EVERY};
        values[at++] = known(vdt_detection_category_mean(scores, i, &over));
    }
}

static vdt_status score(const void *state, const uint32_t *weights, double *values,
                        struct vdt_error *error)
{
    const struct vdt_detected *detected = state;
    struct vdt_detection_scores *scores;
    vdt_status status = vdt_detection_averages(detected->matches, weights, &scores, error);
    if (status)
        return status;
    fill_values(detected, scores, weights, values);
    vdt_detection_scores_free(scores);
    return VDT_OK;
}

/* --- the document -------------------------------------------------------------------------- */

struct class_number {
    const char *name;
    double value;
};

static void add_numbers(json_t *object, const struct class_number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, numbers[i].name, vdt_document_number(numbers[i].value));
}

/* The average precision at each threshold. */
static json_t *ap_by_iou(const struct vdt_detected *detected,
                         const struct vdt_detection_scores *scores, size_t index)
{
    json_t *list = json_array();
    for (size_t i = 0; i < detected->iou_threshold_count; i++) {
        struct vdt_detection_mean at = {.threshold = i, .max_detection = VDT_EVERY};
        json_array_append_new(
            list, vdt_document_number(known(vdt_detection_category_mean(scores, index, &at))));
    }
    return list;
}

static json_t *class_document(const struct vdt_detected *detected,
                              const struct vdt_detection_scores *scores, size_t index)
{
    struct vdt_detection_category category = {0};
    json_t *object = json_object();
    double point[3];
    vdt_detection_category(scores, index, &category);
    point_values((double)detected->class_found[index], (double)detected->class_wrong[index],
                 (double)detected->class_missed[index], point);
    const struct class_number usual[] = {
        {"AP", known(category.ap)},         {"AP50", known(category.ap50)},
        {"AP75", known(category.ap75)},     {"APs", known(category.ap_small)},
        {"APm", known(category.ap_medium)}, {"APl", known(category.ap_large)}};
    const struct class_number averaged = {"APAveragedOverIOUs", known(category.ap)};
    const struct class_number rest[] = {{"AR", known(category.ar)},
                                        {"precision", point[0]},
                                        {"recall", point[1]},
                                        {"f1", point[2]}};
    json_object_set_new(object, "class", vdt_document_text(detected->categories[index]));
    if (detected->is_valor)
        add_numbers(object, &averaged, 1);
    else
        add_numbers(object, usual, sizeof usual / sizeof usual[0]);
    add_numbers(object, rest, sizeof rest / sizeof rest[0]);
    json_object_set_new(object, "ap_by_iou", ap_by_iou(detected, scores, index));
    json_object_set_new(object, "ground_truths", vdt_document_count(category.ground_truths));
    json_object_set_new(object, "detections", vdt_document_count(category.detections));
    json_object_set_new(object, "found", vdt_document_count(detected->class_found[index]));
    json_object_set_new(object, "wrong", vdt_document_count(detected->class_wrong[index]));
    json_object_set_new(object, "missed", vdt_document_count(detected->class_missed[index]));
    if (category.ap < 0)
        json_object_set_new(object, "reason", json_string("no_ground_truth"));
    return object;
}

/* Classes of the labels that no prediction has, and those of predictions that no label has. */
static void add_strangers(const struct vdt_compared *compared, json_t *about)
{
    json_t *missing = json_array(), *ignored = json_array();
    for (uint32_t i = 0; i < compared->category_count; i++) {
        bool truth = compared->truth_counts[i] > 0, predicted = compared->predicted_counts[i] > 0;
        if (truth && !predicted)
            json_array_append_new(missing, vdt_document_text(compared->categories[i]));
        if (predicted && !truth)
            json_array_append_new(ignored, vdt_document_text(compared->categories[i]));
    }
    json_object_set_new(about, "missing_labels", missing);
    json_object_set_new(about, "ignored_labels", ignored);
}

static json_t *point_document(const struct vdt_detected *detected)
{
    json_t *object = json_object();
    json_object_set_new(object, "score", vdt_document_number(detected->score));
    json_object_set_new(object, "chosen",
                        json_string(detected->score_chosen ? "best_f1" : "given"));
    json_object_set_new(object, "iou",
                        vdt_document_number(detected->iou_thresholds[detected->half]));
    return object;
}

static vdt_status fill_about(const struct vdt_detected *detected, const struct vdt_sides *sides,
                             enum vdt_annotation_form form, struct vdt_scorer *scorer,
                             struct vdt_error *error)
{
    struct vdt_detection_scores *scores;
    vdt_status status =
        vdt_detection_accumulate(detected->matches, scorer->weights, &scores, error);
    if (status)
        return status;
    json_t *about = scorer->about, *classes = json_array(), *limits = json_array();
    for (size_t i = 0; i < detected->category_count; i++)
        json_array_append_new(classes, class_document(detected, scores, i));
    for (size_t i = 0; i < detected->max_detection_count; i++)
        json_array_append_new(limits, detected->max_detections[i] == UINT32_MAX
                                          ? json_null()
                                          : json_integer(detected->max_detections[i]));
    const char *key = sides->options->label_key;
    json_object_set_new(about, "protocol", json_string(detected->protocol));
    json_object_set_new(about, "iou", json_string(vdt_iou_words[form]));
    json_object_set_new(about, "key", vdt_document_text(key && key[0] ? key : "class"));
    json_object_set_new(
        about, "iou_thresholds",
        vdt_document_numbers(detected->iou_thresholds, detected->iou_threshold_count));
    json_object_set_new(about, "max_detections", limits);
    json_object_set_new(about, "class_agnostic", json_boolean(sides->options->class_agnostic));
    json_object_set_new(about, "ground", json_boolean(detected->compared.on_ground));
    json_object_set_new(about, "classes", classes);
    if (sides->reader && !detected->compared.on_ground) {
        struct vdt_tile_spec tile = vdt_reader_spec(sides->reader).tile;
        json_object_set_new(about, "sample_size",
                            json_pack("[ii]", (int)tile.rows, (int)tile.cols));
    }
    json_object_set_new(about, "operating_point", point_document(detected));
    add_strangers(&detected->compared, about);
    json_t *ground = vdt_place_document(&detected->compared);
    if (ground)
        json_object_set_new(about, "ground_objects", ground);
    status = vdt_detection_details(detected, scores, sides, about, error);
    vdt_detection_scores_free(scores);
    return status;
}

/* A unit with nothing to find where nothing was found is right. */
static vdt_status fill_units(const struct vdt_detected *detected, struct vdt_scorer *scorer,
                             struct vdt_error *error)
{
    scorer->unit_count = detected->compared.unit_count;
    scorer->weights = vdt_allocate(scorer->unit_count, sizeof *scorer->weights);
    scorer->unit_scores = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_scores);
    scorer->unit_errors = vdt_allocate(scorer->unit_count, sizeof *scorer->unit_errors);
    if (scorer->weights == NULL || scorer->unit_scores == NULL || scorer->unit_errors == NULL)
        return vdt_fail_memory(error, "counts");
    memcpy(scorer->weights, detected->compared.unit_weights,
           scorer->unit_count * sizeof *scorer->weights);
    for (uint32_t i = 0; i < scorer->unit_count; i++) {
        double errors = (double)detected->wrong[i] + detected->missed[i];
        double both = 2.0 * detected->found[i];
        scorer->unit_scores[i] = both + errors > 0 ? both / (both + errors) : 1;
        scorer->unit_errors[i] = errors;
    }
    return VDT_OK;
}

vdt_status vdt_detection_scorer(struct vdt_sides *sides, struct vdt_compared *compared,
                                enum vdt_annotation_form form, struct vdt_scorer *scorer,
                                struct vdt_error *error)
{
    vdt_cleanup(release_detected) struct vdt_detected *detected =
        vdt_allocate_zero(1, sizeof *detected);
    struct vdt_scorer made = {.direction = "f1",
                              .score = score,
                              .describe = vdt_detection_describe,
                              .free_state = free_detected,
                              .about = json_object()};
    if (detected == NULL) {
        vdt_compared_clear(compared);
        json_decref(made.about);
        return vdt_fail_memory(error, "scores");
    }
    detected->compared = *compared;
    *compared = (struct vdt_compared){0};
    made.task = form == VDT_FORM_MASK ? "instance" : "detection";
    made.on_ground = detected->compared.on_ground;
    vdt_status status = match(detected, sides->options, error);
    if (!status)
        status = choose_score(detected, sides->options, error);
    if (!status)
        status = count_outcomes(detected, error);
    if (!status)
        status = fill_units(detected, &made, error);
    if (!status && !name_values(&made, detected))
        status = vdt_fail_memory(error, "scores");
    if (!status)
        status = fill_about(detected, sides, form, &made, error);
    if (status) {
        vdt_scorer_clear(&made);
        return status;
    }
    made.state = detected;
    detected = NULL;
    *scorer = made;
    return VDT_OK;
}

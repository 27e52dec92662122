/* Single objects of each class, as examples of what is found, wrong and missed, and the counts from
 * each score on. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/tasks/detection.h"

enum { EXAMPLES = 3, SCORES = 19 };

/* --- counts by score ----------------------------------------------------------------------- */

static double known(double value)
{
    return value < 0 ? NAN : value;
}

/* One class, or all of them as VDT_EVERY. */
static vdt_status curve_document(const struct vdt_diagnosis *diagnosis, size_t category,
                                 const double *scores, json_t *object, struct vdt_error *error)
{
    static const char *const names[] = {"true_positives", "false_positives", "false_negatives",
                                        "precision",      "recall",          "f1"};
    struct vdt_score_point points[SCORES];
    json_t *lists[6];
    vdt_status status = vdt_diagnosis_points(diagnosis, category, scores, SCORES, points, error);
    if (status)
        return status;
    for (size_t k = 0; k < 6; k++) {
        lists[k] = json_array();
        json_object_set_new(object, names[k], lists[k]);
    }
    for (size_t i = 0; i < SCORES; i++) {
        const struct vdt_score_point *at = &points[i];
        json_array_append_new(lists[0], vdt_document_count(at->true_positives));
        json_array_append_new(lists[1], vdt_document_count(at->false_positives));
        json_array_append_new(lists[2], vdt_document_count(at->false_negatives));
        json_array_append_new(lists[3], vdt_document_number(known(at->precision)));
        json_array_append_new(lists[4], vdt_document_number(known(at->recall)));
        json_array_append_new(lists[5], vdt_document_number(known(at->f1)));
    }
    return VDT_OK;
}

vdt_status vdt_detection_score_curve(const struct vdt_detected *detected,
                                     const struct vdt_diagnosis *diagnosis, json_t *about,
                                     struct vdt_error *error)
{
    double scores[SCORES];
    for (size_t i = 0; i < SCORES; i++)
        scores[i] = (double)(i + 1) * 5 / 100;
    bool one = detected->category_count == 1;
    json_t *object = json_object(), *classes = json_array();
    json_object_set_new(about, "score_curve", object);
    json_object_set_new(object, "iou",
                        vdt_document_number(detected->iou_thresholds[detected->half]));
    json_object_set_new(object, "scores", vdt_document_numbers(scores, SCORES));
    json_object_set_new(object, "classes", classes);
    vdt_status status = VDT_OK;
    for (size_t i = 0; !status && i < detected->category_count; i++) {
        json_t *item = json_object();
        json_array_append_new(classes, item);
        json_object_set_new(item, "class", vdt_document_text(detected->categories[i]));
        status = curve_document(diagnosis, one ? VDT_EVERY : i, scores, item, error);
    }
    return status;
}

/* --- which objects ------------------------------------------------------------------------- */

enum kind { FOUND, WRONG, MISSED, KINDS };

static const char *const kind_names[KINDS] = {"found", "wrong", "missed"};

/* An object and what orders it: the largest first, then the order of the input. */
struct example {
    double key;
    uint64_t object;
};

/* Examples of every class and kind; `most` of each. */
struct examples {
    struct example *list; /* [classes][KINDS][most] */
    uint32_t *count;      /* [classes][KINDS] */
    size_t most;
    uint32_t *nearest; /* [ground truth]: the wrong prediction that is most about it, or
                          VDT_NO_MATCH */
};

static void clear_examples(struct examples *examples)
{
    free(examples->list);
    free(examples->count);
    free(examples->nearest);
}

static void put(struct examples *examples, size_t category, enum kind kind, double key,
                uint64_t object)
{
    size_t place = category * KINDS + kind;
    struct example *list = examples->list + place * examples->most;
    uint32_t at = examples->count[place];
    if (at == examples->most && key <= list[at - 1].key)
        return;
    if (at == examples->most)
        at--;
    else
        examples->count[place]++;
    for (; at > 0 && list[at - 1].key < key; at--)
        list[at] = list[at - 1];
    list[at] = (struct example){key, object};
}

static void pick_predictions(const struct vdt_detected *detected,
                             const struct vdt_diagnosis *diagnosis, struct examples *examples)
{
    const struct vdt_objects *predicted = &detected->compared.predicted;
    bool one = detected->category_count == 1;
    for (uint64_t i = 0; i < predicted->count; i++) {
        uint32_t truth;
        double iou, other;
        enum vdt_finding finding = vdt_diagnosis_detection(diagnosis, i, &truth, &iou);
        bool wrong = finding >= VDT_FINDING_LOCALISATION;
        if (predicted->score[i] < detected->score || !(wrong || finding == VDT_FINDING_FOUND))
            continue;
        put(examples, one ? 0 : predicted->category[i], wrong ? WRONG : FOUND, predicted->score[i],
            i);
        if (!wrong || truth == VDT_NO_MATCH)
            continue;
        uint32_t *nearest = &examples->nearest[truth];
        if (*nearest != VDT_NO_MATCH)
            vdt_diagnosis_detection(diagnosis, *nearest, NULL, &other);
        if (*nearest == VDT_NO_MATCH || iou > other)
            *nearest = (uint32_t)i;
    }
}

static double area_of(const struct vdt_objects *objects, uint64_t index)
{
    if (objects->area)
        return objects->area[index];
    return objects->box ? objects->box[index][2] * objects->box[index][3] : 0;
}

static void pick_truths(const struct vdt_detected *detected, struct examples *examples)
{
    const struct vdt_objects *truth = &detected->compared.truth;
    bool one = detected->category_count == 1;
    for (uint64_t i = 0; i < truth->count; i++) {
        uint32_t by;
        enum vdt_outcome outcome =
            vdt_detection_missed(detected->matches, i, detected->half, 0, &by);
        bool low = outcome == VDT_OUTCOME_TRUE_POSITIVE && by != VDT_NO_MATCH &&
                   detected->compared.predicted.score[by] < detected->score;
        if (outcome == VDT_OUTCOME_FALSE_POSITIVE || low)
            put(examples, one ? 0 : truth->category[i], MISSED, area_of(truth, i), i);
    }
}

static vdt_status pick(const struct vdt_detected *detected, const struct vdt_diagnosis *diagnosis,
                       size_t most, struct examples *examples, struct vdt_error *error)
{
    uint64_t truths = detected->compared.truth.count;
    size_t places = detected->category_count * KINDS;
    examples->most = most;
    examples->list = vdt_allocate(places, most * sizeof *examples->list);
    examples->count = vdt_allocate_zero(places, sizeof *examples->count);
    examples->nearest = vdt_allocate(truths, sizeof *examples->nearest);
    if (examples->list == NULL || examples->count == NULL || examples->nearest == NULL)
        return vdt_fail_memory(error, "examples");
    for (uint64_t i = 0; i < truths; i++)
        examples->nearest[i] = VDT_NO_MATCH;
    pick_predictions(detected, diagnosis, examples);
    pick_truths(detected, examples);
    return VDT_OK;
}

/* --- the document -------------------------------------------------------------------------- */

/* What the caller calls an annotation or prediction: its id, COCO's id, or for COCO's results the
 * place in the file, from 1 on. */
static vdt_status add_name(const struct vdt_detected *detected, const struct vdt_sides *sides,
                           bool truth, uint64_t index, const char *member, json_t *object,
                           struct vdt_error *error)
{
    const struct vdt_compared *compared = &detected->compared;
    const uint64_t *rows = truth ? compared->truth_rows : compared->predicted_rows;
    const struct vdt_kept *kept = compared->kept[truth ? 0 : 1];
    char name[32];
    if (rows) {
        struct vdt_annotation annotation = {0};
        vdt_status status = vdt_annotations_get(truth ? sides->truth : sides->predicted,
                                                rows[index], &annotation, NULL, NULL, error);
        snprintf(name, sizeof name, "#%" PRIu64, annotation.number);
        if (!status)
            json_object_set_new(object, member,
                                vdt_document_text(annotation.id ? annotation.id : name));
        return status;
    }
    struct vdt_coco_records records;
    uint64_t place = kept ? kept->index[index] : index;
    vdt_coco_get_records(truth ? sides->truth_coco : sides->result_coco, &records);
    snprintf(name, sizeof name, "%" PRId64, records.id ? records.id[place] : (int64_t)place + 1);
    json_object_set_new(object, member, json_string(name));
    return VDT_OK;
}

/* What a prediction found, or its error is about. */
static vdt_status add_prediction(const struct vdt_detected *detected,
                                 const struct vdt_diagnosis *diagnosis,
                                 const struct vdt_sides *sides, uint64_t index, json_t *object,
                                 struct vdt_error *error)
{
    uint32_t truth;
    double iou;
    enum vdt_finding finding = vdt_diagnosis_detection(diagnosis, index, &truth, &iou);
    json_object_set_new(object, "score",
                        vdt_document_number(detected->compared.predicted.score[index]));
    json_object_set_new(object, "iou", vdt_document_number(iou));
    if (finding != VDT_FINDING_FOUND)
        json_object_set_new(object, "error", json_string(vdt_finding_name(finding)));
    return truth == VDT_NO_MATCH ? VDT_OK
                                 : add_name(detected, sides, true, truth, "truth", object, error);
}

/* What was meant for a missed object, if anything was. */
static vdt_status add_missed(const struct vdt_detected *detected,
                             const struct vdt_diagnosis *diagnosis, const struct vdt_sides *sides,
                             const struct examples *examples, uint64_t index, json_t *object,
                             struct vdt_error *error)
{
    uint32_t by = examples->nearest[index];
    if (by == VDT_NO_MATCH)
        return VDT_OK;
    double iou;
    enum vdt_finding finding = vdt_diagnosis_detection(diagnosis, by, NULL, &iou);
    json_object_set_new(object, "iou", vdt_document_number(iou));
    json_object_set_new(object, "error", json_string(vdt_finding_name(finding)));
    return add_name(detected, sides, false, by, "prediction", object, error);
}

static vdt_status add_example(const struct vdt_detected *detected,
                              const struct vdt_diagnosis *diagnosis, const struct vdt_sides *sides,
                              const struct examples *examples, enum kind kind, uint64_t index,
                              json_t *list, struct vdt_error *error)
{
    bool truth = kind == MISSED;
    const struct vdt_objects *objects =
        truth ? &detected->compared.truth : &detected->compared.predicted;
    const struct vdt_side_sample *sample = &sides->samples[objects->image[index]];
    json_t *object = json_object();
    json_array_append_new(list, object);
    json_object_set_new(object, "sample", vdt_document_text(sample->reference));
    json_object_set_new(object, "group", vdt_document_text(sample->group));
    json_object_set_new(object, "index", vdt_document_count(sample->index));
    vdt_status status = add_name(detected, sides, truth, index, "id", object, error);
    if (!status)
        status = vdt_detection_add_shape(objects, index, false, object, error);
    if (status)
        return status;
    return truth ? add_missed(detected, diagnosis, sides, examples, index, object, error)
                 : add_prediction(detected, diagnosis, sides, index, object, error);
}

static vdt_status class_examples(const struct vdt_detected *detected,
                                 const struct vdt_diagnosis *diagnosis,
                                 const struct vdt_sides *sides, const struct examples *examples,
                                 size_t category, json_t *object, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t place = category * KINDS + kind;
        json_t *list = json_array();
        json_object_set_new(object, kind_names[kind], list);
        for (uint32_t i = 0; !status && i < examples->count[place]; i++)
            status = add_example(detected, diagnosis, sides, examples, (enum kind)kind,
                                 examples->list[place * examples->most + i].object, list, error);
    }
    return status;
}

vdt_status vdt_detection_examples(const struct vdt_detected *detected,
                                  const struct vdt_diagnosis *diagnosis,
                                  const struct vdt_sides *sides, json_t *about,
                                  struct vdt_error *error)
{
    vdt_cleanup(clear_examples) struct examples examples = {0};
    size_t most = sides->options->examples ? sides->options->examples : EXAMPLES;
    /* Objects on the ground are in no sample. */
    if (detected->compared.on_ground)
        return VDT_OK;
    vdt_status status = pick(detected, diagnosis, most, &examples, error);
    json_t *list = json_array();
    json_object_set_new(about, "examples", list);
    for (size_t i = 0; !status && i < detected->category_count; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "class", vdt_document_text(detected->categories[i]));
        json_array_append_new(list, object);
        status = class_examples(detected, diagnosis, sides, &examples, i, object, error);
    }
    return status;
}

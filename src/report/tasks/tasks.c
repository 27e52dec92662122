/* Which tasks an evaluation has. */
#include "report/tasks/tasks.h"

#include <string.h>

#include "base/error.h"
#include "report/tasks/classification.h"
#include "report/tasks/detection.h"
#include "report/tasks/place.h"
#include "report/tasks/segmentation.h"

static bool asked(const struct vdt_sides *sides, const char *task)
{
    return sides->options->task == NULL || strcmp(sides->options->task, task) == 0;
}

static bool is_word(const char *const *words, const char *text)
{
    size_t i = 0;
    while (words[i] && strcmp(words[i], text) != 0)
        i++;
    return words[i] != NULL;
}

vdt_status vdt_tasks_check_words(const struct vdt_evaluate_options *options,
                                 struct vdt_error *error)
{
    static const char *const tasks[] = {"detection", "instance", "classification", "segmentation",
                                        NULL};
    if (options->protocol && !is_word(vdt_protocol_words, options->protocol))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "protocol \"%.100s\": there are coco, valor, voc07, voc12 and dota",
                        options->protocol);
    if (options->task && !is_word(tasks, options->task))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "task \"%.100s\": there are detection, instance, classification and "
                        "segmentation",
                        options->task);
    if (options->iou && !is_word(vdt_iou_words, options->iou))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "iou \"%.100s\": there are bbox, segm, polygon and rotated", options->iou);
    return VDT_OK;
}

static vdt_status add_detection(struct vdt_sides *sides, enum vdt_annotation_form form,
                                struct vdt_scorer *scorers, size_t *count, struct vdt_error *error)
{
    struct vdt_compared compared;
    vdt_status status = vdt_compared_open(sides, form, &compared, error);
    if (status)
        return status;
    if (sides->options->ground) {
        status = vdt_evaluate_step(sides->options, "joining", error);
        if (!status)
            status = vdt_place_objects(sides, &compared, error);
    }
    if (!status)
        status = vdt_evaluate_step(sides->options, "matching", error);
    if (status)
        vdt_compared_clear(&compared);
    if (!status)
        status = vdt_detection_scorer(sides, &compared, form, &scorers[*count], error);
    *count += !status;
    return status;
}

/* What objects are compared by when it is left open: rotated boxes where both sides have nothing
 * else, boxes otherwise, and masks besides where both sides have outlines. */
static vdt_status score_objects(struct vdt_sides *sides, uint32_t truth, uint32_t predicted,
                                struct vdt_scorer *scorers, size_t *count, struct vdt_error *error)
{
    const uint32_t outlines = 1U << VDT_ANNOTATION_MASK | 1U << VDT_ANNOTATION_POLYGON;
    const uint32_t objects = outlines | 1U << VDT_ANNOTATION_BOX | 1U << VDT_ANNOTATION_ROTATED;
    vdt_status status = VDT_OK;
    const char *iou = sides->options->iou;
    for (size_t form = 0; iou && vdt_iou_words[form]; form++)
        if (strcmp(vdt_iou_words[form], iou) == 0)
            return add_detection(sides, (enum vdt_annotation_form)form, scorers, count, error);
    bool any = (truth & objects) && ((predicted & objects) || sides->options->task);
    bool rotated = (truth & objects) == 1U << VDT_ANNOTATION_ROTATED &&
                   (predicted & objects) == 1U << VDT_ANNOTATION_ROTATED;
    bool both = (truth & outlines) && (predicted & outlines);
    if (any && asked(sides, "detection"))
        status =
            add_detection(sides, rotated ? VDT_FORM_ROTATED : VDT_FORM_BOX, scorers, count, error);
    bool instance = sides->options->task && strcmp(sides->options->task, "instance") == 0;
    if (!status && any && asked(sides, "instance") && (both || instance))
        status = add_detection(sides, VDT_FORM_MASK, scorers, count, error);
    return status;
}

/* One task for each key that both sides have on whole samples, or for the key asked for. */
static vdt_status score_labels(struct vdt_sides *sides, struct vdt_scorer *scorers, size_t *count,
                               struct vdt_error *error)
{
    const char *wanted = sides->options->label_key;
    const char *const *keys = NULL;
    size_t key_count = 0;
    vdt_status status = vdt_annotations_keys(sides->truth, &keys, &key_count, error);
    for (size_t i = 0; !status && i < key_count && *count < VDT_TASKS_MOST - 1; i++) {
        const char *key = keys[i][0] ? keys[i] : "class";
        bool has = !wanted || strcmp(wanted, key) == 0;
        if (has)
            status = vdt_classification_has(sides, key, &has, error);
        if (status || !has)
            continue;
        status = vdt_evaluate_step(sides->options, "labels", error);
        if (!status)
            status = vdt_classification_scorer(sides, key, &scorers[*count], error);
        *count += !status;
    }
    return status;
}

vdt_status vdt_tasks_score(struct vdt_sides *sides, struct vdt_scorer *scorers, size_t *count,
                           struct vdt_error *error)
{
    size_t made = 0;
    uint32_t truth, predicted;
    bool objects = asked(sides, "detection") || asked(sides, "instance");
    vdt_status status = vdt_sides_kinds(sides, &truth, &predicted, error);
    if (!status && objects && (sides->truth || sides->truth_coco))
        status = score_objects(sides, truth, predicted, scorers, &made, error);
    if (!status && sides->truth && asked(sides, "classification"))
        status = score_labels(sides, scorers, &made, error);
    if (!status && asked(sides, "segmentation") && vdt_segmentation_has(sides, truth, predicted)) {
        status = vdt_evaluate_step(sides->options, "pixels", error);
        if (!status)
            status = vdt_segmentation_scorer(sides, &scorers[made], error);
        made += !status;
    }
    /* A model that finds nothing at all finds none of the kind that there is. */
    if (!status && made == 0 && predicted == 0 && objects && (sides->truth || sides->truth_coco))
        status = score_objects(sides, truth, truth, scorers, &made, error);
    if (!status && made == 0 && sides->result_coco && asked(sides, "segmentation"))
        status = vdt_fail(error, VDT_ERR_UNSUPPORTED,
                          "%s: class rasters are made of runs; `vedatile predictions import` makes "
                          "one of COCO's results",
                          sides->predictions);
    if (!status && made == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "labels and predictions have no %s in common",
                          sides->options->task ? sides->options->task : "task");
    for (size_t i = 0; status && i < made; i++)
        vdt_scorer_clear(&scorers[i]);
    if (!status)
        *count = made;
    return status;
}

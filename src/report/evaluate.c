/* Runs an evaluation: both sides, their tasks, and what the options ask of each. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/evaluation.h"
#include "report/options.h"
#include "report/options_check.h"
#include "report/resample.h"
#include "report/tasks/tasks.h"

/* One side's samples with the tasks on them. */
struct scored {
    struct vdt_sides sides;
    struct vdt_scorer scorers[VDT_TASKS_MOST];
    size_t count;
};

static void clear_scored(struct scored *scored)
{
    for (size_t i = 0; i < scored->count; i++)
        vdt_scorer_clear(&scored->scorers[i]);
    vdt_sides_clear(&scored->sides);
}

/* `opened` may be NULL. */
static vdt_status open_sides(const struct vdt_evaluate_options *options,
                             const struct vdt_opened_sides *opened, const char *predictions,
                             struct scored *scored, struct vdt_error *error)
{
    return opened ? vdt_sides_of(options, opened, &scored->sides, error)
                  : vdt_sides_open(options, predictions, &scored->sides, error);
}

/* The same task of the other run: by kind, key and how objects are compared. */
static const struct vdt_scorer *find_other(const struct scored *other,
                                           const struct vdt_scorer *scorer)
{
    static const char *const members[] = {"key", "iou"};
    for (size_t i = 0; i < other->count; i++) {
        bool same = strcmp(other->scorers[i].task, scorer->task) == 0;
        for (size_t k = 0; same && k < 2; k++) {
            const char *a = json_string_value(json_object_get(scorer->about, members[k]));
            const char *b = json_string_value(json_object_get(other->scorers[i].about, members[k]));
            same = a && b ? strcmp(a, b) == 0 : a == b;
        }
        if (same)
            return &other->scorers[i];
    }
    return NULL;
}

/* *values are those of the replicates; owned by the caller. */
static vdt_status add_intervals(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                                json_t *task, double **values, struct vdt_error *error)
{
    json_t *intervals = NULL;
    vdt_status status = vdt_bootstrap_values(scorer, NULL, NULL, sides, values, error);
    if (!status)
        status = vdt_intervals_document(scorer, *values, sides->options->bootstrap, false,
                                        &intervals, error);
    if (!status)
        json_object_set_new(task, "intervals", intervals);
    return status;
}

static vdt_status add_task(const struct vdt_scorer *scorer, struct vdt_sides *sides,
                           const struct scored *other, json_t *tasks, struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    vdt_cleanup(vdt_free_pointer) double *values =
        vdt_allocate(scorer->value_count, sizeof *values);
    vdt_cleanup(vdt_free_pointer) double *replicates = NULL;
    json_t *task = scorer->about, *part = NULL;
    json_array_append(tasks, task);
    json_object_set_new(task, "task", json_string(scorer->task));
    json_object_set_new(
        task, "metric_names",
        vdt_document_texts((const char *const *)scorer->names, scorer->metric_count));
    vdt_status status = values ? scorer->score(scorer->state, scorer->weights, values, error)
                               : vdt_fail_memory(error, "metrics");
    if (!status)
        status = vdt_values_document(scorer, values, false, task, error);
    if (!status)
        status = vdt_worst_document(scorer, sides, &part, error);
    if (!status)
        json_object_set_new(task, "worst", part);
    if (!status && options->by)
        status = vdt_evaluate_step(options, "slices", error);
    if (!status && options->by) {
        status = vdt_slices_document(scorer, sides, &part, error);
        if (!status)
            json_object_set_new(task, "slices", part);
    }
    if (!status && options->bootstrap)
        status = add_intervals(scorer, sides, task, &replicates, error);
    const struct vdt_scorer *before = other ? find_other(other, scorer) : NULL;
    if (!status && before) {
        status = vdt_comparison_document(scorer, before, replicates, sides, &part, error);
        if (!status)
            json_object_set_new(task, "comparison", part);
    }
    return status;
}

static vdt_status make_document(struct scored *scored, const struct scored *other, json_t *document,
                                struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = scored->sides.options;
    json_t *tasks = json_array();
    json_object_set_new(document, "tasks", tasks);
    json_object_set_new(document, "vedatile_evaluation", json_string("1.0"));
    json_object_set_new(document, "parameters", vdt_options_document(options));
    for (size_t i = 0; i < scored->count; i++) {
        vdt_status status = add_task(&scored->scorers[i], &scored->sides, other, tasks, error);
        if (status)
            return status;
    }
    json_object_set_new(document, "inputs", vdt_sides_inputs(&scored->sides));
    if (other)
        json_object_set_new(json_object_get(document, "inputs"), "baseline",
                            vdt_sides_run(&other->sides));
    json_object_set_new(document, "samples", vdt_sides_samples(&scored->sides));
    json_object_set(document, "warnings", scored->sides.warnings);
    return VDT_OK;
}

static void release_opened(const struct vdt_opened_sides *opened)
{
    vdt_annotations_free(opened->labels);
    vdt_reader_free(opened->reader);
    vdt_run_reader_free(opened->run);
}

/* Both runs are opened before one is scored, so that a name that is wrong is told soon. */
static vdt_status score_runs(const struct vdt_evaluate_options *options,
                             const struct vdt_opened_sides *opened, struct scored *scored,
                             struct scored *other, struct vdt_error *error)
{
    vdt_status status = vdt_evaluate_step(options, "reading", error);
    if (!status)
        status = open_sides(options, opened, NULL, scored, error);
    else if (opened)
        release_opened(opened);
    if (!status && options->baseline)
        status = open_sides(options, NULL, options->baseline, other, error);
    if (!status)
        status = vdt_tasks_score(&scored->sides, scored->scorers, &scored->count, error);
    if (!status && options->baseline)
        status = vdt_tasks_score(&other->sides, other->scorers, &other->count, error);
    return status;
}

static vdt_status evaluate(const struct vdt_evaluate_options *options,
                           const struct vdt_opened_sides *opened,
                           struct vdt_evaluation **evaluation, struct vdt_error *error)
{
    vdt_cleanup(clear_scored) struct scored scored = {0};
    vdt_cleanup(clear_scored) struct scored other = {0};
    vdt_cleanup(vdt_json_release) json_t *document = json_object();
    vdt_status status = score_runs(options, opened, &scored, &other, error);
    if (!status)
        status = make_document(&scored, options->baseline ? &other : NULL, document, error);
    if (status)
        return status;
    struct vdt_evaluation *made = vdt_allocate_zero(1, sizeof *made);
    char *text = made ? vdt_json_text(document) : NULL;
    if (text == NULL) {
        free(made);
        return vdt_fail_memory(error, "evaluation");
    }
    made->document = json_incref(document);
    made->text = text;
    *evaluation = made;
    return VDT_OK;
}

vdt_status vdt_evaluate(const struct vdt_evaluate_options *options,
                        struct vdt_evaluation **evaluation, struct vdt_error *error)
{
    vdt_status status = vdt_options_check(options, false, error);
    return status ? status : evaluate(options, NULL, evaluation, error);
}

vdt_status vdt_evaluate_opened(const struct vdt_evaluate_options *options,
                               const struct vdt_opened_sides *opened,
                               struct vdt_evaluation **evaluation, struct vdt_error *error)
{
    vdt_status status = vdt_options_check(options, true, error);
    if (!status && options->labels && opened->labels == NULL)
        status = vdt_fail(error, VDT_ERR_UNSUPPORTED, "labels: no file can be opened here");
    if (!status)
        return evaluate(options, opened, evaluation, error);
    release_opened(opened);
    return status;
}

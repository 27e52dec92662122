/* vedatile eval: scores of a run against labels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/evaluation.h>

#include "eval_limits.h"
#include "eval_page.h"
#include "eval_table.h"
#include "json.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "whole_file.h"

struct eval_values {
    const char *store;
    const char *run;
    const char *ground_truth;
    const char *predictions;
    const char *labels;
    const char *group;
    const char *view;
    int task;
    int protocol;
    int iou;
    const char *label_key;
    const char *label_map;
    struct reals iou_thresholds;
    struct integers max_detections;
    double score_threshold;
    bool class_agnostic;
    bool predicted_only;
    bool multi_label;
    const char *by;
    const char *regions;
    bool ground;
    double ground_overlap;
    int ground_scores;
    int ground_cut;
    double ground_min_visible;
    const char *ignore_areas;
    struct count bootstrap;
    const char *bootstrap_by;
    struct count seed;
    struct count worst;
    struct count examples;
    const char *baseline;
    struct words fail_under;
    const char *report;
    const char *output;
    bool json;
    int progress;
    struct count threads;
};

#define AT(field) offsetof(struct eval_values, field)

static const char *const tasks[] = {"auto",           "detection",    "instance",
                                    "classification", "segmentation", NULL};
static const char *const protocols[] = {"coco", "valor", "voc07", "voc12", "dota", NULL};
static const char *const ious[] = {"auto", "bbox", "segm", "polygon", "rotated", NULL};
static const char *const score_rules[] = {"highest", "mean", NULL};
static const char *const cut_rules[] = {"count", "ignore", NULL};

static const struct option eval_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .offset = AT(store),
     .help = "the store that was predicted; none with --ground-truth"},
    {.name = "run",
     .kind = OPTION_TEXT,
     .offset = AT(run),
     .argument = "NAME",
     .excludes = "ground-truth",
     .help = "the run of the store to score; it must be committed"},
    {.name = "ground-truth",
     .kind = OPTION_TEXT,
     .offset = AT(ground_truth),
     .argument = "FILE",
     .needs = "predictions",
     .help = "without a store: COCO's JSON, or an annotation set"},
    {.name = "predictions",
     .kind = OPTION_TEXT,
     .offset = AT(predictions),
     .argument = "FILE",
     .needs = "ground-truth",
     .help = "without a store: COCO's results, or the file of a run"},
    {.name = "labels",
     .kind = OPTION_TEXT,
     .offset = AT(labels),
     .argument = "NAME",
     .excludes = "ground-truth",
     .help = "compare with this annotation set of the store; default: the store's own labels"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .excludes = "view|ground-truth",
     .help = "samples of this group; default: the run's group"},
    {.name = "view",
     .kind = OPTION_TEXT,
     .offset = AT(view),
     .argument = "NAME",
     .excludes = "ground-truth",
     .help = "samples of a view of the store"},
    {.name = "task",
     .kind = OPTION_CHOICE,
     .offset = AT(task),
     .argument = "T",
     .choices = tasks,
     .help = "detection, instance, classification, segmentation; default: auto, all that labels "
             "and run have in common"},
    {.name = "protocol",
     .kind = OPTION_CHOICE,
     .offset = AT(protocol),
     .argument = "P",
     .choices = protocols,
     .help = "rules of detection: coco (as pycocotools, bit by bit), valor, voc07, voc12, dota; "
             "default: coco"},
    {.name = "iou",
     .kind = OPTION_CHOICE,
     .offset = AT(iou),
     .argument = "KIND",
     .choices = ious,
     .help = "compare objects as bbox, segm, polygon or rotated; default: auto"},
    {.name = "label-key",
     .kind = OPTION_TEXT,
     .offset = AT(label_key),
     .argument = "KEY",
     .help = "the key of the labels to score; default: class for objects, each key for samples"},
    {.name = "label-map",
     .kind = OPTION_TEXT,
     .offset = AT(label_map),
     .argument = "FILE",
     .help = "JSON {\"car\": \"vehicle\", ...}: labels of both sides are renamed by it"},
    {.name = "iou-thresholds",
     .kind = OPTION_REALS,
     .offset = AT(iou_thresholds),
     .argument = "LIST",
     .least = 1,
     .most = 1000,
     .low = 0,
     .help = "thresholds of IoU; default: the protocol's, 0.5 to 0.95 or 0.5"},
    {.name = "max-detections",
     .kind = OPTION_INTEGERS,
     .offset = AT(max_detections),
     .argument = "LIST",
     .least = 1,
     .most = 2147483647,
     .help = "rising limits of predictions of a class on a sample; default: coco 1,10,100, others "
             "none"},
    {.name = "score-threshold",
     .kind = OPTION_REAL,
     .offset = AT(score_threshold),
     .argument = "S",
     .low = 0,
     .high = 1e300,
     .help =
         "for counts of samples and classes, --multi-label and outlines scored as segmentation, "
         "which count predictions of at least this score; default: the score with the best F1, "
         "0.5 with --multi-label and for outlines"},
    {.name = "class-agnostic",
     .kind = OPTION_FLAG,
     .offset = AT(class_agnostic),
     .help = "objects of all classes are of one class"},
    {.name = "predicted-only",
     .kind = OPTION_FLAG,
     .offset = AT(predicted_only),
     .help = "leave out samples that the run has not predicted; by default they count as predicted "
             "with nothing"},
    {.name = "multi-label",
     .kind = OPTION_FLAG,
     .offset = AT(multi_label),
     .help = "classification: every class with a score of at least the threshold is predicted, not "
             "only the best one"},
    {.name = "by",
     .kind = OPTION_TEXT,
     .offset = AT(by),
     .argument = "FIELD",
     .help = "slices by a field of the samples' metadata, or by scene, group, view, class, "
             "region or region:FIELD"},
    {.name = "regions",
     .kind = OPTION_TEXT,
     .offset = AT(regions),
     .argument = "FILE",
     .needs = "by",
     .help = "polygons with names in their field name, or FIELD, such as GeoJSON, for --by region"},
    {.name = "ground",
     .kind = OPTION_FLAG,
     .offset = AT(ground),
     .excludes = "ground-truth",
     .help = "put objects together over tiles and compare them on the ground, in square metres; "
             "segmentation counts each place once and has areas"},
    {.name = "ground-overlap",
     .kind = OPTION_REAL,
     .offset = AT(ground_overlap),
     .argument = "IOU",
     .low = 0.001,
     .high = 1,
     .needs = "ground",
     .help =
         "predictions of neighbouring tiles are one object from this IoU on, of what both tiles "
         "see or along their border; default: 0.5"},
    {.name = "ground-scores",
     .kind = OPTION_CHOICE,
     .offset = AT(ground_scores),
     .argument = "RULE",
     .choices = score_rules,
     .needs = "ground",
     .help = "score of an object of several predictions: highest, mean (by area); default: "
             "highest"},
    {.name = "ground-cut",
     .kind = OPTION_CHOICE,
     .offset = AT(ground_cut),
     .argument = "RULE",
     .choices = cut_rules,
     .needs = "ground",
     .help = "ground truth that reaches the edge of the ground that tiles cover: count, ignore; "
             "default: count"},
    {.name = "ground-min-visible",
     .kind = OPTION_REAL,
     .offset = AT(ground_min_visible),
     .argument = "SHARE",
     .low = 0,
     .high = 1,
     .needs = "ground",
     .help = "ignore ground truth of which tiles show less than this share; default: 0"},
    {.name = "ignore-areas",
     .kind = OPTION_TEXT,
     .offset = AT(ignore_areas),
     .argument = "FILE",
     .needs = "ground",
     .help = "polygons of ground that does not count, such as GeoJSON"},
    {.name = "bootstrap",
     .kind = OPTION_COUNT,
     .offset = AT(bootstrap),
     .argument = "N",
     .most = 1000000,
     .help = "95 % intervals from N resamplings of the samples; default: 0, none"},
    {.name = "bootstrap-by",
     .kind = OPTION_TEXT,
     .offset = AT(bootstrap_by),
     .argument = "FIELD",
     .needs = "bootstrap",
     .help = "draw whole parts of the samples, by scene, group or a field of their metadata: tiles "
             "of one scene are alike; default: single samples"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .needs = "bootstrap",
     .help = "seed of the resamplings; default: 0"},
    {.name = "worst",
     .kind = OPTION_COUNT,
     .offset = AT(worst),
     .argument = "N",
     .most = 100000,
     .least = 1,
     .help = "samples to list, worst first; default: 10"},
    {.name = "examples",
     .kind = OPTION_COUNT,
     .offset = AT(examples),
     .argument = "N",
     .most = 1000,
     .least = 1,
     .help = "objects of each class to list that are found, wrong and missed; default: 3"},
    {.name = "baseline",
     .kind = OPTION_TEXT,
     .offset = AT(baseline),
     .argument = "NAME",
     .help = "another run of the store (or file of predictions) to compare with"},
    {.name = "fail-under",
     .kind = OPTION_COMMAS,
     .offset = AT(fail_under),
     .argument = "METRIC=N,...",
     .help = "end with 1 when a metric is lower, such as mAP=0.5,class:car:AP=0.3"},
    {.name = "report",
     .kind = OPTION_TEXT,
     .offset = AT(report),
     .argument = "FILE",
     .help = "write a page of HTML with tables, curves and the worst samples drawn"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = AT(output),
     .argument = "FILE",
     .help = "write the whole document as JSON to this file"},
    OPTION_ROW_THREADS(AT(threads)),
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* The library's options; limits and label map are owned by the caller. */
static struct vdt_evaluate_options wishes(const struct eval_values *values, uint32_t *limits,
                                          const char *map)
{
    for (size_t i = 0; i < values->max_detections.count; i++)
        limits[i] = (uint32_t)values->max_detections.items[i];
    return (struct vdt_evaluate_options){
        .store = values->store,
        .run = values->run,
        .labels = values->labels,
        .group = values->group,
        .view = values->view,
        .ground_truth = values->ground_truth,
        .predictions = values->predictions,
        .task = values->task ? tasks[values->task] : NULL,
        .protocol = protocols[values->protocol],
        .iou = values->iou ? ious[values->iou] : NULL,
        .label_key = values->label_key,
        .label_map = map,
        .iou_thresholds = values->iou_thresholds.items,
        .iou_threshold_count = values->iou_thresholds.count,
        .max_detections = values->max_detections.count ? limits : NULL,
        .max_detection_count = values->max_detections.count,
        .score_threshold = values->score_threshold,
        .class_agnostic = values->class_agnostic,
        .predicted_only = values->predicted_only,
        .multi_label = values->multi_label,
        .by = values->by,
        .regions = values->regions,
        .ground = values->ground,
        .ground_overlap = values->ground_overlap,
        .ground_scores = values->ground_scores ? score_rules[values->ground_scores] : NULL,
        .ground_cut = values->ground_cut ? cut_rules[values->ground_cut] : NULL,
        .ground_min_visible = values->ground_min_visible,
        .ignore_areas = values->ignore_areas,
        .bootstrap = (uint32_t)values->bootstrap.value,
        .bootstrap_by = values->bootstrap_by,
        .seed = values->seed.value,
        .worst = (uint32_t)values->worst.value,
        .examples = (uint32_t)values->examples.value,
        .baseline = values->baseline,
        .threads = (uint32_t)values->threads.value,
    };
}

static int print_evaluation(const struct eval_values *values,
                            const struct vdt_evaluation *evaluation)
{
    if (values->json)
        return puts(vdt_evaluation_json(evaluation)) < 0 || fflush(stdout)
                   ? report_failed(&eval_command, "standard output cannot be written")
                   : EXIT_DONE;
    return eval_table_print(vdt_evaluation_json(evaluation));
}

static int tell(const struct eval_values *values, const struct vdt_evaluation *evaluation)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *text = vdt_evaluation_json(evaluation);
    if (values->output && whole_file_write(values->output, text, strlen(text), &error))
        return report_error(&eval_command, &error);
    if (values->report && eval_page_write(values->report, text, values->store, values->run, &error))
        return report_error(&eval_command, &error);
    int code = print_evaluation(values, evaluation);
    return code ? code : eval_limits_check(&values->fail_under, evaluation);
}

/* What is counted differs from step to step. */
static void on_step(const char *name, void *payload)
{
    struct progress *progress = payload;
    progress->unit = strcmp(name, "resampling") == 0 ? "resamplings" : "samples";
    progress_step(progress, name);
}

/* Nothing is drawn of steps that are not counted but their names. */
static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    return total == 0 || progress_update(done, total, payload);
}

static vdt_status run_library(const struct eval_values *values, uint32_t *limits, const char *map,
                              struct vdt_evaluation **evaluation, struct vdt_error *error)
{
    struct progress progress = progress_start((enum progress_mode)values->progress, "samples");
    struct vdt_evaluate_options options = wishes(values, limits, map);
    options.step = on_step;
    options.progress = on_progress;
    options.payload = &progress;
    vdt_status status = vdt_evaluate(&options, evaluation, error);
    progress_finish(&progress);
    return status;
}

static int evaluate(const struct eval_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_evaluation *evaluation = NULL;
    char *map = NULL;
    uint32_t *limits = calloc(values->max_detections.count + 1, sizeof *limits);
    int code = EXIT_DONE;
    if (limits == NULL)
        error_memory(&error);
    if (limits == NULL || (values->output && whole_file_could(values->output, &error)) ||
        (values->report && whole_file_could(values->report, &error)) ||
        (values->label_map && whole_file_read(values->label_map, &map, &error)))
        code = report_error(&eval_command, &error);
    if (!code)
        code = run_library(values, limits, map, &evaluation, &error)
                   ? report_error(&eval_command, &error)
                   : tell(values, evaluation);
    vdt_evaluation_free(evaluation);
    free(limits);
    free(map);
    return code;
}

static int run_eval(int argc, char **argv)
{
    struct eval_values values = {0};
    int code = options_parse(&eval_command, argc, argv, &values);
    if (code == OPTIONS_RUN) {
        if (!values.store && !values.ground_truth)
            code = report_wrong(&eval_command, "give a STORE with --run, or --ground-truth with "
                                               "--predictions");
        else if (values.store && values.ground_truth)
            code = report_wrong(&eval_command, "a STORE has its labels: --ground-truth goes "
                                               "without one");
        else if (values.store && !values.run)
            code = report_wrong(&eval_command,
                                "--run is missing; 'vedatile run list %s' lists "
                                "the runs",
                                values.store);
        else if (eval_limits_wrong(&values.fail_under))
            code = EXIT_WRONG;
        else
            code = evaluate(&values);
    }
    options_clear(&eval_command, &values);
    return code;
}

const struct command eval_command = {
    .name = "eval",
    .summary = "scores of a run against labels",
    .usage = "STORE --run NAME | --ground-truth FILE --predictions FILE",
    .notes = "Boxes, masks, labels of samples and class rasters are scored, each with what labels "
             "and run have.\nEnds with 1 when a metric of --fail-under is missed, and names all "
             "that are.\n\n"
             "examples:\n"
             "  vedatile eval roofs.h5 --run first --report first.html\n"
             "  vedatile eval roofs.h5 --run first --by scene --bootstrap 1000\n"
             "  vedatile eval --ground-truth gt.json --predictions dt.json --json\n"
             "  vedatile eval roofs.h5 --run second --baseline first --fail-under mAP=0.5\n",
    .options = eval_options,
    .run = run_eval,
};

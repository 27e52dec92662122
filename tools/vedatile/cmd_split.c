/* vedatile split: the samples of a store in other groups, and folds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vedatile/split.h>

#include "interrupt.h"
#include "json.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "split_options.h"
#include "text.h"

struct split_values {
    const char *store;
    const char *output;
    struct words split;
    const char *split_by;
    struct words split_time;
    double block_size;
    double split_gap;
    struct count seed;
    bool stratify;
    struct count folds;
    const char *group;
    bool verify;
    struct count threads;
    bool dry_run;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct split_values, field)

static const struct option split_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store whose samples are grouped"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = AT(output),
     .argument = "OUT",
     .help = "the store to make; it must not be there; without it folds become views of STORE"},
    {.name = "split",
     .kind = OPTION_SHARES,
     .offset = AT(split),
     .argument = "G=SHARE,...",
     .needs = "output",
     .help =
         "groups of OUT and their shares, e.g. train=0.8,test=0.2; default: the store's groups"},
    {.name = "split-by",
     .kind = OPTION_TEXT,
     .offset = AT(split_by),
     .argument = "block|scene|random|field:F|time",
     .accepts = split_by_accepts,
     .pattern = SPLIT_BY_PATTERN,
     .help = "what goes to a group or fold together. block: ground; scene: whole scenes; random: "
             "nothing, where overlapping windows share ground; field:F: samples with one value of "
             "F in their metadata; time: scenes in order of acquisition; default: block"},
    {.name = "split-time",
     .kind = OPTION_COMMAS,
     .offset = AT(split_time),
     .argument = "G=DATE,...,G",
     .needs = "split-by",
     .excludes = "split",
     .accepts = split_time_accepts,
     .pattern = SPLIT_TIME_PATTERN,
     .help = "groups of a split by time in their order, each with the date or time (UTC) before "
             "which its scenes were acquired; the last has the rest: train=2020-01-01,test"},
    {.name = "block-size",
     .kind = OPTION_REAL,
     .offset = AT(block_size),
     .argument = "METRES",
     .low = 0.001,
     .high = 1e7,
     .help = "side of a ground block in metres; default: chosen from a scene"},
    {.name = "split-gap",
     .kind = OPTION_REAL,
     .offset = AT(split_gap),
     .argument = "METRES",
     .low = 0.001,
     .high = 1e5,
     .help = "groups of a split by block, and test and train of a fold, are at least that far "
             "apart: samples that are nearer are left out; default: 0"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .most = INT64_MAX,
     .help = "same seed, same groups and folds; default: 0"},
    {.name = "stratify",
     .kind = OPTION_FLAG,
     .offset = AT(stratify),
     .help = "choose blocks or scenes so that each class has its share in each group or fold"},
    {.name = "folds",
     .kind = OPTION_COUNT,
     .offset = AT(folds),
     .argument = "K",
     .least = 2,
     .most = VDT_FOLDS_MOST,
     .help = "views fold_1_train, fold_1_test, ... for cross-validation"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .needs = "folds",
     .help = "group that the folds are made of; default: train, or the only one"},
    {.name = "verify",
     .kind = OPTION_FLAG,
     .offset = AT(verify),
     .needs = "output",
     .help = "decode every sample and compare it with its checksums before it is copied"},
    OPTION_ROW_THREADS(AT(threads)),
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     .offset = AT(dry_run),
     .help = "say what would go where, write nothing"},
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static json_t *folds_json(const struct vdt_split_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->fold_count; i++) {
        json_t *fold = json_object();
        json_object_set_new(fold, "test", json_from_count(report->folds[i].test));
        json_object_set_new(fold, "train", json_from_count(report->folds[i].train));
        json_object_set_new(fold, "left_out", json_from_count(report->folds[i].left_out));
        json_array_append_new(list, fold);
    }
    return list;
}

static int print_json(const struct split_values *values, const struct vdt_split_report *report)
{
    json_t *object = json_object(), *groups = json_object();
    json_object_set_new(object, "store", json_from_text(values->store));
    json_object_set_new(object, "output",
                        values->output ? json_from_text(values->output) : json_null());
    json_object_set_new(object, "dry_run", json_boolean(values->dry_run));
    json_object_set_new(object, "samples", json_from_count(report->samples));
    json_object_set_new(object, "written", json_from_count(values->output ? report->written : 0));
    json_object_set_new(object, "straddling", json_from_count(report->straddling));
    for (size_t i = 0; i < report->group_count; i++)
        json_object_set_new(groups, report->groups[i].name,
                            json_from_count(report->groups[i].written));
    json_object_set_new(object, "groups", groups);
    json_object_set_new(object, "folds", folds_json(report));
    json_object_set_new(object, "views_kept", json_from_count(report->views_kept));
    json_object_set_new(object, "views_dropped", json_from_count(report->views_dropped));
    json_object_set_new(object, "block_size",
                        report->block_size > 0 ? json_from_real(report->block_size) : json_null());
    json_object_set_new(object, "warning",
                        report->warning[0] ? json_from_text(report->warning) : json_null());
    return json_print(object);
}

static void print_summary(const struct split_values *values, const struct vdt_split_report *report)
{
    text_print(stdout, values->output ? values->output : values->store);
    if (values->dry_run)
        printf(": dry run, nothing written; %" PRIu64 " sample%s\n", report->samples,
               text_plural(report->samples));
    else if (values->output)
        printf(": %" PRIu64 " sample%s of %" PRIu64 "\n", report->written,
               text_plural(report->written), report->samples);
    else
        printf(": %zu folds\n", report->fold_count);
    for (size_t i = 0; values->output && i < report->group_count; i++)
        printf("  %10" PRIu64 "  %s %s\n", report->groups[i].written,
               values->dry_run ? "would go to" : "in", report->groups[i].name);
    if (report->straddling > 0)
        printf("left out:\n  %10" PRIu64 "  %s\n", report->straddling,
               split_left_out(split_by(values->split_by).by, values->split_gap));
    if (report->fold_count > 0)
        puts("folds:\n        test       train    left out of train");
    for (size_t i = 0; i < report->fold_count; i++)
        printf("  %10" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "\n", report->folds[i].test,
               report->folds[i].train, report->folds[i].left_out);
    if (report->views_dropped > 0)
        printf("%" PRIu64 " view%s dropped: %s samples are not in one group of the output\n",
               report->views_dropped, text_plural(report->views_dropped),
               report->views_dropped == 1 ? "its" : "their");
    if (report->block_size > 0)
        printf("split by blocks of %.6g m\n", report->block_size);
}

static int split(const struct split_values *values, struct vdt_split_options *options)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_split_report *report = calloc(1, sizeof *report);
    if (!report)
        return report_failed(&split_command, "out of memory");
    struct progress progress = progress_start((enum progress_mode)values->progress, "samples");
    options->progress = progress_update;
    options->payload = &progress;
    interrupt_catch();
    vdt_status status = vdt_split_store(options, report, &error);
    progress_finish(&progress);
    int code = EXIT_DONE;
    if (status)
        code = report_error(&split_command, &error);
    else if (report->warning[0])
        report_warning(&split_command, report->warning);
    if (!status && values->json)
        code = print_json(values, report);
    else if (!status)
        print_summary(values, report);
    free(report);
    return code;
}

static int run_split(int argc, char **argv)
{
    struct split_values values = {0};
    struct vdt_split_share *shares = NULL;
    struct vdt_split_period *periods = NULL;
    int code = options_parse(&split_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = split_shares(&split_command, &values.split, &shares);
    if (code == OPTIONS_RUN)
        code = split_periods(&split_command, &values.split_time, &periods);
    const struct split_by by = split_by(values.split_by);
    struct vdt_split_options options = {
        .store = values.store,
        .output = values.output,
        .split = shares,
        .split_count = values.split.count,
        .split_by = by.by,
        .split_field = by.field,
        .split_periods = periods,
        .split_period_count = values.split_time.count,
        .block_size = values.block_size,
        .split_gap = values.split_gap,
        .seed = values.seed.value,
        .stratify = values.stratify,
        .folds = (uint32_t)values.folds.value,
        .group = values.group,
        .verify = values.verify,
        .dry_run = values.dry_run,
        .threads = (uint32_t)values.threads.value,
    };
    if (code == OPTIONS_RUN)
        code = split(&values, &options);
    free(shares);
    free(periods);
    options_clear(&split_command, &values);
    return code;
}

const struct command split_command = {
    .name = "split",
    .summary = "groups the samples of a store anew, and makes folds",
    .usage = "STORE [-o OUT --split G=SHARE,...] [--folds K] [options]",
    .notes = "OUT has the same samples, stored bytes and all; it appears when it is complete, and "
             "a stopped\nsplit leaves nothing of that name. Without -o folds become views of "
             "STORE.\n\n"
             "examples:\n"
             "  vedatile split land.h5 -o land-80-20.h5 --split train=0.8,test=0.2 --stratify\n"
             "  vedatile split land.h5 --folds 5\n"
             "  vedatile check land.h5 --leakage --folds\n",
    .options = split_options,
    .run = run_split,
};

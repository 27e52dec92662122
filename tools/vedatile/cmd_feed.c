/* vedatile feed: scenes and label files -> samples of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <vedatile/feed.h>

#include "config_schema.h"
#include "failure_list.h"
#include "feed_options.h"
#include "interrupt.h"
#include "json.h"
#include "options.h"
#include "plan_view.h"
#include "progress.h"
#include "report.h"
#include "split_options.h"
#include "text.h"

enum { FAILURES_SHOWN = 20 };

static void print_left_out(uint64_t count, const char *what)
{
    if (count > 0)
        printf("  %10" PRIu64 "  %s\n", count, what);
}

static void print_summary(const struct feed_values *values, const struct vdt_feed_report *report)
{
    text_print(stdout, values->store);
    if (values->dry_run)
        printf(": dry run, nothing written; %" PRIu64 " window%s in the plan\n", report->windows,
               text_plural(report->windows));
    else
        printf(": %" PRIu64 " sample%s written of %" PRIu64 " window%s\n", report->written,
               text_plural(report->written), report->windows, text_plural(report->windows));
    for (size_t i = 0; i < report->group_count; i++)
        printf("  %10" PRIu64 "  %s %s\n", report->groups[i].written,
               values->dry_run ? "would go to" : "in", report->groups[i].name);
    print_left_out(report->boxes, "boxes");
    print_left_out(report->existing, "already in the store");
    uint64_t left_out = report->unlabelled + report->background + report->outside +
                        report->straddling + report->invalid + report->clouded;
    if (left_out > 0)
        puts("windows left out:");
    print_left_out(report->unlabelled, values->match == VDT_MATCH_INSIDE
                                           ? "hold no whole feature (--match all keeps them)"
                                           : "without an object (--match all keeps them)");
    print_left_out(report->background, "without an object, beyond --background-ratio");
    print_left_out(report->outside, "outside of the area of interest");
    print_left_out(report->straddling, split_left_out(report->split_by, values->split_gap));
    print_left_out(report->invalid, "with fewer valid pixels than --min-valid");
    print_left_out(report->clouded, "with more cloud than --max-cloud");
    if (report->failed_scenes + report->failed_windows > 0)
        puts("failed (the same command tries them again; --retry-failed only them):");
    print_left_out(report->failed_scenes, "scenes");
    print_left_out(report->failed_windows, "windows");
    if (values->labels.count > 0)
        printf("features:\n  %10" PRIu64 "  usable\n", report->features);
    print_left_out(report->null_geometries, "skipped: null geometry");
    print_left_out(report->unknown_skipped, "skipped: class not in the list");
    print_left_out(report->left_out, "left out by the class map");
    print_left_out(report->crowds, "of many objects (iscrowd): masks ignore them");
    print_left_out(report->repaired, "repaired: invalid geometry");
    print_left_out(report->slivers, "boxes dropped: less visible than --min-visible");
    print_left_out(report->overviews, "scenes are read from an overview");
    if (report->requests > 0)
        printf("network: %" PRIu64 " request%s, %.1f MB\n", report->requests,
               text_plural(report->requests), (double)report->request_bytes / 1e6);
    if (values->split.count && report->block_size > 0)
        printf("split by blocks of %.6g m\n", report->block_size);
}

static json_t *report_json(const struct feed_values *values, const struct vdt_feed_report *report,
                           const struct failure_list *failures)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"windows", report->windows},
        {"written", report->written},
        {"existing", report->existing},
        {"unlabelled", report->unlabelled},
        {"background", report->background},
        {"outside", report->outside},
        {"straddling", report->straddling},
        {"invalid", report->invalid},
        {"clouded", report->clouded},
        {"boxes", report->boxes},
        {"features", report->features},
        {"null_geometries", report->null_geometries},
        {"repaired", report->repaired},
        {"unknown_skipped", report->unknown_skipped},
        {"left_out", report->left_out},
        {"crowds", report->crowds},
        {"slivers", report->slivers},
        {"overviews", report->overviews},
        {"failed_scenes", report->failed_scenes},
        {"failed_windows", report->failed_windows},
        {"requests", report->requests},
        {"request_bytes", report->request_bytes},
    };
    json_t *object = json_object();
    json_t *groups = json_object();
    json_object_set_new(object, "store", json_from_text(values->store));
    json_object_set_new(object, "dry_run", json_boolean(values->dry_run));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(object, counts[i].name, json_from_count(counts[i].value));
    for (size_t i = 0; i < report->group_count; i++)
        json_object_set_new(groups, report->groups[i].name,
                            json_from_count(report->groups[i].written));
    json_object_set_new(object, "groups", groups);
    json_object_set_new(object, "block_size",
                        report->block_size > 0 ? json_from_real(report->block_size) : json_null());
    json_object_set_new(object, "failures",
                        failures->items ? json_incref(failures->items) : json_array());
    json_object_set_new(object, "warning",
                        report->warning[0] ? json_from_text(report->warning) : json_null());
    return object;
}

/* What a stopped feed leaves is what a reader finds. */
static int report_stopped(const char *store)
{
    struct vdt_reader *reader = NULL;
    struct vdt_error error;
    if (vdt_reader_open(store, &reader, &error))
        return report_failed(&feed_command, "stopped; nothing was committed yet to %s", store);
    uint64_t kept = 0;
    for (size_t group = 0; group < vdt_reader_group_count(reader); group++)
        kept += vdt_reader_count(reader, group);
    vdt_reader_free(reader);
    return report_failed(&feed_command,
                         "stopped; %s keeps %" PRIu64 " sample%s, the same command goes on from "
                         "there",
                         store, kept, text_plural(kept));
}

/* What the library's callbacks get. */
struct feed_run {
    struct progress progress;
    struct failure_list failures;
    struct plan_view plan;
};

static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    return progress_update(done, total, &((struct feed_run *)payload)->progress);
}

static void on_failure(const struct vdt_feed_failure *failure, void *payload)
{
    failure_list_add(&((struct feed_run *)payload)->failures, failure);
}

static void on_scene(const struct vdt_feed_scene *scene, void *payload)
{
    plan_view_scene(&((struct feed_run *)payload)->plan, scene);
}

static void on_window(const struct vdt_feed_window *window, void *payload)
{
    plan_view_window(&((struct feed_run *)payload)->plan, window);
}

/* What came of it, on stdout; what failed, on stderr. */
static int report_done(const struct feed_values *values, const struct vdt_feed_report *report,
                       const struct failure_list *failures)
{
    if (report->warning[0])
        report_warning(&feed_command, report->warning);
    failure_list_print(stderr, failures->items, FAILURES_SHOWN,
                       "vedatile feed: failed: ", "--json lists all");
    if (values->json && json_print(report_json(values, report, failures)) != EXIT_DONE)
        return EXIT_FAILED;
    if (!values->json)
        print_summary(values, report);
    return failure_list_count(failures) > 0 ? EXIT_FAILED : EXIT_DONE;
}

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* A plan takes the place of the file that has its name: not of what is fed. */
static int check_plan(const struct feed_values *values)
{
    const struct words *inputs[] = {&values->images, &values->labels,      &values->extras,
                                    &values->aoi,    &values->cloud_files, &values->ignore};
    for (size_t i = 0; i < values->plan.count; i++) {
        const char *plan = values->plan.items[i];
        bool taken = same_file(plan, values->store);
        for (size_t k = 0; k < sizeof inputs / sizeof inputs[0]; k++)
            for (size_t j = 0; j < inputs[k]->count; j++)
                taken |= same_file(plan, inputs[k]->items[j]);
        taken |= values->window_file && same_file(plan, values->window_file);
        taken |= values->class_map && same_file(plan, values->class_map);
        if (taken)
            return report_wrong(&feed_command,
                                "--plan %s: is the store or an input: name another file", plan);
    }
    return OPTIONS_RUN;
}

/* Runs the feed, with the plan's files where they are asked for. */
static vdt_status run_library(const struct feed_values *values, struct vdt_feed_options *options,
                              struct feed_run *run, struct vdt_feed_report *report,
                              struct vdt_error *error)
{
    const struct plan_title title = {.store = values->store,
                                     .dry_run = values->dry_run,
                                     .needs_pixels =
                                         values->min_valid > 0 || values->max_cloud >= 0,
                                     .report = report};
    vdt_status status = VDT_OK;
    if (values->plan.count > 0) {
        options->scene = on_scene;
        options->window = on_window;
        status = plan_view_begin(&run->plan, &values->plan, values->images.count, error);
    }
    if (!status)
        status = vdt_feed(options, report, error);
    progress_finish(&run->progress);
    return !status && values->plan.count > 0 ? plan_view_end(&run->plan, &title, error) : status;
}

static int feed(struct feed_values *values, const struct vdt_split_share *shares,
                const struct vdt_split_period *periods)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_feed_report report = {0};
    struct vdt_feed_options options = feed_library_options(values, shares, periods);
    double *nodata = NULL;
    int code = feed_nodata(&values->nodata, &options, &nodata);
    if (code == OPTIONS_RUN)
        code = check_plan(values);
    if (code != OPTIONS_RUN) {
        free(nodata);
        return code;
    }
    struct feed_run run = {.progress =
                               progress_start((enum progress_mode)values->progress, "tiles")};
    options.payload = &run;
    options.progress = on_progress;
    options.failure = on_failure;
    interrupt_catch();
    vdt_status status = run_library(values, &options, &run, &report, &error);
    if (status == VDT_ERR_CANCELLED)
        code = report_stopped(values->store);
    else if (status)
        code = report_error(&feed_command, &error);
    else
        code = report_done(values, &report, &run.failures);
    plan_view_clear(&run.plan);
    failure_list_clear(&run.failures);
    free(nodata);
    return code;
}

static int run_feed(int argc, char **argv)
{
    struct feed_values values = {.max_cloud = -1};
    struct vdt_split_share *shares = NULL;
    struct vdt_split_period *periods = NULL;
    int code = options_parse(&feed_command, argc, argv, &values);
    if (code == OPTIONS_RUN && values.block_size > 0 && split_by(values.split_by).by)
        code = report_wrong(&feed_command, "--block-size needs --split-by block");
    if (code == OPTIONS_RUN && values.split_gap > 0 && split_by(values.split_by).by)
        code = report_wrong(&feed_command, "--split-gap needs --split-by block");
    if (code == OPTIONS_RUN && values.print_config)
        code = config_print(&feed_command, &values.config, &values);
    if (code == OPTIONS_RUN)
        code = split_shares(&feed_command, &values.split, &shares);
    if (code == OPTIONS_RUN)
        code = split_periods(&feed_command, &values.split_time, &periods);
    if (code == OPTIONS_RUN)
        code = feed(&values, shares, periods);
    free(shares);
    free(periods);
    options_clear(&feed_command, &values);
    return code;
}

const struct command feed_command = {
    .name = "feed",
    .summary = "turns scenes and label files into samples of a store",
    .usage = "STORE --image SCENE... [--labels FILE...] [--task T[,T]] [options]",
    .notes =
        "Creates the store or adds to it. Samples that are already there are not written "
        "twice, so\nthe same command goes on where it was stopped.\n\n"
        "examples:\n"
        "  vedatile feed roofs.h5 --image city.tif --labels roofs.geojson --task detection\n"
        "  vedatile feed land.h5 --image 2024/*.tif --labels land.gpkg --class-field cover \\\n"
        "      --task segmentation --tile 512 --stride 256 --split train=0.8,test=0.2\n"
        "  vedatile feed land.h5 --image new.tif --labels land.gpkg --class-field cover "
        "--dry-run\n",
    .options = feed_options,
    .run = run_feed,
};

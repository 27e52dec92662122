/* The pipeline: plan, workers, one writer, commits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/cloud.h"
#include "feed/codec_choice.h"
#include "feed/config.h"
#include "feed/scene_parts.h"
#include "feed/tell.h"
#include "feed/worker.h"
#include "source/cache.h"
#include "source/scenes/remote.h"

enum {
    FEW_SAMPLES = 10, /* too few to speak of shares */
    SPARE_SLOTS = 2,
    IN_FLIGHT_BYTES = 256 << 20,
    USUAL_UNIT_BYTES = 16 << 20,
    CACHE_LEAST = 64 << 20
};

static void writer_cleanup(struct vdt_writer **writer)
{
    vdt_writer_free(*writer);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool is_file(const struct stat *file, const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_dev == file->st_dev && info.st_ino == file->st_ino;
}

static vdt_status check_folder(const char *store, struct vdt_error *error)
{
    struct stat info;
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_copy_string(store);
    if (folder == NULL)
        return vdt_fail_memory(error, store);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return VDT_OK;
    *slash = '\0';
    bool found = stat(folder, &info) == 0;
    if (found && S_ISDIR(info.st_mode))
        return VDT_OK;
    if (!found && errno == EACCES)
        return vdt_fail_errno(error, store);
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no folder %s: make it first", store,
                    folder);
}

/* What can be said of the store's path before scenes and labels are read. */
static vdt_status check_store(const struct vdt_feed_options *options, bool *there,
                              struct vdt_error *error)
{
    struct stat info;
    if (options->store == NULL)
        return VDT_OK; /* the plan says so */
    if (stat(options->store, &info) != 0)
        return check_folder(options->store, error);
    if (S_ISDIR(info.st_mode))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a folder: name a file in it", options->store);
    bool input = false;
    for (size_t i = 0; i < options->image_count; i++)
        input |= is_file(&info, options->images[i]);
    for (size_t i = 0; i < options->extra_count; i++)
        input |= is_file(&info, options->extras[i]);
    for (size_t i = 0; i < options->label_count; i++)
        input |= is_file(&info, options->labels[i]);
    for (size_t i = 0; i < options->label_raster_count; i++)
        input |= is_file(&info, options->label_rasters[i]);
    for (size_t i = 0; i < options->cloud_file_count; i++)
        input |= is_file(&info, options->cloud_files[i]);
    if (input)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: is the store and an input too: give the store another name",
                        options->store);
    *there = true;
    return VDT_OK;
}

static uint32_t thread_count(const struct vdt_feed_options *options)
{
    return options->threads == 0 ? vdt_core_count() : options->threads;
}

/* Results that may exist at a time. Units as large as strips make them need memory more than they
 * need spare threads. */
static uint32_t slot_count(const struct vdt_plan *plan)
{
    uint32_t slots = thread_count(plan->options) + SPARE_SLOTS;
    uint64_t unit = (uint64_t)plan->most_in_unit * vdt_tile_bytes(&plan->spec.tile);
    if (unit <= USUAL_UNIT_BYTES || slots <= IN_FLIGHT_BYTES / unit)
        return slots;
    return unit > IN_FLIGHT_BYTES / 2 ? 2 : (uint32_t)(IN_FLIGHT_BYTES / unit);
}

/* What GDAL is to keep. Where it keeps nothing, it decodes a block and is done: as long as there is
 * room for a block of every band, it puts all of them there. Clouds and rasters as labels are read
 * through it, whatever becomes of the scenes. */
static int64_t cache_bytes(const struct vdt_plan *plan)
{
    int64_t most = 0;
    bool rasters = plan->options->label_raster_count > 0;
    for (size_t i = 0; i < plan->scene_count; i++) {
        const struct vdt_plan_scene *scene = &plan->scenes[i];
        int64_t bytes =
            vdt_feed_block_pixels(plan, scene) * (int64_t)vdt_dtype_size(plan->spec.tile.dtype);
        bool kept = rasters || !scene->own_blocks || vdt_cloud_is_planned(scene);
        most = kept && bytes > most ? bytes : most;
    }
    if (most == 0)
        return 1;
    most *= thread_count(plan->options);
    return most < CACHE_LEAST            ? CACHE_LEAST
           : most > VDT_FEED_BLOCKS_MOST ? VDT_FEED_BLOCKS_MOST
                                         : most;
}

/* --- the store ------------------------------------------------------------------------------ */

static vdt_status create_store(struct vdt_plan *plan, struct vdt_writer **writer,
                               struct vdt_error *error)
{
    enum vdt_codec codec = plan->options->codec;
    vdt_status status = VDT_OK;
    plan->spec.mask_codec = codec == VDT_CODEC_AUTO ? VDT_CODEC_LZ4 : codec;
    if (codec == VDT_CODEC_AUTO)
        status = vdt_choose_codec(plan, &codec, error);
    plan->spec.image_codec = codec;
    return status == VDT_OK ? vdt_writer_create(plan->options->store, &plan->spec, writer, error)
                            : status;
}

static vdt_status describe_store(struct vdt_plan *plan, struct vdt_writer *writer, size_t *place,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *config = NULL;
    vdt_cleanup(vdt_free_pointer) char *split = vdt_groups_text(&plan->groups);
    if (split == NULL)
        return vdt_fail_memory(error, plan->options->store);
    vdt_status status = vdt_config_add(plan, vdt_writer_feed_config(writer), &config, place, error);
    if (status == VDT_OK)
        status = vdt_writer_set_feed_config(writer, config, error);
    if (status == VDT_OK && plan->groups.split)
        status = vdt_writer_set_split(writer, split, error);
    if (status == VDT_OK)
        status = vdt_scene_parts_keep(plan, writer, error);
    for (size_t i = 0; status == VDT_OK && i < plan->scene_count; i++) {
        struct vdt_plan_scene *scene = &plan->scenes[i];
        const struct vdt_scene_record record = {.uri = scene->uri,
                                                .size = scene->bytes,
                                                .digest = scene->digest,
                                                .acquired = scene->acquired,
                                                .cols = scene->cols,
                                                .rows = scene->rows};
        status = vdt_writer_add_scene(writer, &record, &scene->scene_row, error);
        if (status == VDT_OK)
            status = vdt_writer_add_crs(writer, scene->crs_wkt, &scene->crs_row, error);
    }
    return status;
}

/* --- the run -------------------------------------------------------------------------------- */

struct run {
    struct vdt_plan *plan;
    struct vdt_writer *writer; /* NULL for a dry run */
    struct vdt_failure_log *log;
    struct vdt_feed_report *report;
    size_t place;       /* of this feed in the store's list, from 1 */
    uint64_t done;      /* windows, those that were left out by the plan included */
    double last_commit; /* seconds */
    struct vdt_told_scene told;
};

/* Notes that a window could not be read, or that its scene could not. */
static vdt_status take_failure(struct run *run, const struct vdt_unit_result *result, uint32_t i,
                               struct vdt_error *error)
{
    uint64_t index = run->plan->units[result->unit].first + i;
    const struct vdt_window window = vdt_plan_window_at(run->plan, index);
    run->report->failed_windows++;
    const struct vdt_plan_scene *scene = &run->plan->scenes[run->plan->windows[index].scene];
    return vdt_failure_note(run->log, scene->path, scene->uri, result->lost ? NULL : &window,
                            &result->failures[i], error);
}

static enum vdt_fate fate_of(uint8_t outcome)
{
    static const enum vdt_fate fates[] = {[VDT_KEPT] = VDT_FATE_KEPT,
                                          [VDT_UNLABELLED] = VDT_FATE_UNLABELLED,
                                          [VDT_INVALID] = VDT_FATE_INVALID,
                                          [VDT_CLOUDED] = VDT_FATE_CLOUDED,
                                          [VDT_UNREADABLE] = VDT_FATE_FAILED};
    return fates[outcome];
}

static vdt_status take_window(struct run *run, const struct vdt_unit_result *result, uint32_t i,
                              struct vdt_error *error)
{
    struct vdt_feed_report *report = run->report;
    uint64_t index = run->plan->units[result->unit].first + i;
    uint32_t group = run->plan->windows[index].group;
    vdt_status status =
        vdt_tell_planned(&run->told, run->plan, index, fate_of(result->outcomes[i]), error);
    if (status != VDT_OK)
        return status;
    if (result->outcomes[i] == VDT_UNREADABLE)
        return take_failure(run, result, i, error);
    if (result->outcomes[i] == VDT_UNLABELLED)
        report->unlabelled++;
    else if (result->outcomes[i] == VDT_INVALID)
        report->invalid++;
    else if (result->outcomes[i] == VDT_CLOUDED)
        report->clouded++;
    else {
        if (run->writer != NULL)
            status = vdt_writer_put(run->writer, run->plan->groups.names[group],
                                    &result->packets[i], error);
        if (status != VDT_OK)
            return status;
        report->written++;
        report->groups[group].written++;
        report->boxes += run->writer == NULL ? 0 : result->packets[i].box_count;
    }
    return VDT_OK;
}

/* Puts what failed into the store; *changed when that is not what it says already. */
static vdt_status keep_failures(struct run *run, bool ended, bool *changed, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    vdt_status status = vdt_failures_text(run->log, run->place, ended, &text, error);
    return status == VDT_OK ? vdt_writer_set_feed_failures(run->writer, text, changed, error)
                            : status;
}

static vdt_status commit(struct run *run, struct vdt_error *error)
{
    vdt_status status = keep_failures(run, false, NULL, error);
    return status == VDT_OK ? vdt_writer_commit(run->writer, error) : status;
}

/* Commits now and then, and lets the caller see how far we are. */
static vdt_status after_unit(struct run *run, struct vdt_error *error)
{
    const struct vdt_feed_options *options = run->plan->options;
    double pause = options->commit_seconds > 0 ? options->commit_seconds : 10;
    vdt_status status = VDT_OK;
    if (run->writer != NULL && run->report->written > 0 &&
        seconds_now() - run->last_commit >= pause) {
        status = commit(run, error);
        run->last_commit = seconds_now();
    }
    if (status != VDT_OK || options->progress == NULL ||
        options->progress(run->done, run->report->windows, options->payload))
        return status;
    /* What is done is whole; the user asked to stop, not to lose it. */
    if (run->writer != NULL && run->report->written > 0)
        status = commit(run, error);
    if (status != VDT_OK)
        return status;
    return vdt_fail(error, VDT_ERR_CANCELLED,
                    "%s: stopped; %llu samples were added: run again to carry on", options->store,
                    (unsigned long long)run->report->written);
}

static vdt_status consume(struct run *run, struct vdt_ordered *ordered,
                          struct vdt_unit_result *results, struct vdt_error *error)
{
    uint32_t slot = 0;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        const struct vdt_unit_result *result = &results[slot];
        for (uint32_t i = 0; status == VDT_OK && i < result->count; i++)
            status = take_window(run, result, i, error);
        run->done += result->count;
        run->report->slivers += result->slivers;
        vdt_ordered_release(ordered, slot);
        if (status == VDT_OK)
            status = after_unit(run, error);
    }
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status run_workers(struct run *run, struct vdt_error *error)
{
    uint32_t threads = thread_count(run->plan->options), slots = slot_count(run->plan);
    struct vdt_unit_result *results = vdt_allocate_zero(slots, sizeof *results);
    if (results == NULL)
        return vdt_fail_memory(error, run->plan->options->store);
    struct vdt_feed_work work = {.plan = run->plan,
                                 .layout =
                                     run->writer == NULL ? NULL : vdt_writer_layout(run->writer),
                                 .results = results};
    struct vdt_ordered *ordered = NULL;
    int64_t cache = vdt_source_cache_limit(cache_bytes(run->plan));
    vdt_status status = vdt_ordered_start(&vdt_feed_ops, &work, run->plan->unit_count, threads,
                                          slots, &ordered, error);
    if (status == VDT_OK)
        status = consume(run, ordered, results, error);
    vdt_ordered_free(ordered);
    vdt_source_cache_limit(cache);
    for (uint32_t i = 0; i < slots; i++)
        vdt_unit_result_clear(&results[i]);
    free(results);
    return status;
}

/* A store that would be empty is no store. */
static vdt_status explain_empty(const struct vdt_feed_options *options,
                                const struct vdt_feed_report *report, struct vdt_error *error)
{
    const char *between = report->split_by == VDT_SPLIT_AREAS ? "not wholly in one group's area"
                          : report->split_by == VDT_SPLIT_FIELD
                              ? "with values of two groups or none"
                              : "on block borders";
    return vdt_fail(
        error, VDT_ERR_NOT_FOUND,
        "%s: no window is left of %llu: %llu without an object (--match all keeps them), %llu "
        "below --min-valid, %llu above --max-cloud, %llu %s, %llu outside of the area of interest",
        options->store, (unsigned long long)report->windows,
        (unsigned long long)(report->unlabelled + report->background),
        (unsigned long long)report->invalid, (unsigned long long)report->clouded,
        (unsigned long long)report->straddling, between, (unsigned long long)report->outside);
}

/* Shares are kept by ground and by chance: with few blocks or scenes they can be far off. */
static void warn_shares(const struct vdt_plan *plan, struct vdt_feed_report *report)
{
    for (size_t i = 0; plan->groups.split && i < plan->groups.count && i < 64; i++) {
        double got = (double)report->groups[i].written / (double)report->written;
        bool off = got < plan->groups.shares[i] / 2 || got > (1 + plan->groups.shares[i]) / 2;
        if (!off || report->warning[0] != '\0' || plan->groups.by == VDT_SPLIT_TIME ||
            plan->groups.by == VDT_SPLIT_AREAS) /* which have no shares */
            continue;
        snprintf(report->warning, sizeof report->warning,
                 "%s got %llu of %llu samples, %.3g was asked: %s", plan->groups.names[i],
                 (unsigned long long)report->groups[i].written, (unsigned long long)report->written,
                 plan->groups.shares[i],
                 plan->groups.by == VDT_SPLIT_SCENE ? "there are too few scenes to split"
                 : plan->groups.by == VDT_SPLIT_FIELD
                     ? "there are too few values to split"
                     : "try a smaller --block-size or another --seed");
    }
}

/* The end of a run: what was read is committed together with what was not. */
static vdt_status finish(struct run *run, bool fresh, struct vdt_error *error)
{
    const struct vdt_feed_report *report = run->report;
    bool changed = false;
    if (report->written == 0 && report->existing == 0 && run->log->found.count > 0)
        return vdt_failure_first(run->log, error);
    if (run->writer == NULL)
        return VDT_OK;
    if (report->written == 0 && fresh)
        return explain_empty(run->plan->options, report, error);
    vdt_status status = run->place == 0 ? VDT_OK : keep_failures(run, true, &changed, error);
    if (status != VDT_OK || (report->written == 0 && !changed))
        return status;
    return vdt_writer_finish(run->writer, error);
}

static vdt_status run_feed(struct vdt_plan *plan, struct vdt_writer **writer,
                           struct vdt_failure_log *log, struct vdt_feed_report *report,
                           struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    bool fresh = *writer == NULL;
    size_t place = 0;
    vdt_status status = VDT_OK;
    if (plan->scene_count == 0)
        return log->found.count == 0 ? VDT_OK : vdt_failure_first(log, error);
    if (!options->dry_run && fresh)
        status = create_store(plan, writer, error);
    bool news = fresh || plan->window_count > 0 || log->found.count + log->stored.count > 0;
    if (status == VDT_OK && !options->dry_run && news)
        status = describe_store(plan, *writer, &place, error);
    if (status != VDT_OK)
        return status;
    struct run run = {.plan = plan,
                      .writer = options->dry_run ? NULL : *writer,
                      .log = log,
                      .report = report,
                      .place = place,
                      .done = report->windows - plan->window_count,
                      .last_commit = seconds_now()};
    status = run_workers(&run, error);
    vdt_told_scene_clear(&run.told);
    if (status == VDT_OK && report->existing == 0 && report->written >= FEW_SAMPLES)
        warn_shares(plan, report);
    return status == VDT_OK ? finish(&run, fresh, error) : status;
}

static bool is_remote(const struct vdt_feed_options *options)
{
    const struct {
        const char *const *items;
        size_t count;
    } inputs[] = {{options->images, options->image_count},
                  {options->extras, options->extra_count},
                  {options->labels, options->label_count},
                  {options->label_rasters, options->label_raster_count},
                  {options->ignore, options->ignore_count},
                  {options->aoi, options->aoi_count},
                  {options->split_areas, options->split_area_count},
                  {options->cloud_files, options->cloud_file_count}};
    bool remote = false;
    for (size_t k = 0; k < sizeof inputs / sizeof inputs[0]; k++)
        for (size_t i = 0; i < inputs[k].count; i++)
            remote |= vdt_is_remote(inputs[k].items[i]);
    return remote;
}

vdt_status vdt_feed(const struct vdt_feed_options *options, struct vdt_feed_report *out,
                    struct vdt_error *error)
{
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = NULL;
    struct vdt_feed_report report = {0};
    struct vdt_failure_log log = {.options = options, .report = &report};
    struct vdt_plan plan = {0};
    bool there = false, remote = is_remote(options);
    vdt_traffic_begin(remote);
    vdt_status status = check_store(options, &there, error);
    if (status == VDT_OK && there)
        status = vdt_writer_open(options->store, &writer, error);
    if (status == VDT_OK && there)
        status = vdt_failures_parse(vdt_writer_feed_failures(writer), &log.stored, error);
    if (status == VDT_OK)
        status = vdt_plan_make(&plan, options, writer, &log, &report, error);
    if (status == VDT_OK)
        status = run_feed(&plan, &writer, &log, &report, error);
    const struct vdt_traffic traffic = vdt_traffic_end(remote);
    report.requests = traffic.requests;
    report.request_bytes = traffic.bytes;
    vdt_plan_clear(&plan);
    vdt_failure_log_clear(&log);
    if (out != NULL)
        *out = report;
    return status;
}

/* A store grouped anew: options, the groups of all samples, the output or the views. */
#include "feed/regroup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/folds.h"
#include "feed/group_of.h"

enum { FEW_SAMPLES = 10 }; /* too few to speak of shares */

static void writer_cleanup(struct vdt_writer **writer)
{
    vdt_writer_free(*writer);
}

static bool is_split(const struct vdt_split_options *options)
{
    return options->split_count > 0 || options->split_period_count > 0;
}

/* --- options ------------------------------------------------------------------------------- */

static vdt_status check_options(const struct vdt_split_options *options, struct vdt_error *error)
{
    if (options->store == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split needs a store");
    bool split = is_split(options), time = options->split_by == VDT_SPLIT_TIME;
    if (!split && options->folds == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: nothing to do: say --split G=SHARE,... or --folds K", options->store);
    if (split && options->output == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: --split makes another store: name it with -o",
                        options->store);
    if (options->split_by == VDT_SPLIT_AREAS)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a store is not split by areas: feed its scenes again with --split-areas");
    if (options->folds == 1 || options->folds > VDT_FOLDS_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%u folds: 2 to %d", options->folds,
                        VDT_FOLDS_MOST);
    if (options->folds == 0 && options->group != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a group is about folds: give --folds");
    if (options->split_by != VDT_SPLIT_BLOCK && options->block_size > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--block-size needs --split-by block");
    if (options->split_gap != 0 && options->split_by != VDT_SPLIT_BLOCK)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--split-gap needs --split-by block");
    if ((options->split_by == VDT_SPLIT_FIELD) != (options->split_field != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split by field goes with the field's name");
    if (options->split_period_count > 0 && (!time || options->split_count > 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--split-time goes with --split-by time, and in place of --split");
    if (time && (options->folds > 0 || options->stratify))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--split-by time makes no folds, and nothing can be stratified by it");
    return vdt_split_shares_check(options->split, options->split_count, error);
}

/* --- groups -------------------------------------------------------------------------------- */

/* The output's groups are those of the store. */
static vdt_status keep_groups(struct vdt_regroup *regroup, struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    struct vdt_groups *groups = &regroup->rule.groups;
    size_t count = vdt_reader_group_count(reader);
    if (count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %zu groups; at most %d here",
                        vdt_reader_path(reader), count, VDT_SPLIT_MAX);
    groups->count = count;
    for (size_t g = 0; g < count; g++)
        snprintf(groups->names[g], sizeof groups->names[g], "%s", vdt_reader_group_name(reader, g));
    return VDT_OK;
}

static vdt_status by_rule(struct vdt_regroup *regroup, struct vdt_error *error)
{
    for (size_t i = 0; i < regroup->count; i++) {
        struct vdt_regroup_row *row = &regroup->rows[i];
        struct vdt_regroup_sample sample;
        vdt_status status =
            vdt_regroup_group(regroup, &regroup->rule, row, &sample, &row->to, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

static vdt_status by_strata(struct vdt_regroup *regroup, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int32_t *to = vdt_allocate(regroup->count, sizeof *to);
    if (to == NULL)
        return vdt_fail_memory(error, regroup->options->store);
    vdt_status status = vdt_regroup_stratify(regroup, &regroup->rule, NULL, false, to, error);
    for (size_t i = 0; status == VDT_OK && i < regroup->count; i++)
        regroup->rows[i].to = to[i];
    return status;
}

/* Shares are kept by ground and by chance: with few blocks or scenes they can be far off. */
static void warn_shares(struct vdt_regroup *regroup)
{
    struct vdt_split_report *report = regroup->report;
    const struct vdt_groups *groups = &regroup->rule.groups;
    if (groups->by == VDT_SPLIT_TIME)
        return;
    for (size_t i = 0; report->written >= FEW_SAMPLES && i < groups->count && i < 64; i++) {
        double got = (double)report->groups[i].written / (double)report->written;
        bool off = got < groups->shares[i] / 2 || got > (1 + groups->shares[i]) / 2;
        if (!off || report->warning[0] != '\0')
            continue;
        snprintf(report->warning, sizeof report->warning,
                 "%s got %llu of %llu samples, %.3g was asked: try a smaller --block-size, "
                 "--stratify or another --seed",
                 groups->names[i], (unsigned long long)report->groups[i].written,
                 (unsigned long long)report->written, groups->shares[i]);
    }
}

static vdt_status divide(struct vdt_regroup *regroup, struct vdt_error *error)
{
    const struct vdt_split_options *options = regroup->options;
    struct vdt_split_report *report = regroup->report;
    vdt_status status = VDT_OK;
    bool split = is_split(options);
    if (!split)
        status = keep_groups(regroup, error);
    else
        status = vdt_regroup_rule_make(regroup, options->split, options->split_count, options->seed,
                                       &regroup->rule, error);
    regroup->rule.groups.stratified = split && options->stratify;
    if (status == VDT_OK && split)
        status = options->stratify ? by_strata(regroup, error) : by_rule(regroup, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_groups *groups = &regroup->rule.groups;
    report->group_count = groups->count;
    for (size_t g = 0; g < groups->count; g++)
        memcpy(report->groups[g].name, groups->names[g], sizeof groups->names[g]);
    for (size_t i = 0; i < regroup->count; i++) {
        int32_t to = regroup->rows[i].to;
        report->straddling += to < 0;
        report->written += to >= 0;
        if (to >= 0)
            report->groups[to].written++;
    }
    for (size_t g = 0; split && g < groups->count; g++)
        if (report->groups[g].written == 0)
            return vdt_fail(error, VDT_ERR_NOT_FOUND,
                            "%s: the group %s would be empty: try a smaller --block-size, "
                            "--stratify or another --seed",
                            options->store, groups->names[g]);
    if (split)
        warn_shares(regroup);
    return VDT_OK;
}

/* --- the call ------------------------------------------------------------------------------ */

static vdt_status write_result(struct vdt_regroup *regroup, struct vdt_writer **writer,
                               struct vdt_error *error)
{
    const struct vdt_split_options *options = regroup->options;
    vdt_status status = VDT_OK;
    if (options->output != NULL && !options->dry_run)
        status = vdt_regroup_copy(regroup, writer, error);
    if (status == VDT_OK && options->folds > 0)
        status = vdt_folds_write(regroup, *writer, error);
    return status == VDT_OK && *writer != NULL ? vdt_writer_finish(*writer, error) : status;
}

vdt_status vdt_split_store(const struct vdt_split_options *options, struct vdt_split_report *out,
                           struct vdt_error *error)
{
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = NULL;
    struct vdt_split_report report = {0};
    vdt_cleanup(vdt_regroup_clear) struct vdt_regroup regroup = {.options = options,
                                                                 .report = &report};
    vdt_status status = check_options(options, error);
    /* The writer's lock comes first: nobody adds samples between reading and writing. */
    if (status == VDT_OK && options->output == NULL && !options->dry_run)
        status = vdt_writer_open(options->store, &writer, error);
    if (status == VDT_OK)
        status = vdt_reader_open(options->store, &regroup.reader, error);
    if (status == VDT_OK)
        status = vdt_regroup_read(&regroup, error);
    if (status == VDT_OK && regroup.count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: has no samples", options->store);
    if (status == VDT_OK)
        status = divide(&regroup, error);
    if (status == VDT_OK && options->folds > 0)
        status = vdt_folds_assign(&regroup, error);
    if (status == VDT_OK)
        status = write_result(&regroup, &writer, error);
    if (out != NULL)
        *out = report;
    return status;
}

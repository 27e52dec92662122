/* Groups and splits: from options, or as the store remembers them. */
#include "feed/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "feed/areas.h"
#include "store/layout.h"

static const char *const by_names[] = {"block", "scene", "random", "field", "time", "areas"};
enum { BY_NAMES = sizeof by_names / sizeof *by_names };

vdt_status vdt_split_shares_check(const struct vdt_split_share *shares, size_t count,
                                  struct vdt_error *error)
{
    if (count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split into %zu groups; at most %d", count,
                        VDT_SPLIT_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct vdt_split_share *share = &shares[i];
        if (!vdt_group_name_valid(share->group))
            return vdt_fail(
                error, VDT_ERR_ARGUMENT,
                "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs",
                share->group);
        if (!(share->share > 0) || !isfinite(share->share))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "split: the share of %s must be above 0",
                            share->group);
        for (size_t k = 0; k < i; k++)
            if (strcmp(shares[k].group, share->group) == 0)
                return vdt_fail(error, VDT_ERR_ARGUMENT, "split: group %s is named twice",
                                share->group);
    }
    return VDT_OK;
}

/* Groups with limits in place of shares. */
static vdt_status take_periods(struct vdt_groups *groups, const struct vdt_feed_options *options,
                               struct vdt_error *error)
{
    size_t count = options->split_period_count;
    if (count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split into %zu groups; at most %d", count,
                        VDT_SPLIT_MAX);
    groups->split = true;
    groups->by = VDT_SPLIT_TIME;
    groups->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct vdt_split_period *period = &options->split_periods[i];
        bool last = i + 1 == count;
        if (last != (period->before == NULL))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "split by time: every group but the last has a limit: "
                            "train=2020-01-01,test");
        if (!last && !vdt_time_read(period->before, groups->limits[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "split by time: %.60s: no ISO 8601 date or time in UTC, such as "
                            "2020-01-31",
                            period->before);
        if (!last && i > 0 && strcmp(groups->limits[i - 1], groups->limits[i]) >= 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "split by time: the limit of %.63s is not behind that of the group "
                            "before it",
                            period->group);
        snprintf(groups->names[i], sizeof groups->names[i], "%s", period->group);
        groups->shares[i] = 1.0 / (double)count;
        for (size_t k = 0; k < i; k++)
            if (strcmp(groups->names[k], groups->names[i]) == 0)
                return vdt_fail(error, VDT_ERR_ARGUMENT, "split: group %.63s is named twice",
                                period->group);
    }
    return VDT_OK;
}

static vdt_status take_field(struct vdt_groups *groups, const struct vdt_feed_options *options,
                             struct vdt_error *error)
{
    if (options->split_by != VDT_SPLIT_FIELD)
        return VDT_OK;
    groups->field = vdt_copy_string(options->split_field);
    return groups->field == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
}

static vdt_status take_options(struct vdt_groups *groups, const struct vdt_feed_options *options,
                               struct vdt_error *error)
{
    if (options->split_period_count > 0)
        return take_periods(groups, options, error);
    if (options->split_area_count > 0)
        return vdt_areas_take(groups, options, error);
    vdt_status status = vdt_split_shares_check(options->split, options->split_count, error);
    if (status == VDT_OK)
        status = take_field(groups, options, error);
    if (status != VDT_OK)
        return status;
    groups->split = true;
    groups->by = options->split_by;
    groups->gap = options->split_gap;
    groups->count = options->split_count;
    double sum = 0;
    for (size_t i = 0; i < groups->count; i++) {
        snprintf(groups->names[i], sizeof groups->names[i], "%s", options->split[i].group);
        sum += options->split[i].share;
    }
    if (fabs(sum - 1) < 1e-12) /* 0.7 + 0.2 + 0.1: shares stay as they were written */
        sum = 1;
    for (size_t i = 0; i < groups->count; i++)
        groups->shares[i] = options->split[i].share / sum;
    return VDT_OK;
}

/* A whole number of strides, so that windows of the first scene end where blocks do. */
static double round_to(double pixels, double stride, double tile)
{
    double blocks = round(pixels / stride) * stride;
    return blocks < tile ? ceil(tile / stride) * stride : blocks;
}

/* About ten blocks a side of the first scene, of one to eight tiles; where windows overlap or need
 * a gap (`least` is a tile with its gap) at least two, because those on a border are lost. */
static void choose_block(const struct vdt_split_sizes *sizes, const double least[2],
                         double block[2])
{
    double tiles = fmin(sizes->scene[0] / sizes->tile[0], sizes->scene[1] / sizes->tile[1]) / 10;
    bool overlap = sizes->stride[0] < sizes->tile[0] || sizes->stride[1] < sizes->tile[1];
    tiles = fmin(fmax(floor(tiles), overlap ? 2 : 1), 8);
    for (int i = 0; i < 2; i++) {
        double most = least[i] > sizes->tile[i] ? 2 * least[i] : least[i];
        block[i] = round_to(tiles * sizes->tile[i], sizes->stride[i], most);
    }
}

/* A size in metres needs a scene that has some. */
static vdt_status check_metres(const struct vdt_feed_options *options,
                               const struct vdt_split_sizes *sizes, struct vdt_error *error)
{
    bool known = sizes->metres[0] > 0 && sizes->metres[1] > 0;
    const char *name = options->block_size > 0  ? "--block-size"
                       : options->split_gap > 0 ? "--split-gap"
                                                : NULL;
    if (known || name == NULL)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "%s is in metres, but %s has no place on Earth: leave it out", name,
                    options->images[0]);
}

static vdt_status make_rule(struct vdt_groups *groups, const struct vdt_feed_options *options,
                            const struct vdt_split_frame *frame,
                            const struct vdt_split_sizes *sizes, struct vdt_error *error)
{
    double block[2], lost[2], half[2] = {0, 0}, least[2];
    if (groups->by != VDT_SPLIT_BLOCK) {
        vdt_split_shares(&groups->rule, options->seed, groups->shares, groups->count);
        if (groups->by == VDT_SPLIT_TIME && options->split_period_count == 0)
            vdt_time_limits(sizes->times, sizes->time_count, groups->shares, groups->count,
                            groups->limits);
        return VDT_OK;
    }
    if (frame->crs == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "split by block: %s has no grid on the ground (control points or RPC): use "
                        "--split-by scene or random",
                        options->images[0]);
    vdt_status status = check_metres(options, sizes, error);
    if (status != VDT_OK)
        return status;
    for (int i = 0; i < 2; i++) {
        if (groups->gap > 0)
            half[i] = groups->gap / 2 / sizes->metres[i];
        least[i] = sizes->tile[i] + 2 * half[i];
    }
    choose_block(sizes, least, block);
    for (int i = 0; i < 2; i++) {
        double stride = sizes->stride[i];
        double asked = options->block_size / sizes->metres[i];
        if (options->block_size > 0 && asked < least[i])
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "a block of %.10g m is smaller than a tile of %.4g x %.4g m%s: raise "
                            "--block-size",
                            options->block_size, least[0] * sizes->metres[0],
                            least[1] * sizes->metres[1], groups->gap > 0 ? " with its gap" : "");
        if (options->block_size > 0)
            block[i] = round_to(asked, stride, least[i]);
        lost[i] = (ceil((sizes->tile[i] + half[i]) / stride) - 1 + ceil(half[i] / stride)) * stride;
        groups->block_metres[i] = block[i] * sizes->metres[i];
    }
    vdt_split_blocks(&groups->rule, options->seed, groups->shares, groups->count, block, lost);
    groups->frame.crs = vdt_copy_string(frame->crs);
    memcpy(groups->frame.geotransform, frame->geotransform, sizeof frame->geotransform);
    return groups->frame.crs == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
}

void vdt_groups_clear(struct vdt_groups *groups)
{
    free((void *)groups->frame.crs);
    free(groups->field);
    for (int i = 0; i < VDT_SPLIT_MAX; i++) {
        free(groups->areas[i]);
        free(groups->area_uris[i]);
    }
    *groups = (struct vdt_groups){0};
}

static void read_numbers(const json_t *list, double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = json_number_value(json_array_get(list, i));
}

static vdt_status parse_blocks(struct vdt_groups *groups, const json_t *split,
                               struct vdt_error *error)
{
    const char *crs = json_string_value(json_object_get(split, "crs"));
    read_numbers(json_object_get(split, "block"), groups->rule.block, 2);
    read_numbers(json_object_get(split, "block_metres"), groups->block_metres, 2);
    groups->gap = json_number_value(json_object_get(split, "gap"));
    read_numbers(json_object_get(split, "geotransform"), groups->frame.geotransform, 6);
    if (crs == NULL || !(groups->rule.block[0] > 0) || !(groups->rule.block[1] > 0))
        return vdt_fail(error, VDT_ERR_FORMAT, "the store's split has no block size or no CRS");
    groups->frame.crs = vdt_copy_string(crs);
    return groups->frame.crs == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
}

static vdt_status parse_times(struct vdt_groups *groups, const json_t *split, const char *stored,
                              struct vdt_error *error)
{
    const json_t *list = json_object_get(split, "limits");
    for (size_t i = 0; i + 1 < groups->count; i++) {
        const char *limit = json_string_value(json_array_get(list, i));
        if (limit == NULL || (limit[0] != '\0' && !vdt_time_read(limit, groups->limits[i])))
            return vdt_fail(error, VDT_ERR_FORMAT, "the store's split is not readable: %s", stored);
    }
    return VDT_OK;
}

static vdt_status parse_field(struct vdt_groups *groups, const json_t *split, const char *stored,
                              struct vdt_error *error)
{
    const char *field = json_string_value(json_object_get(split, "field"));
    if (field == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "the store's split is not readable: %s", stored);
    groups->field = vdt_copy_string(field);
    return groups->field == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
}

static vdt_status parse(struct vdt_groups *groups, const char *stored, const char *store,
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *split = NULL;
    vdt_status status = vdt_json_parse(stored, "attribute split", &split, error);
    if (status != VDT_OK || json_object_size(split) == 0)
        return status;
    const json_t *list = json_object_get(split, "groups");
    const char *by = json_string_value(json_object_get(split, "by"));
    size_t count = json_array_size(list);
    int kind = -1;
    for (int i = 0; by != NULL && i < BY_NAMES; i++)
        if (strcmp(by, by_names[i]) == 0)
            kind = i;
    if (kind < 0 || count == 0 || count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_FORMAT, "the store's split is not readable: %s", stored);
    *groups = (struct vdt_groups){.split = true, .by = (enum vdt_split_by)kind, .count = count};
    groups->rule.seed = (uint64_t)json_integer_value(json_object_get(split, "seed"));
    groups->rule.count = count;
    groups->stratified = json_is_true(json_object_get(split, "stratified"));
    for (size_t i = 0; i < count; i++) {
        const json_t *group = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(group, "name"));
        snprintf(groups->names[i], sizeof groups->names[i], "%s", name == NULL ? "" : name);
        groups->shares[i] = json_number_value(json_object_get(group, "share"));
        groups->rule.limits[i] = json_number_value(json_object_get(group, "limit"));
    }
    if (groups->by == VDT_SPLIT_TIME)
        return parse_times(groups, split, stored, error);
    if (groups->by == VDT_SPLIT_FIELD)
        return parse_field(groups, split, stored, error);
    if (groups->by == VDT_SPLIT_AREAS)
        return vdt_areas_parse(groups, split, store, error);
    return groups->by == VDT_SPLIT_BLOCK ? parse_blocks(groups, split, error) : VDT_OK;
}

static void describe(const struct vdt_groups *groups, char *text, size_t size)
{
    int used = snprintf(text, size, "by %s%s%.60s, seed %lld", by_names[groups->by],
                        groups->field == NULL ? "" : ":",
                        groups->field == NULL ? "" : groups->field, (long long)groups->rule.seed);
    if (groups->by == VDT_SPLIT_BLOCK && used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, ", blocks of %.6g m",
                         groups->block_metres[0]);
    if (groups->gap > 0 && used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, ", gap %.10g m", groups->gap);
    for (size_t i = 0; i < groups->count && used > 0 && (size_t)used < size; i++)
        used += groups->by == VDT_SPLIT_TIME && groups->limits[i][0] != '\0'
                    ? snprintf(text + used, size - (size_t)used, ", %s=%s", groups->names[i],
                               groups->limits[i])
                    : snprintf(text + used, size - (size_t)used, ", %s=%.4g", groups->names[i],
                               groups->shares[i]);
}

/* Limits, where they were asked for; shares of a split by time made such at first. */
static bool same_parts(const struct vdt_groups *asked, const struct vdt_groups *stored,
                       const struct vdt_feed_options *options)
{
    bool same = asked->field == NULL || strcmp(asked->field, stored->field) == 0;
    for (size_t i = 0; same && options->split_period_count > 0 && i < asked->count; i++)
        same = strcmp(asked->limits[i], stored->limits[i]) == 0;
    for (size_t i = 0; same && asked->by == VDT_SPLIT_AREAS && i < asked->count; i++)
        same = strcmp(asked->digests[i], stored->digests[i]) == 0;
    return same;
}

/* Whether what was asked is what the store has; an unstated block size or gap follows the store, a
 * stated block size was rounded to whole strides. */
static bool agrees(const struct vdt_groups *asked, const struct vdt_groups *stored,
                   const struct vdt_feed_options *options)
{
    bool same = asked->by == stored->by && asked->count == stored->count &&
                options->seed == stored->rule.seed && same_parts(asked, stored, options);
    if (same && asked->by == VDT_SPLIT_BLOCK && options->block_size > 0)
        same = fabs(options->block_size / stored->block_metres[0] - 1) < 0.5;
    if (same && options->split_gap > 0)
        same = fabs(options->split_gap - stored->gap) < 1e-9 * options->split_gap;
    for (size_t i = 0; same && i < asked->count; i++)
        same = strcmp(asked->names[i], stored->names[i]) == 0 &&
               fabs(asked->shares[i] - stored->shares[i]) < 1e-9;
    return same;
}

static void take_over(struct vdt_groups *groups, struct vdt_groups *stored)
{
    vdt_groups_clear(groups);
    *groups = *stored;
    *stored = (struct vdt_groups){0};
}

/* A split asked for when the store has one: the store's, if they agree. */
static vdt_status follow(struct vdt_groups *groups, struct vdt_groups *stored,
                         const struct vdt_feed_options *options, struct vdt_error *error)
{
    char have[512], want[512];
    groups->rule.seed = options->seed;
    groups->block_metres[0] =
        options->block_size > 0 ? options->block_size : stored->block_metres[0];
    if (!(groups->gap > 0) && groups->by == VDT_SPLIT_BLOCK)
        groups->gap = stored->gap;
    describe(stored, have, sizeof have);
    describe(groups, want, sizeof want);
    if (!agrees(groups, stored, options))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: it is split %s; this feed asks for %s: leave --split out",
                        options->store, have, want);
    take_over(groups, stored);
    return VDT_OK;
}

vdt_status vdt_split_field(const struct vdt_feed_options *options, const char *stored, char **field,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *split = NULL;
    vdt_status status = vdt_json_parse(stored, "attribute split", &split, error);
    const char *name = options->split_by == VDT_SPLIT_FIELD ? options->split_field : NULL;
    *field = NULL;
    if (status != VDT_OK || options->group != NULL)
        return status;
    if (name == NULL)
        name = json_string_value(json_object_get(split, "field"));
    if (name != NULL && (*field = vdt_copy_string(name)) == NULL)
        return vdt_fail_memory(error, "split");
    return VDT_OK;
}

vdt_status vdt_groups_make(struct vdt_groups *groups, const struct vdt_feed_options *options,
                           const char *stored_text, const struct vdt_split_frame *frame,
                           const struct vdt_split_sizes *sizes, struct vdt_error *error)
{
    vdt_cleanup(vdt_groups_clear) struct vdt_groups stored = {0};
    *groups = (struct vdt_groups){.count = 1};
    bool gap = options->split_gap != 0;
    bool asked = options->split_count + options->split_period_count + options->split_area_count > 0;
    if (gap && (options->split_count == 0 || options->split_by != VDT_SPLIT_BLOCK))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--split-gap needs --split by block");
    if (gap && !(options->split_gap > 0 && options->split_gap <= 1e5))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a gap of %g m between groups: up to 100000",
                        options->split_gap);
    snprintf(groups->names[0], sizeof groups->names[0], "%s",
             options->group == NULL ? "train" : options->group);
    vdt_status status = parse(&stored, stored_text, options->store, error);
    if (status != VDT_OK || options->group != NULL || (!asked && !stored.split))
        return status;
    if (stored.stratified)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: it was split with --stratify for the samples that it had, so others "
                        "have no place in it: name a group with --group, or feed a store that is "
                        "not split and split it again",
                        options->store);
    if (!asked) {
        take_over(groups, &stored);
        return VDT_OK;
    }
    status = take_options(groups, options, error);
    if (status != VDT_OK)
        return status;
    return stored.split ? follow(groups, &stored, options, error)
                        : make_rule(groups, options, frame, sizes, error);
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *limits_json(const struct vdt_groups *groups)
{
    json_t *list = json_array();
    for (size_t i = 0; i + 1 < groups->count; i++)
        json_array_append_new(list, json_string(groups->limits[i]));
    return list;
}

char *vdt_groups_text(const struct vdt_groups *groups)
{
    vdt_cleanup(vdt_json_release) json_t *split = json_object();
    if (groups->split) {
        json_t *list = json_array();
        json_object_set_new(split, "by", json_string(by_names[groups->by]));
        json_object_set_new(split, "seed", json_integer((json_int_t)groups->rule.seed));
        if (groups->stratified)
            json_object_set_new(split, "stratified", json_true());
        if (groups->field != NULL)
            json_object_set_new(split, "field", json_string(groups->field));
        if (groups->by == VDT_SPLIT_TIME)
            json_object_set_new(split, "limits", limits_json(groups));
        if (groups->by == VDT_SPLIT_AREAS)
            json_object_set_new(split, "areas", vdt_areas_json(groups));
        if (groups->by == VDT_SPLIT_BLOCK) {
            json_object_set_new(split, "block", numbers(groups->rule.block, 2));
            json_object_set_new(split, "block_metres", numbers(groups->block_metres, 2));
            if (groups->gap > 0)
                json_object_set_new(split, "gap", json_real(groups->gap));
            json_object_set_new(split, "crs", json_string(groups->frame.crs));
            json_object_set_new(split, "geotransform", numbers(groups->frame.geotransform, 6));
        }
        for (size_t i = 0; i < groups->count; i++)
            json_array_append_new(list,
                                  json_pack("{s:s, s:f, s:f}", "name", groups->names[i], "share",
                                            groups->shares[i], "limit", groups->rule.limits[i]));
        json_object_set_new(split, "groups", list);
    }
    return vdt_json_text(split);
}

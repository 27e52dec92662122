/* Groups and splits: from options, or as the store remembers them. */
#include "feed/groups.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

static const char *const by_names[] = {"block", "scene", "random"};

static vdt_status take_options(struct vdt_groups *groups, const struct vdt_feed_options *options,
                               struct vdt_error *error)
{
    if (options->split_count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split into %zu groups; at most %d",
                        options->split_count, VDT_SPLIT_MAX);
    groups->split = true;
    groups->by = options->split_by;
    groups->count = options->split_count;
    double sum = 0;
    for (size_t i = 0; i < groups->count; i++) {
        const struct vdt_split_share *share = &options->split[i];
        if (!(share->share > 0) || !isfinite(share->share))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "split: the share of %s must be above 0",
                            share->group);
        for (size_t k = 0; k < i; k++)
            if (strcmp(groups->names[k], share->group) == 0)
                return vdt_fail(error, VDT_ERR_ARGUMENT, "split: group %s is named twice",
                                share->group);
        snprintf(groups->names[i], sizeof groups->names[i], "%s", share->group);
        sum += share->share;
    }
    for (size_t i = 0; i < groups->count; i++)
        groups->shares[i] = options->split[i].share / sum;
    return VDT_OK;
}

/* About 16 blocks a side of the first scene, but never so small that most windows straddle. */
static double choose_block(const double window[2], const double scene[2])
{
    double tile = fmax(window[0], window[1]), side = fmin(scene[0], scene[1]) / 16;
    return fmin(fmax(side, 2 * tile), 8 * tile);
}

static vdt_status make_rule(struct vdt_groups *groups, const struct vdt_feed_options *options,
                            const double window[2], const double scene[2], struct vdt_error *error)
{
    if (groups->by != VDT_SPLIT_BLOCK) {
        vdt_split_shares(&groups->rule, options->seed, groups->shares, groups->count);
        return VDT_OK;
    }
    if (!(window[0] > 0))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "split by block: the scene has no place on the ground: use --split-by scene "
            "or random");
    double block = options->block_size > 0 ? options->block_size : choose_block(window, scene);
    if (block < fmax(window[0], window[1]))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a block of %.10g m is smaller than a tile of %.0f x %.0f m: raise "
                        "--block-size",
                        block, window[0], window[1]);
    vdt_split_blocks(&groups->rule, options->seed, groups->shares, groups->count, block, window[0],
                     window[1]);
    return VDT_OK;
}

static vdt_status parse(struct vdt_groups *groups, const char *stored, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *split = NULL;
    vdt_status status = vdt_json_parse(stored, "attribute split", &split, error);
    if (status != VDT_OK || json_object_size(split) == 0)
        return status;
    const json_t *list = json_object_get(split, "groups");
    const char *by = json_string_value(json_object_get(split, "by"));
    size_t count = json_array_size(list);
    int kind = -1;
    for (int i = 0; by != NULL && i < 3; i++)
        if (strcmp(by, by_names[i]) == 0)
            kind = i;
    if (kind < 0 || count == 0 || count > VDT_SPLIT_MAX)
        return vdt_fail(error, VDT_ERR_FORMAT, "the store's split is not readable: %s", stored);
    *groups = (struct vdt_groups){.split = true, .by = (enum vdt_split_by)kind, .count = count};
    groups->rule.seed = (uint64_t)json_integer_value(json_object_get(split, "seed"));
    groups->rule.block_size = json_number_value(json_object_get(split, "block_size"));
    groups->rule.count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *group = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(group, "name"));
        snprintf(groups->names[i], sizeof groups->names[i], "%s", name == NULL ? "" : name);
        groups->shares[i] = json_number_value(json_object_get(group, "share"));
        groups->rule.limits[i] = json_number_value(json_object_get(group, "limit"));
    }
    if (groups->by == VDT_SPLIT_BLOCK && !(groups->rule.block_size > 0))
        return vdt_fail(error, VDT_ERR_FORMAT, "the store's split is not readable: %s", stored);
    return VDT_OK;
}

static void describe(const struct vdt_groups *groups, char *text, size_t size)
{
    int used = snprintf(text, size, "by %s, seed %lld", by_names[groups->by],
                        (long long)groups->rule.seed);
    if (groups->by == VDT_SPLIT_BLOCK && used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, ", blocks of %.6g m",
                         groups->rule.block_size);
    for (size_t i = 0; i < groups->count && used > 0 && (size_t)used < size; i++)
        used += snprintf(text + used, size - (size_t)used, ", %s=%.4g", groups->names[i],
                         groups->shares[i]);
}

/* Whether what was asked is what the store has; an unstated block size follows the store. */
static bool agrees(const struct vdt_groups *asked, const struct vdt_groups *stored,
                   const struct vdt_feed_options *options)
{
    bool same = asked->by == stored->by && asked->count == stored->count &&
                options->seed == stored->rule.seed &&
                (options->block_size <= 0 || asked->by != VDT_SPLIT_BLOCK ||
                 options->block_size == stored->rule.block_size);
    for (size_t i = 0; same && i < asked->count; i++)
        same = strcmp(asked->names[i], stored->names[i]) == 0 &&
               fabs(asked->shares[i] - stored->shares[i]) < 1e-9;
    return same;
}

vdt_status vdt_groups_make(struct vdt_groups *groups, const struct vdt_feed_options *options,
                           const char *stored_text, const double window[2], const double scene[2],
                           struct vdt_error *error)
{
    struct vdt_groups stored = {0};
    *groups = (struct vdt_groups){.count = 1};
    snprintf(groups->names[0], sizeof groups->names[0], "%s",
             options->group == NULL ? "train" : options->group);
    vdt_status status = parse(&stored, stored_text, error);
    if (status != VDT_OK || options->group != NULL || (options->split_count == 0 && !stored.split))
        return status;
    if (options->split_count == 0) {
        *groups = stored;
        return VDT_OK;
    }
    status = take_options(groups, options, error);
    if (status != VDT_OK)
        return status;
    if (stored.split) {
        char have[512], want[512];
        groups->rule.seed = options->seed;
        groups->rule.block_size =
            options->block_size > 0 ? options->block_size : stored.rule.block_size;
        describe(&stored, have, sizeof have);
        describe(groups, want, sizeof want);
        if (!agrees(groups, &stored, options))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "the store is split %s; this feed asks for %s: leave --split out", have,
                            want);
        *groups = stored;
        return VDT_OK;
    }
    return make_rule(groups, options, window, scene, error);
}

char *vdt_groups_text(const struct vdt_groups *groups)
{
    vdt_cleanup(vdt_json_release) json_t *split = json_object();
    if (groups->split) {
        json_t *list = json_array();
        json_object_set_new(split, "by", json_string(by_names[groups->by]));
        json_object_set_new(split, "seed", json_integer((json_int_t)groups->rule.seed));
        if (groups->by == VDT_SPLIT_BLOCK)
            json_object_set_new(split, "block_size", json_real(groups->rule.block_size));
        for (size_t i = 0; i < groups->count; i++)
            json_array_append_new(list,
                                  json_pack("{s:s, s:f, s:f}", "name", groups->names[i], "share",
                                            groups->shares[i], "limit", groups->rule.limits[i]));
        json_object_set_new(split, "groups", list);
    }
    return vdt_json_text(split);
}

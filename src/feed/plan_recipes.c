/* Which scenes the images of a feed make. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "feed/plan_steps.h"

/* A store's name of a scene must be shorter (schemas/store-layout.md). */
enum { URI_MOST = 4096 };

static vdt_status check_grid(const struct vdt_feed_options *options, struct vdt_error *error)
{
    const double *size = options->resolution;
    if ((unsigned)options->resampling > VDT_RESAMPLE_MODE)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "resampling: there is no method %d",
                        (int)options->resampling);
    if (size[0] == 0 && size[1] == 0 && options->crs == NULL)
        return VDT_OK;
    if (size[0] > 0 && size[1] > 0 && isfinite(size[0]) && isfinite(size[1]))
        return VDT_OK;
    return vdt_fail(
        error, VDT_ERR_ARGUMENT,
        "a target grid needs --resolution: the size of its pixels, above 0, in units of "
        "its CRS");
}

static vdt_status check_join(const struct vdt_feed_options *options, struct vdt_error *error)
{
    if ((unsigned)options->join > VDT_JOIN_SERIES || (unsigned)options->join_by > VDT_JOIN_FOLDER ||
        (unsigned)options->mosaic_order > VDT_MOSAIC_LAST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "join: there is no way %d, %d, %d to join images",
                        (int)options->join, (int)options->join_by, (int)options->mosaic_order);
    bool one = options->join == VDT_JOIN_NONE || options->join == VDT_JOIN_SERIES;
    if (options->join_by != VDT_JOIN_ALL && one)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--join-by is about images that become one scene: --join mosaic, stack or "
                        "times");
    if (options->mosaic_order != VDT_MOSAIC_FIRST && options->join != VDT_JOIN_MOSAIC)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--mosaic-order is for --join mosaic");
    if (options->join == VDT_JOIN_STACK && options->nodata_count > 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--nodata: one value for all files of a stack, or what each declares");
    if (options->resampling != VDT_RESAMPLE_NEAREST && options->resolution[0] == 0 &&
        options->join != VDT_JOIN_STACK && options->extra_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--resampling: nothing is resampled without --resolution, --join stack or "
                        "--extra");
    return VDT_OK;
}

/* --- which images go together ---------------------------------------------------------------- */

struct group {
    const char **paths; /* borrowed strings, in the order of the command */
    size_t count, capacity;
};

static bool same_folder(const char *a, const char *b)
{
    const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');
    size_t size_a = end_a == NULL ? 0 : (size_t)(end_a - a);
    size_t size_b = end_b == NULL ? 0 : (size_t)(end_b - b);
    return (end_a == NULL) == (end_b == NULL) && size_a == size_b && memcmp(a, b, size_a) == 0;
}

/* Which of the groups an image belongs to; `count` for a new one. */
static size_t find_group(const struct vdt_feed_options *options, const struct group *groups,
                         size_t count, const char *path)
{
    if (options->join == VDT_JOIN_NONE || options->join == VDT_JOIN_SERIES)
        return count;
    size_t at = 0;
    while (options->join_by == VDT_JOIN_FOLDER && at < count &&
           !same_folder(groups[at].paths[0], path))
        at++;
    return at;
}

static void free_groups(struct group **groups)
{
    for (struct group *group = *groups; group != NULL && group->count > 0; group++)
        free(group->paths);
    free(*groups);
}

/* Ends with an empty one. */
static vdt_status make_groups(const struct vdt_feed_options *options, struct group **out,
                              size_t *count, struct vdt_error *error)
{
    vdt_cleanup(free_groups) struct group *groups =
        vdt_allocate_zero(options->image_count + 1, sizeof *groups);
    size_t made = 0;
    if (groups == NULL)
        return vdt_fail_memory(error, options->store);
    for (size_t i = 0; i < options->image_count; i++) {
        struct group *group = &groups[find_group(options, groups, made, options->images[i])];
        made += group->count == 0;
        if (!vdt_grow(&group->paths, &group->capacity, group->count + 1, sizeof *group->paths))
            return vdt_fail_memory(error, options->store);
        group->paths[group->count++] = options->images[i];
    }
    *count = made;
    *out = groups;
    groups = NULL;
    return VDT_OK;
}

/* --- their names ----------------------------------------------------------------------------- */

/* As the store names them: all of the files, or as many as there is room for. NULL: no memory. */
static char *make_uri(const struct vdt_feed_options *options, const struct group *group)
{
    char **relative = vdt_allocate_zero(group->count, sizeof *relative);
    char *uri = NULL;
    bool good = relative != NULL;
    for (size_t i = 0; good && i < group->count; i++) {
        relative[i] = vdt_path_relative(group->paths[i], options->store);
        good = relative[i] != NULL;
    }
    for (size_t most = group->count; good && most > 0; most /= 2) {
        free(uri);
        uri =
            vdt_scene_recipe_name((const char *const *)relative, group->count, options->join, most);
        if (uri == NULL || strlen(uri) < URI_MOST)
            break;
    }
    for (size_t i = 0; relative != NULL && i < group->count; i++)
        free(relative[i]);
    free(relative);
    return uri;
}

/* --- recipes --------------------------------------------------------------------------------- */

/* A scene that cannot be opened keeps a recipe of its names only, and is noted. */
static vdt_status make_recipe(struct vdt_plan *plan, const struct group *group,
                              const struct vdt_scene_rules *rules, struct vdt_scene_recipe *recipe,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    char warning[200] = "";
    struct vdt_error cause = {.status = VDT_OK};
    vdt_cleanup(vdt_free_pointer) char *uri = make_uri(plan->options, group);
    if (uri == NULL)
        return vdt_fail_memory(error, group->paths[0]);
    vdt_status status =
        vdt_scene_recipe_make(group->paths, group->count, rules, recipe, warning, &cause);
    if (status != VDT_OK && !vdt_failure_passes(plan->options, status))
        return vdt_fail(error, status, "%s", cause.message);
    if (status != VDT_OK)
        *recipe = (struct vdt_scene_recipe){
            .path = vdt_scene_recipe_name(group->paths, group->count, rules->join, 3)};
    recipe->uri = uri;
    uri = NULL;
    if (warning[0] != '\0' && report->warning[0] == '\0')
        memcpy(report->warning, warning, sizeof warning);
    if (recipe->path == NULL)
        return vdt_fail_memory(error, group->paths[0]);
    return status == VDT_OK
               ? VDT_OK
               : vdt_failure_note(plan->log, recipe->path, recipe->uri, NULL, &cause, error);
}

/* All scenes must have as many dates: bands alone do not tell 2 dates of 6 from 3 of 4. */
static vdt_status check_times(struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                              struct vdt_error *error)
{
    if (recipe->kind != VDT_SCENE_TIMES)
        return VDT_OK;
    if (plan->times == 0) {
        plan->times = recipe->member_count;
        plan->times_of = recipe;
    }
    if (plan->times == recipe->member_count)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %zu times, but %s has %zu: give each as many",
                    recipe->path, recipe->member_count, plan->times_of->path, plan->times);
}

vdt_status vdt_plan_recipes(struct vdt_plan *plan, struct vdt_feed_report *report,
                            struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    const struct vdt_pixel_rules pixels = vdt_plan_pixel_rules(options);
    const struct vdt_scene_rules rules = {
        .crs = options->crs,
        .resolution = {options->resolution[0], options->resolution[1]},
        .resampling = options->resampling,
        .pixels = &pixels,
        .join = options->join,
        .last_on_top = options->mosaic_order == VDT_MOSAIC_LAST,
        .extras = options->extras,
        .extra_count = options->extra_count};
    vdt_cleanup(free_groups) struct group *groups = NULL;
    size_t count = 0;
    vdt_status status = check_grid(options, error);
    if (status == VDT_OK)
        status = check_join(options, error);
    if (status == VDT_OK)
        status = make_groups(options, &groups, &count, error);
    if (status != VDT_OK)
        return status;
    plan->recipes = vdt_allocate_zero(count, sizeof *plan->recipes);
    if (plan->recipes == NULL)
        return vdt_fail_memory(error, options->store);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        struct vdt_scene_recipe *recipe = &plan->recipes[i];
        plan->recipe_count++;
        status = make_recipe(plan, &groups[i], &rules, recipe, report, error);
        if (status == VDT_OK)
            status = check_times(plan, recipe, error);
        report->overviews += vdt_recipe_overview(recipe, NULL) > 0;
    }
    return status;
}

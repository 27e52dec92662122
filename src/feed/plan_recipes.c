/* Which scenes the images of a feed make. */
#include <math.h>

#include "base/buffer.h"
#include "base/error.h"
#include "feed/plan_steps.h"

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

/* A scene that cannot be opened keeps a recipe of its name only, and is noted. */
static vdt_status make_recipe(struct vdt_plan *plan, const char *path,
                              const struct vdt_scene_rules *rules, struct vdt_scene_recipe *recipe,
                              struct vdt_error *error)
{
    struct vdt_error cause = {.status = VDT_OK};
    vdt_status status = vdt_scene_recipe_make(path, rules, recipe, &cause);
    if (status == VDT_OK)
        return VDT_OK;
    if (!vdt_failure_passes(plan->options, status))
        return vdt_fail(error, status, "%s", cause.message);
    *recipe = (struct vdt_scene_recipe){.path = vdt_copy_string(path)};
    return recipe->path == NULL ? vdt_fail_memory(error, path)
                                : vdt_failure_note(plan->log, path, NULL, &cause, error);
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
        .pixels = &pixels};
    vdt_status status = check_grid(options, error);
    if (status != VDT_OK)
        return status;
    plan->recipes = vdt_allocate_zero(options->image_count, sizeof *plan->recipes);
    if (plan->recipes == NULL)
        return vdt_fail_memory(error, options->store);
    for (size_t i = 0; i < options->image_count; i++) {
        status = make_recipe(plan, options->images[i], &rules, &plan->recipes[i], error);
        if (status != VDT_OK)
            return status;
        plan->recipe_count++;
        report->overviews += plan->recipes[i].overview > 0;
    }
    return VDT_OK;
}

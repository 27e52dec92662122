/* Options, scenes, labels and the store become a list of windows to do. */
#include "feed/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "feed/aoi.h"
#include "feed/areas.h"
#include "feed/plan_steps.h"
#include "feed/tell.h"
#include "feed/window_source.h"

static void scene_cleanup(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

/* The same image given twice, or a copy of it, would make the same keys. */
static bool is_repeated(const struct vdt_plan *plan, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(plan->scenes[i].digest, plan->scenes[index].digest) == 0)
            return true;
    return false;
}

/* A retry is about scenes that failed before, or had windows that did. */
static bool is_wanted(const struct vdt_plan *plan, const char *uri)
{
    if (!plan->options->retry_failed)
        return true;
    for (size_t i = 0; i < plan->log->stored.count; i++)
        if (strcmp(plan->log->stored.items[i].scene, uri) == 0)
            return true;
    return false;
}

/* Labels or areas that meet none of the scenes are a mistake, unless scenes were left out. */
static vdt_status check_met(const struct vdt_plan *plan, struct vdt_scene *last,
                            struct vdt_error *error)
{
    size_t features = 0, areas = 0;
    if (plan->scene_count < plan->recipe_count)
        return VDT_OK;
    for (size_t i = 0; i < plan->scene_count; i++) {
        features += plan->scenes[i].geometry.feature_count;
        areas += plan->scenes[i].aoi.feature_count;
    }
    if (plan->labels != NULL && features == 0)
        return vdt_labels_explain(plan->labels, last, error);
    return plan->aoi != NULL && areas == 0 ? vdt_labels_explain(plan->aoi, last, error) : VDT_OK;
}

/* One more scene with its windows; one that cannot be opened is left out. */
static vdt_status add_scene(struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                            const struct vdt_writer *writer, struct vdt_feed_report *report,
                            struct vdt_error *error)
{
    const struct vdt_layout *layout = writer == NULL ? NULL : vdt_writer_layout(writer);
    vdt_cleanup(scene_cleanup) struct vdt_scene *scene = NULL;
    size_t index = plan->scene_count;
    vdt_status status = vdt_plan_scene(plan, recipe, layout, &scene, error);
    if (status == VDT_END)
        return VDT_OK;
    if (status == VDT_OK && index == 0)
        status = vdt_plan_groups(plan, scene, writer, report, error);
    if (status == VDT_OK)
        status = vdt_areas_project(plan, scene, &plan->scenes[index], error);
    if (status == VDT_OK)
        status = vdt_plan_check_time(plan, &plan->scenes[index], error);
    if (status == VDT_OK)
        status = check_met(plan, scene, error);
    if (status != VDT_OK || is_repeated(plan, index))
        return status;
    status = vdt_tell_scene(plan, &plan->scenes[index], scene, error);
    return status == VDT_OK ? vdt_plan_windows(plan, (uint32_t)index, scene, writer, report, error)
                            : status;
}

vdt_status vdt_plan_make(struct vdt_plan *plan, const struct vdt_feed_options *options,
                         const struct vdt_writer *writer, struct vdt_failure_log *log,
                         struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_layout *layout = writer == NULL ? NULL : vdt_writer_layout(writer);
    *plan = (struct vdt_plan){.options = options, .log = log, .adds = layout != NULL};
    vdt_status status = vdt_plan_check_options(options, error);
    if (status == VDT_OK)
        status = vdt_plan_recipes(plan, report, error);
    if (status == VDT_OK)
        status = vdt_plan_check_times(plan, writer, error);
    if (status == VDT_OK)
        status = vdt_split_field(options, writer == NULL ? "{}" : vdt_writer_split(writer),
                                 &plan->owner_field, error);
    if (status == VDT_OK)
        status = vdt_plan_spec(plan, layout, report, error);
    if (status == VDT_OK)
        status = vdt_aoi_open(plan, error);
    if (status == VDT_OK && options->window_file != NULL)
        status = vdt_window_file_read(&plan->listed, options->window_file, error);
    plan->scenes = vdt_allocate_zero(plan->recipe_count, sizeof *plan->scenes);
    if (status == VDT_OK && plan->scenes == NULL)
        status = vdt_fail_memory(error, options->store);
    for (size_t i = 0; status == VDT_OK && i < plan->recipe_count; i++)
        if (is_wanted(plan, plan->recipes[i].uri))
            status = add_scene(plan, &plan->recipes[i], writer, report, error);
    if (status == VDT_OK && plan->scene_count == plan->recipe_count)
        status = vdt_listed_check(plan, error);
    if (status == VDT_OK)
        vdt_plan_warn_overlap(plan, report);
    return status;
}

void vdt_plan_clear(struct vdt_plan *plan)
{
    vdt_areas_clear(plan);
    for (size_t i = 0; i < plan->scene_count; i++) {
        free(plan->scenes[i].uri);
        free(plan->scenes[i].crs_wkt);
        free(plan->scenes[i].metadata);
        vdt_geometry_clear(&plan->scenes[i].geometry);
        vdt_index_free(plan->scenes[i].index);
        vdt_geometry_clear(&plan->scenes[i].aoi);
        vdt_index_free(plan->scenes[i].aoi_index);
        vdt_geometry_clear(&plan->scenes[i].contacts);
        vdt_index_free(plan->scenes[i].contacts_index);
        vdt_geometry_clear(&plan->scenes[i].ignore);
        vdt_index_free(plan->scenes[i].ignore_index);
        vdt_layer_clear(&plan->scenes[i].cloud);
    }
    for (size_t i = 0; plan->raster_layers != NULL && i < plan->recipe_count; i++)
        vdt_raster_layers_clear(&plan->raster_layers[i]);
    for (size_t i = 0; i < plan->recipe_count; i++)
        vdt_scene_recipe_clear(&plan->recipes[i]);
    free(plan->raster_layers);
    vdt_raster_labels_free(plan->rasters);
    free(plan->recipes);
    free(plan->scenes);
    free(plan->windows);
    free(plan->units);
    free(plan->class_names);
    free(plan->owner_field);
    vdt_labels_free(plan->labels);
    vdt_labels_free(plan->aoi);
    vdt_window_file_clear(&plan->listed);
    vdt_class_map_free(plan->class_map);
    vdt_labels_free(plan->ignore);
    vdt_selection_clear(&plan->selection);
    vdt_groups_clear(&plan->groups);
    vdt_frame_free(plan->frame);
    *plan = (struct vdt_plan){0};
}

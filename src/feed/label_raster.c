/* Rasters as labels of a feed. */
#include "feed/label_raster.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/plan_steps.h"

enum { OF_CLASSES = VDT_SEGMENTATION | VDT_CLASSIFICATION };

static void scene_cleanup(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

/* Whether pixels are numbers to learn: those of features come from a field. */
static bool are_numbers(const struct vdt_feed_options *options, uint32_t tasks)
{
    return (tasks & VDT_REGRESSION) != 0 && options->target_field == NULL;
}

static bool has_map(const struct vdt_feed_options *options)
{
    return options->label_value_count > 0 || options->label_map != NULL;
}

static vdt_status check_tasks(const struct vdt_feed_options *options, uint32_t tasks,
                              struct vdt_error *error)
{
    bool numbers = are_numbers(options, tasks);
    uint32_t others = tasks & ~(uint32_t)(OF_CLASSES | VDT_REGRESSION);
    if (numbers && (tasks & OF_CLASSES) != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: a label raster holds either classes or numbers to learn: leave out "
                        "the task regression, or name its --target-field of --labels",
                        options->store);
    if (!numbers && (tasks & OF_CLASSES) == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: label rasters are for the tasks segmentation, classification and "
                        "regression",
                        options->store);
    if (numbers && has_map(options))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: --label-values and --label-map make classes, but the task regression "
                        "learns the pixels as they are",
                        options->store);
    for (uint32_t bit = VDT_CLASSIFICATION; bit <= VDT_REGRESSION; bit *= 2)
        if ((others & bit) != 0 && options->label_count == 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: the task %s is about features, which rasters do not have: give "
                            "--labels",
                            options->store, vdt_task_name((enum vdt_task)bit));
    if (!numbers && options->label_count > 0 && options->class_field == NULL &&
        options->class_map == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: features on top of a label raster need one of its classes: give "
                        "--class-field or --class-map",
                        options->store);
    return VDT_OK;
}

vdt_status vdt_label_rasters_check(const struct vdt_feed_options *options, uint32_t tasks,
                                   struct vdt_error *error)
{
    if (options->label_raster_count == 0)
        return !has_map(options)
                   ? VDT_OK
                   : vdt_fail(error, VDT_ERR_ARGUMENT,
                              "%s: label values are about label rasters: give --label-raster",
                              options->store);
    if (options->label_value_count > 0 && options->label_map != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: either --label-values or --label-map, not both", options->store);
    if (options->label_count == 0 && options->match == VDT_MATCH_INSIDE)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: --match inside is about whole features, which rasters do not have",
                        options->store);
    return check_tasks(options, tasks, error);
}

vdt_status vdt_label_rasters_open(struct vdt_plan *plan, const struct vdt_layout *layout,
                                  struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    const struct vdt_raster_label_options wanted = {
        .paths = options->label_rasters,
        .count = options->label_raster_count,
        .values = options->label_values,
        .value_count = options->label_value_count,
        .map = options->label_map,
        .classes =
            options->class_count == 0 && layout != NULL ? layout->spec.classes : options->classes,
        .class_count = options->class_count == 0 && layout != NULL ? layout->spec.class_count
                                                                   : options->class_count,
        .unknown = options->unknown,
        .unknown_class = options->unknown_class,
        .numbers = are_numbers(options, plan->spec.tasks)};
    if (wanted.count == 0)
        return VDT_OK;
    plan->raster_layers = vdt_allocate_zero(plan->recipe_count, sizeof *plan->raster_layers);
    if (plan->raster_layers == NULL)
        return vdt_fail_memory(error, options->store);
    vdt_status status = vdt_raster_labels_open(&wanted, &plan->rasters, error);
    for (size_t i = 0; status == VDT_OK && i < plan->recipe_count; i++) {
        vdt_cleanup(scene_cleanup) struct vdt_scene *scene = NULL;
        status = vdt_plan_open(plan, &plan->recipes[i], &scene, error);
        if (status == VDT_OK)
            status = vdt_raster_labels_add(plan->rasters, scene, i, plan->recipe_count,
                                           &plan->raster_layers[i], error);
        else if (status == VDT_END)
            status = VDT_OK;
    }
    return status == VDT_OK ? vdt_raster_labels_finish(plan->rasters, error) : status;
}

vdt_status vdt_label_rasters_see(struct vdt_raster_view *view, const struct vdt_plan *plan,
                                 const struct vdt_plan_scene *planned, struct vdt_scene *scene,
                                 const struct vdt_window *window, struct vdt_encoder *encoder,
                                 struct vdt_error *error)
{
    encoder->base = NULL;
    encoder->base_target = NULL;
    if (plan->rasters == NULL)
        return VDT_OK;
    vdt_status status =
        vdt_raster_labels_read(view, plan->rasters, planned->rasters, scene, window, error);
    if (status == VDT_OK && are_numbers(plan->options, plan->spec.tasks))
        encoder->base_target = view->numbers;
    else if (status == VDT_OK)
        encoder->base = view->codes;
    return status;
}

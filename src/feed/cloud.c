/* Which pixels of a scene are cloud. */
#include "feed/cloud.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

void vdt_cloud_view_clear(struct vdt_cloud_view *view)
{
    vdt_layer_view_clear(&view->layer);
    free(view->cloud);
    free(view->seen);
    *view = (struct vdt_cloud_view){0};
}

static bool has_clouds(const struct vdt_feed_options *options)
{
    return options->cloud_band != NULL || options->cloud_file_count > 0;
}

vdt_status vdt_cloud_options_check(const struct vdt_feed_options *options, struct vdt_error *error)
{
    bool clouds = has_clouds(options);
    bool rule = options->cloud_bits != 0 || options->cloud_value_count > 0;
    if (options->cloud_band != NULL && options->cloud_file_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "either --cloud-band or --cloud-file, not both");
    if (options->cloud_bits != 0 && options->cloud_value_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "either --cloud-bits or --cloud-values, not both");
    if (clouds && !rule)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "say which pixels are cloud: --cloud-bits (of Landsat's QA_PIXEL 3) or "
                        "--cloud-values (of Sentinel-2's SCL 8,9,10)");
    if (!clouds && (rule || options->max_cloud != NULL || options->cloud_mask))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "say where clouds are marked: --cloud-band or --cloud-file");
    if (options->max_cloud != NULL && !(*options->max_cloud >= 0 && *options->max_cloud <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--max-cloud is a share of 0 to 1");
    return VDT_OK;
}

/* A band of a joined scene is read as the scene is, so it must not be mixed. */
static vdt_status plan_joined(const struct vdt_feed_options *options, struct vdt_scene *scene,
                              struct vdt_plan_scene *planned, struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = planned->recipe;
    if (recipe->kind == VDT_SCENE_TIMES)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: each of its dates has clouds of its own: --join series makes a sample "
                        "of each",
                        planned->path);
    if (options->resampling != VDT_RESAMPLE_NEAREST || vdt_recipe_overview(recipe, NULL) > 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: its marks of clouds would be mixed as its pixels are: give them by "
                        "--cloud-file",
                        planned->path);
    return vdt_layer_own(options->cloud_band, scene, &planned->cloud, error);
}

vdt_status vdt_cloud_plan(const struct vdt_plan *plan, size_t index, struct vdt_scene *scene,
                          struct vdt_plan_scene *planned, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    if (!has_clouds(options))
        return VDT_OK;
    if (options->cloud_file_count > 0 && options->cloud_file_count != plan->recipe_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%zu cloud files for %zu scenes: give one for each, in their order",
                        options->cloud_file_count, plan->recipe_count);
    if (options->cloud_file_count > 0)
        return vdt_layer_make(options->cloud_files[index], NULL, scene, &planned->cloud, error);
    if (planned->recipe->kind != VDT_SCENE_FILE)
        return plan_joined(options, scene, planned, error);
    if (planned->recipe->vrt == NULL)
        return vdt_layer_own(options->cloud_band, scene, &planned->cloud, error);
    return vdt_layer_make(planned->path, options->cloud_band, scene, &planned->cloud, error);
}

bool vdt_cloud_is_planned(const struct vdt_plan_scene *planned)
{
    return planned->cloud.own || planned->cloud.recipe.path != NULL;
}

/* --- pixels ------------------------------------------------------------------------------- */

static bool is_cloud(const struct vdt_feed_options *options, double value)
{
    if (options->cloud_bits != 0)
        return value >= 0 && value <= UINT32_MAX && ((uint32_t)value & options->cloud_bits) != 0;
    for (size_t i = 0; i < options->cloud_value_count; i++)
        if (value == options->cloud_values[i])
            return true;
    return false;
}

vdt_status vdt_cloud_find(struct vdt_cloud_view *view, const struct vdt_plan *plan,
                          const struct vdt_plan_scene *planned, struct vdt_scene *scene,
                          const struct vdt_window *window, struct vdt_error *error)
{
    size_t count = (size_t)window->cols * (size_t)window->rows;
    if (!vdt_grow(&view->cloud, &view->cloud_capacity, count, 1))
        return vdt_fail_memory(error, planned->path);
    vdt_status status = vdt_layer_read(&view->layer, &planned->cloud, scene, window, error);
    if (status != VDT_OK)
        return status;
    const double *values = view->layer.values;
    double last = NAN; /* neighbours are mostly alike */
    uint8_t answer = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[i] != last) {
            last = values[i];
            answer = is_cloud(plan->options, last);
        }
        view->cloud[i] = answer & view->layer.valid[i];
    }
    return VDT_OK;
}

vdt_status vdt_cloud_hide(struct vdt_cloud_view *view, const struct vdt_window *window,
                          const uint8_t *seen, struct vdt_error *error)
{
    size_t count = (size_t)window->cols * (size_t)window->rows;
    if (!vdt_grow(&view->seen, &view->seen_capacity, count, 1))
        return vdt_fail_memory(error, "clouds");
    for (size_t i = 0; i < count; i++)
        view->seen[i] = !view->cloud[i] && (seen == NULL || seen[i]);
    return VDT_OK;
}

double vdt_cloud_share(const struct vdt_cloud_view *view, const uint8_t *valid, size_t count)
{
    uint64_t clouds = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        all += valid[i];
        clouds += valid[i] & view->cloud[i];
    }
    return all == 0 ? 0 : (double)clouds / (double)all;
}

char *vdt_cloud_metadata(const char *text, double share)
{
    vdt_cleanup(vdt_json_release) json_t *object =
        text == NULL ? json_object() : json_loads(text, 0, NULL);
    if (object == NULL || json_object_set_new(object, "cloud_fraction", json_real(share)) != 0)
        return NULL;
    return vdt_json_text(object);
}

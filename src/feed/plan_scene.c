/* One scene of a plan: its grid and its labels in pixels. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "feed/aoi.h"
#include "feed/cloud.h"
#include "feed/place.h"
#include "feed/plan_steps.h"
#include "feed/window_source.h"
#include "source/labels/contact.h"

static vdt_status plan_grid(const struct vdt_plan *plan, struct vdt_plan_scene *planned,
                            struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    planned->grid = (struct vdt_grid){.scene_cols = planned->cols,
                                      .scene_rows = planned->rows,
                                      .tile_cols = (int32_t)tile->cols,
                                      .tile_rows = (int32_t)tile->rows,
                                      .edge = options->edge};
    vdt_window_strides(options, tile, &planned->grid);
    if (planned->grid.stride_cols <= 0 || planned->grid.stride_rows <= 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the stride must be 1 pixel or more");
    if (options->windows == VDT_WINDOWS_WHOLE) {
        bool larger = planned->cols > (int32_t)tile->cols || planned->rows > (int32_t)tile->rows;
        bool same = planned->cols == (int32_t)tile->cols && planned->rows == (int32_t)tile->rows;
        if (same || (!larger && options->edge == VDT_EDGE_PAD))
            return VDT_OK;
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: %d x %d pixels, but tiles are %u x %u (columns x rows)%s",
                        planned->path, planned->cols, planned->rows, tile->cols, tile->rows,
                        larger ? "" : ": --edge pad fills smaller images up");
    }
    if (vdt_grid_cols(&planned->grid) > 0 && vdt_grid_rows(&planned->grid) > 0)
        return VDT_OK;
    return vdt_fail(
        error, VDT_ERR_ARGUMENT,
        "%s: a tile of %u x %u pixels is larger than the scene of %d x %d: use a smaller "
        "tile or --edge pad",
        planned->path, tile->cols, tile->rows, planned->cols, planned->rows);
}

/* Projects a source's features to a scene and indexes them; nothing without a source. */
static vdt_status place_features(const struct vdt_labels_source *source, struct vdt_scene *scene,
                                 struct vdt_geometry *geometry, struct vdt_index **index,
                                 struct vdt_error *error)
{
    if (source == NULL)
        return VDT_OK;
    vdt_status status = vdt_labels_project(source, scene, false, geometry, error);
    return status == VDT_OK ? vdt_index_geometry(geometry, index, error) : status;
}

/* What masks ignore: files of such areas, and what the labels themselves say. */
static vdt_status place_ignored(const struct vdt_plan *plan, struct vdt_scene *scene,
                                struct vdt_plan_scene *planned, struct vdt_error *error)
{
    bool any = plan->labels != NULL && vdt_labels_counts(plan->labels).ignored > 0;
    vdt_status status = VDT_OK;
    if (plan->ignore != NULL)
        status = vdt_labels_project(plan->ignore, scene, false, &planned->ignore, error);
    if (status == VDT_OK && any)
        status = vdt_labels_project(plan->labels, scene, true, &planned->ignore, error);
    return status == VDT_OK && (any || plan->ignore != NULL)
               ? vdt_index_geometry(&planned->ignore, &planned->ignore_index, error)
               : status;
}

static vdt_status plan_labels(const struct vdt_plan *plan, struct vdt_plan_scene *planned,
                              struct vdt_scene *scene, struct vdt_error *error)
{
    vdt_status status =
        place_features(plan->labels, scene, &planned->geometry, &planned->index, error);
    if (status == VDT_OK)
        status = place_ignored(plan, scene, planned, error);
    if (status != VDT_OK || (plan->spec.tasks & VDT_CONTACT) == 0)
        return status;
    double spacing = plan->options->contact_spacing;
    status = vdt_contacts_make(&planned->geometry, spacing > 0 ? spacing : VDT_CONTACT_SPACING,
                               &planned->contacts, error);
    return status == VDT_OK
               ? vdt_index_geometry(&planned->contacts, &planned->contacts_index, error)
               : status;
}

vdt_status vdt_plan_open(const struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                         struct vdt_scene **scene, struct vdt_error *error)
{
    struct vdt_error cause = {.status = VDT_OK};
    if (vdt_failure_is_noted(plan->log, recipe->uri))
        return VDT_END;
    vdt_status status = vdt_scene_recipe_open(recipe, scene, &cause);
    if (status == VDT_OK)
        return VDT_OK;
    if (!vdt_failure_passes(plan->options, status))
        return vdt_fail(error, status, "%s", cause.message);
    status = vdt_failure_note(plan->log, recipe->path, recipe->uri, NULL, &cause, error);
    return status == VDT_OK ? VDT_END : status;
}

vdt_status vdt_plan_scene(struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                          const struct vdt_layout *layout, struct vdt_scene **out,
                          struct vdt_error *error)
{
    const char *path = recipe->path;
    struct vdt_band_selection selection = {0};
    vdt_status status = vdt_plan_open(plan, recipe, out, error);
    if (status != VDT_OK)
        return status;
    struct vdt_plan_scene *planned = &plan->scenes[plan->scene_count++];
    const struct vdt_pixel_rules rules = vdt_plan_pixel_rules(plan->options);
    status = vdt_pixel_rules_select(*out, &rules, &selection, error);
    if (status == VDT_OK)
        status = vdt_plan_check_bands(plan, layout, path, &selection, error);
    bool own_blocks = status == VDT_OK && vdt_scene_suits_blocks(*out, &selection);
    vdt_selection_clear(&selection);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_info *info = vdt_scene_info(*out);
    *planned = (struct vdt_plan_scene){.recipe = recipe,
                                       .path = path,
                                       .uri = vdt_copy_string(recipe->uri),
                                       .crs_wkt = vdt_copy_string(info->crs),
                                       .bytes = info->bytes,
                                       .cols = info->cols,
                                       .rows = info->rows,
                                       .block_cols = info->block_cols,
                                       .block_rows = info->block_rows,
                                       .own_blocks = own_blocks};
    if (planned->uri == NULL || planned->crs_wkt == NULL)
        return vdt_fail_memory(error, path);
    memcpy(planned->digest, info->digest, sizeof planned->digest);
    memcpy(planned->acquired, info->acquired, sizeof planned->acquired);
    vdt_place_bounds(*out, &(struct vdt_window){.cols = info->cols, .rows = info->rows},
                     planned->bounds);
    status = vdt_plan_link(plan, planned, info, error);
    if (status == VDT_OK)
        status = plan_grid(plan, planned, error);
    if (status == VDT_OK)
        status = plan_labels(plan, planned, *out, error);
    if (plan->raster_layers != NULL)
        planned->rasters = &plan->raster_layers[recipe - plan->recipes];
    if (status == VDT_OK)
        status = vdt_cloud_plan(plan, (size_t)(recipe - plan->recipes), *out, planned, error);
    return status == VDT_OK ? vdt_aoi_project(plan, *out, planned, error) : status;
}

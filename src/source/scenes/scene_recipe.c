/* How image files become a scene. */
#include "source/scenes/scene_recipe.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/quiet.h"
#include "source/scenes/join.h"
#include "source/scenes/recipe_file.h"
#include "source/scenes/scene_state.h"
#include "source/scenes/warp.h"

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

void vdt_scene_recipe_clear(struct vdt_scene_recipe *recipe)
{
    for (size_t i = 0; i < recipe->member_count; i++)
        vdt_scene_recipe_clear(&recipe->members[i]);
    free(recipe->members);
    free(recipe->bands);
    free((char *)recipe->info.crs);
    free(recipe->path);
    free(recipe->uri);
    free(recipe->vrt);
    free(recipe->rule);
    *recipe = (struct vdt_scene_recipe){0};
}

/* --- the target grid ------------------------------------------------------------------------ */

/* The same text however the CRS was written: "EPSG:32631", else WKT. */
static char *crs_text(OGRSpatialReferenceH crs)
{
    const char *authority = OSRGetAuthorityName(crs, NULL), *code = OSRGetAuthorityCode(crs, NULL);
    if (authority != NULL && code != NULL)
        return vdt_copy_string(CPLSPrintf("%s:%s", authority, code));
    char *wkt = NULL;
    const char *const options[] = {"FORMAT=WKT2_2019", NULL};
    char *copy = OSRExportToWktEx(crs, &wkt, options) == OGRERR_NONE ? vdt_copy_string(wkt) : NULL;
    CPLFree(wkt);
    return copy;
}

static vdt_status find_crs(const struct vdt_scene *scene, const struct vdt_scene_rules *rules,
                           OGRSpatialReferenceH *crs, struct vdt_error *error)
{
    if (scene->info.georef == VDT_GEOREF_NONE)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has no place on the ground, so no grid can be laid over it: leave "
                        "--crs and --resolution out",
                        scene->path);
    if (rules->crs == NULL)
        return VDT_OK;
    if (scene->crs == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: has no CRS to go from: leave --crs out",
                        scene->path);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    *crs = vdt_crs_from_text(rules->crs);
    return *crs != NULL
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT,
                          "--crs %.80s: no CRS (%s): name one like EPSG:32631, or give WKT",
                          rules->crs, vdt_quiet_text(&quiet, "PROJ does not know it"));
}

static const char *const resamplings[] = {"nearest", "bilinear", "cubic", "cubicspline",
                                          "lanczos", "average",  "mode"};

/* Warps the scene's file and says so: `what` and how it was done. */
static vdt_status warp_onto(struct vdt_scene *scene, const struct vdt_warp_grid *grid,
                            enum vdt_resampling resampling, const char *what,
                            struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    vdt_status status =
        vdt_warp_text(scene, grid, resampling, true, &recipe->vrt, &recipe->overview, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *name =
        grid->crs == NULL ? vdt_copy_string("own") : crs_text(grid->crs);
    if (name != NULL)
        recipe->rule = vdt_copy_string(
            CPLSPrintf("%s %s %d %s", what, resamplings[resampling], recipe->overview, name));
    return recipe->rule == NULL ? vdt_fail_memory(error, recipe->path) : VDT_OK;
}

static vdt_status make_grid(struct vdt_scene_recipe *recipe, const struct vdt_scene_rules *rules,
                            struct vdt_error *error)
{
    struct vdt_warp_grid grid;
    vdt_cleanup(free_scene) struct vdt_scene *scene = NULL;
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs = NULL;
    vdt_status status = vdt_scene_open(recipe->path, &scene, error);
    if (status == VDT_OK && rules->pixels != NULL)
        status = vdt_pixel_rules_nodata(scene, rules->pixels, error);
    if (status == VDT_OK)
        status = find_crs(scene, rules, &crs, error);
    if (status == VDT_OK)
        status = vdt_warp_fit(scene, crs, rules->resolution, &grid, error);
    if (status != VDT_OK)
        return status;
    char what[80];
    snprintf(what, sizeof what, "grid %.17g %.17g", rules->resolution[0], rules->resolution[1]);
    return warp_onto(scene, &grid, rules->resampling, what, recipe, error);
}

vdt_status vdt_recipe_file(const char *path, const struct vdt_scene_rules *rules,
                           struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    vdt_cleanup(vdt_scene_recipe_clear) struct vdt_scene_recipe made = {.path =
                                                                            vdt_copy_string(path)};
    if (made.path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = rules->resolution[0] > 0 ? make_grid(&made, rules, error) : VDT_OK;
    if (status != VDT_OK)
        return status;
    *recipe = made;
    made = (struct vdt_scene_recipe){0};
    return VDT_OK;
}

vdt_status vdt_recipe_file_onto(const char *path, const struct vdt_warp_grid *grid,
                                const struct vdt_scene_rules *rules,
                                struct vdt_scene_recipe *recipe, struct vdt_error *error)
{
    const double *g = grid->geotransform;
    vdt_cleanup(free_scene) struct vdt_scene *scene = NULL;
    vdt_cleanup(vdt_scene_recipe_clear) struct vdt_scene_recipe made = {.path =
                                                                            vdt_copy_string(path)};
    if (made.path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_scene_open(path, &scene, error);
    if (status == VDT_OK && rules->pixels != NULL)
        status = vdt_pixel_rules_nodata(scene, rules->pixels, error);
    char what[256];
    snprintf(what, sizeof what, "onto %.17g %.17g %.17g %.17g %.17g %.17g %d %d", g[0], g[1], g[2],
             g[3], g[4], g[5], grid->cols, grid->rows);
    if (status == VDT_OK)
        status = warp_onto(scene, grid, rules->resampling, what, &made, error);
    if (status != VDT_OK)
        return status;
    *recipe = made;
    made = (struct vdt_scene_recipe){0};
    return VDT_OK;
}

vdt_status vdt_recipe_learn(struct vdt_scene_recipe *recipe, const struct vdt_scene_rules *rules,
                            struct vdt_error *error)
{
    if (rules->pixels != NULL)
        recipe->pixels = *rules->pixels;
    vdt_cleanup(free_scene) struct vdt_scene *scene = NULL;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection all = {0};
    vdt_status status = vdt_scene_recipe_open(recipe, &scene, error);
    if (status == VDT_OK) /* refuses pixels that a store cannot hold */
        status = vdt_scene_select(scene, NULL, 0, &all, error);
    if (status != VDT_OK)
        return status;
    recipe->info = scene->info;
    recipe->info.path = recipe->info.driver = NULL;
    recipe->info.crs = vdt_copy_string(scene->info.crs);
    recipe->bands = vdt_allocate_zero((size_t)scene->info.band_count, sizeof *recipe->bands);
    if (recipe->info.crs == NULL || recipe->bands == NULL)
        return vdt_fail_memory(error, recipe->path);
    for (int i = 0; i < scene->info.band_count; i++) {
        struct vdt_joined_band *band = &recipe->bands[i];
        *band = (struct vdt_joined_band){.number = i + 1,
                                         .type = (int)vdt_scene_band_type(scene, i + 1),
                                         .alpha = vdt_scene_band_is_alpha(scene, i + 1)};
        vdt_scene_band_nodata(scene, i + 1, &band->has_nodata, &band->nodata);
        int has_scale = 0, has_offset = 0;
        double scale = GDALGetRasterScale(vdt_scene_band(scene, i + 1), &has_scale);
        double offset = GDALGetRasterOffset(vdt_scene_band(scene, i + 1), &has_offset);
        band->scale = has_scale ? scale : 1;
        band->offset = has_offset ? offset : 0;
    }
    return VDT_OK;
}

/* --- scenes --------------------------------------------------------------------------------- */

static vdt_status open_joined(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                              struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = vdt_allocate_zero(1, sizeof *opened);
    if (opened == NULL || (opened->path = vdt_copy_string(recipe->path)) == NULL ||
        (opened->wkt = vdt_copy_string(recipe->info.crs)) == NULL)
        return vdt_fail_memory(error, recipe->path);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    opened->info = recipe->info;
    opened->info.path = opened->path;
    opened->info.driver = "";
    opened->info.crs = opened->wkt;
    if (opened->wkt[0] != '\0' && opened->info.georef != VDT_GEOREF_NONE)
        opened->crs = vdt_crs_from_text(opened->wkt);
    if (opened->crs != NULL && OSRIsLocal(opened->crs)) { /* as for a file, see project.c */
        vdt_crs_release(&opened->crs);
        opened->crs = NULL;
    }
    if (recipe->info.georef == VDT_GEOREF_AFFINE &&
        !GDALInvGeoTransform(opened->info.geotransform, opened->inverse))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its geotransform maps pixels to no area",
                        recipe->path);
    vdt_status status = vdt_join_attach(opened, recipe, error);
    if (status != VDT_OK)
        return status;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

vdt_status vdt_scene_recipe_open(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                 struct vdt_error *error)
{
    if (recipe->kind != VDT_SCENE_FILE)
        return open_joined(recipe, scene, error);
    vdt_cleanup(free_scene) struct vdt_scene *opened = NULL;
    vdt_status status = vdt_scene_open_as(recipe->path, recipe->vrt, &opened, error);
    if (status == VDT_OK)
        status = vdt_pixel_rules_nodata(opened, &recipe->pixels, error);
    if (status == VDT_OK && recipe->rule != NULL)
        status = vdt_scene_add_rule(opened, recipe->rule, error);
    if (status != VDT_OK)
        return status;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

vdt_status vdt_join_open_member(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = NULL;
    vdt_status status = vdt_scene_recipe_open(recipe, &opened, error);
    if (status == VDT_OK && strcmp(opened->info.digest, recipe->info.digest) != 0)
        status = vdt_fail(error, VDT_ERR_IO, "%s: changed while it was being read", recipe->path);
    if (status != VDT_OK)
        return status;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

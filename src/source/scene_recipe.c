/* How image files become a scene. */
#include "source/scene_recipe.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/crs.h"
#include "source/quiet.h"
#include "source/scene_state.h"
#include "source/warp.h"

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

void vdt_scene_recipe_clear(struct vdt_scene_recipe *recipe)
{
    free(recipe->path);
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
    if (status == VDT_OK)
        status =
            vdt_warp_text(scene, &grid, rules->resampling, &recipe->vrt, &recipe->overview, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *name = crs == NULL ? vdt_copy_string("own") : crs_text(crs);
    recipe->rule =
        name == NULL
            ? NULL
            : vdt_copy_string(CPLSPrintf("grid %.17g %.17g %s %d %s", rules->resolution[0],
                                         rules->resolution[1], resamplings[rules->resampling],
                                         recipe->overview, name));
    return recipe->rule == NULL ? vdt_fail_memory(error, recipe->path) : VDT_OK;
}

vdt_status vdt_scene_recipe_make(const char *path, const struct vdt_scene_rules *rules,
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

/* --- scenes --------------------------------------------------------------------------------- */

vdt_status vdt_scene_recipe_open(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                 struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = NULL;
    vdt_status status = vdt_scene_open_as(recipe->path, recipe->vrt, &opened, error);
    if (status == VDT_OK && recipe->rule != NULL)
        status = vdt_scene_add_rule(opened, recipe->rule, error);
    if (status != VDT_OK)
        return status;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

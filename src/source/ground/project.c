/* The ways between a label file's coordinates, the ground and a scene's pixels. */
#include "source/ground/project.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal_alg.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/quiet.h"
#include "source/scenes/scene_state.h"

static void destroy_transformation(OGRCoordinateTransformationH *transformation)
{
    if (*transformation != NULL)
        OCTDestroyCoordinateTransformation(*transformation);
}

bool vdt_points_allocate(struct vdt_points *points, size_t count)
{
    *points = (struct vdt_points){
        .x = vdt_allocate(count, sizeof *points->x),
        .y = vdt_allocate(count, sizeof *points->y),
        .ok = vdt_allocate(count, sizeof *points->ok),
        .count = count,
    };
    if (points->x == NULL || points->y == NULL || points->ok == NULL) {
        vdt_points_clear(points);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        points->ok[i] = true;
    return true;
}

void vdt_points_clear(struct vdt_points *points)
{
    free(points->x);
    free(points->y);
    free(points->ok);
    *points = (struct vdt_points){0};
}

/* --- a scene's georeference -------------------------------------------------------------- */

static bool is_identity(const double g[6])
{
    static const double identity[6] = {0, 1, 0, 0, 0, 1};
    for (int i = 0; i < 6; i++)
        if (g[i] != identity[i])
            return false;
    return true;
}

static enum vdt_georef find_georef(struct vdt_scene *scene)
{
    bool gcps = GDALGetGCPCount(scene->dataset) > 0;
    double g[6];
    /* Some drivers report the identity next to the control points that are the truth. */
    if (GDALGetGeoTransform(scene->dataset, g) == CE_None && !(gcps && is_identity(g))) {
        memcpy(scene->info.geotransform, g, sizeof g);
        return VDT_GEOREF_AFFINE;
    }
    if (gcps)
        return VDT_GEOREF_GCP;
    if (GDALGetMetadata(scene->dataset, "RPC") != NULL)
        return VDT_GEOREF_RPC;
    return VDT_GEOREF_NONE;
}

static vdt_status invert_affine(struct vdt_scene *scene, struct vdt_error *error)
{
    bool good = true;
    for (int i = 0; i < 6; i++)
        good = good && isfinite(scene->info.geotransform[i]);
    if (good && GDALInvGeoTransform(scene->info.geotransform, scene->inverse))
        return VDT_OK;
    const double *g = scene->info.geotransform;
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: its geotransform (%g, %g, %g, %g, %g, %g) maps pixels to no area",
                    scene->path, g[0], g[1], g[2], g[3], g[4], g[5]);
}

char **vdt_project_options(const struct vdt_scene *scene)
{
    char **options = NULL;
    if (scene->info.georef == VDT_GEOREF_GCP) {
        options = CSLSetNameValue(options, "METHOD", "GCP_POLYNOMIAL");
    } else if (scene->info.georef == VDT_GEOREF_RPC) {
        options = CSLSetNameValue(options, "METHOD", "RPC");
        /* Without an elevation model the scene's mean height is nearer than the ellipsoid. */
        const char *height = GDALGetMetadataItem(scene->dataset, "HEIGHT_OFF", "RPC");
        if (height != NULL)
            options = CSLSetNameValue(options, "RPC_HEIGHT", CPLSPrintf("%.17g", CPLAtof(height)));
    }
    return options;
}

static vdt_status make_transformer(struct vdt_scene *scene, struct vdt_error *error)
{
    struct vdt_quiet quiet;
    char **options = vdt_project_options(scene);
    vdt_quiet_begin(&quiet);
    scene->transformer = GDALCreateGenImgProjTransformer2(scene->dataset, NULL, options);
    vdt_quiet_end(&quiet);
    CSLDestroy(options);
    if (scene->transformer == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its %s cannot be used (%s)", scene->path,
                        scene->info.georef == VDT_GEOREF_GCP ? "ground control points" : "RPC",
                        vdt_quiet_text(&quiet, "GDAL does not say why"));
    return VDT_OK;
}

static vdt_status find_crs(struct vdt_scene *scene, struct vdt_error *error)
{
    scene->info.crs = "";
    OGRSpatialReferenceH own = scene->info.georef == VDT_GEOREF_GCP
                                   ? GDALGetGCPSpatialRef(scene->dataset)
                                   : GDALGetSpatialRef(scene->dataset);
    if (scene->info.georef == VDT_GEOREF_RPC)
        scene->crs = vdt_crs_from_text("EPSG:4326"); /* what RPC are defined on */
    else if (own != NULL && (scene->crs = OSRClone(own)) != NULL)
        OSRSetAxisMappingStrategy(scene->crs, OAMS_TRADITIONAL_GIS_ORDER);
    if (scene->crs == NULL)
        return VDT_OK;
    const char *const options[] = {"FORMAT=WKT2_2019", NULL};
    char *wkt = NULL;
    if (OSRExportToWktEx(scene->crs, &wkt, options) == OGRERR_NONE && wkt[0] != '\0') {
        scene->wkt = vdt_copy_string(wkt);
        scene->info.crs = scene->wkt;
    }
    CPLFree(wkt);
    if (scene->wkt == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS cannot be written as WKT", scene->path);
    /* A local frame has no relation to any other: nothing can be projected into it. */
    if (OSRIsLocal(scene->crs) || scene->info.georef == VDT_GEOREF_NONE) {
        vdt_crs_release(&scene->crs);
        scene->crs = NULL;
    }
    return VDT_OK;
}

vdt_status vdt_project_attach(struct vdt_scene *scene, struct vdt_error *error)
{
    scene->info.georef = find_georef(scene);
    vdt_status status = find_crs(scene, error);
    if (status != VDT_OK || scene->info.georef == VDT_GEOREF_NONE)
        return status;
    if (scene->info.georef == VDT_GEOREF_AFFINE)
        return invert_affine(scene, error);
    return make_transformer(scene, error);
}

void vdt_project_detach(struct vdt_scene *scene)
{
    destroy_transformation(&scene->to_lonlat);
    if (scene->transformer != NULL)
        GDALDestroyGenImgProjTransformer(scene->transformer);
    vdt_crs_release(&scene->crs);
}

/* --- points ------------------------------------------------------------------------------ */

/* GDAL counts in int and reports success in int. `transform` is one of its two kinds. */
static vdt_status in_pieces(struct vdt_points *points, OGRCoordinateTransformationH transformation,
                            void *transformer, int to_pixels, const char *path,
                            struct vdt_error *error)
{
    const size_t limit = (size_t)1 << 28;
    size_t room = points->count < limit ? points->count : limit;
    vdt_cleanup(vdt_free_pointer) int *success = vdt_allocate(room, sizeof *success);
    vdt_cleanup(vdt_free_pointer) double *z = vdt_allocate_zero(room, sizeof *z);
    if (success == NULL || z == NULL)
        return vdt_fail_memory(error, path);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    for (size_t start = 0; start < points->count; start += limit) {
        size_t count = points->count - start < limit ? points->count - start : limit;
        double *x = points->x + start, *y = points->y + start;
        memset(success, 0, count * sizeof *success);
        memset(z, 0, count * sizeof *z);
        if (transformer != NULL)
            GDALGenImgProjTransform(transformer, to_pixels, (int)count, x, y, z, success);
        else
            OCTTransformEx(transformation, (int)count, x, y, NULL, success);
        for (size_t i = 0; i < count; i++)
            points->ok[start + i] &= success[i] != 0 && isfinite(x[i]) && isfinite(y[i]);
    }
    return VDT_OK;
}

static void apply_affine(const double g[6], struct vdt_points *points)
{
    for (size_t i = 0; i < points->count; i++) {
        double x = points->x[i], y = points->y[i];
        points->x[i] = g[0] + x * g[1] + y * g[2];
        points->y[i] = g[3] + x * g[4] + y * g[5];
        points->ok[i] &= isfinite(points->x[i]) && isfinite(points->y[i]);
    }
}

vdt_status vdt_project_to_ground(struct vdt_scene *scene, const char *crs, const char *label_path,
                                 struct vdt_points *points, struct vdt_error *error)
{
    if (scene->crs == NULL || crs[0] == '\0' || points->count == 0)
        return VDT_OK;
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH from = vdt_crs_from_text(crs);
    vdt_cleanup(destroy_transformation) OGRCoordinateTransformationH transformation =
        from == NULL ? NULL : OCTNewCoordinateTransformation(from, scene->crs);
    vdt_quiet_end(&quiet);
    if (transformation == NULL) {
        char label_name[128], scene_name[128];
        vdt_crs_label(crs, label_name, sizeof label_name);
        vdt_crs_label(scene->info.crs, scene_name, sizeof scene_name);
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: no way from %s to %s of %s (%s)", label_path,
                        label_name, scene_name, scene->path,
                        vdt_quiet_text(&quiet, "PROJ does not say why"));
    }
    return in_pieces(points, transformation, NULL, 0, label_path, error);
}

vdt_status vdt_project_to_pixels(struct vdt_scene *scene, struct vdt_points *points,
                                 struct vdt_error *error)
{
    if (scene->info.georef == VDT_GEOREF_NONE)
        return VDT_OK;
    if (scene->transformer != NULL)
        return in_pieces(points, NULL, scene->transformer, 1, scene->path, error);
    apply_affine(scene->inverse, points);
    return VDT_OK;
}

vdt_status vdt_project_from_pixels(struct vdt_scene *scene, struct vdt_points *points,
                                   struct vdt_error *error)
{
    if (scene->info.georef == VDT_GEOREF_NONE)
        return VDT_OK;
    if (scene->transformer != NULL)
        return in_pieces(points, NULL, scene->transformer, 0, scene->path, error);
    apply_affine(scene->info.geotransform, points);
    return VDT_OK;
}

bool vdt_project_wraps(const struct vdt_scene *scene)
{
    return scene->crs != NULL && OSRIsGeographic(scene->crs) != 0 &&
           fabs(OSRGetAngularUnits(scene->crs, NULL) - 0.0174532925199433) < 1e-9;
}

/* --- longitude and latitude -------------------------------------------------------------- */

static vdt_status need_lonlat(struct vdt_scene *scene, struct vdt_error *error)
{
    if (scene->to_lonlat != NULL)
        return VDT_OK;
    if (scene->crs == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: has no CRS, so no longitude and latitude",
                        scene->path);
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH wgs84 = vdt_crs_from_text("EPSG:4326");
    scene->to_lonlat = wgs84 == NULL ? NULL : OCTNewCoordinateTransformation(scene->crs, wgs84);
    vdt_quiet_end(&quiet);
    if (scene->to_lonlat == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no way from its CRS to WGS 84 (%s)",
                        scene->path, vdt_quiet_text(&quiet, "PROJ does not say why"));
    return VDT_OK;
}

/* Whether a scene in degrees ends at the poles, give or take a pixel: grids whose nodes are pixel
 * centres reach half a pixel past them. */
static bool ends_at_poles(const struct vdt_scene *scene)
{
    if (scene->info.georef != VDT_GEOREF_AFFINE || !vdt_project_wraps(scene))
        return false;
    const double *g = scene->info.geotransform;
    double limit = 90 + fabs(g[4]) + fabs(g[5]);
    for (int corner = 0; corner < 4; corner++)
        if (fabs(g[3] + (corner & 1 ? scene->info.cols * g[4] : 0) +
                 (corner & 2 ? scene->info.rows * g[5] : 0)) > limit)
            return false;
    return true;
}

vdt_status vdt_scene_lonlat(struct vdt_scene *scene, double (*points)[2], size_t count, bool *ok,
                            struct vdt_error *error)
{
    vdt_status status = need_lonlat(scene, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_points_clear) struct vdt_points work = {0};
    if (!vdt_points_allocate(&work, count))
        return vdt_fail_memory(error, scene->path);
    for (size_t i = 0; i < count; i++) {
        work.x[i] = points[i][0];
        work.y[i] = points[i][1];
    }
    status = vdt_project_from_pixels(scene, &work, error);
    if (status == VDT_OK)
        status = in_pieces(&work, scene->to_lonlat, NULL, 0, scene->path, error);
    if (status != VDT_OK)
        return status;
    bool clamp = ends_at_poles(scene);
    for (size_t i = 0; i < count; i++) {
        points[i][0] = work.x[i];
        points[i][1] = clamp ? fmin(fmax(work.y[i], -90), 90) : work.y[i];
        /* Polynomials through control points leave the globe without notice. */
        ok[i] = work.ok[i] && fabs(points[i][1]) <= 90 + 1e-9;
    }
    return VDT_OK;
}

void vdt_crs_label(const char *wkt, char *text, size_t size)
{
    snprintf(text, size, "no CRS");
    if (wkt[0] == '\0')
        return;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs = vdt_crs_from_text(wkt);
    if (crs == NULL)
        return;
    const char *authority = OSRGetAuthorityName(crs, NULL), *code = OSRGetAuthorityCode(crs, NULL);
    const char *name = OSRGetName(crs);
    if (authority != NULL && code != NULL)
        snprintf(text, size, "%s:%s", authority, code);
    else
        snprintf(text, size, "%s", name != NULL && name[0] != '\0' ? name : "unnamed CRS");
}

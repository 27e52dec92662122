/* Another raster on a scene's grid. */
#include "source/scenes/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/bands.h"
#include "source/scenes/scene_state.h"
#include "source/scenes/warp.h"

enum { SIDE = 16, OUTLINE = 4 * SIDE };

/* Of a pixel: what is nearer than that to the scene's own grid is on it. */
static const double on_grid = 0.01;

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

void vdt_layer_clear(struct vdt_layer *layer)
{
    vdt_scene_recipe_clear(&layer->recipe);
    free(layer->band);
    *layer = (struct vdt_layer){0};
}

void vdt_layer_view_clear(struct vdt_layer_view *view)
{
    vdt_scene_free(view->scene);
    vdt_selection_clear(&view->selection);
    free(view->values);
    free(view->valid);
    *view = (struct vdt_layer_view){0};
}

static vdt_status select_band(struct vdt_scene *scene, const char *band,
                              struct vdt_band_selection *selection, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int *number = NULL;
    vdt_status status = band == NULL ? VDT_OK : vdt_bands_find(scene, &band, 1, &number, error);
    if (status == VDT_OK)
        status = vdt_scene_select(scene, number, number != NULL, selection, error);
    if (status == VDT_OK && selection->count > 1) {
        int count = selection->count;
        vdt_selection_clear(selection);
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has %d bands, one is wanted: take it out with gdal_translate -b N",
                        scene->path, count);
    }
    selection->dtype = VDT_FLOAT64; /* holds every value of every type */
    return status;
}

vdt_status vdt_layer_open(const char *path, const char *band, struct vdt_scene **raster,
                          struct vdt_band_selection *selection, struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = NULL;
    vdt_status status = vdt_scene_open(path, &opened, error);
    if (status == VDT_OK)
        status = select_band(opened, band, selection, error);
    if (status != VDT_OK)
        return status;
    *raster = opened;
    opened = NULL;
    return VDT_OK;
}

/* --- whether pixels are the scene's ----------------------------------------------------------- */

static bool same_crs(const struct vdt_scene *a, const struct vdt_scene *b)
{
    return a->crs == NULL || b->crs == NULL || OSRIsSame(a->crs, b->crs);
}

/* Whether the raster's pixels are the scene's, moved by whole pixels: the scene's first is *col,
 * *row. */
static bool is_aligned(const struct vdt_scene *raster, const struct vdt_scene *scene, int32_t *col,
                       int32_t *row)
{
    double cols = raster->info.cols, rows = raster->info.rows, x[3], y[3];
    const double corners[3][2] = {{0, 0}, {cols, 0}, {0, rows}};
    if (!same_crs(raster, scene))
        return false;
    for (int i = 0; i < 3; i++) {
        double ground[2];
        GDALApplyGeoTransform((double *)raster->info.geotransform, corners[i][0], corners[i][1],
                              &ground[0], &ground[1]);
        GDALApplyGeoTransform((double *)scene->inverse, ground[0], ground[1], &x[i], &y[i]);
    }
    double off = fmax(fabs(x[0] - rint(x[0])), fabs(y[0] - rint(y[0])));
    off = fmax(off, fmax(fabs(x[1] - x[0] - cols), fabs(y[1] - y[0])));
    off = fmax(off, fmax(fabs(x[2] - x[0]), fabs(y[2] - y[0] - rows)));
    if (!(off < on_grid) || fabs(x[0]) > 1 << 30 || fabs(y[0]) > 1 << 30)
        return false;
    *col = (int32_t)-rint(x[0]);
    *row = (int32_t)-rint(y[0]);
    return true;
}

/* --- whether they meet --------------------------------------------------------------------------
 */

static void outline(const struct vdt_scene *scene, struct vdt_points *points)
{
    double cols = scene->info.cols, rows = scene->info.rows;
    for (int i = 0; i < SIDE; i++) {
        double along = (double)i / SIDE;
        const double at[4][2] = {{along * cols, 0},
                                 {cols, along * rows},
                                 {cols - along * cols, rows},
                                 {0, rows - along * rows}};
        for (int side = 0; side < 4; side++) {
            points->x[side * SIDE + i] = at[side][0];
            points->y[side * SIDE + i] = at[side][1];
        }
    }
}

/* The box of the scene's outline in the raster's pixels. */
static vdt_status find_box(struct vdt_scene *raster, struct vdt_scene *scene, double box[4],
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_points_clear) struct vdt_points points = {0};
    if (!vdt_points_allocate(&points, OUTLINE))
        return vdt_fail_memory(error, raster->path);
    outline(scene, &points);
    vdt_status status = vdt_project_from_pixels(scene, &points, error);
    if (status == VDT_OK)
        status = vdt_project_to_ground(raster, scene->info.crs, scene->path, &points, error);
    if (status == VDT_OK)
        status = vdt_project_to_pixels(raster, &points, error);
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (size_t i = 0; status == VDT_OK && i < points.count; i++) {
        if (!points.ok[i])
            continue;
        box[0] = fmin(box[0], points.x[i]);
        box[1] = fmin(box[1], points.y[i]);
        box[2] = fmax(box[2], points.x[i]);
        box[3] = fmax(box[3], points.y[i]);
    }
    return status;
}

/* Whether one of the two has no grid on the ground, so that pixel lies on pixel. */
static bool has_no_ground(const struct vdt_scene *raster, const struct vdt_scene *scene)
{
    return scene->info.georef != VDT_GEOREF_AFFINE || raster->info.georef == VDT_GEOREF_NONE;
}

vdt_status vdt_layer_extent(struct vdt_scene *raster, struct vdt_scene *scene,
                            struct vdt_window *window, struct vdt_error *error)
{
    double box[4] = {0}, cols = raster->info.cols, rows = raster->info.rows;
    *window = (struct vdt_window){.cols = raster->info.cols, .rows = raster->info.rows};
    if (has_no_ground(raster, scene))
        return VDT_OK;
    vdt_status status = find_box(raster, scene, box, error);
    if (status != VDT_OK)
        return status;
    if (!(box[0] < cols && box[1] < rows && box[2] > 0 && box[3] > 0)) {
        char crs[2][80];
        vdt_crs_label(raster->info.crs, crs[0], sizeof crs[0]);
        vdt_crs_label(scene->info.crs, crs[1], sizeof crs[1]);
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: does not meet %s: it is in %s, the scene in %s", raster->path,
                        scene->path, crs[0], crs[1]);
    }
    window->col = (int32_t)fmax(floor(box[0]), 0);
    window->row = (int32_t)fmax(floor(box[1]), 0);
    window->cols = (int32_t)fmin(ceil(box[2]), cols) - window->col;
    window->rows = (int32_t)fmin(ceil(box[3]), rows) - window->row;
    return VDT_OK;
}

/* --- making --------------------------------------------------------------------------------- */

static vdt_status put_on_grid(struct vdt_scene *raster, struct vdt_scene *scene,
                              struct vdt_layer *layer, struct vdt_error *error)
{
    int overview;
    bool plain = raster->info.georef == VDT_GEOREF_NONE;
    if (has_no_ground(raster, scene)) {
        if (raster->info.cols == scene->info.cols && raster->info.rows == scene->info.rows)
            return VDT_OK;
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: %d x %d pixels, but %s has %d x %d and %s no grid on the ground: make "
                        "it of the same pixels%s",
                        raster->path, raster->info.cols, raster->info.rows, scene->path,
                        scene->info.cols, scene->info.rows, plain ? "this file has" : "it has",
                        plain ? "" : ", or give the scene one by --resolution");
    }
    struct vdt_window part;
    vdt_status status = vdt_layer_extent(raster, scene, &part, error);
    if (status != VDT_OK)
        return status;
    if (raster->info.georef == VDT_GEOREF_AFFINE &&
        is_aligned(raster, scene, &layer->col, &layer->row))
        return VDT_OK;
    struct vdt_warp_grid grid = {.crs = raster->crs == NULL ? NULL : scene->crs,
                                 .cols = scene->info.cols,
                                 .rows = scene->info.rows};
    memcpy(grid.geotransform, scene->info.geotransform, sizeof grid.geotransform);
    return vdt_warp_text(raster, &grid, VDT_RESAMPLE_NEAREST, false, &layer->recipe.vrt, &overview,
                         error);
}

vdt_status vdt_layer_make(const char *path, const char *band, struct vdt_scene *scene,
                          struct vdt_layer *layer, struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *raster = NULL;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection selection = {0};
    vdt_cleanup(vdt_layer_clear) struct vdt_layer made = {
        .recipe = {.path = vdt_copy_string(path)},
        .band = band == NULL ? NULL : vdt_copy_string(band)};
    if (made.recipe.path == NULL || (band != NULL && made.band == NULL))
        return vdt_fail_memory(error, path);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_status status = vdt_layer_open(path, band, &raster, &selection, error);
    if (status == VDT_OK)
        status = put_on_grid(raster, scene, &made, error);
    if (status != VDT_OK)
        return status;
    *layer = made;
    made = (struct vdt_layer){0};
    return VDT_OK;
}

vdt_status vdt_layer_own(const char *band, struct vdt_scene *scene, struct vdt_layer *layer,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection selection = {0};
    vdt_status status = select_band(scene, band, &selection, error);
    if (status != VDT_OK)
        return status;
    *layer = (struct vdt_layer){.band = vdt_copy_string(band), .own = true};
    return layer->band == NULL ? vdt_fail_memory(error, scene->path) : VDT_OK;
}

/* --- reading -------------------------------------------------------------------------------- */

static vdt_status use_layer(struct vdt_layer_view *view, const struct vdt_layer *layer,
                            struct vdt_scene *scene, struct vdt_error *error)
{
    if (view->layer == layer)
        return VDT_OK;
    vdt_scene_free(view->scene);
    view->scene = NULL;
    view->layer = NULL;
    vdt_selection_clear(&view->selection);
    vdt_status status =
        layer->own ? VDT_OK : vdt_scene_recipe_open(&layer->recipe, &view->scene, error);
    if (status == VDT_OK)
        status =
            select_band(layer->own ? scene : view->scene, layer->band, &view->selection, error);
    if (status == VDT_OK)
        view->layer = layer;
    return status;
}

vdt_status vdt_layer_read(struct vdt_layer_view *view, const struct vdt_layer *layer,
                          struct vdt_scene *scene, const struct vdt_window *window,
                          struct vdt_error *error)
{
    size_t count = (size_t)window->cols * (size_t)window->rows;
    struct vdt_window moved = *window;
    moved.col += layer->col;
    moved.row += layer->row;
    if (!vdt_grow(&view->values, &view->value_capacity, count, sizeof *view->values) ||
        !vdt_grow(&view->valid, &view->valid_capacity, count, 1))
        return vdt_fail_memory(error, scene->path);
    vdt_status status = use_layer(view, layer, scene, error);
    if (status != VDT_OK)
        return status;
    return vdt_scene_read(layer->own ? scene : view->scene, &view->selection, &moved, view->values,
                          view->valid, error);
}

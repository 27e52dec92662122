/* A scene of which only the grid is known: nothing can be read from it, but it has a place. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/scene_state.h"

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

static GDALDatasetH make_dataset(const struct vdt_scene_grid *grid)
{
    GDALDriverH driver = GDALGetDriverByName("VRT");
    GDALDatasetH dataset =
        driver == NULL ? NULL : GDALCreate(driver, "", grid->cols, grid->rows, 0, GDT_Byte, NULL);
    if (dataset == NULL || grid->geotransform == NULL)
        return dataset;
    if (GDALSetGeoTransform(dataset, (double *)grid->geotransform) == CE_None &&
        (grid->crs[0] == '\0' || GDALSetProjection(dataset, grid->crs) == CE_None))
        return dataset;
    GDALClose(dataset);
    return NULL;
}

vdt_status vdt_scene_open_grid(const struct vdt_scene_grid *grid, struct vdt_scene **scene,
                               struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = vdt_allocate_zero(1, sizeof *opened);
    if (opened == NULL || (opened->path = vdt_copy_string(grid->name)) == NULL)
        return vdt_fail_memory(error, grid->name);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    opened->dataset = make_dataset(grid);
    if (opened->dataset == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: a grid that GDAL does not take: %s", grid->name,
                        vdt_quiet_text(&quiet, "it does not say why"));
    opened->info.path = opened->path;
    opened->info.cols = grid->cols;
    opened->info.rows = grid->rows;
    vdt_status status = vdt_project_attach(opened, error);
    if (status != VDT_OK)
        return status;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

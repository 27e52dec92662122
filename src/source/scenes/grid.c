/* Whether two files lie on one grid. */
#include <gdal_alg.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/ground/crs.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/scene_recipe.h"

/* Pixels of two files may lie that far apart and be the same: rounding of coordinates in files. */
#define NEAR 1e-3

static bool same_crs(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    if (a[0] == '\0' || b[0] == '\0')
        return false;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH first = vdt_crs_from_text(a);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH second = vdt_crs_from_text(b);
    return first != NULL && second != NULL && OSRIsSame(first, second) != 0;
}

/* Where a file's corners lie in pixels of the grid; false when they are not whole pixels, one to
 * one. */
static bool find_offset(const struct vdt_scene_info *grid, const struct vdt_scene_info *file,
                        double offset[2])
{
    double inverse[6];
    const double *g = file->geotransform;
    bool whole = true;
    if (!GDALInvGeoTransform((double *)grid->geotransform, inverse))
        return false;
    for (int corner = 0; corner < 4; corner++) {
        const double at[2] = {corner % 2 ? file->cols : 0, corner / 2 ? file->rows : 0};
        double x = g[0] + at[0] * g[1] + at[1] * g[2], y = g[3] + at[0] * g[4] + at[1] * g[5];
        const double found[2] = {inverse[0] + x * inverse[1] + y * inverse[2] - at[0],
                                 inverse[3] + x * inverse[4] + y * inverse[5] - at[1]};
        for (int i = 0; i < 2; i++) {
            if (corner == 0)
                offset[i] = found[i];
            whole &= fabs(found[i] - round(offset[i])) <= NEAR && fabs(found[i]) < 1 << 30;
        }
    }
    return whole;
}

void vdt_grid_compare(const struct vdt_scene_info *grid, const struct vdt_scene_info *file,
                      int32_t *col, int32_t *row, char why[240])
{
    double offset[2] = {0, 0};
    why[0] = '\0';
    *col = *row = 0;
    if (grid->georef == VDT_GEOREF_NONE && file->georef == VDT_GEOREF_NONE) {
        if (grid->cols != file->cols || grid->rows != file->rows)
            snprintf(why, 240, "it has %d x %d pixels, not %d x %d, and no place on the ground",
                     file->cols, file->rows, grid->cols, grid->rows);
    } else if (grid->georef != file->georef) {
        snprintf(why, 240, "they are placed on the ground in different ways");
    } else if (grid->georef != VDT_GEOREF_AFFINE) {
        snprintf(why, 240, "neither has a grid");
    } else if (!same_crs(grid->crs, file->crs)) {
        char have[80], want[80];
        vdt_crs_label(file->crs, have, sizeof have);
        vdt_crs_label(grid->crs, want, sizeof want);
        snprintf(why, 240, "its CRS is %s, not %s", have, want);
    } else if (!find_offset(grid, file, offset)) {
        const double *g = grid->geotransform, *f = file->geotransform;
        bool size = fabs(hypot(f[1], f[4]) / hypot(g[1], g[4]) - 1) > 1e-9 ||
                    fabs(hypot(f[2], f[5]) / hypot(g[2], g[5]) - 1) > 1e-9;
        if (size)
            snprintf(why, 240, "its pixels are %.9g x %.9g, not %.9g x %.9g", hypot(f[1], f[4]),
                     hypot(f[2], f[5]), hypot(g[1], g[4]), hypot(g[2], g[5]));
        else
            snprintf(why, 240, "its corner lies at pixel %.6g, %.6g of that grid", offset[0],
                     offset[1]);
    }
    *col = (int32_t)round(offset[0]);
    *row = (int32_t)round(offset[1]);
}

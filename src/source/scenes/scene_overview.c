/* A whole scene in few pixels. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"
#include "source/scenes/convert_pixels.h"
#include "source/scenes/join.h"
#include "source/scenes/scene_reduce.h"
#include "source/scenes/scene_state.h"

#define READ_MOST 0x1p26
#define WARP_MOST 0x1p24 /* pixels of a warped scene are made, not read */

/* Pixels of the smallest level that is large enough, as GDAL chooses it. */
static double level_pixels(const struct vdt_scene *scene, int band, int32_t cols, int32_t rows)
{
    GDALRasterBandH full = GDALGetRasterBand(scene->dataset, band);
    double least = (double)scene->info.cols * scene->info.rows;
    for (int i = 0; i < GDALGetOverviewCount(full); i++) {
        GDALRasterBandH level = GDALGetOverview(full, i);
        if (level == NULL)
            continue;
        int wide = GDALGetRasterBandXSize(level), high = GDALGetRasterBandYSize(level);
        if (wide >= cols && high >= rows && (double)wide * high < least)
            least = (double)wide * high;
    }
    return least;
}

static bool read_bands(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                       int32_t cols, int32_t rows, unsigned char *pixels)
{
    return GDALDatasetRasterIO(scene->dataset, GF_Read, 0, 0, scene->info.cols, scene->info.rows,
                               pixels, cols, rows, vdt_gdal_type(selection->dtype),
                               selection->count, selection->bands, 0, 0, 0) == CE_None;
}

/* Takes transparent or masked pixels out of `valid`. */
static bool read_mask(struct vdt_scene *scene, GDALRasterBandH band, int32_t cols, int32_t rows,
                      uint8_t *valid)
{
    size_t count = (size_t)cols * (size_t)rows;
    vdt_cleanup(vdt_free_pointer) float *opaque = vdt_allocate(count, sizeof *opaque);
    if (opaque == NULL || GDALRasterIO(band, GF_Read, 0, 0, scene->info.cols, scene->info.rows,
                                       opaque, cols, rows, GDT_Float32, 0, 0) != CE_None)
        return false;
    for (size_t i = 0; i < count; i++)
        valid[i] &= opaque[i] > 0;
    return true;
}

static bool read_all(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                     int32_t cols, int32_t rows, unsigned char *pixels, uint8_t *valid)
{
    const struct vdt_band_selection *stored = selection->stored;
    size_t count = (size_t)cols * (size_t)rows;
    if (stored == NULL) {
        if (!read_bands(scene, selection, cols, rows, pixels))
            return false;
        vdt_find_valid(selection, false, pixels, count, valid);
        return true;
    }
    size_t from = vdt_dtype_size(stored->dtype), to = vdt_dtype_size(selection->dtype);
    bool numbers = vdt_dtype_is_real(stored->dtype) && !vdt_dtype_is_real(selection->dtype);
    vdt_cleanup(vdt_free_pointer) unsigned char *raw =
        vdt_allocate(count * from, (size_t)stored->count);
    if (raw == NULL || !read_bands(scene, stored, cols, rows, raw))
        return false;
    vdt_find_valid(stored, numbers, raw, count, valid);
    for (int b = 0; b < selection->count; b++)
        vdt_convert_pixels(selection, b, raw + (size_t)b * count * from, count,
                           pixels + (size_t)b * count * to);
    return true;
}

vdt_status vdt_scene_overview(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                              int32_t cols, int32_t rows, void *pixels, uint8_t *valid,
                              struct vdt_error *error)
{
    if (cols < 1 || rows < 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: an overview of %d x %d pixels", scene->path,
                        cols, rows);
    if (scene->join != NULL)
        return vdt_join_overview(scene, selection, cols, rows, pixels, valid, error);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    double most = strcmp(scene->info.driver, "VRT") == 0 ? WARP_MOST : READ_MOST;
    if (level_pixels(scene, selection->bands[0], cols, rows) > most)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: %d x %d pixels and no overview: 'gdaladdo' makes some", scene->path,
                        scene->info.cols, scene->info.rows);
    bool good = read_all(scene, selection, cols, rows, pixels, valid);
    if (good && scene->alpha != NULL)
        good = read_mask(scene, scene->alpha, cols, rows, valid);
    if (good && scene->mask != NULL)
        good = read_mask(scene, scene->mask, cols, rows, valid);
    if (good && quiet.failures + quiet.damage == 0)
        return VDT_OK;
    GDALFlushCache(scene->dataset);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: its overview cannot be read (%s)", scene->path,
                    vdt_quiet_text(&quiet, "GDAL does not say why"));
}

/* Scenes: opening, what is known of them, and the choice of bands. */
#include "source/scenes/scene.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/blocks.h"
#include "source/scenes/join.h"
#include "source/scenes/remote.h"
#include "source/scenes/scene_state.h"

/* More than this in one block of all bands is a damaged header, or a file to be retiled first. */
#define BLOCK_LIMIT ((double)(1u << 30))

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

static vdt_status open_dataset(struct vdt_scene *scene, const char *path, const char *vrt,
                               struct vdt_error *error)
{
    vdt_status status = vdt_check_exists(path, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *name = vdt_gdal_name(path);
    if (name == NULL)
        return vdt_fail_memory(error, path);
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    scene->dataset =
        GDALOpenEx(vrt == NULL ? name : vrt,
                   GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, NULL, NULL, NULL);
    vdt_quiet_end(&quiet);
    if (scene->dataset == NULL)
        return vdt_fail(
            error, VDT_ERR_FORMAT,
            "%s: not a raster that GDAL can open (%s): name an image that gdalinfo reads", path,
            vdt_quiet_text(&quiet, "no driver knows it"));
    return VDT_OK;
}

static vdt_status check_content(const struct vdt_scene *scene, struct vdt_error *error)
{
    const struct vdt_scene_info *info = &scene->info;
    if (info->band_count < 1) {
        char **parts = GDALGetMetadata(scene->dataset, "SUBDATASETS");
        const char *part = CSLFetchNameValue(parts, "SUBDATASET_1_NAME");
        if (part != NULL)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: holds several images: name one of them, such as %s", scene->path,
                            part);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: has no bands", scene->path);
    }
    if (info->cols < 1 || info->rows < 1)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: claims %d x %d pixels", scene->path, info->cols,
                        info->rows);
    double bytes = 0;
    for (int i = 1; i <= info->band_count; i++)
        bytes +=
            GDALGetDataTypeSizeBytes(GDALGetRasterDataType(GDALGetRasterBand(scene->dataset, i)));
    bytes *= (double)info->block_cols * info->block_rows;
    if (bytes > BLOCK_LIMIT)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: claims %d x %d pixels in blocks of %d x %d, %.1f GiB each: the header "
                        "is damaged, or retile it with gdal_translate -co TILED=YES",
                        scene->path, info->cols, info->rows, info->block_cols, info->block_rows,
                        bytes / BLOCK_LIMIT);
    return VDT_OK;
}

/* Even empty tiles cost their entry in the file's index, so no honest GeoTIFF gets here. */
static vdt_status check_size(const struct vdt_scene *scene, struct vdt_error *error)
{
    const struct vdt_scene_info *info = &scene->info;
    if (strcmp(info->driver, "GTiff") != 0 || info->bytes == 0 ||
        (double)info->cols * info->rows / (double)info->bytes < 1e7)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: claims %d x %d pixels in a file of %llu bytes: the header is damaged",
                    scene->path, info->cols, info->rows, (unsigned long long)info->bytes);
}

static void describe(struct vdt_scene *scene)
{
    struct vdt_scene_info *info = &scene->info;
    info->path = scene->path;
    info->driver = GDALGetDriverShortName(GDALGetDatasetDriver(scene->dataset));
    info->cols = GDALGetRasterXSize(scene->dataset);
    info->rows = GDALGetRasterYSize(scene->dataset);
    info->band_count = GDALGetRasterCount(scene->dataset);
    if (info->band_count > 0)
        GDALGetBlockSize(GDALGetRasterBand(scene->dataset, 1), &info->block_cols,
                         &info->block_rows);
}

static void find_masks(struct vdt_scene *scene)
{
    for (int i = 1; i <= scene->info.band_count && scene->alpha == NULL; i++) {
        GDALRasterBandH band = GDALGetRasterBand(scene->dataset, i);
        if (GDALGetRasterColorInterpretation(band) == GCI_AlphaBand)
            scene->alpha = band;
    }
    /* 0 is a mask of one band alone; where bands have their own, that of the first counts. */
    GDALRasterBandH first = GDALGetRasterBand(scene->dataset, 1);
    int flags = GDALGetMaskFlags(first);
    bool other = (flags & (GMF_ALL_VALID | GMF_ALPHA | GMF_NODATA)) != 0;
    if (!other && (flags == 0 || (flags & GMF_PER_DATASET) != 0))
        scene->mask = GDALGetMaskBand(first);
}

static vdt_status fill_scene(struct vdt_scene *scene, struct vdt_error *error)
{
    describe(scene);
    vdt_status status = check_content(scene, error);
    if (status == VDT_OK)
        status = vdt_project_attach(scene, error);
    if (status == VDT_OK)
        status = vdt_scene_identify(scene, error);
    if (status == VDT_OK)
        status = check_size(scene, error);
    if (status == VDT_OK)
        find_masks(scene);
    return status;
}

static vdt_status try_open(const char *path, const char *vrt, struct vdt_scene **scene,
                           struct vdt_error *error)
{
    vdt_cleanup(free_scene) struct vdt_scene *opened = vdt_allocate_zero(1, sizeof *opened);
    if (opened == NULL || (opened->path = vdt_copy_string(path)) == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = open_dataset(opened, path, vrt, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    status = fill_scene(opened, error);
    if (status != VDT_OK)
        return status;
    opened->stands_in = vrt != NULL;
    *scene = opened;
    opened = NULL;
    return VDT_OK;
}

vdt_status vdt_scene_open_as(const char *path, const char *vrt, struct vdt_scene **scene,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_remote_end) struct vdt_remote remote;
    vdt_remote_begin(&remote, path);
    struct vdt_error cause;
    for (unsigned tried = 0;; tried++) {
        vdt_status status = try_open(path, vrt, scene, &cause);
        if (status == VDT_OK)
            return VDT_OK;
        if (!vdt_remote_again(path, &cause, tried))
            return vdt_fail(error, status, "%s", cause.message);
    }
}

vdt_status vdt_scene_open(const char *path, struct vdt_scene **scene, struct vdt_error *error)
{
    return vdt_scene_open_as(path, NULL, scene, error);
}

void vdt_scene_free(struct vdt_scene *scene)
{
    if (scene == NULL)
        return;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_join_detach(scene);
    vdt_project_detach(scene);
    vdt_blocks_free(scene->blocks);
    if (scene->dataset != NULL)
        GDALClose(scene->dataset);
    free(scene->scratch);
    free(scene->raw);
    free(scene->nodata);
    free(scene->wkt);
    free(scene->path);
    free(scene);
}

const struct vdt_scene_info *vdt_scene_info(const struct vdt_scene *scene)
{
    return &scene->info;
}

void vdt_window_geotransform(const struct vdt_scene_info *info, const struct vdt_window *window,
                             double geotransform[6])
{
    const double *g = info->geotransform;
    for (int i = 0; i < 6; i++)
        geotransform[i] = g[i];
    geotransform[0] += window->col * g[1] + window->row * g[2];
    geotransform[3] += window->col * g[4] + window->row * g[5];
}

/* --- bands ------------------------------------------------------------------------------- */

static vdt_status check_pixel_type(const struct vdt_scene *scene, int number, GDALRasterBandH band,
                                   struct vdt_error *error)
{
    GDALDataType type = GDALGetRasterDataType(band);
    const char *sign = GDALGetMetadataItem(band, "PIXELTYPE", "IMAGE_STRUCTURE");
    bool signed_byte = type == GDT_Byte && sign != NULL && strcmp(sign, "SIGNEDBYTE") == 0;
    switch (type) {
    case GDT_Byte:
        if (!signed_byte)
            return VDT_OK;
        break;
    case GDT_UInt16:
    case GDT_Int16:
    case GDT_UInt32:
    case GDT_Int32:
    case GDT_Float32:
    case GDT_Float64: return VDT_OK;
    default: break;
    }
    return vdt_fail(
        error, VDT_ERR_UNSUPPORTED,
        "%s: band %d has %s pixels, which a store cannot hold: leave it out, or convert "
        "it with gdal_translate -ot %s",
        scene->path, number, signed_byte ? "signed byte" : GDALGetDataTypeName(type),
        signed_byte ? "Int16" : "Float64");
}

static enum vdt_dtype dtype_of(GDALDataType type)
{
    switch (type) {
    case GDT_Byte: return VDT_UINT8;
    case GDT_UInt16: return VDT_UINT16;
    case GDT_Int16: return VDT_INT16;
    case GDT_UInt32: return VDT_UINT32;
    case GDT_Int32: return VDT_INT32;
    case GDT_Float32: return VDT_FLOAT32;
    default: return VDT_FLOAT64; /* also where only a 64-bit integer would hold both */
    }
}

static vdt_status choose_bands(const struct vdt_scene *scene, const int *bands, size_t count,
                               struct vdt_band_selection *chosen, struct vdt_error *error)
{
    if (bands == NULL) {
        for (int i = 1; i <= scene->info.band_count; i++)
            if (!vdt_scene_band_is_alpha(scene, i))
                chosen->bands[chosen->count++] = i;
        if (chosen->count == 0)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: has no band but alpha: name the bands",
                            scene->path);
        return VDT_OK;
    }
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no bands are chosen", scene->path);
    for (size_t i = 0; i < count; i++) {
        if (bands[i] < 1 || bands[i] > scene->info.band_count)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no band %d: it has bands 1 to %d",
                            scene->path, bands[i], scene->info.band_count);
        for (size_t k = 0; k < i; k++)
            if (bands[k] == bands[i])
                return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: band %d is chosen twice", scene->path,
                                bands[i]);
        chosen->bands[chosen->count++] = bands[i];
    }
    return VDT_OK;
}

/* A nodata value of the whole scene is one value for each band, as GDAL's metadata item says it. */
static struct vdt_nodata declared_nodata(const struct vdt_scene *scene, int number)
{
    int declared = 0;
    double value = GDALGetRasterNoDataValue(GDALGetRasterBand(scene->dataset, number), &declared);
    const char *item = GDALGetMetadataItem(scene->dataset, "NODATA_VALUES", NULL);
    if (declared != 0 || item == NULL)
        return (struct vdt_nodata){.has = declared != 0, .value = value};
    struct vdt_nodata nodata = {.value = 0};
    char **values = CSLTokenizeString(item);
    if (CSLCount(values) == scene->info.band_count)
        nodata = (struct vdt_nodata){.has = true, .value = CPLAtof(values[number - 1])};
    CSLDestroy(values);
    return nodata;
}

static void find_nodata(const struct vdt_scene *scene, int number, bool *has, double *value)
{
    const struct vdt_nodata *stated = scene->nodata == NULL ? NULL : &scene->nodata[number - 1];
    struct vdt_nodata nodata =
        stated != NULL && stated->stated ? *stated : declared_nodata(scene, number);
    *has = nodata.has;
    *value = nodata.value;
    /* Pixels that become double are the float's value, not the decimal that was declared. */
    if (GDALGetRasterDataType(GDALGetRasterBand(scene->dataset, number)) == GDT_Float32 &&
        isfinite((float)*value))
        *value = (float)*value;
}

void vdt_scene_band_nodata(const struct vdt_scene *scene, int number, bool *has, double *value)
{
    const struct vdt_joined_band *joined = vdt_joined_band(scene, number);
    if (joined == NULL) {
        find_nodata(scene, number, has, value);
        return;
    }
    *has = joined->has_nodata;
    *value = joined->nodata;
}

static vdt_status describe_bands(const struct vdt_scene *scene, struct vdt_band_selection *chosen,
                                 struct vdt_error *error)
{
    GDALDataType type = GDT_Unknown;
    for (int i = 0; i < chosen->count; i++) {
        int number = chosen->bands[i];
        vdt_status status = check_pixel_type(scene, number, vdt_scene_band(scene, number), error);
        if (status != VDT_OK)
            return status;
        GDALDataType own = vdt_scene_band_type(scene, number);
        type = i == 0 ? own : GDALDataTypeUnion(type, own);
        char name[VDT_BAND_NAME];
        vdt_scene_band_name(scene, number, name);
        chosen->names[i] = vdt_copy_string(name);
        if (chosen->names[i] == NULL)
            return vdt_fail_memory(error, scene->path);
        vdt_scene_band_nodata(scene, number, &chosen->has_nodata[i], &chosen->nodata[i]);
    }
    chosen->dtype = dtype_of(type);
    return VDT_OK;
}

vdt_status vdt_scene_select(struct vdt_scene *scene, const int *bands, size_t count,
                            struct vdt_band_selection *selection, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    size_t room = bands == NULL ? (size_t)scene->info.band_count : count;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection chosen = {
        .bands = vdt_allocate(room, sizeof(int)),
        .names = vdt_allocate_zero(room, sizeof(char *)),
        .has_nodata = vdt_allocate_zero(room, sizeof(bool)),
        .nodata = vdt_allocate_zero(room, sizeof(double)),
    };
    if (chosen.bands == NULL || chosen.names == NULL || chosen.has_nodata == NULL ||
        chosen.nodata == NULL)
        return vdt_fail_memory(error, scene->path);
    vdt_status status = choose_bands(scene, bands, count, &chosen, error);
    if (status == VDT_OK)
        status = describe_bands(scene, &chosen, error);
    if (status != VDT_OK)
        return status;
    *selection = chosen;
    chosen = (struct vdt_band_selection){0};
    return VDT_OK;
}

void vdt_selection_clear(struct vdt_band_selection *selection)
{
    for (int i = 0; selection->names != NULL && i < selection->count; i++)
        free(selection->names[i]);
    free(selection->bands);
    free(selection->names);
    free(selection->has_nodata);
    free(selection->nodata);
    free(selection->scale);
    free(selection->offset);
    if (selection->stored != NULL)
        vdt_selection_clear(selection->stored);
    free(selection->stored);
    *selection = (struct vdt_band_selection){0};
}

/* Warped VRTs: made with GDAL's own functions, then written as text. */
#include "source/scenes/warp.h"

#include <cpl_conv.h>
#include <cpl_minixml.h>
#include <cpl_string.h>
#include <gdal_alg.h>
#include <gdalwarper.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/quiet.h"
#include "source/scenes/remote.h"
#include "source/scenes/scene_state.h"

enum { BLOCK = 256, LEAST_BLOCK = 16 };

/* Of a band without nodata among bands with: no pixel has it (gdalwarp's own choice). */
#define NO_VALUE (-123456.789)

static void close_dataset(GDALDatasetH *dataset)
{
    if (*dataset != NULL)
        GDALClose(*dataset);
}

static void free_transformer(void **transformer)
{
    if (*transformer != NULL)
        GDALDestroyGenImgProjTransformer(*transformer);
}

static void free_options(GDALWarpOptions **options)
{
    if (*options != NULL)
        GDALDestroyWarpOptions(*options);
}

static void free_xml(CPLXMLNode **node)
{
    CPLDestroyXMLNode(*node);
}

static vdt_status fail_gdal(const struct vdt_scene *scene, const struct vdt_quiet *quiet,
                            struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: cannot be warped to the grid (%s)",
                    scene->path, vdt_quiet_text(quiet, "GDAL does not say why"));
}

/* Pixels of `source` (the scene's dataset or an overview of it) to the ground of `crs`. */
static void *make_transformer(const struct vdt_scene *scene, GDALDatasetH source,
                              OGRSpatialReferenceH crs)
{
    char **options = vdt_project_options(scene);
    char *wkt = NULL;
    if (crs != NULL && OSRExportToWkt(crs, &wkt) == OGRERR_NONE)
        options = CSLSetNameValue(options, "DST_SRS", wkt);
    CPLFree(wkt);
    void *transformer = GDALCreateGenImgProjTransformer2(source, NULL, options);
    CSLDestroy(options);
    return transformer;
}

vdt_status vdt_warp_fit(struct vdt_scene *scene, OGRSpatialReferenceH crs,
                        const double resolution[2], struct vdt_warp_grid *grid,
                        struct vdt_error *error)
{
    double suggested[6], extent[4], size[2], corner[2];
    int cols, rows;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(free_transformer) void *transformer = make_transformer(scene, scene->dataset, crs);
    if (transformer == NULL ||
        GDALSuggestedWarpOutput2(scene->dataset, GDALGenImgProjTransform, transformer, suggested,
                                 &cols, &rows, extent, 0) != CE_None)
        return fail_gdal(scene, &quiet, error);
    for (int i = 0; i < 2; i++) {
        double low = floor(extent[i] / resolution[i] + 1e-6);
        double high = ceil(extent[i + 2] / resolution[i] - 1e-6);
        size[i] = fmax(high - low, 1);
        corner[i] = (i == 0 ? low : low + size[i]) * resolution[i];
    }
    if (!(size[0] <= 1 << 30) || !(size[1] <= 1 << 30))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: a grid of %g x %g pixels: --resolution is in units of the CRS",
                        scene->path, size[0], size[1]);
    *grid = (struct vdt_warp_grid){
        .crs = crs,
        .geotransform = {corner[0], resolution[0], 0, corner[1], 0, -resolution[1]},
        .cols = (int32_t)size[0],
        .rows = (int32_t)size[1]};
    return VDT_OK;
}

/* --- scale -------------------------------------------------------------------------------- */

/* How many pixels of the source one pixel in the middle of the grid is wide and high; 1 where that
 * cannot be said. */
static void measure(void *transformer, const struct vdt_warp_grid *grid, double ratio[2])
{
    double x[3] = {grid->cols / 2.0, grid->cols / 2.0 + 1, grid->cols / 2.0};
    double y[3] = {grid->rows / 2.0, grid->rows / 2.0, grid->rows / 2.0 + 1};
    double z[3] = {0};
    int success[3] = {0};
    ratio[0] = ratio[1] = 1;
    GDALGenImgProjTransform(transformer, TRUE, 3, x, y, z, success);
    if (!success[0] || !success[1] || !success[2])
        return;
    double wide = fabs(x[1] - x[0]) + fabs(x[2] - x[0]);
    double high = fabs(y[1] - y[0]) + fabs(y[2] - y[0]);
    if (isfinite(wide) && isfinite(high) && wide > 0 && high > 0) {
        ratio[0] = wide;
        ratio[1] = high;
    }
}

/* The coarsest overview that is no coarser than the grid, from 1; 0: none. */
static int choose_overview(const struct vdt_scene *scene, const double ratio[2])
{
    double wanted = fmin(ratio[0], ratio[1]) * 1.01, best = 1;
    GDALRasterBandH band = GDALGetRasterBand(scene->dataset, 1);
    int chosen = 0;
    for (int i = 0; wanted >= 2 && i < GDALGetOverviewCount(band); i++) {
        GDALRasterBandH overview = GDALGetOverview(band, i);
        int cols = overview == NULL ? 0 : GDALGetRasterBandXSize(overview);
        double factor = cols < 1 ? 0 : (double)scene->info.cols / cols;
        if (factor > best && factor <= wanted) {
            best = factor;
            chosen = i + 1;
        }
    }
    return chosen;
}

static GDALDatasetH open_source(const struct vdt_scene *scene, int overview)
{
    char **options = NULL;
    if (overview > 0)
        options = CSLSetNameValue(NULL, "OVERVIEW_LEVEL", CPLSPrintf("%d", overview - 1));
    vdt_cleanup(vdt_free_pointer) char *name = vdt_gdal_name(scene->path);
    GDALDatasetH source =
        name == NULL ? NULL
                     : GDALOpenEx(name, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                                  NULL, (const char *const *)options, NULL);
    CSLDestroy(options);
    return source;
}

/* --- the options of GDAL's warper ----------------------------------------------------------- */

static GDALResampleAlg algorithm(enum vdt_resampling resampling)
{
    static const GDALResampleAlg algorithms[] = {[VDT_RESAMPLE_NEAREST] = GRA_NearestNeighbour,
                                                 [VDT_RESAMPLE_BILINEAR] = GRA_Bilinear,
                                                 [VDT_RESAMPLE_CUBIC] = GRA_Cubic,
                                                 [VDT_RESAMPLE_CUBICSPLINE] = GRA_CubicSpline,
                                                 [VDT_RESAMPLE_LANCZOS] = GRA_Lanczos,
                                                 [VDT_RESAMPLE_AVERAGE] = GRA_Average,
                                                 [VDT_RESAMPLE_MODE] = GRA_Mode};
    return algorithms[resampling];
}

/* Nodata of each band, and the values that pixels without image get. */
static bool set_nodata(GDALWarpOptions *options, const struct vdt_band_selection *bands)
{
    int declared = 0;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer fill = {0};
    for (int i = 0; i < bands->count; i++)
        declared += bands->has_nodata[i];
    size_t size = sizeof(double) * (size_t)bands->count;
    options->padfSrcNoDataReal = declared == 0 ? NULL : CPLMalloc(size);
    options->padfDstNoDataReal = declared < bands->count ? NULL : CPLMalloc(size);
    for (int i = 0; i < bands->count; i++) {
        char number[40];
        double value = bands->has_nodata[i] ? bands->nodata[i] : NO_VALUE;
        if (options->padfSrcNoDataReal != NULL)
            options->padfSrcNoDataReal[i] = value;
        if (options->padfDstNoDataReal != NULL)
            options->padfDstNoDataReal[i] = value;
        int length = snprintf(number, sizeof number, "%s%.17g", i == 0 ? "" : ",",
                              bands->has_nodata[i] ? bands->nodata[i] : 0.0);
        if (!vdt_buffer_append(&fill, number, (size_t)length))
            return false;
    }
    if (!vdt_buffer_append(&fill, "", 1))
        return false;
    options->papszWarpOptions =
        CSLSetNameValue(options->papszWarpOptions, "INIT_DEST", (const char *)fill.data);
    if (declared > 0)
        options->papszWarpOptions =
            CSLSetNameValue(options->papszWarpOptions, "UNIFIED_SRC_NODATA", "PARTIAL");
    return true;
}

/* NULL: memory is out. */
static GDALWarpOptions *make_options(const struct vdt_scene *scene, GDALDatasetH source,
                                     const struct vdt_band_selection *bands,
                                     enum vdt_resampling resampling, const double ratio[2])
{
    GDALWarpOptions *options = GDALCreateWarpOptions();
    options->hSrcDS = source;
    options->eResampleAlg = algorithm(resampling);
    options->nBandCount = bands->count;
    options->panSrcBands = CPLMalloc(sizeof(int) * (size_t)bands->count);
    options->panDstBands = CPLMalloc(sizeof(int) * (size_t)bands->count);
    for (int i = 0; i < bands->count; i++) {
        options->panSrcBands[i] = bands->bands[i];
        options->panDstBands[i] = i + 1;
    }
    options->nSrcAlphaBand = scene->alpha == NULL ? 0 : GDALGetBandNumber(scene->alpha);
    options->nDstAlphaBand = bands->count + 1;
    if (!set_nodata(options, bands)) {
        GDALDestroyWarpOptions(options);
        return NULL;
    }
    char **more = options->papszWarpOptions;
    more = CSLSetNameValue(more, "XSCALE", CPLSPrintf("%.17g", 1 / ratio[0]));
    more = CSLSetNameValue(more, "YSCALE", CPLSPrintf("%.17g", 1 / ratio[1]));
    more = CSLSetNameValue(more, "SAMPLE_GRID", "YES");
    options->papszWarpOptions = CSLSetNameValue(more, "SOURCE_EXTRA", "2");
    return options;
}

/* --- text ----------------------------------------------------------------------------------- */

/* What is known of the image goes with it. */
static void copy_descriptions(const struct vdt_scene *scene, const struct vdt_band_selection *bands,
                              GDALDatasetH made)
{
    static const char *const domains[] = {NULL, "IMAGERY"};
    for (int d = 0; d < 2; d++) {
        char **items = CSLDuplicate(GDALGetMetadata(scene->dataset, domains[d]));
        items = CSLSetNameValue(items, "NODATA_VALUES", NULL);
        if (items != NULL)
            GDALSetMetadata(made, items, domains[d]);
        CSLDestroy(items);
    }
    for (int i = 0; i < bands->count; i++) {
        GDALRasterBandH from = GDALGetRasterBand(scene->dataset, bands->bands[i]);
        GDALRasterBandH to = GDALGetRasterBand(made, i + 1);
        int has_scale = 0, has_offset = 0;
        double scale = GDALGetRasterScale(from, &has_scale);
        double offset = GDALGetRasterOffset(from, &has_offset);
        GDALSetDescription(to, GDALGetDescription(from));
        GDALSetRasterColorInterpretation(to, GDALGetRasterColorInterpretation(from));
        if (GDALGetMetadata(from, NULL) != NULL)
            GDALSetMetadata(to, GDALGetMetadata(from, NULL), NULL);
        if (bands->has_nodata[i])
            GDALSetRasterNoDataValue(to, bands->nodata[i]);
        if (has_scale)
            GDALSetRasterScale(to, scale);
        if (has_offset)
            GDALSetRasterOffset(to, offset);
    }
    GDALSetRasterColorInterpretation(GDALGetRasterBand(made, bands->count + 1), GCI_AlphaBand);
}

/* GDAL has no option for the size of blocks before version 3.8. */
static char *text_with_blocks(GDALDatasetH made, const double ratio[2])
{
    char **texts = GDALGetMetadata(made, "xml:VRT");
    vdt_cleanup(free_xml) CPLXMLNode *root =
        texts == NULL || texts[0] == NULL ? NULL : CPLParseXMLString(texts[0]);
    CPLXMLNode *node = CPLGetXMLNode(root, "=VRTDataset");
    int block = BLOCK; /* what one block needs of the source stays about the same */
    while (block > LEAST_BLOCK && block * fmax(ratio[0], ratio[1]) > 4.0 * BLOCK)
        block /= 2;
    if (node == NULL)
        return NULL;
    CPLSetXMLValue(node, "BlockXSize", CPLSPrintf("%d", block));
    CPLSetXMLValue(node, "BlockYSize", CPLSPrintf("%d", block));
    char *text = CPLSerializeXMLTree(root);
    char *copy = text == NULL ? NULL : vdt_copy_string(text);
    CPLFree(text);
    return copy;
}

static vdt_status write_vrt(struct vdt_scene *scene, GDALDatasetH source,
                            const struct vdt_warp_grid *grid,
                            const struct vdt_band_selection *bands, enum vdt_resampling resampling,
                            char **text, struct vdt_error *error)
{
    double ratio[2], geotransform[6];
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    memcpy(geotransform, grid->geotransform, sizeof geotransform);
    vdt_cleanup(free_transformer) void *transformer = make_transformer(scene, source, grid->crs);
    if (transformer == NULL)
        return fail_gdal(scene, &quiet, error);
    GDALSetGenImgProjTransformerDstGeoTransform(transformer, geotransform);
    measure(transformer, grid, ratio);
    vdt_cleanup(free_options) GDALWarpOptions *options =
        make_options(scene, source, bands, resampling, ratio);
    if (options == NULL)
        return vdt_fail_memory(error, scene->path);
    options->pfnTransformer = GDALGenImgProjTransform;
    options->pTransformerArg = transformer;
    vdt_cleanup(close_dataset) GDALDatasetH made =
        GDALCreateWarpedVRT(source, grid->cols, grid->rows, geotransform, options);
    if (made == NULL)
        return fail_gdal(scene, &quiet, error);
    transformer = NULL; /* the VRT's now */
    OGRSpatialReferenceH crs = grid->crs != NULL ? grid->crs : scene->crs;
    if (crs != NULL)
        GDALSetSpatialRef(made, crs);
    copy_descriptions(scene, bands, made);
    *text = text_with_blocks(made, ratio);
    return *text == NULL ? fail_gdal(scene, &quiet, error) : VDT_OK;
}

static vdt_status try_text(struct vdt_scene *scene, const struct vdt_warp_grid *grid,
                           enum vdt_resampling resampling, bool overviews, char **text,
                           int *overview, struct vdt_error *error)
{
    double ratio[2], geotransform[6];
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection bands = {0};
    vdt_status status = vdt_scene_select(scene, NULL, 0, &bands, error);
    if (status != VDT_OK)
        return status;
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    void *transformer = make_transformer(scene, scene->dataset, grid->crs);
    if (transformer != NULL) {
        memcpy(geotransform, grid->geotransform, sizeof geotransform);
        GDALSetGenImgProjTransformerDstGeoTransform(transformer, geotransform);
        measure(transformer, grid, ratio);
    }
    free_transformer(&transformer);
    int chosen = overviews ? choose_overview(scene, ratio) : 0;
    vdt_cleanup(close_dataset) GDALDatasetH source = open_source(scene, chosen);
    vdt_quiet_end(&quiet);
    if (source == NULL)
        return fail_gdal(scene, &quiet, error);
    status = write_vrt(scene, source, grid, &bands, resampling, text, error);
    if (status == VDT_OK)
        *overview = chosen;
    return status;
}

vdt_status vdt_warp_text(struct vdt_scene *scene, const struct vdt_warp_grid *grid,
                         enum vdt_resampling resampling, bool overviews, char **text, int *overview,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_remote_end) struct vdt_remote remote;
    vdt_remote_begin(&remote, scene->path);
    struct vdt_error cause;
    for (unsigned tried = 0;; tried++) {
        vdt_status status = try_text(scene, grid, resampling, overviews, text, overview, &cause);
        if (status == VDT_OK)
            return VDT_OK;
        if (!vdt_remote_again(scene->path, &cause, tried))
            return vdt_fail(error, status, "%s", cause.message);
    }
}

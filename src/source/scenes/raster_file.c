/* Image files. */
#include "source/scenes/raster_file.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/quiet.h"

/* By enum vdt_raster_format; also the list of those that are read. */
static const char *const drivers[] = {"GTiff", "PNG", "JPEG", NULL};

static void close_dataset(GDALDatasetH *dataset)
{
    if (*dataset != NULL)
        GDALClose(*dataset);
}

static void free_list(char ***list)
{
    CSLDestroy(*list);
}

static GDALDataType type_of(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8: return GDT_Byte;
    case VDT_UINT16: return GDT_UInt16;
    case VDT_INT16: return GDT_Int16;
    case VDT_UINT32: return GDT_UInt32;
    case VDT_INT32: return GDT_Int32;
    case VDT_FLOAT32: return GDT_Float32;
    case VDT_FLOAT64: return GDT_Float64;
    default: return GDT_Unknown;
    }
}

void vdt_raster_prepare(void)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
}

/* GDAL's view of the caller's pixels: no copy. */
static bool add_bands(GDALDatasetH memory, const struct vdt_tile_spec *raster, const void *pixels)
{
    size_t plane = (size_t)raster->rows * raster->cols * vdt_dtype_size(raster->dtype);
    for (uint32_t b = 0; b < raster->bands; b++) {
        char pointer[64];
        int length = CPLPrintPointer(pointer, (char *)pixels + b * plane, sizeof pointer - 1);
        pointer[length] = '\0';
        vdt_cleanup(free_list) char **options = CSLSetNameValue(NULL, "DATAPOINTER", pointer);
        if (GDALAddBand(memory, type_of(raster->dtype), options) != CE_None)
            return false;
    }
    return true;
}

static bool describe(GDALDatasetH memory, const struct vdt_tile_spec *raster,
                     const char *const *band_names, const struct vdt_raster_place *place)
{
    for (uint32_t b = 0; band_names != NULL && b < raster->bands; b++)
        GDALSetDescription(GDALGetRasterBand(memory, (int)b + 1), band_names[b]);
    double geotransform[6];
    if (place->geotransform != NULL) {
        memcpy(geotransform, place->geotransform, sizeof geotransform);
        if (GDALSetGeoTransform(memory, geotransform) != CE_None)
            return false;
    }
    if (place->crs == NULL || place->crs[0] == '\0')
        return true;
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs = vdt_crs_from_text(place->crs);
    return crs != NULL && GDALSetSpatialRef(memory, crs) == CE_None;
}

static char **options_of(enum vdt_raster_format format, const struct vdt_tile_spec *raster)
{
    if (format == VDT_RASTER_JPEG)
        return CSLSetNameValue(NULL, "QUALITY", "95");
    if (format == VDT_RASTER_PNG)
        return NULL;
    char **options = CSLSetNameValue(NULL, "COMPRESS", "DEFLATE");
    /* Otherwise GDAL takes a fourth band for alpha. */
    return raster->bands == 3 ? options : CSLSetNameValue(options, "PHOTOMETRIC", "MINISBLACK");
}

static vdt_status write_copy(const char *path, enum vdt_raster_format format,
                             const struct vdt_tile_spec *raster, GDALDatasetH memory,
                             struct vdt_quiet *quiet, struct vdt_error *error)
{
    vdt_cleanup(free_list) char **options = options_of(format, raster);
    GDALDriverH driver = GDALGetDriverByName(drivers[format]);
    if (driver == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: this GDAL has no driver %s", path,
                        drivers[format]);
    GDALDatasetH written = GDALCreateCopy(driver, path, memory, FALSE, options, NULL, NULL);
    bool good = written != NULL;
    if (good) {
        GDALFlushCache(written);
        GDALClose(written);
    }
    if (!good || quiet->failures > 0)
        return vdt_fail(error, VDT_ERR_IO, "%s: cannot be written: %s", path,
                        vdt_quiet_text(quiet, "GDAL does not say why"));
    return VDT_OK;
}

vdt_status vdt_raster_save(const char *path, enum vdt_raster_format format,
                           const struct vdt_tile_spec *raster, const void *pixels,
                           const char *const *band_names, const struct vdt_raster_place *place,
                           struct vdt_error *error)
{
    static const struct vdt_raster_place nowhere = {0};
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    /* No .aux.xml beside the file: what the format cannot hold is not wanted. */
    CPLSetThreadLocalConfigOption("GDAL_PAM_ENABLED", "NO");
    vdt_cleanup(close_dataset) GDALDatasetH memory =
        GDALCreate(GDALGetDriverByName("MEM"), "", (int)raster->cols, (int)raster->rows, 0,
                   type_of(raster->dtype), NULL);
    vdt_status status = VDT_OK;
    if (memory == NULL || !add_bands(memory, raster, pixels) ||
        !describe(memory, raster, band_names,
                  format == VDT_RASTER_TIFF && place != NULL ? place : &nowhere))
        status = vdt_fail(error, VDT_ERR_FORMAT, "%s: %s", path,
                          vdt_quiet_text(&quiet, "the CRS is none that GDAL knows"));
    if (status == VDT_OK)
        status = write_copy(path, format, raster, memory, &quiet, error);
    CPLSetThreadLocalConfigOption("GDAL_PAM_ENABLED", NULL);
    vdt_quiet_end(&quiet);
    return status;
}

vdt_status vdt_raster_encode(enum vdt_raster_format format, const struct vdt_tile_spec *raster,
                             const void *pixels, const char *const *band_names,
                             const struct vdt_raster_place *place, struct vdt_buffer *bytes,
                             struct vdt_error *error)
{
    char path[80]; /* one for each call: the address is nobody else's meanwhile */
    snprintf(path, sizeof path, "/vsimem/vedatile-%p", (void *)path);
    vdt_status status = vdt_raster_save(path, format, raster, pixels, band_names, place, error);
    if (status != VDT_OK)
        return status;
    vsi_l_offset size = 0;
    const GByte *data = VSIGetMemFileBuffer(path, &size, FALSE);
    bool good = data != NULL && vdt_buffer_append(bytes, data, (size_t)size);
    VSIUnlink(path);
    return good ? VDT_OK : vdt_fail_memory(error, "an image file");
}

static vdt_status read_pixels(GDALDatasetH file, const char *what,
                              const struct vdt_tile_spec *raster, void *pixels,
                              const struct vdt_quiet *quiet, struct vdt_error *error)
{
    int cols = GDALGetRasterXSize(file), rows = GDALGetRasterYSize(file),
        bands = GDALGetRasterCount(file);
    if (cols != (int)raster->cols || rows != (int)raster->rows || bands != (int)raster->bands)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: an image of [%d, %d, %d], not [%u, %u, %u] (bands, rows, cols)", what,
                        bands, rows, cols, raster->bands, raster->rows, raster->cols);
    for (int b = 1; b <= bands; b++) {
        GDALDataType type = GDALGetRasterDataType(GDALGetRasterBand(file, b));
        if (type != type_of(raster->dtype))
            return vdt_fail(error, VDT_ERR_MISMATCH, "%s: pixels of type %s, not %s", what,
                            GDALGetDataTypeName(type), vdt_dtype_name(raster->dtype));
    }
    if (GDALDatasetRasterIO(file, GF_Read, 0, 0, cols, rows, pixels, cols, rows,
                            type_of(raster->dtype), bands, NULL, 0, 0, 0) != CE_None ||
        quiet->failures + quiet->damage > 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: cannot be decoded: %s", what,
                        vdt_quiet_text(quiet, "GDAL does not say why"));
    return VDT_OK;
}

static vdt_status load(const char *path, const char *what, const struct vdt_tile_spec *raster,
                       void *pixels, struct vdt_error *error)
{
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(close_dataset) GDALDatasetH file = GDALOpenEx(
        path, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, drivers, NULL, NULL);
    vdt_status status = file == NULL
                            ? vdt_fail(error, VDT_ERR_FORMAT, "%s: no TIFF, PNG or JPEG: %s", what,
                                       vdt_quiet_text(&quiet, "no driver knows it"))
                            : read_pixels(file, what, raster, pixels, &quiet, error);
    vdt_quiet_end(&quiet);
    return status;
}

vdt_status vdt_raster_load(const char *path, const struct vdt_tile_spec *raster, void *pixels,
                           struct vdt_error *error)
{
    vdt_status status = vdt_check_exists(path, error);
    return status == VDT_OK ? load(path, path, raster, pixels, error) : status;
}

vdt_status vdt_raster_decode(const char *what, const void *bytes, size_t size,
                             const struct vdt_tile_spec *raster, void *pixels,
                             struct vdt_error *error)
{
    char path[80];
    snprintf(path, sizeof path, "/vsimem/vedatile-%p", (void *)path);
    VSILFILE *file = VSIFileFromMemBuffer(path, (GByte *)bytes, size, FALSE);
    if (file == NULL)
        return vdt_fail_memory(error, what);
    VSIFCloseL(file);
    vdt_status status = load(path, what, raster, pixels, error);
    VSIUnlink(path);
    return status;
}

static bool dtype_of(GDALDataType type, enum vdt_dtype *dtype)
{
    static const enum vdt_dtype all[] = {VDT_UINT8, VDT_UINT16,  VDT_INT16,  VDT_UINT32,
                                         VDT_INT32, VDT_FLOAT32, VDT_FLOAT64};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (type_of(all[i]) == type) {
            *dtype = all[i];
            return true;
        }
    return false;
}

vdt_status vdt_raster_shape(const char *path, struct vdt_tile_spec *shape, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(close_dataset) GDALDatasetH file = GDALOpenEx(
        path, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, NULL, NULL, NULL);
    if (file == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no image: %s", path,
                        vdt_quiet_text(&quiet, "no driver knows it"));
    struct vdt_tile_spec found = {.cols = (uint32_t)GDALGetRasterXSize(file),
                                  .rows = (uint32_t)GDALGetRasterYSize(file)};
    GDALDataType type = GDT_Unknown;
    for (int b = 1; b <= GDALGetRasterCount(file); b++) {
        GDALRasterBandH band = GDALGetRasterBand(file, b);
        if (GDALGetRasterColorInterpretation(band) == GCI_AlphaBand)
            continue;
        found.bands++;
        type = type == GDT_Unknown ? GDALGetRasterDataType(band)
                                   : GDALDataTypeUnion(type, GDALGetRasterDataType(band));
    }
    if (found.bands == 0 || !dtype_of(type, &found.dtype))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: no bands of a pixel type that stores have",
                        path);
    *shape = found;
    return VDT_OK;
}

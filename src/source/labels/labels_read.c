/* One label file through OGR: every layer's polygons and class values, packed. */
#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/labels/labels_columns.h"
#include "source/scenes/remote.h"

#define SIZE_OPTION "OGR_GEOJSON_MAX_OBJ_SIZE"

/* While a file is read. */
struct reading {
    struct vdt_label_file *file;
    const char *path;
    char *fetched; /* a remote file in memory; NULL: the path itself is opened */
    struct vdt_quiet quiet;
    GDALDatasetH dataset;
    char *size_option; /* to be restored */
    struct vdt_label_columns columns;
    struct vdt_label_numbers numbers;
};

static void destroy_feature(OGRFeatureH *feature)
{
    if (*feature != NULL)
        OGR_F_Destroy(*feature);
}

static void begin_reading(struct reading *reading)
{
    vdt_quiet_begin(&reading->quiet);
    const char *old = CPLGetThreadLocalConfigOption(SIZE_OPTION, NULL);
    reading->size_option = old == NULL ? NULL : CPLStrdup(old);
    /* Else an object of more than 200 MB ends the file. */
    CPLSetThreadLocalConfigOption(SIZE_OPTION, "0");
}

static void end_reading(struct reading *reading)
{
    if (reading->dataset != NULL)
        GDALClose(reading->dataset);
    vdt_remote_drop(&reading->fetched);
    vdt_label_columns_clear(&reading->columns);
    CPLSetThreadLocalConfigOption(SIZE_OPTION, reading->size_option);
    CPLFree(reading->size_option);
    vdt_quiet_end(&reading->quiet);
}

/* --- features ---------------------------------------------------------------------------- */

static vdt_status add_feature(struct reading *reading, OGRFeatureH feature, struct vdt_error *error)
{
    long long id = (long long)OGR_F_GetFID(feature);
    struct vdt_shape shape;
    bool kept = false;
    uint32_t value;
    vdt_status status =
        vdt_shape_append(&reading->file->source->geometry, OGR_F_GetGeometryRef(feature),
                         vdt_label_keeps_lines(reading->file->options), &shape, error);
    if (status == VDT_OK)
        status = vdt_label_file_judge(reading->file, id, &shape, &kept, error);
    if (status != VDT_OK || !kept)
        return status;
    struct vdt_feature numbers = {0};
    status = vdt_label_numbers_value(reading->file, &reading->numbers, feature, shape.lines > 0,
                                     &numbers, &kept, error);
    if (status == VDT_OK && kept)
        status = vdt_label_columns_value(reading->file, &reading->columns, feature, &value, error);
    if (status == VDT_OK && kept)
        status = vdt_label_file_add(reading->file, id, &shape, value, error);
    if (status != VDT_OK || !kept)
        return status;
    struct vdt_geometry *geometry = &reading->file->source->geometry;
    struct vdt_feature *added = &geometry->features[geometry->feature_count - 1];
    added->order = numbers.order;
    added->target = numbers.target;
    added->owner = numbers.owner;
    if (reading->file->options->width_field != NULL)
        added->width = numbers.width;
    return VDT_OK;
}

static vdt_status read_features(struct reading *reading, OGRLayerH layer, struct vdt_error *error)
{
    long long last = -1;
    vdt_quiet_reset(&reading->quiet);
    OGR_L_ResetReading(layer);
    for (;;) {
        vdt_cleanup(destroy_feature) OGRFeatureH feature = OGR_L_GetNextFeature(layer);
        if (reading->quiet.failures > 0)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: cannot be read after feature %lld (%s)",
                            reading->path, last, reading->quiet.text);
        if (feature == NULL)
            return VDT_OK;
        last = (long long)OGR_F_GetFID(feature);
        vdt_status status = add_feature(reading, feature, error);
        if (status != VDT_OK)
            return status;
    }
}

/* --- layers ------------------------------------------------------------------------------ */

/* Heights are not read. The GeoJSON driver gives features with heights EPSG:4979, and those without
 * its own WGS 84: both have to take the same way to the ground. */
static void drop_height(OGRSpatialReferenceH crs)
{
    if (OSRGetAxesCount(crs) != 3 || OSRDemoteTo2D(crs, NULL) != OGRERR_NONE)
        return;
    const char *code = OSRGetAuthorityCode(crs, NULL);
    if (code != NULL && strcmp(code, "4326") == 0)
        OSRSetWellKnownGeogCS(crs, "WGS84");
}

vdt_status vdt_label_layer_crs(OGRLayerH layer, const struct vdt_quiet *quiet, const char *path,
                               char **crs, struct vdt_error *error)
{
    OGRSpatialReferenceH given = OGR_L_GetSpatialRef(layer);
    /* The GeoJSON driver takes WGS 84 for a CRS that it does not know. */
    if (quiet->failures > 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS is not known (%s)", path, quiet->text);
    char *wkt = NULL;
    const char *const options[] = {"FORMAT=WKT2_2019", NULL};
    /* A local frame is as good as none: coordinates are then the scene's. */
    if (given != NULL && !OSRIsLocal(given)) {
        vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH own = OSRClone(given);
        drop_height(own);
        if (OSRExportToWktEx(own, &wkt, options) != OGRERR_NONE) {
            CPLFree(wkt);
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS cannot be written as WKT", path);
        }
    }
    *crs = vdt_copy_string(wkt == NULL ? "" : wkt);
    CPLFree(wkt);
    return *crs == NULL ? vdt_fail_memory(error, path) : VDT_OK;
}

static vdt_status read_layer(struct reading *reading, OGRLayerH layer, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *crs = NULL;
    size_t added;
    vdt_status status =
        vdt_label_columns_open(reading->file, layer, &reading->quiet, &reading->columns, error);
    if (status == VDT_OK)
        status = vdt_label_numbers_open(reading->file, layer, &reading->numbers, error);
    if (status == VDT_OK)
        status = vdt_label_layer_crs(layer, &reading->quiet, reading->path, &crs, error);
    if (status == VDT_OK)
        status = vdt_label_file_begin(reading->file, crs, &added, error);
    if (status != VDT_OK)
        return status;
    status = read_features(reading, layer, error);
    vdt_label_columns_clear(&reading->columns);
    vdt_label_file_end(reading->file, added);
    return status;
}

/* Tables of attributes only are left out when there are layers with geometry next to them. */
static bool is_plain_table(GDALDatasetH dataset, int index)
{
    int count = GDALDatasetGetLayerCount(dataset);
    if (OGR_L_GetGeomType(GDALDatasetGetLayer(dataset, index)) != wkbNone)
        return false;
    for (int i = 0; i < count; i++)
        if (OGR_L_GetGeomType(GDALDatasetGetLayer(dataset, i)) != wkbNone)
            return true;
    return false;
}

vdt_status vdt_labels_read_ogr(struct vdt_label_file *file, struct vdt_error *error)
{
    vdt_cleanup(end_reading) struct reading reading = {.file = file, .path = file->path};
    begin_reading(&reading);
    vdt_status status = vdt_remote_fetch(file->path, &reading.fetched, error);
    if (status != VDT_OK)
        return status;
    reading.dataset =
        GDALOpenEx(reading.fetched == NULL ? reading.path : reading.fetched,
                   GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, NULL, NULL, NULL);
    if (reading.dataset == NULL)
        return vdt_fail(
            error, VDT_ERR_FORMAT,
            "%s: not a vector file that OGR can open (%s): name a file that ogrinfo reads",
            reading.path, vdt_quiet_text(&reading.quiet, "no driver knows it"));
    int layers = GDALDatasetGetLayerCount(reading.dataset);
    for (int i = 0; i < layers && status == VDT_OK; i++)
        if (!is_plain_table(reading.dataset, i))
            status = read_layer(&reading, GDALDatasetGetLayer(reading.dataset, i), error);
    return status;
}

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
#include "source/labels_state.h"
#include "source/quiet.h"
#include "source/shape.h"

#define SIZE_OPTION "OGR_GEOJSON_MAX_OBJ_SIZE"

/* While a file is read. */
struct reading {
    struct vdt_labels_source *source;
    const struct vdt_label_options *options;
    struct vdt_values *values;
    const char *path;
    struct vdt_quiet quiet;
    GDALDatasetH dataset;
    char *size_option; /* to be restored */
    int field;         /* of the layer; -1: no class field */
    uint64_t features, null_geometries;
    uint64_t without_area; /* points and lines */
    GIntBig without_area_id;
    char without_area_type[40];
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
    CPLSetThreadLocalConfigOption(SIZE_OPTION, reading->size_option);
    CPLFree(reading->size_option);
    vdt_quiet_end(&reading->quiet);
}

/* --- class values ------------------------------------------------------------------------ */

/* "a, b, c", cut after what fits. */
static void list_fields(OGRFeatureDefnH definition, char *text, size_t size)
{
    int count = OGR_FD_GetFieldCount(definition);
    size_t used = 0;
    snprintf(text, size, "no fields");
    for (int i = 0; i < count; i++) {
        const char *name = OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i));
        if (used + strlen(name) + 8 > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", name);
    }
}

static vdt_status find_field(struct reading *reading, OGRLayerH layer, struct vdt_error *error)
{
    const struct vdt_label_options *options = reading->options;
    OGRFeatureDefnH definition = OGR_L_GetLayerDefn(layer);
    char fields[512];
    reading->field = -1;
    if (options->class_field == NULL && options->class_count <= 1)
        return VDT_OK;
    list_fields(definition, fields, sizeof fields);
    if (options->class_field == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: %zu classes but no class field: name one of its fields (%s)",
                        reading->path, options->class_count, fields);
    /* Not OGR's own search, which takes "Class" for "class". */
    for (int i = 0; i < OGR_FD_GetFieldCount(definition) && reading->field < 0; i++)
        if (strcmp(OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i)), options->class_field) ==
            0)
            reading->field = i;
    /* An empty GeoJSON has no fields at all; what is wrong with it is that it is empty. */
    if (reading->field >= 0 || OGR_L_GetFeatureCount(layer, 1) == 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: layer '%s' has no field '%s': it has %s",
                    reading->path, OGR_L_GetName(layer), options->class_field, fields);
}

/* The shortest text that reads back as the same number, whatever the locale. */
static void real_text(double value, char *text, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        CPLsnprintf(text, (int)size, "%.*g", digits, value);
        if (CPLAtof(text) == value)
            return;
    }
}

static vdt_status class_value(struct reading *reading, OGRFeatureH feature, uint32_t *number,
                              struct vdt_error *error)
{
    char digits[64];
    const char *text = digits;
    int field = reading->field;
    if (field < 0) {
        *number = 0;
        return VDT_OK;
    }
    if (!OGR_F_IsFieldSetAndNotNull(feature, field)) {
        text = VDT_NO_VALUE;
    } else {
        switch (OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field))) {
        case OFTInteger:
        case OFTInteger64:
            snprintf(digits, sizeof digits, "%lld",
                     (long long)OGR_F_GetFieldAsInteger64(feature, field));
            break;
        case OFTReal:
            real_text(OGR_F_GetFieldAsDouble(feature, field), digits, sizeof digits);
            break;
        default: text = OGR_F_GetFieldAsString(feature, field);
        }
    }
    if (!CPLIsUTF8(text, -1))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: feature %lld: field '%s' is not UTF-8: state the file's encoding",
                        reading->path, (long long)OGR_F_GetFID(feature),
                        reading->options->class_field);
    if (!vdt_values_add(reading->values, text, number))
        return vdt_fail_memory(error, reading->path);
    return VDT_OK;
}

/* --- features ---------------------------------------------------------------------------- */

static vdt_status add_feature(struct reading *reading, OGRFeatureH feature, struct vdt_error *error)
{
    struct vdt_labels_source *source = reading->source;
    struct vdt_geometry *geometry = &source->geometry;
    struct vdt_feature added = {.id = OGR_F_GetFID(feature), .first = geometry->part_count};
    struct vdt_shape shape;
    vdt_status status = vdt_shape_append(geometry, OGR_F_GetGeometryRef(feature), &shape, error);
    if (status != VDT_OK)
        return status;
    if (shape.not_finite)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: feature %lld: a coordinate is not a number",
                        reading->path, (long long)added.id);
    if (shape.parts == 0 && shape.broken[0] != '\0')
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: feature %lld: its geometry cannot be repaired (%s): remove it",
                        reading->path, (long long)added.id, shape.broken);
    if (shape.parts == 0) {
        if (shape.no_area[0] == '\0')
            reading->null_geometries++;
        else if (reading->without_area++ == 0) {
            reading->without_area_id = added.id;
            memcpy(reading->without_area_type, shape.no_area, sizeof shape.no_area);
        }
        return VDT_OK;
    }
    added.count = shape.parts;
    status = class_value(reading, feature, &added.class_id, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_grow(&geometry->features, &geometry->feature_capacity, geometry->feature_count + 1,
                  sizeof *geometry->features))
        return vdt_fail_memory(error, reading->path);
    geometry->features[geometry->feature_count++] = added;
    source->counts.repaired += shape.repaired;
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
        reading->features++;
        vdt_status status = add_feature(reading, feature, error);
        if (status != VDT_OK)
            return status;
    }
}

/* --- layers ------------------------------------------------------------------------------ */

static vdt_status layer_crs(struct reading *reading, OGRLayerH layer, char **crs,
                            struct vdt_error *error)
{
    OGRSpatialReferenceH own = OGR_L_GetSpatialRef(layer);
    /* The GeoJSON driver takes WGS 84 for a CRS that it does not know. */
    if (reading->quiet.failures > 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS is not known (%s)", reading->path,
                        reading->quiet.text);
    char *wkt = NULL;
    const char *const options[] = {"FORMAT=WKT2_2019", NULL};
    /* A local frame is as good as none: coordinates are then the scene's. */
    if (own != NULL && !OSRIsLocal(own) && OSRExportToWktEx(own, &wkt, options) != OGRERR_NONE) {
        CPLFree(wkt);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS cannot be written as WKT",
                        reading->path);
    }
    *crs = vdt_copy_string(wkt == NULL ? "" : wkt);
    CPLFree(wkt);
    return *crs == NULL ? vdt_fail_memory(error, reading->path) : VDT_OK;
}

static vdt_status read_layer(struct reading *reading, OGRLayerH layer, size_t file,
                             struct vdt_error *error)
{
    struct vdt_labels_source *source = reading->source;
    if (!vdt_grow(&source->layers, &source->layer_capacity, source->layer_count + 1,
                  sizeof *source->layers))
        return vdt_fail_memory(error, reading->path);
    vdt_status status = find_field(reading, layer, error);
    if (status != VDT_OK)
        return status;
    struct vdt_label_layer *added = &source->layers[source->layer_count];
    *added = (struct vdt_label_layer){
        .file = file,
        .first_feature = source->geometry.feature_count,
        .first_point = source->geometry.point_count,
    };
    status = layer_crs(reading, layer, &added->crs, error);
    if (status != VDT_OK)
        return status;
    source->layer_count++;
    status = read_features(reading, layer, error);
    added->feature_count = source->geometry.feature_count - added->first_feature;
    added->point_count = source->geometry.point_count - added->first_point;
    return status;
}

static vdt_status check_file(const struct reading *reading, struct vdt_error *error)
{
    if (reading->without_area > 0) {
        char total[64] = "";
        if (reading->without_area > 1)
            snprintf(total, sizeof total, " (%llu such features)",
                     (unsigned long long)reading->without_area);
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: feature %lld is a %s, which has no area: buffer it to polygons "
                        "first%s",
                        reading->path, (long long)reading->without_area_id,
                        reading->without_area_type, total);
    }
    if (reading->features == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: holds no features: leave it out",
                        reading->path);
    if (reading->null_geometries == reading->features)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: none of its %llu features has a geometry, all are null or empty: "
                        "leave it out",
                        reading->path, (unsigned long long)reading->features);
    return VDT_OK;
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

vdt_status vdt_labels_read(struct vdt_labels_source *source, size_t file,
                           const struct vdt_label_options *options, struct vdt_values *values,
                           struct vdt_error *error)
{
    vdt_status status = vdt_check_exists(source->paths[file], error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(end_reading) struct reading reading = {
        .source = source, .options = options, .values = values, .path = source->paths[file]};
    begin_reading(&reading);
    reading.dataset = GDALOpenEx(
        reading.path, GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, NULL, NULL, NULL);
    if (reading.dataset == NULL)
        return vdt_fail(
            error, VDT_ERR_FORMAT,
            "%s: not a vector file that OGR can open (%s): name a file that ogrinfo reads",
            reading.path, vdt_quiet_text(&reading.quiet, "no driver knows it"));
    int layers = GDALDatasetGetLayerCount(reading.dataset);
    for (int i = 0; i < layers && status == VDT_OK; i++)
        if (!is_plain_table(reading.dataset, i))
            status = read_layer(&reading, GDALDatasetGetLayer(reading.dataset, i), file, error);
    if (status == VDT_OK)
        status = check_file(&reading, error);
    source->counts.null_geometries += reading.null_geometries;
    return status;
}

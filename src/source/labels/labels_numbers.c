/* Numeric fields of label files: what decides the order of burning, and what is burnt. */
#include <gdal.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "source/labels/labels_state.h"

/* Not OGR's own search, which takes "Class" for "class". An empty GeoJSON has no fields at all;
 * what is wrong with it is that it is empty. */
static vdt_status find(const struct vdt_label_file *file, OGRLayerH layer, const char *name,
                       int *field, struct vdt_error *error)
{
    OGRFeatureDefnH definition = OGR_L_GetLayerDefn(layer);
    int count = OGR_FD_GetFieldCount(definition);
    char fields[512] = "no fields";
    size_t used = 0;
    *field = -1;
    for (int i = 0; name != NULL && i < count && *field < 0; i++) {
        const char *other = OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i));
        if (strcmp(other, name) == 0)
            *field = i;
        if (used + strlen(other) + 8 < sizeof fields)
            used += (size_t)snprintf(fields + used, sizeof fields - used, "%s%s",
                                     used == 0 ? "" : ", ", other);
    }
    if (name == NULL || *field >= 0 || OGR_L_GetFeatureCount(layer, 1) == 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: layer '%s' has no field '%s': it has %s",
                    file->path, OGR_L_GetName(layer), name, fields);
}

vdt_status vdt_label_numbers_open(const struct vdt_label_file *file, OGRLayerH layer,
                                  struct vdt_label_numbers *numbers, struct vdt_error *error)
{
    vdt_status status = find(file, layer, file->options->order_field, &numbers->order, error);
    if (status == VDT_OK)
        status = find(file, layer, file->options->target_field, &numbers->target, error);
    if (status == VDT_OK)
        status = find(file, layer, file->options->width_field, &numbers->width, error);
    if (status == VDT_OK)
        status = find(file, layer, file->options->owner_field, &numbers->owner, error);
    return status;
}

/* Numbers are burnt as float, so they must fit one. */
static vdt_status read_number(const struct vdt_label_file *file, OGRFeatureH feature, int field,
                              const char *name, double *number, bool *known,
                              struct vdt_error *error)
{
    const char *text = "null";
    if (field < 0)
        return VDT_OK;
    if (OGR_F_IsFieldSetAndNotNull(feature, field)) {
        OGRFieldType type = OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field));
        bool numeric = type == OFTInteger || type == OFTInteger64 || type == OFTReal;
        double value = numeric ? OGR_F_GetFieldAsDouble(feature, field) : 0;
        if (numeric && isfinite((float)value)) {
            *number = value;
            return VDT_OK;
        }
        text = OGR_F_GetFieldAsString(feature, field);
    }
    *known = false;
    if (file->options->unknown == VDT_UNKNOWN_SKIP)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: feature %lld: field '%s' is no number that fits a float (%.60s): correct "
                    "it, or leave such features out with --unknown skip",
                    file->path, (long long)OGR_F_GetFID(feature), name, text);
}

static vdt_status read_width(const struct vdt_label_file *file, OGRFeatureH feature, int field,
                             struct vdt_feature *to, bool *known, struct vdt_error *error)
{
    const char *name = file->options->width_field;
    to->width = 0;
    vdt_status status = read_number(file, feature, field, name, &to->width, known, error);
    if (status != VDT_OK || !*known || (to->width > 0 && to->width <= VDT_WIDTH_MOST))
        return status;
    *known = false;
    if (file->options->unknown == VDT_UNKNOWN_SKIP)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: feature %lld: field '%s' is no width (%g): metres above 0, at most %d, "
                    "are wanted; --unknown skip leaves such features out",
                    file->path, (long long)OGR_F_GetFID(feature), name, to->width, VDT_WIDTH_MOST);
}

/* The text of the field's value, as class values are read, is what samples are divided by. */
static vdt_status read_owner(struct vdt_label_file *file, OGRFeatureH feature, int field,
                             uint32_t *owner, bool *known, struct vdt_error *error)
{
    char digits[64];
    if (field < 0)
        return VDT_OK;
    const char *text = vdt_label_field_text(feature, field, digits);
    if (strcmp(text, VDT_NO_VALUE) != 0)
        return vdt_values_add(&file->source->owners, text, owner)
                   ? VDT_OK
                   : vdt_fail_memory(error, file->path);
    *known = false;
    if (file->options->unknown == VDT_UNKNOWN_SKIP)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: feature %lld has no value of field '%s', by which samples are split: give "
                    "it one, or leave such features out with --unknown skip",
                    file->path, (long long)OGR_F_GetFID(feature), file->options->owner_field);
}

vdt_status vdt_label_numbers_value(struct vdt_label_file *file,
                                   const struct vdt_label_numbers *numbers, OGRFeatureH feature,
                                   bool wide, struct vdt_feature *to, bool *known,
                                   struct vdt_error *error)
{
    const struct vdt_label_options *options = file->options;
    vdt_status status =
        read_number(file, feature, numbers->order, options->order_field, &to->order, known, error);
    if (status == VDT_OK)
        status = read_number(file, feature, numbers->target, options->target_field, &to->target,
                             known, error);
    if (status == VDT_OK && wide && numbers->width >= 0)
        status = read_width(file, feature, numbers->width, to, known, error);
    if (status == VDT_OK)
        status = read_owner(file, feature, numbers->owner, &to->owner, known, error);
    if (status == VDT_OK && !*known)
        file->source->counts.unknown_skipped++;
    return status;
}

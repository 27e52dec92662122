/* What decides about the classes of an OGR layer's features. */
#include "source/labels/labels_columns.h"

#include <cpl_string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

static void destroy_feature(OGRFeatureH *feature)
{
    if (*feature != NULL)
        OGR_F_Destroy(*feature);
}

void vdt_label_columns_clear(struct vdt_label_columns *columns)
{
    for (size_t i = 0; i < columns->held_count; i++)
        free(columns->held[i].ids);
    free(columns->held);
    free(columns->fields);
    vdt_buffer_clear(&columns->text);
    *columns = (struct vdt_label_columns){0};
}

/* --- fields ------------------------------------------------------------------------------ */

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

static vdt_status find_field(const struct vdt_label_file *file, OGRLayerH layer, const char *name,
                             struct vdt_label_columns *columns, struct vdt_error *error)
{
    OGRFeatureDefnH definition = OGR_L_GetLayerDefn(layer);
    int found = -1;
    /* Not OGR's own search, which takes "Class" for "class". */
    for (int i = 0; i < OGR_FD_GetFieldCount(definition) && found < 0; i++)
        if (strcmp(OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i)), name) == 0)
            found = i;
    /* An empty GeoJSON has no fields at all; what is wrong with it is that it is empty. */
    if (found < 0 && OGR_L_GetFeatureCount(layer, 1) != 0) {
        char fields[512];
        list_fields(definition, fields, sizeof fields);
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: layer '%s' has no field '%s': it has %s",
                        file->path, OGR_L_GetName(layer), name, fields);
    }
    columns->fields[columns->field_count++] = found;
    return VDT_OK;
}

static vdt_status find_fields(const struct vdt_label_file *file, OGRLayerH layer,
                              struct vdt_label_columns *columns, struct vdt_error *error)
{
    const struct vdt_label_options *options = file->options;
    const struct vdt_class_map *map = options->class_map;
    size_t count = map == NULL ? options->class_field != NULL : vdt_class_map_field_count(map);
    if (map == NULL && count == 0 && options->class_count > 1) {
        char fields[512];
        list_fields(OGR_L_GetLayerDefn(layer), fields, sizeof fields);
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: %zu classes but no class field: name one of its fields (%s)",
                        file->path, options->class_count, fields);
    }
    columns->fields = vdt_allocate(count, sizeof *columns->fields);
    if (columns->fields == NULL)
        return vdt_fail_memory(error, file->path);
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < count && status == VDT_OK; i++)
        status = find_field(file, layer,
                            map == NULL ? options->class_field : vdt_class_map_field(map, i),
                            columns, error);
    return status;
}

/* --- conditions -------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static vdt_status fail_condition(const struct vdt_label_file *file, size_t number,
                                 const struct vdt_quiet *quiet, struct vdt_error *error)
{
    char place[48];
    vdt_class_map_place(file->options->class_map, number, place, sizeof place);
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: class map, %s: %s", file->path, place,
                    vdt_quiet_text(quiet, "OGR refuses it"));
}

static vdt_status find_held(const struct vdt_label_file *file, OGRLayerH layer, size_t number,
                            struct vdt_quiet *quiet, struct vdt_label_held *held,
                            struct vdt_error *error)
{
    vdt_quiet_reset(quiet);
    const char *condition = vdt_class_map_condition(file->options->class_map, number);
    if (OGR_L_SetAttributeFilter(layer, condition) != OGRERR_NONE)
        return fail_condition(file, number, quiet, error);
    OGR_L_ResetReading(layer);
    for (;;) {
        vdt_cleanup(destroy_feature) OGRFeatureH feature = OGR_L_GetNextFeature(layer);
        if (feature == NULL)
            break;
        if (!vdt_grow(&held->ids, &held->capacity, held->count + 1, sizeof *held->ids))
            return vdt_fail_memory(error, file->path);
        held->ids[held->count++] = OGR_F_GetFID(feature);
    }
    if (quiet->failures > 0)
        return fail_condition(file, number, quiet, error);
    if (held->count > 0)
        qsort(held->ids, held->count, sizeof *held->ids, compare_ids);
    return VDT_OK;
}

vdt_status vdt_label_columns_open(const struct vdt_label_file *file, OGRLayerH layer,
                                  struct vdt_quiet *quiet, struct vdt_label_columns *columns,
                                  struct vdt_error *error)
{
    const struct vdt_class_map *map = file->options->class_map;
    size_t conditions = map == NULL ? 0 : vdt_class_map_condition_count(map);
    *columns = (struct vdt_label_columns){0};
    vdt_status status = find_fields(file, layer, columns, error);
    if (status != VDT_OK || conditions == 0)
        return status;
    columns->held = vdt_allocate_zero(conditions, sizeof *columns->held);
    if (columns->held == NULL)
        return vdt_fail_memory(error, file->path);
    columns->held_count = conditions;
    for (size_t i = 0; i < conditions && status == VDT_OK; i++)
        status = find_held(file, layer, i, quiet, &columns->held[i], error);
    OGR_L_SetAttributeFilter(layer, NULL);
    return status;
}

/* --- values ------------------------------------------------------------------------------ */

const char *vdt_label_field_text(OGRFeatureH feature, int field, char digits[64])
{
    if (field < 0 || !OGR_F_IsFieldSetAndNotNull(feature, field))
        return VDT_NO_VALUE;
    switch (OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field))) {
    case OFTInteger:
    case OFTInteger64:
        snprintf(digits, 64, "%lld", (long long)OGR_F_GetFieldAsInteger64(feature, field));
        return digits;
    case OFTReal:
        vdt_label_number_text(OGR_F_GetFieldAsDouble(feature, field), digits, 64);
        return digits;
    default: return OGR_F_GetFieldAsString(feature, field);
    }
}

static bool holds(const struct vdt_label_held *held, int64_t id)
{
    return held->count > 0 && bsearch(&id, held->ids, held->count, sizeof id, compare_ids) != NULL;
}

/* What vdt_labels_open takes apart again. */
static bool add_text(struct vdt_label_columns *columns, const char *text, bool mapped)
{
    size_t begin = columns->text.size, length = strlen(text);
    if (!vdt_buffer_append(&columns->text, text, length))
        return false;
    if (!mapped)
        return true;
    char *added = (char *)columns->text.data + begin;
    for (size_t i = 0; i < length; i++)
        if (added[i] == VDT_VALUE_END)
            added[i] = ' ';
    const char end = VDT_VALUE_END;
    return vdt_buffer_append(&columns->text, &end, 1);
}

vdt_status vdt_label_columns_value(const struct vdt_label_file *file,
                                   struct vdt_label_columns *columns, OGRFeatureH feature,
                                   uint32_t *number, struct vdt_error *error)
{
    const struct vdt_class_map *map = file->options->class_map;
    char digits[64];
    *number = 0;
    if (map == NULL && columns->field_count == 0)
        return VDT_OK;
    bool good = true;
    columns->text.size = 0;
    for (size_t i = 0; i < columns->field_count && good; i++) {
        const char *text = vdt_label_field_text(feature, columns->fields[i], digits);
        if (!CPLIsUTF8(text, -1))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: feature %lld: field '%s' is not UTF-8: state the file's encoding",
                            file->path, (long long)OGR_F_GetFID(feature),
                            OGR_Fld_GetNameRef(OGR_F_GetFieldDefnRef(feature, columns->fields[i])));
        good = add_text(columns, text, map != NULL);
    }
    for (size_t i = 0; i < columns->held_count && good; i++)
        good = vdt_buffer_append(&columns->text,
                                 holds(&columns->held[i], OGR_F_GetFID(feature)) ? "1" : "0", 1);
    if (!good || !vdt_buffer_append(&columns->text, "", 1) ||
        !vdt_values_add(file->values, (const char *)columns->text.data, number))
        return vdt_fail_memory(error, file->path);
    return VDT_OK;
}

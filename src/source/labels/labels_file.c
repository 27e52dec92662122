/* What every reader of label files does with what it found. */
#include <cpl_conv.h>
#include <cpl_string.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/geojson.h"
#include "source/labels/label_images.h"
#include "source/labels/labels_state.h"

bool vdt_label_one_field(const struct vdt_label_options *options, const char **field)
{
    const struct vdt_class_map *map = options->class_map;
    *field = options->class_field;
    if (map == NULL)
        return true;
    if (vdt_class_map_field_count(map) != 1 || vdt_class_map_condition_count(map) > 0)
        return false;
    *field = vdt_class_map_field(map, 0);
    return true;
}

vdt_status vdt_label_file_begin(struct vdt_label_file *file, const char *crs, size_t *layer,
                                struct vdt_error *error)
{
    struct vdt_labels_source *source = file->source;
    if (!vdt_grow(&source->layers, &source->layer_capacity, source->layer_count + 1,
                  sizeof *source->layers))
        return vdt_fail_memory(error, file->path);
    struct vdt_label_layer added = {
        .file = file->number,
        .crs = vdt_copy_string(crs),
        .first_feature = source->geometry.feature_count,
        .first_point = source->geometry.point_count,
    };
    if (added.crs == NULL)
        return vdt_fail_memory(error, file->path);
    *layer = source->layer_count;
    source->layers[source->layer_count++] = added;
    return VDT_OK;
}

void vdt_label_file_end(struct vdt_label_file *file, size_t layer)
{
    struct vdt_labels_source *source = file->source;
    struct vdt_label_layer *ended = &source->layers[layer];
    ended->feature_count = source->geometry.feature_count - ended->first_feature;
    ended->point_count = source->geometry.point_count - ended->first_point;
}

vdt_status vdt_label_file_judge(struct vdt_label_file *file, long long id,
                                const struct vdt_shape *shape, bool *kept, struct vdt_error *error)
{
    file->features++;
    *kept = shape->parts > 0;
    if (shape->not_finite)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: feature %lld: a coordinate is not a number",
                        file->path, id);
    if (!*kept && shape->broken[0] != '\0')
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: feature %lld: its geometry cannot be repaired (%s): remove it",
                        file->path, id, shape->broken);
    if (*kept) {
        file->repaired += shape->repaired;
    } else if (shape->no_area[0] == '\0') {
        file->null_geometries++;
    } else if (file->without_area++ == 0) {
        file->without_area_id = id;
        memcpy(file->without_area_type, shape->no_area, sizeof shape->no_area);
    }
    return VDT_OK;
}

bool vdt_label_keeps_lines(const struct vdt_label_options *options)
{
    return options->width > 0 || options->width_field != NULL;
}

vdt_status vdt_label_file_add(struct vdt_label_file *file, long long id,
                              const struct vdt_shape *shape, uint32_t value,
                              struct vdt_error *error)
{
    struct vdt_geometry *geometry = &file->source->geometry;
    if (!vdt_grow(&geometry->features, &geometry->feature_capacity, geometry->feature_count + 1,
                  sizeof *geometry->features))
        return vdt_fail_memory(error, file->path);
    if (shape->lines > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: feature %lld has %zu lines", file->path,
                        id, shape->lines);
    geometry->features[geometry->feature_count++] =
        (struct vdt_feature){.id = id,
                             .class_id = value,
                             .lines = (uint32_t)shape->lines,
                             .width = file->options->width,
                             .first = geometry->part_count - shape->parts,
                             .count = shape->parts};
    return VDT_OK;
}

void vdt_label_number_text(double value, char *text, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        CPLsnprintf(text, (int)size, "%.*g", digits, value);
        if (CPLAtof(text) == value)
            return;
    }
}

static vdt_status check_file(const struct vdt_label_file *file, struct vdt_error *error)
{
    if (file->without_area > 0) {
        char total[64] = "";
        if (file->without_area > 1)
            snprintf(total, sizeof total, " (%llu such features)",
                     (unsigned long long)file->without_area);
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: feature %lld is a %s, which has no area: give labels a --width, such "
                        "as 2.5m or 3px, or buffer it to polygons first%s",
                        file->path, file->without_area_id, file->without_area_type, total);
    }
    if (file->features == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: holds no features: leave it out", file->path);
    if (file->null_geometries == file->features)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: none of its %llu features has a geometry, all are null or empty: "
                        "leave it out",
                        file->path, (unsigned long long)file->features);
    return VDT_OK;
}

vdt_status vdt_labels_read(struct vdt_labels_source *source, size_t number,
                           const struct vdt_label_options *options, struct vdt_values *values,
                           struct vdt_error *error)
{
    struct vdt_label_file file = {.source = source,
                                  .options = options,
                                  .values = values,
                                  .path = source->paths[number],
                                  .number = number};
    bool taken = false;
    const struct vdt_geometry begin = source->geometry;
    vdt_status status = vdt_check_exists(file.path, error);
    bool numbers = options->order_field != NULL || options->target_field != NULL ||
                   options->width_field != NULL || options->owner_field != NULL;
    if (status == VDT_OK)
        status = vdt_label_images_read(&file, &taken, error);
    if (status == VDT_OK && !taken && !numbers) /* which our own reader does not take */
        status = vdt_geojson_read(&file, &taken, error);
    if (status == VDT_OK && !taken)
        status = vdt_labels_read_ogr(&file, error);
    if (status == VDT_OK && !source->of_images) /* which may have no objects */
        status = check_file(&file, error);
    if (status == VDT_OK &&
        (options->width_field != NULL || options->width_unit == VDT_WIDTH_METRES))
        status = vdt_label_file_widen(&file, &begin, error);
    source->counts.null_geometries += file.null_geometries;
    source->counts.repaired += file.repaired;
    return status;
}

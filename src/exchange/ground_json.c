/* Tiles and objects as GeoJSON features. */
#include "exchange/ground_json.h"

#include <math.h>

#include "exchange/about.h"

json_t *vdt_ground_tile(struct vdt_outline *footprint, const struct vdt_record *record,
                        const struct vdt_store_spec *spec)
{
    const double box[4] = {0, 0, spec->tile.cols, spec->tile.rows};
    return vdt_outline_of(footprint, record, box, true);
}

static bool has_class(const struct vdt_labels *labels, size_t class_id)
{
    if (labels->onehot != NULL)
        return labels->onehot[class_id] != 0;
    for (size_t i = 0; i < labels->box_count; i++)
        if (labels->box_class[i] == class_id)
            return true;
    return false;
}

json_t *vdt_ground_classes(const struct vdt_record *record, const struct vdt_store_spec *spec)
{
    json_t *names = json_array();
    for (size_t c = 0; c < spec->class_count; c++)
        if (has_class(&record->sample.labels, c))
            json_array_append_new(names, json_string(spec->classes[c]));
    return names;
}

json_t *vdt_ground_window(struct vdt_outline *footprint, const struct vdt_record *record,
                          const struct vdt_store_spec *spec)
{
    const struct vdt_sample *sample = &record->sample;
    const struct vdt_window *w = &sample->window;
    json_t *feature = json_pack(
        "{s:s, s:s, s:o, s:{s:s, s:s, s:s, s:[i,i,i,i], s:o, s:o, s:I}}", "type", "Feature", "id",
        sample->key, "geometry", vdt_ground_tile(footprint, record, spec), "properties", "key",
        sample->key, "group", record->group, "scene", record->scene.uri, "window", (int)w->col,
        (int)w->row, (int)w->cols, (int)w->rows, "valid_fraction",
        vdt_json_number(sample->valid_fraction), "classes", vdt_ground_classes(record, spec),
        "boxes", (json_int_t)sample->labels.box_count);
    if (feature != NULL && isfinite(sample->bounds[0]))
        json_object_set_new(feature, "bbox", vdt_json_numbers(sample->bounds, 4));
    return feature;
}

json_t *vdt_ground_label(struct vdt_outline *footprint, const struct vdt_record *record,
                         const struct vdt_store_spec *spec, size_t i)
{
    const struct vdt_labels *labels = &record->sample.labels;
    const float *b = labels->boxes[i];
    const double box[4] = {b[0], b[1], b[2], b[3]};
    return json_pack("{s:s, s:o, s:{s:s, s:s, s:s, s:i, s:I, s:o}}", "type", "Feature", "geometry",
                     vdt_outline_of(footprint, record, box, false), "properties", "key",
                     record->sample.key, "group", record->group, "class",
                     spec->classes[labels->box_class[i]], "class_id", (int)labels->box_class[i],
                     "feature", (json_int_t)labels->box_feature[i], "visible",
                     vdt_json_number(labels->box_visible[i]));
}

/* Stores and samples as JSON. */
#include "exchange/about.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"

json_t *vdt_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *vdt_json_numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, vdt_json_number(values[i]));
    return list;
}

static json_t *strings(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *tasks_of(uint32_t tasks)
{
    json_t *list = json_array();
    for (uint32_t task = 1; task <= VDT_REGRESSION; task <<= 1)
        if ((tasks & task) != 0)
            json_array_append_new(list, json_string(vdt_task_name((enum vdt_task)task)));
    return list;
}

json_t *vdt_about_store(const struct vdt_store_spec *spec, const struct vdt_tile_spec *tile,
                        const char *const *band_names)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:i, s:i, s:i, s:s}}", "vedatile_export",
                     VDT_EXPORT_VERSION, "name", spec->name, "tasks", tasks_of(spec->tasks),
                     "classes", strings(spec->classes, spec->class_count), "band_names",
                     strings(band_names, tile->bands), "tile", "bands", (int)tile->bands, "rows",
                     (int)tile->rows, "cols", (int)tile->cols, "dtype",
                     vdt_dtype_name(tile->dtype));
}

static json_t *statistics(const struct vdt_band_stats *stats, const uint32_t *bands, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct vdt_band_stats *band = &stats[bands[i]];
        const double values[4] = {band->mean, band->m2, band->min, band->max};
        json_t *entry = vdt_json_numbers(values, 4);
        json_array_insert_new(entry, 0, json_integer((json_int_t)band->count));
        json_array_append_new(list, entry);
    }
    return list;
}

/* As an object for people; and as the very text where canonical JSON would have another one. */
static bool add_metadata(json_t *about, const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    vdt_cleanup(vdt_free_pointer) char *canonical = object == NULL ? NULL : vdt_json_text(object);
    if (object == NULL || canonical == NULL || strcmp(canonical, text) != 0)
        json_object_set_new(about, "metadata_text", json_string(text));
    return json_object_set_new(about, "metadata", object == NULL ? json_object() : object) == 0;
}

static json_t *scene_of(const struct vdt_scene_record *scene)
{
    return json_pack("{s:s, s:I, s:s, s:s, s:i, s:i}", "uri", scene->uri, "size",
                     (json_int_t)scene->size, "digest", scene->digest, "acquired", scene->acquired,
                     "cols", (int)scene->cols, "rows", (int)scene->rows);
}

json_t *vdt_about_sample(const struct vdt_record *record, const uint32_t *bands, size_t band_count)
{
    const struct vdt_sample *sample = &record->sample;
    const struct vdt_window *w = &sample->window;
    json_t *about = json_pack(
        "{s:s, s:s, s:o, s:s, s:[i,i,i,i], s:o, s:o, s:o, s:o}", "key", sample->key, "group",
        record->group, "scene", scene_of(&record->scene), "crs", record->crs, "window", (int)w->col,
        (int)w->row, (int)w->cols, (int)w->rows, "geotransform",
        vdt_json_numbers(sample->geotransform, 6), "bounds", vdt_json_numbers(sample->bounds, 4),
        "valid_fraction", vdt_json_number(sample->valid_fraction), "weight",
        vdt_json_number(sample->weight));
    bool good = about != NULL && add_metadata(about, sample->metadata);
    if (good && bands != NULL)
        good = json_object_set_new(about, "band_stats",
                                   statistics(sample->stats, bands, band_count)) == 0;
    if (!good) {
        json_decref(about);
        return NULL;
    }
    return about;
}

static bool add_boxes(json_t *about, const struct vdt_labels *labels)
{
    json_t *boxes = json_array(), *classes = json_array(), *features = json_array(),
           *visible = json_array();
    for (size_t i = 0; i < labels->box_count; i++) {
        const float *b = labels->boxes[i];
        const double box[4] = {b[0], b[1], b[2], b[3]};
        json_array_append_new(boxes, vdt_json_numbers(box, 4));
        json_array_append_new(classes, json_integer(labels->box_class[i]));
        json_array_append_new(features, json_integer(labels->box_feature[i]));
        json_array_append_new(visible, vdt_json_number(labels->box_visible[i]));
    }
    bool whole = json_array_size(visible) == labels->box_count;
    int failed = json_object_set_new(about, "boxes", boxes);
    failed |= json_object_set_new(about, "box_class", classes);
    failed |= json_object_set_new(about, "box_feature", features);
    failed |= json_object_set_new(about, "box_visible", visible);
    return whole && !failed;
}

bool vdt_about_labels(json_t *about, const struct vdt_record *record, size_t class_count)
{
    const struct vdt_labels *labels = &record->sample.labels;
    if (labels->boxes != NULL && !add_boxes(about, labels))
        return false;
    if (labels->onehot == NULL)
        return true;
    json_t *ids = json_array();
    for (size_t c = 0; c < class_count; c++)
        if (labels->onehot[c] != 0)
            json_array_append_new(ids, json_integer((json_int_t)c));
    return json_object_set_new(about, "onehot", ids) == 0;
}

/* Stores and samples from their JSON. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "exchange/file.h"
#include "exchange/importer.h"

static vdt_status bad(const char *what, const char *reason, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s: the file is damaged or of another program",
                    what, reason);
}

bool vdt_json_read_numbers(const json_t *list, double *values, size_t count)
{
    if (!json_is_array(list) || json_array_size(list) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value) && !json_is_null(value))
            return false;
        values[i] = json_is_null(value) ? NAN : json_number_value(value);
    }
    return true;
}

/* --- samples ------------------------------------------------------------------------------ */

static bool read_int32(json_t *list, size_t i, int32_t *value)
{
    const json_t *number = json_array_get(list, i);
    json_int_t found = json_integer_value(number);
    *value = (int32_t)found;
    return json_is_integer(number) && found >= INT32_MIN && found <= INT32_MAX;
}

static bool read_window(json_t *list, struct vdt_window *window)
{
    return json_array_size(list) == 4 && read_int32(list, 0, &window->col) &&
           read_int32(list, 1, &window->row) && read_int32(list, 2, &window->cols) &&
           read_int32(list, 3, &window->rows);
}

static bool read_scene(json_t *json, struct vdt_scene_record *scene)
{
    json_int_t size = 0;
    int cols = 0, rows = 0;
    if (json_unpack(json, "{s:s, s:I, s:s, s:s, s:i, s:i}", "uri", &scene->uri, "size", &size,
                    "digest", &scene->digest, "acquired", &scene->acquired, "cols", &cols, "rows",
                    &rows) != 0)
        return false;
    scene->size = size < 0 ? 0 : (uint64_t)size;
    scene->cols = cols;
    scene->rows = rows;
    return true;
}

/* The text as it was, or that of the object. */
static bool read_metadata(json_t *about, struct vdt_record *record)
{
    vdt_string_free(record->memory.metadata);
    const char *text = json_string_value(json_object_get(about, "metadata_text"));
    json_t *object = json_object_get(about, "metadata");
    record->memory.metadata = text != NULL     ? vdt_copy_string(text)
                              : object != NULL ? vdt_json_text(object)
                                               : NULL;
    record->sample.metadata = record->memory.metadata;
    return record->sample.metadata != NULL;
}

/* Absent statistics are computed when the sample is written. */
static bool read_statistics(json_t *list, const struct vdt_store_spec *spec,
                            struct vdt_record *record)
{
    record->sample.stats = NULL;
    if (list == NULL)
        return true;
    if (json_array_size(list) != spec->tile.bands)
        return false;
    for (uint32_t b = 0; b < spec->tile.bands; b++) {
        double values[5];
        if (!vdt_json_read_numbers(json_array_get(list, b), values, 5) || !(values[0] >= 0) ||
            values[0] > (double)spec->tile.rows * spec->tile.cols)
            return false;
        record->memory.stats[b] = (struct vdt_band_stats){.count = (uint64_t)values[0],
                                                          .mean = values[1],
                                                          .m2 = values[2],
                                                          .min = values[3],
                                                          .max = values[4]};
    }
    record->sample.stats = record->memory.stats;
    return true;
}

vdt_status vdt_about_read_sample(json_t *about, const struct vdt_store_spec *spec, const char *what,
                                 struct vdt_record *record, struct vdt_error *error)
{
    const char *key = NULL;
    json_t *scene = NULL, *window = NULL, *geotransform = NULL, *bounds = NULL;
    double valid = 0, weight = 0;
    vdt_status status = vdt_record_reserve(record, spec, 0, error);
    if (status != VDT_OK)
        return status;
    if (json_unpack(about, "{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:F, s:F}", "key", &key, "group",
                    &record->group, "scene", &scene, "crs", &record->crs, "window", &window,
                    "geotransform", &geotransform, "bounds", &bounds, "valid_fraction", &valid,
                    "weight", &weight) != 0)
        return bad(what, "is no description of a sample", error);
    struct vdt_sample *sample = &record->sample;
    if (strlen(key) >= VDT_KEY_SIZE || !read_scene(scene, &record->scene) ||
        !read_window(window, &sample->window) ||
        !vdt_json_read_numbers(geotransform, sample->geotransform, 6) ||
        !vdt_json_read_numbers(bounds, sample->bounds, 4))
        return bad(what, "key, scene, window, geotransform or bounds make no sense", error);
    if (!read_statistics(json_object_get(about, "band_stats"), spec, record))
        return bad(what, "its band_stats make no sense", error);
    strcpy(sample->key, key);
    vdt_file_name(key, record->name);
    sample->valid_fraction = (float)valid;
    sample->weight = (float)weight;
    return read_metadata(about, record) ? VDT_OK : bad(what, "has no metadata", error);
}

/* --- labels ------------------------------------------------------------------------------- */

static bool read_box(json_t *about, size_t i, struct vdt_record_memory *memory)
{
    double box[4];
    const json_t *class_id = json_array_get(json_object_get(about, "box_class"), i);
    const json_t *feature = json_array_get(json_object_get(about, "box_feature"), i);
    const json_t *visible = json_array_get(json_object_get(about, "box_visible"), i);
    if (!vdt_json_read_numbers(json_array_get(json_object_get(about, "boxes"), i), box, 4) ||
        !json_is_integer(class_id) || !json_is_integer(feature) || !json_is_number(visible) ||
        json_integer_value(class_id) < 0 || json_integer_value(class_id) > UINT16_MAX)
        return false;
    for (int k = 0; k < 4; k++)
        memory->boxes[i][k] = (float)box[k];
    memory->box_class[i] = (uint16_t)json_integer_value(class_id);
    memory->box_feature[i] = json_integer_value(feature);
    memory->box_visible[i] = (float)json_number_value(visible);
    return true;
}

static vdt_status read_boxes(json_t *about, const struct vdt_store_spec *spec, const char *what,
                             struct vdt_record *record, struct vdt_error *error)
{
    const struct vdt_band_stats *stats = record->sample.stats;
    size_t count = json_array_size(json_object_get(about, "boxes"));
    vdt_status status = vdt_record_reserve(record, spec, count, error);
    record->sample.stats = stats;
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        if (!read_box(about, i, &record->memory))
            status = bad(what, "its boxes make no sense", error);
    return status;
}

vdt_status vdt_about_read_labels(json_t *about, const struct vdt_store_spec *spec, const char *what,
                                 struct vdt_record *record, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if ((spec->tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0)
        status = read_boxes(about, spec, what, record, error);
    if (status != VDT_OK || (spec->tasks & VDT_CLASSIFICATION) == 0)
        return status;
    const json_t *ids = json_object_get(about, "onehot");
    memset(record->memory.onehot, 0, spec->class_count);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            (uint64_t)json_integer_value(id) >= spec->class_count)
            return bad(what, "its onehot names a class that is not there", error);
        record->memory.onehot[json_integer_value(id)] = 1;
    }
    return ids == NULL ? bad(what, "has no onehot", error) : VDT_OK;
}

/* --- stores ------------------------------------------------------------------------------- */

static const char **read_texts(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    const char **texts = vdt_allocate(*count + 1, sizeof *texts);
    for (size_t i = 0; texts != NULL && i < *count; i++) {
        texts[i] = json_string_value(json_array_get(list, i));
        if (texts[i] == NULL) {
            free(texts);
            return NULL;
        }
    }
    return texts;
}

static bool read_tasks(const json_t *list, uint32_t *tasks)
{
    *tasks = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        uint32_t found = 0;
        for (uint32_t task = 1; name != NULL && task <= VDT_REGRESSION; task <<= 1)
            if (strcmp(name, vdt_task_name((enum vdt_task)task)) == 0)
                found = task;
        if (found == 0)
            return false;
        *tasks |= found;
    }
    return json_is_array(list);
}

static bool read_dtype(const char *name, enum vdt_dtype *dtype)
{
    for (int type = VDT_UINT8; type <= VDT_FLOAT64; type++)
        if (strcmp(name, vdt_dtype_name((enum vdt_dtype)type)) == 0)
            *dtype = (enum vdt_dtype)type;
    return *dtype != 0;
}

static bool read_spec(struct vdt_about_file *about)
{
    const char *version = NULL, *dtype = NULL;
    json_t *classes = NULL, *names = NULL, *tasks = NULL;
    int bands = 0, rows = 0, cols = 0;
    struct vdt_store_spec *spec = &about->spec;
    size_t name_count = 0;
    if (json_unpack(about->json, "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:{s:i, s:i, s:i, s:s}}",
                    "vedatile_export", &version, "format", &about->format, "suffix", &about->suffix,
                    "name", &spec->name, "tasks", &tasks, "classes", &classes, "band_names", &names,
                    "tile", "bands", &bands, "rows", &rows, "cols", &cols, "dtype", &dtype) != 0)
        return false;
    about->classes = read_texts(classes, &spec->class_count);
    about->band_names = read_texts(names, &name_count);
    if (about->classes == NULL || about->band_names == NULL || bands < 1 || rows < 1 || cols < 1 ||
        name_count != (size_t)bands || strncmp(version, "1.", 2) != 0 ||
        strchr(about->suffix, '/') != NULL)
        return false;
    spec->tile = (struct vdt_tile_spec){
        .bands = (uint32_t)bands, .rows = (uint32_t)rows, .cols = (uint32_t)cols};
    spec->classes = about->classes;
    spec->band_names = about->band_names;
    about->samples = (uint64_t)json_integer_value(json_object_get(about->json, "samples"));
    return read_tasks(tasks, &spec->tasks) && read_dtype(dtype, &spec->tile.dtype);
}

vdt_status vdt_about_read_store(const char *path, struct vdt_about_file *about,
                                struct vdt_error *error)
{
    json_error_t place;
    about->json = json_load_file(path, JSON_REJECT_DUPLICATES, &place);
    if (about->json == NULL && place.line < 0)
        return vdt_fail_errno(error, path);
    if (about->json == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d: %s", path, place.line, place.text);
    return read_spec(about) ? VDT_OK : bad(path, "is no description of an export 1.x", error);
}

void vdt_about_file_clear(struct vdt_about_file *about)
{
    json_decref(about->json);
    free(about->classes);
    free(about->band_names);
    *about = (struct vdt_about_file){0};
}

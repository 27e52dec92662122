/* Label sources: opening, and which class each feature is of. */
#include "source/labels/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/label_images.h"
#include "source/labels/labels_state.h"

enum { CLASS_LIMIT = 65534, LISTED_VALUES = 8 };

#define NO_CLASS UINT32_MAX
#define LEFT_OUT (UINT32_MAX - 1) /* by the class map */

static void free_source(struct vdt_labels_source **source)
{
    vdt_labels_free(*source);
}

static vdt_status fail_memory(struct vdt_error *error)
{
    return vdt_fail_memory(error, "labels");
}

/* --- the class list ---------------------------------------------------------------------- */

static vdt_status check_options(const struct vdt_label_options *options, struct vdt_error *error)
{
    vdt_cleanup(vdt_values_clear) struct vdt_values seen = {0};
    bool named = options->unknown_class != NULL && options->unknown_class[0] != '\0';
    if (options->unknown == VDT_UNKNOWN_CLASS && !named)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: no class is named for unknown values");
    if (options->class_count > CLASS_LIMIT)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: %zu classes, of at most %d",
                        options->class_count, CLASS_LIMIT);
    for (size_t i = 0; i < options->class_count; i++) {
        uint32_t number;
        if (!vdt_values_add(&seen, options->classes[i], &number))
            return fail_memory(error);
        if (number != i)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: class '%s' is given twice",
                            options->classes[i]);
    }
    uint32_t found;
    if (named && options->unknown == VDT_UNKNOWN_CLASS && options->class_count > 0 &&
        !vdt_values_find(&seen, options->unknown_class, &found))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "labels: class '%s' for unknown values is not in the class list: add it",
                        options->unknown_class);
    return VDT_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_class(struct vdt_labels_source *source, const char *text)
{
    char *copy = vdt_copy_string(text);
    if (copy == NULL)
        return false;
    source->classes[source->class_count++] = copy;
    return true;
}

static bool is_class(const char *value)
{
    return strcmp(value, VDT_NO_VALUE) != 0 && strcmp(value, VDT_IGNORED_VALUE) != 0;
}

static const char *field_name(const struct vdt_label_options *options)
{
    return options->class_field == NULL ? "name" : options->class_field;
}

/* The values that were met, and the class of unknown ones so that the list is the same whether or
 * not there are any. */
static vdt_status collect_classes(struct vdt_labels_source *source,
                                  const struct vdt_label_options *options,
                                  const struct vdt_values *values, struct vdt_error *error)
{
    uint32_t found;
    size_t listed = source->class_count;
    for (size_t i = 0; i < values->count; i++)
        if (is_class(values->texts[i]) &&
            (listed == 0 || !vdt_values_find(&source->declared, values->texts[i], &found)) &&
            !add_class(source, values->texts[i]))
            return fail_memory(error);
    if (options->unknown == VDT_UNKNOWN_CLASS &&
        !vdt_values_find(values, options->unknown_class, &found) &&
        (listed == 0 || !vdt_values_find(&source->declared, options->unknown_class, &found)) &&
        !add_class(source, options->unknown_class))
        return fail_memory(error);
    qsort(source->classes + listed, source->class_count - listed, sizeof *source->classes,
          compare_texts);
    if (source->class_count > CLASS_LIMIT)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: field '%s' has %zu distinct values, of at most %d classes: is it an "
                        "identifier?",
                        source->paths[0], field_name(options), source->class_count, CLASS_LIMIT);
    return VDT_OK;
}

/* Labels of images have names of classes without a field being asked for. Classes that their files
 * list come first, in their order. */
static vdt_status collect_declared(struct vdt_labels_source *source,
                                   const struct vdt_label_options *options,
                                   const struct vdt_values *values, struct vdt_error *error)
{
    for (size_t i = 0; options->class_field == NULL && i < source->declared.count; i++)
        if (!add_class(source, source->declared.texts[i]))
            return fail_memory(error);
    return collect_classes(source, options, values, error);
}

static size_t class_room(const struct vdt_label_options *options, const struct vdt_values *values)
{
    return options->class_map != NULL ? vdt_class_map_class_count(options->class_map)
                                      : values->count;
}

/* The rules' classes in their order. */
static vdt_status collect_map_classes(struct vdt_labels_source *source,
                                      const struct vdt_label_options *options,
                                      struct vdt_error *error)
{
    bool there = options->unknown != VDT_UNKNOWN_CLASS;
    for (size_t i = 0; i < vdt_class_map_class_count(options->class_map); i++) {
        const char *name = vdt_class_map_class(options->class_map, i);
        there = there || strcmp(name, options->unknown_class) == 0;
        if (!add_class(source, name))
            return fail_memory(error);
    }
    return there || add_class(source, options->unknown_class) ? VDT_OK : fail_memory(error);
}

static vdt_status make_classes(struct vdt_labels_source *source,
                               const struct vdt_label_options *options,
                               const struct vdt_values *values, struct vdt_error *error)
{
    size_t room = class_room(options, values) + source->declared.count;
    source->classes = vdt_allocate_zero(options->class_count + room + 1, sizeof *source->classes);
    if (source->classes == NULL)
        return fail_memory(error);
    for (size_t i = 0; i < options->class_count; i++)
        if (!add_class(source, options->classes[i]))
            return fail_memory(error);
    if (options->class_count > 0)
        return VDT_OK;
    if (options->class_map != NULL)
        return collect_map_classes(source, options, error);
    if (options->class_field != NULL || source->of_images)
        return collect_declared(source, options, values, error);
    return add_class(source, "object") ? VDT_OK : fail_memory(error);
}

/* --- from values to classes -------------------------------------------------------------- */

static uint32_t class_of(const struct vdt_values *index, const char *text)
{
    uint32_t id = NO_CLASS;
    if (strcmp(text, VDT_IGNORED_VALUE) == 0)
        return VDT_IGNORED_CLASS;
    if (strcmp(text, VDT_NO_VALUE) == 0 || !vdt_values_find(index, text, &id))
        return NO_CLASS;
    return id;
}

/* A class of the map that is in no list would never be met. */
static vdt_status check_map(const struct vdt_labels_source *source, const struct vdt_class_map *map,
                            const struct vdt_values *index, struct vdt_error *error)
{
    uint32_t found;
    for (size_t i = 0; i < vdt_class_map_class_count(map); i++)
        if (!vdt_values_find(index, vdt_class_map_class(map, i), &found))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: class '%s' of the class map is not in the class list: add it",
                            source->paths[0], vdt_class_map_class(map, i));
    return VDT_OK;
}

/* Takes a value apart and asks the rules. `text` is changed. */
static uint32_t mapped_class(const struct vdt_class_map *map, const struct vdt_values *index,
                             char *text, const char **fields, bool *holds)
{
    uint32_t id = NO_CLASS;
    for (size_t i = 0; i < vdt_class_map_field_count(map); i++) {
        fields[i] = text;
        text = strchr(text, VDT_VALUE_END);
        *text++ = '\0';
    }
    for (size_t i = 0; i < vdt_class_map_condition_count(map); i++)
        holds[i] = text[i] == '1';
    int number = vdt_class_map_apply(map, fields, holds);
    if (number == VDT_CLASS_MAP_LEFT_OUT || number == VDT_CLASS_MAP_IGNORED)
        return LEFT_OUT;
    if (number >= 0)
        vdt_values_find(index, vdt_class_map_class(map, (size_t)number), &id);
    return id;
}

static vdt_status map_values(const struct vdt_class_map *map, const struct vdt_values *index,
                             const struct vdt_values *values, uint32_t *classes,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const char **fields =
        vdt_allocate(vdt_class_map_field_count(map), sizeof *fields);
    vdt_cleanup(vdt_free_pointer) bool *holds =
        vdt_allocate(vdt_class_map_condition_count(map), sizeof *holds);
    if (fields == NULL || holds == NULL)
        return fail_memory(error);
    for (size_t i = 0; i < values->count; i++) {
        vdt_cleanup(vdt_free_pointer) char *text = vdt_copy_string(values->texts[i]);
        if (text == NULL)
            return fail_memory(error);
        classes[i] = VDT_IGNORED_CLASS;
        if (is_class(text))
            classes[i] = mapped_class(map, index, text, fields, holds);
    }
    return VDT_OK;
}

/* A value for messages. */
static void show_value(const char *value, char text[64])
{
    bool null = strcmp(value, VDT_NO_VALUE) == 0;
    snprintf(text, 64, null ? "%.60s" : "'%.48s'", value);
    for (char *c = text; *c != '\0'; c++)
        if (*c == VDT_VALUE_END)
            *c = c[1] == '\'' ? ' ' : '|';
}

static vdt_status fail_unknown(const struct vdt_labels_source *source,
                               const struct vdt_label_options *options,
                               const struct vdt_values *values, const uint32_t *classes,
                               struct vdt_error *error)
{
    char list[512] = "";
    size_t used = 0, unknown = 0, features = 0;
    bool only_null = true;
    for (size_t i = 0; i < values->count; i++) {
        if (classes[i] != NO_CLASS)
            continue;
        char shown[64];
        show_value(values->texts[i], shown);
        bool null = strcmp(values->texts[i], VDT_NO_VALUE) == 0;
        only_null = only_null && null;
        if (unknown++ < LISTED_VALUES && used + 80 < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ",
                                     shown);
    }
    char more[48] = "";
    if (unknown > LISTED_VALUES)
        snprintf(more, sizeof more, ", ... (%zu values in all)", unknown);
    size_t file = source->path_count;
    for (size_t l = 0; l < source->layer_count; l++) {
        const struct vdt_label_layer *layer = &source->layers[l];
        for (size_t f = 0; f < layer->feature_count; f++)
            if (classes[source->geometry.features[layer->first_feature + f].class_id] == NO_CLASS) {
                features++;
                file = file < layer->file ? file : layer->file;
            }
    }
    if (options->class_map != NULL)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: no rule of the class map fits %zu features (%s%s): add a rule, a "
                        "\"default\", or --unknown skip",
                        source->paths[file], features, list, more);
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: %zu features have a value of field '%s' that is not a class: %s%s: "
                    "--unknown skip%s",
                    source->paths[file], features, field_name(options), list, more,
                    only_null ? "" : ", or add them to --classes");
}

/* Puts class ids in place of value numbers; features without class go. */
static void apply_classes(struct vdt_labels_source *source, const uint32_t *classes)
{
    struct vdt_feature *features = source->geometry.features;
    size_t kept = 0;
    for (size_t l = 0; l < source->layer_count; l++) {
        struct vdt_label_layer *layer = &source->layers[l];
        size_t first = layer->first_feature, end = first + layer->feature_count;
        layer->first_feature = kept;
        for (size_t f = first; f < end; f++) {
            uint32_t id = classes[features[f].class_id];
            source->counts.unknown_skipped += id == NO_CLASS;
            source->counts.left_out += id == LEFT_OUT;
            source->counts.ignored += id == VDT_IGNORED_CLASS;
            if (id == NO_CLASS || id == LEFT_OUT)
                continue;
            features[kept] = features[f];
            features[kept++].class_id = id;
        }
        layer->feature_count = kept - layer->first_feature;
    }
    source->geometry.feature_count = kept;
}

static vdt_status classify(struct vdt_labels_source *source,
                           const struct vdt_label_options *options, const struct vdt_values *values,
                           struct vdt_error *error)
{
    vdt_status status = make_classes(source, options, values, error);
    bool valued = options->class_field != NULL || options->class_map != NULL || source->of_images;
    if (status != VDT_OK || !valued)
        return status;
    vdt_cleanup(vdt_values_clear) struct vdt_values index = {0};
    uint32_t number;
    for (size_t i = 0; i < source->class_count; i++)
        if (!vdt_values_add(&index, source->classes[i], &number))
            return fail_memory(error);
    vdt_cleanup(vdt_free_pointer) uint32_t *classes = vdt_allocate(values->count, sizeof *classes);
    if (classes == NULL)
        return fail_memory(error);
    size_t unknown = 0;
    if (options->class_map != NULL)
        status = check_map(source, options->class_map, &index, error);
    if (status == VDT_OK && options->class_map != NULL)
        status = map_values(options->class_map, &index, values, classes, error);
    if (status != VDT_OK)
        return status;
    for (size_t i = 0; i < values->count; i++) {
        if (options->class_map == NULL)
            classes[i] = class_of(&index, values->texts[i]);
        unknown += classes[i] == NO_CLASS;
        if (classes[i] == NO_CLASS && options->unknown == VDT_UNKNOWN_CLASS)
            classes[i] = class_of(&index, options->unknown_class);
    }
    if (unknown > 0 && options->unknown == VDT_UNKNOWN_ERROR)
        return fail_unknown(source, options, values, classes, error);
    apply_classes(source, classes);
    return VDT_OK;
}

/* --- sources ----------------------------------------------------------------------------- */

static vdt_status copy_paths(struct vdt_labels_source *source, const char *const *paths,
                             size_t count, struct vdt_error *error)
{
    source->paths = vdt_allocate_zero(count, sizeof *source->paths);
    if (source->paths == NULL)
        return fail_memory(error);
    for (; source->path_count < count; source->path_count++) {
        source->paths[source->path_count] = vdt_copy_string(paths[source->path_count]);
        if (source->paths[source->path_count] == NULL)
            return fail_memory(error);
    }
    return VDT_OK;
}

vdt_status vdt_labels_open(const char *const *paths, size_t count,
                           const struct vdt_label_options *options,
                           struct vdt_labels_source **source, struct vdt_error *error)
{
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: no file is named");
    vdt_status status = check_options(options, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_values_clear) struct vdt_values values = {0};
    vdt_cleanup(free_source) struct vdt_labels_source *opened =
        vdt_allocate_zero(1, sizeof *opened);
    if (opened == NULL)
        return fail_memory(error);
    status = copy_paths(opened, paths, count, error);
    for (size_t i = 0; i < count && status == VDT_OK; i++)
        status = vdt_labels_read(opened, i, options, &values, error);
    if (status == VDT_OK)
        status = classify(opened, options, &values, error);
    if (status != VDT_OK)
        return status;
    vdt_label_images_sort(opened);
    opened->counts.features = opened->geometry.feature_count - opened->counts.ignored;
    *source = opened;
    opened = NULL;
    return VDT_OK;
}

void vdt_labels_free(struct vdt_labels_source *source)
{
    if (source == NULL)
        return;
    for (size_t i = 0; i < source->path_count; i++)
        free(source->paths[i]);
    for (size_t i = 0; i < source->class_count; i++)
        free(source->classes[i]);
    for (size_t i = 0; i < source->layer_count; i++)
        free(source->layers[i].crs);
    for (size_t i = 0; i < source->image_count; i++) {
        free(source->images[i].name);
        free(source->images[i].from);
    }
    vdt_values_clear(&source->declared);
    vdt_geometry_clear(&source->geometry);
    vdt_values_clear(&source->owners);
    free(source->images);
    free(source->layers);
    free(source->classes);
    free(source->paths);
    free(source);
}

struct vdt_label_counts vdt_labels_counts(const struct vdt_labels_source *source)
{
    return source->counts;
}

size_t vdt_labels_class_count(const struct vdt_labels_source *source)
{
    return source->class_count;
}

const char *vdt_labels_class(const struct vdt_labels_source *source, size_t class_id)
{
    return source->classes[class_id];
}

const char *vdt_labels_owner(const struct vdt_labels_source *source, size_t owner)
{
    return source->owners.texts[owner];
}

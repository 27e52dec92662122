/* Rasters as labels: which classes there are, and which value is which. */
#include "source/labels/raster_labels.h"

#include <gdal.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/labels_state.h"
#include "source/labels/raster_labels_state.h"
#include "source/scenes/scene_state.h"

enum { CLASS_LIMIT = 65534, LISTED = 8, PART = 1024, WHOLE = 65536 };

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

static void free_labels(struct vdt_raster_labels **labels)
{
    vdt_raster_labels_free(*labels);
}

static vdt_status fail_memory(struct vdt_error *error)
{
    return vdt_fail_memory(error, "label rasters");
}

void vdt_raster_layers_clear(struct vdt_raster_layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        vdt_layer_clear(&layers->layers[i]);
    free(layers->layers);
    free(layers->rasters);
    *layers = (struct vdt_raster_layers){0};
}

void vdt_raster_labels_free(struct vdt_raster_labels *labels)
{
    if (labels == NULL)
        return;
    for (size_t i = 0; labels->rasters != NULL && i < labels->options.count; i++) {
        for (int n = 0; n < labels->rasters[i].name_count; n++)
            free(labels->rasters[i].names[n]);
        free(labels->rasters[i].names);
    }
    vdt_class_map_free(labels->map);
    vdt_values_clear(&labels->classes);
    vdt_values_clear(&labels->found);
    vdt_values_clear(&labels->unnamed);
    free(labels->rasters);
    free(labels->met);
    free(labels);
}

/* --- opening -------------------------------------------------------------------------------- */

static vdt_status read_map(struct vdt_raster_labels *labels, struct vdt_error *error)
{
    const struct vdt_raster_label_options *options = &labels->options;
    if (options->value_count > 0)
        return vdt_class_map_parse(options->values, options->value_count, &labels->map, error);
    if (options->map == NULL)
        return VDT_OK;
    vdt_status status = vdt_class_map_read(options->map, VDT_PIXEL_VALUE, &labels->map, error);
    if (status != VDT_OK)
        return status;
    if (vdt_class_map_condition_count(labels->map) > 0 ||
        vdt_class_map_field_count(labels->map) != 1 ||
        strcmp(vdt_class_map_field(labels->map, 0), VDT_PIXEL_VALUE) != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: pixels have a value and no fields: leave \"field\" and \"where\" out",
                        options->map);
    return VDT_OK;
}

static bool copy_names(char **names, struct vdt_label_raster *raster)
{
    int count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    raster->names = count == 0 ? NULL : vdt_allocate_zero((size_t)count, sizeof *raster->names);
    for (; raster->names != NULL && raster->name_count < count; raster->name_count++) {
        raster->names[raster->name_count] = vdt_copy_string(names[raster->name_count]);
        if (raster->names[raster->name_count] == NULL)
            return false;
    }
    return count == 0 || raster->names != NULL;
}

static vdt_status look_at(struct vdt_raster_labels *labels, size_t number, struct vdt_error *error)
{
    struct vdt_label_raster *raster = &labels->rasters[number];
    vdt_cleanup(free_scene) struct vdt_scene *scene = NULL;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection selection = {0};
    vdt_status status =
        vdt_layer_open(labels->options.paths[number], NULL, &scene, &selection, error);
    if (status != VDT_OK)
        return status;
    GDALRasterBandH band = GDALGetRasterBand(scene->dataset, selection.bands[0]);
    int has_scale = 0, has_offset = 0;
    raster->scale = GDALGetRasterScale(band, &has_scale);
    raster->offset = GDALGetRasterOffset(band, &has_offset);
    if (!has_scale)
        raster->scale = 1;
    if (!has_offset)
        raster->offset = 0;
    return copy_names(GDALGetRasterCategoryNames(band), raster) ? VDT_OK : fail_memory(error);
}

vdt_status vdt_raster_labels_open(const struct vdt_raster_label_options *options,
                                  struct vdt_raster_labels **labels, struct vdt_error *error)
{
    vdt_cleanup(free_labels) struct vdt_raster_labels *opened =
        vdt_allocate_zero(1, sizeof *opened);
    if (opened == NULL)
        return fail_memory(error);
    opened->options = *options;
    opened->rasters = vdt_allocate_zero(options->count, sizeof *opened->rasters);
    opened->met = vdt_allocate_zero(options->count, sizeof *opened->met);
    if (opened->rasters == NULL || opened->met == NULL)
        return fail_memory(error);
    vdt_status status = read_map(opened, error);
    for (size_t i = 0; status == VDT_OK && i < options->count; i++)
        status = look_at(opened, i, error);
    if (status != VDT_OK)
        return status;
    *labels = opened;
    opened = NULL;
    return VDT_OK;
}

/* --- from values to classes ------------------------------------------------------------------- */

static bool is_word(const char *text, uint32_t *code)
{
    if (strcmp(text, "background") == 0)
        *code = 0;
    else if (strcmp(text, "ignore") == 0)
        *code = VDT_RASTER_IGNORE;
    else
        return false;
    return true;
}

static void name_by_map(const struct vdt_class_map *map, const char *number, const char **text,
                        uint32_t *code)
{
    int found = vdt_class_map_apply(map, &number, NULL);
    if (found == VDT_CLASS_MAP_LEFT_OUT)
        *code = 0;
    else if (found == VDT_CLASS_MAP_IGNORED)
        *code = VDT_RASTER_IGNORE;
    else if (found >= 0)
        *text = vdt_class_map_class(map, (size_t)found);
}

void vdt_raster_labels_name(const struct vdt_raster_labels *labels, size_t raster, double value,
                            char number[64], const char **text, uint32_t *code)
{
    const struct vdt_label_raster *from = &labels->rasters[raster];
    *text = NULL;
    *code = VDT_RASTER_UNKNOWN;
    vdt_label_number_text(value, number, 64);
    if (labels->map != NULL) {
        name_by_map(labels->map, number, text, code);
    } else if (from->names != NULL) {
        bool named = value >= 0 && value < from->name_count && value == floor(value);
        const char *name = named ? from->names[(int)value] : "";
        if (name[0] != '\0' && !is_word(name, code))
            *text = name;
    } else if (value == 0) {
        *code = 0;
    } else if (value == floor(value)) {
        *text = number;
    }
}

uint32_t vdt_raster_labels_code(const struct vdt_raster_labels *labels, size_t raster, double value)
{
    char number[64];
    const char *text;
    uint32_t code, id;
    vdt_raster_labels_name(labels, raster, value, number, &text, &code);
    if (text != NULL && vdt_values_find(&labels->classes, text, &id))
        code = id + 1;
    if (code != VDT_RASTER_UNKNOWN || labels->options.unknown == VDT_UNKNOWN_ERROR)
        return code;
    if (labels->options.unknown == VDT_UNKNOWN_SKIP)
        return VDT_RASTER_IGNORE;
    if (!is_word(labels->options.unknown_class, &code) &&
        vdt_values_find(&labels->classes, labels->options.unknown_class, &id))
        code = id + 1;
    return code;
}

/* --- which values there are ---------------------------------------------------------------------
 */

/* Only where the list of classes follows from the values, or where every value must have one. */
static bool must_scan(const struct vdt_raster_labels *labels)
{
    bool listed = labels->options.class_count > 0 || labels->map != NULL;
    return !labels->options.numbers && (!listed || labels->options.unknown == VDT_UNKNOWN_ERROR);
}

static vdt_status note_value(struct vdt_raster_labels *labels, size_t raster, double value,
                             struct vdt_error *error)
{
    char number[64];
    const char *text;
    uint32_t code, added;
    vdt_raster_labels_name(labels, raster, value, number, &text, &code);
    bool good = true;
    if (text == number)
        good = vdt_values_add(&labels->unnamed, text, &added);
    else if (text != NULL)
        good = vdt_values_add(&labels->found, text, &added);
    if (text == NULL && code == VDT_RASTER_UNKNOWN && labels->options.unknown == VDT_UNKNOWN_ERROR)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: value %s is no class: --unknown skip (ignore), or --label-values "
                        "that says what it is",
                        labels->options.paths[raster], number);
    if (good && labels->unnamed.count + labels->found.count > CLASS_LIMIT)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: more than %d distinct values: is it a raster of classes? "
                        "--label-values makes classes of ranges",
                        labels->options.paths[raster], CLASS_LIMIT);
    return good ? VDT_OK : fail_memory(error);
}

/* Notes the values of a part that was read. `seen` remembers whole ones. */
static vdt_status note_values(struct vdt_raster_labels *labels, size_t raster, const double *values,
                              const uint8_t *valid, size_t count, bool seen[WHOLE],
                              struct vdt_error *error)
{
    double last = NAN;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        double value = values[i];
        if (!valid[i] || value == last || value != value)
            continue;
        last = value;
        bool whole = value >= 0 && value < WHOLE && value == floor(value);
        if (whole && seen[(size_t)value])
            continue;
        status = note_value(labels, raster, value, error);
        if (whole)
            seen[(size_t)value] = true;
    }
    return status;
}

static vdt_status scan(struct vdt_raster_labels *labels, size_t raster, struct vdt_scene *scene,
                       struct vdt_error *error)
{
    struct vdt_window all;
    vdt_cleanup(free_scene) struct vdt_scene *opened = NULL;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection selection = {0};
    vdt_cleanup(vdt_free_pointer) double *values =
        vdt_allocate((size_t)PART * PART, sizeof(double));
    vdt_cleanup(vdt_free_pointer) uint8_t *valid = vdt_allocate((size_t)PART * PART, 1);
    vdt_cleanup(vdt_free_pointer) bool *seen = vdt_allocate_zero(WHOLE, sizeof *seen);
    if (values == NULL || valid == NULL || seen == NULL)
        return fail_memory(error);
    vdt_status status =
        vdt_layer_open(labels->options.paths[raster], NULL, &opened, &selection, error);
    if (status == VDT_OK)
        status = vdt_layer_extent(opened, scene, &all, error);
    for (int32_t row = 0; status == VDT_OK && row < all.rows; row += PART)
        for (int32_t col = 0; status == VDT_OK && col < all.cols; col += PART) {
            const struct vdt_window part = {all.col + col, all.row + row,
                                            all.cols - col < PART ? all.cols - col : PART,
                                            all.rows - row < PART ? all.rows - row : PART};
            status = vdt_scene_read(opened, &selection, &part, values, valid, error);
            if (status == VDT_OK)
                status = note_values(labels, raster, values, valid,
                                     (size_t)part.cols * (size_t)part.rows, seen, error);
        }
    return status;
}

static vdt_status add_layer(struct vdt_raster_labels *labels, struct vdt_scene *scene,
                            size_t raster, struct vdt_raster_layers *layers,
                            struct vdt_error *error)
{
    vdt_status status = vdt_layer_make(labels->options.paths[raster], NULL, scene,
                                       &layers->layers[layers->count], error);
    if (status != VDT_OK)
        return status;
    layers->rasters[layers->count++] = raster;
    labels->met[raster] = true;
    return must_scan(labels) ? scan(labels, raster, scene, error) : VDT_OK;
}

vdt_status vdt_raster_labels_add(struct vdt_raster_labels *labels, struct vdt_scene *scene,
                                 size_t index, size_t scene_count, struct vdt_raster_layers *layers,
                                 struct vdt_error *error)
{
    size_t count = labels->options.count;
    bool own = count == scene_count;
    vdt_cleanup(vdt_raster_layers_clear) struct vdt_raster_layers made = {
        .layers = vdt_allocate_zero(count, sizeof *made.layers),
        .rasters = vdt_allocate(count, sizeof *made.rasters)};
    if (made.layers == NULL || made.rasters == NULL)
        return fail_memory(error);
    for (size_t i = own ? index : 0; i < (own ? index + 1 : count); i++) {
        struct vdt_error cause = {.status = VDT_OK};
        vdt_status status = add_layer(labels, scene, i, &made, &cause);
        if (status != VDT_OK && (own || status != VDT_ERR_NOT_FOUND))
            return vdt_fail(error, status, "%s%s", cause.message,
                            own && count > 1 && status == VDT_ERR_NOT_FOUND
                                ? ": with as many rasters as scenes each has its own, in order"
                                : "");
    }
    *layers = made;
    made = (struct vdt_raster_layers){0};
    return VDT_OK;
}

/* --- the list of classes ------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
    double p = strtod(*(const char *const *)a, NULL), q = strtod(*(const char *const *)b, NULL);
    return p < q ? -1 : p > q;
}

static bool add_classes(struct vdt_raster_labels *labels, const char *const *names, size_t count)
{
    uint32_t number;
    for (size_t i = 0; i < count; i++)
        if (!vdt_values_add(&labels->classes, names[i], &number))
            return false;
    return true;
}

/* Categories in the order of their values, of all rasters; then plain values as numbers. */
static bool collect_classes(struct vdt_raster_labels *labels)
{
    uint32_t number, code;
    for (size_t r = 0; r < labels->options.count; r++)
        for (int i = 0; i < labels->rasters[r].name_count; i++) {
            const char *name = labels->rasters[r].names[i];
            if (name[0] != '\0' && !is_word(name, &code) &&
                !vdt_values_add(&labels->classes, name, &number))
                return false;
        }
    size_t count = labels->unnamed.count;
    vdt_cleanup(vdt_free_pointer) const char **sorted = vdt_allocate(count, sizeof *sorted);
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = labels->unnamed.texts[i];
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, by_number);
    return add_classes(labels, sorted, count);
}

static vdt_status make_classes(struct vdt_raster_labels *labels, struct vdt_error *error)
{
    const struct vdt_raster_label_options *options = &labels->options;
    uint32_t number;
    bool good = true;
    if (options->class_count > 0)
        good = add_classes(labels, options->classes, options->class_count);
    else if (options->numbers)
        good = vdt_values_add(&labels->classes, "object", &number);
    else if (labels->map != NULL)
        for (size_t i = 0; good && i < vdt_class_map_class_count(labels->map); i++)
            good = vdt_values_add(&labels->classes, vdt_class_map_class(labels->map, i), &number);
    else
        good = collect_classes(labels);
    if (good && options->class_count == 0 && options->unknown == VDT_UNKNOWN_CLASS &&
        !is_word(options->unknown_class, &number))
        good = vdt_values_add(&labels->classes, options->unknown_class, &number);
    if (!good)
        return fail_memory(error);
    if (labels->classes.count == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: no class is in it: 0 is background unless --label-values says what "
                        "it is",
                        options->paths[0]);
    return VDT_OK;
}

static vdt_status fail_class(const struct vdt_raster_labels *labels,
                             const struct vdt_values *values, struct vdt_error *error)
{
    char list[512] = "";
    size_t used = 0, listed = 0;
    uint32_t found;
    for (size_t i = 0; i < values->count && listed < LISTED; i++) {
        if (vdt_values_find(&labels->classes, values->texts[i], &found))
            continue;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s'%.48s'",
                                 listed++ == 0 ? "" : ", ", values->texts[i]);
    }
    return listed == 0 ? VDT_OK
                       : vdt_fail(error, VDT_ERR_MISMATCH,
                                  "%s: values that are no class: %s: --unknown skip (ignore), "
                                  "--label-values, or add them to --classes",
                                  labels->options.paths[0], list);
}

/* A list that was stated is taken as it is. */
static vdt_status check_list(const struct vdt_raster_labels *labels, struct vdt_error *error)
{
    const struct vdt_raster_label_options *options = &labels->options;
    uint32_t found;
    if (options->class_count > CLASS_LIMIT)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: %zu classes, of at most %d",
                        options->class_count, CLASS_LIMIT);
    for (size_t i = 0; i < options->class_count; i++)
        if (vdt_values_find(&labels->classes, options->classes[i], &found) && found != i)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "labels: class '%s' is given twice",
                            options->classes[i]);
    return VDT_OK;
}

/* What a map or a raster calls a class must be one. */
static vdt_status check_classes(const struct vdt_raster_labels *labels, struct vdt_error *error)
{
    const struct vdt_raster_label_options *options = &labels->options;
    uint32_t found;
    if (options->unknown == VDT_UNKNOWN_CLASS && !is_word(options->unknown_class, &found) &&
        !vdt_values_find(&labels->classes, options->unknown_class, &found))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "labels: class '%s' for unknown values is not in the class list: add it",
                        options->unknown_class);
    for (size_t i = 0; labels->map != NULL && i < vdt_class_map_class_count(labels->map); i++)
        if (!vdt_values_find(&labels->classes, vdt_class_map_class(labels->map, i), &found))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: class '%s' of the label values is not in the class list: add it",
                            options->paths[0], vdt_class_map_class(labels->map, i));
    if (options->unknown != VDT_UNKNOWN_ERROR || options->numbers)
        return VDT_OK;
    vdt_status status = fail_class(labels, &labels->unnamed, error);
    return status == VDT_OK ? fail_class(labels, &labels->found, error) : status;
}

vdt_status vdt_raster_labels_finish(struct vdt_raster_labels *labels, struct vdt_error *error)
{
    for (size_t i = 0; i < labels->options.count; i++)
        if (!labels->met[i])
            return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: does not meet any of the scenes",
                            labels->options.paths[i]);
    vdt_status status = make_classes(labels, error);
    if (status == VDT_OK)
        status = check_list(labels, error);
    return status == VDT_OK ? check_classes(labels, error) : status;
}

size_t vdt_raster_labels_class_count(const struct vdt_raster_labels *labels)
{
    return labels->classes.count;
}

const char *vdt_raster_labels_class(const struct vdt_raster_labels *labels, size_t class_id)
{
    return labels->classes.texts[class_id];
}

char *vdt_raster_labels_map(const struct vdt_raster_labels *labels)
{
    return labels->map == NULL ? NULL : vdt_class_map_text(labels->map);
}

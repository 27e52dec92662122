/* One row a member of struct vdt_feed_options. */
#include "feed/config_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* Each list is in the order of its enum. */
static const char *const label_formats[] = {"auto", "ogr", "coco", "yolo", "voc"};
static const char *const edges[] = {"drop", "pad", "shift"};
static const char *const windows[] = {"grid", "random", "centered", "list", "whole"};
static const char *const aoi_rules[] = {"inside", "touch", "share"};
static const char *const resamplings[] = {"nearest", "bilinear", "cubic", "cubicspline",
                                          "lanczos", "average",  "mode"};
static const char *const joins[] = {"none", "mosaic", "stack", "times", "series"};
static const char *const join_by[] = {"all", "folder"};
static const char *const mosaic_orders[] = {"first", "last"};
static const char *const matches[] = {"intersect", "inside", "all"};
static const char *const valid_rules[] = {"all", "any"};
static const char *const mask_rules[] = {"center", "all-touched"};
static const char *const boundaries[] = {"inner", "outer"};
static const char *const codecs[] = {"auto", "raw", "lz4", "deflate", "zstd"};

enum kind { FLAG, WORD, U32, U64, REAL, TEXT, FILE_NAME, TEXTS, BANDS, FILES };

struct row {
    const char *name; /* of the member: the long option */
    enum kind kind;
    size_t offset;
    size_t count; /* offset of a list's size_t */
    const char *const *words;
};

#define AT(field) offsetof(struct vdt_feed_options, field)

static const struct row members[] = {
    {"image", FILES, AT(images), AT(image_count), NULL},
    {"labels", FILES, AT(labels), AT(label_count), NULL},
    {"label-raster", FILES, AT(label_rasters), AT(label_raster_count), NULL},
    {"label-values", TEXTS, AT(label_values), AT(label_value_count), NULL},
    {"label-map", FILE_NAME, AT(label_map), 0, NULL},
    {"edge", WORD, AT(edge), 0, edges},
    {"windows", WORD, AT(windows), 0, windows},
    {"window-file", FILE_NAME, AT(window_file), 0, NULL},
    {"count", U64, AT(window_count), 0, NULL},
    {"apart", FLAG, AT(apart), 0, NULL},
    {"jitter", U32, AT(jitter), 0, NULL},
    {"background-ratio", REAL, AT(background_ratio), 0, NULL},
    {"aoi", FILES, AT(aoi), AT(aoi_count), NULL},
    {"aoi-rule", WORD, AT(aoi_rule), 0, aoi_rules},
    {"aoi-share", REAL, AT(aoi_share), 0, NULL},
    {"aoi-mask", FLAG, AT(aoi_mask), 0, NULL},
    {"bands", BANDS, AT(bands), AT(band_count), NULL},
    {"unscale", FLAG, AT(unscale), 0, NULL},
    {"valid-rule", WORD, AT(valid_rule), 0, valid_rules},
    {"cloud-band", TEXT, AT(cloud_band), 0, NULL},
    {"cloud-file", FILES, AT(cloud_files), AT(cloud_file_count), NULL},
    {"cloud-mask", FLAG, AT(cloud_mask), 0, NULL},
    {"crs", TEXT, AT(crs), 0, NULL},
    {"resampling", WORD, AT(resampling), 0, resamplings},
    {"join", WORD, AT(join), 0, joins},
    {"join-by", WORD, AT(join_by), 0, join_by},
    {"mosaic-order", WORD, AT(mosaic_order), 0, mosaic_orders},
    {"extra", FILES, AT(extras), AT(extra_count), NULL},
    {"class-field", TEXT, AT(class_field), 0, NULL},
    {"class-map", FILE_NAME, AT(class_map), 0, NULL},
    {"classes", TEXTS, AT(classes), AT(class_count), NULL},
    {"match", WORD, AT(match), 0, matches},
    {"mask-rule", WORD, AT(mask_rule), 0, mask_rules},
    {"ignore", FILES, AT(ignore), AT(ignore_count), NULL},
    {"label-format", WORD, AT(label_format), 0, label_formats},
    {"boundary", WORD, AT(boundary), 0, boundaries},
    {"boundary-width", U32, AT(boundary_width), 0, NULL},
    {"contact-spacing", REAL, AT(contact_spacing), 0, NULL},
    {"distance-limit", REAL, AT(distance_limit), 0, NULL},
    {"target-field", TEXT, AT(target_field), 0, NULL},
    {"min-visible", REAL, AT(min_visible), 0, NULL},
    {"min-valid", REAL, AT(min_valid), 0, NULL},
    {"group", TEXT, AT(group), 0, NULL},
    {"block-size", REAL, AT(block_size), 0, NULL},
    {"split-areas", FILES, AT(split_areas), AT(split_area_count), NULL},
    {"split-gap", REAL, AT(split_gap), 0, NULL},
    {"seed", U64, AT(seed), 0, NULL},
    {"codec", WORD, AT(codec), 0, codecs},
    {"name", TEXT, AT(name), 0, NULL},
};

static json_t *file_json(const char *path, const char *store)
{
    vdt_cleanup(vdt_free_pointer) char *relative = vdt_path_relative(path, store);
    return relative == NULL ? NULL : json_string(relative);
}

static json_t *band_json(const char *band)
{
    bool number = band[strspn(band, "0123456789")] == '\0' && strlen(band) < 10;
    return number && band[0] != '\0' ? json_integer(atoi(band)) : json_string(band);
}

static json_t *list_json(const struct row *row, const char *const *items, size_t count,
                         const char *store)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, row->kind == FILES   ? file_json(items[i], store)
                                    : row->kind == BANDS ? band_json(items[i])
                                                         : json_string(items[i]));
    return list;
}

/* NULL for what was not given: zero, as everywhere in these options. */
static json_t *row_json(const struct vdt_feed_options *options, const struct row *row)
{
    const char *at = (const char *)options + row->offset;
    const char *const *items = NULL;
    const char *text = NULL;
    size_t count = 0;
    uint32_t word = 0;
    uint64_t whole = 0;
    double real = 0;
    switch (row->kind) {
    case FLAG: return *(const bool *)at ? json_true() : NULL;
    case WORD:
        memcpy(&word, at, sizeof word);
        return word == 0 ? NULL : json_string(row->words[word]);
    case U32: memcpy(&word, at, sizeof word); return word == 0 ? NULL : json_integer(word);
    case U64:
        memcpy(&whole, at, sizeof whole);
        return whole == 0 ? NULL : json_integer((json_int_t)whole);
    case REAL: memcpy(&real, at, sizeof real); return real == 0 ? NULL : json_real(real);
    case TEXT: memcpy(&text, at, sizeof text); return text == NULL ? NULL : json_string(text);
    case FILE_NAME:
        memcpy(&text, at, sizeof text);
        return text == NULL ? NULL : file_json(text, options->store);
    case TEXTS:
    case BANDS:
    case FILES:
        memcpy(&items, at, sizeof items);
        memcpy(&count, (const char *)options + row->count, sizeof count);
        return count == 0 ? NULL : list_json(row, items, count, options->store);
    }
    return NULL;
}

/* One number where both are the same. */
static json_t *size_json(uint32_t cols, uint32_t rows)
{
    return cols == rows ? json_integer(cols)
                        : json_pack("[I, I]", (json_int_t)cols, (json_int_t)rows);
}

static json_t *tasks_json(uint32_t tasks)
{
    json_t *list = json_array();
    for (uint32_t bit = 1; bit != 0 && bit <= tasks; bit *= 2)
        if (tasks & bit)
            json_array_append_new(list, json_string(vdt_task_name((enum vdt_task)bit)));
    return list;
}

/* A list, for the order of the groups counts and members of an object have none. */
static json_t *split_json(const struct vdt_feed_options *options)
{
    json_t *list = json_array();
    for (size_t i = 0; i < options->split_count; i++)
        json_array_append_new(list,
                              json_pack("{s:f}", options->split[i].group, options->split[i].share));
    return list;
}

static void add_split(json_t *object, const struct vdt_feed_options *o)
{
    static const char *const words[] = {NULL, "scene", "random", NULL, "time", NULL};
    json_t *periods = json_array();
    if (o->split_count > 0)
        json_object_set_new(object, "split", split_json(o));
    if (o->split_by == VDT_SPLIT_FIELD && o->split_field != NULL)
        json_object_set_new(object, "split-by", json_sprintf("field:%s", o->split_field));
    else if (words[o->split_by] != NULL)
        json_object_set_new(object, "split-by", json_string(words[o->split_by]));
    for (size_t i = 0; i < o->split_period_count; i++) {
        const struct vdt_split_period *period = &o->split_periods[i];
        json_array_append_new(periods, period->before == NULL
                                           ? json_string(period->group)
                                           : json_sprintf("%s=%s", period->group, period->before));
    }
    if (o->split_period_count > 0)
        json_object_set(object, "split-time", periods);
    json_decref(periods);
}

/* Members that take more than one member of the struct, or what the plan made of it. */
static void add_sizes(json_t *object, const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    json_object_set_new(object, "tile", size_json(tile->cols, tile->rows));
    if (o->stride_cols > 0 || o->stride_rows > 0)
        json_object_set_new(object, "stride",
                            size_json(o->stride_cols > 0 ? o->stride_cols : tile->cols,
                                      o->stride_rows > 0 ? o->stride_rows : tile->rows));
    if (o->resolution[0] > 0)
        json_object_set_new(object, "resolution",
                            json_pack("[f, f]", o->resolution[0], o->resolution[1]));
}

json_t *vdt_config_width(const struct vdt_feed_options *o)
{
    char number[32];
    if (o->width_field != NULL)
        return json_sprintf("field:%s", o->width_field);
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, o->width);
        if (strtod(number, NULL) == o->width)
            break;
    }
    return json_sprintf("%s%s", number, o->width_unit == VDT_WIDTH_PIXELS ? "px" : "m");
}

static void add_pixels(json_t *object, const struct vdt_feed_options *o)
{
    if (o->dtype != 0)
        json_object_set_new(object, "dtype", json_string(vdt_dtype_name(o->dtype)));
    if (o->no_nodata)
        json_object_set_new(object, "nodata", json_pack("[s]", "none"));
    json_t *values = o->nodata_count > 0 ? json_array() : NULL;
    for (size_t i = 0; i < o->nodata_count; i++)
        json_array_append_new(values, isfinite(o->nodata[i]) ? json_real(o->nodata[i])
                                      : isnan(o->nodata[i])  ? json_string("nan")
                                      : o->nodata[i] > 0     ? json_string("inf")
                                                             : json_string("-inf"));
    if (values != NULL)
        json_object_set_new(object, "nodata", values);
}

static void add_clouds(json_t *object, const struct vdt_feed_options *o)
{
    json_t *bits = json_array(), *values = json_array();
    for (int bit = 0; bit < 32; bit++)
        if (o->cloud_bits >> bit & 1)
            json_array_append_new(bits, json_integer(bit));
    for (size_t i = 0; i < o->cloud_value_count; i++)
        json_array_append_new(values, json_integer(o->cloud_values[i]));
    if (o->cloud_bits != 0)
        json_object_set(object, "cloud-bits", bits);
    if (o->cloud_value_count > 0)
        json_object_set(object, "cloud-values", values);
    json_decref(bits);
    json_decref(values);
    if (o->max_cloud != NULL)
        json_object_set_new(object, "max-cloud", json_real(*o->max_cloud));
}

static void add_labels(json_t *object, const struct vdt_plan *plan)
{
    static const char *const orders[] = {"file", "class", "area"};
    const struct vdt_feed_options *o = plan->options;
    if (plan->spec.tasks != 0)
        json_object_set_new(object, "task", tasks_json(plan->spec.tasks));
    /* A store that was there said which classes there are. */
    if (plan->adds && (plan->labels != NULL || plan->rasters != NULL) && o->class_count == 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < plan->spec.class_count; i++)
            json_array_append_new(list, json_string(plan->spec.classes[i]));
        json_object_set_new(object, "classes", list);
    }
    if (o->width_field != NULL || o->width > 0)
        json_object_set_new(object, "width", vdt_config_width(o));
    if (o->unknown != VDT_UNKNOWN_ERROR)
        json_object_set_new(
            object, "unknown",
            json_string(o->unknown == VDT_UNKNOWN_SKIP ? "skip" : o->unknown_class));
    if (o->mask_order == VDT_ORDER_FIELD)
        json_object_set_new(object, "mask-order", json_sprintf("field:%s", o->order_field));
    else if (o->mask_order != VDT_ORDER_FILE)
        json_object_set_new(object, "mask-order", json_string(orders[o->mask_order]));
}

json_t *vdt_config_options(const struct vdt_plan *plan)
{
    const struct vdt_feed_options *options = plan->options;
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < sizeof members / sizeof members[0]; i++) {
        json_t *value = row_json(options, &members[i]);
        if (value != NULL)
            json_object_set_new(object, members[i].name, value);
    }
    add_sizes(object, plan);
    add_pixels(object, options);
    add_clouds(object, options);
    add_labels(object, plan);
    add_split(object, options);
    return object;
}

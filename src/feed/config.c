/* Options of a feed as canonical JSON. */
#include "feed/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "feed/config_options.h"

static const char *const label_formats[] = {"auto", "ogr", "coco", "yolo", "voc"};
static const char *const edges[] = {"drop", "pad", "shift"};
static const char *const aoi_rules[] = {"inside", "touch", "share"};
static const char *const matches[] = {"intersect", "inside", "all"};
static const char *const orders[] = {"file", "class", "area", "field"};
static const char *const joins[] = {"none", "mosaic", "stack", "times", "series"};
static const char *const resamplings[] = {"nearest", "bilinear", "cubic", "cubicspline",
                                          "lanczos", "average",  "mode"};

static json_t *paths(const char *const *list, size_t count, const char *store)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        vdt_cleanup(vdt_free_pointer) char *relative = vdt_path_relative(list[i], store);
        json_array_append_new(array, json_string(relative));
    }
    return array;
}

static json_t *tasks(uint32_t bits)
{
    json_t *array = json_array();
    for (uint32_t bit = VDT_CLASSIFICATION; bit <= VDT_REGRESSION; bit *= 2)
        if (bits & bit)
            json_array_append_new(array, json_string(vdt_task_name((enum vdt_task)bit)));
    return array;
}

static json_t *classes(const struct vdt_plan *plan)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan->spec.class_count; i++)
        json_array_append_new(array, json_string(plan->spec.classes[i]));
    return array;
}

/* Numbers, unless a band was asked for by name: another sensor has it in another place. */
/* The rules themselves: a file may change. */
static json_t *class_map(const struct vdt_plan *plan)
{
    vdt_cleanup(vdt_free_pointer) char *text = vdt_class_map_text(plan->class_map);
    return text == NULL ? NULL : json_loads(text, 0, NULL);
}

static json_t *bands(const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    json_t *array = json_array();
    bool named = false;
    for (size_t i = 0; i < o->band_count; i++)
        named |= strspn(o->bands[i], "0123456789") != strlen(o->bands[i]);
    /* What was asked for: a selection of dates or with extra bands is longer. */
    for (size_t i = 0; i < o->band_count; i++)
        json_array_append_new(array, named ? json_string(o->bands[i])
                                           : json_integer(strtol(o->bands[i], NULL, 10)));
    for (int i = 0; o->band_count == 0 && i < plan->selection.count; i++)
        json_array_append_new(array, json_integer(plan->selection.bands[i]));
    return array;
}

/* The overview of each scene that is read from one, by the number of the image. */
static json_t *target(const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    json_t *overviews = json_object();
    for (size_t i = 0; i < o->image_count; i++) {
        char number[24];
        int overview = 0;
        snprintf(number, sizeof number, "%zu", i);
        for (size_t k = 0; k < plan->recipe_count && overview == 0; k++)
            overview = vdt_recipe_overview(&plan->recipes[k], o->images[i]);
        if (overview > 0)
            json_object_set_new(overviews, number, json_integer(overview));
    }
    return json_pack("{s:s?, s:[f,f], s:s, s:o}", "crs", o->crs, "resolution", o->resolution[0],
                     o->resolution[1], "resampling", resamplings[o->resampling], "overviews",
                     overviews);
}

/* How images become scenes; nothing by default. */
static void add_join(const struct vdt_feed_options *o, json_t *config)
{
    if (o->join != VDT_JOIN_NONE) {
        json_t *join = json_pack("{s:s}", "kind", joins[o->join]);
        if (o->join != VDT_JOIN_SERIES)
            json_object_set_new(join, "by",
                                json_string(o->join_by == VDT_JOIN_ALL ? "all" : "folder"));
        if (o->join == VDT_JOIN_MOSAIC)
            json_object_set_new(
                join, "order", json_string(o->mosaic_order == VDT_MOSAIC_FIRST ? "first" : "last"));
        json_object_set_new(config, "join", join);
    }
    if (o->extra_count > 0)
        json_object_set_new(config, "extra", paths(o->extras, o->extra_count, o->store));
    if (o->resolution[0] == 0 && (o->join == VDT_JOIN_STACK || o->extra_count > 0))
        json_object_set_new(config, "resampling", json_string(resamplings[o->resampling]));
}

static json_t *groups(const struct vdt_plan *plan)
{
    if (!plan->groups.split)
        return json_string(plan->groups.names[0]);
    vdt_cleanup(vdt_free_pointer) char *text = vdt_groups_text(&plan->groups);
    return text == NULL ? NULL : json_loads(text, 0, NULL);
}

/* Of windows that are on no grid. */
static json_t *windows(const struct vdt_feed_options *o)
{
    json_int_t seed = (json_int_t)o->seed;
    if (o->windows == VDT_WINDOWS_CENTERED)
        return json_pack("{s:s, s:I, s:I}", "from", "centered", "jitter", (json_int_t)o->jitter,
                         "seed", seed);
    if (o->windows == VDT_WINDOWS_WHOLE)
        return json_pack("{s:s}", "from", "whole");
    if (o->windows == VDT_WINDOWS_LIST)
        return json_pack("{s:s, s:o}", "from", "list", "files",
                         paths(&o->window_file, 1, o->store));
    return json_pack("{s:s, s:I, s:b, s:I}", "from", "random", "count", (json_int_t)o->window_count,
                     "apart", o->apart, "seed", seed);
}

/* What is left out of the windows; nothing by default. */
static void add_limits(const struct vdt_feed_options *o, json_t *config)
{
    if (o->background_ratio > 0)
        json_object_set_new(
            config, "background",
            json_pack("{s:f, s:I}", "ratio", o->background_ratio, "seed", (json_int_t)o->seed));
    if (o->aoi_count > 0)
        json_object_set_new(
            config, "aoi",
            json_pack("{s:o, s:s, s:f, s:b}", "files", paths(o->aoi, o->aoi_count, o->store),
                      "rule", aoi_rules[o->aoi_rule], "share", o->aoi_share, "mask", o->aoi_mask));
}

/* What is done to pixels, where something is. */
static void add_pixel_rules(const struct vdt_feed_options *o, json_t *config)
{
    if (o->dtype != 0)
        json_object_set_new(config, "dtype", json_string(vdt_dtype_name(o->dtype)));
    if (o->unscale)
        json_object_set_new(config, "unscale", json_true());
    if (o->no_nodata)
        json_object_set_new(config, "nodata", json_string("none"));
    if (o->nodata_count > 0) {
        json_t *values = json_array();
        for (size_t i = 0; i < o->nodata_count; i++)
            json_array_append_new(values, isfinite(o->nodata[i])
                                              ? json_real(o->nodata[i])
                                              : json_sprintf("%g", o->nodata[i]));
        json_object_set_new(config, "nodata", values);
    }
    if (o->valid_rule == VDT_VALID_ANY)
        json_object_set_new(config, "valid_rule", json_string("any"));
}

static json_t *clouds(const struct vdt_feed_options *o)
{
    json_t *object = json_object(), *list = json_array();
    if (o->cloud_band != NULL)
        json_object_set_new(object, "band", json_string(o->cloud_band));
    else
        json_object_set_new(object, "files", paths(o->cloud_files, o->cloud_file_count, o->store));
    for (int bit = 0; bit < 32; bit++)
        if (o->cloud_bits >> bit & 1)
            json_array_append_new(list, json_integer(bit));
    for (size_t i = 0; i < o->cloud_value_count; i++)
        json_array_append_new(list, json_integer(o->cloud_values[i]));
    json_object_set_new(object, o->cloud_bits != 0 ? "bits" : "values", list);
    if (o->max_cloud != NULL)
        json_object_set_new(object, "max", json_real(*o->max_cloud));
    json_object_set_new(object, "mask", json_boolean(o->cloud_mask));
    return object;
}

/* The rules themselves, as of a class map. */
static void add_label_rasters(const struct vdt_plan *plan, json_t *config)
{
    const struct vdt_feed_options *o = plan->options;
    if (plan->rasters == NULL)
        return;
    vdt_cleanup(vdt_free_pointer) char *map = vdt_raster_labels_map(plan->rasters);
    json_object_set_new(config, "label_rasters",
                        paths(o->label_rasters, o->label_raster_count, o->store));
    if (map != NULL)
        json_object_set_new(config, "label_values", json_loads(map, 0, NULL));
}

/* What not every feed has, so that configurations of old stay as they are. */
static void describe_pixels(json_t *config, const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    uint32_t tasks = plan->spec.tasks;
    if (o->mask_rule != VDT_RULE_CENTER)
        json_object_set_new(config, "mask_rule", json_string("all-touched"));
    if (o->mask_order == VDT_ORDER_FIELD)
        json_object_set_new(config, "mask_order", json_sprintf("field:%s", o->order_field));
    if (o->ignore_count > 0)
        json_object_set_new(config, "ignore", paths(o->ignore, o->ignore_count, o->store));
    if (o->label_format != VDT_LABELS_AUTO)
        json_object_set_new(config, "label_format", json_string(label_formats[o->label_format]));
    if (o->width_field != NULL || o->width > 0)
        json_object_set_new(config, "width", vdt_config_width(o));
    if (tasks & VDT_BOUNDARY) {
        uint32_t width = o->boundary_width > 0 ? o->boundary_width : VDT_BOUNDARY_WIDTH;
        bool inner = o->boundary == VDT_BOUNDARY_INNER;
        json_object_set_new(config, "boundary", json_string(inner ? "inner" : "outer"));
        json_object_set_new(config, "boundary_width", json_integer(width));
    }
    if (tasks & VDT_CONTACT)
        json_object_set_new(
            config, "contact_spacing",
            json_real(o->contact_spacing > 0 ? o->contact_spacing : VDT_CONTACT_SPACING));
    if (tasks & VDT_DISTANCE)
        json_object_set_new(
            config, "distance_limit",
            json_real(o->distance_limit > 0 ? o->distance_limit : VDT_DISTANCE_LIMIT));
    if (o->target_field != NULL)
        json_object_set_new(config, "target_field", json_string(o->target_field));
    add_label_rasters(plan, config);
}

static json_t *describe(const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    const struct vdt_grid *grid = &plan->scenes[0].grid;
    static const char *const unknowns[] = {"error", "skip"};
    json_t *config = json_object();
    json_object_set_new(config, "images", paths(o->images, o->image_count, o->store));
    json_object_set_new(config, "labels", paths(o->labels, o->label_count, o->store));
    json_object_set_new(config, "task", tasks(plan->spec.tasks));
    json_object_set_new(config, "tile", json_pack("[i,i]", grid->tile_cols, grid->tile_rows));
    if (o->windows == VDT_WINDOWS_GRID)
        json_object_set_new(config, "stride",
                            json_pack("[i,i]", grid->stride_cols, grid->stride_rows));
    else
        json_object_set_new(config, "windows", windows(o));
    json_object_set_new(config, "edge", json_string(edges[o->edge]));
    bool joined = (o->join != VDT_JOIN_NONE && o->join != VDT_JOIN_SERIES) || o->extra_count > 0;
    if (o->band_count > 0 || !joined)
        json_object_set_new(config, "bands", bands(plan));
    add_pixel_rules(o, config);
    if (o->cloud_band != NULL || o->cloud_file_count > 0)
        json_object_set_new(config, "clouds", clouds(o));
    if (o->resolution[0] > 0)
        json_object_set_new(config, "grid", target(plan));
    add_join(o, config);
    json_object_set_new(config, "class_field",
                        o->class_field == NULL ? json_null() : json_string(o->class_field));
    if (plan->class_map != NULL)
        json_object_set_new(config, "class_map", class_map(plan));
    json_object_set_new(config, "classes", classes(plan));
    json_object_set_new(
        config, "unknown",
        json_string(o->unknown == VDT_UNKNOWN_CLASS ? o->unknown_class : unknowns[o->unknown]));
    json_object_set_new(config, "match", json_string(matches[o->match]));
    json_object_set_new(config, "mask_order", json_string(orders[o->mask_order]));
    describe_pixels(config, plan);
    json_object_set_new(config, "min_visible", json_real(o->min_visible));
    json_object_set_new(config, "min_valid", json_real(o->min_valid));
    add_limits(o, config);
    json_object_set_new(config, plan->groups.split ? "split" : "group", groups(plan));
    return config;
}

/* The options as they were written are no other feed: the rest says what they came to. */
static bool is_same(json_t *stored, const json_t *config)
{
    vdt_cleanup(vdt_json_release) json_t *rest = json_copy(stored);
    json_object_del(rest, "options");
    return json_equal(rest, config);
}

vdt_status vdt_config_add(const struct vdt_plan *plan, const char *stored, char **text,
                          size_t *place, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = NULL;
    vdt_cleanup(vdt_json_release) json_t *config = describe(plan);
    vdt_status status = vdt_json_parse(stored, "attribute feed_config", &list, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *options = vdt_config_options(plan);
    if (!json_is_array(list) || config == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "attribute feed_config is not a list");
    size_t at = 0;
    while (at < json_array_size(list) && !is_same(json_array_get(list, at), config))
        at++;
    if (at == json_array_size(list))
        json_array_append(list, config);
    json_t *feed = json_array_get(list, at);
    if (json_object_get(feed, "options") == NULL)
        json_object_set(feed, "options", options);
    char *dumped = vdt_json_text(list);
    if (dumped == NULL)
        return vdt_fail_memory(error, "feed_config");
    *text = dumped;
    *place = at + 1;
    return VDT_OK;
}

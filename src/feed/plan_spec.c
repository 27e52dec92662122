/* What the store holds, or will: options, tasks, tile, bands and classes that go together. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/aoi.h"
#include "feed/cloud.h"
#include "feed/label_raster.h"
#include "feed/plan_steps.h"
#include "feed/window_source.h"

enum { DEFAULT_TILE = 256 };

static void scene_cleanup(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

static vdt_status check_pixel_rules(const struct vdt_feed_options *options, struct vdt_error *error)
{
    if ((unsigned)options->dtype > VDT_FLOAT64)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "dtype: tiles are uint8, uint16, int16, uint32, int32, float32 or float64");
    if (options->no_nodata && options->nodata_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "either nodata values or none, not both");
    if ((unsigned)options->valid_rule > VDT_VALID_ANY)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "valid rule: there is no rule %d",
                        (int)options->valid_rule);
    return VDT_OK;
}

static bool has_labels(const struct vdt_feed_options *options)
{
    return options->label_count + options->label_raster_count > 0;
}

vdt_status vdt_plan_check_options(const struct vdt_feed_options *options, struct vdt_error *error)
{
    if (options->store == NULL || options->image_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a feed needs a store and at least one image");
    if (options->seed > INT64_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a seed is at most 9223372036854775807");
    bool split = options->split_count > 0 || options->split_period_count > 0;
    if (options->split_by == VDT_SPLIT_AREAS ||
        (options->split_area_count > 0 &&
         (split || options->split_by != VDT_SPLIT_BLOCK || options->group != NULL)))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--split-areas goes without --split, --split-by, --split-time and --group");
    if (split && (options->split_by == VDT_SPLIT_FIELD) != (options->split_field != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a split by field goes with the field's name");
    if (options->split_period_count > 0 &&
        (options->split_count > 0 || options->split_by != VDT_SPLIT_TIME))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--split-time goes with --split-by time, and in place of --split");
    if (!split && options->split_by != VDT_SPLIT_BLOCK)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--split-by needs --split%s",
                        options->split_by == VDT_SPLIT_TIME ? " or --split-time" : "");
    if (options->split_by == VDT_SPLIT_FIELD && options->label_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a split by a field of the labels needs labels: give --labels");
    for (size_t i = 0; i < options->split_period_count; i++)
        if (!vdt_group_name_valid(options->split_periods[i].group))
            return vdt_fail(
                error, VDT_ERR_ARGUMENT,
                "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs",
                options->split_periods[i].group);
    if (options->group != NULL && split)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "either one group or a split, not both");
    if (options->group != NULL && !vdt_group_name_valid(options->group))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs",
            options->group);
    for (size_t i = 0; i < options->split_count; i++)
        if (!vdt_group_name_valid(options->split[i].group))
            return vdt_fail(
                error, VDT_ERR_ARGUMENT,
                "group \"%s\": letters, digits, '_' and '-' only, and not views, scenes, crs",
                options->split[i].group);
    bool fields =
        options->class_field != NULL || options->class_map != NULL || options->target_field != NULL;
    if (options->label_count == 0 && (fields || !has_labels(options)) &&
        (fields || options->tasks != 0))
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "a task, a class field or a class map is about labels, but there is no label file: "
            "give --labels");
    if (!(options->width >= 0 && options->width <= VDT_WIDTH_MOST) ||
        (options->width > 0 && options->width_field != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a width is a number above 0 and at most %d, or a field", VDT_WIDTH_MOST);
    if (!(options->min_visible >= 0 && options->min_visible <= 1) ||
        !(options->min_valid >= 0 && options->min_valid <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "min-visible and min-valid are shares of 0 to 1");
    vdt_status status = check_pixel_rules(options, error);
    if (status == VDT_OK)
        status = vdt_cloud_options_check(options, error);
    if (status == VDT_OK)
        status = vdt_window_options_check(options, error);
    return status == VDT_OK ? vdt_aoi_options_check(options, error) : status;
}

/* "detection, segmentation"; "none" for 0. */
static void list_tasks(uint32_t tasks, char text[120])
{
    size_t used = (size_t)snprintf(text, 120, "%s", tasks == 0 ? "none" : "");
    for (uint32_t bit = VDT_CLASSIFICATION; bit <= VDT_REGRESSION && used < 119; bit *= 2)
        if (tasks & bit)
            used += (size_t)snprintf(text + used, 120 - used, "%s%s", used == 0 ? "" : ", ",
                                     vdt_task_name((enum vdt_task)bit));
}

/* What the options say of tasks that not every store has. */
static vdt_status check_pixels(const struct vdt_feed_options *options, uint32_t tasks,
                               struct vdt_error *error)
{
    if (options->boundary_width > 1024 ||
        !(options->contact_spacing >= 0 && options->contact_spacing <= 1024) ||
        !(options->distance_limit >= 0 && options->distance_limit <= 1024))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a boundary's width, a contact's spacing and a distance's limit are at "
                        "most 1024 pixels");
    bool field = options->target_field != NULL, regression = (tasks & VDT_REGRESSION) != 0;
    if (field != regression && (field || options->label_raster_count == 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        options->target_field == NULL
                            ? "%s: the task regression needs a numeric field: --target-field"
                            : "%s: a target field is for the task regression: --task regression",
                        options->store);
    if ((options->order_field != NULL) != (options->mask_order == VDT_ORDER_FIELD))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: a mask order by field goes with the field's name", options->store);
    if (options->ignore_count > 0 && !has_labels(options))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: areas to ignore are about labels, but there is no label file: give "
                        "--labels",
                        options->store);
    return VDT_OK;
}

static vdt_status check_tasks(const struct vdt_feed_options *options,
                              const struct vdt_layout *layout, uint32_t *tasks,
                              struct vdt_error *error)
{
    *tasks = options->tasks != 0 || layout == NULL ? options->tasks : layout->spec.tasks;
    if (layout != NULL && *tasks != layout->spec.tasks) {
        char have[120], want[120];
        list_tasks(layout->spec.tasks, have);
        list_tasks(*tasks, want);
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: its tasks are %s, this feed asks for %s: leave --task out",
                        options->store, have, want);
    }
    if (has_labels(options) && *tasks == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: say what the labels are for: --task classification, detection, "
                        "segmentation, instance, boundary, contact, distance, regression",
                        options->store);
    if (!has_labels(options) && *tasks != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: its samples have labels: give the label files of these images",
                        options->store);
    vdt_status status = vdt_label_rasters_check(options, *tasks, error);
    return status == VDT_OK ? check_pixels(options, *tasks, error) : status;
}

static vdt_status check_tile(const struct vdt_feed_options *options,
                             const struct vdt_layout *layout, const struct vdt_scene_info *first,
                             struct vdt_tile_spec *tile, struct vdt_error *error)
{
    bool whole = options->windows == VDT_WINDOWS_WHOLE;
    uint32_t cols = layout != NULL ? layout->spec.tile.cols
                    : whole        ? (uint32_t)first->cols
                                   : DEFAULT_TILE;
    uint32_t rows = layout != NULL ? layout->spec.tile.rows
                    : whole        ? (uint32_t)first->rows
                                   : DEFAULT_TILE;
    tile->cols = options->tile_cols == 0 ? cols : options->tile_cols;
    tile->rows = options->tile_rows == 0 ? rows : options->tile_rows;
    if (tile->cols > 32768 || tile->rows > 32768)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a tile of %u x %u pixels: at most 32768 a side",
                        tile->cols, tile->rows);
    if (layout != NULL && (tile->cols != cols || tile->rows != rows))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: its tiles are %u x %u pixels, this feed asks for %u x %u",
                        options->store, cols, rows, tile->cols, tile->rows);
    return VDT_OK;
}

vdt_status vdt_plan_check_bands(const struct vdt_plan *plan, const struct vdt_layout *layout,
                                const char *path, const struct vdt_band_selection *selection,
                                struct vdt_error *error)
{
    uint32_t bands = layout == NULL ? (uint32_t)plan->selection.count : layout->spec.tile.bands;
    enum vdt_dtype dtype = layout == NULL ? plan->selection.dtype : layout->spec.tile.dtype;
    if (bands == (uint32_t)selection->count && dtype == selection->dtype)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %d bands of %s, but %s has %u bands of %s%s%s",
                    path, selection->count, vdt_dtype_name(selection->dtype),
                    layout == NULL ? plan->recipes[0].path : plan->options->store, bands,
                    vdt_dtype_name(dtype), dtype == selection->dtype ? "" : ": --dtype ",
                    dtype == selection->dtype ? "" : vdt_dtype_name(dtype));
}

struct vdt_pixel_rules vdt_plan_pixel_rules(const struct vdt_feed_options *options)
{
    return (struct vdt_pixel_rules){.bands = options->bands,
                                    .band_count = options->band_count,
                                    .dtype = options->dtype,
                                    .unscale = options->unscale,
                                    .no_nodata = options->no_nodata,
                                    .nodata = options->nodata,
                                    .nodata_count = options->nodata_count,
                                    .valid_rule = options->valid_rule};
}

/* Whether rasters say which classes there are; features then have some of them. */
static bool of_classes(const struct vdt_plan *plan)
{
    return plan->rasters != NULL &&
           (plan->spec.tasks & (VDT_SEGMENTATION | VDT_CLASSIFICATION)) != 0;
}

static vdt_status list_raster_classes(struct vdt_plan *plan, struct vdt_error *error)
{
    size_t count = vdt_raster_labels_class_count(plan->rasters);
    plan->class_names = vdt_allocate_zero(count, sizeof *plan->class_names);
    if (plan->class_names == NULL)
        return vdt_fail_memory(error, plan->options->store);
    for (size_t i = 0; i < count; i++)
        plan->class_names[i] = vdt_raster_labels_class(plan->rasters, i);
    plan->spec.classes = plan->class_names;
    plan->spec.class_count = count;
    return VDT_OK;
}

/* Scenes that are joined of several files have names that no labels know. */
static vdt_status match_images(const struct vdt_plan *plan, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const char **paths =
        vdt_allocate(plan->recipe_count, sizeof *paths);
    if (paths == NULL)
        return vdt_fail_memory(error, plan->options->store);
    for (size_t i = 0; i < plan->recipe_count; i++)
        paths[i] = plan->recipes[i].path;
    return vdt_labels_match(plan->labels, paths, plan->recipe_count, error);
}

static vdt_status open_labels(struct vdt_plan *plan, const struct vdt_layout *layout,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    struct vdt_label_options wanted = {.format = options->label_format,
                                       .class_field = options->class_field,
                                       .classes = options->classes,
                                       .class_count = options->class_count,
                                       .unknown = options->unknown,
                                       .unknown_class = options->unknown_class,
                                       .order_field = options->order_field,
                                       .owner_field = plan->owner_field,
                                       .target_field = options->target_field,
                                       .width = options->width,
                                       .width_unit = options->width_unit,
                                       .width_field = options->width_field};
    if (layout != NULL && options->class_count == 0) {
        wanted.classes = layout->spec.classes;
        wanted.class_count = layout->spec.class_count;
    }
    vdt_status status = vdt_label_rasters_open(plan, layout, error);
    if (status == VDT_OK && of_classes(plan)) {
        status = list_raster_classes(plan, error);
        wanted.classes = plan->spec.classes;
        wanted.class_count = plan->spec.class_count;
    }
    if (status == VDT_OK && options->class_map != NULL)
        status =
            vdt_class_map_read(options->class_map, options->class_field, &plan->class_map, error);
    wanted.class_map = plan->class_map;
    if (status == VDT_OK && options->label_count > 0)
        status =
            vdt_labels_open(options->labels, options->label_count, &wanted, &plan->labels, error);
    if (status == VDT_OK && options->ignore_count > 0)
        status = vdt_labels_open(options->ignore, options->ignore_count,
                                 &(struct vdt_label_options){.format = VDT_LABELS_OGR},
                                 &plan->ignore, error);
    if (status == VDT_OK && plan->labels != NULL)
        status = match_images(plan, error);
    if (status != VDT_OK || plan->labels == NULL)
        return status != VDT_OK || plan->rasters == NULL || of_classes(plan)
                   ? status
                   : list_raster_classes(plan, error);
    struct vdt_label_counts counts = vdt_labels_counts(plan->labels);
    report->features = counts.features;
    report->null_geometries = counts.null_geometries;
    report->repaired = counts.repaired;
    report->unknown_skipped = counts.unknown_skipped;
    report->left_out = counts.left_out;
    report->crowds = counts.ignored;
    if (of_classes(plan))
        return VDT_OK;
    size_t count = vdt_labels_class_count(plan->labels);
    plan->class_names = vdt_allocate_zero(count, sizeof *plan->class_names);
    if (plan->class_names == NULL)
        return vdt_fail_memory(error, options->store);
    for (size_t i = 0; i < count; i++)
        plan->class_names[i] = vdt_labels_class(plan->labels, i);
    plan->spec.classes = plan->class_names;
    plan->spec.class_count = count;
    return VDT_OK;
}

static void list_classes(const char *const *classes, size_t count, char text[200])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < 199; i++)
        used += (size_t)snprintf(text + used, 200 - used, "%s%s", i == 0 ? "" : ",", classes[i]);
}

static vdt_status check_classes(const struct vdt_plan *plan, const struct vdt_layout *layout,
                                struct vdt_error *error)
{
    if (layout == NULL)
        return VDT_OK;
    const struct vdt_store_spec *have = &layout->spec, *want = &plan->spec;
    bool same = have->class_count == want->class_count;
    for (size_t i = 0; same && i < have->class_count; i++)
        same = strcmp(have->classes[i], want->classes[i]) == 0;
    if (same)
        return VDT_OK;
    char have_text[200], want_text[200];
    list_classes(have->classes, have->class_count, have_text);
    list_classes(want->classes, want->class_count, want_text);
    return vdt_fail(error, VDT_ERR_MISMATCH, "%s: its classes are %s, this feed has %s",
                    plan->options->store, have_text, want_text);
}

/* The first scene that can be opened says what a new store holds. */
static vdt_status open_first(const struct vdt_plan *plan, struct vdt_scene **first,
                             struct vdt_error *error)
{
    vdt_status status = VDT_END;
    for (size_t i = 0; status == VDT_END && i < plan->recipe_count; i++)
        status = vdt_plan_open(plan, &plan->recipes[i], first, error);
    return status == VDT_END ? vdt_failure_first(plan->log, error) : status;
}

vdt_status vdt_plan_spec(struct vdt_plan *plan, const struct vdt_layout *layout,
                         struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    const struct vdt_pixel_rules rules = vdt_plan_pixel_rules(options);
    vdt_cleanup(scene_cleanup) struct vdt_scene *first = NULL;
    vdt_status status = check_tasks(options, layout, &plan->spec.tasks, error);
    if (status == VDT_OK)
        status = open_first(plan, &first, error);
    if (status == VDT_OK)
        status = check_tile(options, layout, vdt_scene_info(first), &plan->spec.tile, error);
    if (status == VDT_OK)
        status = vdt_pixel_rules_select(first, &rules, &plan->selection, error);
    if (status == VDT_OK)
        status = vdt_plan_check_bands(plan, layout, vdt_scene_info(first)->path, &plan->selection,
                                      error);
    if (status == VDT_OK)
        status = open_labels(plan, layout, report, error);
    if (status == VDT_OK)
        status = check_classes(plan, layout, error);
    if (status != VDT_OK)
        return status;
    plan->spec.tile.bands = (uint32_t)plan->selection.count;
    plan->spec.tile.dtype = plan->selection.dtype;
    plan->spec.band_names = (const char *const *)plan->selection.names;
    plan->spec.name = options->name;
    return VDT_OK;
}

/* Windows on a grid, at random places or around objects. */
#include "feed/window_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "feed/aoi.h"
#include "feed/background.h"
#include "tile/centred.h"
#include "tile/random_window.h"

enum { MOST_WINDOWS = 100000000 }; /* of a scene, drawn at random */

void vdt_window_list_clear(struct vdt_window_list *list)
{
    free(list->places);
    *list = (struct vdt_window_list){0};
}

vdt_status vdt_window_options_check(const struct vdt_feed_options *options, struct vdt_error *error)
{
    bool random = options->windows == VDT_WINDOWS_RANDOM;
    bool grid = options->windows == VDT_WINDOWS_GRID;
    if (random && (options->window_count == 0 || options->window_count > MOST_WINDOWS))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "random windows: say how many of each scene, 1 to %d: --count",
                        (int)MOST_WINDOWS);
    if (!random && (options->window_count > 0 || options->apart))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--count and --apart need --windows random");
    if (options->jitter > 0 && options->windows != VDT_WINDOWS_CENTERED)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--jitter needs --windows centered");
    if (options->label_count == 0 && options->windows == VDT_WINDOWS_CENTERED)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "windows centered on objects need objects: give --labels");
    if (!(options->background_ratio >= 0 && options->background_ratio <= 1000))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the background ratio must be 0 to 1000");
    if (options->label_count + options->label_raster_count == 0 && options->background_ratio > 0)
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "--background-ratio counts windows with objects: give --labels or --label-raster");
    if (!grid && (options->stride_cols > 0 || options->stride_rows > 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--stride needs --windows grid");
    bool list = options->windows == VDT_WINDOWS_LIST;
    bool pads = list || options->windows == VDT_WINDOWS_WHOLE;
    if (list != (options->window_file != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--windows list and --window-file go together");
    if (!grid && options->edge != VDT_EDGE_DROP && (!pads || options->edge != VDT_EDGE_PAD))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--edge needs --windows grid%s",
                        pads ? "; here it may be pad" : "");
    return VDT_OK;
}

void vdt_window_strides(const struct vdt_feed_options *options, const struct vdt_tile_spec *tile,
                        struct vdt_grid *grid)
{
    bool on_grid = options->windows == VDT_WINDOWS_GRID;
    uint32_t cols = options->stride_cols == 0 ? tile->cols : options->stride_cols;
    uint32_t rows = options->stride_rows == 0 ? tile->rows : options->stride_rows;
    grid->stride_cols = on_grid ? (int32_t)cols : 1;
    grid->stride_rows = on_grid ? (int32_t)rows : 1;
}

struct vdt_window vdt_place_window(const struct vdt_window_task *task,
                                   const struct vdt_place *place)
{
    const struct vdt_grid *grid = &task->planned->grid;
    return (struct vdt_window){place->col, place->row, grid->tile_cols, grid->tile_rows};
}

vdt_status vdt_window_list_add(struct vdt_window_list *list, const struct vdt_window *window,
                               int group, struct vdt_error *error)
{
    if (!vdt_grow(&list->places, &list->capacity, list->count + 1, sizeof *list->places))
        return vdt_fail_memory(error, "plan");
    list->places[list->count++] =
        (struct vdt_place){.col = window->col, .row = window->row, .group = group};
    return VDT_OK;
}

static vdt_status list_grid(struct vdt_plan_scene *scene, struct vdt_unit_shape shape,
                            struct vdt_window_list *list, struct vdt_error *error)
{
    int32_t cols = vdt_grid_cols(&scene->grid), rows = vdt_grid_rows(&scene->grid);
    vdt_status status = VDT_OK;
    for (int32_t j = 0; status == VDT_OK && j < rows; j++)
        for (int32_t i = 0; status == VDT_OK && i < cols; i++) {
            struct vdt_window window = vdt_grid_window(&scene->grid, i, j);
            status = vdt_window_list_add(list, &window, VDT_GROUP_OPEN, error);
            if (status == VDT_OK) {
                list->places[list->count - 1].unit_col = i / shape.cols;
                list->places[list->count - 1].unit_row = j / shape.rows;
            }
        }
    return status;
}

/* In the order of their numbers, those that overlap none before them, or are at another place than
 * all before them: so a larger count only adds. */
static vdt_status list_random(const struct vdt_plan_scene *scene,
                              const struct vdt_feed_options *options, struct vdt_window_list *list,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    vdt_cleanup(vdt_window_set_clear) struct vdt_window_set set = {0};
    uint64_t stream = vdt_random_stream(options->seed, scene->digest);
    uint64_t most = vdt_random_room(&scene->grid, options->apart), count = options->window_count;
    uint64_t tries = vdt_random_tries(count < most ? count : most);
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < tries && list->count < count; i++) {
        struct vdt_window window = vdt_random_window(&scene->grid, stream, i), taken = window;
        bool added = false;
        if (!options->apart)
            taken.cols = taken.rows = 1;
        status = vdt_window_set_add_apart(&set, &taken, &added, error);
        if (status == VDT_OK && added)
            status = vdt_window_list_add(list, &window, VDT_GROUP_OPEN, error);
    }
    if (list->count < count && report->warning[0] == '\0')
        snprintf(report->warning, sizeof report->warning,
                 "%.300s: room for only %zu of %llu random windows%s", scene->path, list->count,
                 (unsigned long long)count, options->apart ? " apart from each other" : "");
    return status;
}

static vdt_status list_centred(const struct vdt_plan_scene *scene,
                               const struct vdt_feed_options *options, struct vdt_window_list *list,
                               struct vdt_error *error)
{
    const struct vdt_grid *grid = &scene->grid;
    uint64_t stream = vdt_random_stream(options->seed, scene->digest);
    int64_t jitter = options->jitter;
    if (2 * jitter >= grid->tile_cols || 2 * jitter >= grid->tile_rows)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--jitter %u: must be below half of the tile of %d x %d pixels, or windows "
                        "would miss their object",
                        options->jitter, grid->tile_cols, grid->tile_rows);
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < scene->geometry.feature_count; i++) {
        const struct vdt_feature *feature = &scene->geometry.features[i];
        struct vdt_window window = vdt_centred_window(grid, feature->box, (int32_t)jitter,
                                                      vdt_mix2(stream, (uint64_t)feature->id));
        status = vdt_window_list_add(list, &window, VDT_GROUP_OPEN, error);
    }
    return status;
}

/* Windows at the same place are one. */
static vdt_status drop_repeated(const struct vdt_plan_scene *scene, struct vdt_window_list *list,
                                struct vdt_error *error)
{
    size_t kept = 0;
    vdt_places_sort(list->places, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct vdt_place *place = &list->places[i];
        if (kept == 0 || place->col != list->places[kept - 1].col ||
            place->row != list->places[kept - 1].row)
            list->places[kept++] = *place;
        else if (place->group != list->places[kept - 1].group)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: the window at col %d row %d is listed in two groups", scene->path,
                            place->col, place->row);
    }
    list->count = kept;
    return VDT_OK;
}

static vdt_status leave_outside(const struct vdt_window_task *task, struct vdt_window_list *list,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_aoi_view_clear) struct vdt_aoi_view view = {0};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < list->count; i++) {
        struct vdt_window window = vdt_place_window(task, &list->places[i]);
        bool keeps = true;
        status = vdt_aoi_keeps(&view, task->plan, task->planned, &window, &keeps, error);
        if (!keeps)
            list->places[i].group = VDT_GROUP_OUTSIDE;
    }
    return status;
}

static void place_in_units(struct vdt_window_list *list, struct vdt_unit_shape shape)
{
    for (size_t i = 0; i < list->count; i++) {
        struct vdt_place *place = &list->places[i];
        place->unit_col = place->col / shape.cols;
        place->unit_row = place->row / shape.rows;
    }
    vdt_places_sort(list->places, list->count);
}

vdt_status vdt_window_source(struct vdt_window_task *task, struct vdt_window_list *list,
                             struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = task->plan->options;
    struct vdt_plan_scene *scene = task->planned;
    uint64_t bytes = vdt_tile_bytes(&task->plan->spec.tile);
    bool grid = options->windows == VDT_WINDOWS_GRID;
    struct vdt_unit_shape shape =
        vdt_unit_of_grid(&scene->grid, scene->block_cols, scene->block_rows, bytes);
    vdt_status status = VDT_OK;
    switch (options->windows) {
    case VDT_WINDOWS_GRID: status = list_grid(scene, shape, list, error); break;
    case VDT_WINDOWS_RANDOM: status = list_random(scene, options, list, report, error); break;
    case VDT_WINDOWS_CENTERED: status = list_centred(scene, options, list, error); break;
    case VDT_WINDOWS_LIST: status = vdt_list_windows(task, list, error); break;
    case VDT_WINDOWS_WHOLE:
        status = vdt_window_list_add(list, &(struct vdt_window){0}, VDT_GROUP_OPEN, error);
        break;
    }
    if (status != VDT_OK)
        return status;
    status = drop_repeated(scene, list, error);
    if (status == VDT_OK)
        status = leave_outside(task, list, error);
    if (status == VDT_OK)
        status = vdt_background_choose(task, list, report, error);
    if (!grid) {
        shape = vdt_unit_of_places(&scene->grid, list->count, scene->block_cols, scene->block_rows,
                                   bytes);
        place_in_units(list, shape);
    }
    scene->unit_cols = shape.cols;
    scene->unit_rows = shape.rows;
    list->most_in_unit = shape.most;
    return status;
}

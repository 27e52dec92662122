/* Options, scenes, labels and the store become a list of windows to do. */
#include "feed/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "base/path.h"
#include "feed/place.h"
#include "feed/tile.h"

enum {
    DEFAULT_TILE = 256,
    LEAST_UNIT_BYTES = 1 << 20,
    UNIT_BYTES = 16 << 20,
    LARGEST_UNIT_BYTES = 160 << 20, /* where blocks are strips */
    FAIR_UNITS = 64                 /* of a scene, so that all threads have work to the end */
};

static void scene_cleanup(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

/* --- what the store holds, or will ---------------------------------------------------------- */

static vdt_status check_options(const struct vdt_feed_options *options, struct vdt_error *error)
{
    if (options->store == NULL || options->image_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a feed needs a store and at least one image");
    if (options->group != NULL && options->split_count > 0)
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
    if (options->label_count > 0 && options->tasks == 0)
        return VDT_OK; /* an existing store may know */
    if (options->label_count == 0 && (options->tasks != 0 || options->class_field != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a task or a class field is about labels, but there is no label file: "
                        "give --labels");
    if (!(options->min_visible >= 0 && options->min_visible <= 1) ||
        !(options->min_valid >= 0 && options->min_valid <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "min-visible and min-valid are shares of 0 to 1");
    return VDT_OK;
}

/* "detection, segmentation"; "none" for 0. */
static void list_tasks(uint32_t tasks, char text[80])
{
    size_t used = (size_t)snprintf(text, 80, "%s", tasks == 0 ? "none" : "");
    for (uint32_t bit = VDT_CLASSIFICATION; bit <= VDT_INSTANCE && used < 79; bit *= 2)
        if (tasks & bit)
            used += (size_t)snprintf(text + used, 80 - used, "%s%s", used == 0 ? "" : ", ",
                                     vdt_task_name((enum vdt_task)bit));
}

static vdt_status check_tasks(const struct vdt_feed_options *options,
                              const struct vdt_layout *layout, uint32_t *tasks,
                              struct vdt_error *error)
{
    *tasks = options->tasks != 0 || layout == NULL ? options->tasks : layout->spec.tasks;
    if (layout != NULL && *tasks != layout->spec.tasks) {
        char have[80], want[80];
        list_tasks(layout->spec.tasks, have);
        list_tasks(*tasks, want);
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: its tasks are %s, this feed asks for %s: leave --task out",
                        options->store, have, want);
    }
    if (options->label_count > 0 && *tasks == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: say what the labels are for: --task classification, detection, "
                        "segmentation, instance",
                        options->store);
    if (options->label_count == 0 && *tasks != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: its samples have labels: give the label files of these images",
                        options->store);
    return VDT_OK;
}

static vdt_status check_tile(const struct vdt_feed_options *options,
                             const struct vdt_layout *layout, struct vdt_tile_spec *tile,
                             struct vdt_error *error)
{
    uint32_t cols = layout == NULL ? DEFAULT_TILE : layout->spec.tile.cols;
    uint32_t rows = layout == NULL ? DEFAULT_TILE : layout->spec.tile.rows;
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

/* Every scene must give what the store (or the first scene) has. */
static vdt_status check_bands(const struct vdt_plan *plan, const struct vdt_layout *layout,
                              const char *path, const struct vdt_band_selection *selection,
                              struct vdt_error *error)
{
    uint32_t bands = layout == NULL ? (uint32_t)plan->selection.count : layout->spec.tile.bands;
    enum vdt_dtype dtype = layout == NULL ? plan->selection.dtype : layout->spec.tile.dtype;
    if (bands == (uint32_t)selection->count && dtype == selection->dtype)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %d bands of %s, but %s has %u bands of %s", path,
                    selection->count, vdt_dtype_name(selection->dtype),
                    layout == NULL ? plan->options->images[0] : plan->options->store, bands,
                    vdt_dtype_name(dtype));
}

static vdt_status open_labels(struct vdt_plan *plan, const struct vdt_layout *layout,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    struct vdt_label_options wanted = {.class_field = options->class_field,
                                       .classes = options->classes,
                                       .class_count = options->class_count,
                                       .unknown = options->unknown,
                                       .unknown_class = options->unknown_class};
    if (layout != NULL && options->class_count == 0) {
        wanted.classes = layout->spec.classes;
        wanted.class_count = layout->spec.class_count;
    }
    vdt_status status = VDT_OK;
    if (options->label_count > 0)
        status =
            vdt_labels_open(options->labels, options->label_count, &wanted, &plan->labels, error);
    if (status != VDT_OK || plan->labels == NULL)
        return status;
    struct vdt_label_counts counts = vdt_labels_counts(plan->labels);
    report->features = counts.features;
    report->null_geometries = counts.null_geometries;
    report->repaired = counts.repaired;
    report->unknown_skipped = counts.unknown_skipped;
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

static vdt_status plan_spec(struct vdt_plan *plan, const struct vdt_layout *layout,
                            struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    vdt_cleanup(scene_cleanup) struct vdt_scene *first = NULL;
    vdt_status status = check_tasks(options, layout, &plan->spec.tasks, error);
    if (status == VDT_OK)
        status = check_tile(options, layout, &plan->spec.tile, error);
    if (status == VDT_OK)
        status = vdt_scene_open(options->images[0], &first, error);
    if (status == VDT_OK)
        status =
            vdt_scene_select(first, options->bands, options->band_count, &plan->selection, error);
    if (status == VDT_OK)
        status = check_bands(plan, layout, options->images[0], &plan->selection, error);
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

/* --- scenes --------------------------------------------------------------------------------- */

static vdt_status plan_grid(const struct vdt_plan *plan, struct vdt_plan_scene *planned,
                            struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    planned->grid = (struct vdt_grid){
        .scene_cols = planned->cols,
        .scene_rows = planned->rows,
        .tile_cols = (int32_t)tile->cols,
        .tile_rows = (int32_t)tile->rows,
        .stride_cols = (int32_t)(options->stride_cols == 0 ? tile->cols : options->stride_cols),
        .stride_rows = (int32_t)(options->stride_rows == 0 ? tile->rows : options->stride_rows),
        .edge = options->edge};
    if (planned->grid.stride_cols <= 0 || planned->grid.stride_rows <= 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the stride must be 1 pixel or more");
    if (vdt_grid_cols(&planned->grid) > 0 && vdt_grid_rows(&planned->grid) > 0)
        return VDT_OK;
    return vdt_fail(
        error, VDT_ERR_ARGUMENT,
        "%s: a tile of %u x %u pixels is larger than the scene of %d x %d: use a smaller "
        "tile or --edge pad",
        planned->path, tile->cols, tile->rows, planned->cols, planned->rows);
}

static vdt_status plan_labels(const struct vdt_plan *plan, struct vdt_plan_scene *planned,
                              struct vdt_scene *scene, struct vdt_error *error)
{
    if (plan->labels == NULL)
        return VDT_OK;
    vdt_status status = vdt_labels_project(plan->labels, scene, &planned->geometry, error);
    if (status != VDT_OK)
        return status;
    size_t count = planned->geometry.feature_count;
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(count, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, planned->path);
    for (size_t i = 0; i < count; i++)
        memcpy(boxes[i], planned->geometry.features[i].box, sizeof *boxes);
    return vdt_index_build((const double(*)[4])boxes, count, &planned->index, error);
}

static vdt_status plan_scene(struct vdt_plan *plan, const char *path,
                             const struct vdt_layout *layout, struct vdt_scene **out,
                             struct vdt_error *error)
{
    struct vdt_plan_scene *planned = &plan->scenes[plan->scene_count++];
    struct vdt_band_selection selection = {0};
    vdt_status status = vdt_scene_open(path, out, error);
    if (status == VDT_OK)
        status = vdt_scene_select(*out, plan->options->bands, plan->options->band_count, &selection,
                                  error);
    if (status == VDT_OK)
        status = check_bands(plan, layout, path, &selection, error);
    vdt_selection_clear(&selection);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_info *info = vdt_scene_info(*out);
    *planned = (struct vdt_plan_scene){.path = path,
                                       .uri = vdt_path_relative(path, plan->options->store),
                                       .crs_wkt = vdt_copy_string(info->crs),
                                       .bytes = info->bytes,
                                       .cols = info->cols,
                                       .rows = info->rows,
                                       .block_cols = info->block_cols,
                                       .block_rows = info->block_rows};
    if (planned->uri == NULL || planned->crs_wkt == NULL)
        return vdt_fail_memory(error, path);
    memcpy(planned->digest, info->digest, sizeof planned->digest);
    memcpy(planned->acquired, info->acquired, sizeof planned->acquired);
    vdt_place_bounds(*out, &(struct vdt_window){.cols = info->cols, .rows = info->rows},
                     planned->bounds);
    status = plan_grid(plan, planned, error);
    return status == VDT_OK ? plan_labels(plan, planned, *out, error) : status;
}

/* The first scene's grid, for a store that is not split yet. Without georeference its pixels are
 * the ground; a scene placed by control points or RPC has no grid (crs NULL). */
static void first_frame(const struct vdt_plan *plan, const struct vdt_scene_info *info,
                        struct vdt_split_frame *frame, struct vdt_split_sizes *sizes)
{
    static const double identity[6] = {0, 1, 0, 0, 0, 1};
    const struct vdt_grid *grid = &plan->scenes[0].grid;
    bool affine = info->georef == VDT_GEOREF_AFFINE, none = info->georef == VDT_GEOREF_NONE;
    *frame = (struct vdt_split_frame){.crs = affine ? info->crs : none ? "" : NULL};
    memcpy(frame->geotransform, affine ? info->geotransform : identity, sizeof identity);
    *sizes = (struct vdt_split_sizes){.tile = {grid->tile_cols, grid->tile_rows},
                                      .stride = {grid->stride_cols, grid->stride_rows},
                                      .scene = {info->cols, info->rows}};
    struct vdt_frame *opened = NULL;
    if (frame->crs == NULL ||
        vdt_frame_open(frame->crs, frame->geotransform, &opened, NULL) != VDT_OK)
        return;
    const double centre[2] = {info->cols / 2.0, info->rows / 2.0};
    if (!vdt_frame_metres(opened, centre, sizes->metres))
        sizes->metres[0] = sizes->metres[1] = 0;
    vdt_frame_free(opened);
}

/* --- windows -------------------------------------------------------------------------------- */

/* VDT_SPLIT_NONE for a window that reaches into blocks of two groups. */
static int window_group(const struct vdt_plan *plan, struct vdt_scene *scene,
                        const struct vdt_window *window, const char *key, const char *digest)
{
    const struct vdt_groups *groups = &plan->groups;
    if (!groups->split)
        return 0;
    if (groups->by == VDT_SPLIT_SCENE)
        return vdt_split_hash(&groups->rule, digest, strlen(digest));
    if (groups->by == VDT_SPLIT_RANDOM)
        return vdt_split_hash(&groups->rule, key, strlen(key));
    double box[4];
    if (!vdt_place_ground(plan->frame, scene, window, box))
        return VDT_SPLIT_NONE;
    /* Rounding must not make a window touch the block beside its own: a thousandth of a pixel is no
     * ground that two windows could share. */
    for (int i = 0; i < 4; i++)
        box[i] += i < 2 ? 1e-3 : -1e-3;
    return vdt_split_ground(&groups->rule, box);
}

struct vdt_window vdt_plan_window_at(const struct vdt_plan *plan, uint64_t index)
{
    const struct vdt_plan_window *window = &plan->windows[index];
    return (struct vdt_window){window->col, window->row, (int32_t)plan->spec.tile.cols,
                               (int32_t)plan->spec.tile.rows};
}

/* `count` windows of one axis, made whole blocks of the scene. */
static int64_t whole_blocks(int64_t count, int64_t block, int64_t stride, int64_t most)
{
    int64_t step = (block + stride - 1) / stride;
    int64_t windows = count <= step ? step : (count + step / 2) / step * step;
    return windows < most ? windows : most;
}

static int64_t at_least_one(int64_t value)
{
    return value < 1 ? 1 : value;
}

/* How many windows across and down make a unit: about a square, so that windows that share blocks
 * go together, and of whole blocks, so that two workers need not decode the same one. A strip makes
 * it a whole grid row. How many threads run has no say, because the order of samples follows. */
static void shape_unit(const struct vdt_plan *plan, struct vdt_plan_scene *planned)
{
    const struct vdt_grid *grid = &planned->grid;
    int64_t bytes = (int64_t)vdt_tile_bytes(&plan->spec.tile);
    int64_t cols = vdt_grid_cols(grid), rows = vdt_grid_rows(grid);
    int64_t windows = at_least_one(UNIT_BYTES / bytes), most = LARGEST_UNIT_BYTES / bytes;
    int64_t fair = cols * rows / FAIR_UNITS, least = at_least_one(LEAST_UNIT_BYTES / bytes);
    if (fair < windows)
        windows = fair < least ? least : fair;
    int64_t across =
        whole_blocks((int64_t)sqrt((double)windows), planned->block_cols, grid->stride_cols, cols);
    across = at_least_one(across < most ? across : most);
    int64_t down =
        whole_blocks(at_least_one(windows / across), planned->block_rows, grid->stride_rows, rows);
    down = at_least_one(down < most / across ? down : most / across);
    planned->unit_cols = (int32_t)across;
    planned->unit_rows = (int32_t)down;
}

static vdt_status plan_window(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                              const struct vdt_window *window, const struct vdt_writer *writer,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_plan_scene *planned = &plan->scenes[index];
    char key[VDT_KEY_SIZE];
    vdt_window_key(planned->digest, window, key);
    report->windows++;
    if (writer != NULL && vdt_writer_has(writer, key)) {
        report->existing++;
        return VDT_OK;
    }
    int group = window_group(plan, scene, window, key, planned->digest);
    if (group == VDT_SPLIT_NONE) {
        report->straddling++;
        return VDT_OK;
    }
    if (!vdt_grow(&plan->windows, &plan->window_capacity, plan->window_count + 1,
                  sizeof *plan->windows))
        return vdt_fail_memory(error, "plan");
    plan->windows[plan->window_count++] =
        (struct vdt_plan_window){window->col, window->row, index, (uint32_t)group};
    return VDT_OK;
}

/* The unit whose first window is (left, top) of the grid. */
static vdt_status plan_unit(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                            int32_t left, int32_t top, const struct vdt_writer *writer,
                            struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_plan_scene *planned = &plan->scenes[index];
    int32_t cols = vdt_grid_cols(&planned->grid) - left;
    int32_t rows = vdt_grid_rows(&planned->grid) - top;
    cols = cols < planned->unit_cols ? cols : planned->unit_cols;
    rows = rows < planned->unit_rows ? rows : planned->unit_rows;
    uint64_t first = plan->window_count;
    for (int32_t j = 0; j < rows; j++)
        for (int32_t i = 0; i < cols; i++) {
            struct vdt_window window = vdt_grid_window(&planned->grid, left + i, top + j);
            vdt_status status = plan_window(plan, index, scene, &window, writer, report, error);
            if (status != VDT_OK)
                return status;
        }
    if (plan->window_count == first)
        return VDT_OK;
    if (!vdt_grow(&plan->units, &plan->unit_capacity, plan->unit_count + 1, sizeof *plan->units))
        return vdt_fail_memory(error, "plan");
    uint32_t count = (uint32_t)(plan->window_count - first);
    plan->units[plan->unit_count++] = (struct vdt_plan_unit){first, count};
    plan->most_in_unit = count > plan->most_in_unit ? count : plan->most_in_unit;
    return VDT_OK;
}

static vdt_status plan_windows(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                               const struct vdt_writer *writer, struct vdt_feed_report *report,
                               struct vdt_error *error)
{
    struct vdt_plan_scene *planned = &plan->scenes[index];
    int64_t cols = vdt_grid_cols(&planned->grid), rows = vdt_grid_rows(&planned->grid);
    vdt_status status = VDT_OK;
    shape_unit(plan, planned);
    for (int64_t top = 0; status == VDT_OK && top < rows; top += planned->unit_rows)
        for (int64_t left = 0; status == VDT_OK && left < cols; left += planned->unit_cols)
            status =
                plan_unit(plan, index, scene, (int32_t)left, (int32_t)top, writer, report, error);
    return status;
}

/* The same image given twice, or a copy of it, would make the same keys. */
static bool is_repeated(const struct vdt_plan *plan, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(plan->scenes[i].digest, plan->scenes[index].digest) == 0)
            return true;
    return false;
}

static void warn_overlap(const struct vdt_plan *plan, struct vdt_feed_report *report)
{
    const struct vdt_groups *groups = &plan->groups;
    if (!groups->split || groups->by != VDT_SPLIT_SCENE)
        return;
    for (size_t i = 0; i < plan->scene_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct vdt_plan_scene *a = &plan->scenes[k], *b = &plan->scenes[i];
            if (vdt_place_overlap(a->bounds, b->bounds) &&
                vdt_split_hash(&groups->rule, a->digest, 32) !=
                    vdt_split_hash(&groups->rule, b->digest, 32)) {
                snprintf(report->warning, sizeof report->warning,
                         "%.180s and %.180s overlap on the ground but are in different groups: use "
                         "--split-by block",
                         a->path, b->path);
                return;
            }
        }
}

static vdt_status plan_groups(struct vdt_plan *plan, struct vdt_scene *first,
                              const struct vdt_writer *writer, struct vdt_feed_report *report,
                              struct vdt_error *error)
{
    struct vdt_split_frame frame;
    struct vdt_split_sizes sizes;
    first_frame(plan, vdt_scene_info(first), &frame, &sizes);
    vdt_status status =
        vdt_groups_make(&plan->groups, plan->options,
                        writer == NULL ? "{}" : vdt_writer_split(writer), &frame, &sizes, error);
    if (status == VDT_OK && plan->groups.split && plan->groups.by == VDT_SPLIT_BLOCK)
        status = vdt_frame_open(plan->groups.frame.crs, plan->groups.frame.geotransform,
                                &plan->frame, error);
    if (status != VDT_OK)
        return status;
    report->block_size = plan->groups.block_metres[0];
    bool stored = writer != NULL && strcmp(vdt_writer_split(writer), "{}") != 0;
    if (stored && !plan->groups.split)
        snprintf(
            report->warning, sizeof report->warning,
            "the store is split, but these samples all go to %.64s: they may share ground with "
            "other groups",
            plan->groups.names[0]);
    else if (writer != NULL && !stored && plan->groups.split && vdt_writer_total(writer) > 0)
        snprintf(
            report->warning, sizeof report->warning,
            "the samples that are in the store already were not split by this rule: groups may "
            "share ground with them");
    report->group_count = plan->groups.count;
    for (size_t i = 0; i < plan->groups.count && i < 64; i++)
        memcpy(report->groups[i].name, plan->groups.names[i], 64);
    return VDT_OK;
}

vdt_status vdt_plan_make(struct vdt_plan *plan, const struct vdt_feed_options *options,
                         const struct vdt_writer *writer, struct vdt_feed_report *report,
                         struct vdt_error *error)
{
    const struct vdt_layout *layout = writer == NULL ? NULL : vdt_writer_layout(writer);
    *plan = (struct vdt_plan){.options = options};
    size_t features = 0;
    vdt_status status = check_options(options, error);
    if (status == VDT_OK)
        status = plan_spec(plan, layout, report, error);
    plan->scenes = vdt_allocate_zero(options->image_count, sizeof *plan->scenes);
    if (status == VDT_OK && plan->scenes == NULL)
        status = vdt_fail_memory(error, options->store);
    for (size_t s = 0; status == VDT_OK && s < options->image_count; s++) {
        vdt_cleanup(scene_cleanup) struct vdt_scene *scene = NULL;
        status = plan_scene(plan, options->images[s], layout, &scene, error);
        if (status == VDT_OK && s == 0)
            status = plan_groups(plan, scene, writer, report, error);
        if (status != VDT_OK)
            break;
        features += plan->scenes[s].geometry.feature_count;
        if (plan->labels != NULL && features == 0 && s + 1 == options->image_count)
            status = vdt_labels_explain(plan->labels, scene, error);
        if (is_repeated(plan, s))
            continue;
        if (status == VDT_OK)
            status = plan_windows(plan, (uint32_t)s, scene, writer, report, error);
    }
    if (status == VDT_OK)
        warn_overlap(plan, report);
    return status;
}

void vdt_plan_clear(struct vdt_plan *plan)
{
    for (size_t i = 0; i < plan->scene_count; i++) {
        free(plan->scenes[i].uri);
        free(plan->scenes[i].crs_wkt);
        vdt_geometry_clear(&plan->scenes[i].geometry);
        vdt_index_free(plan->scenes[i].index);
    }
    free(plan->scenes);
    free(plan->windows);
    free(plan->units);
    free(plan->class_names);
    vdt_labels_free(plan->labels);
    vdt_selection_clear(&plan->selection);
    vdt_groups_clear(&plan->groups);
    vdt_frame_free(plan->frame);
    *plan = (struct vdt_plan){0};
}

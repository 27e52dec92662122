/* One worker: a scene handle, an encoder, a coder, and the windows of its unit. */
#include "feed/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/aoi.h"
#include "feed/cloud.h"
#include "feed/field_values.h"
#include "feed/label_raster.h"
#include "feed/scene_parts.h"
#include "feed/tile.h"

struct worker {
    struct vdt_scene *scene; /* NULL: none, or it cannot be opened */
    uint32_t scene_index;
    struct vdt_error lost; /* why not */
    struct vdt_band_selection selection;
    struct vdt_encoder encoder;
    struct vdt_aoi_view view;
    struct vdt_cloud_view clouds;
    struct vdt_raster_view rasters;
    struct vdt_coder coder;
    struct vdt_tile tile;
};

static void free_worker(struct worker *worker)
{
    vdt_scene_free(worker->scene);
    vdt_selection_clear(&worker->selection);
    vdt_encoder_clear(&worker->encoder);
    vdt_aoi_view_clear(&worker->view);
    vdt_cloud_view_clear(&worker->clouds);
    vdt_raster_view_clear(&worker->rasters);
    vdt_coder_clear(&worker->coder);
    vdt_tile_clear(&worker->tile);
    free(worker);
}

struct vdt_encode_rules vdt_feed_rules(const struct vdt_plan *plan)
{
    const struct vdt_feed_options *o = plan->options;
    return (struct vdt_encode_rules){
        .tasks = plan->spec.tasks,
        .class_count = plan->spec.class_count,
        .match = o->match,
        .keep_empty = o->background_ratio > 0,
        .mask_rule = o->mask_rule,
        .mask_order = o->mask_order,
        .min_visible = o->min_visible,
        .boundary = o->boundary,
        .boundary_width = o->boundary_width > 0 ? o->boundary_width : VDT_BOUNDARY_WIDTH,
        .distance_limit = o->distance_limit > 0 ? o->distance_limit : VDT_DISTANCE_LIMIT,
    };
}

static vdt_status start(void *payload, void **out, struct vdt_error *error)
{
    const struct vdt_plan *plan = ((struct vdt_feed_work *)payload)->plan;
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return vdt_fail_memory(error, "feed");
    worker->encoder.rules = vdt_feed_rules(plan);
    vdt_status status = vdt_tile_init(&worker->tile, &plan->spec.tile, error);
    if (status == VDT_OK)
        *out = worker;
    else
        free_worker(worker);
    return status;
}

static void stop(void *payload, void *worker)
{
    (void)payload;
    free_worker(worker);
}

int64_t vdt_feed_block_pixels(const struct vdt_plan *plan, const struct vdt_plan_scene *scene)
{
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    int64_t rows = (int64_t)tile->rows + 2 * (int64_t)scene->block_rows;
    int64_t cols = (int64_t)scene->unit_cols * scene->grid.stride_cols + tile->cols +
                   2 * (int64_t)scene->block_cols;
    return rows * (cols < scene->cols ? cols : scene->cols) * tile->bands;
}

static vdt_status keep_blocks(struct worker *worker, const struct vdt_plan *plan,
                              const struct vdt_plan_scene *scene, struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    const struct vdt_band_selection *selection = &worker->selection;
    if (selection->stored != NULL)
        selection = selection->stored;
    uint32_t threads = plan->options->threads == 0 ? vdt_core_count() : plan->options->threads;
    size_t bytes = (size_t)vdt_feed_block_pixels(plan, scene) * vdt_dtype_size(selection->dtype);
    size_t most = VDT_FEED_BLOCKS_MOST / threads;
    bool once = plan->options->windows == VDT_WINDOWS_GRID &&
                scene->grid.stride_cols >= (int32_t)tile->cols &&
                scene->grid.stride_rows >= (int32_t)tile->rows;
    return vdt_scene_keep_blocks(worker->scene, &worker->selection, bytes < most ? bytes : most,
                                 once, error);
}

/* Handles are kept open: a GDAL dataset belongs to one thread, and opening one is slow. */
static vdt_status use_scene(struct worker *worker, const struct vdt_plan *plan, uint32_t index,
                            struct vdt_error *error)
{
    if (worker->scene_index == index && worker->lost.status != VDT_OK)
        return vdt_fail(error, worker->lost.status, "%s", worker->lost.message);
    if (worker->scene != NULL && worker->scene_index == index)
        return VDT_OK;
    vdt_cloud_view_clear(&worker->clouds); /* of the scene that was open */
    vdt_scene_free(worker->scene);
    worker->scene = NULL;
    vdt_selection_clear(&worker->selection);
    const struct vdt_pixel_rules rules = vdt_plan_pixel_rules(plan->options);
    vdt_status status = vdt_scene_recipe_open(plan->scenes[index].recipe, &worker->scene, error);
    if (status == VDT_OK)
        status = vdt_pixel_rules_select(worker->scene, &rules, &worker->selection, error);
    if (status == VDT_OK &&
        strcmp(vdt_scene_info(worker->scene)->digest, plan->scenes[index].digest))
        status = vdt_fail(error, VDT_ERR_IO, "%s: changed while it was being read",
                          plan->scenes[index].path);
    if (status == VDT_OK && plan->scenes[index].own_blocks)
        status = keep_blocks(worker, plan, &plan->scenes[index], error);
    worker->scene_index = index;
    worker->lost = status == VDT_OK ? (struct vdt_error){.status = VDT_OK} : *error;
    return status;
}

/* A window that cannot be read is a result like others, unless the feed is to end with it. */
static vdt_status note_failure(const struct vdt_feed_options *options,
                               struct vdt_unit_result *result, uint32_t at,
                               const struct vdt_error *cause, struct vdt_error *error)
{
    if (!vdt_failure_passes(options, cause->status))
        return vdt_fail(error, cause->status, "%s", cause->message);
    if (result->failures == NULL)
        result->failures = vdt_allocate_zero(result->capacity, sizeof *result->failures);
    if (result->failures == NULL)
        return vdt_fail_memory(error, "feed");
    result->outcomes[at] = VDT_UNREADABLE;
    result->failures[at] = *cause;
    return VDT_OK;
}

/* What of the window's labels is there: in the area of interest, and not below clouds that are
 * masked. *seen_before: without the clouds. */
static vdt_status find_seen(const struct vdt_feed_work *work, struct worker *worker,
                            const struct vdt_plan_scene *planned, const struct vdt_window *window,
                            const uint8_t **seen_before, struct vdt_error *error)
{
    const struct vdt_plan *plan = work->plan;
    vdt_status status =
        vdt_aoi_see(&worker->view, plan, planned, window, &worker->encoder.seen, error);
    *seen_before = worker->encoder.seen;
    if (status != VDT_OK || !vdt_cloud_is_planned(planned) || work->layout == NULL)
        return status;
    status = vdt_cloud_find(&worker->clouds, plan, planned, worker->scene, window, error);
    if (status != VDT_OK || !plan->options->cloud_mask)
        return status;
    status = vdt_cloud_hide(&worker->clouds, window, worker->encoder.seen, error);
    worker->encoder.seen = worker->clouds.seen;
    return status;
}

static vdt_status encode_window(const struct vdt_feed_work *work, struct worker *worker,
                                const struct vdt_plan_scene *planned,
                                const struct vdt_window *window, struct vdt_encoded *encoded,
                                struct vdt_error *error)
{
    const struct vdt_geometry *geometry = planned->index == NULL ? NULL : &planned->geometry;
    worker->encoder.contacts = (struct vdt_overlay){&planned->contacts, planned->contacts_index};
    worker->encoder.ignore = (struct vdt_overlay){&planned->ignore, planned->ignore_index};
    if (work->layout == NULL)
        return vdt_encode_keep(&worker->encoder, geometry, planned->index, window, planned->cols,
                               planned->rows, &encoded->keep, error);
    return vdt_encode(&worker->encoder, geometry, planned->index, window, planned->cols,
                      planned->rows, encoded, error);
}

/* Reads the tile and says whether it stays; *cloud is its share where clouds are planned. */
static vdt_status read_tile(const struct vdt_plan *plan, struct worker *worker,
                            const struct vdt_plan_scene *planned, const struct vdt_window *window,
                            const uint8_t *seen, double *valid, double *cloud,
                            enum vdt_outcome *outcome, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    size_t count = (size_t)window->cols * (size_t)window->rows;
    vdt_status status =
        vdt_tile_read(&worker->tile, worker->scene, &worker->selection, window, seen, valid, error);
    if (status != VDT_OK)
        return status;
    if (vdt_cloud_is_planned(planned)) {
        *cloud = vdt_cloud_share(&worker->clouds, worker->tile.valid, count);
        if (options->max_cloud != NULL && *cloud > *options->max_cloud)
            *outcome = VDT_CLOUDED;
        if (options->cloud_mask)
            vdt_tile_hide(&worker->tile, &worker->selection, worker->clouds.seen, valid);
    }
    if (*outcome == VDT_KEPT && *valid < options->min_valid)
        *outcome = VDT_INVALID;
    return VDT_OK;
}

/* A packet that borrows the tile's pixels keeps them; the tile goes on with those of an earlier
 * packet. So pixels are copied nowhere between GDAL and the file. */
static vdt_status lend_pixels(struct vdt_tile *tile, void **image, struct vdt_error *error)
{
    void *spare = *image == NULL ? vdt_allocate(vdt_tile_bytes(&tile->spec), 1) : *image;
    if (spare == NULL)
        return vdt_fail_memory(error, "a tile");
    *image = tile->pixels;
    tile->pixels = spare;
    return VDT_OK;
}

static vdt_status do_window(const struct vdt_feed_work *work, struct worker *worker, uint64_t index,
                            struct vdt_unit_result *result, uint32_t at, struct vdt_error *error)
{
    const struct vdt_plan *plan = work->plan;
    const struct vdt_plan_scene *planned = &plan->scenes[plan->windows[index].scene];
    struct vdt_window window = vdt_plan_window_at(plan, index);
    struct vdt_encoded encoded = {.keep = true};
    struct vdt_error cause = {.status = VDT_OK};
    const uint8_t *seen = NULL;
    if (find_seen(work, worker, planned, &window, &seen, &cause) != VDT_OK ||
        vdt_label_rasters_see(&worker->rasters, plan, planned, worker->scene, &window,
                              &worker->encoder, &cause) != VDT_OK)
        return note_failure(plan->options, result, at, &cause, error);
    vdt_status status = encode_window(work, worker, planned, &window, &encoded, error);
    if (status != VDT_OK)
        return status;
    result->slivers += encoded.slivers;
    result->outcomes[at] = encoded.keep ? VDT_KEPT : VDT_UNLABELLED;
    if (!encoded.keep || work->layout == NULL)
        return VDT_OK;
    double valid, cloud = 0;
    enum vdt_outcome outcome = VDT_KEPT;
    if (read_tile(plan, worker, planned, &window, seen, &valid, &cloud, &outcome, &cause) != VDT_OK)
        return note_failure(plan->options, result, at, &cause, error);
    result->outcomes[at] = (uint8_t)outcome;
    if (outcome != VDT_KEPT)
        return VDT_OK;
    char text[VDT_LINK_TEXT];
    struct vdt_sample sample = {.labels = encoded.labels,
                                .scene = planned->scene_row,
                                .crs = planned->crs_row,
                                .metadata = vdt_window_metadata(plan, planned, &window, text)};
    vdt_cleanup(vdt_free_pointer) char *metadata = NULL;
    vdt_cleanup(vdt_free_pointer) char *owned = NULL;
    if (plan->owner_field != NULL) {
        status = vdt_field_metadata(plan, planned, &window, sample.metadata, &owned, error);
        sample.metadata = owned;
    }
    if (status != VDT_OK)
        return status;
    if (vdt_cloud_is_planned(planned)) {
        sample.metadata = metadata = vdt_cloud_metadata(sample.metadata, cloud);
        if (metadata == NULL)
            return vdt_fail_memory(error, planned->path);
    }
    vdt_tile_describe(&worker->tile, worker->scene, &worker->selection, &window, valid, &sample);
    status = vdt_packet_encode(&result->packets[at], work->layout, &worker->coder, &sample, error);
    if (status == VDT_OK && result->packets[at].image != NULL)
        status = lend_pixels(&worker->tile, &result->images[at], error);
    return status;
}

static bool make_room(struct vdt_unit_result *result, uint32_t count)
{
    if (count <= result->capacity)
        return true;
    vdt_unit_result_clear(result);
    result->outcomes = vdt_allocate_zero(count, 1);
    result->packets = vdt_allocate_zero(count, sizeof *result->packets);
    result->images = vdt_allocate_zero(count, sizeof *result->images);
    if (result->outcomes == NULL || result->packets == NULL || result->images == NULL)
        return false;
    result->capacity = count;
    return true;
}

static vdt_status process(void *payload, void *state, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    struct vdt_feed_work *work = payload;
    struct worker *worker = state;
    struct vdt_unit_result *result = &work->results[slot];
    const struct vdt_plan_unit *unit = &work->plan->units[item];
    if (!make_room(result, unit->count))
        return vdt_fail_memory(error, "feed");
    result->unit = item;
    result->count = unit->count;
    result->slivers = 0;
    result->lost = false;
    vdt_status status = VDT_OK;
    struct vdt_error cause = {.status = VDT_OK};
    if (work->layout != NULL)
        result->lost =
            use_scene(worker, work->plan, work->plan->windows[unit->first].scene, &cause) != VDT_OK;
    for (uint32_t i = 0; result->lost && status == VDT_OK && i < unit->count; i++)
        status = note_failure(work->plan->options, result, i, &cause, error);
    for (uint32_t i = 0; !result->lost && status == VDT_OK && i < unit->count; i++)
        status = do_window(work, worker, unit->first + i, result, i, error);
    return status;
}

void vdt_unit_result_clear(struct vdt_unit_result *result)
{
    for (uint32_t i = 0; result->packets != NULL && i < result->capacity; i++)
        vdt_packet_clear(&result->packets[i]);
    for (uint32_t i = 0; result->images != NULL && i < result->capacity; i++)
        free(result->images[i]);
    free(result->packets);
    free(result->images);
    free(result->outcomes);
    free(result->failures);
    *result = (struct vdt_unit_result){0};
}

const struct vdt_ordered_ops vdt_feed_ops = {.start = start, .process = process, .stop = stop};

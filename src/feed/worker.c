/* One worker: a scene handle, an encoder, a coder, and the windows of its unit. */
#include "feed/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/aoi.h"
#include "feed/scene_parts.h"
#include "feed/tile.h"

struct worker {
    struct vdt_scene *scene; /* NULL: none, or it cannot be opened */
    uint32_t scene_index;
    struct vdt_error lost; /* why not */
    struct vdt_band_selection selection;
    struct vdt_encoder encoder;
    struct vdt_aoi_view view;
    struct vdt_coder coder;
    struct vdt_tile tile;
};

static void free_worker(struct worker *worker)
{
    vdt_scene_free(worker->scene);
    vdt_selection_clear(&worker->selection);
    vdt_encoder_clear(&worker->encoder);
    vdt_aoi_view_clear(&worker->view);
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

/* Handles are kept open: a GDAL dataset belongs to one thread, and opening one is slow. */
static vdt_status use_scene(struct worker *worker, const struct vdt_plan *plan, uint32_t index,
                            struct vdt_error *error)
{
    if (worker->scene_index == index && worker->lost.status != VDT_OK)
        return vdt_fail(error, worker->lost.status, "%s", worker->lost.message);
    if (worker->scene != NULL && worker->scene_index == index)
        return VDT_OK;
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

static vdt_status do_window(const struct vdt_feed_work *work, struct worker *worker, uint64_t index,
                            struct vdt_unit_result *result, uint32_t at, struct vdt_error *error)
{
    const struct vdt_plan *plan = work->plan;
    const struct vdt_plan_scene *planned = &plan->scenes[plan->windows[index].scene];
    const struct vdt_geometry *geometry = planned->index == NULL ? NULL : &planned->geometry;
    struct vdt_window window = vdt_plan_window_at(plan, index);
    struct vdt_encoded encoded = {.keep = true};
    vdt_status status =
        vdt_aoi_see(&worker->view, plan, planned, &window, &worker->encoder.seen, error);
    if (status != VDT_OK)
        return status;
    worker->encoder.contacts = (struct vdt_overlay){&planned->contacts, planned->contacts_index};
    worker->encoder.ignore = (struct vdt_overlay){&planned->ignore, planned->ignore_index};
    if (work->layout == NULL)
        status = vdt_encode_keep(&worker->encoder, geometry, planned->index, &window, planned->cols,
                                 planned->rows, &encoded.keep, error);
    else
        status = vdt_encode(&worker->encoder, geometry, planned->index, &window, planned->cols,
                            planned->rows, &encoded, error);
    if (status != VDT_OK)
        return status;
    result->slivers += encoded.slivers;
    result->outcomes[at] = encoded.keep ? VDT_KEPT : VDT_UNLABELLED;
    if (!encoded.keep || work->layout == NULL)
        return VDT_OK;
    double valid;
    struct vdt_error cause = {.status = VDT_OK};
    if (vdt_tile_read(&worker->tile, worker->scene, &worker->selection, &window,
                      worker->encoder.seen, &valid, &cause) != VDT_OK)
        return note_failure(plan->options, result, at, &cause, error);
    if (valid < plan->options->min_valid) {
        result->outcomes[at] = VDT_INVALID;
        return VDT_OK;
    }
    char text[VDT_LINK_TEXT];
    struct vdt_sample sample = {.labels = encoded.labels,
                                .scene = planned->scene_row,
                                .crs = planned->crs_row,
                                .metadata = vdt_window_metadata(plan, planned, &window, text)};
    vdt_tile_describe(&worker->tile, worker->scene, &worker->selection, &window, valid, &sample);
    return vdt_packet_encode(&result->packets[at], work->layout, &worker->coder, &sample, error);
}

static bool make_room(struct vdt_unit_result *result, uint32_t count)
{
    if (count <= result->capacity)
        return true;
    vdt_unit_result_clear(result);
    result->outcomes = vdt_allocate_zero(count, 1);
    result->packets = vdt_allocate_zero(count, sizeof *result->packets);
    if (result->outcomes == NULL || result->packets == NULL)
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
    free(result->packets);
    free(result->outcomes);
    free(result->failures);
    *result = (struct vdt_unit_result){0};
}

const struct vdt_ordered_ops vdt_feed_ops = {.start = start, .process = process, .stop = stop};

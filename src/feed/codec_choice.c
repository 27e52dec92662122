/* Tries the fast codec on a sample of tiles. */
#include "feed/codec_choice.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/codec.h"

enum { SAMPLE_TILES = 16, RUN = 4, PART = 4 };

static void scene_cleanup(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

/* The upper part of tiles, a few side by side in a few places: where blocks are strips, each row
 * that is looked at is decoded over its whole width. */
static struct vdt_window sample_at(const struct vdt_plan *plan, uint64_t windows, uint64_t i)
{
    uint64_t index = i / RUN * RUN * windows / SAMPLE_TILES + i % RUN;
    struct vdt_window window = vdt_plan_window_at(plan, windows <= SAMPLE_TILES ? i : index);
    window.rows = (window.rows + PART - 1) / PART;
    return window;
}

static vdt_status measure(const struct vdt_plan *plan, struct vdt_scene *scene, uint64_t windows,
                          struct vdt_coder *coder, struct vdt_buffer *stored, size_t *raw,
                          struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &plan->spec.tile;
    size_t size = vdt_tile_bytes(tile);
    vdt_cleanup(vdt_free_pointer) void *pixels = vdt_allocate(size, 1);
    vdt_cleanup(vdt_free_pointer) uint8_t *valid = vdt_allocate((size_t)tile->rows * tile->cols, 1);
    if (pixels == NULL || valid == NULL)
        return vdt_fail_memory(error, "feed");
    uint64_t tries = windows < SAMPLE_TILES ? windows : SAMPLE_TILES;
    for (uint64_t i = 0; i < tries; i++) {
        struct vdt_window window = sample_at(plan, windows, i);
        size_t part = size / tile->rows * (size_t)window.rows;
        vdt_status status = vdt_scene_read(scene, &plan->selection, &window, pixels, valid, error);
        if (vdt_failure_passes(plan->options, status))
            continue; /* the worker that reads the whole tile says so */
        if (status == VDT_OK)
            status = vdt_encode_chunk(coder, VDT_CODEC_LZ4, vdt_dtype_size(tile->dtype), pixels,
                                      part, stored, error);
        if (status != VDT_OK)
            return status;
        *raw += part;
    }
    return VDT_OK;
}

vdt_status vdt_choose_codec(const struct vdt_plan *plan, enum vdt_codec *codec,
                            struct vdt_error *error)
{
    uint64_t windows = 0;
    while (windows < plan->window_count && plan->windows[windows].scene == plan->windows[0].scene)
        windows++;
    *codec = VDT_CODEC_RAW;
    if (windows == 0)
        return VDT_OK;
    struct vdt_coder coder = {0};
    struct vdt_buffer stored = {0};
    size_t raw = 0;
    vdt_cleanup(scene_cleanup) struct vdt_scene *scene = NULL;
    vdt_status status =
        vdt_scene_recipe_open(plan->scenes[plan->windows[0].scene].recipe, &scene, error);
    if (vdt_failure_passes(plan->options, status))
        status = VDT_OK;
    else if (status == VDT_OK)
        status = measure(plan, scene, windows, &coder, &stored, &raw, error);
    if (status == VDT_OK && stored.size * 6 <= raw * 5)
        *codec = VDT_CODEC_LZ4;
    vdt_coder_clear(&coder);
    vdt_buffer_clear(&stored);
    return status;
}

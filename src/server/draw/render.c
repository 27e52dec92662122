/* The server's side of a rendering: what is wanted, as JSON, and a look at what comes back. */
#include "server/draw/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/draw/jobs.h"
#include "store/layout.h"

/* --- pieces ------------------------------------------------------------------------------- */

static bool wants(enum vdt_render_kind kind, uint32_t array)
{
    switch (kind) {
    case VDT_RENDER_PNG: return array == VDT_IMAGES || array == VDT_SAMPLES;
    case VDT_RENDER_TIFF: return array == VDT_IMAGES;
    case VDT_RENDER_MASK: return array == VDT_MASK;
    case VDT_RENDER_LABELS: return array >= VDT_BOXES && array <= VDT_BOX_VISIBLE;
    }
    return false;
}

vdt_status vdt_render_pieces(const struct vdt_render *render, struct vdt_render_piece **out,
                             size_t *count, struct vdt_error *error)
{
    const struct vdt_sample_row *sample = render->sample;
    struct vdt_render_piece *pieces = vdt_allocate(sample->place_count, sizeof *pieces);
    if (pieces == NULL)
        return vdt_fail_memory(error, "picture");
    *count = 0;
    for (size_t i = 0; i < sample->place_count; i++)
        if (wants(render->kind, sample->places[i].array))
            pieces[(*count)++] =
                (struct vdt_render_piece){sample->places[i].address, sample->places[i].size};
    if (*count == 0 && render->kind != VDT_RENDER_LABELS) {
        free(pieces);
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "sample %s has no %s", sample->key,
                        render->kind == VDT_RENDER_MASK ? "mask" : "image");
    }
    *out = pieces;
    return VDT_OK;
}

/* Bytes of each array, by its number. */
static json_t *sizes_json(const struct vdt_render *render)
{
    uint64_t sizes[VDT_ARRAYS] = {0};
    const struct vdt_sample_row *sample = render->sample;
    for (size_t i = 0; i < sample->place_count; i++)
        if (sample->places[i].array < VDT_ARRAYS && wants(render->kind, sample->places[i].array))
            sizes[sample->places[i].array] += sample->places[i].size;
    json_t *array = json_array();
    for (size_t i = 0; i < VDT_ARRAYS; i++)
        json_array_append_new(array, json_integer((json_int_t)sizes[i]));
    return array;
}

/* --- the request -------------------------------------------------------------------------- */

static json_t *numbers(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_real(values[i]);
        json_array_append_new(array, value == NULL ? json_null() : value);
    }
    return array;
}

static void copy_members(json_t *request, const json_t *info)
{
    static const char *const members[] = {"tile",       "tasks",   "codec",
                                          "mask_codec", "classes", "band_names"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set(request, members[i], json_object_get(info, members[i]));
}

static json_t *request_of(const struct vdt_render *render)
{
    const struct vdt_sample_row *sample = render->sample;
    json_t *bands = json_array();
    for (size_t i = 0; i < render->band_count; i++)
        json_array_append_new(bands, json_integer(render->bands[i]));
    json_t *crs = json_array_get(json_object_get(render->info, "crs"), (size_t)sample->crs_index);
    json_t *request = json_pack(
        "{s:i, s:s, s:s, s:o, s:o, s:i, s:f, s:f, s:i, s:o, s:b}", "kind", (int)render->kind, "key",
        sample->key, "group", sample->group, "sizes", sizes_json(render), "bands", bands, "stretch",
        (int)render->stretch, "low", render->low, "high", render->high, "size", (int)render->size,
        "bounds", numbers(sample->bounds, 4), "placed", (int)sample->placed);
    if (request == NULL)
        return NULL;
    copy_members(request, render->info);
    json_object_set_new(request, "geotransform", numbers(sample->geotransform, 6));
    json_object_set(request, "crs", json_object_get(crs, "wkt"));
    json_object_set_new(request, "counts", json_loads(sample->classes, 0, NULL));
    return request;
}

/* --- the answer --------------------------------------------------------------------------- */

static vdt_status take_bytes(void *payload, enum vdt_frame_kind kind, const void *data, size_t size,
                             struct vdt_error *error)
{
    struct vdt_buffer *bytes = payload;
    if (kind != VDT_FRAME_BYTES)
        return vdt_fail(error, VDT_ERR_FORMAT, "sample: its reader does not make a picture of it");
    return vdt_buffer_append(bytes, data, size) ? VDT_OK : vdt_fail_memory(error, "picture");
}

/* What is sent on under a type is at least no other type. */
static bool looks_right(enum vdt_render_kind kind, const struct vdt_buffer *bytes, size_t from)
{
    const unsigned char *data = bytes->data + from;
    size_t size = bytes->size - from;
    if (kind == VDT_RENDER_TIFF)
        return size > 8 && memcmp(data, "II*\0", 4) == 0;
    if (kind != VDT_RENDER_LABELS)
        return size > 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
    vdt_cleanup(vdt_json_release) json_t *value =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(value);
}

vdt_status vdt_render(struct vdt_draw *draw, const struct vdt_render *render,
                      const struct vdt_file_run *runs, size_t run_count, struct vdt_buffer *bytes,
                      struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *request = request_of(render);
    vdt_cleanup(vdt_free_pointer) char *text =
        request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    if (text == NULL)
        return vdt_fail_memory(error, "picture");
    size_t from = bytes->size;
    const struct vdt_draw_job job = {.kind = VDT_JOB_RENDER,
                                     .runs = runs,
                                     .run_count = run_count,
                                     .request = text,
                                     .request_size = strlen(text),
                                     .wall_ms = vdt_draw_options_of(draw)->render_ms};
    vdt_status status = vdt_draw_run(draw, &job, take_bytes, bytes, error);
    if (status == VDT_OK && !looks_right(render->kind, bytes, from))
        status =
            vdt_fail(error, VDT_ERR_FORMAT, "sample: its reader does not make a picture of it");
    return status;
}

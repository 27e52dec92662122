/* What a request asks for, which bytes of which blobs that takes, and the worker's file back. No
 * session of the database is held while a worker draws. */
#include "server/api/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "server/api/answer.h"
#include "server/api/versions.h"
#include "server/blobs/block_map.h"
#include "server/draw/render.h"
#include "server/server.h"

struct picture {
    struct vdt_asked asked;
    struct vdt_sample_row sample;
    json_t *info;
    struct vdt_block_map map;
    struct vdt_render render;
    char etag[48];
};

static void clear(struct picture *picture)
{
    vdt_asked_clear(&picture->asked);
    vdt_sample_row_clear(&picture->sample);
    json_decref(picture->info);
    vdt_block_map_clear(&picture->map);
}

/* --- what is asked ------------------------------------------------------------------------ */

static vdt_status read_bands(const char *text, struct vdt_render *render, struct vdt_error *error)
{
    int used = 0;
    unsigned bands[3];
    int count = sscanf(text, "%5u%n,%5u,%5u%n", &bands[0], &used, &bands[1], &bands[2], &used);
    bool good = (count == 1 || count == 3) && text[used] == '\0';
    for (int i = 0; good && i < count; i++) {
        good = bands[i] > 0;
        render->bands[i] = bands[i] - 1;
    }
    render->band_count = (size_t)count;
    return good ? VDT_OK
                : vdt_fail(error, VDT_ERR_ARGUMENT,
                           "bands: one number or three, from 1: bands=4,3,2");
}

static vdt_status read_stretch(const char *text, struct vdt_render *render, struct vdt_error *error)
{
    int used = 0;
    if (strcmp(text, "percentile") == 0)
        return VDT_OK;
    render->stretch = VDT_STRETCH_NONE;
    if (strcmp(text, "none") == 0)
        return VDT_OK;
    render->stretch = VDT_STRETCH_RANGE;
    return sscanf(text, "%lf,%lf%n", &render->low, &render->high, &used) == 2 &&
                   text[used] == '\0' && isfinite(render->low) && isfinite(render->high) &&
                   render->low < render->high
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT,
                          "stretch: percentile, none, or two values: stretch=0,3000");
}

static vdt_status read_query(struct vdt_request *request, struct vdt_render *render,
                             struct vdt_error *error)
{
    const char *bands = vdt_request_query(request, "bands");
    const char *stretch = vdt_request_query(request, "stretch");
    const char *size = vdt_request_query(request, "size");
    int64_t pixels = 0;
    vdt_status status = VDT_OK;
    if (render->kind != VDT_RENDER_PNG)
        return VDT_OK;
    if (bands != NULL)
        status = read_bands(bands, render, error);
    if (status == VDT_OK && stretch != NULL)
        status = read_stretch(stretch, render, error);
    if (status == VDT_OK && size != NULL)
        status = vdt_api_number("size", size, 1, VDT_PICTURE_MOST, &pixels, error);
    render->size = (uint32_t)pixels;
    return status;
}

/* The same for the same bytes of the store, asked for in the same way. */
static void make_etag(struct picture *picture)
{
    const struct vdt_render *render = &picture->render;
    const uint64_t asked[] = {(uint64_t)picture->asked.entry.id,
                              (uint64_t)picture->sample.digest,
                              (uint64_t)render->kind,
                              render->band_count,
                              render->band_count > 0 ? render->bands[0] : 0,
                              render->band_count > 1 ? render->bands[1] : 0,
                              render->band_count > 1 ? render->bands[2] : 0,
                              (uint64_t)render->stretch,
                              render->size};
    const double range[] = {render->low, render->high};
    uint64_t hash = vdt_hash(vdt_hash(1, asked, sizeof asked), range, sizeof range);
    snprintf(picture->etag, sizeof picture->etag, "\"%016llx\"", (unsigned long long)hash);
}

static vdt_status find(struct vdt_request *request, struct picture *picture,
                       struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_asked_find(request, session, &picture->asked, error);
    if (status == VDT_OK)
        status = vdt_sample_find(session, picture->asked.entry.id, picture->asked.version,
                                 vdt_request_path(request, "key"), &picture->sample, error);
    if (status == VDT_OK)
        status = vdt_asked_info(session, &picture->asked, &picture->info, error);
    return status == VDT_OK ? vdt_block_map_load(session, picture->asked.entry.id,
                                                 picture->asked.version, &picture->map, error)
                            : status;
}

/* --- which bytes -------------------------------------------------------------------------- */

struct cut {
    struct vdt_file_run *runs;
    size_t count, capacity;
};

static void clear_cut(struct cut *cut)
{
    free(cut->runs);
}

/* The parts of the map's runs that a piece lies in; only their blobs are opened. */
static vdt_status cut_piece(struct vdt_block_map *map, struct vdt_blobs *blobs,
                            const struct vdt_render_piece *piece, struct cut *cut,
                            struct vdt_error *error)
{
    uint64_t at = piece->address, end = piece->address + piece->size;
    if (end < at || end > map->size)
        return vdt_fail(error, VDT_ERR_FORMAT, "the sample lies outside its store");
    while (at < end) {
        const struct vdt_map_run *run = vdt_block_map_find(map, at);
        struct vdt_map_blob *blob = &map->blobs[run->blob];
        uint64_t inside = at - run->at, left = run->size - inside;
        uint64_t step = end - at < left ? end - at : left;
        if (blob->open == NULL) {
            vdt_status status = vdt_blobs_open(blobs, blob->name, &blob->open, error);
            if (status != VDT_OK)
                return status;
        }
        if (!vdt_grow(&cut->runs, &cut->capacity, cut->count + 1, sizeof *cut->runs))
            return vdt_fail_memory(error, "picture");
        cut->runs[cut->count++] = (struct vdt_file_run){
            .fd = vdt_blob_descriptor(blob->open), .offset = run->offset + inside, .size = step};
        at += step;
    }
    return VDT_OK;
}

static vdt_status draw(struct vdt_request *request, struct picture *picture,
                       struct vdt_buffer *bytes, struct vdt_error *error)
{
    struct vdt_server *server = vdt_request_server(request);
    vdt_cleanup(clear_cut) struct cut cut = {0};
    vdt_cleanup(vdt_free_pointer) struct vdt_render_piece *pieces = NULL;
    size_t count = 0;
    vdt_status status = vdt_render_pieces(&picture->render, &pieces, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = cut_piece(&picture->map, server->blobs, &pieces[i], &cut, error);
    return status == VDT_OK
               ? vdt_render(server->draw, &picture->render, cut.runs, cut.count, bytes, error)
               : status;
}

/* --- the answer --------------------------------------------------------------------------- */

static void add_headers(struct vdt_request *request, const struct picture *picture)
{
    char control[64];
    const char *who = picture->asked.entry.is_public ? "public" : "private";
    snprintf(control, sizeof control, "%s, %s", who,
             picture->asked.pinned ? "max-age=31536000, immutable" : "no-cache");
    vdt_reply_header(request, "ETag", picture->etag);
    vdt_reply_header(request, "Cache-Control", control);
    vdt_reply_header(request, "X-Content-Type-Options", "nosniff");
}

/* A store that cannot be drawn is nobody's request that was wrong. */
static void reply_failure(struct vdt_request *request, const struct vdt_error *error)
{
    if (error->status == VDT_ERR_FORMAT)
        vdt_reply_error(request, 422, "Unprocessable", "%s", error->message);
    else
        vdt_reply_failure(request, error);
}

static void reply_picture(struct vdt_request *request, enum vdt_render_kind kind, const char *type)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(clear) struct picture picture = {0};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    picture.render = (struct vdt_render){.kind = kind};
    vdt_status status = read_query(request, &picture.render, &error);
    if (status == VDT_OK)
        status = find(request, &picture, &error);
    if (status != VDT_OK) {
        reply_failure(request, &error);
        return;
    }
    picture.render.info = picture.info;
    picture.render.sample = &picture.sample;
    make_etag(&picture);
    const char *known = vdt_request_header(request, "If-None-Match");
    bool same = known != NULL && vdt_etag_listed(known, picture.etag);
    if (!same && draw(request, &picture, &bytes, &error) != VDT_OK) {
        reply_failure(request, &error);
        return;
    }
    add_headers(request, &picture);
    if (same) {
        vdt_reply_empty(request, 304);
        return;
    }
    vdt_reply_bytes(request, 200, type, bytes.data, bytes.size);
    bytes = (struct vdt_buffer){0};
}

void vdt_handle_image_png(struct vdt_request *request)
{
    reply_picture(request, VDT_RENDER_PNG, "image/png");
}

void vdt_handle_image_tif(struct vdt_request *request)
{
    reply_picture(request, VDT_RENDER_TIFF, "image/tiff");
}

void vdt_handle_mask_png(struct vdt_request *request)
{
    reply_picture(request, VDT_RENDER_MASK, "image/png");
}

void vdt_handle_labels_json(struct vdt_request *request)
{
    reply_picture(request, VDT_RENDER_LABELS, "application/geo+json");
}

/* An upload: the block list, then the missing blocks, several requests at a time. */
#include "catalog/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

/* Blocks of one request: 8 MiB, so that what a torn line costs is little. And how often blocks that
 * arrived damaged are sent again. */
enum { BLOCKS_A_REQUEST = 32, DAMAGE_TRIES = 4 };

struct run {
    uint64_t first;
    uint64_t count;
};

struct upload {
    struct vdt_catalog *catalog;
    const struct vdt_snapshot *snapshot;
    const struct vdt_block_list *list;
    const char *path;
    char id[64];
    struct run *runs; /* each of one request */
    size_t run_count;
    size_t run_capacity;
    uint64_t bytes;
};

/* One request's body. */
struct body {
    const struct upload *upload;
    uint64_t offset;  /* of its first byte in the store */
    uint64_t counted; /* bytes told as progress */
};

static bool read_body(void *payload, uint64_t at, void *to, size_t size, struct vdt_error *error)
{
    struct body *body = payload;
    const struct upload *upload = body->upload;
    if (vdt_snapshot_read(upload->snapshot, to, size, body->offset + at, error) != VDT_OK)
        return false;
    vdt_http_advance(upload->catalog->http, (int64_t)(at + size) - (int64_t)body->counted);
    body->counted = at + size;
    return true;
}

static vdt_status send_run(const struct upload *upload, const struct run *run,
                           struct vdt_error *error)
{
    char url[160];
    const struct vdt_block_list *list = upload->list;
    struct vdt_http_answer answer = {0};
    struct body body = {.upload = upload, .offset = run->first * list->block_size};
    struct vdt_http_request request = {.method = "PUT",
                                       .url = url,
                                       .type = "application/octet-stream",
                                       .read = read_body,
                                       .payload = &body};
    uint64_t end = (run->first + run->count) * list->block_size;
    request.body_size = (end < list->size ? end : list->size) - body.offset;
    snprintf(url, sizeof url, "/v1/uploads/%s/blocks/%" PRIu64, upload->id, run->first);
    vdt_status status = VDT_ERR_FORMAT;
    for (int i = 0; status == VDT_ERR_FORMAT && i < DAMAGE_TRIES; i++) {
        status = vdt_http_do(upload->catalog->http, &request, &answer, error);
        vdt_http_answer_clear(&answer);
        if (vdt_snapshot_changed(upload->snapshot))
            return vdt_fail(error, VDT_ERR_BUSY,
                            "%s: another process is writing it: try again when it is done",
                            upload->path);
    }
    return status;
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    (void)worker, (void)slot;
    const struct upload *upload = payload;
    return send_run(upload, &upload->runs[item], error);
}

static bool add_run(struct upload *upload, uint64_t first, uint64_t count)
{
    const struct vdt_block_list *list = upload->list;
    while (count > 0) {
        uint64_t step = count < BLOCKS_A_REQUEST ? count : BLOCKS_A_REQUEST;
        if (!vdt_grow(&upload->runs, &upload->run_capacity, upload->run_count + 1,
                      sizeof *upload->runs))
            return false;
        upload->runs[upload->run_count++] = (struct run){first, step};
        first += step;
        count -= step;
        upload->bytes += first == list->count ? list->size - (first - step) * list->block_size
                                              : step * list->block_size;
    }
    return true;
}

static vdt_status read_missing(struct upload *upload, const json_t *json, struct vdt_error *error)
{
    size_t i;
    const json_t *pair, *missing = json_object_get(json, "missing");
    const char *id = json_string_value(json_object_get(json, "id"));
    bool good = json_is_array(missing) && id != NULL && strlen(id) < sizeof upload->id &&
                strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                    strlen(id);
    uint64_t next = 0;
    if (good)
        snprintf(upload->id, sizeof upload->id, "%s", id);
    json_array_foreach(missing, i, pair)
    {
        const json_t *from = json_array_get(pair, 0), *length = json_array_get(pair, 1);
        json_int_t first = json_integer_value(from), count = json_integer_value(length);
        good = good && json_is_integer(from) && json_is_integer(length) && first >= 0 &&
               count > 0 && (uint64_t)first >= next && (uint64_t)first < upload->list->count &&
               (uint64_t)count <= upload->list->count - (uint64_t)first;
        if (!good)
            break;
        next = (uint64_t)first + (uint64_t)count;
        if (!add_run(upload, (uint64_t)first, (uint64_t)count))
            return vdt_fail_memory(error, upload->path);
    }
    if (!good)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its answer about missing blocks makes no sense",
                        vdt_http_base(upload->catalog->http));
    return VDT_OK;
}

static vdt_status begin(struct upload *upload, const char *entry, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    const struct vdt_block_list *list = upload->list;
    struct vdt_call call = {
        .method = "POST", .bytes = list->digests, .byte_count = list->count * VDT_BLOCK_DIGEST};
    snprintf(call.path, sizeof call.path,
             "/v1/entries/%s/uploads?size=%" PRIu64 "&block_size=%" PRIu32, entry, list->size,
             list->block_size);
    vdt_status status = vdt_call_json(upload->catalog, &call, &json, NULL, error);
    return status == VDT_OK ? read_missing(upload, json, error) : status;
}

static vdt_status send_all(struct upload *upload, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.process = process};
    struct vdt_ordered *ordered = NULL;
    uint32_t slot, threads = vdt_http_connections(upload->catalog->http);
    vdt_http_begin(upload->catalog->http, VDT_STEP_SEND, upload->bytes);
    if (upload->run_count == 0)
        return VDT_OK;
    if (threads > upload->run_count)
        threads = (uint32_t)upload->run_count;
    vdt_status status =
        vdt_ordered_start(&ops, upload, upload->run_count, threads, 2 * threads, &ordered, error);
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK)
        vdt_ordered_release(ordered, slot);
    if (status != VDT_END)
        vdt_http_give_up(upload->catalog->http);
    vdt_ordered_free(ordered);
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_upload(struct vdt_catalog *catalog, const char *entry,
                      const struct vdt_snapshot *snapshot, const char *path,
                      const struct vdt_block_list *list, char id[64], struct vdt_error *error)
{
    struct upload upload = {.catalog = catalog, .snapshot = snapshot, .list = list, .path = path};
    vdt_status status = begin(&upload, entry, error);
    if (status == VDT_OK)
        status = send_all(&upload, error);
    free(upload.runs);
    if (status == VDT_OK)
        memcpy(id, upload.id, sizeof upload.id);
    return status;
}

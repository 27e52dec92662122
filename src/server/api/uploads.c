/* /v1/entries/{id}/uploads and /v1/uploads: what a save writes. The commit is in commit.c. */
#include "server/api/uploads.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/failpoint.h"
#include "server/blobs/upload_rows.h"
#include "server/meta/access.h"
#include "server/meta/quota.h"
#include "server/meta/times.h"
#include "server/net/reply.h"
#include "server/net/route.h"

enum { LIST_MOST = 128 << 20, PUT_MOST = 64 << 20 };

bool vdt_parse_count(const char *text, uint64_t most, uint64_t *value)
{
    uint64_t made = 0;
    if (text == NULL || *text == '\0' || strlen(text) > 18)
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        made = made * 10 + (uint64_t)(*text - '0');
    if (*text != '\0' || made > most)
        return false;
    *value = made;
    return true;
}

/* Whether the body is declared as bytes; else it has replied. */
static bool is_bytes(struct vdt_request *request)
{
    static const char wanted[] = "application/octet-stream";
    const char *type = vdt_request_header(request, "Content-Type");
    if (type != NULL && strncasecmp(type, wanted, sizeof wanted - 1) == 0)
        return true;
    vdt_reply_error(request, 415, "UnsupportedMediaType", "the body's Content-Type must be %s",
                    wanted);
    return false;
}

static json_t *upload_document(struct vdt_request *request, struct vdt_upload *upload)
{
    char href[512];
    int64_t version = vdt_upload_version(upload);
    snprintf(href, sizeof href, "%s/v1/uploads/%s", vdt_request_base(request),
             vdt_upload_id(upload));
    json_t *missing = version != 0 ? json_array() : vdt_upload_missing(upload);
    json_t *document =
        json_pack("{s:s, s:o, s:o, s:s}", "id", vdt_upload_id(upload), "missing", missing,
                  "expires_at", vdt_time_json(vdt_upload_expires(upload)), "href", href);
    if (document != NULL && version != 0)
        json_object_set_new(document, "version", json_integer(version));
    return document;
}

/* --- POST /v1/entries/{id}/uploads ---------------------------------------------------------------
 */

struct beginning {
    const struct vdt_caller *caller;
    const char *slug;
    const struct vdt_block_list *list;
    char id[VDT_UPLOAD_ID];
    bool fresh;
};

static vdt_status add_upload(struct vdt_server *server, struct beginning *begin,
                             struct vdt_session *session, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_cleanup(vdt_delta_clear) struct vdt_delta delta = {0};
    vdt_status status =
        vdt_entry_find(session, begin->caller, begin->slug, VDT_ACCESS_WRITE, &row, error);
    if (status == VDT_OK)
        status = vdt_upload_find_same(session, row.id, begin->caller->user, begin->list, begin->id,
                                      error);
    if (status != VDT_END)
        return status;
    begin->fresh = true;
    status = vdt_delta_load(session, row.id, begin->list, &delta, error);
    if (status == VDT_OK && !vdt_server_has_room(server, delta.bytes))
        return vdt_fail(error, VDT_ERR_FULL, "the server's disk has no room for %" PRIu64 " bytes",
                        delta.bytes);
    if (status == VDT_OK)
        status =
            vdt_quota_upload(session, begin->caller->user, row.owner, (int64_t)delta.bytes, error);
    if (status == VDT_OK)
        status = vdt_upload_insert(session, row.id, begin->caller->user, begin->list, &delta,
                                   begin->id, error);
    return status;
}

static vdt_status begin_upload(struct vdt_server *server, struct beginning *begin,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = add_upload(server, begin, session, error);
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

vdt_status vdt_upload_drop(struct vdt_server *server, const char *id, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    char blob[VDT_BLOB_NAME] = "";
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_upload_delete(session, id, blob, error);
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    if (status != VDT_OK)
        return status;
    vdt_uploads_close(server->uploads, id);
    vdt_failpoint(server->options.root, "drop.before-remove");
    return blob[0] == '\0' ? VDT_OK : vdt_blobs_remove(server->blobs, blob, error);
}

/* The block list of the request; else it has replied. */
static bool read_list(struct vdt_request *request, struct vdt_block_list *list)
{
    struct vdt_error error = {0};
    uint64_t size = 0;
    uint64_t block_size = VDT_BLOCK_SIZE;
    const char *asked = vdt_request_query(request, "block_size");
    const uint64_t most = vdt_request_server(request)->options.upload_most;
    if (!is_bytes(request))
        return false;
    if (!vdt_parse_count(vdt_request_query(request, "size"), INT64_MAX, &size) || size == 0) {
        vdt_reply_error(request, 400, "BadRequest", "size: the store's bytes are wanted");
        return false;
    }
    if (asked != NULL &&
        (!vdt_parse_count(asked, INT64_MAX, &block_size) || block_size != VDT_BLOCK_SIZE)) {
        vdt_reply_error(request, 400, "BadRequest", "block_size: this server takes %d",
                        VDT_BLOCK_SIZE);
        return false;
    }
    if (size > most) {
        vdt_reply_error(request, 413, "ContentTooLarge",
                        "the store has %" PRIu64 " bytes; this server takes %" PRIu64, size, most);
        return false;
    }
    const struct vdt_buffer *body = vdt_request_body(request);
    if (vdt_block_list_of_bytes(body->data, body->size, size, (uint32_t)block_size,
                                "the block list", list, &error) == VDT_OK)
        return true;
    vdt_reply_failure(request, &error);
    return false;
}

static void create(struct vdt_request *request)
{
    struct vdt_server *server = vdt_request_server(request);
    struct vdt_error error = {0};
    vdt_cleanup(vdt_block_list_clear) struct vdt_block_list list = {0};
    vdt_cleanup(vdt_upload_release) struct vdt_upload *upload = NULL;
    struct beginning begin = {.caller = vdt_request_caller(request),
                              .slug = vdt_request_path(request, "id"),
                              .list = &list};
    if (!read_list(request, &list))
        return;
    vdt_status status = begin_upload(server, &begin, &error);
    if (status == VDT_OK)
        status = vdt_uploads_hold(server->uploads, begin.id, &upload, &error);
    if (status == VDT_OK)
        status = vdt_upload_prepare(upload, &error);
    if (status != VDT_OK) {
        if (begin.fresh && upload != NULL)
            (void)vdt_upload_drop(server, begin.id, NULL);
        vdt_reply_failure(request, &error);
        return;
    }
    json_t *document = upload_document(request, upload);
    vdt_reply_header(request, "Location", json_string_value(json_object_get(document, "href")));
    vdt_reply_json(request, begin.fresh ? 201 : 200, document);
}

/* --- GET and DELETE /v1/uploads/{id}
 * --------------------------------------------------------------- */

struct vdt_upload *vdt_request_upload(struct vdt_request *request)
{
    struct vdt_error error = {0};
    struct vdt_upload *upload = NULL;
    const struct vdt_caller *caller = vdt_request_caller(request);
    vdt_status status = vdt_uploads_hold(vdt_request_server(request)->uploads,
                                         vdt_request_path(request, "id"), &upload, &error);
    if (status == VDT_OK && vdt_upload_user(upload) != caller->user &&
        !vdt_caller_may(caller, VDT_SCOPE_ADMIN)) {
        status =
            vdt_fail(&error, VDT_ERR_NOT_FOUND, "upload %s: is not there", vdt_upload_id(upload));
        vdt_upload_release(&upload);
    }
    if (status != VDT_OK)
        vdt_reply_failure(request, &error);
    return upload;
}

static void get(struct vdt_request *request)
{
    vdt_cleanup(vdt_upload_release) struct vdt_upload *upload = vdt_request_upload(request);
    if (upload == NULL)
        return;
    vdt_reply_header(request, "Cache-Control", "no-store");
    vdt_reply_json(request, 200, upload_document(request, upload));
}

static void give_up(struct vdt_request *request)
{
    struct vdt_error error = {0};
    vdt_cleanup(vdt_upload_release) struct vdt_upload *upload = vdt_request_upload(request);
    if (upload == NULL)
        return;
    if (vdt_upload_version(upload) != 0 || !vdt_upload_begin_commit(upload)) {
        vdt_reply_error(request, 409, "Conflict", "upload %s: is committed", vdt_upload_id(upload));
        return;
    }
    vdt_status status = vdt_upload_drop(vdt_request_server(request), vdt_upload_id(upload), &error);
    vdt_upload_end_commit(upload);
    if (status != VDT_OK)
        vdt_reply_failure(request, &error);
    else
        vdt_reply_empty(request, 204);
}

/* --- PUT /v1/uploads/{id}/blocks/{first}
 * ------------------------------------------------------------ */

/* A body on its way. A block that comes in pieces is put together in `part`; one that is whole in a
 * piece is taken from there. */
struct putting {
    struct vdt_upload *upload;
    uint64_t next, end; /* blocks */
    size_t filled;
    unsigned char *part;
};

static void free_putting(void *state)
{
    struct putting *putting = state;
    vdt_upload_release(&putting->upload);
    free(putting->part);
    free(putting);
}

/* How many blocks from `first` a body of `length` bytes is; 0: it is none of whole blocks. */
static uint64_t blocks_of(const struct vdt_block_list *list, uint64_t first, uint64_t length)
{
    if (first >= list->count || length == 0)
        return 0;
    uint64_t left = list->size - first * list->block_size;
    if (length > left || (length < left && length % list->block_size != 0))
        return 0;
    return vdt_block_count(length, list->block_size);
}

/* Checks what the headers say; *count is the number of blocks. False: it has replied. */
static bool check_put(struct vdt_request *request, struct vdt_upload *upload, uint64_t *first,
                      uint64_t *count)
{
    const struct vdt_block_list *list = vdt_upload_list(upload);
    uint64_t length = vdt_request_length(request);
    if (!vdt_upload_is_open(upload)) {
        vdt_reply_error(request, 409, "Conflict", "upload %s: is closed", vdt_upload_id(upload));
    } else if (!vdt_parse_count(vdt_request_path(request, "first"), INT64_MAX, first)) {
        vdt_reply_error(request, 404, "NotFound", "a block's number is wanted");
    } else if (length == UINT64_MAX) {
        vdt_reply_error(request, 411, "LengthRequired", "Content-Length is wanted");
    } else if (length > PUT_MOST) {
        vdt_reply_error(request, 413, "ContentTooLarge", "a request takes up to %d bytes",
                        PUT_MOST);
    } else if ((*count = blocks_of(list, *first, length)) == 0) {
        vdt_reply_error(request, 400, "BadRequest",
                        "%" PRIu64 " bytes from block %" PRIu64 " are no whole blocks of %u; the "
                        "store has %" PRIu64 " blocks and %" PRIu64 " bytes",
                        length, *first, list->block_size, list->count, list->size);
    } else {
        return true;
    }
    return false;
}

static bool start_put(struct vdt_request *request)
{
    uint64_t first = 0;
    uint64_t count = 0;
    if (!is_bytes(request))
        return false;
    vdt_cleanup(vdt_upload_release) struct vdt_upload *upload = vdt_request_upload(request);
    if (upload == NULL || !check_put(request, upload, &first, &count))
        return false;
    struct putting *putting = vdt_allocate_zero(1, sizeof *putting);
    if (putting != NULL)
        putting->part = vdt_allocate(1, vdt_upload_list(upload)->block_size);
    if (putting == NULL || putting->part == NULL) {
        free(putting);
        vdt_reply_error(request, 503, "Busy", "out of memory");
        return false;
    }
    putting->upload = upload;
    upload = NULL;
    putting->next = first;
    putting->end = first + count;
    vdt_request_set_state(request, putting, free_putting);
    return true;
}

static bool take_block(struct vdt_request *request, struct putting *putting, const void *data)
{
    struct vdt_error error = {0};
    const char *root = vdt_request_server(request)->options.root;
    vdt_failpoint(root, "put.before-write");
    vdt_status status = vdt_upload_take(putting->upload, putting->next, data, &error);
    vdt_failpoint(root, "put.after-write");
    if (status == VDT_OK)
        putting->next++;
    else if (status == VDT_ERR_MISMATCH)
        vdt_reply_error(request, 422, "WrongDigest",
                        "block %" PRIu64 ": has another SHA-256 than the list says; send it again",
                        putting->next);
    else if (status == VDT_ERR_NOT_FOUND)
        vdt_reply_error(request, 409, "Conflict", "%s", error.message);
    else
        vdt_reply_failure(request, &error);
    return status == VDT_OK;
}

static bool put_data(struct vdt_request *request, const void *bytes, size_t size)
{
    struct putting *putting = vdt_request_state(request);
    const struct vdt_block_list *list = vdt_upload_list(putting->upload);
    const unsigned char *data = bytes;
    while (size > 0 && putting->next < putting->end) {
        size_t length = vdt_block_length(list, putting->next);
        if (putting->filled == 0 && size >= length) {
            if (!take_block(request, putting, data))
                return false;
            data += length;
            size -= length;
            continue;
        }
        size_t piece = length - putting->filled < size ? length - putting->filled : size;
        memcpy(putting->part + putting->filled, data, piece);
        putting->filled += piece;
        data += piece;
        size -= piece;
        if (putting->filled < length)
            continue;
        putting->filled = 0;
        if (!take_block(request, putting, putting->part))
            return false;
    }
    return true;
}

static void put(struct vdt_request *request)
{
    const struct putting *putting = vdt_request_state(request);
    if (putting == NULL || putting->next != putting->end) {
        vdt_reply_error(request, 400, "BadRequest", "the body ended early");
        return;
    }
    uint64_t count =
        vdt_block_count(vdt_request_length(request), vdt_upload_list(putting->upload)->block_size);
    vdt_reply_json(request, 200, json_pack("{s:I}", "received", (json_int_t)count));
}

static const struct vdt_body_ops put_body = {.start = start_put, .data = put_data};

const struct vdt_route vdt_upload_routes[] = {
    {"POST", "/v1/entries/{id}/uploads", VDT_SCOPE_WRITE, 0, LIST_MOST, create, NULL},
    {"GET", "/v1/uploads/{id}", VDT_SCOPE_WRITE, 0, 0, get, NULL},
    {"DELETE", "/v1/uploads/{id}", VDT_SCOPE_WRITE, 0, 0, give_up, NULL},
    {"PUT", "/v1/uploads/{id}/blocks/{first}", VDT_SCOPE_WRITE, 0, PUT_MOST, put, &put_body},
    {"POST", "/v1/uploads/{id}/commit", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, vdt_upload_commit,
     NULL},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};

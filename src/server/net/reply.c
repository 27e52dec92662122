#include "server/net/reply.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/net/range.h"
#include "server/net/state.h"

enum { READER_BLOCK = 256 << 10 };

bool vdt_replied(const struct vdt_request *request)
{
    return request->response != NULL;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    char *text = vdt_copy_string(value);
    for (char *at = text; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    if (text)
        MHD_add_response_header(response, name, text);
    free(text);
}

void vdt_reply_header(struct vdt_request *request, const char *name, const char *value)
{
    if (request->response) {
        add_header(request->response, name, value);
        return;
    }
    if (!request->headers)
        request->headers = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (request->headers)
        add_header(request->headers, name, value);
}

static enum MHD_Result copy_header(void *payload, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    MHD_add_response_header(payload, name, value);
    return MHD_YES;
}

/* Takes the response; NULL: memory is out, and the connection will be closed. */
static void reply(struct vdt_request *request, unsigned code, const char *type,
                  struct MHD_Response *response, uint64_t bytes)
{
    if (!response)
        return;
    if (request->response) {
        MHD_destroy_response(response);
        return;
    }
    if (request->headers)
        MHD_get_response_headers(request->headers, copy_header, response);
    if (type)
        MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    request->response = response;
    request->code = code;
    request->bytes_out = request->head ? 0 : bytes;
}

void vdt_reply_bytes(struct vdt_request *request, unsigned code, const char *type, void *taken,
                     size_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, taken, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(taken);
    reply(request, code, type, response, size);
}

void vdt_reply_static(struct vdt_request *request, unsigned code, const char *type,
                      const void *data, size_t size)
{
    reply(request, code, type,
          MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT),
          size);
}

void vdt_reply_empty(struct vdt_request *request, unsigned code)
{
    vdt_reply_static(request, code, NULL, "", 0);
}

void vdt_reply_typed_json(struct vdt_request *request, unsigned code, const char *type,
                          json_t *taken)
{
    char *text = taken ? json_dumps(taken, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(taken);
    if (text)
        vdt_reply_bytes(request, code, type, text, strlen(text));
    else
        vdt_reply_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "InternalError",
                        "the answer could not be written");
}

void vdt_reply_json(struct vdt_request *request, unsigned code, json_t *taken)
{
    vdt_reply_typed_json(request, code, "application/json", taken);
}

void vdt_reply_error(struct vdt_request *request, unsigned code, const char *name,
                     const char *format, ...)
{
    char text[1200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_t *body = json_pack("{s:s, s:s}", "code", name, "description", text);
    if (!body) /* cut within a character, or not UTF-8 */
        body = json_pack("{s:s, s:s}", "code", name, "description", "the request was refused");
    char *bytes = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (bytes)
        vdt_reply_bytes(request, code, "application/json", bytes, strlen(bytes));
    else
        vdt_reply_static(request, code, "application/json", "{}", 2);
}

void vdt_reply_failure(struct vdt_request *request, const struct vdt_error *error)
{
    const char *text = error->message;
    switch (error->status) {
    case VDT_ERR_ARGUMENT:
    case VDT_ERR_FORMAT:
        vdt_reply_error(request, MHD_HTTP_BAD_REQUEST, "BadRequest", "%s", text);
        break;
    case VDT_ERR_NOT_FOUND:
        vdt_reply_error(request, MHD_HTTP_NOT_FOUND, "NotFound", "%s", text);
        break;
    case VDT_ERR_DENIED:
        vdt_reply_error(request, MHD_HTTP_FORBIDDEN, "Forbidden", "%s", text);
        break;
    case VDT_ERR_EXISTS:
    case VDT_ERR_MISMATCH:
        vdt_reply_error(request, MHD_HTTP_CONFLICT, "Conflict", "%s", text);
        break;
    case VDT_ERR_FULL:
        vdt_reply_error(
            request, MHD_HTTP_INSUFFICIENT_STORAGE, "InsufficientStorage", "%s",
            strstr(text, request->net->server->options.root) ? "the server's disk is full" : text);
        break;
    case VDT_ERR_UNSUPPORTED:
        vdt_reply_error(request, MHD_HTTP_NOT_IMPLEMENTED, "NotImplemented", "%s", text);
        break;
    case VDT_ERR_BUSY:
        vdt_reply_header(request, "Retry-After", "1");
        vdt_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy", "%s", text);
        break;
    default:
        vdt_server_warn(request->net->server, "failed", "%s %s: %s: %s", request->method,
                        request->target, vdt_status_name(error->status), text);
        vdt_reply_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "InternalError",
                        "the server failed; its log says why");
    }
}

/* What a request for `size` bytes gets. False: it has its reply already (304, 412, 416). */
static bool choose_range(struct vdt_request *request, uint64_t size, const char *etag,
                         struct vdt_range *range, bool *partial)
{
    char text[80];
    *range = (struct vdt_range){.first = 0, .size = size};
    *partial = false;
    if (etag)
        vdt_reply_header(request, "ETag", etag);
    vdt_reply_header(request, "Accept-Ranges", "bytes");
    const char *none_match = vdt_request_header(request, "If-None-Match");
    if (etag && none_match && vdt_etag_in_list(none_match, etag)) {
        vdt_reply_empty(request, MHD_HTTP_NOT_MODIFIED);
        return false;
    }
    const char *if_range = vdt_request_header(request, "If-Range");
    const char *header = vdt_request_header(request, "Range");
    if (!header || (if_range && (!etag || strcmp(if_range, etag) != 0)))
        return true;
    switch (vdt_range_parse(header, size, range)) {
    case VDT_RANGE_ALL: break;
    case VDT_RANGE_PART:
        *partial = true;
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                 (unsigned long long)(range->first + range->size - 1), (unsigned long long)size);
        vdt_reply_header(request, "Content-Range", text);
        break;
    case VDT_RANGE_OUTSIDE:
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
        vdt_reply_header(request, "Content-Range", text);
        vdt_reply_error(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, "RangeNotSatisfiable",
                        "there are %llu bytes", (unsigned long long)size);
        return false;
    }
    return true;
}

struct reader {
    ssize_t (*read)(void *state, uint64_t at, void *to, size_t room);
    void *state;
    void (*release)(void *state);
    uint64_t first, size;
};

static ssize_t reader_read(void *payload, uint64_t at, char *to, size_t room)
{
    struct reader *reader = payload;
    if (at >= reader->size)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (room > reader->size - at)
        room = reader->size - at;
    const ssize_t got = reader->read(reader->state, reader->first + at, to, room);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void reader_free(void *payload)
{
    struct reader *reader = payload;
    if (reader->release)
        reader->release(reader->state);
    free(reader);
}

/* The part of a file by sendfile; NULL: it is not in one file, or there is no memory. */
static struct MHD_Response *of_one_file(const struct vdt_pieces *pieces,
                                        const struct vdt_range *range)
{
    int fd;
    uint64_t offset;
    if (!pieces->locate || range->size == 0 ||
        !pieces->locate(pieces->state, range->first, range->size, &fd, &offset))
        return NULL;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct MHD_Response *response =
        fd < 0 ? NULL : MHD_create_response_from_fd_at_offset64(range->size, fd, offset);
    if (!response && fd >= 0)
        close(fd);
    return response;
}

void vdt_reply_pieces(struct vdt_request *request, uint64_t size, const char *type,
                      const char *etag, const struct vdt_pieces *pieces)
{
    struct vdt_range range;
    bool partial;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader || request->response || !choose_range(request, size, etag, &range, &partial)) {
        if (pieces->release)
            pieces->release(pieces->state);
        free(reader);
        return;
    }
    *reader =
        (struct reader){pieces->read, pieces->state, pieces->release, range.first, range.size};
    struct MHD_Response *response = of_one_file(pieces, &range);
    if (response) {
        reader_free(reader);
    } else {
        response = MHD_create_response_from_callback(range.size, READER_BLOCK, reader_read, reader,
                                                     reader_free);
        if (!response)
            reader_free(reader);
    }
    reply(request, partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, type, response, range.size);
}

void vdt_reply_reader(struct vdt_request *request, uint64_t size, const char *type,
                      const char *etag,
                      ssize_t (*read)(void *state, uint64_t at, void *to, size_t room), void *state,
                      void (*release)(void *state))
{
    vdt_reply_pieces(request, size, type, etag,
                     &(struct vdt_pieces){.read = read, .state = state, .release = release});
}

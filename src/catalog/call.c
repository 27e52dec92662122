/* One call of a route. */
#include "catalog/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* How often an answer that is no JSON is asked for again: something on the way damaged it. */
enum { PARSE_TRIES = 3 };

static void answer_cleanup(struct vdt_http_answer *answer)
{
    vdt_http_answer_clear(answer);
}

bool vdt_call_path(struct vdt_call *call, const char *part, ...)
{
    size_t at = 0;
    bool escaped = false, fits = true;
    va_list parts;
    va_start(parts, part);
    for (; fits && part != NULL; part = va_arg(parts, const char *), escaped = !escaped) {
        vdt_cleanup(vdt_free_pointer) char *text =
            escaped ? vdt_url_escape(part) : vdt_copy_string(part);
        size_t length = text == NULL ? sizeof call->path : strlen(text);
        /* "." and ".." are path segments with a meaning of their own. */
        bool dots = escaped && (strcmp(part, ".") == 0 || strcmp(part, "..") == 0 || *part == '\0');
        fits = !dots && length < sizeof call->path - at;
        if (fits)
            memcpy(call->path + at, text, length);
        at += fits ? length : 0;
    }
    va_end(parts);
    call->path[at] = '\0';
    return fits;
}

static vdt_status parse(const struct vdt_http *http, const struct vdt_call *call,
                        const struct vdt_http_answer *answer, json_t **json,
                        struct vdt_error *error)
{
    char what[2304];
    snprintf(what, sizeof what, "%s%.*s", vdt_http_base(http), (int)strcspn(call->path, "?"),
             call->path);
    if (answer->body.size == 0)
        return VDT_OK;
    if (strstr(answer->type, "json") == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: the answer is %s, not JSON: is this the address of a catalog?", what,
                        answer->type[0] == '\0' ? "of no type" : answer->type);
    if (memchr(answer->body.data, 0, answer->body.size) != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: the answer is no JSON", what);
    return vdt_json_parse((const char *)answer->body.data, what, json, error);
}

vdt_status vdt_call_json(struct vdt_catalog *catalog, struct vdt_call *call, json_t **json,
                         char *etag, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *body = NULL;
    vdt_cleanup(answer_cleanup) struct vdt_http_answer answer = {0};
    struct vdt_http_request request = {.method = call->method,
                                       .url = call->path,
                                       .headers = {call->header},
                                       .once = call->once,
                                       .patient = call->patient};
    if (call->body != NULL) {
        body = vdt_json_text(call->body);
        json_decref(call->body);
        call->body = NULL;
        if (body == NULL)
            return vdt_fail_memory(error, "catalog");
        request.type = "application/json";
        request.body = body;
        request.body_size = strlen(body);
    }
    if (call->bytes != NULL) {
        request.type = call->type != NULL ? call->type : "application/octet-stream";
        request.body = call->bytes;
        request.body_size = call->byte_count;
    }
    vdt_http_begin(catalog->http, VDT_STEP_CALL, 0);
    for (int tries = 1;; tries++) {
        vdt_cleanup(vdt_json_release) json_t *parsed = NULL;
        vdt_status status = vdt_http_do(catalog->http, &request, &answer, error);
        if (status == VDT_OK)
            status = parse(catalog->http, call, &answer, &parsed, error);
        else
            return status;
        if (status == VDT_OK) {
            if (etag != NULL)
                snprintf(etag, 256, "%s", answer.etag);
            if (json != NULL) {
                *json = parsed;
                parsed = NULL;
            }
            return VDT_OK;
        }
        if (status != VDT_ERR_FORMAT || tries == PARSE_TRIES || call->once)
            return status;
    }
}

vdt_status vdt_hand_out(const json_t *json, char **document, struct vdt_error *error)
{
    if (document == NULL)
        return VDT_OK;
    char *text = json == NULL ? vdt_copy_string("null") : vdt_json_text(json);
    if (text == NULL)
        return vdt_fail_memory(error, "catalog");
    *document = text;
    return VDT_OK;
}

vdt_status vdt_call_text(struct vdt_catalog *catalog, struct vdt_call *call, char **document,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    vdt_status status = vdt_call_json(catalog, call, &json, NULL, error);
    return status == VDT_OK ? vdt_hand_out(json, document, error) : status;
}

#include "server/net/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/error.h"
#include "server/net/json_depth.h"
#include "server/net/reply.h"
#include "server/net/state.h"

int64_t vdt_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct vdt_server *vdt_request_server(const struct vdt_request *request)
{
    return request->net->server;
}

const struct vdt_caller *vdt_request_caller(const struct vdt_request *request)
{
    return &request->caller;
}

const char *vdt_request_method(const struct vdt_request *request)
{
    return request->method;
}

const char *vdt_request_target(const struct vdt_request *request)
{
    return request->target;
}

const char *vdt_request_header(const struct vdt_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *vdt_request_query(const struct vdt_request *request, const char *name)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}

void vdt_request_each_query(const struct vdt_request *request,
                            bool (*each)(void *payload, const char *name, const char *value),
                            void *payload)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (!each(payload, request->query[i].name, request->query[i].value))
            return;
}

const char *vdt_request_path(const struct vdt_request *request, const char *name)
{
    for (size_t i = 0; i < request->match.count; i++)
        if (strlen(name) == request->match.values[i].name_size &&
            memcmp(name, request->match.values[i].name, strlen(name)) == 0)
            return request->path_values[i];
    return NULL;
}

const char *vdt_request_base(const struct vdt_request *request)
{
    return request->base;
}

const struct vdt_buffer *vdt_request_body(const struct vdt_request *request)
{
    return &request->body;
}

uint64_t vdt_request_length(const struct vdt_request *request)
{
    return request->length;
}

void *vdt_request_state(const struct vdt_request *request)
{
    return request->state;
}

void vdt_request_set_state(struct vdt_request *request, void *state, void (*release)(void *state))
{
    if (request->release_state)
        request->release_state(request->state);
    request->state = state;
    request->release_state = release;
}

/* "application/json; charset=utf-8" and "application/geo+json" are JSON. */
static bool type_is_json(const char *type)
{
    const size_t size = strcspn(type, "; \t");
    return (size == 16 && strncasecmp(type, "application/json", size) == 0) ||
           (size > 5 && strncasecmp(type + size - 5, "+json", 5) == 0);
}

vdt_status vdt_request_json(struct vdt_request *request, json_t **value, struct vdt_error *error)
{
    if (request->json) {
        *value = request->json;
        return VDT_OK;
    }
    const char *type = vdt_request_header(request, "Content-Type");
    const char *text = (const char *)request->body.data;
    json_error_t failure;
    if (request->body.size == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "the request has no body; JSON is wanted");
    if (!type || !type_is_json(type))
        return vdt_fail(error, VDT_ERR_FORMAT, "the body's Content-Type must be application/json");
    if (!vdt_json_depth_fits(text, request->body.size, VDT_JSON_DEPTH_MOST))
        return vdt_fail(error, VDT_ERR_FORMAT, "the JSON nests deeper than %d",
                        VDT_JSON_DEPTH_MOST);
    request->json = json_loadb(text, request->body.size, JSON_REJECT_DUPLICATES, &failure);
    if (!request->json)
        return vdt_fail(error, VDT_ERR_FORMAT, "the body is no JSON: line %d, column %d: %s",
                        failure.line, failure.column, failure.text);
    *value = request->json;
    return VDT_OK;
}

static bool bad_query(struct vdt_request *request, const char *what)
{
    vdt_reply_error(request, MHD_HTTP_BAD_REQUEST, "InvalidParameter", "%s", what);
    return false;
}

static bool decode_pair(struct vdt_request *request, const char *text, size_t size)
{
    const char *equals = memchr(text, '=', size);
    const size_t name_size = equals ? (size_t)(equals - text) : size;
    if (request->query_count == VDT_QUERY_MOST)
        return bad_query(request, "the query has too many parameters");
    struct vdt_query_value *pair = &request->query[request->query_count++];
    pair->name = vdt_percent_decode(text, name_size, true);
    pair->value =
        equals ? vdt_percent_decode(equals + 1, size - name_size - 1, true) : vdt_copy_string("");
    if (!pair->name || !pair->value)
        return bad_query(request, "the query is not percent-encoded UTF-8 text");
    for (size_t i = 0; i + 1 < request->query_count; i++)
        if (strcmp(request->query[i].name, pair->name) == 0) {
            vdt_reply_error(request, MHD_HTTP_BAD_REQUEST, "InvalidParameter",
                            "the query parameter '%s' is given twice", pair->name);
            return false;
        }
    return true;
}

static bool decode_query(struct vdt_request *request, const char *text)
{
    while (*text) {
        const size_t size = strcspn(text, "&");
        if (size > 0 && !decode_pair(request, text, size))
            return false;
        text += size + (text[size] == '&');
    }
    return true;
}

bool vdt_request_decode(struct vdt_request *request)
{
    for (size_t i = 0; i < request->match.count; i++) {
        const struct vdt_path_value *value = &request->match.values[i];
        request->path_values[i] = vdt_percent_decode(value->value, value->value_size, false);
        if (!request->path_values[i])
            return bad_query(request, "the path is not percent-encoded UTF-8 text");
    }
    const char *query = request->target + request->path_size;
    return *query != '?' || decode_query(request, query + 1);
}

void vdt_request_free(struct vdt_request *request)
{
    if (request->release_state)
        request->release_state(request->state);
    if (request->response)
        MHD_destroy_response(request->response);
    if (request->headers)
        MHD_destroy_response(request->headers);
    for (size_t i = 0; i < request->match.count; i++)
        free(request->path_values[i]);
    for (size_t i = 0; i < request->query_count; i++) {
        free(request->query[i].name);
        free(request->query[i].value);
    }
    json_decref(request->json);
    vdt_buffer_clear(&request->body);
    free(request->base);
    free(request->target);
    free(request);
}

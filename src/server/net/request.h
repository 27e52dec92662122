/* A request as the handlers see it: routed, guarded, decoded. One thread at a time has it. */
#ifndef SERVER_NET_REQUEST_H
#define SERVER_NET_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "server/meta/caller.h"

struct vdt_request;
struct vdt_server;

struct vdt_server *vdt_request_server(const struct vdt_request *request);

/* Borrowed; never NULL. */
const struct vdt_caller *vdt_request_caller(const struct vdt_request *request);

/* "GET", "HEAD", ... as sent. */
const char *vdt_request_method(const struct vdt_request *request);

/* The target as it was sent, query and all: "/v1/entries?limit=2". */
const char *vdt_request_target(const struct vdt_request *request);

/* A header's value by its name in any case; NULL: not there. Of a list that came in several headers
 * (Accept, ...) the first; those that decide something came once. Borrowed. */
const char *vdt_request_header(const struct vdt_request *request, const char *name);

/* A query parameter, percent-decoded, "+" as a space, valid UTF-8; NULL: not there. A key that is
 * given twice was refused before. Borrowed. */
const char *vdt_request_query(const struct vdt_request *request, const char *name);

/* Calls `each` for every query parameter, in their order; it ends where `each` returns false. */
void vdt_request_each_query(const struct vdt_request *request,
                            bool (*each)(void *payload, const char *name, const char *value),
                            void *payload);

/* {name} of the route's pattern, percent-decoded after the path was split at '/', valid UTF-8
 * without NUL. NULL: the pattern has no such name. Borrowed. */
const char *vdt_request_path(const struct vdt_request *request, const char *name);

/* The head of links, without a slash at its end: --public-url, else scheme and Host. */
const char *vdt_request_base(const struct vdt_request *request);

/* The body as JSON. *value is borrowed from the request. Fails where the body is no JSON, nests
 * deeper than 32, repeats a member, or is not declared as application/json (or .../...+json). */
vdt_status vdt_request_json(struct vdt_request *request, json_t **value, struct vdt_error *error);

/* The whole body of a route that has no `body` of its own. Borrowed. */
const struct vdt_buffer *vdt_request_body(const struct vdt_request *request);

/* Content-Length; UINT64_MAX: it was not given (a chunked body). */
uint64_t vdt_request_length(const struct vdt_request *request);

/* A handler's own state; released with the request, in whatever thread that happens. */
void *vdt_request_state(const struct vdt_request *request);
void vdt_request_set_state(struct vdt_request *request, void *state, void (*release)(void *state));

#endif

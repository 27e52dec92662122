/* HTTP for the catalog's client, over libcurl: one server, its token, and the rules of politeness.
 *
 * - only http and https, also behind a redirect; redirects are followed for GET and HEAD alone, and
 *   never from https to http;
 * - the token goes to the scheme, host and port that it is for, and nowhere else, and is in no
 * message;
 * - what fails for a while (no connection, 408, 429, 5xx) is tried again, with waiting times that
 *   grow and are drawn at random, or as Retry-After says;
 * - nothing of the environment is read: proxies and certificates are options. */
#ifndef CATALOG_HTTP_H
#define CATALOG_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/catalog.h>
#include <vedatile/error.h>

#include "base/buffer.h"

/* A client of one server. Any thread; each running request has a connection of its own, and
 * connections are kept for the next request. */
struct vdt_http;

/* `base` is the catalog's address, or NULL for requests to anyone, without a token; token may be
 * NULL. Both are copied, and so are the texts of `options` (NULL: all defaults). VDT_ERR_ARGUMENT
 * for an address that is no http(s) URL, or a token that would go over a network in the clear.
 * *http is owned. */
vdt_status vdt_http_open(const char *base, const char *token,
                         const struct vdt_catalog_options *options, struct vdt_http **http,
                         struct vdt_error *error);
void vdt_http_free(struct vdt_http *http); /* accepts NULL; no request may run */

/* The server's address without a slash at the end; "" when there is none. Borrowed. */
const char *vdt_http_base(const struct vdt_http *http);

/* Connections that are worth having at once: options.connections or its default. */
uint32_t vdt_http_connections(const struct vdt_http *http);

/* --- progress ----------------------------------------------------------------------------- */

/* What runs now, for the progress callback; sets done to 0. */
void vdt_http_begin(struct vdt_http *http, enum vdt_catalog_step step, uint64_t total);
void vdt_http_advance(struct vdt_http *http, int64_t bytes); /* any thread; calls the callback */
/* False once the callback asked to stop: every request ends with VDT_ERR_CANCELLED. */
bool vdt_http_goes_on(struct vdt_http *http);

/* Several requests ran side by side and one has failed for good: the others need not be patient.
 * Until vdt_http_begin. */
void vdt_http_give_up(struct vdt_http *http);

/* --- requests ----------------------------------------------------------------------------- */

enum { VDT_HTTP_HEADERS = 6, VDT_HTTP_BODY_MOST = 64 << 20 };

struct vdt_http_answer {
    unsigned code;
    struct vdt_buffer body; /* ends with a NUL that is not counted; empty where a sink took it */
    char etag[256];         /* with its quotes; "" without */
    char type[128];         /* media type without parameters, in small letters */
    uint64_t total;         /* of Content-Range, or Content-Length; UINT64_MAX: not known */
    uint64_t first;         /* of Content-Range; 0 without */
    bool ranges;            /* 206 */
};
void vdt_http_answer_clear(struct vdt_http_answer *answer);

struct vdt_http_request {
    const char *method;                    /* NULL: GET */
    const char *url;                       /* absolute, or from the base: "/v1/me" */
    const char *headers[VDT_HTTP_HEADERS]; /* "If-Match: \"x\""; NULL ends them */

    /* The body: bytes, or `read`, which is asked for piece by piece and again from 0 when it is
     * tried again. Returns false to fail, with what in *error. */
    const char *type; /* Content-Type of the body; NULL: no body */
    const void *body;
    uint64_t body_size;
    bool (*read)(void *payload, uint64_t at, void *to, size_t size, struct vdt_error *error);

    /* Range: bytes first..last, when last > 0. */
    uint64_t first, last;

    /* Where the body of a 2xx goes in place of answer->body. `start` (may be NULL) sees code, first
     * and total. VDT_END from either: that is enough, the request is done and went well. */
    vdt_status (*start)(void *payload, const struct vdt_http_answer *answer,
                        struct vdt_error *error);
    vdt_status (*write)(void *payload, const void *data, size_t size, struct vdt_error *error);
    void *payload; /* of the three */

    uint64_t body_most; /* of answer->body; 0: 64 MiB */
    bool once;          /* not to be sent twice when it may have arrived */
    bool patient;       /* the server works on it: minutes without a byte are no failure */
    bool any_code;      /* answers of 4xx are no failure: the caller looks at answer->code */
};

/* Sends the request, again where that may help, and waits for the answer. VDT_OK means 2xx (304
 * and, with any_code, 4xx as well); else the status is one by the code, and the message names the
 * URL and what the server says. Statuses: 400 ARGUMENT, 401 and 403 DENIED, 404 and 410 NOT_FOUND,
 * 409 EXISTS, 412 MISMATCH, 413 and 507 FULL, 422 FORMAT, 429 and 503 BUSY, others IO. `answer` is
 * cleared and filled, also for failures. */
vdt_status vdt_http_do(struct vdt_http *http, const struct vdt_http_request *request,
                       struct vdt_http_answer *answer, struct vdt_error *error);

/* One attempt, for callers that go on from where it ended. *again: it may help to try again;
 * *wait_s: what Retry-After said, negative: nothing. */
vdt_status vdt_http_once(struct vdt_http *http, const struct vdt_http_request *request,
                         struct vdt_http_answer *answer, bool *again, double *wait_s,
                         struct vdt_error *error);

/* Waits before attempt `tries` + 1 (from 1), unless that is too much: then false. Also false when
 * the callback asked to stop. */
bool vdt_http_wait(struct vdt_http *http, unsigned tries, double wait_s);

/* --- addresses ---------------------------------------------------------------------------- */

/* Percent-encodes all but the unreserved characters, owned; NULL when memory is out. */
char *vdt_url_escape(const char *text);

/* True when both have the same scheme, host and port. */
bool vdt_url_same_origin(const char *a, const char *b);

/* How much of an address may stand in a message ("%.*s"): what is before a query, which may hold
 * secrets. */
int vdt_http_shown(const char *url);

/* An http(s) URL with a host and no user name: it may be asked. */
bool vdt_url_is_http(const char *text);

/* The loopback: what goes there crosses no network. */
bool vdt_url_is_this_machine(const char *text);

#endif

#include "server/net/guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/net/reply.h"
#include "server/net/wire.h"

static bool refuse(struct vdt_request *request, unsigned code, const char *name, const char *text)
{
    request->close = true;
    vdt_reply_error(request, code, name, "%s", text);
    return false;
}

static bool bad(struct vdt_request *request, const char *text)
{
    return refuse(request, MHD_HTTP_BAD_REQUEST, "BadRequest", text);
}

/* Headers that decide something: two of one kind would let two readers see two requests. */
static const char *const single[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Type",
    "Content-Encoding",
    "Authorization",
    "Expect",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "Upgrade",
};

enum { SINGLE_COUNT = sizeof single / sizeof single[0] };

struct header_scan {
    unsigned seen[SINGLE_COUNT];
    const char *wrong;
    unsigned count;
};

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char byte = text[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
              (byte >= '0' && byte <= '9') || (byte && strchr("!#$%&'*+-.^_`|~", byte))))
            return false;
    }
    return size > 0;
}

static enum MHD_Result scan_header(void *payload, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    struct header_scan *scan = payload;
    (void)kind;
    scan->count++;
    if (!is_token(name, name_size))
        scan->wrong = "a header's name has a byte that names do not have";
    for (size_t i = 0; i < value_size; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            scan->wrong = "a header has a control byte";
    for (size_t i = 0; i < SINGLE_COUNT; i++)
        if (strcasecmp(name, single[i]) == 0 && ++scan->seen[i] > 1)
            scan->wrong = "a header that may be there once is there twice";
    return scan->wrong ? MHD_NO : MHD_YES;
}

static bool host_is_sane(const char *host)
{
    const size_t size = strlen(host);
    return size > 0 && size < 256 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
               size;
}

static bool guard_length(struct vdt_request *request)
{
    const char *length = vdt_request_header(request, "Content-Length");
    const char *encoding = vdt_request_header(request, "Transfer-Encoding");
    const char *expect = vdt_request_header(request, "Expect");
    if (length && encoding)
        return bad(request, "Content-Length and Transfer-Encoding contradict each other");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return bad(request, "the only Transfer-Encoding is chunked");
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return refuse(request, MHD_HTTP_EXPECTATION_FAILED, "ExpectationFailed",
                      "the only expectation is 100-continue");
    request->length = encoding ? UINT64_MAX : 0;
    if (length) {
        const size_t digits = strspn(length, "0123456789");
        if (digits == 0 || length[digits] != '\0')
            return bad(request, "Content-Length is no number");
        if (digits > 18)
            return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "ContentTooLarge",
                          "Content-Length is beyond all limits");
        request->length = strtoull(length, NULL, 10);
    }
    request->has_body = request->length > 0;
    return true;
}

static bool guard_headers(struct vdt_request *request, const char *version)
{
    struct header_scan scan = {.wrong = NULL};
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, scan_header, &scan);
    if (scan.wrong)
        return bad(request, scan.wrong);
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return refuse(request, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "VersionNotSupported",
                      "HTTP/1.1 is spoken here");
    const char *host = vdt_request_header(request, "Host");
    if (!host && strcmp(version, "HTTP/1.1") == 0)
        return bad(request, "the header Host is missing");
    if (host && !host_is_sane(host))
        return bad(request, "the header Host is no host");
    return guard_length(request);
}

static bool guard_target(struct vdt_request *request)
{
    const char *target = request->target;
    for (const char *at = target; *at; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
            return bad(request, "the target has bytes that must be percent-encoded");
    if (target[0] != '/')
        return bad(request, "the target is no path");
    request->path_size = strcspn(target, "?#");
    if (target[request->path_size] == '#')
        return bad(request, "the target has a fragment");
    return true;
}

/* Whether the request comes through the front whose words are believed. */
static bool is_forwarded(const struct vdt_request *request)
{
    const char *front = request->net->server->options.trust_forwarded;
    return front && request->client && strcmp(front, request->client->address) == 0;
}

static void set_address(struct vdt_request *request)
{
    const char *list =
        is_forwarded(request) ? vdt_request_header(request, "X-Forwarded-For") : NULL;
    const char *last = list ? strrchr(list, ',') : NULL;
    last = last ? last + 1 + strspn(last + 1, " ") : list; /* the one that the front has seen */
    if (!last || strlen(last) >= sizeof request->address ||
        strspn(last, "0123456789abcdefABCDEF.:") != strlen(last))
        last = request->client->address;
    snprintf(request->address, sizeof request->address, "%s", last);
}

static bool set_base(struct vdt_request *request)
{
    const struct vdt_server_options *options = &request->net->server->options;
    const char *host = vdt_request_header(request, "Host");
    const char *scheme = options->tls_cert ? "https" : "http";
    const char *forwarded =
        is_forwarded(request) ? vdt_request_header(request, "X-Forwarded-Proto") : NULL;
    if (forwarded && (strcmp(forwarded, "https") == 0 || strcmp(forwarded, "http") == 0))
        scheme = forwarded;
    if (options->public_url || !host) {
        request->base =
            vdt_copy_string(options->public_url ? options->public_url : request->net->url);
    } else {
        const size_t size = strlen(scheme) + strlen(host) + 4;
        request->base = vdt_allocate(size, 1);
        if (request->base)
            snprintf(request->base, size, "%s://%s", scheme, host);
    }
    return request->base || refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy", "out of memory");
}

static bool options_reply(struct vdt_request *request)
{
    vdt_reply_header(request, "Allow", request->match.allow);
    vdt_reply_header(request, "Access-Control-Allow-Origin", "*");
    vdt_reply_header(request, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    vdt_reply_header(request, "Access-Control-Allow-Headers",
                     "Accept, Authorization, Content-Type, If-Match, If-None-Match, If-Range, "
                     "Range");
    vdt_reply_header(request, "Access-Control-Max-Age", "86400");
    vdt_reply_empty(request, MHD_HTTP_NO_CONTENT);
    return false;
}

static bool find_route(struct vdt_request *request)
{
    struct vdt_route_match *match = &request->match;
    vdt_route_find(vdt_all_routes, request->method, request->target, request->path_size, match);
    request->close = request->has_body; /* a refusal leaves the body where it is */
    if (match->allow[0] && strcmp(request->method, "OPTIONS") == 0)
        return options_reply(request);
    if (!match->route && match->allow[0]) {
        vdt_reply_header(request, "Allow", match->allow);
        vdt_reply_error(request, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed",
                        "this path knows %s", match->allow);
        return false;
    }
    if (!match->route) {
        vdt_reply_error(request, MHD_HTTP_NOT_FOUND, "NotFound", "there is nothing at this path");
        return false;
    }
    return true;
}

static bool guard_body(struct vdt_request *request)
{
    const struct vdt_route *route = request->match.route;
    const char *encoding = vdt_request_header(request, "Content-Encoding");
    if (!request->has_body)
        return true;
    if (route->body_limit == 0)
        return bad(request, "this request takes no body");
    if (encoding && strcasecmp(encoding, "identity") != 0)
        return refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType",
                      "bodies are taken without Content-Encoding only");
    if (request->length != UINT64_MAX && request->length > route->body_limit) {
        request->close = true;
        vdt_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "ContentTooLarge",
                        "the body is longer than %llu bytes",
                        (unsigned long long)route->body_limit);
        return false;
    }
    return true;
}

static bool guard_room(struct vdt_request *request)
{
    const bool reads = request->match.route->flags & VDT_ROUTE_SHARED;
    const uint64_t wanted = request->length == UINT64_MAX ? 0 : request->length;
    if (!request->has_body || reads || vdt_server_has_room(request->net->server, wanted))
        return true;
    return refuse(request, MHD_HTTP_INSUFFICIENT_STORAGE, "InsufficientStorage",
                  "the server's disk is nearly full; it takes no more for now");
}

static bool guard_rate(struct vdt_request *request)
{
    if (request->match.route->flags & VDT_ROUTE_LIGHT)
        return true;
    return vdt_request_is_in_rate(request, vdt_rates_key("address", request->address));
}

bool vdt_request_is_in_rate(struct vdt_request *request, uint64_t key)
{
    char text[24];
    const double wait = vdt_rates_take(request->net->rates, key, vdt_now());
    if (wait <= 0)
        return true;
    snprintf(text, sizeof text, "%u", wait > 3600 ? 3600 : (unsigned)wait + 1);
    vdt_reply_header(request, "Retry-After", text);
    vdt_reply_error(request, MHD_HTTP_TOO_MANY_REQUESTS, "TooManyRequests",
                    "too many requests; try again in %s s", text);
    return false;
}

bool vdt_guard_request(struct vdt_request *request, const char *method, const char *version)
{
    snprintf(request->method, sizeof request->method, "%s", method);
    request->head = strcmp(method, "HEAD") == 0;
    if (request->client)
        set_address(request);
    if (!is_token(method, strlen(method)))
        return bad(request, "the method is none");
    if (!vdt_wire_is_whole(request, method, version))
        return bad(request, "the request has a NUL, or a header of several lines");
    if (!guard_target(request) || !guard_headers(request, version))
        return false;
    if (!request->client || request->client->over) {
        vdt_reply_header(request, "Retry-After", "1");
        return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy",
                      "too many connections; try again in a second");
    }
    if (!set_base(request) || !find_route(request) || !guard_rate(request) ||
        !guard_body(request) || !guard_room(request) || !vdt_request_decode(request))
        return false;
    request->close = false;
    return true;
}

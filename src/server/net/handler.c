/* A request's way: headers, caller, body, handler, reply. Sockets' threads never wait: what may
 * wait is done by workers while the connection is suspended. */
#include "server/net/handler.h"

#include <string.h>

#include "server/net/authorize.h"
#include "server/net/clients.h"
#include "server/net/guard.h"
#include "server/net/log.h"
#include "server/net/reply.h"

enum { DISCARD_MOST = 1 << 20 };

void *vdt_handle_target(void *payload, const char *target, struct MHD_Connection *connection)
{
    struct vdt_net *net = payload;
    struct vdt_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->net = net;
    request->connection = connection;
    request->target = vdt_copy_string(target);
    request->wire = target;
    request->began = vdt_now();
    if (!request->target) {
        free(request);
        return NULL;
    }
    return request;
}

static enum MHD_Result finish(struct vdt_request *request)
{
    if (!request->response)
        vdt_reply_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "InternalError",
                        "the server has no answer to this");
    if (!request->response)
        return MHD_NO;
    const bool shared = request->match.route && (request->match.route->flags & VDT_ROUTE_SHARED);
    if (shared || strcmp(request->method, "GET") == 0 || request->head) {
        MHD_add_response_header(request->response, "Access-Control-Allow-Origin", "*");
        MHD_add_response_header(request->response, "Access-Control-Expose-Headers",
                                "Accept-Ranges, Content-Length, Content-Range, ETag, Link, "
                                "Retry-After");
    }
    if (request->close || atomic_load(&request->net->stopping))
        MHD_add_response_header(request->response, "Connection", "close");
    request->phase = VDT_REQUEST_DONE;
    vdt_client_turn(request->net, request->client, VDT_CLIENT_REPLY);
    return MHD_queue_response(request->connection, request->code, request->response);
}

/* A worker's part; the last line hands the request back to its socket's thread. */
static void run_job(struct vdt_job *job)
{
    struct vdt_request *request =
        (struct vdt_request *)(void *)((char *)job - offsetof(struct vdt_request, job));
    const struct vdt_route *route = request->match.route;
    struct MHD_Connection *connection = request->connection;
    if (request->phase == VDT_REQUEST_STARTING) {
        if (vdt_request_authorize(request) && route->body && route->body->start)
            (void)route->body->start(request);
    } else if (request->has_body || vdt_request_authorize(request)) {
        route->handle(request);
    }
    MHD_resume_connection(connection);
}

/* Gives the request to a worker. */
static enum MHD_Result hand_over(struct vdt_request *request, enum vdt_request_phase phase)
{
    struct vdt_net *net = request->net;
    request->phase = phase;
    request->job.run = run_job;
    vdt_client_turn(net, request->client, VDT_CLIENT_WORK);
    MHD_suspend_connection(request->connection);
    if (!vdt_workers_push(net->workers, &request->job)) {
        vdt_reply_header(request, "Retry-After", "1");
        vdt_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy",
                        "too many requests wait; try again in a second");
        MHD_resume_connection(request->connection);
    }
    return MHD_YES;
}

/* The headers are complete. */
static enum MHD_Result begin(struct vdt_request *request, const char *method, const char *version)
{
    struct vdt_net *net = request->net;
    request->number = atomic_fetch_add(&net->request_number, 1) + 1;
    atomic_fetch_add(&net->running, 1);
    request->client = vdt_client_of(request->connection);
    vdt_client_turn(net, request->client, VDT_CLIENT_WORK);
    const bool good = vdt_guard_request(request, method, version);
    if (good && request->has_body)
        return hand_over(request, VDT_REQUEST_STARTING);
    if (!good && request->close)
        return finish(request);
    request->phase = VDT_REQUEST_READY; /* a reply here would end the connection */
    return MHD_YES;
}

static enum MHD_Result answer(struct vdt_request *request)
{
    const struct vdt_route *route = request->match.route;
    if (request->response)
        return finish(request);
    if (!(route->flags & VDT_ROUTE_LIGHT))
        return hand_over(request, VDT_REQUEST_RUNNING);
    route->handle(request);
    return finish(request);
}

static void take_piece(struct vdt_request *request, const char *data, size_t size)
{
    const struct vdt_route *route = request->match.route;
    request->bytes_in += size;
    if (request->response)
        return; /* it was refused; the rest is passed over */
    if (request->bytes_in > route->body_limit) {
        vdt_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "ContentTooLarge",
                        "the body is longer than %llu bytes",
                        (unsigned long long)route->body_limit);
        request->close = true;
    } else if (route->body) {
        if (!route->body->data(request, data, size) && !request->response)
            request->close = true;
    } else if (!vdt_buffer_append(&request->body, data, size)) {
        vdt_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy", "out of memory");
        request->close = true;
    }
}

static enum MHD_Result go_on(struct vdt_request *request, const char *data, size_t *size)
{
    switch (request->phase) {
    case VDT_REQUEST_READY: return answer(request);
    case VDT_REQUEST_STARTING:
        /* A small body is passed over before the answer: a connection that is closed with bytes
         * unread is reset, and with it the answer is lost. */
        if (request->response && (vdt_request_header(request, "Expect") != NULL ||
                                  vdt_request_length(request) > DISCARD_MOST)) {
            request->close = true; /* the body was not asked for */
            return finish(request);
        }
        request->phase = VDT_REQUEST_BODY;
        vdt_client_turn(request->net, request->client, VDT_CLIENT_BODY);
        return MHD_YES;
    case VDT_REQUEST_BODY:
        if (*size > 0) {
            take_piece(request, data, *size);
            *size = 0;
            return request->close &&
                           (!request->response ||
                            request->bytes_in > request->match.route->body_limit + DISCARD_MOST)
                       ? MHD_NO
                       : MHD_YES;
        }
        return request->response ? finish(request) : hand_over(request, VDT_REQUEST_RUNNING);
    case VDT_REQUEST_RUNNING: return finish(request);
    default: return MHD_NO;
    }
}

enum MHD_Result vdt_handle_request(void *payload, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *size, void **context)
{
    (void)payload;
    (void)connection;
    (void)url;
    struct vdt_request *request = *context;
    if (!request)
        return MHD_NO;
    if (request->phase == VDT_REQUEST_NEW)
        return begin(request, method, version);
    return go_on(request, data, size);
}

void vdt_handle_end(void *payload, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode why)
{
    struct vdt_net *net = payload;
    struct vdt_request *request = *context;
    (void)connection;
    *context = NULL;
    if (!request)
        return;
    if (request->phase != VDT_REQUEST_NEW) {
        vdt_client_turn(net, request->client, VDT_CLIENT_HEADERS);
        vdt_request_note(request, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        atomic_fetch_sub(&net->running, 1);
    }
    vdt_request_free(request);
}

/* The inside of requests and of the net, for the files of this folder only. */
#ifndef SERVER_NET_STATE_H
#define SERVER_NET_STATE_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "server/net/rates.h"
#include "server/net/request.h"
#include "server/net/route.h"
#include "server/net/tls.h"
#include "server/net/workers.h"
#include "server/server.h"

enum { VDT_ADDRESS_MOST = 64, VDT_QUERY_MOST = 64, VDT_METHOD_MOST = 16 };

/* What a connection is doing; the reaper has a deadline for each. */
enum vdt_client_state { VDT_CLIENT_HEADERS, VDT_CLIENT_BODY, VDT_CLIENT_WORK, VDT_CLIENT_REPLY };

/* One connection. All fields are under the net's lock. */
struct vdt_client {
    struct vdt_client *next, *previous;
    struct vdt_net *net;
    int fd;
    char address[VDT_ADDRESS_MOST];
    enum vdt_client_state state;
    int64_t since;         /* when that began */
    int64_t request_since; /* when the request's headers were complete */
    bool first;            /* no request yet */
    bool over;             /* beyond the limit: gets a 503 */
    uint64_t window_bytes; /* moved at window_since */
    int64_t window_since;
    bool ended; /* shut down by the reaper */
};

struct vdt_net {
    struct vdt_server *server;
    struct MHD_Daemon *daemon;
    int listening; /* its socket */
    struct vdt_workers *workers;
    struct vdt_rates *rates;
    struct vdt_tls *tls; /* NULL: plain HTTP */
    char *url;
    pthread_mutex_t lock;
    struct vdt_client *clients;
    unsigned client_count;
    atomic_uint running; /* requests between their headers and their end */
    atomic_bool stopping;
    atomic_uint_fast64_t request_number;
    pthread_t reaper;
    bool reaping;
    pthread_cond_t wake;
};

enum vdt_request_phase {
    VDT_REQUEST_NEW,
    VDT_REQUEST_READY,    /* there is no body; the library is about to ask for the reply */
    VDT_REQUEST_STARTING, /* a worker knows the caller, and asks the route's start */
    VDT_REQUEST_BODY,
    VDT_REQUEST_RUNNING, /* a worker has it */
    VDT_REQUEST_DONE
};

struct vdt_query_value {
    char *name, *value;
};

struct vdt_request {
    struct vdt_net *net;
    struct MHD_Connection *connection;
    struct vdt_client *client;
    enum vdt_request_phase phase;
    struct vdt_job job;
    uint64_t number;
    char method[VDT_METHOD_MOST];
    char *target;
    const char
        *wire; /* where the target stood in the library's buffer: never read, only compared */
    size_t path_size;
    char address[VDT_ADDRESS_MOST];
    struct vdt_route_match match;
    char *path_values[VDT_PATH_NAMES_MOST];
    struct vdt_query_value query[VDT_QUERY_MOST];
    size_t query_count;
    struct vdt_caller caller;
    char *base;
    uint64_t length; /* Content-Length, UINT64_MAX: chunked */
    bool has_body;
    struct vdt_buffer body;
    json_t *json;
    void *state;
    void (*release_state)(void *state);
    struct MHD_Response *response;
    struct MHD_Response *headers; /* headers that were set before the reply */
    unsigned code;
    bool head;
    bool close; /* the connection ends with this reply */
    int64_t began;
    uint64_t bytes_in, bytes_out;
};

/* Nanoseconds of the monotonic clock. */
int64_t vdt_now(void);

/* Takes path parameters and the query apart; false: it has replied with 400. */
bool vdt_request_decode(struct vdt_request *request);

/* Releases everything but the connection. */
void vdt_request_free(struct vdt_request *request);

/* Percent-decodes `size` bytes; owned. NULL: bad escapes, NUL, control bytes, not UTF-8, or memory
 * is out. */
char *vdt_percent_decode(const char *text, size_t size, bool plus_is_space);

#endif

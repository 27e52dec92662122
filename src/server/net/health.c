/* How the server is: for those who watch it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/blobs/blobs.h"
#include "server/draw/draw.h"
#include "server/meta/db.h"
#include "server/net/listener.h"
#include "server/net/metrics.h"
#include "server/net/reply.h"
#include "server/net/state.h"

static void get_health(struct vdt_request *request)
{
    static const char text[] = "{\"status\":\"ok\"}";
    vdt_reply_header(request, "Cache-Control", "no-store");
    vdt_reply_static(request, MHD_HTTP_OK, "application/json", text, sizeof text - 1);
}

static bool database_works(struct vdt_server *server)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (vdt_db_begin(server->db, VDT_DB_READ, &session, NULL))
        return false;
    return vdt_db_prepare(session, "SELECT count(*) FROM setting", &rows, NULL) == VDT_OK &&
           vdt_rows_next(rows, NULL) == VDT_OK;
}

static bool folder_works(const struct vdt_server *server, const char *name)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_server_path(server, name);
    return path && access(path, R_OK | W_OK | X_OK) == 0;
}

static void get_ready(struct vdt_request *request)
{
    struct vdt_server *server = vdt_request_server(request);
    const bool database = database_works(server);
    const bool blobs = folder_works(server, "blobs") && folder_works(server, "tmp");
    const bool drawing = vdt_draw_alive(server->draw);
    const bool room = vdt_server_has_room(server, 0);
    const bool stopping = atomic_load(&request->net->stopping);
    const bool ready = database && blobs && drawing && !stopping;
    vdt_reply_header(request, "Cache-Control", "no-store");
    if (!ready)
        vdt_reply_header(request, "Retry-After", "5");
    vdt_reply_json(request, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                   json_pack("{s:s, s:b, s:b, s:b, s:b}", "status", ready ? "ready" : "not ready",
                             "database", (int)database, "blobs", (int)blobs, "drawing",
                             (int)drawing, "room", (int)room));
}

static double resident_bytes(void)
{
    char text[128] = "";
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    const bool good = fgets(text, sizeof text, file) && sscanf(text, "%llu %llu", &size, &resident);
    fclose(file);
    return good ? (double)resident * (double)sysconf(_SC_PAGESIZE) : 0;
}

static bool write_gauges(struct vdt_request *request, struct vdt_buffer *text)
{
    struct vdt_server *server = vdt_request_server(request);
    struct vdt_net_load load;
    vdt_net_load(request->net, &load);
    return vdt_metrics_gauge(text, "vedatile_connections", "Connections that are open.",
                             load.connections) &&
           vdt_metrics_gauge(text, "vedatile_requests_running",
                             "Requests between their headers and the end of their reply.",
                             load.requests) &&
           vdt_metrics_gauge(text, "vedatile_queue_waiting", "Requests that wait for a thread.",
                             load.waiting) &&
           vdt_metrics_gauge(text, "vedatile_queue_running", "Requests that a thread works at.",
                             load.running) &&
           vdt_metrics_gauge(text, "vedatile_disk_room_bytes",
                             "Bytes that writes may take before the reserve.",
                             (double)atomic_load(&server->disk_free)) &&
           vdt_metrics_gauge(text, "process_resident_memory_bytes", "Resident memory.",
                             resident_bytes());
}

static void get_metrics(struct vdt_request *request)
{
    struct vdt_buffer text = {0};
    vdt_reply_header(request, "Cache-Control", "no-store");
    if (vdt_metrics_write(vdt_request_server(request)->metrics, &text) &&
        write_gauges(request, &text)) {
        vdt_reply_bytes(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text.data,
                        text.size);
        return;
    }
    vdt_buffer_clear(&text);
    vdt_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy", "out of memory");
}

const struct vdt_route vdt_net_routes[] = {
    {.method = "GET",
     .pattern = "/health",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN | VDT_ROUTE_LIGHT,
     .handle = get_health},
    {.method = "GET",
     .pattern = "/ready",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN,
     .handle = get_ready},
    {.method = "GET",
     .pattern = "/metrics",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN,
     .handle = get_metrics},
    {0},
};

/* How the server is: for those who watch it. */
#include "server/net/reply.h"
#include "server/net/state.h"

static void get_health(struct vdt_request *request)
{
    static const char text[] = "{\"status\":\"ok\"}";
    vdt_reply_header(request, "Cache-Control", "no-store");
    vdt_reply_static(request, MHD_HTTP_OK, "application/json", text, sizeof text - 1);
}

const struct vdt_route vdt_net_routes[] = {
    {.method = "GET",
     .pattern = "/health",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN | VDT_ROUTE_LIGHT,
     .handle = get_health},
    {0},
};

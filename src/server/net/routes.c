/* The list of all routes: each folder's table is named here. */
#include "server/net/route.h"

const struct vdt_route *const vdt_all_routes[] = {
    vdt_net_routes,
    NULL,
};

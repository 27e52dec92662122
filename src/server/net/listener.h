/* The sockets: starting and ending. */
#ifndef SERVER_NET_LISTENER_H
#define SERVER_NET_LISTENER_H

#include "server/server.h"

struct vdt_net_load {
    unsigned connections, requests, waiting, running;
};

vdt_status vdt_net_start(struct vdt_server *server, struct vdt_net **net, struct vdt_error *error);
const char *vdt_net_url(const struct vdt_net *net);

/* Reads the certificate again. */
vdt_status vdt_net_reload(struct vdt_net *net, struct vdt_error *error);

/* How it is loaded now. */
void vdt_net_load(struct vdt_net *net, struct vdt_net_load *load);

/* Ends without haste: no new connections, then what runs may go on for stop_seconds. After it no
 * handler runs any more. Accepts NULL. */
void vdt_net_stop(struct vdt_net *net);

#endif

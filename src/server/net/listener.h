/* The sockets: starting and ending. */
#ifndef SERVER_NET_LISTENER_H
#define SERVER_NET_LISTENER_H

#include "server/server.h"

vdt_status vdt_net_start(struct vdt_server *server, struct vdt_net **net, struct vdt_error *error);
const char *vdt_net_url(const struct vdt_net *net);

/* Ends without haste: no new connections, then what runs may go on for stop_seconds. After it no
 * handler runs any more. Accepts NULL. */
void vdt_net_stop(struct vdt_net *net);

#endif

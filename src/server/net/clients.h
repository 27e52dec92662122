/* The connections that are open, and what each is doing. */
#ifndef SERVER_NET_CLIENTS_H
#define SERVER_NET_CLIENTS_H

#include "server/net/state.h"

/* libmicrohttpd calls this when a connection begins and ends. */
void vdt_client_notify(void *net, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code);

struct vdt_client *vdt_client_of(struct MHD_Connection *connection);

/* The connection goes on to something else. */
void vdt_client_turn(struct vdt_net *net, struct vdt_client *client, enum vdt_client_state state);

/* The thread that ends what takes too long. */
vdt_status vdt_reaper_start(struct vdt_net *net, struct vdt_error *error);
void vdt_reaper_stop(struct vdt_net *net);

/* Shuts all connections down. */
void vdt_clients_end(struct vdt_net *net);

#endif

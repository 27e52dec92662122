/* Who asks, and whether they may. */
#ifndef SERVER_NET_AUTHORIZE_H
#define SERVER_NET_AUTHORIZE_H

#include "server/net/state.h"

/* Fills the caller in from the token and holds it against the route. False: it has replied with 401
 * or 403. */
bool vdt_request_authorize(struct vdt_request *request);

#endif

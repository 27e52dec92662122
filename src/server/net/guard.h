/* What a request must be before anything is done for it. */
#ifndef SERVER_NET_GUARD_H
#define SERVER_NET_GUARD_H

#include "server/net/state.h"

/* Fills in what the headers say and finds the route. False: it has replied. */
bool vdt_guard_request(struct vdt_request *request, const char *url, const char *method,
                       const char *version);

#endif

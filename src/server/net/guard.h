/* What a request must be before anything is done for it. */
#ifndef SERVER_NET_GUARD_H
#define SERVER_NET_GUARD_H

#include "server/net/state.h"

/* Fills in what the headers say and finds the route. False: it has replied. */
bool vdt_guard_request(struct vdt_request *request, const char *method, const char *version);

/* Takes a request from the rate of `key`. False: it has replied with 429. */
bool vdt_request_is_in_rate(struct vdt_request *request, uint64_t key);

#endif

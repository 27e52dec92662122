/* What the library's parser passes over in a request's head. */
#ifndef SERVER_NET_WIRE_H
#define SERVER_NET_WIRE_H

#include "server/net/state.h"

/* Whether all bytes of the request's head are in the texts that the library made of it. It ends
 * texts at a NUL, and what is behind one would be seen by others and not by us. */
bool vdt_wire_is_whole(const struct vdt_request *request, const char *method, const char *version);

#endif

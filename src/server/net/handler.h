/* What libmicrohttpd calls for each request. */
#ifndef SERVER_NET_HANDLER_H
#define SERVER_NET_HANDLER_H

#include "server/net/state.h"

/* The request line is there: the request begins. */
void *vdt_handle_target(void *net, const char *target, struct MHD_Connection *connection);

/* The headers are there, then each piece of the body, then its end. */
enum MHD_Result vdt_handle_request(void *net, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *size, void **context);

/* The reply is sent, or will never be. */
void vdt_handle_end(void *net, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode why);

#endif

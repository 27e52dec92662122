/* Links to next pages. */
#ifndef SERVER_QUERY_NEXT_H
#define SERVER_QUERY_NEXT_H

#include "server/net/request.h"

/* The request's own address with `path` and all parameters as they were, but for the token. Owned;
 * NULL: memory is out. */
char *vdt_next_href(const struct vdt_request *request, const char *path, const char *token);

#endif

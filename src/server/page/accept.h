/* What a caller wants to read. */
#ifndef SERVER_PAGE_ACCEPT_H
#define SERVER_PAGE_ACCEPT_H

#include <stdbool.h>

/* Whether an Accept header (NULL: none) prefers HTML to JSON, as browsers do. Who takes both alike,
 * as curl does, gets JSON, unless HTML is named and JSON is not. */
bool vdt_accept_prefers_html(const char *accept);

#endif

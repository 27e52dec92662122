/* The page at / and its files, and the OpenAPI document. */
#ifndef SERVER_PAGE_PAGE_H
#define SERVER_PAGE_PAGE_H

#include "server/net/route.h"

extern const struct vdt_route vdt_page_routes[];

#endif

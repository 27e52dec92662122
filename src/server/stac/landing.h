/* The landing page for who answers GET / . */
#ifndef SERVER_STAC_LANDING_H
#define SERVER_STAC_LANDING_H

#include "server/net/route.h"

/* Replies with it. */
void vdt_stac_reply_landing(struct vdt_request *request);

extern const struct vdt_route vdt_stac_routes[];

#endif

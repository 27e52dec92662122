/* The routes under /v1, a table for each file of this folder. */
#ifndef SERVER_API_ROUTES_H
#define SERVER_API_ROUTES_H

#include "server/net/route.h"

extern const struct vdt_route vdt_annotation_routes[];
extern const struct vdt_route vdt_entry_routes[];
extern const struct vdt_route vdt_evaluation_routes[];
extern const struct vdt_route vdt_model_routes[];
extern const struct vdt_route vdt_release_routes[];
extern const struct vdt_route vdt_run_routes[];
extern const struct vdt_route vdt_sample_routes[];
extern const struct vdt_route vdt_user_routes[];

#endif

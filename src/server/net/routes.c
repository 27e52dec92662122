/* The list of all routes: each folder's table is named here. */
#include "server/api/routes.h"
#include "server/net/route.h"
#include "server/page/page.h"
#include "server/stac/landing.h"

const struct vdt_route *const vdt_all_routes[] = {
    vdt_net_routes,        vdt_entry_routes,
    vdt_release_routes,    vdt_user_routes,
    vdt_upload_routes,     vdt_file_routes,
    vdt_sample_routes,     vdt_page_routes,
    vdt_stac_routes,       vdt_model_routes,
    vdt_run_routes,        vdt_evaluation_routes,
    vdt_annotation_routes, NULL,
};

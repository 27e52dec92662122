/* What pulls of all kinds share: the manifest of what is asked for, and its block list. */
#ifndef CATALOG_PULL_H
#define CATALOG_PULL_H

#include "catalog/call.h"
#include "catalog/manifest.h"

/* {0} is empty; all is owned. */
struct vdt_pull_source {
    bool from_catalog; /* an entry of the catalog's own server */
    char *manifest_url;
    char *store_url;
    struct vdt_manifest manifest;
    struct vdt_block_list list;
};

/* `what` as vdt_catalog_pull takes it; release 0: the newest version. */
vdt_status vdt_pull_find(struct vdt_catalog *catalog, const char *what, uint32_t release,
                         struct vdt_pull_source *source, struct vdt_error *error);
void vdt_pull_source_clear(struct vdt_pull_source *source);

#endif

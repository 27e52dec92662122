/* Fetching the blocks of a store over HTTP, verified one by one. */
#ifndef CATALOG_FETCH_H
#define CATALOG_FETCH_H

#include "catalog/blocks.h"
#include "catalog/http.h"

/* Where blocks go; `keep` may be called from several threads, for different blocks. */
struct vdt_fetch {
    struct vdt_http *http;
    const char *url; /* of the store's bytes */
    const struct vdt_block_list *list;
    unsigned char *have; /* a byte a block: 0 is missing; set when a block was kept */
    vdt_status (*keep)(void *payload, uint64_t index, const void *data, uint32_t size,
                       struct vdt_error *error);
    void *payload;
};

/* Fetches every missing block, over several connections where the server knows ranges, else in one
 * pass. What was kept stays kept when it fails: call again to go on. VDT_ERR_FORMAT for blocks that
 * are again and again not what the list says. */
vdt_status vdt_fetch_missing(const struct vdt_fetch *fetch, struct vdt_error *error);

#endif

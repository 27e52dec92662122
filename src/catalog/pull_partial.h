/* Pulls of stores that fill as they are read. */
#ifndef CATALOG_PULL_PARTIAL_H
#define CATALOG_PULL_PARTIAL_H

#include "catalog/pull.h"

/* Whether what is asked for has to do with a partial store: one is wanted, or there is one at
 * `path`.
 */
bool vdt_pull_is_partial(const char *path, const struct vdt_pull_options *options);

/* Makes a partial store of `source`, or completes the one that is there. *fetched: bytes that came.
 */
vdt_status vdt_pull_partial(struct vdt_catalog *catalog, const char *path,
                            const struct vdt_pull_options *options,
                            const struct vdt_pull_source *source, uint64_t *fetched,
                            struct vdt_error *error);

#endif

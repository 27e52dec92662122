/* Blocks of a partial store from its server: ranges in parallel, each block compared with its
 * digest before it is written and its bit is set. */
#ifndef CATALOG_PARTIAL_FETCH_H
#define CATALOG_PARTIAL_FETCH_H

#include <stdatomic.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "catalog/partial_file.h"

/* Connections to a server. One call at a time has it. */
struct vdt_partial_line;

/* With the token that the login file has for the server, if any. */
vdt_status vdt_partial_line_open(const struct vdt_partial_file *file,
                                 struct vdt_partial_line **line, struct vdt_error *error);
void vdt_partial_line_free(struct vdt_partial_line *line); /* accepts NULL */

struct vdt_partial_fetch {
    const struct vdt_partial_file *file;
    const char *path;         /* of the store */
    int fd;                   /* of the store, open to write */
    const atomic_bool *stop;  /* NULL: goes on to the end */
    vdt_progress_fn progress; /* NULL: none; told bytes of this call */
    void *payload;
};

/* Fetches the blocks [0 .. count), which rise. On failure some are here. */
vdt_status vdt_partial_fetch(struct vdt_partial_line *line, const struct vdt_partial_fetch *fetch,
                             const uint64_t *blocks, size_t count, struct vdt_error *error);

#endif

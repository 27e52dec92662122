/* STORE.catalog: which version of which entry a local store is. */
#ifndef CATALOG_SIDECAR_H
#define CATALOG_SIDECAR_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "catalog/blocks.h"

/* {0} is empty; texts are owned. */
struct vdt_sidecar {
    char *url;      /* of the server; NULL for a store pulled from a manifest elsewhere */
    char *manifest; /* its address then */
    char *entry;    /* id */
    char *name;
    uint32_t version;              /* 0: none yet */
    char digest[VDT_DIGEST_TEXT];  /* of that version; "" without */
    char pending[VDT_DIGEST_TEXT]; /* of a version that was on its way when this was written: it may
                                      or may not have come to be */
    char stamp[64];                /* of the file when it was that version; "" when not known */
};

/* The sidecar of a store, empty when there is none. VDT_ERR_FORMAT for a damaged one. */
vdt_status vdt_sidecar_read(const char *store, struct vdt_sidecar *sidecar,
                            struct vdt_error *error);
/* Replaces it at once: a crash leaves the old or the new one. */
vdt_status vdt_sidecar_write(const char *store, const struct vdt_sidecar *sidecar,
                             struct vdt_error *error);
void vdt_sidecar_clear(struct vdt_sidecar *sidecar);

/* What tells that a file was not touched: size, times and number; "" when it is not there. */
void vdt_file_stamp(const char *path, char stamp[64]);

/* Writes a file as `path` with `mode`, at once and for good: a crash leaves the old or the new. */
vdt_status vdt_write_whole(const char *path, const char *text, unsigned mode,
                           struct vdt_error *error);

/* The text of a small file, owned; VDT_ERR_NOT_FOUND, VDT_ERR_FORMAT beyond `most` bytes. */
vdt_status vdt_read_whole(const char *path, size_t most, char **text, struct vdt_error *error);

#endif

/* What nobody needs any more: uploads whose time is over, versions that were replaced long ago and
 * have no release, and the blobs that only these referred to. Rows go first, files after the
 * commit: a crash between leaves a file without a row, an orphan, which is collected later. */
#ifndef SERVER_BLOBS_COLLECT_H
#define SERVER_BLOBS_COLLECT_H

#include <stdint.h>
#include <vedatile/error.h>

#include "server/blobs/blobs.h"
#include "server/blobs/uploads.h"

struct vdt_collected {
    uint64_t uploads, versions, samples, blobs, orphans;
    uint64_t bytes; /* of blobs and orphans */
};

struct vdt_collector {
    struct vdt_db *db; /* borrowed, like the next two */
    struct vdt_blobs *blobs;
    struct vdt_uploads *uploads;
    const char *root;
    int64_t keep;         /* microseconds that a replaced version or an orphan is kept */
    bool swept;           /* samples that no version shows were looked for since the last removal */
    int64_t orphans_next; /* when the folder is listed again */
};

/* One round; any number of other threads may use database and blobs meanwhile. *collected is filled
 * also on failure, with what was done till then. */
vdt_status vdt_collect(struct vdt_collector *collector, struct vdt_collected *collected,
                       struct vdt_error *error);

/* Blobs that have no row; each is told. Those younger than `before` are passed over. */
vdt_status vdt_orphans(struct vdt_db *db, struct vdt_blobs *blobs, int64_t before,
                       vdt_blob_each each, void *payload, struct vdt_error *error);

#endif

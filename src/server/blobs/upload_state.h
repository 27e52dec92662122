/* The inside of uploads, for uploads.c and upload_table.c. */
#ifndef SERVER_BLOBS_UPLOAD_STATE_H
#define SERVER_BLOBS_UPLOAD_STATE_H

#include <pthread.h>

#include "server/blobs/uploads.h"

enum { VDT_BOOT_ROOM = 64 };

struct vdt_upload {
    struct vdt_uploads *of;
    struct vdt_blobs *blobs; /* borrowed */
    struct vdt_upload *next; /* of the table; under its lock, like the next three */
    unsigned holders;
    bool listed;
    int64_t touched; /* when it was last taken hold of */
    char id[VDT_UPLOAD_ID];

    pthread_mutex_t lock; /* of all that follows; held while it is read from the database */
    vdt_status failed;    /* VDT_OK, or why it could not be read */
    struct vdt_error why;
    int64_t entry, user;
    struct vdt_block_list list; /* never changes once it is loaded, like the delta */
    struct vdt_delta delta;
    char blob_name[VDT_BLOB_NAME];
    struct vdt_blob *blob; /* open while it is in memory; NULL: not needed yet */
    unsigned char *bits;   /* one a block of the list: is it there, from wherever */
    uint64_t missing;
    int64_t version; /* committed as */
    int64_t used;    /* last block, microseconds since 1970 */
    bool closed, committing;
    bool changed; /* since the bits were last written down */
};

bool vdt_upload_has(const struct vdt_upload *upload, uint64_t index);
void vdt_upload_mark(struct vdt_upload *upload, uint64_t index, bool here);
const struct vdt_delta_run *vdt_upload_run(const struct vdt_upload *upload, uint64_t index);

#endif

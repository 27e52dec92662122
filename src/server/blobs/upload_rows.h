/* Uploads in the database: begun, removed, made a version. All within the caller's session, which
 * writes; what is in memory (uploads.h) is for the caller to bring along after the commit. */
#ifndef SERVER_BLOBS_UPLOAD_ROWS_H
#define SERVER_BLOBS_UPLOAD_ROWS_H

#include <stdint.h>
#include <vedatile/error.h>

#include "server/blobs/delta.h"
#include "server/blobs/uploads.h"

/* An open upload of the same list by the same user; VDT_END: there is none. */
vdt_status vdt_upload_find_same(struct vdt_session *session, int64_t entry, int64_t user,
                                const struct vdt_block_list *list, char id[VDT_UPLOAD_ID],
                                struct vdt_error *error);

/* Rows of a new upload; its missing blocks get a blob of a new name. */
vdt_status vdt_upload_insert(struct vdt_session *session, int64_t entry, int64_t user,
                             const struct vdt_block_list *list, const struct vdt_delta *delta,
                             char id[VDT_UPLOAD_ID], struct vdt_error *error);

/* Removes an open upload and its blob's row. `blob` is the name of the file to remove once the
 * session is committed, "" when there is none. An upload that is not there is no error. */
vdt_status vdt_upload_delete(struct vdt_session *session, const char *id, char blob[VDT_BLOB_NAME],
                             struct vdt_error *error);

/* What a version is besides its blocks. Texts are borrowed. */
struct vdt_new_version {
    int64_t entry, number, creator;
    const char *digest;
    const char *parent; /* digest; NULL: the first */
    const char *info;   /* JSON */
    int64_t samples;
    const char *message; /* "" for none */
};

/* The rows of a version with the blocks of an upload, which is committed by this. */
vdt_status vdt_upload_become(struct vdt_session *session, const char *id,
                             const struct vdt_new_version *version, struct vdt_error *error);

#endif

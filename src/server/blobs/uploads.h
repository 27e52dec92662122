/* Uploads that are going on: which blocks have come, and where they go.
 *
 * What is known of an upload is in memory while it is used. A block is written to its blob only
 * when its digest is right, so a blob never holds anything but the blocks of its list. The bits of
 * what has come go to the database now and then. When a server starts, they are true as long as the
 * machine has not been restarted since: what was written is in the system's page cache, synced or
 * not. After a restart of the machine the blocks are read and compared before they count. */
#ifndef SERVER_BLOBS_UPLOADS_H
#define SERVER_BLOBS_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/json.h"
#include "catalog/blocks.h"
#include "server/blobs/blobs.h"
#include "server/blobs/delta.h"

struct vdt_db;
struct vdt_session;

enum {
    VDT_UPLOAD_ID = 17,          /* 16 characters of a-z and 2-7, and a NUL */
    VDT_UPLOAD_LIFE = 7 * 86400, /* seconds that an upload is kept after its last block */
    VDT_UPLOAD_IDLE = 600        /* seconds after which it leaves the memory */
};

struct vdt_uploads; /* all of a server; any thread */
struct vdt_upload;  /* one of them; any thread */

/* Both are borrowed until vdt_uploads_free(). */
vdt_status vdt_uploads_new(struct vdt_db *db, struct vdt_blobs *blobs, struct vdt_uploads **uploads,
                           struct vdt_error *error);

/* Writes down what has come, and releases. No upload may be held. NULL: nothing. */
void vdt_uploads_free(struct vdt_uploads *uploads);

/* Takes hold of an upload, reading it from the database when it is not in memory; let go of it with
 * vdt_upload_release(). VDT_ERR_NOT_FOUND: there is none, or it has expired. */
vdt_status vdt_uploads_hold(struct vdt_uploads *uploads, const char *id, struct vdt_upload **upload,
                            struct vdt_error *error);
void vdt_upload_release(struct vdt_upload **upload); /* NULL inside: nothing */

/* Writes down the bits of all uploads that have changed, moves the end of their lives, and lets go
 * of those that nobody has used for long. Called about every second. */
vdt_status vdt_uploads_flush(struct vdt_uploads *uploads, struct vdt_error *error);

/* The upload takes nothing more: it was removed or committed. It leaves the memory. */
void vdt_uploads_close(struct vdt_uploads *uploads, const char *id);

/* --- one upload ------------------------------------------------------------------------------ */

const char *vdt_upload_id(const struct vdt_upload *upload);
int64_t vdt_upload_entry(const struct vdt_upload *upload);
int64_t vdt_upload_user(const struct vdt_upload *upload);
const struct vdt_block_list *vdt_upload_list(const struct vdt_upload *upload);

/* When it was committed: the version's number; 0: it is open. */
int64_t vdt_upload_version(const struct vdt_upload *upload);

/* Whether it still takes blocks. */
bool vdt_upload_is_open(struct vdt_upload *upload);

/* Makes the blob with all its room, so that a full disk is known before anything is sent
 * (VDT_ERR_FULL). Without missing blocks there is nothing to make. */
vdt_status vdt_upload_prepare(struct vdt_upload *upload, struct vdt_error *error);

/* Takes block `index` (within the list), whose bytes are all there. VDT_ERR_MISMATCH: its digest is
 * another; nothing was written. VDT_ERR_FULL. VDT_ERR_NOT_FOUND: the upload was closed. A block
 * that is there already is compared and not written again. */
vdt_status vdt_upload_take(struct vdt_upload *upload, uint64_t index, const void *data,
                           struct vdt_error *error);

/* [[first, count], ...] of what has not come; NULL: memory is out. */
json_t *vdt_upload_missing(struct vdt_upload *upload);
uint64_t vdt_upload_missing_count(struct vdt_upload *upload);

/* When it ends, microseconds since 1970, if nothing more comes. */
int64_t vdt_upload_expires(struct vdt_upload *upload);

/* Begins a commit: one at a time. False: another thread is at it. */
bool vdt_upload_begin_commit(struct vdt_upload *upload);
void vdt_upload_end_commit(struct vdt_upload *upload);

/* All that came outlives a loss of power after this. When the disk refuses, nothing of what came is
 * believed any more: it has to be sent again. */
vdt_status vdt_upload_seal(struct vdt_upload *upload, struct vdt_error *error);

#endif

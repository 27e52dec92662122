/* What users may take up. Bytes are those of the blobs that a user's own entries hold, also in the
 * bin, what open uploads to them have reserved, and a user's own runs. */
#ifndef SERVER_META_QUOTA_H
#define SERVER_META_QUOTA_H

#include "server/meta/db.h"

struct vdt_usage {
    int64_t bytes, entries, uploads;
};

vdt_status vdt_usage_of(struct vdt_session *session, int64_t user, struct vdt_usage *usage,
                        struct vdt_error *error);

/* May `user` own one more entry? VDT_ERR_FULL with what the limit is and what is taken. */
vdt_status vdt_quota_entry(struct vdt_session *session, int64_t user, struct vdt_error *error);

/* May one more upload begin, by `user`, of `bytes` new bytes that will be `owner`'s? VDT_ERR_FULL.
 * The caller writes them into upload.reserved in the same session; they are freed with the upload's
 * row, or its commit (state 1). */
vdt_status vdt_quota_upload(struct vdt_session *session, int64_t user, int64_t owner, int64_t bytes,
                            struct vdt_error *error);

/* May `owner` have `bytes` more? VDT_ERR_FULL. */
vdt_status vdt_quota_bytes(struct vdt_session *session, int64_t owner, int64_t bytes,
                           struct vdt_error *error);

#endif

/* What is done with entries: made, changed, shared, published, put into the bin and out of it. Who
 * may do it was asked before (access.h). All run within the caller's session. */
#ifndef SERVER_META_ENTRIES_H
#define SERVER_META_ENTRIES_H

#include "base/json.h"
#include "server/meta/access.h"

enum {
    VDT_NAME_MOST = 200, /* characters of names and licences */
    VDT_DESCRIPTION_MOST = 10000,
    VDT_TAGS_MOST = 64, /* of an entry, and characters of one */
    VDT_BIN_DAYS = 30,
};

/* {"name", "description"?, "license"?, "tags"?}. VDT_ERR_ARGUMENT for others, VDT_ERR_FULL when the
 * caller's quota is used up. */
vdt_status vdt_entry_create(struct vdt_session *session, const struct vdt_caller *caller,
                            const json_t *wish, char slug[VDT_SLUG_SIZE + 1],
                            struct vdt_error *error);

/* A merge patch (RFC 7386) of the same members; one that changes nothing is no change. */
vdt_status vdt_entry_change(struct vdt_session *session, const struct vdt_entry_row *row,
                            const json_t *patch, struct vdt_error *error);

/* Into the bin, for so many days; it is private and unseen there. VDT_ERR_MISMATCH while a run of
 * it is evaluated. */
vdt_status vdt_entry_remove(struct vdt_session *session, const struct vdt_entry_row *row, int days,
                            struct vdt_error *error);

/* Out of the bin, private. VDT_ERR_MISMATCH: it is not in it; VDT_ERR_NOT_FOUND: its time is over.
 */
vdt_status vdt_entry_restore(struct vdt_session *session, const struct vdt_entry_row *row,
                             struct vdt_error *error);

/* Shows it to everybody, or no more. VDT_ERR_MISMATCH: there is no version to show. */
vdt_status vdt_entry_publish(struct vdt_session *session, const struct vdt_entry_row *row,
                             bool is_public, struct vdt_error *error);

/* VDT_ACCESS_READ, _WRITE, or _NONE to take it back. VDT_ERR_NOT_FOUND: there is no such user, or
 * no such share to take back; VDT_ERR_MISMATCH: it is the owner. */
vdt_status vdt_entry_share(struct vdt_session *session, const struct vdt_entry_row *row,
                           const char *user, enum vdt_access access, struct vdt_error *error);

/* [{"user", "access"}, ...] by name; new reference. */
vdt_status vdt_entry_shares(struct vdt_session *session, const struct vdt_entry_row *row,
                            json_t **shares, struct vdt_error *error);

/* Removes what has been in the bin for long enough, in steps that let others write in between.
 * *count is how many entries went. */
vdt_status vdt_entries_purge(struct vdt_db *db, int64_t now, int *count, struct vdt_error *error);

#endif

/* Releases: numbered names for versions, which stay as they are. */
#ifndef SERVER_META_RELEASES_H
#define SERVER_META_RELEASES_H

#include "base/json.h"
#include "server/meta/access.h"

/* Releases the head: {"name"?, "notes"?}. VDT_ERR_MISMATCH: there is no head; VDT_ERR_EXISTS: that
 * version is a release already. */
vdt_status vdt_release_create(struct vdt_session *session, const struct vdt_caller *caller,
                              const struct vdt_entry_row *row, const json_t *wish, int64_t *number,
                              struct vdt_error *error);

/* One release as a document; new reference. VDT_ERR_NOT_FOUND */
vdt_status vdt_release_document(struct vdt_session *session, const char *base,
                                const struct vdt_entry_row *row, int64_t number, json_t **document,
                                struct vdt_error *error);

/* Up to `limit` documents, the newest first, with numbers below `before`; *more says whether there
 * are others behind them. New reference. */
vdt_status vdt_release_list(struct vdt_session *session, const char *base,
                            const struct vdt_entry_row *row, int64_t before, int limit,
                            json_t **documents, bool *more, struct vdt_error *error);

/* What changed from one release to another: counts, keys (some), classes. New reference.
 * VDT_ERR_NOT_FOUND */
vdt_status vdt_release_diff(struct vdt_session *session, const struct vdt_entry_row *row,
                            int64_t from, int64_t to, json_t **diff, struct vdt_error *error);

#endif

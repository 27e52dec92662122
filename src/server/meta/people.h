/* Users and tokens as an admin, or their owner, sees and changes them. JSON in, JSON out. */
#ifndef SERVER_META_PEOPLE_H
#define SERVER_META_PEOPLE_H

#include "base/json.h"
#include "server/meta/users.h"

enum { VDT_TOKENS_MOST = 200 }; /* of a user, that are good for something */

/* {"name", "scopes", "created_at", "disabled", quotas, what is used of them}; new reference. */
vdt_status vdt_user_document(struct vdt_session *session, const struct vdt_user_row *user,
                             json_t **document, struct vdt_error *error);

/* Documents of up to `limit` users behind the name `after`; *more: there are others. */
vdt_status vdt_user_list(struct vdt_session *session, const char *after, int limit,
                         json_t **documents, bool *more, struct vdt_error *error);

/* Sets what `wish` names of "disabled", "scopes", "quota_bytes", "quota_entries", "quota_uploads";
 * null for a quota is no limit. `with_name`: "name" may stand there as well. */
vdt_status vdt_user_change(struct vdt_session *session, int64_t user, const json_t *wish,
                           bool with_name, struct vdt_error *error);

/* VDT_ERR_MISMATCH: the user has entries, or has saved or released something. */
vdt_status vdt_user_remove(struct vdt_session *session, const struct vdt_user_row *user,
                           struct vdt_error *error);

/* ["read", ...]; new reference. */
json_t *vdt_scopes_json(unsigned scopes);
vdt_status vdt_scopes_of_json(const json_t *list, unsigned *scopes, struct vdt_error *error);

/* What `wish` asks for by "scopes", "expires_at", "note" and "user", as far as the caller may give
 * it: no scope and no day beyond those of its own token, and tokens of others only to an admin.
 * The document has the token itself: the only time. New reference. */
vdt_status vdt_token_wish(struct vdt_session *session, const struct vdt_caller *caller,
                          const json_t *wish, json_t **document, struct vdt_error *error);

/* Documents of up to `limit` tokens of a user with ids below `before`. */
vdt_status vdt_token_list(struct vdt_session *session, int64_t user, int64_t before, int limit,
                          json_t **documents, bool *more, struct vdt_error *error);

/* Ends a token: of `user`, or anybody's (0). VDT_ERR_NOT_FOUND. `prefix` gets its name. */
vdt_status vdt_token_revoke(struct vdt_session *session, int64_t id, int64_t user,
                            char prefix[VDT_TOKEN_PREFIX_SIZE + 1], struct vdt_error *error);

#endif

/* Users and their tokens. A token is shown once; what is kept is its SHA-256. */
#ifndef SERVER_META_USERS_H
#define SERVER_META_USERS_H

#include "server/meta/caller.h"
#include "server/meta/db.h"

enum {
    VDT_TOKEN_ROOM = 80,       /* vt_<8>_<43>_<8> and its NUL */
    VDT_TOKEN_PREFIX_SIZE = 8, /* the part that names a token: a-z, 2-7 */
    VDT_TOKEN_NOTE_MOST = 200  /* bytes */
};

/* Who has this token. VDT_ERR_NOT_FOUND, with a message that tells nothing of other tokens: it is
 * none, unknown, expired or revoked, or its user is disabled. */
vdt_status vdt_caller_of_token(struct vdt_db *db, const char *token, struct vdt_caller *caller,
                               struct vdt_error *error);

/* Names of users: 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit. */
bool vdt_user_name_valid(const char *name);

struct vdt_user_row {
    int64_t id;
    char name[VDT_USER_NAME_MOST + 1];
    int64_t created;
    bool disabled;
    unsigned scopes;                                   /* what its tokens may have at most */
    int64_t quota_bytes, quota_entries, quota_uploads; /* -1: no limit */
};

/* VDT_ERR_EXISTS when there is one of that name. *id may be NULL. */
vdt_status vdt_user_create(struct vdt_session *session, const char *name, int64_t *id,
                           struct vdt_error *error);

/* VDT_ERR_NOT_FOUND */
vdt_status vdt_user_find(struct vdt_session *session, const char *name, struct vdt_user_row *user,
                         struct vdt_error *error);

/* "read,write,publish,admin" in any order. VDT_ERR_ARGUMENT for other words, or none. */
vdt_status vdt_scopes_parse(const char *text, unsigned *scopes, struct vdt_error *error);

enum { VDT_SCOPES_ROOM = 32 };
void vdt_scopes_text(unsigned scopes, char text[VDT_SCOPES_ROOM]);

struct vdt_new_token {
    int64_t user;
    unsigned scopes;
    int64_t expires;  /* 0: never */
    const char *note; /* NULL: none */
};

/* Makes a token; `text` is the only copy there will ever be. `prefix` may be NULL. */
vdt_status vdt_token_create(struct vdt_session *session, const struct vdt_new_token *wish,
                            char text[VDT_TOKEN_ROOM], char prefix[VDT_TOKEN_PREFIX_SIZE + 1],
                            struct vdt_error *error);

#endif

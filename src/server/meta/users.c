/* Users, and who has a token. */
#include "server/meta/users.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "server/meta/random.h"
#include "server/meta/times.h"

enum { SECRET_SIZE = 43, CHECK_SIZE = 8, TOKEN_SIZE = 3 + 8 + 1 + SECRET_SIZE + 1 + CHECK_SIZE };

#define USED_STEP (5 * 60 * VDT_SECOND) /* how exact last_used is: each step costs a commit */

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* --- tokens ---------------------------------------------------------------------------------- */

static void hash_token(const char *token, unsigned char hash[32])
{
    struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_sha256_add(sha, token, strlen(token));
    vdt_sha256_finish(sha, hash);
}

/* Takes as long for equal as for different bytes. */
static bool same_bytes(const unsigned char *a, const unsigned char *b, size_t size)
{
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

/* The last part is a checksum of the others: a token that was cut or mistyped is told from one that
 * is not known, and scanners find tokens in what should not have them. */
static void token_check(const char *token, size_t size, char check[CHECK_SIZE + 1])
{
    snprintf(check, CHECK_SIZE + 1, "%08x", (unsigned)vdt_crc32c(0, token, size));
}

static bool token_shaped(const char *token)
{
    char check[CHECK_SIZE + 1];
    if (strlen(token) != TOKEN_SIZE || strncmp(token, "vt_", 3) != 0 || token[11] != '_' ||
        token[12 + SECRET_SIZE] != '_')
        return false;
    token_check(token, TOKEN_SIZE - CHECK_SIZE - 1, check);
    return strcmp(token + TOKEN_SIZE - CHECK_SIZE, check) == 0;
}

vdt_status vdt_token_create(struct vdt_session *session, const struct vdt_new_token *wish,
                            char text[VDT_TOKEN_ROOM], char prefix[VDT_TOKEN_PREFIX_SIZE + 1],
                            struct vdt_error *error)
{
    char name[VDT_TOKEN_PREFIX_SIZE + 1], secret[SECRET_SIZE + 1], check[CHECK_SIZE + 1];
    char token[VDT_TOKEN_ROOM];
    unsigned char hash[32];
    vdt_status status =
        vdt_random_text("abcdefghijklmnopqrstuvwxyz234567", VDT_TOKEN_PREFIX_SIZE, name, error);
    if (status == VDT_OK)
        status = vdt_random_text(base62, SECRET_SIZE, secret, error);
    if (status != VDT_OK)
        return status;
    int size = snprintf(token, sizeof token, "vt_%s_%s", name, secret);
    token_check(token, (size_t)size, check);
    snprintf(token + size, sizeof token - (size_t)size, "_%s", check);
    hash_token(token, hash);

    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    status =
        vdt_db_prepare(session,
                       "INSERT INTO token (user, prefix, hash, scopes, created, expires, note) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, wish->user);
    vdt_bind_text(rows, 2, name);
    vdt_bind_blob(rows, 3, hash, sizeof hash);
    vdt_bind_integer(rows, 4, wish->scopes);
    vdt_bind_integer(rows, 5, vdt_time_now());
    if (wish->expires != 0)
        vdt_bind_integer(rows, 6, wish->expires);
    vdt_bind_text(rows, 7, wish->note == NULL ? "" : wish->note);
    status = vdt_rows_run(rows, error);
    if (status != VDT_OK)
        return status;
    memcpy(text, token, (size_t)TOKEN_SIZE + 1);
    if (prefix != NULL)
        memcpy(prefix, name, sizeof name);
    return VDT_OK;
}

/* Notes that a token was used; that it cannot be noted now does not matter. */
static void note_use(struct vdt_db *db, int64_t token, int64_t now)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (vdt_db_begin(db, VDT_DB_WRITE, &session, NULL) != VDT_OK ||
        vdt_db_prepare(session, "UPDATE token SET last_used = ?2 WHERE id = ?1", &rows, NULL) !=
            VDT_OK)
        return;
    vdt_bind_integer(rows, 1, token);
    vdt_bind_integer(rows, 2, now);
    if (vdt_rows_run(rows, NULL) != VDT_OK)
        return;
    vdt_rows_free(rows);
    rows = NULL;
    vdt_status ignored = vdt_db_commit(&session, NULL);
    (void)ignored;
}

/* Looks the token up; `used` is when it was last. */
static vdt_status find_token(struct vdt_db *db, const char *token, struct vdt_caller *caller,
                             int64_t *used, struct vdt_error *error)
{
    char prefix[VDT_TOKEN_PREFIX_SIZE + 1] = "";
    unsigned char hash[32];
    memcpy(prefix, token + 3, VDT_TOKEN_PREFIX_SIZE);
    hash_token(token, hash);
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "SELECT t.id, t.hash, t.scopes, t.expires, t.revoked, t.last_used, "
            "u.id, u.name, u.disabled, u.scopes FROM token t JOIN user u ON u.id = t.user "
            "WHERE t.prefix = ?1",
            &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, prefix);
    status = vdt_rows_next(rows, error);
    if (status < 0)
        return status;
    size_t size = 0;
    const unsigned char *kept = status == VDT_OK ? vdt_rows_blob(rows, 1, &size) : NULL;
    if (kept == NULL || size != sizeof hash || !same_bytes(kept, hash, size))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the token is not known here");
    if (!vdt_rows_is_null(rows, 4))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the token was revoked");
    if (!vdt_rows_is_null(rows, 3) && vdt_rows_integer(rows, 3) <= vdt_time_now())
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the token has expired");
    if (vdt_rows_integer(rows, 8) != 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the token's user is disabled");
    caller->token = vdt_rows_integer(rows, 0);
    caller->scopes = (unsigned)(vdt_rows_integer(rows, 2) & vdt_rows_integer(rows, 9));
    caller->user = vdt_rows_integer(rows, 6);
    snprintf(caller->name, sizeof caller->name, "%s", vdt_rows_text(rows, 7));
    *used = vdt_rows_integer(rows, 5);
    return VDT_OK;
}

vdt_status vdt_caller_of_token(struct vdt_db *db, const char *token, struct vdt_caller *caller,
                               struct vdt_error *error)
{
    if (!token_shaped(token))
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "the token is damaged: it should be vt_, 8 characters, _, 43 characters, "
                        "_ and 8 characters");
    struct vdt_caller found = {0};
    int64_t used = 0, now = vdt_time_now();
    vdt_status status = find_token(db, token, &found, &used, error);
    if (status != VDT_OK)
        return status;
    if (now - used > USED_STEP)
        note_use(db, found.token, now);
    *caller = found;
    return VDT_OK;
}

/* --- scopes ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned scope;
} scope_names[] = {
    {"read", VDT_SCOPE_READ},
    {"write", VDT_SCOPE_WRITE},
    {"publish", VDT_SCOPE_PUBLISH},
    {"admin", VDT_SCOPE_ADMIN},
};

enum { SCOPE_COUNT = sizeof scope_names / sizeof scope_names[0] };

vdt_status vdt_scopes_parse(const char *text, unsigned *scopes, struct vdt_error *error)
{
    unsigned found = 0;
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        unsigned scope = 0;
        for (int i = 0; i < SCOPE_COUNT; i++)
            if (strlen(scope_names[i].name) == size && strncmp(scope_names[i].name, at, size) == 0)
                scope = scope_names[i].scope;
        if (scope == 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "scopes '%.60s': are some of read, write, publish and admin, with "
                            "commas",
                            text);
        found |= scope;
        at += size;
        if (*at == '\0')
            break;
    }
    *scopes = found;
    return VDT_OK;
}

void vdt_scopes_text(unsigned scopes, char text[VDT_SCOPES_ROOM])
{
    size_t size = 0;
    text[0] = '\0';
    for (int i = 0; i < SCOPE_COUNT; i++)
        if (scopes & scope_names[i].scope)
            size += (size_t)snprintf(text + size, VDT_SCOPES_ROOM - size, "%s%s", size ? "," : "",
                                     scope_names[i].name);
}

/* --- users ----------------------------------------------------------------------------------- */

bool vdt_user_name_valid(const char *name)
{
    size_t size = strlen(name);
    return size >= 1 && size <= VDT_USER_NAME_MOST &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size &&
           strchr("._-", name[0]) == NULL;
}

vdt_status vdt_user_create(struct vdt_session *session, const char *name, int64_t *id,
                           struct vdt_error *error)
{
    if (!vdt_user_name_valid(name))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "user name '%.80s': names are 1 to 64 of a-z, 0-9, '.', '_' and '-', and "
                        "begin with a letter or digit",
                        name);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "INSERT INTO user (name, created) VALUES (?1, ?2)", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, name);
    vdt_bind_integer(rows, 2, vdt_time_now());
    status = vdt_rows_run(rows, error);
    if (status == VDT_ERR_EXISTS)
        return vdt_fail(error, VDT_ERR_EXISTS, "user %s: is there already", name);
    if (status == VDT_OK && id != NULL)
        *id = vdt_db_last_id(session);
    return status;
}

static int64_t limit_of(struct vdt_rows *rows, int column)
{
    return vdt_rows_is_null(rows, column) ? -1 : vdt_rows_integer(rows, column);
}

vdt_status vdt_user_find(struct vdt_session *session, const char *name, struct vdt_user_row *user,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT id, name, created, disabled, quota_bytes, "
                                       "quota_entries, quota_uploads, scopes FROM user "
                                       "WHERE name = ?1",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, name);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no user '%.80s'", name);
    if (status != VDT_OK)
        return status;
    *user = (struct vdt_user_row){.id = vdt_rows_integer(rows, 0),
                                  .created = vdt_rows_integer(rows, 2),
                                  .disabled = vdt_rows_integer(rows, 3) != 0,
                                  .quota_bytes = limit_of(rows, 4),
                                  .quota_entries = limit_of(rows, 5),
                                  .quota_uploads = limit_of(rows, 6),
                                  .scopes = (unsigned)vdt_rows_integer(rows, 7)};
    snprintf(user->name, sizeof user->name, "%s", vdt_rows_text(rows, 1));
    return VDT_OK;
}

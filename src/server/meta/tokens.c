/* Tokens as their owners see them. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/fields.h"
#include "server/meta/people.h"
#include "server/meta/times.h"

#define TOKEN_COLUMNS                                                                         \
    "SELECT t.id, t.prefix, t.scopes, t.created, t.expires, t.revoked, t.last_used, t.note, " \
    "u.name FROM token t JOIN user u ON u.id = t.user "

static json_t *time_or_null(struct vdt_rows *rows, int column)
{
    return vdt_rows_is_null(rows, column) ? json_null()
                                          : vdt_time_json(vdt_rows_integer(rows, column));
}

static json_t *token_document(struct vdt_rows *rows)
{
    const char *note = vdt_rows_text(rows, 7);
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "id",
                     (json_int_t)vdt_rows_integer(rows, 0), "prefix", vdt_rows_text(rows, 1),
                     "scopes", vdt_scopes_json((unsigned)vdt_rows_integer(rows, 2)), "created_at",
                     time_or_null(rows, 3), "expires_at", time_or_null(rows, 4), "revoked_at",
                     time_or_null(rows, 5), "last_used_at", time_or_null(rows, 6), "note",
                     note == NULL || *note == '\0' ? json_null() : json_string(note), "user",
                     vdt_rows_text(rows, 8));
}

/* --- making ----------------------------------------------------------------------------------- */

/* What is allowed to the token that asks. */
static vdt_status own_expiry(struct vdt_session *session, int64_t token, int64_t *expires,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT expires FROM token WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, token);
    status = vdt_rows_next(rows, error);
    *expires = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status < 0 ? status : VDT_OK;
}

/* A token cannot make one that lives longer than itself. */
static vdt_status wished_expiry(struct vdt_session *session, const struct vdt_caller *caller,
                                const json_t *wish, int64_t *expires, struct vdt_error *error)
{
    const char *text = NULL;
    int64_t own = 0;
    vdt_status status = vdt_field_text(wish, "expires_at", VDT_FIELD_LINE, 40, &text, error);
    if (status == VDT_OK && text != NULL && !vdt_time_parse(text, expires))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "expires_at: must be a time like 2030-01-31T12:00:00Z");
    if (status == VDT_OK && text != NULL && *expires <= vdt_time_now())
        return vdt_fail(error, VDT_ERR_ARGUMENT, "expires_at: is over already");
    if (status == VDT_OK)
        status = own_expiry(session, caller->token, &own, error);
    if (status != VDT_OK || own == 0)
        return status;
    if (text != NULL && *expires > own)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "expires_at: a token can make none that lives longer than itself");
    if (text == NULL)
        *expires = own;
    return VDT_OK;
}

/* Whose token it will be. */
static vdt_status wished_user(struct vdt_session *session, const struct vdt_caller *caller,
                              const json_t *wish, struct vdt_user_row *user,
                              struct vdt_error *error)
{
    const char *name = NULL;
    vdt_status status =
        vdt_field_text(wish, "user", VDT_FIELD_LINE, VDT_USER_NAME_MOST, &name, error);
    if (status != VDT_OK)
        return status;
    bool other = name != NULL && strcmp(name, caller->name) != 0;
    if (other && !vdt_caller_may(caller, VDT_SCOPE_ADMIN))
        return vdt_fail(error, VDT_ERR_DENIED, "user: only an admin makes tokens of others");
    return vdt_user_find(session, other ? name : caller->name, user, error);
}

static vdt_status wished_scopes(const struct vdt_caller *caller, const struct vdt_user_row *user,
                                const json_t *wish, unsigned *scopes, struct vdt_error *error)
{
    const json_t *list = json_object_get(wish, "scopes");
    vdt_status status = VDT_OK;
    *scopes = caller->scopes & user->scopes & ~(unsigned)VDT_SCOPE_ADMIN;
    if (list != NULL)
        status = vdt_scopes_of_json(list, scopes, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_caller_may(caller, *scopes))
        return vdt_fail(error, VDT_ERR_DENIED, "scopes: the token that asks has not got all these");
    if (*scopes & ~user->scopes)
        return vdt_fail(error, VDT_ERR_MISMATCH, "scopes: user %s may not have all these",
                        user->name);
    return VDT_OK;
}

static vdt_status check_count(struct vdt_session *session, int64_t user, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT count(*) FROM token WHERE user = ?1 AND revoked IS "
                                       "NULL AND (expires IS NULL OR expires > ?2)",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    vdt_bind_integer(rows, 2, vdt_time_now());
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK && vdt_rows_integer(rows, 0) >= VDT_TOKENS_MOST)
        return vdt_fail(error, VDT_ERR_MISMATCH, "there are %d tokens already; revoke some",
                        (int)VDT_TOKENS_MOST);
    return status;
}

static vdt_status read_token(struct vdt_session *session, const char *prefix, json_t **document,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, TOKEN_COLUMNS "WHERE t.prefix = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, prefix);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status < 0 ? status : vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such token");
    *document = token_document(rows);
    return *document == NULL ? vdt_fail_memory(error, "token") : VDT_OK;
}

vdt_status vdt_token_wish(struct vdt_session *session, const struct vdt_caller *caller,
                          const json_t *wish, json_t **document, struct vdt_error *error)
{
    static const char *const names[] = {"scopes", "expires_at", "note", "user", NULL};
    struct vdt_user_row user;
    struct vdt_new_token token = {0};
    char text[VDT_TOKEN_ROOM], prefix[VDT_TOKEN_PREFIX_SIZE + 1];
    vdt_status status = vdt_fields_only(wish, names, error);
    if (status == VDT_OK)
        status =
            vdt_field_text(wish, "note", VDT_FIELD_LINE, VDT_TOKEN_NOTE_MOST, &token.note, error);
    if (status == VDT_OK)
        status = wished_user(session, caller, wish, &user, error);
    if (status == VDT_OK)
        status = wished_scopes(caller, &user, wish, &token.scopes, error);
    if (status == VDT_OK)
        status = wished_expiry(session, caller, wish, &token.expires, error);
    if (status == VDT_OK)
        status = check_count(session, user.id, error);
    if (status != VDT_OK)
        return status;
    token.user = user.id;
    status = vdt_token_create(session, &token, text, prefix, error);
    if (status == VDT_OK)
        status = read_token(session, prefix, document, error);
    if (status == VDT_OK)
        json_object_set_new(*document, "token", json_string(text));
    return status;
}

/* --- lists and ends --------------------------------------------------------------------------- */

vdt_status vdt_token_list(struct vdt_session *session, int64_t user, int64_t before, int limit,
                          json_t **documents, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status = vdt_db_prepare(
        session, TOKEN_COLUMNS "WHERE t.user = ?1 AND t.id < ?2 ORDER BY t.id DESC LIMIT ?3", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    vdt_bind_integer(rows, 2, before);
    vdt_bind_integer(rows, 3, limit + 1);
    bool rest = false;
    while (!rest && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        rest = json_array_size(list) == (size_t)limit;
        if (!rest && json_array_append_new(list, token_document(rows)) != 0)
            return vdt_fail_memory(error, "token");
    }
    if (status < 0)
        return status;
    *documents = list;
    *more = rest;
    list = NULL;
    return VDT_OK;
}

vdt_status vdt_token_revoke(struct vdt_session *session, int64_t id, int64_t user,
                            char prefix[VDT_TOKEN_PREFIX_SIZE + 1], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "UPDATE token SET revoked = coalesce(revoked, ?3) WHERE id = "
                       "?1 AND (?2 = 0 OR user = ?2) RETURNING prefix",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    vdt_bind_integer(rows, 2, user);
    vdt_bind_integer(rows, 3, vdt_time_now());
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such token");
    if (status != VDT_OK)
        return status;
    snprintf(prefix, VDT_TOKEN_PREFIX_SIZE + 1, "%s", vdt_rows_text(rows, 0));
    return vdt_rows_run(rows, error);
}

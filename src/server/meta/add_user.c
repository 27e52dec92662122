/* Users made by who runs the machine: the only way to a first token. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/server.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "server/meta/audit.h"
#include "server/meta/times.h"
#include "server/meta/users.h"

_Static_assert((int)VDT_SERVER_TOKEN_ROOM >= (int)VDT_TOKEN_ROOM, "a token must fit");

static void close_db(struct vdt_db **db)
{
    vdt_db_close(*db);
}

static vdt_status widen(struct vdt_session *session, int64_t user, unsigned scopes,
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "UPDATE user SET scopes = ?2 WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    vdt_bind_integer(rows, 2, scopes);
    return vdt_rows_run(rows, error);
}

/* The user of that name, made when there is none, who may have tokens with `scopes`. */
static vdt_status user_with(struct vdt_session *session, const char *name, unsigned scopes,
                            int64_t *id, struct vdt_error *error)
{
    struct vdt_user_row user = {.scopes = VDT_SCOPE_READ | VDT_SCOPE_WRITE | VDT_SCOPE_PUBLISH};
    vdt_status status = vdt_user_find(session, name, &user, error);
    if (status == VDT_ERR_NOT_FOUND)
        status = vdt_user_create(session, name, &user.id, error);
    if (status != VDT_OK)
        return status;
    if (user.disabled)
        return vdt_fail(error, VDT_ERR_DENIED, "user %s: is disabled; an admin can enable it",
                        name);
    *id = user.id;
    return widen(session, user.id, user.scopes | scopes, error);
}

static vdt_status note(struct vdt_session *session, const char *name, const char *prefix,
                       unsigned scopes, struct vdt_error *error)
{
    char text[VDT_SCOPES_ROOM];
    vdt_scopes_text(scopes, text);
    vdt_cleanup(vdt_json_release) json_t *detail =
        json_pack("{s:s, s:s, s:s}", "user", name, "prefix", prefix, "scopes", text);
    const struct vdt_audit_event event = {.action = "token.create", .detail = detail};
    return vdt_audit_add(session, &event, error);
}

static vdt_status open_catalog(const char *root, struct vdt_db **db, struct vdt_error *error)
{
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return vdt_fail_errno(error, root);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(root, "/catalog.db");
    return path == NULL ? vdt_fail_memory(error, root) : vdt_db_open(path, true, db, error);
}

vdt_status vdt_server_add_user(const struct vdt_new_user *wish, char token[VDT_SERVER_TOKEN_ROOM],
                               struct vdt_error *error)
{
    unsigned scopes = 0;
    if (wish->root == NULL || wish->name == NULL || wish->scopes == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a user needs a root, a name and scopes");
    vdt_status status = vdt_scopes_parse(wish->scopes, &scopes, error);
    if (status == VDT_OK && !vdt_user_name_valid(wish->name))
        status = vdt_user_create(NULL, wish->name, NULL, error); /* says what is wrong with it */
    if (status != VDT_OK)
        return status;
    vdt_cleanup(close_db) struct vdt_db *db = NULL;
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    struct vdt_new_token made = {.scopes = scopes};
    char text[VDT_TOKEN_ROOM], prefix[VDT_TOKEN_PREFIX_SIZE + 1];
    if (wish->expires_days != 0)
        made.expires = vdt_time_now() + wish->expires_days * VDT_DAY;
    status = open_catalog(wish->root, &db, error);
    if (status == VDT_OK)
        status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = user_with(session, wish->name, scopes, &made.user, error);
    if (status == VDT_OK)
        status = vdt_token_create(session, &made, text, prefix, error);
    if (status == VDT_OK)
        status = note(session, wish->name, prefix, scopes, error);
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    if (status == VDT_OK)
        memcpy(token, text, sizeof text);
    return status;
}

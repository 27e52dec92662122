/* Users as documents. */
#include "server/meta/people.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/fields.h"
#include "server/meta/quota.h"
#include "server/meta/times.h"

json_t *vdt_scopes_json(unsigned scopes)
{
    char text[VDT_SCOPES_ROOM];
    json_t *list = json_array();
    vdt_scopes_text(scopes, text);
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, ",");
        json_array_append_new(list, json_stringn(at, size));
        at += size + (at[size] == ',');
    }
    return list;
}

vdt_status vdt_scopes_of_json(const json_t *list, unsigned *scopes, struct vdt_error *error)
{
    unsigned found = 0;
    if (!json_is_array(list))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "scopes: must be a list");
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)list, i, item)
    {
        unsigned scope = 0;
        const char *text = json_string_value(item);
        if (text == NULL || strchr(text, ',') != NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "scopes: are some of read, write, publish and admin");
        vdt_status status = vdt_scopes_parse(text, &scope, error);
        if (status != VDT_OK)
            return status;
        found |= scope;
    }
    *scopes = found;
    return VDT_OK;
}

static json_t *limit_json(int64_t limit)
{
    return limit < 0 ? json_null() : json_integer(limit);
}

vdt_status vdt_user_document(struct vdt_session *session, const struct vdt_user_row *user,
                             json_t **document, struct vdt_error *error)
{
    struct vdt_usage usage = {0};
    vdt_status status = vdt_usage_of(session, user->id, &usage, error);
    if (status != VDT_OK)
        return status;
    *document = json_pack(
        "{s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:I, s:I, s:I}", "name", user->name, "scopes",
        vdt_scopes_json(user->scopes), "created_at", vdt_time_json(user->created), "disabled",
        (int)user->disabled, "quota_bytes", limit_json(user->quota_bytes), "quota_entries",
        limit_json(user->quota_entries), "quota_uploads", limit_json(user->quota_uploads), "bytes",
        (json_int_t)usage.bytes, "entries", (json_int_t)usage.entries, "uploads",
        (json_int_t)usage.uploads);
    return *document == NULL ? vdt_fail_memory(error, "user") : VDT_OK;
}

/* The name's document, added to the list. */
static vdt_status append_user(struct vdt_session *session, const char *name, json_t *list,
                              struct vdt_error *error)
{
    struct vdt_user_row user;
    json_t *document = NULL;
    vdt_status status = vdt_user_find(session, name, &user, error);
    if (status == VDT_OK)
        status = vdt_user_document(session, &user, &document, error);
    if (status == VDT_OK)
        json_array_append_new(list, document);
    return status;
}

vdt_status vdt_user_list(struct vdt_session *session, const char *after, int limit,
                         json_t **documents, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status = vdt_db_prepare(
        session, "SELECT name FROM user WHERE name > ?1 ORDER BY name LIMIT ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, after);
    vdt_bind_integer(rows, 2, limit + 1);
    bool rest = false;
    while (!rest && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        rest = json_array_size(list) == (size_t)limit;
        if (!rest)
            status = append_user(session, vdt_rows_text(rows, 0), list, error);
        if (status != VDT_OK)
            break;
    }
    if (status < 0)
        return status;
    *documents = list;
    *more = rest;
    list = NULL;
    return VDT_OK;
}

/* --- changes --------------------------------------------------------------------------------- */

static vdt_status set_column(struct vdt_session *session, const char *sql, int64_t user,
                             int64_t value, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    if (value >= 0)
        vdt_bind_integer(rows, 2, value);
    return vdt_rows_run(rows, error);
}

static vdt_status set_quotas(struct vdt_session *session, int64_t user, const json_t *wish,
                             struct vdt_error *error)
{
    static const struct {
        const char *name, *sql;
    } quotas[] = {
        {"quota_bytes", "UPDATE user SET quota_bytes = ?2 WHERE id = ?1"},
        {"quota_entries", "UPDATE user SET quota_entries = ?2 WHERE id = ?1"},
        {"quota_uploads", "UPDATE user SET quota_uploads = ?2 WHERE id = ?1"},
    };
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        int64_t value = 0;
        if (json_object_get(wish, quotas[i].name) == NULL)
            continue;
        vdt_status status =
            vdt_field_integer(wish, quotas[i].name, 0, INT64_MAX / 2, &value, error);
        if (status == VDT_OK)
            status = set_column(session, quotas[i].sql, user, value, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

vdt_status vdt_user_change(struct vdt_session *session, int64_t user, const json_t *wish,
                           bool with_name, struct vdt_error *error)
{
    static const char *const names[] = {"disabled",      "scopes", "quota_bytes", "quota_entries",
                                        "quota_uploads", "name",   NULL};
    static const char *const fixed[] = {"disabled",      "scopes",        "quota_bytes",
                                        "quota_entries", "quota_uploads", NULL};
    vdt_status status = vdt_fields_only(wish, with_name ? names : fixed, error);
    if (status == VDT_OK)
        status = set_quotas(session, user, wish, error);
    const json_t *disabled = json_object_get(wish, "disabled");
    if (status == VDT_OK && disabled != NULL && !json_is_boolean(disabled))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "disabled: must be true or false");
    if (status == VDT_OK && disabled != NULL)
        status = set_column(session, "UPDATE user SET disabled = ?2 WHERE id = ?1", user,
                            json_is_true(disabled), error);
    const json_t *list = json_object_get(wish, "scopes");
    unsigned scopes = 0;
    if (status == VDT_OK && list != NULL)
        status = vdt_scopes_of_json(list, &scopes, error);
    if (status == VDT_OK && list != NULL)
        status =
            set_column(session, "UPDATE user SET scopes = ?2 WHERE id = ?1", user, scopes, error);
    return status;
}

vdt_status vdt_user_remove(struct vdt_session *session, const struct vdt_user_row *user,
                           struct vdt_error *error)
{
    static const char *const steps[] = {
        "DELETE FROM token WHERE user = ?1",
        "DELETE FROM entry_share WHERE user = ?1",
        "DELETE FROM user WHERE id = ?1",
    };
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = set_column(session, steps[i], user->id, -1, error);
    if (status == VDT_ERR_MISMATCH)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "user %s: owns entries, or has saved or released something; disable the "
                        "user instead",
                        user->name);
    return status;
}

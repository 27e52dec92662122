/* Entries: made, changed, shared, published. */
#include "server/meta/entries.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/fields.h"
#include "server/meta/head.h"
#include "server/meta/quota.h"
#include "server/meta/times.h"
#include "server/meta/users.h"

/* Members that may be sent; texts are borrowed from the JSON. */
struct fields {
    const char *name, *description, *license;
    const json_t *tags;
};

static vdt_status read_fields(const json_t *wish, struct fields *fields, struct vdt_error *error)
{
    static const char *const names[] = {"name", "description", "license", "tags", NULL};
    vdt_status status = vdt_fields_only(wish, names, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "name", VDT_FIELD_LINE, VDT_NAME_MOST, &fields->name, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "description", VDT_FIELD_TEXT, VDT_DESCRIPTION_MOST,
                                &fields->description, error);
    if (status == VDT_OK)
        status =
            vdt_field_text(wish, "license", VDT_FIELD_TEXT, VDT_NAME_MOST, &fields->license, error);
    if (status == VDT_OK)
        status = vdt_field_lines(wish, "tags", VDT_TAGS_MOST, VDT_TAGS_MOST, &fields->tags, error);
    return status;
}

static vdt_status put_tags(struct vdt_session *session, int64_t entry, const json_t *tags,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *gone = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "DELETE FROM entry_tag WHERE entry = ?1", &gone, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(gone, 1, entry);
    status = vdt_rows_run(gone, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "INSERT INTO entry_tag (entry, tag) VALUES (?1, ?2) "
                                "ON CONFLICT (entry, tag) DO NOTHING",
                                &rows, error);
    size_t i;
    json_t *tag;
    json_array_foreach((json_t *)tags, i, tag)
    {
        if (status != VDT_OK)
            break;
        vdt_bind_integer(rows, 1, entry);
        vdt_bind_text(rows, 2, json_string_value(tag));
        status = vdt_rows_run(rows, error);
    }
    return status;
}

static vdt_status insert_entry(struct vdt_session *session, int64_t owner,
                               const struct fields *fields, const char *slug,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO entry (slug, owner, name, description, license, created, updated) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, slug);
    vdt_bind_integer(rows, 2, owner);
    vdt_bind_text(rows, 3, fields->name);
    vdt_bind_text(rows, 4, fields->description == NULL ? "" : fields->description);
    vdt_bind_text(rows, 5, fields->license == NULL ? "" : fields->license);
    vdt_bind_integer(rows, 6, vdt_time_now());
    return vdt_rows_run(rows, error);
}

vdt_status vdt_entry_create(struct vdt_session *session, const struct vdt_caller *caller,
                            const json_t *wish, char slug[VDT_SLUG_SIZE + 1],
                            struct vdt_error *error)
{
    struct fields fields = {0};
    vdt_status status = read_fields(wish, &fields, error);
    if (status != VDT_OK)
        return status;
    if (fields.name == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "name: is missing");
    status = vdt_quota_entry(session, caller->user, error);
    if (status == VDT_OK)
        status = vdt_random_slug(slug, error);
    if (status == VDT_OK)
        status = insert_entry(session, caller->user, &fields, slug, error);
    if (status != VDT_OK)
        return status;
    int64_t entry = vdt_db_last_id(session);
    status = put_tags(session, entry, fields.tags, error);
    return status == VDT_OK ? vdt_entry_index(session, entry, error) : status;
}

/* --- changes --------------------------------------------------------------------------------- */

/* What a column becomes: as it was when the patch does not name it, empty when it says null. */
static const char *patched(const json_t *patch, const char *name, const char *sent,
                           const char *before)
{
    if (json_object_get(patch, name) == NULL)
        return before;
    return sent == NULL ? "" : sent;
}

static vdt_status update_texts(struct vdt_session *session, int64_t entry, const char *name,
                               const char *description, const char *license,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "UPDATE entry SET name = ?2, description = ?3, license = ?4 WHERE id = ?1", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_text(rows, 2, name);
    vdt_bind_text(rows, 3, description);
    vdt_bind_text(rows, 4, license);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_entry_change(struct vdt_session *session, const struct vdt_entry_row *row,
                            const json_t *patch, struct vdt_error *error)
{
    struct fields fields = {0};
    vdt_status status = read_fields(patch, &fields, error);
    if (status != VDT_OK)
        return status;
    const char *name = patched(patch, "name", fields.name, row->name);
    if (*name == '\0')
        return vdt_fail(error, VDT_ERR_ARGUMENT, "name: cannot be taken away");
    const char *description = patched(patch, "description", fields.description, row->description);
    const char *license = patched(patch, "license", fields.license, row->license);
    bool tags = json_object_get(patch, "tags") != NULL;
    if (!tags && strcmp(name, row->name) == 0 && strcmp(description, row->description) == 0 &&
        strcmp(license, row->license) == 0)
        return VDT_OK;
    status = update_texts(session, row->id, name, description, license, error);
    if (status == VDT_OK && tags)
        status = put_tags(session, row->id, fields.tags, error);
    if (status == VDT_OK)
        status = vdt_entry_index(session, row->id, error);
    return status == VDT_OK ? vdt_entry_touch(session, row->id, error) : status;
}

vdt_status vdt_entry_publish(struct vdt_session *session, const struct vdt_entry_row *row,
                             bool is_public, struct vdt_error *error)
{
    if (is_public && row->head == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "entry %s: has nothing to publish; save a store to it first", row->slug);
    if (row->is_public == is_public)
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "UPDATE entry SET public = ?2, published = ?3 WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, is_public);
    if (is_public)
        vdt_bind_integer(rows, 3, vdt_time_now());
    else
        vdt_bind_null(rows, 3);
    status = vdt_rows_run(rows, error);
    return status == VDT_OK ? vdt_entry_touch(session, row->id, error) : status;
}

/* --- sharing --------------------------------------------------------------------------------- */

static vdt_status put_share(struct vdt_session *session, int64_t entry, int64_t user,
                            enum vdt_access access, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       access == VDT_ACCESS_NONE
                           ? "DELETE FROM entry_share WHERE entry = ?1 AND user = ?2 AND ?3 = 0"
                           : "INSERT INTO entry_share (entry, user, access) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT (entry, user) DO UPDATE SET access = excluded.access",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, user);
    vdt_bind_integer(rows, 3, access);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_entry_share(struct vdt_session *session, const struct vdt_entry_row *row,
                           const char *user, enum vdt_access access, struct vdt_error *error)
{
    struct vdt_user_row found;
    vdt_status status = vdt_user_find(session, user, &found, error);
    if (status != VDT_OK)
        return status;
    if (found.id == row->owner)
        return vdt_fail(error, VDT_ERR_MISMATCH, "entry %s: is %s's own", row->slug, found.name);
    status = put_share(session, row->id, found.id, access, error);
    if (status == VDT_OK && access == VDT_ACCESS_NONE && vdt_db_changes(session) == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: is not shared with %s", row->slug,
                        found.name);
    return status;
}

vdt_status vdt_entry_shares(struct vdt_session *session, const struct vdt_entry_row *row,
                            json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *shares = json_array();
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT u.name, s.access FROM entry_share s JOIN user u ON "
                                       "u.id = s.user WHERE s.entry = ?1 ORDER BY u.name",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        bool write = vdt_rows_integer(rows, 1) == VDT_ACCESS_WRITE;
        json_t *share = json_pack("{s:s, s:s}", "user", vdt_rows_text(rows, 0), "access",
                                  write ? "write" : "read");
        if (json_array_append_new(shares, share) != 0)
            return vdt_fail_memory(error, "entry");
    }
    if (status != VDT_END)
        return status;
    *out = shares;
    shares = NULL;
    return VDT_OK;
}

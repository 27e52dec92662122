/* Releases and what is in them. */
#include "server/meta/releases.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/document.h"
#include "server/meta/entries.h"
#include "server/meta/fields.h"
#include "server/meta/head.h"
#include "server/meta/times.h"

/* The number that the next release gets; VDT_ERR_EXISTS when the head is one. */
static vdt_status next_number(struct vdt_session *session, const struct vdt_entry_row *row,
                              int64_t *number, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT coalesce(max(number), 0), max(CASE WHEN version = "
                                       "?2 THEN number END) FROM release WHERE entry = ?1",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, row->head);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_rows_is_null(rows, 1))
        return vdt_fail(error, VDT_ERR_EXISTS, "entry %s: version %lld is release %lld already",
                        row->slug, (long long)row->head, (long long)vdt_rows_integer(rows, 1));
    *number = vdt_rows_integer(rows, 0) + 1;
    return VDT_OK;
}

static vdt_status insert_release(struct vdt_session *session, const struct vdt_caller *caller,
                                 const struct vdt_entry_row *row, int64_t number, const char *name,
                                 const char *notes, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO release (entry, number, version, name, notes, created, creator) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, number);
    vdt_bind_integer(rows, 3, row->head);
    vdt_bind_text(rows, 4, name == NULL ? "" : name);
    vdt_bind_text(rows, 5, notes == NULL ? "" : notes);
    vdt_bind_integer(rows, 6, vdt_time_now());
    vdt_bind_integer(rows, 7, caller->user);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_release_create(struct vdt_session *session, const struct vdt_caller *caller,
                              const struct vdt_entry_row *row, const json_t *wish, int64_t *number,
                              struct vdt_error *error)
{
    static const char *const names[] = {"name", "notes", NULL};
    const char *name = NULL, *notes = NULL;
    vdt_status status = vdt_fields_only(wish, names, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "name", VDT_FIELD_LINE, VDT_NAME_MOST, &name, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "notes", VDT_FIELD_TEXT, VDT_DESCRIPTION_MOST, &notes, error);
    if (status != VDT_OK)
        return status;
    if (row->head == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "entry %s: has nothing to release; save a store to it first", row->slug);
    int64_t next = 0;
    status = next_number(session, row, &next, error);
    if (status == VDT_OK)
        status = insert_release(session, caller, row, next, name, notes, error);
    if (status == VDT_OK)
        status = vdt_entry_touch(session, row->id, error);
    if (status == VDT_OK)
        *number = next;
    return status;
}

/* --- documents ------------------------------------------------------------------------------- */

#define RELEASE_COLUMNS                                                                            \
    "SELECT r.number, r.version, r.name, r.notes, r.created, u.name, v.digest, v.size, v.samples " \
    "FROM release r JOIN version v ON v.entry = r.entry AND v.number = r.version "                 \
    "JOIN user u ON u.id = r.creator WHERE r.entry = ?1 "

static json_t *text_or_null(const char *text)
{
    return text == NULL || *text == '\0' ? json_null() : json_string(text);
}

/* NULL: memory is out. */
static json_t *release_document(struct vdt_rows *rows, const char *base, const char *slug)
{
    long long number = vdt_rows_integer(rows, 0);
    long long version = vdt_rows_integer(rows, 1);
    json_t *links = json_object();
    if (!vdt_link(links, "self", NULL, base, "/v1/entries/%s/releases/%lld", slug, number) ||
        !vdt_link(links, "manifest", NULL, base, "/v1/entries/%s/releases/%lld/manifest", slug,
                  number) ||
        !vdt_link(links, "store", NULL, base, "/v1/entries/%s/versions/%lld/store.h5", slug,
                  version) ||
        !vdt_link(links, "entry", NULL, base, "/v1/entries/%s", slug) ||
        !vdt_link(links, "stac", NULL, base, "/collections/%s@v%lld", slug, number)) {
        json_decref(links);
        return NULL;
    }
    return json_pack(
        "{s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:o}", "number", (json_int_t)number,
        "version", (json_int_t)version, "name", text_or_null(vdt_rows_text(rows, 2)), "notes",
        text_or_null(vdt_rows_text(rows, 3)), "created_at",
        vdt_time_json(vdt_rows_integer(rows, 4)), "creator", text_or_null(vdt_rows_text(rows, 5)),
        "digest", vdt_rows_text(rows, 6), "bytes", (json_int_t)vdt_rows_integer(rows, 7), "samples",
        (json_int_t)vdt_rows_integer(rows, 8), "links", links);
}

vdt_status vdt_release_document(struct vdt_session *session, const char *base,
                                const struct vdt_entry_row *row, int64_t number, json_t **document,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, RELEASE_COLUMNS "AND r.number = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, number);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: has no release %lld", row->slug,
                        (long long)number);
    if (status != VDT_OK)
        return status;
    json_t *made = release_document(rows, base, row->slug);
    if (made == NULL)
        return vdt_fail_memory(error, "release");
    *document = made;
    return VDT_OK;
}

vdt_status vdt_release_list(struct vdt_session *session, const char *base,
                            const struct vdt_entry_row *row, int64_t before, int limit,
                            json_t **documents, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status = vdt_db_prepare(
        session, RELEASE_COLUMNS "AND r.number < ?2 ORDER BY r.number DESC LIMIT ?3", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, before);
    vdt_bind_integer(rows, 3, limit + 1);
    bool rest = false;
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        rest = json_array_size(list) == (size_t)limit;
        if (rest)
            break;
        if (json_array_append_new(list, release_document(rows, base, row->slug)) != 0)
            return vdt_fail_memory(error, "release");
    }
    if (status < 0)
        return status;
    *documents = list;
    *more = rest;
    list = NULL;
    return VDT_OK;
}

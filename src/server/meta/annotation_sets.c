/* Sets of annotations: named, listed, removed. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/annotations.h"
#include "server/meta/times.h"

vdt_status vdt_set_name_check(const char *name, struct vdt_error *error)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    if (size > 0 && size <= VDT_SET_NAME_MOST && *name != '.' && strspn(name, letters) == size)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "set: is 1 to %d letters, digits, '.', '_' and '-', with no '.' in front",
                    VDT_SET_NAME_MOST);
}

#define SET_COLUMNS                                                                         \
    "SELECT id, entry, name, created, updated, revision, samples, annotations, bytes FROM " \
    "annotation_set WHERE entry = ?1 "

static void read_set(struct vdt_rows *rows, struct vdt_set_row *row)
{
    *row = (struct vdt_set_row){.id = vdt_rows_integer(rows, 0),
                                .entry = vdt_rows_integer(rows, 1),
                                .created = vdt_rows_integer(rows, 3),
                                .updated = vdt_rows_integer(rows, 4),
                                .revision = vdt_rows_integer(rows, 5),
                                .samples = vdt_rows_integer(rows, 6),
                                .annotations = vdt_rows_integer(rows, 7),
                                .bytes = vdt_rows_integer(rows, 8)};
    snprintf(row->name, sizeof row->name, "%s", vdt_rows_text(rows, 2));
}

/* VDT_END: there is none. */
static vdt_status find_set(struct vdt_session *session, int64_t entry, const char *name,
                           struct vdt_set_row *row, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_set_name_check(name, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, SET_COLUMNS "AND name = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_text(rows, 2, name);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        read_set(rows, row);
    return status;
}

vdt_status vdt_set_find(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *name, struct vdt_set_row *row, struct vdt_error *error)
{
    vdt_status status = find_set(session, entry->id, name, row, error);
    return status == VDT_END ? vdt_fail(error, VDT_ERR_NOT_FOUND,
                                        "entry %s: has no annotation set %s", entry->slug, name)
                             : status;
}

vdt_status vdt_set_of_labels(struct vdt_session *session, int64_t entry, const char *labels,
                             struct vdt_set_row *row, struct vdt_error *error)
{
    char name[VDT_SET_NAME_MOST + 1];
    const char *at = strchr(labels, '@');
    size_t size = at == NULL ? strlen(labels) : (size_t)(at - labels);
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name), labels);
    vdt_status status = find_set(session, entry, name, row, error);
    if (status == VDT_END || (status == VDT_OK && size > VDT_SET_NAME_MOST))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "labels: the entry has no annotation set %.100s",
                        labels);
    if (status != VDT_OK || at == NULL)
        return status;
    char revision[24];
    snprintf(revision, sizeof revision, "%lld", (long long)row->revision);
    return strcmp(at + 1, revision) == 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_MISMATCH,
                          "labels: the annotation set %s was changed meanwhile: it has revision "
                          "%s; ask for an evaluation with that",
                          row->name, revision);
}

static vdt_status count_sets(struct vdt_session *session, const struct vdt_entry_row *entry,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT count(*) FROM annotation_set WHERE entry = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK && vdt_rows_integer(rows, 0) >= VDT_SETS_MOST)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "entry %s: has %d annotation sets, and may have no more; remove one",
                        entry->slug, VDT_SETS_MOST);
    return status;
}

static vdt_status insert_set(struct vdt_session *session, const struct vdt_entry_row *entry,
                             const char *name, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        /* Rows of sets that are gone may still be there, under their numbers. */
        "INSERT INTO annotation_set (id, entry, name, created, updated) SELECT coalesce(max(n.id), "
        "0) + 1, ?1, ?2, ?3, ?3 FROM (SELECT max(id) AS id FROM annotation_set UNION ALL SELECT "
        "max(annotation_set) AS id FROM annotation_set_gone) n",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    vdt_bind_text(rows, 2, name);
    vdt_bind_integer(rows, 3, vdt_time_now());
    return vdt_rows_run(rows, error);
}

vdt_status vdt_set_make(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *name, struct vdt_set_row *row, struct vdt_error *error)
{
    vdt_status status = find_set(session, entry->id, name, row, error);
    if (status != VDT_END)
        return status;
    status = count_sets(session, entry, error);
    if (status == VDT_OK)
        status = insert_set(session, entry, name, error);
    return status == VDT_OK ? vdt_set_find(session, entry, name, row, error) : status;
}

vdt_status vdt_set_remove(struct vdt_session *session, const struct vdt_set_row *row,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "DELETE FROM annotation_set WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    return vdt_rows_run(rows, error);
}

/* --- documents -------------------------------------------------------------------------------- */

json_t *vdt_set_document(const struct vdt_set_row *row, const char *base, const char *entry)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:{s:{s:o}, s:{s:o}}}", "name",
                     row->name, "entry", entry, "revision", (json_int_t)row->revision, "samples",
                     (json_int_t)row->samples, "annotations", (json_int_t)row->annotations, "bytes",
                     (json_int_t)row->bytes, "created_at", vdt_time_json(row->created),
                     "updated_at", vdt_time_json(row->updated), "links", "self", "href",
                     json_sprintf("%s/v1/entries/%s/annotations/%s", base, entry, row->name),
                     "entry", "href", json_sprintf("%s/v1/entries/%s", base, entry));
}

vdt_status vdt_set_list(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *base, json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    struct vdt_set_row row;
    vdt_status status = vdt_db_prepare(session, SET_COLUMNS "ORDER BY name", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        read_set(rows, &row);
        if (json_array_append_new(list, vdt_set_document(&row, base, entry->slug)) != 0)
            return vdt_fail_memory(error, "annotations");
    }
    if (status != VDT_END)
        return status;
    *out = list;
    list = NULL;
    return VDT_OK;
}

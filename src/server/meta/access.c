/* Who sees which entries. */
#include "server/meta/access.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"

bool vdt_caller_may(const struct vdt_caller *caller, unsigned scopes)
{
    return (caller->scopes & VDT_SCOPE_ADMIN) != 0 || (caller->scopes & scopes) == scopes;
}

bool vdt_visible_condition(struct vdt_buffer *sql, int first)
{
    return vdt_sql_append(sql,
                          "(e.deleted IS NULL AND (?%d <> 0 OR e.public = 1 OR e.owner = ?%d OR "
                          "EXISTS (SELECT 1 FROM entry_share s WHERE s.entry = e.id AND "
                          "s.user = ?%d)))",
                          first + 1, first, first);
}

void vdt_bind_caller(struct vdt_rows *rows, int first, const struct vdt_caller *caller)
{
    vdt_bind_integer(rows, first, vdt_caller_may(caller, VDT_SCOPE_READ) ? caller->user : 0);
    vdt_bind_integer(rows, first + 1, (caller->scopes & VDT_SCOPE_ADMIN) != 0);
}

void vdt_entry_row_clear(struct vdt_entry_row *row)
{
    free(row->name);
    free(row->description);
    free(row->license);
    free(row->info);
    free(row->tasks);
    free(row->dtype);
    *row = (struct vdt_entry_row){0};
}

static bool copy_text(struct vdt_rows *rows, int column, char **text)
{
    const char *value = vdt_rows_text(rows, column);
    *text = value == NULL ? NULL : vdt_copy_string(value);
    return value == NULL || *text != NULL;
}

static void fixed_text(struct vdt_rows *rows, int column, char *text, size_t room)
{
    const char *value = vdt_rows_text(rows, column);
    snprintf(text, room, "%s", value == NULL ? "" : value);
}

vdt_status vdt_entry_row_read(struct vdt_rows *rows, struct vdt_entry_row *row,
                              struct vdt_error *error)
{
    row->id = vdt_rows_integer(rows, 0);
    fixed_text(rows, 1, row->slug, sizeof row->slug);
    row->owner = vdt_rows_integer(rows, 2);
    fixed_text(rows, 3, row->owner_name, sizeof row->owner_name);
    row->is_public = vdt_rows_integer(rows, 7) != 0;
    row->created = vdt_rows_integer(rows, 8);
    row->updated = vdt_rows_integer(rows, 9);
    row->revision = vdt_rows_integer(rows, 10);
    row->deleted = vdt_rows_integer(rows, 11);
    row->expires = vdt_rows_integer(rows, 12);
    row->head = vdt_rows_integer(rows, 13);
    for (int i = 0; i < 4; i++)
        row->box[i] = vdt_rows_real(rows, 17 + i);
    row->timed = !vdt_rows_is_null(rows, 21) && !vdt_rows_is_null(rows, 22);
    row->start_time = vdt_rows_integer(rows, 21);
    row->end_time = vdt_rows_integer(rows, 22);
    row->samples = vdt_rows_integer(rows, 23);
    row->bytes = vdt_rows_integer(rows, 24);
    row->bands = vdt_rows_integer(rows, 25);
    row->rows = vdt_rows_integer(rows, 26);
    row->cols = vdt_rows_integer(rows, 27);
    row->access = (enum vdt_access)vdt_rows_integer(rows, 28);
    bool copied = copy_text(rows, 4, &row->name) && copy_text(rows, 5, &row->description) &&
                  copy_text(rows, 6, &row->license) && copy_text(rows, 14, &row->info) &&
                  copy_text(rows, 15, &row->tasks) && copy_text(rows, 16, &row->dtype);
    return copied ? VDT_OK : vdt_fail_memory(error, "entry");
}

/* Reads the row, whether it may be seen or not. */
static vdt_status find_row(struct vdt_session *session, const struct vdt_caller *caller,
                           const char *slug, bool to_read, struct vdt_entry_row *row,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "SELECT " VDT_ENTRY_COLUMNS " FROM entry e JOIN user u ON u.id = e.owner "
                       "WHERE e.slug = ?3",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    if (to_read)
        vdt_bind_caller(rows, 1, caller);
    else {
        /* That the token is good for changes is the route's to say. */
        vdt_bind_integer(rows, 1, caller->user);
        vdt_bind_integer(rows, 2, (caller->scopes & VDT_SCOPE_ADMIN) != 0);
    }
    vdt_bind_text(rows, 3, slug);
    status = vdt_rows_next(rows, error);
    return status == VDT_OK ? vdt_entry_row_read(rows, row, error) : status;
}

vdt_status vdt_entry_find(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *slug, enum vdt_access wanted, struct vdt_entry_row *row,
                          struct vdt_error *error)
{
    vdt_status status = find_row(session, caller, slug, wanted == VDT_ACCESS_READ, row, error);
    if (status < 0)
        return status;
    bool in_bin = status == VDT_OK && row->deleted != 0;
    enum vdt_access access = status == VDT_OK ? row->access : VDT_ACCESS_NONE;
    if (in_bin && (wanted != VDT_ACCESS_BIN || access < VDT_ACCESS_OWN))
        access = VDT_ACCESS_NONE;
    if (access == VDT_ACCESS_NONE) {
        vdt_entry_row_clear(row);
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such entry, or you may not see it");
    }
    if (wanted == VDT_ACCESS_BIN)
        wanted = VDT_ACCESS_OWN;
    if (access < wanted)
        return vdt_fail(error, VDT_ERR_DENIED, "entry %s: %s", row->slug,
                        wanted == VDT_ACCESS_OWN ? "only its owner may do that"
                                                 : "you may only read it");
    return VDT_OK;
}

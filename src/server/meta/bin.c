/* The bin: where removed entries wait, and how they end. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/audit.h"
#include "server/meta/dialect.h"
#include "server/meta/entries.h"
#include "server/meta/head.h"
#include "server/meta/runs.h"
#include "server/meta/times.h"

enum { SAMPLES_A_STEP = 5000 };

vdt_status vdt_entry_remove(struct vdt_session *session, const struct vdt_entry_row *row, int days,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_meta_entry_idle(session, row, error);
    if (status != VDT_OK)
        return status;
    status = vdt_db_prepare(session,
                            "UPDATE entry SET deleted = ?2, expires = ?3, public = 0 WHERE id = ?1",
                            &rows, error);
    if (status != VDT_OK)
        return status;
    int64_t now = vdt_time_now();
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, now);
    vdt_bind_integer(rows, 3, now + days * VDT_DAY);
    status = vdt_rows_run(rows, error);
    return status == VDT_OK ? vdt_entry_touch(session, row->id, error) : status;
}

vdt_status vdt_entry_restore(struct vdt_session *session, const struct vdt_entry_row *row,
                             struct vdt_error *error)
{
    if (row->deleted == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "entry %s: is not in the bin", row->slug);
    /* Some of it may be gone already. */
    if (row->expires <= vdt_time_now())
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: its time in the bin is over",
                        row->slug);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "UPDATE entry SET deleted = NULL, expires = NULL WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    status = vdt_rows_run(rows, error);
    return status == VDT_OK ? vdt_entry_touch(session, row->id, error) : status;
}

/* --- the end --------------------------------------------------------------------------------- */

static vdt_status next_expired(struct vdt_session *session, int64_t now, int64_t *entry,
                               char slug[VDT_SLUG_SIZE + 1], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT id, slug FROM entry WHERE expires IS NOT NULL AND "
                                       "expires <= ?1 ORDER BY expires LIMIT 1",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, now);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    *entry = vdt_rows_integer(rows, 0);
    snprintf(slug, VDT_SLUG_SIZE + 1, "%s", vdt_rows_text(rows, 1));
    return VDT_OK;
}

static vdt_status delete_entry(struct vdt_session *session, int64_t entry, const char *slug,
                               struct vdt_error *error)
{
    vdt_status status = vdt_words_remove(session, entry, error);
    if (status == VDT_OK)
        status = vdt_box_remove(session, VDT_BOX_OF_ENTRY, entry, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    status = vdt_db_prepare(session, "DELETE FROM entry WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_run(rows, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_audit_event event = {.action = "entry.purge", .entry = slug};
    return vdt_audit_add(session, &event, error);
}

static vdt_status delete_samples(struct vdt_session *session, int64_t entry, int64_t *gone,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT id FROM sample WHERE entry = ?1 ORDER BY id DESC LIMIT ?2", &rows, error);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *removal = NULL;
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "DELETE FROM sample WHERE id = ?1", &removal, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, SAMPLES_A_STEP);
    *gone = 0;
    vdt_cleanup(vdt_free_pointer) int64_t *ids = vdt_allocate(SAMPLES_A_STEP, sizeof *ids);
    if (ids == NULL)
        return vdt_fail_memory(error, "catalog");
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        ids[(*gone)++] = vdt_rows_integer(rows, 0);
    for (int64_t i = 0; status >= 0 && i < *gone; i++) {
        status = vdt_box_remove(session, VDT_BOX_OF_SAMPLE, ids[i], error);
        vdt_bind_integer(removal, 1, ids[i]);
        if (status == VDT_OK)
            status = vdt_rows_run(removal, error);
    }
    return status < 0 ? status : VDT_OK;
}

/* One step of one entry; VDT_END when there is none left. */
static vdt_status purge_step(struct vdt_db *db, int64_t now, int *count, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    char slug[VDT_SLUG_SIZE + 1];
    int64_t entry = 0, gone = 0;
    vdt_status status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = next_expired(session, now, &entry, slug, error);
    if (status == VDT_OK)
        status = delete_samples(session, entry, &gone, error);
    if (status == VDT_OK && gone < SAMPLES_A_STEP)
        status = delete_entry(session, entry, slug, error);
    if (status != VDT_OK)
        return status;
    status = vdt_db_commit(&session, error);
    if (status == VDT_OK && gone < SAMPLES_A_STEP)
        ++*count;
    return status;
}

vdt_status vdt_entries_purge(struct vdt_db *db, int64_t now, int *count, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    *count = 0;
    while (status == VDT_OK)
        status = purge_step(db, now, count, error);
    return status == VDT_END ? VDT_OK : status;
}

/* What is done with the whole database. */
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/sqlite.h"

/* Outside of any transaction: a connection that was begun is ended again, but kept. */
static vdt_status outside(struct vdt_db *db, enum vdt_db_mode mode, struct vdt_session **session,
                          struct vdt_error *error)
{
    vdt_status status = vdt_db_begin(db, mode, session, error);
    return status == VDT_OK ? vdt_db_run(*session, "ROLLBACK", error) : status;
}

vdt_status vdt_db_checkpoint(struct vdt_db *db, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = outside(db, VDT_DB_WRITE, &session, error);
    if (status != VDT_OK)
        return status;
    sqlite3 *handle = session->connection->handle;
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK || code == SQLITE_BUSY)
        return VDT_OK;
    return vdt_sqlite_fail(handle, code, db->path, error);
}

vdt_status vdt_db_copy(struct vdt_db *db, const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = outside(db, VDT_DB_READ, &session, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    status = vdt_db_prepare(session, "VACUUM INTO ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, path);
    return vdt_rows_run(rows, error);
}

static vdt_status integrity(struct vdt_session *session,
                            void (*problem)(const char *text, void *payload), void *payload,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, "PRAGMA integrity_check(20)", &rows, error);
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        const char *text = vdt_rows_text(rows, 0);
        if (text != NULL && sqlite3_stricmp(text, "ok") != 0)
            problem(text, payload);
    }
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status references(struct vdt_session *session,
                             void (*problem)(const char *text, void *payload), void *payload,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, "PRAGMA foreign_key_check", &rows, error);
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        char text[256];
        sqlite3_snprintf(sizeof text, text,
                         "row %lld of table %s refers to a row of %s that is "
                         "not there",
                         (long long)vdt_rows_integer(rows, 1), vdt_rows_text(rows, 0),
                         vdt_rows_text(rows, 2));
        problem(text, payload);
    }
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_db_verify(struct vdt_db *db, void (*problem)(const char *text, void *payload),
                         void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = integrity(session, problem, payload, error);
    return status == VDT_OK ? references(session, problem, payload, error) : status;
}

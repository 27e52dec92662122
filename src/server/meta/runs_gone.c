/* What removed runs have left, taken away piece by piece. */
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/runs.h"

/* Of one run: VDT_END when there is none. */
static vdt_status find_gone(struct vdt_session *session, int64_t *run, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, "SELECT min(run) FROM run_gone", &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status == VDT_OK && vdt_rows_is_null(rows, 0))
        return VDT_END;
    if (status == VDT_OK)
        *run = vdt_rows_integer(rows, 0);
    return status;
}

/* *left is what the piece may still remove. */
static vdt_status remove_some(struct vdt_session *session, const char *sql, int64_t run,
                              int64_t *left, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (*left == 0)
        return VDT_OK;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, *left);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        *left -= vdt_db_changes(session);
    return status;
}

static vdt_status remove_piece(struct vdt_session *session, int64_t run, struct vdt_error *error)
{
    static const char *const pieces[] = {
        "DELETE FROM prediction WHERE id IN (SELECT id FROM prediction WHERE run = ?1 ORDER BY id "
        "LIMIT ?2)",
        "DELETE FROM run_sample WHERE run = ?1 AND sample IN (SELECT sample FROM run_sample WHERE "
        "run = ?1 ORDER BY sample LIMIT ?2)",
        "DELETE FROM run_raster WHERE run = ?1 AND sample IN (SELECT sample FROM run_raster WHERE "
        "run = ?1 ORDER BY sample LIMIT ?2)",
    };
    int64_t left = VDT_RUNS_GONE_PIECE, one = 1;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof pieces / sizeof *pieces; i++)
        status = remove_some(session, pieces[i], run, &left, error);
    if (status == VDT_OK && left > 0) /* nothing is left of it */
        status = remove_some(session, "DELETE FROM run_gone WHERE run = ?1 AND ?2 > 0", run, &one,
                             error);
    return status;
}

vdt_status vdt_meta_runs_sweep(struct vdt_db *db, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    int64_t run = 0;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = find_gone(session, &run, error);
    vdt_db_end(&session);
    session = NULL;
    if (status != VDT_OK)
        return status;
    status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = remove_piece(session, run, error);
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

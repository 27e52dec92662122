/* What removed runs and annotation sets have left, taken away piece by piece. */
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/annotations.h"
#include "server/meta/runs.h"

enum { KINDS_OF_ROWS = 4 };

/* Statements take ?1, whose rows they are, and ?2, how many of them. */
struct left_behind {
    const char *find; /* one that is gone, or NULL */
    const char *pieces[KINDS_OF_ROWS];
    const char *forget;
};

static const struct left_behind of_runs = {
    "SELECT min(run) FROM run_gone",
    {
        "DELETE FROM prediction WHERE id IN (SELECT id FROM prediction WHERE run = ?1 ORDER BY id "
        "LIMIT ?2)",
        "DELETE FROM run_sample WHERE run = ?1 AND sample IN (SELECT sample FROM run_sample WHERE "
        "run = ?1 ORDER BY sample LIMIT ?2)",
        "DELETE FROM run_raster WHERE run = ?1 AND sample IN (SELECT sample FROM run_raster WHERE "
        "run = ?1 ORDER BY sample LIMIT ?2)",
    },
    "DELETE FROM run_gone WHERE run = ?1 AND ?2 > 0",
};

static const struct left_behind of_sets = {
    "SELECT min(annotation_set) FROM annotation_set_gone",
    {
        "DELETE FROM annotation WHERE id IN (SELECT id FROM annotation WHERE annotation_set = ?1 "
        "ORDER BY id LIMIT ?2)",
        "DELETE FROM annotated_sample WHERE annotation_set = ?1 AND sample IN (SELECT sample FROM "
        "annotated_sample WHERE annotation_set = ?1 ORDER BY sample LIMIT ?2)",
    },
    "DELETE FROM annotation_set_gone WHERE annotation_set = ?1 AND ?2 > 0",
};

/* VDT_END when there is none. */
static vdt_status find_gone(struct vdt_session *session, const char *sql, int64_t *number,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status == VDT_OK && vdt_rows_is_null(rows, 0))
        return VDT_END;
    if (status == VDT_OK)
        *number = vdt_rows_integer(rows, 0);
    return status;
}

/* *left is what the piece may still remove. */
static vdt_status remove_some(struct vdt_session *session, const char *sql, int64_t number,
                              int64_t *left, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (*left == 0)
        return VDT_OK;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, number);
    vdt_bind_integer(rows, 2, *left);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        *left -= vdt_db_changes(session);
    return status;
}

static vdt_status remove_piece(struct vdt_session *session, const struct left_behind *what,
                               int64_t number, struct vdt_error *error)
{
    int64_t left = VDT_RUNS_GONE_PIECE, one = 1;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && what->pieces[i] != NULL; i++)
        status = remove_some(session, what->pieces[i], number, &left, error);
    if (status == VDT_OK && left > 0) /* nothing is left of it */
        status = remove_some(session, what->forget, number, &one, error);
    return status;
}

static vdt_status sweep(struct vdt_db *db, const struct left_behind *what, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    int64_t number = 0;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = find_gone(session, what->find, &number, error);
    vdt_db_end(&session);
    session = NULL;
    if (status != VDT_OK)
        return status;
    status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = remove_piece(session, what, number, error);
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

vdt_status vdt_meta_runs_sweep(struct vdt_db *db, struct vdt_error *error)
{
    return sweep(db, &of_runs, error);
}

vdt_status vdt_sets_sweep(struct vdt_db *db, struct vdt_error *error)
{
    return sweep(db, &of_sets, error);
}

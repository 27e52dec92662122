/* The catalog's database: sessions and statements, whatever the engine. SQLite now.
 *
 * SQL here is the subset that SQLite and PostgreSQL share (ON CONFLICT, RETURNING, CTEs, keyset
 * paging), with parameters ?1 ... ?999; what differs is in dialect.h. Values are only ever bound,
 * never printed into SQL. A database is shared by all threads; a session and its rows belong to
 * the thread that began it. */
#ifndef SERVER_META_DB_H
#define SERVER_META_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_db;
struct vdt_session;
struct vdt_rows;

enum vdt_db_mode {
    VDT_DB_READ, /* a snapshot, as of the first statement; as many at a time as there are cores */
    VDT_DB_WRITE /* the one writer; begun as such, so that it never has to give way half way */
};

/* Opens ROOT/catalog.db, brings an older schema up to this one, and refuses a newer. `create` makes
 * the file (0600) when it is not there; else that is VDT_ERR_NOT_FOUND. *db is owned. */
vdt_status vdt_db_open(const char *path, bool create, struct vdt_db **db, struct vdt_error *error);

/* All sessions have ended. Accepts NULL. */
void vdt_db_close(struct vdt_db *db);

/* Waits for a free connection, the writer's in turn; VDT_ERR_BUSY after 10 seconds. */
vdt_status vdt_db_begin(struct vdt_db *db, enum vdt_db_mode mode, struct vdt_session **session,
                        struct vdt_error *error);

/* Makes the session's changes durable and ends it; *session is NULL after it, also on failure,
 * when nothing has changed. Rows of the session must be freed before. */
vdt_status vdt_db_commit(struct vdt_session **session, struct vdt_error *error);

/* Ends a session; what it changed is undone. For vdt_cleanup; NULL is fine. */
void vdt_db_end(struct vdt_session **session);

/* Statements that take longer than that, together, fail with VDT_ERR_BUSY. 0: no limit. */
void vdt_db_limit(struct vdt_session *session, unsigned milliseconds);

/* Prepares one statement; statements are kept by their text and reused, so texts should be few and
 * `sql` is copied. *rows is owned, and freed before the session ends. */
vdt_status vdt_db_prepare(struct vdt_session *session, const char *sql, struct vdt_rows **rows,
                          struct vdt_error *error);

/* Parameters, from 1; what is not bound is NULL. Copies. A failure shows in the next
 * vdt_rows_next. Binding after the rows were run starts them again with the other values kept. */
void vdt_bind_text(struct vdt_rows *rows, int i, const char *text /* NULL: NULL */);
void vdt_bind_integer(struct vdt_rows *rows, int i, int64_t value);
void vdt_bind_real(struct vdt_rows *rows, int i, double value); /* NaN: NULL */
void vdt_bind_blob(struct vdt_rows *rows, int i, const void *data, size_t size);
void vdt_bind_null(struct vdt_rows *rows, int i);

/* The next row: VDT_OK; VDT_END after the last; or what went wrong. VDT_ERR_EXISTS: a value that
 * must be unique is there already. VDT_ERR_MISMATCH: another constraint. */
vdt_status vdt_rows_next(struct vdt_rows *rows, struct vdt_error *error);

/* All rows to the end, for statements that give none. VDT_OK. */
vdt_status vdt_rows_run(struct vdt_rows *rows, struct vdt_error *error);

/* Columns of the row, from 0. Text and blobs are borrowed until the next call on `rows`.
 * NULL reads as NULL, 0 and NaN. */
const char *vdt_rows_text(struct vdt_rows *rows, int column);
int64_t vdt_rows_integer(struct vdt_rows *rows, int column);
double vdt_rows_real(struct vdt_rows *rows, int column);
const void *vdt_rows_blob(struct vdt_rows *rows, int column, size_t *size);
bool vdt_rows_is_null(struct vdt_rows *rows, int column);

/* Accepts NULL. */
void vdt_rows_free(struct vdt_rows *rows);

static inline void vdt_rows_release(struct vdt_rows **rows)
{
    vdt_rows_free(*rows);
}

/* Rows that the last INSERT, UPDATE or DELETE changed, and the id that an INSERT gave. */
int64_t vdt_db_changes(struct vdt_session *session);
int64_t vdt_db_last_id(struct vdt_session *session);

/* Runs statements without parameters, divided by ';'. */
vdt_status vdt_db_run(struct vdt_session *session, const char *sql, struct vdt_error *error);

/* --- of the whole database ----------------------------------------------------------------- */

/* Moves what is in the write-ahead log to its place, as far as readers let it. */
vdt_status vdt_db_checkpoint(struct vdt_db *db, struct vdt_error *error);

/* A copy of one moment in a new file, while others read and write. */
vdt_status vdt_db_copy(struct vdt_db *db, const char *path, struct vdt_error *error);

/* The engine's own proof of its file and of all references; each problem is told. */
vdt_status vdt_db_verify(struct vdt_db *db, void (*problem)(const char *text, void *payload),
                         void *payload, struct vdt_error *error);

#endif

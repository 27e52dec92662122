/* Statements on SQLite: kept by their text, bound, stepped. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "server/meta/sqlite.h"

struct vdt_rows {
    struct vdt_session *session;
    sqlite3_stmt *handle;
    struct vdt_statement *kept; /* NULL: this one is finalized after use */
    int failed;                 /* what a bind said */
    bool stepped;
};

void vdt_connection_forget(struct vdt_connection *connection)
{
    for (int i = 0; i < VDT_STATEMENTS; i++) {
        sqlite3_finalize(connection->statements[i].handle);
        free(connection->statements[i].sql);
        connection->statements[i] = (struct vdt_statement){0};
    }
}

static struct vdt_statement *find_statement(struct vdt_connection *connection, const char *sql)
{
    for (int i = 0; i < VDT_STATEMENTS; i++) {
        struct vdt_statement *statement = &connection->statements[i];
        if (statement->handle != NULL && !statement->taken && strcmp(statement->sql, sql) == 0)
            return statement;
    }
    return NULL;
}

/* A free place, or that of the statement that was not used for longest. NULL: all are in use. */
static struct vdt_statement *find_place(struct vdt_connection *connection)
{
    struct vdt_statement *place = NULL;
    for (int i = 0; i < VDT_STATEMENTS; i++) {
        struct vdt_statement *statement = &connection->statements[i];
        if (!statement->taken && (place == NULL || statement->used < place->used))
            place = statement;
    }
    return place;
}

static void keep(struct vdt_connection *connection, struct vdt_rows *rows, const char *sql)
{
    struct vdt_statement *place = find_place(connection);
    char *copy = place == NULL ? NULL : vdt_copy_string(sql);
    if (copy == NULL)
        return;
    sqlite3_finalize(place->handle);
    free(place->sql);
    *place = (struct vdt_statement){.sql = copy, .handle = rows->handle};
    rows->kept = place;
}

vdt_status vdt_db_prepare(struct vdt_session *session, const char *sql, struct vdt_rows **out,
                          struct vdt_error *error)
{
    struct vdt_connection *connection = session->connection;
    struct vdt_rows *rows = vdt_allocate_zero(1, sizeof *rows);
    if (rows == NULL)
        return vdt_fail_memory(error, "catalog");
    rows->session = session;
    rows->kept = find_statement(connection, sql);
    if (rows->kept != NULL) {
        rows->handle = rows->kept->handle;
    } else {
        const char *rest = NULL;
        int code = sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &rows->handle, &rest);
        if (code != SQLITE_OK || rows->handle == NULL || *rest != '\0') {
            vdt_status status =
                code != SQLITE_OK
                    ? vdt_sqlite_fail(connection->handle, code, "catalog", error)
                    : vdt_fail(error, VDT_ERR_ARGUMENT, "catalog: not one statement: %s", sql);
            sqlite3_finalize(rows->handle);
            free(rows);
            return status;
        }
        keep(connection, rows, sql);
    }
    if (rows->kept != NULL) {
        rows->kept->taken = true;
        rows->kept->used = ++connection->clock;
    }
    *out = rows;
    return VDT_OK;
}

void vdt_rows_free(struct vdt_rows *rows)
{
    if (rows == NULL)
        return;
    if (rows->kept == NULL) {
        sqlite3_finalize(rows->handle);
    } else {
        sqlite3_reset(rows->handle);
        sqlite3_clear_bindings(rows->handle);
        rows->kept->taken = false;
    }
    free(rows);
}

/* --- parameters ----------------------------------------------------------------------------- */

static void restart(struct vdt_rows *rows)
{
    if (rows->stepped)
        sqlite3_reset(rows->handle);
    rows->stepped = false;
}

static void note(struct vdt_rows *rows, int code)
{
    if (code != SQLITE_OK && rows->failed == SQLITE_OK)
        rows->failed = code;
}

void vdt_bind_text(struct vdt_rows *rows, int i, const char *text)
{
    restart(rows);
    note(rows, text == NULL ? sqlite3_bind_null(rows->handle, i)
                            : sqlite3_bind_text64(rows->handle, i, text, strlen(text),
                                                  SQLITE_TRANSIENT, SQLITE_UTF8));
}

void vdt_bind_integer(struct vdt_rows *rows, int i, int64_t value)
{
    restart(rows);
    note(rows, sqlite3_bind_int64(rows->handle, i, value));
}

void vdt_bind_real(struct vdt_rows *rows, int i, double value)
{
    restart(rows);
    note(rows, isnan(value) ? sqlite3_bind_null(rows->handle, i)
                            : sqlite3_bind_double(rows->handle, i, value));
}

void vdt_bind_blob(struct vdt_rows *rows, int i, const void *data, size_t size)
{
    restart(rows);
    note(rows, size == 0 ? sqlite3_bind_zeroblob(rows->handle, i, 0)
                         : sqlite3_bind_blob64(rows->handle, i, data, (sqlite3_uint64)size,
                                               SQLITE_TRANSIENT));
}

void vdt_bind_null(struct vdt_rows *rows, int i)
{
    restart(rows);
    note(rows, sqlite3_bind_null(rows->handle, i));
}

/* --- rows ------------------------------------------------------------------------------------ */

vdt_status vdt_rows_next(struct vdt_rows *rows, struct vdt_error *error)
{
    sqlite3 *handle = rows->session->connection->handle;
    if (rows->failed != SQLITE_OK)
        return vdt_sqlite_fail(NULL, rows->failed, "catalog", error);
    int code = sqlite3_step(rows->handle);
    rows->stepped = true;
    if (code == SQLITE_ROW)
        return VDT_OK;
    if (code == SQLITE_DONE) {
        restart(rows);
        return VDT_END;
    }
    vdt_status status = vdt_sqlite_fail(handle, code, "catalog", error);
    restart(rows);
    return status;
}

vdt_status vdt_rows_run(struct vdt_rows *rows, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    while (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    return status == VDT_END ? VDT_OK : status;
}

const char *vdt_rows_text(struct vdt_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(rows->handle, column);
}

int64_t vdt_rows_integer(struct vdt_rows *rows, int column)
{
    return sqlite3_column_int64(rows->handle, column);
}

double vdt_rows_real(struct vdt_rows *rows, int column)
{
    if (sqlite3_column_type(rows->handle, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(rows->handle, column);
}

const void *vdt_rows_blob(struct vdt_rows *rows, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(rows->handle, column);
    *size = (size_t)sqlite3_column_bytes(rows->handle, column);
    return data;
}

bool vdt_rows_is_null(struct vdt_rows *rows, int column)
{
    return sqlite3_column_type(rows->handle, column) == SQLITE_NULL;
}

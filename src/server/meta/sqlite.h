/* What the files of the SQLite driver share. Nobody else includes this. */
#ifndef SERVER_META_SQLITE_H
#define SERVER_META_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/meta/db.h"

enum {
    VDT_STATEMENTS = 128, /* kept by a connection */
    VDT_READERS = 16,     /* connections that read, at most */
};

struct vdt_statement {
    char *sql;
    sqlite3_stmt *handle;
    uint64_t used; /* a count that says which is oldest */
    bool taken;
};

/* One connection; one thread has it at a time. */
struct vdt_connection {
    sqlite3 *handle;
    struct vdt_statement statements[VDT_STATEMENTS];
    uint64_t clock;
    int64_t deadline; /* vdt_time_now() after which statements stop; 0: none */
    bool idle;
};

/* A thread that waits for the writer. */
struct vdt_waiter {
    struct vdt_waiter *next;
};

struct vdt_db {
    char *path;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vdt_connection writer;
    struct vdt_connection readers[VDT_READERS];
    struct vdt_waiter *queue; /* for the writer */
};

struct vdt_session {
    struct vdt_db *db;
    struct vdt_connection *connection;
    bool writes;
};

/* The connection's last failure as ours; `what` is what was tried. */
vdt_status vdt_sqlite_fail(sqlite3 *handle, int code, const char *what, struct vdt_error *error);

/* Finalizes what the connection keeps. */
void vdt_connection_forget(struct vdt_connection *connection);

/* Brings the schema up to date in one transaction for each step. */
vdt_status vdt_migrate(struct vdt_db *db, struct vdt_error *error);

#endif

/* The database on SQLite: connections, and sessions on them. */
#include "server/meta/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "server/meta/times.h"
#include "server/query/functions.h"

enum {
    WAIT_SECONDS = 10,    /* for a connection */
    BUSY_MS = 5000,       /* for another process's writer */
    PROGRESS_STEPS = 2000 /* of SQLite's machine between looks at the clock */
};

vdt_status vdt_sqlite_fail(sqlite3 *handle, int code, const char *what, struct vdt_error *error)
{
    const char *text = handle != NULL ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    int extended = handle != NULL ? sqlite3_extended_errcode(handle) : code;
    switch (code & 0xff) {
    case SQLITE_NOMEM: return vdt_fail_memory(error, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: another process is writing to the catalog; try again", what);
    case SQLITE_INTERRUPT:
        return vdt_fail(error, VDT_ERR_BUSY, "%s: takes too long; ask for less", what);
    case SQLITE_FULL: return vdt_fail(error, VDT_ERR_FULL, "%s: the disk is full", what);
    case SQLITE_CONSTRAINT:
        if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
            return vdt_fail(error, VDT_ERR_EXISTS, "%s: is there already (%s)", what, text);
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %s", what, text);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: the catalog's database is damaged (%s); restore a backup", what, text);
    default: return vdt_fail(error, VDT_ERR_IO, "%s: %s", what, text);
    }
}

static int watch_clock(void *payload)
{
    const struct vdt_connection *connection = payload;
    return connection->deadline != 0 && vdt_time_now() > connection->deadline;
}

static vdt_status configure(struct vdt_connection *connection, const char *path,
                            struct vdt_error *error)
{
    sqlite3 *handle = connection->handle;
    sqlite3_extended_result_codes(handle, 0);
    sqlite3_busy_timeout(handle, BUSY_MS);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO needs one */
    int made = vdt_query_functions(handle);
    if (made != SQLITE_OK)
        return vdt_sqlite_fail(handle, made, path, error);
    sqlite3_progress_handler(handle, PROGRESS_STEPS, watch_clock, connection);
    int code = sqlite3_exec(handle,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                            "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; "
                            "PRAGMA wal_autocheckpoint = 4000",
                            NULL, NULL, NULL);
    return code == SQLITE_OK ? VDT_OK : vdt_sqlite_fail(handle, code, path, error);
}

static void disconnect(struct vdt_connection *connection)
{
    vdt_connection_forget(connection);
    sqlite3_close(connection->handle);
    connection->handle = NULL;
}

static vdt_status connect_to(struct vdt_connection *connection, const char *path,
                             struct vdt_error *error)
{
    int code =
        sqlite3_open_v2(path, &connection->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    vdt_status status = code == SQLITE_OK ? configure(connection, path, error)
                                          : vdt_sqlite_fail(connection->handle, code, path, error);
    if (status != VDT_OK)
        disconnect(connection);
    return status;
}

/* SQLite's locks and its shared memory do not work over a network. */
static vdt_status refuse_network(const char *path, struct vdt_error *error)
{
    static const unsigned long kinds[] = {0x6969,     0x517b,     0xff534d42,
                                          0xfe534d42, 0x5346414f, 0x00c36400};
    struct statfs system;
    if (statfs(path, &system) != 0)
        return vdt_fail_errno(error, path);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (((unsigned long)system.f_type & 0xffffffff) == kinds[i])
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: lies on a network file system, where its locks do not hold; "
                            "put the catalog on a local disk",
                            path);
    return VDT_OK;
}

/* Makes the file before SQLite would, so that nobody else may ever read it; SQLite gives its other
 * files the same mode. A file that is there is not even opened: closing it would drop the locks
 * that this process may hold on it. */
static vdt_status make_file(const char *path, bool create, struct vdt_error *error)
{
    if (create) {
        vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return vdt_fail_errno(error, path);
    }
    return refuse_network(path, error);
}

static struct vdt_db *new_db(const char *path)
{
    struct vdt_db *db = vdt_allocate_zero(1, sizeof *db);
    if (db == NULL)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    db->path = vdt_copy_string(path);
    if (db->path != NULL)
        return db;
    vdt_db_close(db);
    return NULL;
}

static void close_db(struct vdt_db **db)
{
    vdt_db_close(*db);
}

vdt_status vdt_db_open(const char *path, bool create, struct vdt_db **out, struct vdt_error *error)
{
    vdt_status status = make_file(path, create, error);
    if (status != VDT_OK)
        return status;
    /* SQLite follows no links at all, so folders that are links are resolved before. */
    vdt_cleanup(vdt_free_pointer) char *real = realpath(path, NULL);
    vdt_cleanup(close_db) struct vdt_db *db = real == NULL ? NULL : new_db(real);
    if (db == NULL)
        return vdt_fail_memory(error, path);
    status = connect_to(&db->writer, real, error);
    if (status != VDT_OK)
        return status;
    db->writer.idle = true;
    status = vdt_migrate(db, error);
    if (status != VDT_OK)
        return status;
    if (create)
        status = vdt_sync_folder(real, error);
    if (status != VDT_OK)
        return status;
    *out = db;
    db = NULL;
    return VDT_OK;
}

void vdt_db_close(struct vdt_db *db)
{
    if (db == NULL)
        return;
    for (int i = 0; i < VDT_READERS; i++)
        disconnect(&db->readers[i]);
    disconnect(&db->writer);
    pthread_cond_destroy(&db->changed);
    pthread_mutex_destroy(&db->lock);
    free(db->path);
    free(db);
}

/* --- sessions ------------------------------------------------------------------------------- */

/* Waits under the lock until `deadline`; false when it has passed. */
static bool wait_change(struct vdt_db *db, const struct timespec *deadline)
{
    return pthread_cond_timedwait(&db->changed, &db->lock, deadline) != ETIMEDOUT;
}

static struct timespec wait_deadline(void)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_SECONDS;
    return deadline;
}

/* Writers queue up, so that none waits for ever. The places are on their stacks. */
static struct vdt_connection *take_writer(struct vdt_db *db)
{
    struct timespec deadline = wait_deadline();
    struct vdt_waiter mine = {0};
    pthread_mutex_lock(&db->lock);
    struct vdt_waiter **end = &db->queue;
    while (*end != NULL)
        end = &(*end)->next;
    *end = &mine;
    bool in_time = true;
    while (in_time && !(db->writer.idle && db->queue == &mine))
        in_time = wait_change(db, &deadline);
    bool got = db->writer.idle && db->queue == &mine;
    if (got)
        db->writer.idle = false;
    for (end = &db->queue; *end != &mine; end = &(*end)->next)
        ;
    *end = mine.next;
    if (!got)
        pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
    return got ? &db->writer : NULL;
}

static struct vdt_connection *find_reader(struct vdt_db *db)
{
    for (int i = 0; i < VDT_READERS; i++)
        if (db->readers[i].idle)
            return &db->readers[i];
    for (int i = 0; i < VDT_READERS; i++)
        if (db->readers[i].handle == NULL) {
            struct vdt_error ignored;
            if (connect_to(&db->readers[i], db->path, &ignored) == VDT_OK)
                return &db->readers[i];
            return NULL;
        }
    return NULL;
}

static struct vdt_connection *take_reader(struct vdt_db *db)
{
    struct timespec deadline = wait_deadline();
    pthread_mutex_lock(&db->lock);
    struct vdt_connection *reader = find_reader(db);
    while (reader == NULL && wait_change(db, &deadline))
        reader = find_reader(db);
    if (reader != NULL)
        reader->idle = false;
    pthread_mutex_unlock(&db->lock);
    return reader;
}

static void give_back(struct vdt_session *session)
{
    struct vdt_db *db = session->db;
    pthread_mutex_lock(&db->lock);
    session->connection->deadline = 0;
    session->connection->idle = true;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
    free(session);
}

vdt_status vdt_db_begin(struct vdt_db *db, enum vdt_db_mode mode, struct vdt_session **out,
                        struct vdt_error *error)
{
    struct vdt_session *session = vdt_allocate_zero(1, sizeof *session);
    if (session == NULL)
        return vdt_fail_memory(error, "catalog");
    session->db = db;
    session->writes = mode == VDT_DB_WRITE;
    session->connection = session->writes ? take_writer(db) : take_reader(db);
    if (session->connection == NULL) {
        free(session);
        return vdt_fail(error, VDT_ERR_BUSY, "catalog: its database is busy; try again");
    }
    vdt_status status = vdt_db_run(session, session->writes ? "BEGIN IMMEDIATE" : "BEGIN", error);
    if (status != VDT_OK) {
        give_back(session);
        return status;
    }
    *out = session;
    return VDT_OK;
}

vdt_status vdt_db_commit(struct vdt_session **session, struct vdt_error *error)
{
    vdt_status status = vdt_db_run(*session, "COMMIT", error);
    vdt_db_end(session);
    return status;
}

void vdt_db_end(struct vdt_session **session)
{
    if (*session == NULL)
        return;
    sqlite3 *handle = (*session)->connection->handle;
    (*session)->connection->deadline = 0;
    if (!sqlite3_get_autocommit(handle))
        sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    give_back(*session);
    *session = NULL;
}

void vdt_db_limit(struct vdt_session *session, unsigned milliseconds)
{
    session->connection->deadline =
        milliseconds == 0 ? 0 : vdt_time_now() + (int64_t)milliseconds * 1000;
}

vdt_status vdt_db_run(struct vdt_session *session, const char *sql, struct vdt_error *error)
{
    sqlite3 *handle = session->connection->handle;
    int code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? VDT_OK : vdt_sqlite_fail(handle, code, "catalog", error);
}

int64_t vdt_db_changes(struct vdt_session *session)
{
    return sqlite3_changes64(session->connection->handle);
}

int64_t vdt_db_last_id(struct vdt_session *session)
{
    return sqlite3_last_insert_rowid(session->connection->handle);
}

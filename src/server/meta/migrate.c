/* Brings the schema of an older catalog up to date. */
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "server/meta/schema.h"
#include "server/meta/sqlite.h"
#include "server/meta/times.h"

static const struct {
    const unsigned char *sql;
    const size_t *size;
} steps[] = {
    {vdt_schema_0001, &vdt_schema_0001_size}, /* schemas/catalog/0001.sql, and so on */
    {vdt_schema_0002, &vdt_schema_0002_size},
    {vdt_schema_0003, &vdt_schema_0003_size},
    {vdt_schema_0004, &vdt_schema_0004_size},
};

enum {
    STEPS = sizeof steps / sizeof steps[0],
    APPLICATION = 0x56444c43 /* "VDLC", in the header of every catalog */
};

static void step_checksum(int step, char hex[65])
{
    unsigned char digest[32];
    struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_sha256_add(sha, steps[step].sql, *steps[step].size);
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, hex);
}

static vdt_status read_number(struct vdt_session *session, const char *sql, int64_t *number,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        *number = vdt_rows_integer(rows, 0);
    return status;
}

/* The schema's version; 0 of a new file. */
static vdt_status read_version(struct vdt_session *session, const char *path, int64_t *version,
                               struct vdt_error *error)
{
    int64_t application = 0, tables = 0;
    vdt_status status = read_number(session, "PRAGMA application_id", &application, error);
    if (status == VDT_OK)
        status = read_number(session, "SELECT count(*) FROM sqlite_schema", &tables, error);
    if (status == VDT_OK)
        status = read_number(session, "PRAGMA user_version", version, error);
    if (status != VDT_OK)
        return status;
    if (application != APPLICATION && (tables != 0 || *version != 0))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: is an SQLite file, but not a catalog's", path);
    if (*version > STEPS)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has schema %lld, and this vedatile knows only %d; use the newer one "
                        "that made it",
                        path, (long long)*version, (int)STEPS);
    return VDT_OK;
}

/* What was run then is what we have under that number now. */
static vdt_status compare_steps(struct vdt_session *session, const char *path, int64_t version,
                                struct vdt_error *error)
{
    if (version == 0)
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT number, checksum FROM migration ORDER BY number", &rows, error);
    int64_t seen = 0;
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        char hex[65];
        seen++;
        if (vdt_rows_integer(rows, 0) != seen || seen > version)
            break;
        step_checksum((int)seen - 1, hex);
        const char *checksum = vdt_rows_text(rows, 1);
        if (checksum == NULL || strcmp(checksum, hex) != 0)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: was made with another schema %lld than this vedatile has; use the "
                            "vedatile that made it, or restore a backup",
                            path, (long long)seen);
    }
    if (status == VDT_END && seen == version)
        return VDT_OK;
    return status < 0 ? status
                      : vdt_fail(error, VDT_ERR_FORMAT,
                                 "%s: its schema is %lld, but its list of steps does not say so; "
                                 "restore a backup",
                                 path, (long long)version);
}

static vdt_status note_step(struct vdt_session *session, int step, struct vdt_error *error)
{
    char hex[65];
    step_checksum(step, hex);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "INSERT INTO migration (number, checksum, applied) VALUES (?1, ?2, ?3)", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, step + 1);
    vdt_bind_text(rows, 2, hex);
    vdt_bind_integer(rows, 3, vdt_time_now());
    return vdt_rows_run(rows, error);
}

static vdt_status run_step(struct vdt_session *session, int step, struct vdt_error *error)
{
    char mark[96];
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                     (int)APPLICATION, step + 1);
    vdt_status status = VDT_OK;
    if (step == 0)
        status = vdt_db_run(session,
                            "CREATE TABLE migration (number INTEGER PRIMARY KEY, "
                            "checksum TEXT NOT NULL, applied INTEGER NOT NULL)",
                            error);
    if (status == VDT_OK)
        status = vdt_db_run(session, (const char *)steps[step].sql, error);
    if (status == VDT_OK)
        status = note_step(session, step, error);
    return status == VDT_OK ? vdt_db_run(session, mark, error) : status;
}

vdt_status vdt_migrate(struct vdt_db *db, struct vdt_error *error)
{
    int64_t version = 0;
    do {
        vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
        vdt_status status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
        if (status == VDT_OK)
            status = read_version(session, db->path, &version, error);
        if (status == VDT_OK)
            status = compare_steps(session, db->path, version, error);
        if (status != VDT_OK)
            return status;
        if (version == STEPS)
            return VDT_OK;
        status = run_step(session, (int)version, error);
        if (status == VDT_OK)
            status = vdt_db_commit(&session, error);
        if (status != VDT_OK)
            return status;
    } while (version < STEPS);
    return VDT_OK;
}

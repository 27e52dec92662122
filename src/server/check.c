/* Proof of a whole catalog. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/server.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/blocks.h"
#include "server/blobs/block_map.h"
#include "server/blobs/collect.h"
#include "server/meta/audit.h"
#include "server/meta/db.h"

struct check {
    const struct vdt_server_check_options *options;
    struct vdt_server_check_report report;
    struct vdt_db *db;
    struct vdt_blobs *blobs;
    uint64_t done, total; /* bytes, for progress */
    /* The blob at hand, and the digests of its blocks. */
    char name[VDT_BLOB_NAME];
    uint64_t size;
    uint32_t block_size;
    unsigned char (*digests)[VDT_BLOCK_DIGEST];
};

static void tell(struct check *check, const char *format, ...) VDT_PRINTF(2, 3);

static void tell(struct check *check, const char *format, ...)
{
    char text[1200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    check->report.problems++;
    if (check->options->problem != NULL)
        check->options->problem(text, check->options->payload);
}

static void tell_text(const char *text, void *payload)
{
    tell(payload, "%s", text);
}

static void end_check(struct check *check)
{
    free(check->digests);
    vdt_blobs_free(check->blobs);
    vdt_db_close(check->db);
}

/* --- counts -------------------------------------------------------------------------------------
 */

static vdt_status count_all(struct check *check, struct vdt_session *session,
                            struct vdt_error *error)
{
    struct vdt_server_check_report *report = &check->report;
    const struct {
        const char *sql;
        uint64_t *count;
    } counts[] = {
        {"SELECT count(*) FROM user", &report->users},
        {"SELECT count(*) FROM entry", &report->entries},
        {"SELECT count(*) FROM version", &report->versions},
        {"SELECT count(*) FROM release", &report->releases},
        {"SELECT count(*) FROM sample", &report->samples},
        {"SELECT count(*) FROM upload WHERE state = 0", &report->uploads},
        {"SELECT count(*) FROM run", &report->runs},
        {"SELECT count(*) FROM evaluation", &report->evaluations},
        {"SELECT (SELECT count(DISTINCT blob) FROM segment) + (SELECT count(blob) FROM run)",
         &report->blobs},
        {"SELECT coalesce(sum(size), 0) FROM blob WHERE id IN (SELECT blob FROM segment) OR id IN "
         "(SELECT blob FROM run)",
         &report->blob_bytes},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
        vdt_status status = vdt_db_prepare(session, counts[i].sql, &rows, error);
        if (status == VDT_OK)
            status = vdt_rows_next(rows, error);
        if (status != VDT_OK)
            return status;
        *counts[i].count = (uint64_t)vdt_rows_integer(rows, 0);
    }
    check->total = report->blob_bytes;
    return VDT_OK;
}

/* Rows that contradict each other; each query gives a line of text a row. */
static vdt_status find_contradictions(struct check *check, struct vdt_session *session,
                                      struct vdt_error *error)
{
    static const char *const queries[] = {
        "SELECT 'entry ' || e.slug || ': its newest version ' || e.head || ' is not there' FROM "
        "entry e WHERE e.head IS NOT NULL AND NOT EXISTS (SELECT 1 FROM version v WHERE v.entry = "
        "e.id AND v.number = e.head)",
        "SELECT 'entry ' || e.slug || ': has versions, and none is its newest' FROM entry e WHERE "
        "e.head IS NULL AND EXISTS (SELECT 1 FROM version v WHERE v.entry = e.id)",
        "SELECT 'entry ' || e.slug || ': version ' || v.number || ' has ' || v.samples || "
        "' samples, and rows of ' || (SELECT count(*) FROM sample s WHERE s.entry = v.entry AND "
        "s.since <= v.number AND (s.until IS NULL OR s.until > v.number)) FROM version v JOIN "
        "entry e ON e.id = v.entry WHERE v.samples <> (SELECT count(*) FROM sample s WHERE s.entry "
        "= v.entry AND s.since <= v.number AND (s.until IS NULL OR s.until > v.number))",
        "SELECT 'run ' || slug || ': says that it has ' || predictions || ' predictions, and has ' "
        "|| (SELECT count(*) FROM prediction p WHERE p.run = run.id) FROM run WHERE predictions <> "
        "(SELECT count(*) FROM prediction p WHERE p.run = run.id)",
        "SELECT 'run ' || slug || ': says that ' || predicted || ' samples are predicted, and ' || "
        "(SELECT count(*) FROM run_sample p WHERE p.run = run.id) || ' are' FROM run WHERE "
        "predicted <> (SELECT count(*) FROM run_sample p WHERE p.run = run.id)",
        "SELECT 'run ' || slug || ': says that it has ' || rasters || ' rasters, and has ' || "
        "(SELECT count(*) FROM run_raster p WHERE p.run = run.id) FROM run WHERE rasters <> "
        "(SELECT count(*) FROM run_raster p WHERE p.run = run.id)",
        "SELECT 'entry ' || e.slug || ': its annotation set ' || a.name || ' says that it has ' || "
        "a.annotations || ' annotations on ' || a.samples || ' samples, and has others' FROM "
        "annotation_set a JOIN entry e ON e.id = a.entry WHERE a.annotations <> (SELECT count(*) "
        "FROM annotation n WHERE n.annotation_set = a.id) OR a.samples <> (SELECT count(*) FROM "
        "annotated_sample n WHERE n.annotation_set = a.id)",
        "SELECT 'run ' || slug || ': is committed, and has no file' FROM run WHERE state = 2 AND "
        "blob IS NULL",
        "SELECT 'evaluation ' || slug || ': is done, and has no document' FROM evaluation WHERE "
        "state = 2 AND document IS NULL",
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
        vdt_status status = vdt_db_prepare(session, queries[i], &rows, error);
        if (status != VDT_OK)
            return status;
        while ((status = vdt_rows_next(rows, error)) == VDT_OK)
            tell(check, "%s", vdt_rows_text(rows, 0));
        if (status != VDT_END)
            return status;
    }
    return VDT_OK;
}

/* --- versions -----------------------------------------------------------------------------------
 */

/* A version's own digest, and its runs. */
static vdt_status check_version(struct check *check, struct vdt_session *session,
                                struct vdt_rows *row, struct vdt_error *error)
{
    char what[80];
    char digest[VDT_DIGEST_TEXT];
    struct vdt_error reason = {0};
    vdt_cleanup(vdt_block_map_clear) struct vdt_block_map map = {0};
    vdt_cleanup(vdt_block_list_clear) struct vdt_block_list list = {0};
    size_t size = 0;
    snprintf(what, sizeof what, "entry %s: version %" PRId64, vdt_rows_text(row, 0),
             vdt_rows_integer(row, 2));
    const void *blocks = vdt_rows_blob(row, 6, &size);
    vdt_status status =
        vdt_block_list_of_bytes(blocks, size, (uint64_t)vdt_rows_integer(row, 4),
                                (uint32_t)vdt_rows_integer(row, 5), what, &list, &reason);
    if (status == VDT_OK) {
        vdt_block_list_digest(&list, digest);
        if (strcmp(digest, vdt_rows_text(row, 3)) != 0)
            tell(check, "%s: its block list is not that of its digest", what);
        status = vdt_block_map_load(session, vdt_rows_integer(row, 1), vdt_rows_integer(row, 2),
                                    &map, &reason);
    }
    if (status == VDT_ERR_FORMAT)
        tell(check, "%s: %s", what, reason.message);
    else if (status != VDT_OK)
        return vdt_fail(error, status, "%s", reason.message);
    return VDT_OK;
}

static vdt_status check_versions(struct check *check, struct vdt_session *session,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT e.slug, v.entry, v.number, v.digest, v.size, v.block_size, v.blocks FROM version v "
        "JOIN entry e ON e.id = v.entry ORDER BY v.entry, v.number",
        &rows, error);
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK)
        status = check_version(check, session, rows, error);
    return status == VDT_END ? VDT_OK : status;
}

/* --- blobs --------------------------------------------------------------------------------------
 */

/* Reads a blob and takes the digests of its blocks. VDT_END: it cannot be read, which was told. */
static vdt_status digest_blob(struct check *check, struct vdt_blob *blob, struct vdt_error *error)
{
    struct vdt_error reason = {0};
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate(1, check->block_size);
    uint64_t count = vdt_block_count(check->size, check->block_size);
    check->digests = vdt_allocate_zero((size_t)count, VDT_BLOCK_DIGEST);
    if (block == NULL || check->digests == NULL)
        return vdt_fail_memory(error, "check");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = i * check->block_size;
        size_t size =
            check->size - at < check->block_size ? (size_t)(check->size - at) : check->block_size;
        if (vdt_blob_read(blob, block, size, at, &reason) != VDT_OK) {
            tell(check, "blob %s: cannot be read: %s", check->name, reason.message);
            return VDT_END;
        }
        vdt_block_digest(block, size, check->digests[i]);
        check->report.blocks++;
        check->done += size;
        if (check->options->progress != NULL &&
            !check->options->progress(check->done, check->total, check->options->payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", check->options->root);
    }
    return VDT_OK;
}

/* The next blob, in the order of runs. VDT_END: its runs need not be looked at. */
static vdt_status turn_to_blob(struct check *check, const char *name, uint64_t size,
                               uint32_t block_size, struct vdt_error *error)
{
    struct vdt_error reason = {0};
    vdt_cleanup(vdt_blob_release) struct vdt_blob *blob = NULL;
    free(check->digests);
    check->digests = NULL;
    snprintf(check->name, sizeof check->name, "%s", name);
    check->size = size;
    check->block_size = block_size;
    if (vdt_blobs_open(check->blobs, name, &blob, &reason) != VDT_OK) {
        tell(check, "%s", reason.message);
        return VDT_END;
    }
    if (blob->size != size) {
        tell(check, "blob %s: has %" PRIu64 " bytes, and should have %" PRIu64, name, blob->size,
             size);
        return VDT_END;
    }
    return check->options->quick ? VDT_OK : digest_blob(check, blob, error);
}

/* Compares a run of a version with the digests of its blob. */
static vdt_status check_run(struct check *check, struct vdt_rows *run, struct vdt_rows *digests,
                            struct vdt_error *error)
{
    uint64_t first = (uint64_t)vdt_rows_integer(run, 4);
    uint64_t count = (uint64_t)vdt_rows_integer(run, 5);
    uint64_t offset = (uint64_t)vdt_rows_integer(run, 6);
    const uint64_t blocks = vdt_block_count(check->size, check->block_size);
    const char *slug = vdt_rows_text(run, 7);
    size_t size = 0;
    if (offset % check->block_size != 0 || offset / check->block_size > blocks ||
        count > blocks - offset / check->block_size) {
        tell(check, "entry %s: version %" PRId64 ": has blocks outside of blob %s", slug,
             vdt_rows_integer(run, 9), check->name);
        return VDT_OK;
    }
    if (check->digests == NULL)
        return VDT_OK;
    vdt_bind_integer(digests, 1, vdt_rows_integer(run, 8));
    vdt_bind_integer(digests, 2, vdt_rows_integer(run, 9));
    vdt_bind_integer(digests, 3, (int64_t)(first * VDT_BLOCK_DIGEST + 1));
    vdt_bind_integer(digests, 4, (int64_t)(count * VDT_BLOCK_DIGEST));
    vdt_status status = vdt_rows_next(digests, error);
    if (status < 0)
        return status;
    const unsigned char *wanted = vdt_rows_blob(digests, 0, &size);
    for (uint64_t i = 0; i < size / VDT_BLOCK_DIGEST; i++)
        if (memcmp(wanted + i * VDT_BLOCK_DIGEST, check->digests[offset / check->block_size + i],
                   VDT_BLOCK_DIGEST) != 0)
            tell(check, "entry %s: version %" PRId64 ": block %" PRIu64 " is damaged in blob %s",
                 slug, vdt_rows_integer(run, 9), first + i, check->name);
    return VDT_OK;
}

static vdt_status check_blobs(struct check *check, struct vdt_session *session,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *runs = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *digests = NULL;
    bool readable = false;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT b.id, b.name, b.size, v.block_size, s.first_block, s.count, s.blob_offset, e.slug, "
        "s.entry, s.version FROM segment s JOIN blob b ON b.id = s.blob JOIN version v ON v.entry "
        "= "
        "s.entry AND v.number = s.version JOIN entry e ON e.id = s.entry "
        "ORDER BY b.id, v.block_size, s.blob_offset",
        &runs, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session, "SELECT substr(blocks, ?3, ?4) FROM version WHERE entry = ?1 AND number = ?2",
            &digests, error);
    while (status == VDT_OK && (status = vdt_rows_next(runs, error)) == VDT_OK) {
        uint32_t block_size = (uint32_t)vdt_rows_integer(runs, 3);
        if (strcmp(check->name, vdt_rows_text(runs, 1)) != 0 || check->block_size != block_size) {
            status = turn_to_blob(check, vdt_rows_text(runs, 1),
                                  (uint64_t)vdt_rows_integer(runs, 2), block_size, error);
            readable = status == VDT_OK;
            status = status == VDT_END ? VDT_OK : status;
        }
        if (status == VDT_OK && readable)
            status = check_run(check, runs, digests, error);
    }
    return status == VDT_END ? VDT_OK : status;
}

/* --- files of runs ------------------------------------------------------------------------------
 */

/* SHA-256 of a whole blob. VDT_END: it cannot be read, which was told. */
static vdt_status digest_file(struct check *check, struct vdt_blob *blob, char hex[65],
                              struct vdt_error *error)
{
    enum { BLOCK = 1 << 20 };
    struct vdt_error reason = {0};
    unsigned char digest[32];
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate(1, BLOCK);
    struct vdt_sha256 *sha = block == NULL ? NULL : vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, "check");
    for (uint64_t at = 0; at < blob->size; at += BLOCK) {
        size_t size = blob->size - at < BLOCK ? (size_t)(blob->size - at) : BLOCK;
        if (vdt_blob_read(blob, block, size, at, &reason) != VDT_OK) {
            tell(check, "blob %s: cannot be read: %s", blob->name, reason.message);
            vdt_sha256_free(sha);
            return VDT_END;
        }
        vdt_sha256_add(sha, block, size);
        check->done += size;
    }
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, hex);
    return VDT_OK;
}

static vdt_status check_run_file(struct check *check, struct vdt_rows *row, struct vdt_error *error)
{
    struct vdt_error reason = {0};
    char hex[65];
    vdt_cleanup(vdt_blob_release) struct vdt_blob *blob = NULL;
    const char *slug = vdt_rows_text(row, 0), *wanted = vdt_rows_text(row, 3);
    if (vdt_blobs_open(check->blobs, vdt_rows_text(row, 1), &blob, &reason) != VDT_OK) {
        tell(check, "run %s: %s", slug, reason.message);
        return VDT_OK;
    }
    if (blob->size != (uint64_t)vdt_rows_integer(row, 2)) {
        tell(check, "run %s: its file has %" PRIu64 " bytes, and should have %" PRId64, slug,
             blob->size, vdt_rows_integer(row, 2));
        return VDT_OK;
    }
    vdt_status status = check->options->quick ? VDT_END : digest_file(check, blob, hex, error);
    if (status == VDT_OK && (wanted == NULL || strcmp(hex, wanted) != 0))
        tell(check, "run %s: its file is damaged", slug);
    return status < 0 ? status : VDT_OK;
}

static vdt_status check_run_files(struct check *check, struct vdt_session *session,
                                  struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT r.slug, b.name, b.size, r.file_digest FROM run r "
                                       "JOIN blob b ON b.id = r.blob ORDER BY r.id",
                                       &rows, error);
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK)
        status = check_run_file(check, rows, error);
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status tell_orphan(void *payload, const char *name, const struct vdt_blob_stat *stat,
                              struct vdt_error *error)
{
    struct check *check = payload;
    (void)stat;
    (void)error;
    check->report.orphans++;
    if (check->options->orphan != NULL)
        check->options->orphan(name, check->options->payload);
    return VDT_OK;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static vdt_status open_catalog(struct check *check, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *database =
        vdt_path_with(check->options->root, "/catalog.db");
    vdt_cleanup(vdt_free_pointer) char *blobs = vdt_path_with(check->options->root, "/blobs");
    if (database == NULL || blobs == NULL)
        return vdt_fail_memory(error, "check");
    vdt_status status = vdt_db_open(database, false, &check->db, error);
    if (status == VDT_OK)
        status = vdt_blobs_open_folder(blobs, &check->blobs, error);
    return status;
}

/* All that is read of the database is of one moment, also while a server runs. What it removes
 * meanwhile was replaced a day ago; a check that takes longer may tell of such blobs. */
static vdt_status check_rows(struct check *check, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(check->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = count_all(check, session, error);
    if (status == VDT_OK)
        status = find_contradictions(check, session, error);
    if (status == VDT_OK)
        status = check_versions(check, session, error);
    if (status == VDT_OK)
        status = check_blobs(check, session, error);
    return status != VDT_OK ? status : check_run_files(check, session, error);
}

vdt_status vdt_server_check(const struct vdt_server_check_options *options,
                            struct vdt_server_check_report *report, struct vdt_error *error)
{
    if (options == NULL || options->root == NULL || report == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a check needs the folder of a catalog");
    vdt_cleanup(end_check) struct check check = {.options = options};
    vdt_status status = open_catalog(&check, error);
    if (status == VDT_OK)
        status = vdt_db_verify(check.db, tell_text, &check, error);
    if (status == VDT_OK)
        status = vdt_audit_check(check.db, tell_text, &check, error);
    if (status == VDT_OK)
        status = check_rows(&check, error);
    if (status == VDT_OK)
        status = vdt_orphans(check.db, check.blobs, INT64_MAX, tell_orphan, &check, error);
    if (status != VDT_OK)
        return status;
    *report = check.report;
    return VDT_OK;
}

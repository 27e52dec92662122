#include "server/blobs/collect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/failpoint.h"
#include "server/blobs/upload_rows.h"
#include "server/meta/dialect.h"
#include "server/meta/times.h"

enum { STEP = 500 }; /* rows of a transaction, so that others write in between */

#define HOUR (3600 * VDT_SECOND)

/* --- uploads ------------------------------------------------------------------------------------
 */

/* An upload whose time is over, removed; VDT_END: there is none. */
static vdt_status remove_upload(struct vdt_collector *collector, char id[VDT_UPLOAD_ID],
                                char blob[VDT_BLOB_NAME], struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_begin(collector->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "SELECT id FROM upload WHERE expires < ?1 LIMIT 1", &rows,
                                error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, vdt_time_now());
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    snprintf(id, VDT_UPLOAD_ID, "%s", vdt_rows_text(rows, 0));
    vdt_rows_release(&rows);
    rows = NULL;
    status = vdt_upload_delete(session, id, blob, error);
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

static vdt_status collect_uploads(struct vdt_collector *collector, struct vdt_collected *collected,
                                  struct vdt_error *error)
{
    char id[VDT_UPLOAD_ID];
    char blob[VDT_BLOB_NAME];
    vdt_status status;
    while ((status = remove_upload(collector, id, blob, error)) == VDT_OK) {
        collected->uploads++;
        vdt_uploads_close(collector->uploads, id);
        if (blob[0] != '\0')
            status = vdt_blobs_remove(collector->blobs, blob, error);
        if (status != VDT_OK)
            return status;
    }
    return status == VDT_END ? VDT_OK : status;
}

/* --- versions -----------------------------------------------------------------------------------
 */

/* A version that was replaced before `before`, removed; VDT_END: there is none. */
static vdt_status remove_version(struct vdt_collector *collector, int64_t before,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *removal = NULL;
    vdt_status status = vdt_db_begin(collector->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "SELECT v.entry, v.number FROM version v JOIN entry e ON e.id = v.entry "
            "WHERE v.number <> e.head AND NOT EXISTS (SELECT 1 FROM release r WHERE r.entry = "
            "v.entry AND r.version = v.number) AND NOT EXISTS (SELECT 1 FROM run r WHERE r.entry = "
            "v.entry AND r.version = v.number) AND (SELECT min(n.created) FROM version n WHERE "
            "n.entry = v.entry AND n.number > v.number) < ?1 LIMIT 1",
            &rows, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "DELETE FROM version WHERE entry = ?1 AND number = ?2",
                                &removal, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, before);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(removal, 1, vdt_rows_integer(rows, 0));
    vdt_bind_integer(removal, 2, vdt_rows_integer(rows, 1));
    status = vdt_rows_run(removal, error);
    vdt_rows_release(&removal);
    vdt_rows_release(&rows);
    removal = rows = NULL;
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

/* Rows of samples that only removed versions showed. Found by a reader, for it may take a while. */
static vdt_status find_samples(struct vdt_collector *collector, int64_t *ids, size_t *count,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    *count = 0;
    vdt_status status = vdt_db_begin(collector->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "SELECT s.id FROM sample s WHERE s.until IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
            "version v WHERE v.entry = s.entry AND v.number >= s.since AND v.number < s.until) "
            "LIMIT ?1",
            &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, STEP);
    while (*count < STEP && (status = vdt_rows_next(rows, error)) == VDT_OK)
        ids[(*count)++] = vdt_rows_integer(rows, 0);
    return status < 0 ? status : VDT_OK;
}

static vdt_status remove_samples(struct vdt_collector *collector, const int64_t *ids, size_t count,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *removal = NULL;
    vdt_status status = vdt_db_begin(collector->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "DELETE FROM sample WHERE id = ?1", &removal, error);
    for (size_t i = 0; i < count && status == VDT_OK; i++) {
        status = vdt_box_remove(session, VDT_BOX_OF_SAMPLE, ids[i], error);
        vdt_bind_integer(removal, 1, ids[i]);
        if (status == VDT_OK)
            status = vdt_rows_run(removal, error);
    }
    vdt_rows_release(&removal);
    removal = NULL;
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

static vdt_status collect_versions(struct vdt_collector *collector, struct vdt_collected *collected,
                                   struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int64_t *ids = vdt_allocate(STEP, sizeof *ids);
    size_t count = 0;
    int64_t before = vdt_time_now() - collector->keep;
    vdt_status status;
    if (ids == NULL)
        return vdt_fail_memory(error, "housekeeping");
    while ((status = remove_version(collector, before, error)) == VDT_OK) {
        collected->versions++;
        collector->swept = false;
    }
    if (status != VDT_END || collector->swept)
        return status == VDT_END ? VDT_OK : status;
    do {
        status = find_samples(collector, ids, &count, error);
        if (status == VDT_OK && count > 0)
            status = remove_samples(collector, ids, count, error);
        collected->samples += status == VDT_OK ? count : 0;
    } while (status == VDT_OK && count == STEP);
    collector->swept = status == VDT_OK;
    return status;
}

/* --- blobs --------------------------------------------------------------------------------------
 */

/* A blob that nothing refers to: its row removed; VDT_END: there is none. */
static vdt_status remove_blob(struct vdt_collector *collector, char name[VDT_BLOB_NAME],
                              uint64_t *size, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *removal = NULL;
    vdt_status status = vdt_db_begin(collector->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "SELECT b.id, b.name, b.size FROM blob b WHERE NOT EXISTS (SELECT 1 FROM segment s "
            "WHERE s.blob = b.id) AND NOT EXISTS (SELECT 1 FROM upload_segment p WHERE p.blob = "
            "b.id) AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.blob = b.id) AND NOT EXISTS "
            "(SELECT "
            "1 FROM run r WHERE r.blob = b.id) LIMIT 1",
            &rows, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "DELETE FROM blob WHERE id = ?1", &removal, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    snprintf(name, VDT_BLOB_NAME, "%s", vdt_rows_text(rows, 1));
    *size = (uint64_t)vdt_rows_integer(rows, 2);
    vdt_bind_integer(removal, 1, vdt_rows_integer(rows, 0));
    status = vdt_rows_run(removal, error);
    vdt_rows_release(&removal);
    vdt_rows_release(&rows);
    removal = rows = NULL;
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

static vdt_status collect_blobs(struct vdt_collector *collector, struct vdt_collected *collected,
                                struct vdt_error *error)
{
    char name[VDT_BLOB_NAME];
    uint64_t size = 0;
    vdt_status status;
    while ((status = remove_blob(collector, name, &size, error)) == VDT_OK) {
        vdt_failpoint(collector->root, "collect.before-remove");
        collected->blobs++;
        collected->bytes += size;
        status = vdt_blobs_remove(collector->blobs, name, error);
        if (status != VDT_OK)
            return status;
    }
    return status == VDT_END ? VDT_OK : status;
}

/* --- orphans ------------------------------------------------------------------------------------
 */

struct finding {
    struct vdt_rows *rows; /* name -> whether there is a row */
    int64_t before;
    vdt_blob_each each;
    void *payload;
};

static vdt_status find_orphan(void *payload, const char *name, const struct vdt_blob_stat *stat,
                              struct vdt_error *error)
{
    const struct finding *finding = payload;
    if (stat->changed >= finding->before)
        return VDT_OK;
    vdt_bind_text(finding->rows, 1, name);
    vdt_status status = vdt_rows_next(finding->rows, error);
    return status == VDT_END ? finding->each(finding->payload, name, stat, error) : status;
}

vdt_status vdt_orphans(struct vdt_db *db, struct vdt_blobs *blobs, int64_t before,
                       vdt_blob_each each, void *payload, struct vdt_error *error)
{
    /* A blob has its row before it has its file. A file that is made while the folder is listed has
     * no row in this snapshot, and is younger than `before`. */
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "SELECT 1 FROM blob WHERE name = ?1", &rows, error);
    struct finding finding = {rows, before, each, payload};
    return status != VDT_OK ? status : vdt_blobs_list(blobs, find_orphan, &finding, error);
}

struct removal {
    struct vdt_collector *collector;
    struct vdt_collected *collected;
};

static vdt_status remove_orphan(void *payload, const char *name, const struct vdt_blob_stat *stat,
                                struct vdt_error *error)
{
    struct removal *removal = payload;
    removal->collected->orphans++;
    removal->collected->bytes += stat->size;
    return vdt_blobs_remove(removal->collector->blobs, name, error);
}

vdt_status vdt_collect(struct vdt_collector *collector, struct vdt_collected *collected,
                       struct vdt_error *error)
{
    *collected = (struct vdt_collected){0};
    int64_t now = vdt_time_now();
    vdt_status status = collect_uploads(collector, collected, error);
    if (status == VDT_OK)
        status = collect_versions(collector, collected, error);
    if (status == VDT_OK)
        status = collect_blobs(collector, collected, error);
    if (status != VDT_OK || now < collector->orphans_next)
        return status;
    collector->orphans_next = now + (collector->keep < HOUR ? collector->keep : HOUR);
    struct removal removal = {collector, collected};
    return vdt_orphans(collector->db, collector->blobs, now - collector->keep, remove_orphan,
                       &removal, error);
}

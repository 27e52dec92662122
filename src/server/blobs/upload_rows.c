/* Rows of uploads. */
#include "server/blobs/upload_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/db.h"
#include "server/meta/random.h"
#include "server/meta/times.h"

_Static_assert((int)VDT_UPLOAD_ID == (int)VDT_SLUG_SIZE + 1, "ids of uploads are slugs");

vdt_status vdt_upload_find_same(struct vdt_session *session, int64_t entry, int64_t user,
                                const struct vdt_block_list *list, char id[VDT_UPLOAD_ID],
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT id FROM upload WHERE entry = ?1 AND user = ?2 AND "
                                       "state = 0 AND expires > ?3 AND size = ?4 AND "
                                       "block_size = ?5 AND blocks = ?6 ORDER BY created LIMIT 1",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, user);
    vdt_bind_integer(rows, 3, vdt_time_now());
    vdt_bind_integer(rows, 4, (int64_t)list->size);
    vdt_bind_integer(rows, 5, list->block_size);
    vdt_bind_blob(rows, 6, list->digests, (size_t)list->count * VDT_BLOCK_DIGEST);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        snprintf(id, VDT_UPLOAD_ID, "%s", vdt_rows_text(rows, 0));
    return status;
}

static vdt_status insert_blob(struct vdt_session *session, uint64_t size, int64_t *id,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    char name[VDT_BLOB_NAME];
    vdt_status status = vdt_blob_name(name, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session, "INSERT INTO blob (name, size, created) VALUES (?1, ?2, ?3)", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, name);
    vdt_bind_integer(rows, 2, (int64_t)size);
    vdt_bind_integer(rows, 3, vdt_time_now());
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        *id = vdt_db_last_id(session);
    return status;
}

/* The bits of blocks that are here already. Owned; NULL: memory is out. */
static unsigned char *bits_of_delta(const struct vdt_delta *delta, size_t size)
{
    unsigned char *bits = vdt_allocate_zero(1, size);
    for (size_t i = 0; i < delta->count && bits != NULL; i++)
        for (uint64_t k = 0; k < delta->runs[i].count && delta->runs[i].blob != 0; k++)
            bits[(delta->runs[i].first + k) / 8] |=
                (unsigned char)(1U << ((delta->runs[i].first + k) % 8));
    return bits;
}

static vdt_status insert_runs(struct vdt_session *session, const char *id,
                              const struct vdt_delta *delta, int64_t blob, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "INSERT INTO upload_segment (upload, first_block, count, "
                                       "blob, blob_offset) VALUES (?1, ?2, ?3, ?4, ?5)",
                                       &rows, error);
    for (size_t i = 0; i < delta->count && status == VDT_OK; i++) {
        const struct vdt_delta_run *run = &delta->runs[i];
        vdt_bind_text(rows, 1, id);
        vdt_bind_integer(rows, 2, (int64_t)run->first);
        vdt_bind_integer(rows, 3, (int64_t)run->count);
        vdt_bind_integer(rows, 4, run->blob == 0 ? blob : run->blob);
        vdt_bind_integer(rows, 5, (int64_t)run->offset);
        status = vdt_rows_run(rows, error);
    }
    return status;
}

vdt_status vdt_upload_insert(struct vdt_session *session, int64_t entry, int64_t user,
                             const struct vdt_block_list *list, const struct vdt_delta *delta,
                             char id[VDT_UPLOAD_ID], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    size_t size = (size_t)((list->count + 7) / 8);
    vdt_cleanup(vdt_free_pointer) unsigned char *bits = bits_of_delta(delta, size);
    char slug[VDT_SLUG_SIZE + 1];
    int64_t blob = 0;
    int64_t now = vdt_time_now();
    if (bits == NULL)
        return vdt_fail_memory(error, "upload");
    vdt_status status = vdt_random_slug(slug, error);
    if (status == VDT_OK && delta->missing > 0)
        status = insert_blob(session, delta->bytes, &blob, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "INSERT INTO upload (id, entry, user, created, expires, size, block_size, blocks, "
            "received, blob, state, reserved) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, "
            "?11)",
            &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, slug);
    vdt_bind_integer(rows, 2, entry);
    vdt_bind_integer(rows, 3, user);
    vdt_bind_integer(rows, 4, now);
    vdt_bind_integer(rows, 5, now + VDT_UPLOAD_LIFE * VDT_SECOND);
    vdt_bind_integer(rows, 6, (int64_t)list->size);
    vdt_bind_integer(rows, 7, list->block_size);
    vdt_bind_blob(rows, 8, list->digests, (size_t)list->count * VDT_BLOCK_DIGEST);
    vdt_bind_blob(rows, 9, bits, size);
    if (blob != 0)
        vdt_bind_integer(rows, 10, blob);
    else
        vdt_bind_null(rows, 10);
    vdt_bind_integer(rows, 11, (int64_t)delta->bytes);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        status = insert_runs(session, slug, delta, blob, error);
    if (status == VDT_OK)
        snprintf(id, VDT_UPLOAD_ID, "%s", slug);
    return status;
}

/* Runs one statement whose first parameter is the upload's id. */
static vdt_status run_with_id(struct vdt_session *session, const char *sql, const char *id,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, id);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_upload_delete(struct vdt_session *session, const char *id, char blob[VDT_BLOB_NAME],
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    blob[0] = '\0';
    vdt_status status = vdt_db_prepare(
        session, "SELECT b.name FROM upload u JOIN blob b ON b.id = u.blob WHERE u.id = ?1", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        snprintf(blob, VDT_BLOB_NAME, "%s", vdt_rows_text(rows, 0));
    if (status < 0)
        return status;
    status = run_with_id(session, "DELETE FROM upload_segment WHERE upload = ?1", id, error);
    if (status == VDT_OK)
        status = run_with_id(session, "DELETE FROM upload WHERE id = ?1", id, error);
    if (status == VDT_OK && blob[0] != '\0')
        status = run_with_id(session, "DELETE FROM blob WHERE name = ?1", blob, error);
    return status;
}

static vdt_status insert_version(struct vdt_session *session, const char *id,
                                 const struct vdt_new_version *version, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO version (entry, number, digest, size, block_size, blocks, created, creator, "
        "parent, info, samples, message) SELECT ?2, ?3, ?4, size, block_size, blocks, ?5, ?6, ?7, "
        "?8, ?9, ?10 FROM upload WHERE id = ?1 AND state = 0",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, id);
    vdt_bind_integer(rows, 2, version->entry);
    vdt_bind_integer(rows, 3, version->number);
    vdt_bind_text(rows, 4, version->digest);
    vdt_bind_integer(rows, 5, vdt_time_now());
    vdt_bind_integer(rows, 6, version->creator);
    vdt_bind_text(rows, 7, version->parent);
    vdt_bind_text(rows, 8, version->info);
    vdt_bind_integer(rows, 9, version->samples);
    vdt_bind_text(rows, 10, version->message);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK && vdt_db_changes(session) != 1)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "upload %s: is not open any more", id);
    return status;
}

vdt_status vdt_upload_become(struct vdt_session *session, const char *id,
                             const struct vdt_new_version *version, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *runs = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *done = NULL;
    vdt_status status = insert_version(session, id, version, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "INSERT INTO segment (entry, version, first_block, count, blob, blob_offset) "
            "SELECT ?2, ?3, first_block, count, blob, blob_offset FROM upload_segment "
            "WHERE upload = ?1",
            &runs, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(runs, 1, id);
    vdt_bind_integer(runs, 2, version->entry);
    vdt_bind_integer(runs, 3, version->number);
    status = vdt_rows_run(runs, error);
    if (status == VDT_OK)
        status = run_with_id(session, "DELETE FROM upload_segment WHERE upload = ?1", id, error);
    /* The row stays for a while, to give the same answer to who asks again. */
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "UPDATE upload SET state = 1, version = ?2, blob = NULL, "
                                "reserved = 0, blocks = ?3, received = ?3 WHERE id = ?1",
                                &done, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(done, 1, id);
    vdt_bind_integer(done, 2, version->number);
    vdt_bind_blob(done, 3, "", 0);
    return vdt_rows_run(done, error);
}

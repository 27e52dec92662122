/* All uploads that are in memory: read from the database when they are asked for, written down now
 * and then, and dropped when nobody needs them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/upload_state.h"
#include "server/meta/db.h"
#include "server/meta/times.h"

struct vdt_uploads {
    struct vdt_db *db;
    struct vdt_blobs *blobs;
    char boot[VDT_BOOT_ROOM]; /* of the running system; "": unknown, and so never the same */
    pthread_mutex_t lock;     /* of the list, and of each upload's `next` and `holders` */
    struct vdt_upload *first;
};

static void free_upload(struct vdt_upload *upload)
{
    vdt_blob_close(upload->blob);
    vdt_block_list_clear(&upload->list);
    vdt_delta_clear(&upload->delta);
    free(upload->bits);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static vdt_status load_runs(struct vdt_upload *upload, struct vdt_session *session, int64_t own,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    struct vdt_delta *delta = &upload->delta;
    uint32_t block_size = upload->list.block_size;
    uint64_t next = 0;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT first_block, count, blob, blob_offset "
                                       "FROM upload_segment WHERE upload = ?1 ORDER BY first_block",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, upload->id);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        if (!vdt_grow(&delta->runs, &delta->room, delta->count + 1, sizeof *delta->runs))
            return vdt_fail_memory(error, "upload");
        struct vdt_delta_run *run = &delta->runs[delta->count++];
        run->first = (uint64_t)vdt_rows_integer(rows, 0);
        run->count = (uint64_t)vdt_rows_integer(rows, 1);
        run->blob = vdt_rows_integer(rows, 2);
        run->offset = (uint64_t)vdt_rows_integer(rows, 3);
        if (run->first != next || run->count > upload->list.count - next)
            return vdt_fail(error, VDT_ERR_FORMAT, "upload %s: its runs have a gap at block %llu",
                            upload->id, (unsigned long long)next);
        next = run->first + run->count;
        if (run->blob != own)
            continue;
        run->blob = 0;
        delta->missing += run->count;
        delta->bytes += (run->count - 1) * block_size +
                        vdt_block_length(&upload->list, run->first + run->count - 1);
    }
    if (status == VDT_END && next != upload->list.count)
        return vdt_fail(error, VDT_ERR_FORMAT, "upload %s: its runs end at block %llu", upload->id,
                        (unsigned long long)next);
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status load_row(struct vdt_upload *upload, struct vdt_session *session,
                           char boot[VDT_BOOT_ROOM], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT u.entry, u.user, u.version, u.expires, u.size, u.block_size, u.blocks, u.received, "
        "u.boot, u.blob, b.name FROM upload u LEFT JOIN blob b ON b.id = u.blob WHERE u.id = ?1",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, upload->id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK && vdt_rows_integer(rows, 3) < vdt_time_now())
        status = VDT_END;
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "upload %s: is not there", upload->id);
    if (status != VDT_OK)
        return status;
    upload->entry = vdt_rows_integer(rows, 0);
    upload->user = vdt_rows_integer(rows, 1);
    upload->version = vdt_rows_integer(rows, 2);
    upload->used = vdt_rows_integer(rows, 3) - VDT_UPLOAD_LIFE * VDT_SECOND;
    if (upload->version != 0) /* its blocks are the version's now */
        return VDT_OK;
    size_t size = 0;
    const void *digests = vdt_rows_blob(rows, 6, &size);
    status = vdt_block_list_of_bytes(digests, size, (uint64_t)vdt_rows_integer(rows, 4),
                                     (uint32_t)vdt_rows_integer(rows, 5), upload->id, &upload->list,
                                     error);
    if (status != VDT_OK)
        return status;
    const void *bits = vdt_rows_blob(rows, 7, &size);
    if (size != (upload->list.count + 7) / 8)
        return vdt_fail(error, VDT_ERR_FORMAT, "upload %s: its bits are of another length",
                        upload->id);
    if ((upload->bits = vdt_allocate(1, size)) == NULL)
        return vdt_fail_memory(error, "upload");
    memcpy(upload->bits, bits, size);
    snprintf(boot, VDT_BOOT_ROOM, "%s", vdt_rows_text(rows, 8));
    if (vdt_rows_is_null(rows, 9))
        return load_runs(upload, session, 0, error);
    snprintf(upload->blob_name, sizeof upload->blob_name, "%s", vdt_rows_text(rows, 10));
    return load_runs(upload, session, vdt_rows_integer(rows, 9), error);
}

/* Reads the blocks that should be in the blob, and forgets those that are not what they should be.
 */
static vdt_status compare_blocks(struct vdt_upload *upload, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) void *block = vdt_allocate(1, upload->list.block_size);
    if (block == NULL)
        return vdt_fail_memory(error, "upload");
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; i < upload->list.count && status == VDT_OK; i++) {
        const struct vdt_delta_run *run = vdt_upload_run(upload, i);
        if (run->blob != 0 || !vdt_upload_has(upload, i))
            continue;
        status = vdt_blob_read(upload->blob, block, vdt_block_length(&upload->list, i),
                               run->offset + (i - run->first) * upload->list.block_size, error);
        vdt_upload_mark(upload, i, status == VDT_OK && vdt_block_is(&upload->list, i, block));
        if (status == VDT_ERR_FORMAT || status == VDT_ERR_IO) /* a disk that lost it */
            status = VDT_OK;
    }
    return status;
}

static void forget_blocks(struct vdt_upload *upload)
{
    for (uint64_t i = 0; i < upload->list.count; i++)
        if (vdt_upload_run(upload, i)->blob == 0)
            vdt_upload_mark(upload, i, false);
}

/* What of the bits is true: see uploads.h. */
static vdt_status check_bits(struct vdt_upload *upload, const char *boot, struct vdt_error *error)
{
    uint64_t own = 0;
    upload->missing = 0;
    for (uint64_t i = 0; i < upload->list.count; i++) {
        bool here = vdt_upload_has(upload, i);
        upload->missing += !here;
        own += here && vdt_upload_run(upload, i)->blob == 0;
    }
    if (own == 0)
        return VDT_OK;
    struct vdt_blob_stat stat;
    vdt_status status = vdt_blobs_stat(upload->blobs, upload->blob_name, &stat, error);
    if (status == VDT_ERR_NOT_FOUND || (status == VDT_OK && stat.size != upload->delta.bytes)) {
        forget_blocks(upload);
        return status == VDT_OK ? vdt_blobs_remove(upload->blobs, upload->blob_name, error)
                                : VDT_OK;
    }
    if (status == VDT_OK)
        status = vdt_blobs_stage(upload->blobs, upload->blob_name, upload->delta.bytes,
                                 &upload->blob, error);
    if (status != VDT_OK || (boot[0] != '\0' && strcmp(boot, upload->of->boot) == 0))
        return status;
    upload->changed = true;
    return compare_blocks(upload, error);
}

static vdt_status load(struct vdt_upload *upload, struct vdt_error *error)
{
    char boot[VDT_BOOT_ROOM] = "";
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(upload->of->db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = load_row(upload, session, boot, error);
    vdt_db_end(&session);
    session = NULL;
    if (status != VDT_OK || upload->version != 0)
        return status;
    return check_bits(upload, boot, error);
}

/* --- the list -----------------------------------------------------------------------------------
 */

/* Under the table's lock. */
static struct vdt_upload **find(struct vdt_uploads *uploads, const char *id)
{
    struct vdt_upload **link = &uploads->first;
    while (*link != NULL && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    return link;
}

/* Takes it out of the list, so that the next who asks reads the database. Under the table's lock.
 */
static void take_out(struct vdt_uploads *uploads, struct vdt_upload *upload)
{
    struct vdt_upload **link = &uploads->first;
    while (*link != NULL && *link != upload)
        link = &(*link)->next;
    if (*link != NULL)
        *link = upload->next;
    upload->next = NULL;
    upload->listed = false;
}

static struct vdt_upload *new_upload(struct vdt_uploads *uploads, const char *id)
{
    struct vdt_upload *upload = vdt_allocate_zero(1, sizeof *upload);
    if (upload == NULL)
        return NULL;
    pthread_mutex_init(&upload->lock, NULL);
    upload->of = uploads;
    upload->blobs = uploads->blobs;
    snprintf(upload->id, sizeof upload->id, "%s", id);
    return upload;
}

vdt_status vdt_uploads_hold(struct vdt_uploads *uploads, const char *id, struct vdt_upload **upload,
                            struct vdt_error *error)
{
    if (strlen(id) != VDT_UPLOAD_ID - 1)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "upload %.40s: is not there", id);
    pthread_mutex_lock(&uploads->lock);
    struct vdt_upload *found = *find(uploads, id);
    bool fresh = found == NULL;
    if (fresh && (found = new_upload(uploads, id)) != NULL) {
        pthread_mutex_lock(&found->lock); /* who finds it in the list waits here */
        found->next = uploads->first;
        found->listed = true;
        uploads->first = found;
    }
    if (found != NULL) {
        found->holders++;
        found->touched = vdt_time_now();
    }
    pthread_mutex_unlock(&uploads->lock);
    if (found == NULL)
        return vdt_fail_memory(error, "upload");
    if (fresh)
        found->failed = load(found, &found->why);
    else
        pthread_mutex_lock(&found->lock);
    vdt_status status = found->failed;
    if (status != VDT_OK && error != NULL)
        *error = found->why;
    pthread_mutex_unlock(&found->lock);
    if (status != VDT_OK)
        vdt_upload_release(&found);
    else
        *upload = found;
    return status;
}

void vdt_upload_release(struct vdt_upload **upload)
{
    struct vdt_upload *held = *upload;
    if (held == NULL)
        return;
    struct vdt_uploads *uploads = held->of;
    *upload = NULL;
    pthread_mutex_lock(&uploads->lock);
    if (held->failed != VDT_OK && held->listed)
        take_out(uploads, held);
    bool last = --held->holders == 0 && !held->listed;
    pthread_mutex_unlock(&uploads->lock);
    if (last)
        free_upload(held);
}

void vdt_uploads_close(struct vdt_uploads *uploads, const char *id)
{
    pthread_mutex_lock(&uploads->lock);
    struct vdt_upload *found = *find(uploads, id);
    if (found != NULL) {
        found->holders++;
        take_out(uploads, found);
    }
    pthread_mutex_unlock(&uploads->lock);
    if (found == NULL)
        return;
    pthread_mutex_lock(&found->lock);
    found->closed = true;
    pthread_mutex_unlock(&found->lock);
    vdt_upload_release(&found);
}

/* --- writing down -------------------------------------------------------------------------------
 */

/* Takes the bits that changed; *bits is owned, NULL when nothing did. */
static vdt_status take_bits(struct vdt_upload *upload, unsigned char **bits, size_t *size,
                            int64_t *used, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    pthread_mutex_lock(&upload->lock);
    if (upload->changed && !upload->closed && upload->version == 0) {
        *size = (size_t)((upload->list.count + 7) / 8);
        *bits = vdt_allocate(1, *size);
        if (*bits == NULL)
            status = vdt_fail_memory(error, "upload");
        else
            memcpy(*bits, upload->bits, *size);
        *used = upload->used;
        upload->changed = *bits == NULL;
    }
    pthread_mutex_unlock(&upload->lock);
    return status;
}

static vdt_status write_down(struct vdt_upload *upload, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) unsigned char *bits = NULL;
    size_t size = 0;
    int64_t used = 0;
    vdt_status status = take_bits(upload, &bits, &size, &used, error);
    if (status != VDT_OK || bits == NULL)
        return status;
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    status = vdt_db_begin(upload->of->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "UPDATE upload SET received = ?2, boot = ?3, expires = ?4 "
                                "WHERE id = ?1 AND state = 0",
                                &rows, error);
    if (status == VDT_OK) {
        vdt_bind_text(rows, 1, upload->id);
        vdt_bind_blob(rows, 2, bits, size);
        vdt_bind_text(rows, 3, upload->of->boot);
        vdt_bind_integer(rows, 4, used + VDT_UPLOAD_LIFE * VDT_SECOND);
        status = vdt_rows_run(rows, error);
    }
    vdt_rows_release(&rows);
    rows = NULL;
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    if (status != VDT_OK) {
        pthread_mutex_lock(&upload->lock);
        upload->changed = true;
        pthread_mutex_unlock(&upload->lock);
    }
    return status;
}

/* The upload after `last` in the list (NULL: the first), held; `last` is let go. */
static struct vdt_upload *next_held(struct vdt_uploads *uploads, struct vdt_upload *last)
{
    pthread_mutex_lock(&uploads->lock);
    struct vdt_upload *next = last == NULL ? uploads->first : last->listed ? last->next : NULL;
    if (next != NULL)
        next->holders++;
    pthread_mutex_unlock(&uploads->lock);
    vdt_upload_release(&last);
    return next;
}

/* An upload that nobody holds and nobody has used for a while, out of the list. */
static struct vdt_upload *take_idle(struct vdt_uploads *uploads, int64_t before)
{
    struct vdt_upload *idle = NULL;
    pthread_mutex_lock(&uploads->lock);
    for (struct vdt_upload *u = uploads->first; u != NULL && idle == NULL; u = u->next)
        if (u->holders == 0 && !u->changed && u->touched < before)
            idle = u;
    if (idle != NULL)
        take_out(uploads, idle);
    pthread_mutex_unlock(&uploads->lock);
    return idle;
}

vdt_status vdt_uploads_flush(struct vdt_uploads *uploads, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (struct vdt_upload *u = next_held(uploads, NULL); u != NULL; u = next_held(uploads, u)) {
        struct vdt_error other;
        vdt_status written = write_down(u, status == VDT_OK ? error : &other);
        status = status == VDT_OK ? written : status;
    }
    int64_t before = vdt_time_now() - VDT_UPLOAD_IDLE * VDT_SECOND;
    for (struct vdt_upload *u = NULL; (u = take_idle(uploads, before)) != NULL;)
        free_upload(u);
    return status;
}

/* --- all of them --------------------------------------------------------------------------------
 */

static void read_boot(char boot[VDT_BOOT_ROOM])
{
    vdt_cleanup(vdt_close_fd) int fd =
        open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, boot, VDT_BOOT_ROOM - 1);
    boot[size < 0 ? 0 : size] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
}

vdt_status vdt_uploads_new(struct vdt_db *db, struct vdt_blobs *blobs, struct vdt_uploads **uploads,
                           struct vdt_error *error)
{
    struct vdt_uploads *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "uploads");
    made->db = db;
    made->blobs = blobs;
    pthread_mutex_init(&made->lock, NULL);
    read_boot(made->boot);
    *uploads = made;
    return VDT_OK;
}

void vdt_uploads_free(struct vdt_uploads *uploads)
{
    if (uploads == NULL)
        return;
    /* What cannot be written down has to be sent again, no more. */
    (void)vdt_uploads_flush(uploads, NULL);
    while (uploads->first != NULL) {
        struct vdt_upload *upload = uploads->first;
        take_out(uploads, upload);
        free_upload(upload);
    }
    pthread_mutex_destroy(&uploads->lock);
    free(uploads);
}

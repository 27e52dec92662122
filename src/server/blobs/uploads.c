/* One upload: its blocks, its bits and its blob. The table of all of them is in upload_table.c. */
#include "server/blobs/uploads.h"

#include <string.h>

#include "base/error.h"
#include "server/blobs/upload_state.h"
#include "server/meta/times.h"

const char *vdt_upload_id(const struct vdt_upload *upload)
{
    return upload->id;
}

int64_t vdt_upload_entry(const struct vdt_upload *upload)
{
    return upload->entry;
}

int64_t vdt_upload_user(const struct vdt_upload *upload)
{
    return upload->user;
}

const struct vdt_block_list *vdt_upload_list(const struct vdt_upload *upload)
{
    return &upload->list;
}

int64_t vdt_upload_version(const struct vdt_upload *upload)
{
    return upload->version;
}

bool vdt_upload_has(const struct vdt_upload *upload, uint64_t index)
{
    return (upload->bits[index / 8] >> (index % 8) & 1) != 0;
}

void vdt_upload_mark(struct vdt_upload *upload, uint64_t index, bool here)
{
    if (vdt_upload_has(upload, index) == here)
        return;
    upload->bits[index / 8] ^= (unsigned char)(1U << (index % 8));
    upload->missing += here ? (uint64_t)-1 : 1;
    upload->changed = true;
}

const struct vdt_delta_run *vdt_upload_run(const struct vdt_upload *upload, uint64_t index)
{
    size_t low = 0;
    size_t high = upload->delta.count; /* runs[low].first <= index < runs[high].first */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (upload->delta.runs[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    return &upload->delta.runs[low];
}

bool vdt_upload_is_open(struct vdt_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    bool open = !upload->closed && upload->version == 0;
    pthread_mutex_unlock(&upload->lock);
    return open;
}

/* Under the lock. */
static vdt_status stage(struct vdt_upload *upload, struct vdt_error *error)
{
    if (upload->delta.missing == 0 || upload->blob != NULL)
        return VDT_OK;
    return vdt_blobs_stage(upload->blobs, upload->blob_name, upload->delta.bytes, &upload->blob,
                           error);
}

vdt_status vdt_upload_prepare(struct vdt_upload *upload, struct vdt_error *error)
{
    pthread_mutex_lock(&upload->lock);
    vdt_status status = upload->closed ? VDT_OK : stage(upload, error);
    pthread_mutex_unlock(&upload->lock);
    return status;
}

/* Counts a writer in, so that the blob stays open without the lock being held while it writes.
 * *blob is NULL when the block is there or comes from elsewhere. */
static vdt_status begin_write(struct vdt_upload *upload, uint64_t index, struct vdt_blob **blob,
                              uint64_t *offset, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    *blob = NULL;
    pthread_mutex_lock(&upload->lock);
    const struct vdt_delta_run *run = vdt_upload_run(upload, index);
    if (upload->closed || upload->version != 0) {
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "upload %s: is closed", upload->id);
    } else if (run->blob == 0 && !vdt_upload_has(upload, index)) {
        status = stage(upload, error);
        *blob = status == VDT_OK ? upload->blob : NULL;
        *offset = run->offset + (index - run->first) * upload->list.block_size;
    }
    pthread_mutex_unlock(&upload->lock);
    return status;
}

vdt_status vdt_upload_take(struct vdt_upload *upload, uint64_t index, const void *data,
                           struct vdt_error *error)
{
    struct vdt_blob *blob = NULL;
    uint64_t offset = 0;
    if (!vdt_block_is(&upload->list, index, data))
        return vdt_fail(error, VDT_ERR_MISMATCH, "block %llu: is not the one of the list",
                        (unsigned long long)index);
    vdt_status status = begin_write(upload, index, &blob, &offset, error);
    if (status != VDT_OK || blob == NULL)
        return status;
    /* Others may write the same block at this moment, but only the same bytes. */
    status = vdt_blob_write(blob, data, vdt_block_length(&upload->list, index), offset, error);
    if (status != VDT_OK)
        return status;
    pthread_mutex_lock(&upload->lock);
    vdt_upload_mark(upload, index, true);
    upload->used = vdt_time_now();
    pthread_mutex_unlock(&upload->lock);
    return VDT_OK;
}

json_t *vdt_upload_missing(struct vdt_upload *upload)
{
    json_t *runs = json_array();
    uint64_t start = UINT64_MAX;
    bool room = runs != NULL;
    pthread_mutex_lock(&upload->lock);
    for (uint64_t i = 0; i <= upload->list.count && room; i++) {
        bool here = i == upload->list.count || vdt_upload_has(upload, i);
        if (!here && start == UINT64_MAX)
            start = i;
        if (!here || start == UINT64_MAX)
            continue;
        json_t *run = json_pack("[I, I]", (json_int_t)start, (json_int_t)(i - start));
        room = json_array_append_new(runs, run) == 0;
        start = UINT64_MAX;
    }
    pthread_mutex_unlock(&upload->lock);
    if (room)
        return runs;
    json_decref(runs);
    return NULL;
}

uint64_t vdt_upload_missing_count(struct vdt_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    uint64_t missing = upload->missing;
    pthread_mutex_unlock(&upload->lock);
    return missing;
}

int64_t vdt_upload_expires(struct vdt_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    int64_t expires = upload->used + VDT_UPLOAD_LIFE * VDT_SECOND;
    pthread_mutex_unlock(&upload->lock);
    return expires;
}

bool vdt_upload_begin_commit(struct vdt_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    bool begun = !upload->committing;
    upload->committing = true;
    pthread_mutex_unlock(&upload->lock);
    return begun;
}

void vdt_upload_end_commit(struct vdt_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    upload->committing = false;
    pthread_mutex_unlock(&upload->lock);
}

vdt_status vdt_upload_seal(struct vdt_upload *upload, struct vdt_error *error)
{
    pthread_mutex_lock(&upload->lock);
    vdt_status status = upload->closed ? VDT_OK : stage(upload, error);
    struct vdt_blob *blob = upload->blob;
    pthread_mutex_unlock(&upload->lock);
    if (status != VDT_OK || blob == NULL)
        return status;
    status = vdt_blob_seal(blob, error);
    if (status == VDT_OK)
        return VDT_OK;
    /* After a failed sync the system may hold pages that never reached the disk for clean. */
    pthread_mutex_lock(&upload->lock);
    for (uint64_t i = 0; i < upload->list.count; i++)
        if (vdt_upload_run(upload, i)->blob == 0)
            vdt_upload_mark(upload, i, false);
    pthread_mutex_unlock(&upload->lock);
    return status;
}

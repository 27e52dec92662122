/* What all places of blobs have in common: names, bounds, and copies by reading and writing. */
#include "server/blobs/blobs.h"

#include <string.h>
#include <sys/random.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"

enum { COPY_PIECE = 1 << 20 };

void vdt_blobs_free(struct vdt_blobs *blobs)
{
    if (blobs != NULL)
        blobs->ops->free(blobs);
}

vdt_status vdt_blob_name(char name[VDT_BLOB_NAME], struct vdt_error *error)
{
    unsigned char bytes[VDT_BLOB_NAME / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return vdt_fail_errno(error, "random bytes");
    vdt_hex(bytes, sizeof bytes, name);
    return VDT_OK;
}

bool vdt_blob_name_is_valid(const char *name)
{
    return strspn(name, "0123456789abcdef") == VDT_BLOB_NAME - 1 && name[VDT_BLOB_NAME - 1] == '\0';
}

static vdt_status check_name(const char *name, struct vdt_error *error)
{
    if (vdt_blob_name_is_valid(name))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "blob %.64s: a name has 32 characters of 0-9a-f",
                    name);
}

vdt_status vdt_blobs_stage(struct vdt_blobs *blobs, const char *name, uint64_t size,
                           struct vdt_blob **blob, struct vdt_error *error)
{
    vdt_status status = check_name(name, error);
    if (status == VDT_OK && size > INT64_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "blob %s: %llu bytes are too many", name,
                        (unsigned long long)size);
    return status != VDT_OK ? status : blobs->ops->stage(blobs, name, size, blob, error);
}

vdt_status vdt_blobs_open(struct vdt_blobs *blobs, const char *name, struct vdt_blob **blob,
                          struct vdt_error *error)
{
    vdt_status status = check_name(name, error);
    return status != VDT_OK ? status : blobs->ops->open(blobs, name, blob, error);
}

vdt_status vdt_blobs_stat(struct vdt_blobs *blobs, const char *name, struct vdt_blob_stat *stat,
                          struct vdt_error *error)
{
    vdt_status status = check_name(name, error);
    return status != VDT_OK ? status : blobs->ops->stat(blobs, name, stat, error);
}

vdt_status vdt_blobs_remove(struct vdt_blobs *blobs, const char *name, struct vdt_error *error)
{
    vdt_status status = check_name(name, error);
    return status != VDT_OK ? status : blobs->ops->remove(blobs, name, error);
}

vdt_status vdt_blobs_list(struct vdt_blobs *blobs, vdt_blob_each each, void *payload,
                          struct vdt_error *error)
{
    return blobs->ops->list(blobs, each, payload, error);
}

static vdt_status copy_bytes(struct vdt_blob *from, struct vdt_blob *to, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *piece = vdt_allocate(1, COPY_PIECE);
    if (piece == NULL)
        return vdt_fail_memory(error, from->name);
    vdt_status status = VDT_OK;
    for (uint64_t at = 0; at < from->size && status == VDT_OK; at += COPY_PIECE) {
        size_t size = from->size - at < COPY_PIECE ? (size_t)(from->size - at) : COPY_PIECE;
        status = vdt_blob_read(from, piece, size, at, error);
        if (status == VDT_OK)
            status = vdt_blob_write(to, piece, size, at, error);
    }
    return status != VDT_OK ? status : vdt_blob_seal(to, error);
}

vdt_status vdt_blobs_copy(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                          struct vdt_error *error)
{
    vdt_status status = check_name(name, error);
    if (status != VDT_OK)
        return status;
    if (blobs->ops->copy != NULL && blobs->ops == to->ops)
        return blobs->ops->copy(blobs, name, to, error);
    vdt_cleanup(vdt_blob_release) struct vdt_blob *from = NULL;
    vdt_cleanup(vdt_blob_release) struct vdt_blob *copy = NULL;
    status = vdt_blobs_open(blobs, name, &from, error);
    if (status == VDT_OK)
        status = vdt_blobs_stage(to, name, from->size, &copy, error);
    return status != VDT_OK ? status : copy_bytes(from, copy, error);
}

static vdt_status check_bounds(const struct vdt_blob *blob, size_t size, uint64_t at,
                               struct vdt_error *error)
{
    if (at <= blob->size && size <= blob->size - at)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT, "blob %s: has %llu bytes, not %zu at byte %llu",
                    blob->name, (unsigned long long)blob->size, size, (unsigned long long)at);
}

vdt_status vdt_blob_read(struct vdt_blob *blob, void *data, size_t size, uint64_t at,
                         struct vdt_error *error)
{
    vdt_status status = check_bounds(blob, size, at, error);
    return status != VDT_OK ? status : blob->ops->read(blob, data, size, at, error);
}

vdt_status vdt_blob_write(struct vdt_blob *blob, const void *data, size_t size, uint64_t at,
                          struct vdt_error *error)
{
    vdt_status status = check_bounds(blob, size, at, error);
    return status != VDT_OK ? status : blob->ops->write(blob, data, size, at, error);
}

vdt_status vdt_blob_seal(struct vdt_blob *blob, struct vdt_error *error)
{
    return blob->ops->seal(blob, error);
}

int vdt_blob_descriptor(const struct vdt_blob *blob)
{
    return blob->ops->descriptor == NULL ? -1 : blob->ops->descriptor(blob);
}

void vdt_blob_close(struct vdt_blob *blob)
{
    if (blob != NULL)
        blob->ops->close(blob);
}

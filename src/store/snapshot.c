/* A store's committed bytes: the file opened to read, cut off where the superblock says. */
#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/file.h"

/* Of a superblock of version 2 or 3 (HDF5 File Format Specification, II.A). */
enum { SUPERBLOCK = 48, AT_VERSION = 8, AT_OFFSET_SIZE = 9, AT_BASE = 12, AT_END = 28 };

static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

struct vdt_snapshot {
    struct vdt_file *file;
    uint64_t size;
    bool alone; /* the lock is ours, shared with other snapshots */
};

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void snapshot_cleanup(struct vdt_snapshot **snapshot)
{
    vdt_snapshot_free(*snapshot);
}

static vdt_status find_end(struct vdt_snapshot *snapshot, struct vdt_error *error)
{
    const struct vdt_file *file = snapshot->file;
    unsigned char block[SUPERBLOCK];
    vdt_status status = vdt_file_read(file, block, sizeof block, 0, error);
    if (status != VDT_OK)
        return status;
    if (memcmp(block, signature, sizeof signature) != 0 || block[AT_VERSION] < 2 ||
        block[AT_VERSION] > 3 || block[AT_OFFSET_SIZE] != 8 || little_endian(block + AT_BASE) != 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a vedatile store", file->path);
    uint64_t end = little_endian(block + AT_END);
    if (end < SUPERBLOCK || end > file->size)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: cut off: the file has %llu bytes of at least %llu", file->path,
                        (unsigned long long)file->size, (unsigned long long)end);
    uint64_t pages = (end + VDT_PAGE - 1) / VDT_PAGE * VDT_PAGE;
    snapshot->size = pages < file->size ? pages : file->size;
    return VDT_OK;
}

vdt_status vdt_snapshot_open(const char *path, struct vdt_snapshot **out, struct vdt_error *error)
{
    vdt_cleanup(snapshot_cleanup) struct vdt_snapshot *snapshot =
        vdt_allocate_zero(1, sizeof *snapshot);
    if (snapshot == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_refuse_partial(path, "sent", error);
    if (status == VDT_OK)
        status = vdt_file_open_read(path, &snapshot->file, error);
    if (status != VDT_OK)
        return status;
    /* A writer that has it keeps it; one that asks now is told that it is busy. A commit may have
     * happened before the lock was ours: then what was opened is not what is locked. */
    snapshot->alone = flock(snapshot->file->fd, LOCK_SH | LOCK_NB) == 0;
    if (snapshot->alone && vdt_file_changed(snapshot->file)) {
        vdt_file_free(snapshot->file);
        snapshot->file = NULL;
        status = vdt_file_open_read(path, &snapshot->file, error);
        if (status == VDT_OK)
            snapshot->alone = flock(snapshot->file->fd, LOCK_SH | LOCK_NB) == 0;
    }
    if (status == VDT_OK)
        status = find_end(snapshot, error);
    if (status != VDT_OK)
        return status;
    *out = snapshot;
    snapshot = NULL;
    return VDT_OK;
}

void vdt_snapshot_free(struct vdt_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    vdt_file_free(snapshot->file); /* and with its descriptor the lock goes */
    free(snapshot);
}

bool vdt_snapshot_alone(const struct vdt_snapshot *snapshot)
{
    return snapshot->alone;
}

uint64_t vdt_snapshot_size(const struct vdt_snapshot *snapshot)
{
    return snapshot->size;
}

vdt_status vdt_snapshot_read(const struct vdt_snapshot *snapshot, void *data, size_t size,
                             uint64_t address, struct vdt_error *error)
{
    return vdt_file_read(snapshot->file, data, size, address, error);
}

bool vdt_snapshot_changed(const struct vdt_snapshot *snapshot)
{
    return vdt_file_changed(snapshot->file);
}

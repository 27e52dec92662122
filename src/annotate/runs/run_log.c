/* Frames with checksums, and a lock. */
#include "annotate/runs/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"

enum { MAGIC = 16 };
static const char magic[MAGIC] = "vedatile run 1\n";

/* Before the records of each write. */
struct frame {
    uint32_t crc;  /* CRC-32C of what follows, records and all */
    uint32_t last; /* 1: the batch ends here */
    uint64_t size; /* bytes of records, a multiple of 8 */
};

static uint64_t padded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

static void empty_frame(struct vdt_run_log *log)
{
    log->frame.size = 0;
}

void vdt_run_log_undo(struct vdt_run_log *log)
{
    empty_frame(log);
}

uint64_t vdt_run_log_position(const struct vdt_run_log *log)
{
    return log->end + (log->frame.size == 0 ? sizeof(struct frame) : log->frame.size);
}

void *vdt_run_log_add(struct vdt_run_log *log, uint32_t type, size_t size)
{
    static const struct frame none = {0};
    if (size > UINT32_MAX - 8 ||
        (log->frame.size == 0 && !vdt_buffer_append(&log->frame, &none, sizeof none)))
        return NULL;
    struct vdt_run_head head = {type, (uint32_t)size};
    size_t whole = sizeof head + padded(size);
    if (!vdt_buffer_reserve(&log->frame, log->frame.size + whole))
        return NULL;
    unsigned char *place = log->frame.data + log->frame.size;
    memcpy(place, &head, sizeof head);
    memset(place + sizeof head, 0, whole - sizeof head);
    log->frame.size += whole;
    return place + sizeof head;
}

static vdt_status sync_log(struct vdt_run_log *log, struct vdt_error *error)
{
    return fdatasync(log->fd) == 0 ? VDT_OK : vdt_fail_errno(error, log->path);
}

/* Writes log->frame, which holds a header at least. */
static vdt_status put_frame(struct vdt_run_log *log, bool last, struct vdt_error *error)
{
    if (log->failed)
        return vdt_fail(error, VDT_ERR_IO, "%s: a write failed before; close the run and resume it",
                        log->path);
    struct frame frame = {.last = last, .size = log->frame.size - sizeof frame};
    memcpy(log->frame.data, &frame, sizeof frame);
    frame.crc =
        vdt_crc32c(0, log->frame.data + sizeof frame.crc, log->frame.size - sizeof frame.crc);
    memcpy(log->frame.data, &frame, sizeof frame);
    vdt_status status =
        vdt_write_at(log->fd, log->frame.data, log->frame.size, log->end, log->path, error);
    if (status == VDT_OK && last)
        status = sync_log(log, error);
    if (status == VDT_OK)
        log->end += log->frame.size;
    else if (ftruncate(log->fd, (off_t)log->end) != 0)
        log->failed = true;
    empty_frame(log);
    return status;
}

vdt_status vdt_run_log_write(struct vdt_run_log *log, struct vdt_error *error)
{
    return log->frame.size == 0 ? VDT_OK : put_frame(log, !log->batch, error);
}

void vdt_run_log_begin(struct vdt_run_log *log)
{
    log->batch = true;
}

vdt_status vdt_run_log_end(struct vdt_run_log *log, struct vdt_error *error)
{
    static const struct frame none = {0};
    if (!log->batch)
        return VDT_OK;
    if (log->frame.size == 0 && !vdt_buffer_append(&log->frame, &none, sizeof none))
        return vdt_fail_memory(error, log->path);
    vdt_status status = put_frame(log, true, error);
    if (status == VDT_OK)
        log->batch = false;
    return status;
}

/* --- opening -----------------------------------------------------------------------------------
 */

/* Opens and locks `path`; *fd is negative when there is no such file. A file that was removed
 * between the two is opened again. */
static vdt_status lock_file(const char *path, int flags, int *fd, struct vdt_error *error)
{
    for (;;) {
        int opened = open(path, O_RDWR | O_CLOEXEC | flags, 0666);
        if (opened < 0)
            return vdt_fail_errno(error, path);
        if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
            bool busy = errno == EWOULDBLOCK;
            vdt_status status =
                busy ? vdt_fail(error, VDT_ERR_BUSY,
                                "%s: another program has the run open; wait until it is done", path)
                     : vdt_fail_errno(error, path);
            close(opened);
            return status;
        }
        struct stat here, there;
        if (fstat(opened, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
            here.st_dev == there.st_dev) {
            *fd = opened;
            return VDT_OK;
        }
        close(opened);
    }
}

/* Where the last whole batch ends; 0 when there is none. The file is log->map. */
static uint64_t whole_batches(const struct vdt_run_log *log)
{
    if (log->mapped < MAGIC || memcmp(log->map, magic, MAGIC) != 0)
        return 0;
    uint64_t kept = 0;
    uint64_t at = MAGIC;
    while (log->mapped - at >= sizeof(struct frame)) {
        struct frame frame;
        memcpy(&frame, log->map + at, sizeof frame);
        if (frame.size > log->mapped - at - sizeof frame || frame.size % 8 != 0 || frame.last > 1 ||
            vdt_crc32c(0, log->map + at + sizeof frame.crc,
                       sizeof frame - sizeof frame.crc + frame.size) != frame.crc)
            break;
        at += sizeof frame + frame.size;
        if (frame.last == 1)
            kept = at;
    }
    return kept;
}

static void unmap(struct vdt_run_log *log)
{
    if (log->map != NULL)
        munmap(log->map, log->mapped);
    log->map = NULL;
    log->mapped = 0;
}

static vdt_status map_bytes(struct vdt_run_log *log, uint64_t size, struct vdt_error *error)
{
    unmap(log);
    if (size == 0)
        return VDT_OK;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, log->fd, 0);
    if (map == MAP_FAILED)
        return vdt_fail_errno(error, log->path);
    log->map = map;
    log->mapped = size;
    return VDT_OK;
}

vdt_status vdt_run_log_map(struct vdt_run_log *log, struct vdt_error *error)
{
    return log->mapped == log->end ? VDT_OK : map_bytes(log, log->end, error);
}

/* Finds the last whole batch of an open file. */
static vdt_status find_end(struct vdt_run_log *log, struct vdt_error *error)
{
    struct stat info;
    if (fstat(log->fd, &info) != 0)
        return vdt_fail_errno(error, log->path);
    vdt_status status = map_bytes(log, (uint64_t)info.st_size, error);
    if (status == VDT_OK)
        log->end = whole_batches(log);
    return status;
}

vdt_status vdt_run_log_create(const char *path, struct vdt_run_log *log, struct vdt_error *error)
{
    *log = (struct vdt_run_log){.fd = -1, .path = vdt_copy_string(path)};
    if (log->path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = lock_file(path, O_CREAT, &log->fd, error);
    if (status == VDT_OK)
        status = find_end(log, error);
    if (status == VDT_OK && log->end != 0)
        status =
            vdt_fail(error, VDT_ERR_EXISTS, "%s: there is an open run already; resume it", path);
    unmap(log);
    if (status == VDT_OK && ftruncate(log->fd, 0) != 0) /* what a crash left of a beginning */
        status = vdt_fail_errno(error, path);
    if (status == VDT_OK)
        status = vdt_write_at(log->fd, magic, MAGIC, 0, path, error);
    if (status == VDT_OK)
        status = vdt_sync_folder(path, error);
    log->end = MAGIC;
    if (status != VDT_OK)
        vdt_run_log_close(log);
    return status;
}

static vdt_status no_run(const struct vdt_run_log *log, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: not the log of a run, or nothing of it is whole",
                    log->path);
}

vdt_status vdt_run_log_open(const char *path, struct vdt_run_log *log, struct vdt_error *error)
{
    *log = (struct vdt_run_log){.fd = -1, .path = vdt_copy_string(path)};
    if (log->path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = lock_file(path, 0, &log->fd, error);
    if (status == VDT_OK)
        status = find_end(log, error);
    if (status == VDT_OK && log->end == 0)
        status = no_run(log, error);
    if (status == VDT_OK && ftruncate(log->fd, (off_t)log->end) != 0)
        status = vdt_fail_errno(error, path);
    if (status == VDT_OK)
        status = map_bytes(log, log->end, error);
    if (status != VDT_OK)
        vdt_run_log_close(log);
    return status;
}

vdt_status vdt_run_log_lock(const char *path, struct vdt_run_log *log, struct vdt_error *error)
{
    *log = (struct vdt_run_log){.fd = -1, .path = vdt_copy_string(path)};
    if (log->path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = lock_file(path, 0, &log->fd, error);
    if (status != VDT_OK)
        vdt_run_log_close(log);
    return status;
}

vdt_status vdt_run_log_peek(const char *path, struct vdt_run_log *log, struct vdt_error *error)
{
    *log = (struct vdt_run_log){.fd = -1, .path = vdt_copy_string(path)};
    if (log->path == NULL)
        return vdt_fail_memory(error, path);
    log->fd = open(path, O_RDONLY | O_CLOEXEC);
    vdt_status status = log->fd < 0 ? vdt_fail_errno(error, path) : find_end(log, error);
    if (status == VDT_OK && log->end == 0)
        status = no_run(log, error);
    if (status == VDT_OK)
        status = map_bytes(log, log->end, error);
    if (status != VDT_OK)
        vdt_run_log_close(log);
    return status;
}

void vdt_run_log_close(struct vdt_run_log *log)
{
    if (log->path == NULL)
        return;
    unmap(log);
    if (log->fd >= 0)
        close(log->fd);
    vdt_buffer_clear(&log->frame);
    free(log->path);
    *log = (struct vdt_run_log){.fd = -1};
}

bool vdt_run_log_next(const struct vdt_run_log *log, struct vdt_run_cursor *cursor,
                      struct vdt_run_head *head)
{
    if (cursor->frame_end == 0)
        cursor->at = cursor->frame_end = MAGIC;
    while (cursor->at >= cursor->frame_end) {
        struct frame frame;
        if (log->mapped < sizeof frame || cursor->at > log->mapped - sizeof frame)
            return false;
        memcpy(&frame, log->map + cursor->at, sizeof frame);
        cursor->at += sizeof frame;
        cursor->frame_end = cursor->at + frame.size;
    }
    uint64_t left = cursor->frame_end - cursor->at;
    if (left < sizeof *head)
        return false;
    memcpy(head, log->map + cursor->at, sizeof *head);
    if (padded(head->size) > left - sizeof *head)
        return false;
    cursor->record = cursor->at;
    cursor->at += sizeof *head + padded(head->size);
    return true;
}

const void *vdt_run_log_record(const struct vdt_run_log *log, uint64_t record,
                               struct vdt_run_head *head)
{
    if (record > log->mapped || log->mapped - record < sizeof *head)
        return NULL;
    memcpy(head, log->map + record, sizeof *head);
    return head->size > log->mapped - record - sizeof *head ? NULL
                                                            : log->map + record + sizeof *head;
}

/* Committed bytes below, an overlay for what replaces them, and the steps of a commit. */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "store/driver.h"

static uint64_t whole_pages(uint64_t size)
{
    return (size + VDT_PAGE - 1) / VDT_PAGE * VDT_PAGE;
}

/* --- reading and writing ------------------------------------------------------------------ */

vdt_status vdt_file_need(const struct vdt_file *file, const struct vdt_span *spans, size_t count,
                         const atomic_bool *stop, struct vdt_error *error)
{
    return file->partial == NULL ? VDT_OK
                                 : vdt_partial_need(file->partial, spans, count, stop, error);
}

vdt_status vdt_file_read(const struct vdt_file *file, void *data, size_t size, uint64_t address,
                         struct vdt_error *error)
{
    /* Bytes beyond the end of the file read as zeros, as HDF5 expects. */
    size_t inside = address >= file->size         ? 0
                    : size < file->size - address ? size
                                                  : (size_t)(file->size - address);
    if (inside < size)
        memset((char *)data + inside, 0, size - inside);
    vdt_status status = VDT_OK;
    if (file->partial != NULL)
        status =
            vdt_partial_need(file->partial, &(struct vdt_span){address, inside}, 1, NULL, error);
    if (status == VDT_OK && file->runs != NULL)
        status = vdt_runs_read(file->runs, data, inside, address, error);
    else if (status == VDT_OK)
        status = vdt_read_at(file->fd, data, inside, address, file->path, error);
    if (status == VDT_OK)
        vdt_overlay_patch(&file->overlay, data, size, address);
    return status;
}

/* Bytes below `committed`: into the overlay, page by page. */
static vdt_status write_overlay(struct vdt_file *file, const char *data, size_t size,
                                uint64_t address, struct vdt_error *error)
{
    while (size > 0) {
        uint64_t number = address / VDT_PAGE;
        size_t at = address % VDT_PAGE;
        size_t step = size < VDT_PAGE - at ? size : VDT_PAGE - at;
        unsigned char *page = vdt_overlay_find(&file->overlay, number);
        if (page == NULL) {
            unsigned char old[VDT_PAGE];
            vdt_status status =
                vdt_read_at(file->fd, old, VDT_PAGE, number * VDT_PAGE, file->path, error);
            if (status != VDT_OK)
                return status;
            page = vdt_overlay_add(&file->overlay, number);
            if (page == NULL)
                return vdt_fail_memory(error, file->path);
            memcpy(page, old, VDT_PAGE);
        }
        memcpy(page + at, data, step);
        data += step;
        address += step;
        size -= step;
    }
    return VDT_OK;
}

vdt_status vdt_file_write(struct vdt_file *file, const void *data, size_t size, uint64_t address,
                          struct vdt_error *error)
{
    if (!file->writing)
        return vdt_fail(error, VDT_ERR_IO, "%s: opened to read", file->path);
    size_t below = address >= file->committed         ? 0
                   : size < file->committed - address ? size
                                                      : (size_t)(file->committed - address);
    vdt_status status = write_overlay(file, data, below, address, error);
    if (status == VDT_OK && below < size)
        status = vdt_write_at(file->fd, (const char *)data + below, size - below, address + below,
                              file->path, error);
    if (status == VDT_OK && address + size > file->size)
        file->size = address + size;
    return status;
}

vdt_status vdt_file_truncate(struct vdt_file *file, uint64_t size, struct vdt_error *error)
{
    if (size < file->committed)
        size = file->committed;
    if (size != file->size && ftruncate(file->fd, (off_t)size) != 0)
        return vdt_fail_errno(error, file->path);
    file->size = size;
    return VDT_OK;
}

/* --- opening ------------------------------------------------------------------------------ */

static struct vdt_stamp stamp_now(const struct vdt_file *file)
{
    struct stat info;
    struct vdt_stamp stamp = {.generation = vdt_journal_generation(file->journal_path)};
    if (stamp.generation == 0 && fstat(file->fd, &info) == 0) {
        /* A partial store is written by whoever reads it, and still says the same. */
        if (file->partial == NULL)
            stamp.changed = info.st_mtim;
        stamp.size = (uint64_t)info.st_size;
    }
    return stamp;
}

bool vdt_file_changed(const struct vdt_file *file)
{
    if (file->runs != NULL)
        return false;
    struct vdt_stamp now = stamp_now(file);
    return now.generation != file->stamp.generation || now.size != file->stamp.size ||
           now.changed.tv_sec != file->stamp.changed.tv_sec ||
           now.changed.tv_nsec != file->stamp.changed.tv_nsec;
}

static void file_cleanup(struct vdt_file **file)
{
    vdt_file_free(*file);
}

static struct vdt_file *new_file(const char *path)
{
    struct vdt_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->fd = file->journal.fd = -1;
    file->path = vdt_copy_string(path);
    file->journal_path = vdt_path_with(path, ".journal");
    if (file->path == NULL || file->journal_path == NULL) {
        vdt_file_free(file);
        return NULL;
    }
    return file;
}

vdt_status vdt_file_refuse_partial(const char *path, const char *what, struct vdt_error *error)
{
    struct stat info;
    struct vdt_partial *partial = NULL;
    if (!vdt_partial_exists(path))
        return VDT_OK;
    double percent = 0;
    if (stat(path, &info) == 0 && info.st_size > 0 &&
        vdt_partial_open(path, (uint64_t)info.st_size, &partial, NULL) == VDT_OK && partial)
        percent = 100.0 * (double)vdt_partial_bytes(partial) / (double)info.st_size;
    vdt_partial_free(partial);
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: cannot be %s while only %.1f %% of it is here: complete it first "
                    "('vedatile pull %s')",
                    path, what, percent, path);
}

static vdt_status lock(struct vdt_file *file, struct vdt_error *error)
{
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
        return VDT_OK;
    if (errno == EWOULDBLOCK)
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: another process has it open: try again when it is done", file->path);
    return vdt_fail_errno(error, file->path);
}

static vdt_status measure(struct vdt_file *file, struct vdt_error *error)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return vdt_fail_errno(error, file->path);
    if (!S_ISREG(info.st_mode))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a file", file->path);
    file->size = (uint64_t)info.st_size;
    return VDT_OK;
}

/* Makes a commit that a crash interrupted happen, or forgets one that was not complete. */
static vdt_status recover(struct vdt_file *file, struct vdt_error *error)
{
    bool valid = false;
    vdt_status status =
        vdt_journal_read(file->journal_path, file->fd, &file->overlay, &valid, error);
    if (status == VDT_OK && valid)
        status = vdt_overlay_apply(&file->overlay, file->fd, file->path, error);
    vdt_overlay_clear(&file->overlay);
    return status == VDT_OK ? vdt_journal_open(&file->journal, file->journal_path, error) : status;
}

/* The .part file, locked, and no one else's: one that lost a race or was left by a crash may be
 * another name of a store by now, and must not be emptied. */
static vdt_status open_part(struct vdt_file *file, struct vdt_error *error)
{
    for (int i = 0; i < 3; i++) {
        struct stat by_name, opened;
        file->fd = open(file->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file->fd < 0)
            return vdt_fail_errno(error, file->path);
        vdt_status status = lock(file, error);
        if (status != VDT_OK)
            return status;
        if (fstat(file->fd, &opened) != 0)
            return vdt_fail_errno(error, file->path);
        bool same = stat(file->part, &by_name) == 0 && by_name.st_ino == opened.st_ino &&
                    by_name.st_dev == opened.st_dev;
        if (same && opened.st_nlink == 1)
            return ftruncate(file->fd, 0) == 0 ? VDT_OK : vdt_fail_errno(error, file->path);
        if (same)
            unlink(file->part);
        close(file->fd);
        file->fd = -1;
    }
    return vdt_fail(error, VDT_ERR_BUSY, "%s: another process is making it", file->path);
}

static vdt_status create(const char *path, bool replaces, struct vdt_file **out,
                         struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".part");
    if (file == NULL || part == NULL)
        return vdt_fail_memory(error, path);
    file->part = part;
    vdt_status status = open_part(file, error);
    if (status != VDT_OK) {
        file->part = NULL; /* not ours to remove */
        return status;
    }
    part = NULL;
    file->writing = true;
    file->replaces = replaces;
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_create(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", path);
    if (vdt_partial_exists(path))
        return vdt_fail(error, VDT_ERR_EXISTS,
                        "%s.partial: of a store that is not there any more: remove it", path);
    return create(path, false, out, error);
}

vdt_status vdt_file_create_over(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    return create(path, true, out, error);
}

vdt_status vdt_file_open_write(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    if (file == NULL)
        return vdt_fail_memory(error, path);
    file->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return vdt_fail_errno(error, path);
    vdt_status status = measure(file, error);
    if (status == VDT_OK)
        status = lock(file, error);
    if (status == VDT_OK)
        status = vdt_file_refuse_partial(path, "written", error);
    if (status == VDT_OK)
        status = recover(file, error);
    if (status == VDT_OK)
        status = measure(file, error);
    if (status != VDT_OK)
        return status;
    file->writing = true;
    /* Until HDF5 says where the last commit ends, nothing of the file is to be cut off. */
    file->committed = file->size;
    *out = file;
    file = NULL;
    return VDT_OK;
}

/* Brings home a commit that a crash interrupted, for programs that know of no journal. False when
 * its writer lives or we may not write: then the journal is read through. */
static bool settle(const char *path)
{
    struct vdt_file *writer = NULL;
    if (vdt_file_open_write(path, &writer, NULL) != VDT_OK)
        return false;
    vdt_file_free(writer);
    return true;
}

vdt_status vdt_file_open_read(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    if (file == NULL)
        return vdt_fail_memory(error, path);
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return vdt_fail_errno(error, path);
    bool valid = false;
    vdt_status status = measure(file, error);
    if (status == VDT_OK)
        status = vdt_partial_open(path, file->size, &file->partial, error);
    file->stamp = stamp_now(file);
    if (status == VDT_OK)
        status = measure(file, error);
    if (status == VDT_OK)
        status = vdt_journal_read(file->journal_path, file->fd, &file->overlay, &valid, error);
    if (status == VDT_OK && valid && settle(path)) {
        vdt_overlay_clear(&file->overlay);
        file->stamp = stamp_now(file);
        status = measure(file, error);
    }
    if (status != VDT_OK)
        return status;
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_open_runs(const char *name, const struct vdt_file_run *runs, size_t count,
                              struct vdt_file **out, struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(name);
    if (file == NULL)
        return vdt_fail_memory(error, name);
    vdt_status status = vdt_runs_open(name, runs, count, &file->runs, error);
    if (status != VDT_OK)
        return status;
    file->size = vdt_runs_size(file->runs);
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_cut(struct vdt_file *file, uint64_t end, struct vdt_error *error)
{
    file->committed = 0;
    vdt_status status = vdt_file_truncate(file, end, error);
    if (status == VDT_OK)
        status = vdt_file_truncate(file, whole_pages(end), error);
    file->committed = file->size;
    return status;
}

/* --- commits ------------------------------------------------------------------------------ */

/* Gives a new store its name; never replaces a file that came into being meanwhile. */
static vdt_status publish(struct vdt_file *file, struct vdt_error *error)
{
    if (file->replaces) {
        if (rename(file->part, file->path) != 0)
            return vdt_fail_errno(error, file->path);
        free(file->part);
        file->part = NULL;
        file->committed = file->size;
        return vdt_sync_folder(file->path, error);
    }
    if (link(file->part, file->path) == 0)
        unlink(file->part);
    else if (errno == EEXIST)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", file->path);
    else if (rename(file->part, file->path) != 0) /* no hard links on this file system */
        return vdt_fail_errno(error, file->path);
    free(file->part);
    file->part = NULL;
    file->committed = file->size;
    return vdt_journal_open(&file->journal, file->journal_path, error); /* syncs the folder */
}

/* What replaces committed bytes: first into the journal, then into the store. */
static vdt_status replace(struct vdt_file *file, struct vdt_error *error)
{
    const struct vdt_journal_store store = {
        .fd = file->fd, .path = file->path, .tail = file->committed, .size = file->size};
    vdt_status status = vdt_journal_write(&file->journal, &file->overlay, &store, error);
    if (status != VDT_OK) {
        /* It must not come to life later, when what it refers to has been cut off. */
        file->journal_pending = vdt_journal_reset(&file->journal, NULL) != VDT_OK;
        return status;
    }
    file->journal_pending = true;
    status = vdt_overlay_apply(&file->overlay, file->fd, file->path, error);
    if (status != VDT_OK)
        return status;
    file->journal_pending = false;
    file->committed = file->size;
    return vdt_journal_reset(&file->journal, error);
}

/* A commit that only replaces bytes (a view was removed) would leave the journal nothing by which
 * to know its store: so it adds a page of chance, behind the end that HDF5 knows. */
static vdt_status add_mark(struct vdt_file *file, struct vdt_error *error)
{
    unsigned char mark[VDT_PAGE] = {0};
    if (getrandom(mark, 32, 0) != 32)
        return vdt_fail_errno(error, file->path);
    return vdt_file_write(file, mark, sizeof mark, file->size, error);
}

vdt_status vdt_file_commit(struct vdt_file *file, struct vdt_error *error)
{
    /* Whole pages, so that every page that a later commit replaces is there to be read. */
    vdt_status status = vdt_file_truncate(file, whole_pages(file->size), error);
    if (status == VDT_OK && file->overlay.count > 0 && file->size == file->committed)
        status = add_mark(file, error);
    if (status != VDT_OK)
        return status;
    if (fsync(file->fd) != 0)
        return vdt_fail_errno(error, file->path);
    if (file->part != NULL)
        return publish(file, error);
    if (file->overlay.count > 0)
        status = replace(file, error);
    if (status == VDT_OK) {
        vdt_overlay_clear(&file->overlay);
        file->committed = file->size;
    }
    return status;
}

void vdt_file_abandon(struct vdt_file *file)
{
    file->abandoned = true;
}

const struct vdt_error *vdt_file_failure(const struct vdt_file *file)
{
    return file->failure.status == VDT_OK ? NULL : &file->failure;
}

void vdt_file_free(struct vdt_file *file)
{
    if (file == NULL)
        return;
    if (file->driver != NULL)
        vdt_driver_detach(file->driver);
    if (file->part != NULL && file->fd >= 0)
        unlink(file->part);
    else if (file->writing && !file->journal_pending && measure(file, NULL) == VDT_OK &&
             vdt_file_truncate(file, file->committed, NULL) != VDT_OK) {
        /* Harmless: the next writer cuts the rest off. */
    }
    vdt_journal_close(&file->journal, file->journal_pending);
    if (file->fd >= 0) {
        if (file->writing)
            flock(file->fd, LOCK_UN); /* also for a child that was forked meanwhile */
        close(file->fd);
    }
    vdt_overlay_clear(&file->overlay);
    vdt_runs_free(file->runs);
    vdt_partial_free(file->partial);
    free(file->path);
    free(file->part);
    free(file->journal_path);
    free(file);
}

uint64_t vdt_file_size(const struct vdt_file *file)
{
    return file->size;
}

uint64_t vdt_file_bytes_here(const struct vdt_file *file)
{
    return file->partial == NULL ? file->size : vdt_partial_bytes(file->partial);
}

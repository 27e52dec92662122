/* Blobs as files of a folder: ROOT/ab/<32 hex>. Files are made in their place, with all their room;
 * the database says which are whole. */
#define _GNU_SOURCE /* fallocate, copy_file_range, sync_file_range */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "server/blobs/blobs.h"

struct folder {
    struct vdt_blobs base;
    int fd; /* names are opened below it, so no name leads out of it */
    char *path;
};

struct file {
    struct vdt_blob base;
    int fd;
    int root;      /* borrowed from the folder */
    bool writable; /* staged, not sealed yet */
};

enum { FILE_PATH = 2 + 1 + VDT_BLOB_NAME };

static void file_path(const char *name, char path[FILE_PATH])
{
    snprintf(path, FILE_PATH, "%.2s/%s", name, name);
}

static vdt_status fail(struct vdt_error *error, const char *name)
{
    /* A limit on the size of files is as good as a full disk. */
    if (errno == EFBIG)
        errno = ENOSPC;
    char what[64];
    snprintf(what, sizeof what, "blob %s", name);
    return vdt_fail_errno(error, what);
}

static struct file *new_file(const struct folder *folder, const char *name, int fd)
{
    struct file *file = vdt_allocate_zero(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->base.ops = folder->base.ops;
    snprintf(file->base.name, sizeof file->base.name, "%s", name);
    file->fd = fd;
    file->root = folder->fd;
    return file;
}

/* Room is set aside now, so that a full disk says so before anything is sent. */
static bool set_aside(int fd, uint64_t size)
{
    if (size == 0 || fallocate(fd, 0, 0, (off_t)size) == 0)
        return true;
    return (errno == EOPNOTSUPP || errno == ENOSYS) && ftruncate(fd, (off_t)size) == 0;
}

static vdt_status make_file(const struct folder *folder, const char *name, uint64_t size, int *out,
                            struct vdt_error *error)
{
    char path[FILE_PATH];
    file_path(name, path);
    char parent[3] = {name[0], name[1], '\0'};
    if (mkdirat(folder->fd, parent, 0700) != 0 && errno != EEXIST)
        return fail(error, name);
    int fd = openat(folder->fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(error, name);
    struct stat found;
    vdt_status status = fstat(fd, &found) != 0 ? fail(error, name) : VDT_OK;
    if (status == VDT_OK && found.st_size == 0 && !set_aside(fd, size)) {
        status = fail(error, name);
        unlinkat(folder->fd, path, 0);
    } else if (status == VDT_OK && found.st_size != 0 && (uint64_t)found.st_size != size) {
        status = vdt_fail(error, VDT_ERR_MISMATCH, "blob %s: has %lld bytes, not %llu", name,
                          (long long)found.st_size, (unsigned long long)size);
    }
    if (status != VDT_OK)
        close(fd);
    else
        *out = fd;
    return status;
}

static vdt_status folder_stage(struct vdt_blobs *blobs, const char *name, uint64_t size,
                               struct vdt_blob **blob, struct vdt_error *error)
{
    struct folder *folder = (struct folder *)blobs;
    int fd = -1;
    vdt_status status = make_file(folder, name, size, &fd, error);
    if (status != VDT_OK)
        return status;
    struct file *file = new_file(folder, name, fd);
    if (file == NULL) {
        close(fd);
        return vdt_fail_memory(error, name);
    }
    file->base.size = size;
    file->writable = true;
    *blob = &file->base;
    return VDT_OK;
}

static vdt_status folder_open(struct vdt_blobs *blobs, const char *name, struct vdt_blob **blob,
                              struct vdt_error *error)
{
    struct folder *folder = (struct folder *)blobs;
    char path[FILE_PATH];
    file_path(name, path);
    vdt_cleanup(vdt_close_fd) int fd = openat(folder->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) != 0)
        return fail(error, name);
    struct file *file = new_file(folder, name, fd);
    if (file == NULL)
        return vdt_fail_memory(error, name);
    fd = -1;
    file->base.size = (uint64_t)found.st_size;
    *blob = &file->base;
    return VDT_OK;
}

static void fill_stat(const struct stat *found, struct vdt_blob_stat *stat)
{
    stat->size = (uint64_t)found->st_size;
    stat->changed = found->st_mtim.tv_sec * INT64_C(1000000) + found->st_mtim.tv_nsec / 1000;
}

static vdt_status folder_stat(struct vdt_blobs *blobs, const char *name, struct vdt_blob_stat *stat,
                              struct vdt_error *error)
{
    struct folder *folder = (struct folder *)blobs;
    char path[FILE_PATH];
    file_path(name, path);
    struct stat found;
    if (fstatat(folder->fd, path, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return fail(error, name);
    if (!S_ISREG(found.st_mode))
        return vdt_fail(error, VDT_ERR_FORMAT, "blob %s: is no file", name);
    fill_stat(&found, stat);
    return VDT_OK;
}

static vdt_status folder_remove(struct vdt_blobs *blobs, const char *name, struct vdt_error *error)
{
    struct folder *folder = (struct folder *)blobs;
    char path[FILE_PATH];
    file_path(name, path);
    if (unlinkat(folder->fd, path, 0) != 0 && errno != ENOENT)
        return fail(error, name);
    return VDT_OK;
}

/* --- listing ------------------------------------------------------------------------------------
 */

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

/* A folder below `fd`; *opened stays NULL when it is gone or no folder. */
static vdt_status open_below(int fd, const char *name, DIR **opened, struct vdt_error *error)
{
    int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (below < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? VDT_OK
                   : vdt_fail_errno(error, "folder of blobs");
    *opened = fdopendir(below);
    if (*opened != NULL)
        return VDT_OK;
    close(below);
    return vdt_fail_errno(error, "folder of blobs");
}

static vdt_status list_part(struct folder *folder, const char *part, vdt_blob_each each,
                            void *payload, struct vdt_error *error)
{
    vdt_cleanup(close_folder) DIR *files = NULL;
    vdt_status status = open_below(folder->fd, part, &files, error);
    if (status != VDT_OK || files == NULL)
        return status;
    for (const struct dirent *file; status == VDT_OK && (file = readdir(files)) != NULL;) {
        struct stat found;
        struct vdt_blob_stat stat;
        if (!vdt_blob_name_is_valid(file->d_name) || strncmp(file->d_name, part, 2) != 0 ||
            fstatat(dirfd(files), file->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(found.st_mode))
            continue;
        fill_stat(&found, &stat);
        status = each(payload, file->d_name, &stat, error);
    }
    return status;
}

static vdt_status folder_list(struct vdt_blobs *blobs, vdt_blob_each each, void *payload,
                              struct vdt_error *error)
{
    struct folder *folder = (struct folder *)blobs;
    vdt_status status = VDT_OK;
    for (unsigned i = 0; i < 256 && status == VDT_OK; i++) {
        char part[3];
        snprintf(part, sizeof part, "%02x", i);
        status = list_part(folder, part, each, payload, error);
    }
    return status;
}

/* --- an open blob -------------------------------------------------------------------------------
 */

static vdt_status file_read(struct vdt_blob *blob, void *data, size_t size, uint64_t at,
                            struct vdt_error *error)
{
    const struct file *file = (const struct file *)blob;
    return vdt_read_at(file->fd, data, size, at, blob->name, error);
}

static vdt_status file_write(struct vdt_blob *blob, const void *data, size_t size, uint64_t at,
                             struct vdt_error *error)
{
    const struct file *file = (const struct file *)blob;
    if (!file->writable)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "blob %s: is sealed", blob->name);
    for (const char *bytes = data; size > 0;) {
        ssize_t put = pwrite(file->fd, bytes, size, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(error, blob->name);
        /* The disk begins at once, so that little is left to be waited for when the blob is sealed.
         */
        sync_file_range(file->fd, (off_t)at, put, SYNC_FILE_RANGE_WRITE);
        bytes += put;
        at += (uint64_t)put;
        size -= (size_t)put;
    }
    return VDT_OK;
}

static vdt_status sync_path(int root, const char *path, const char *name, struct vdt_error *error)
{
    vdt_cleanup(vdt_close_fd) int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        return fail(error, name);
    return VDT_OK;
}

static vdt_status sync_file(int fd, int root, const char *name, struct vdt_error *error)
{
    if (fsync(fd) != 0)
        return fail(error, name);
    char parent[3] = {name[0], name[1], '\0'};
    vdt_status status = sync_path(root, parent, name, error);
    return status != VDT_OK ? status : sync_path(root, ".", name, error);
}

static vdt_status file_seal(struct vdt_blob *blob, struct vdt_error *error)
{
    struct file *file = (struct file *)blob;
    vdt_status status = sync_file(file->fd, file->root, blob->name, error);
    if (status == VDT_OK)
        file->writable = false;
    return status;
}

static int file_descriptor(const struct vdt_blob *blob)
{
    return ((const struct file *)blob)->fd;
}

static void file_close(struct vdt_blob *blob)
{
    struct file *file = (struct file *)blob;
    close(file->fd);
    free(file);
}

/* --- copies -------------------------------------------------------------------------------------
 */

static vdt_status copy_file(int from, int to, uint64_t size, const char *name,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *piece = NULL;
    const size_t room = 1 << 20;
    for (uint64_t at = 0; at < size;) {
        loff_t in = (loff_t)at;
        loff_t out = (loff_t)at;
        ssize_t done = piece != NULL ? -1 : copy_file_range(from, &in, to, &out, size - at, 0);
        if (done > 0) {
            at += (uint64_t)done;
            continue;
        }
        if (piece == NULL && done < 0 && errno == ENOSPC)
            return fail(error, name);
        if (piece == NULL && (piece = vdt_allocate(1, room)) == NULL)
            return vdt_fail_memory(error, name);
        size_t now = size - at < room ? (size_t)(size - at) : room;
        vdt_status status = vdt_read_at(from, piece, now, at, name, error);
        if (status == VDT_OK)
            status = vdt_write_at(to, piece, now, at, name, error);
        if (status != VDT_OK)
            return status;
        at += now;
    }
    return VDT_OK;
}

static vdt_status copy_whole(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_blob_release) struct vdt_blob *from = NULL;
    vdt_cleanup(vdt_blob_release) struct vdt_blob *copy = NULL;
    vdt_status status = folder_open(blobs, name, &from, error);
    if (status == VDT_OK)
        status = folder_stage(to, name, from->size, &copy, error);
    if (status == VDT_OK)
        status = copy_file(file_descriptor(from), file_descriptor(copy), from->size, name, error);
    return status != VDT_OK ? status : file_seal(copy, error);
}

/* Never written over: it may be a link to the very file that it would be a copy of. */
static vdt_status same_size(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                            struct vdt_error *error)
{
    struct vdt_blob_stat here;
    struct vdt_blob_stat there;
    vdt_status status = folder_stat(blobs, name, &here, error);
    if (status == VDT_OK)
        status = folder_stat(to, name, &there, error);
    if (status == VDT_OK && here.size != there.size)
        return vdt_fail(error, VDT_ERR_MISMATCH, "blob %s: has %llu bytes there and %llu here",
                        name, (unsigned long long)there.size, (unsigned long long)here.size);
    return status;
}

static vdt_status folder_copy(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                              struct vdt_error *error)
{
    struct folder *source = (struct folder *)blobs;
    struct folder *target = (struct folder *)to;
    char path[FILE_PATH];
    file_path(name, path);
    char parent[3] = {name[0], name[1], '\0'};
    if (mkdirat(target->fd, parent, 0700) != 0 && errno != EEXIST)
        return fail(error, name);
    if (linkat(source->fd, path, target->fd, path, 0) == 0) {
        vdt_status status = sync_path(target->fd, parent, name, error);
        return status != VDT_OK ? status : sync_path(target->fd, ".", name, error);
    }
    return errno == EEXIST ? same_size(blobs, name, to, error) : copy_whole(blobs, name, to, error);
}

/* --- the folder ---------------------------------------------------------------------------------
 */

static void folder_free(struct vdt_blobs *blobs)
{
    struct folder *folder = (struct folder *)blobs;
    if (folder->fd >= 0)
        close(folder->fd);
    free(folder->path);
    free(folder);
}

static const struct vdt_blobs_ops folder_ops = {
    .kind = "folder",
    .free = folder_free,
    .stage = folder_stage,
    .open = folder_open,
    .stat = folder_stat,
    .remove = folder_remove,
    .list = folder_list,
    .copy = folder_copy,
    .read = file_read,
    .write = file_write,
    .seal = file_seal,
    .descriptor = file_descriptor,
    .close = file_close,
};

vdt_status vdt_blobs_open_folder(const char *path, struct vdt_blobs **blobs,
                                 struct vdt_error *error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return vdt_fail_errno(error, path);
    struct folder *folder = vdt_allocate_zero(1, sizeof *folder);
    if (folder == NULL)
        return vdt_fail_memory(error, path);
    folder->base.ops = &folder_ops;
    folder->path = vdt_copy_string(path);
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->path == NULL || folder->fd < 0) {
        vdt_status status =
            folder->path == NULL ? vdt_fail_memory(error, path) : vdt_fail_errno(error, path);
        folder_free(&folder->base);
        return status;
    }
    *blobs = &folder->base;
    return VDT_OK;
}

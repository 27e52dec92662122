/* File names, and reads and writes that finish. */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

char *vdt_path_with(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *joined = malloc(size);
    if (joined != NULL)
        snprintf(joined, size, "%s%s", path, suffix);
    return joined;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

char *vdt_path_stem(const char *path)
{
    char *stem = vdt_copy_string(file_name(path));
    if (stem == NULL)
        return NULL;
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
    return stem;
}

/* The folder of `path`, resolved: owned, NULL when it does not exist. */
static char *real_folder(const char *path)
{
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_copy_string(path);
    if (folder == NULL)
        return NULL;
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        return realpath(".", NULL);
    slash[slash == folder ? 1 : 0] = '\0';
    return realpath(folder, NULL);
}

/* Both arguments absolute and resolved. */
static char *relative_to(const char *target, const char *folder)
{
    size_t same = 0; /* length of the shared folders, up to and without the last slash */
    size_t i = 0;
    while (target[i] != '\0' && target[i] == folder[i]) {
        i++;
        if (target[i] == '/' && (folder[i] == '/' || folder[i] == '\0'))
            same = i;
    }
    size_t ups = 0;
    for (const char *c = folder + same; *c != '\0'; c++)
        ups += *c == '/' && c[1] != '\0';
    size_t size = 3 * ups + strlen(target + same) + 1;
    char *relative = malloc(size);
    if (relative == NULL)
        return NULL;
    char *end = relative;
    for (size_t k = 0; k < ups; k++, end += 3)
        memcpy(end, "../", 3);
    const char *rest = target + same;
    while (*rest == '/')
        rest++;
    strcpy(end, rest);
    return relative;
}

/* Where a plain file would be that is not there now: owned, NULL when its folder is missing too. */
static char *missing_target(const char *path)
{
    if (strncmp(path, "/vsi", 4) == 0 || strpbrk(path, ":<{?") != NULL)
        return NULL;
    vdt_cleanup(vdt_free_pointer) char *folder = real_folder(path);
    vdt_cleanup(vdt_free_pointer) char *open = folder == NULL ? NULL : vdt_path_with(folder, "/");
    return open == NULL ? NULL : vdt_path_with(open, file_name(path));
}

char *vdt_path_relative(const char *path, const char *from)
{
    vdt_cleanup(vdt_free_pointer) char *found = realpath(path, NULL);
    vdt_cleanup(vdt_free_pointer) char *missing = found == NULL ? missing_target(path) : NULL;
    const char *target = found == NULL ? missing : found;
    vdt_cleanup(vdt_free_pointer) char *folder = real_folder(from);
    if (target == NULL || folder == NULL)
        return vdt_copy_string(path);
    return relative_to(target, folder);
}

vdt_status vdt_sync_folder(const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *folder = real_folder(path);
    if (folder == NULL)
        return vdt_fail_errno(error, path);
    vdt_cleanup(vdt_close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a folder; the rename itself has happened. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP))
        return vdt_fail_errno(error, folder);
    return VDT_OK;
}

vdt_status vdt_read_at(int fd, void *data, size_t size, uint64_t offset, const char *what,
                       struct vdt_error *error)
{
    char *bytes = data;
    while (size > 0) {
        ssize_t got = pread(fd, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vdt_fail_errno(error, what);
        if (got == 0)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: ends at byte %llu, but more is needed",
                            what, (unsigned long long)offset);
        bytes += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return VDT_OK;
}

vdt_status vdt_write_at(int fd, const void *data, size_t size, uint64_t offset, const char *what,
                        struct vdt_error *error)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t put = pwrite(fd, bytes, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return vdt_fail_errno(error, what);
        bytes += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return VDT_OK;
}

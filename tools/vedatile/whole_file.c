/* Small text files, read and written whole. */
#include "whole_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

enum { MOST = 64 << 20 };

vdt_status whole_file_read(const char *path, char **text, struct vdt_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return error_set(error, errno == ENOENT ? VDT_ERR_NOT_FOUND : VDT_ERR_IO, "%s: %s", path,
                         strerror(errno));
    char *read = NULL;
    size_t size = 0, room = 0;
    do {
        char *grown = size + 1 < room ? read : realloc(read, room = 2 * room + 65536);
        if (grown == NULL)
            break;
        read = grown;
        size += fread(read + size, 1, room - size - 1, file);
    } while (!feof(file) && !ferror(file) && size < MOST);
    bool failed = ferror(file) || !feof(file);
    fclose(file);
    if (failed || read == NULL) {
        free(read);
        return error_set(error, VDT_ERR_IO, "%s: cannot be read, or has more than 64 MiB", path);
    }
    read[size] = 0;
    *text = read;
    return VDT_OK;
}

static vdt_status write_part(const char *path, const char *part, const char *text, size_t size,
                             struct vdt_error *error)
{
    FILE *file = fopen(part, "wb");
    bool good = file && fwrite(text, 1, size, file) == size && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    int cause = errno;
    if (file && fclose(file) != 0 && good) {
        good = false;
        cause = errno;
    }
    if (good && rename(part, path) == 0)
        return VDT_OK;
    if (good)
        cause = errno;
    if (file)
        unlink(part);
    return error_set(error, cause == ENOSPC ? VDT_ERR_FULL : VDT_ERR_IO, "%s: %s", path,
                     strerror(cause));
}

vdt_status whole_file_write(const char *path, const char *text, size_t size,
                            struct vdt_error *error)
{
    size_t length = strlen(path) + sizeof ".part";
    char *part = malloc(length);
    if (part == NULL)
        return error_memory(error);
    snprintf(part, length, "%s.part", path);
    vdt_status status = write_part(path, part, text, size, error);
    free(part);
    return status;
}

vdt_status whole_file_could(const char *path, struct vdt_error *error)
{
    struct stat known;
    const char *last = strrchr(path, '/');
    char *folder = last == NULL   ? strdup(".")
                   : last == path ? strdup("/")
                                  : strndup(path, (size_t)(last - path));
    if (folder == NULL)
        return error_memory(error);
    int cause = stat(path, &known) == 0 && S_ISDIR(known.st_mode) ? EISDIR
                : access(folder, W_OK) != 0                       ? errno
                                                                  : 0;
    free(folder);
    return cause ? error_set(error, VDT_ERR_IO, "%s: %s", path, strerror(cause)) : VDT_OK;
}

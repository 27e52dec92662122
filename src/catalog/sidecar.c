/* The sidecar, and small files that are replaced at once. */
#include "catalog/sidecar.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

enum { SIDECAR_MOST = 65536 };

/* --- small files -------------------------------------------------------------------------- */

vdt_status vdt_read_whole(const char *path, size_t most, char **out, struct vdt_error *error)
{
    struct stat info;
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        return vdt_fail_errno(error, path);
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size > most)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a file of at most %zu bytes", path, most);
    size_t size = (size_t)info.st_size;
    vdt_cleanup(vdt_free_pointer) char *text = vdt_allocate(size + 1, 1);
    if (text == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_read_at(fd, text, size, 0, path, error);
    if (status != VDT_OK)
        return status;
    text[size] = '\0';
    *out = text;
    text = NULL;
    return VDT_OK;
}

vdt_status vdt_write_whole(const char *path, const char *text, unsigned mode,
                           struct vdt_error *error)
{
    /* A name of its own: two processes may write at once, and the last one wins whole. */
    char suffix[32];
    snprintf(suffix, sizeof suffix, ".%ld.tmp", (long)getpid());
    vdt_cleanup(vdt_free_pointer) char *temporary = vdt_path_with(path, suffix);
    if (temporary == NULL)
        return vdt_fail_memory(error, path);
    unlink(temporary);
    vdt_cleanup(vdt_close_fd) int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    if (fd < 0)
        return vdt_fail_errno(error, path);
    vdt_status status = vdt_write_at(fd, text, strlen(text), 0, path, error);
    if (status == VDT_OK && fsync(fd) != 0)
        status = vdt_fail_errno(error, path);
    if (status == VDT_OK && rename(temporary, path) != 0)
        status = vdt_fail_errno(error, path);
    if (status != VDT_OK)
        unlink(temporary);
    return status == VDT_OK ? vdt_sync_folder(path, error) : status;
}

void vdt_file_stamp(const char *path, char stamp[64])
{
    struct stat info;
    stamp[0] = '\0';
    if (stat(path, &info) == 0)
        snprintf(stamp, 64, "%" PRIu64 " %" PRId64 ".%09ld", (uint64_t)info.st_size,
                 (int64_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

/* --- the sidecar -------------------------------------------------------------------------- */

void vdt_sidecar_clear(struct vdt_sidecar *sidecar)
{
    free(sidecar->url);
    free(sidecar->manifest);
    free(sidecar->entry);
    free(sidecar->name);
    *sidecar = (struct vdt_sidecar){0};
}

static char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? NULL : vdt_copy_string(text);
}

static void copy_of(const json_t *json, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));
    snprintf(to, size, "%s", text == NULL ? "" : text);
}

vdt_status vdt_sidecar_read(const char *store, struct vdt_sidecar *sidecar, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(store, ".catalog");
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    *sidecar = (struct vdt_sidecar){0};
    if (path == NULL)
        return vdt_fail_memory(error, store);
    vdt_status status = vdt_read_whole(path, SIDECAR_MOST, &text, error);
    if (status == VDT_ERR_NOT_FOUND)
        return VDT_OK;
    if (status == VDT_OK)
        status = vdt_json_parse(text, path, &json, error);
    if (status != VDT_OK)
        return status;
    const json_t *version = json_object_get(json, "version");
    sidecar->entry = text_of(json, "entry");
    if (sidecar->entry == NULL || !json_is_integer(version)) {
        vdt_sidecar_clear(sidecar);
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: does not name an entry: remove it if the store is not of a catalog",
                        path);
    }
    sidecar->url = text_of(json, "url");
    sidecar->manifest = text_of(json, "manifest");
    sidecar->name = text_of(json, "name");
    sidecar->version = (uint32_t)json_integer_value(version);
    copy_of(json, "digest", sidecar->digest, sizeof sidecar->digest);
    copy_of(json, "pending", sidecar->pending, sizeof sidecar->pending);
    copy_of(json, "stamp", sidecar->stamp, sizeof sidecar->stamp);
    return VDT_OK;
}

vdt_status vdt_sidecar_write(const char *store, const struct vdt_sidecar *sidecar,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(store, ".catalog");
    vdt_cleanup(vdt_json_release) json_t *json =
        json_pack("{s:s*, s:s*, s:s, s:s*, s:I, s:s, s:s, s:s}", "url", sidecar->url, "manifest",
                  sidecar->manifest, "entry", sidecar->entry, "name", sidecar->name, "version",
                  (json_int_t)sidecar->version, "digest", sidecar->digest, "pending",
                  sidecar->pending, "stamp", sidecar->stamp);
    vdt_cleanup(vdt_free_pointer) char *text = json == NULL ? NULL : vdt_json_text(json);
    if (path == NULL || text == NULL)
        return vdt_fail_memory(error, store);
    return vdt_write_whole(path, text, 0644, error);
}

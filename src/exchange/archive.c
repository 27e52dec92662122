/* Tar and zip. */
#include "exchange/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/file.h"

struct vdt_archive {
    char *path;
    struct archive *handle;
};

static vdt_status fail(const struct vdt_archive *archive, struct vdt_error *error)
{
    const char *text = archive_error_string(archive->handle);
    return vdt_fail(error, VDT_ERR_IO, "%s: cannot be written: %s", archive->path,
                    text == NULL ? "libarchive does not say why" : text);
}

vdt_status vdt_archive_create(const char *path, enum vdt_archive_kind kind,
                              struct vdt_archive **archive, struct vdt_error *error)
{
    vdt_cleanup(vdt_archive_cleanup) struct vdt_archive *made = calloc(1, sizeof *made);
    if (made == NULL || (made->path = vdt_copy_string(path)) == NULL ||
        (made->handle = archive_write_new()) == NULL)
        return vdt_fail_memory(error, path);
    if (vdt_path_exists(path))
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: is there already", path);
    bool good = kind == VDT_ARCHIVE_TAR
                    ? archive_write_set_format_pax_restricted(made->handle) == ARCHIVE_OK
                    : archive_write_set_format_zip(made->handle) == ARCHIVE_OK &&
                          archive_write_zip_set_compression_store(made->handle) == ARCHIVE_OK;
    if (!good || archive_write_open_filename(made->handle, path) != ARCHIVE_OK)
        return fail(made, error);
    *archive = made;
    made = NULL;
    return VDT_OK;
}

vdt_status vdt_archive_add(struct vdt_archive *archive, const char *name, const void *data,
                           size_t size, struct vdt_error *error)
{
    struct archive_entry *entry = archive_entry_new();
    if (entry == NULL)
        return vdt_fail_memory(error, archive->path);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, S_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    bool good = archive_write_header(archive->handle, entry) == ARCHIVE_OK &&
                archive_write_data(archive->handle, data, size) == (la_ssize_t)size;
    archive_entry_free(entry);
    return good ? VDT_OK : fail(archive, error);
}

vdt_status vdt_archive_finish(struct vdt_archive *archive, struct vdt_error *error)
{
    return archive_write_close(archive->handle) == ARCHIVE_OK ? VDT_OK : fail(archive, error);
}

void vdt_archive_free(struct vdt_archive *archive)
{
    if (archive == NULL)
        return;
    if (archive->handle != NULL)
        archive_write_free(archive->handle);
    free(archive->path);
    free(archive);
}

void vdt_archive_cleanup(struct vdt_archive **archive)
{
    vdt_archive_free(*archive);
}

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

enum { BLOCK_BYTES = 1 << 16 };

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
        archive_free(archive->handle);
    free(archive->path);
    free(archive);
}

void vdt_archive_cleanup(struct vdt_archive **archive)
{
    vdt_archive_free(*archive);
}

/* --- reading ------------------------------------------------------------------------------ */

static vdt_status fail_read(const struct vdt_archive *archive, struct vdt_error *error)
{
    const char *text = archive_error_string(archive->handle);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: cannot be read: %s", archive->path,
                    text == NULL ? "libarchive does not say why" : text);
}

vdt_status vdt_archive_open(const char *path, struct vdt_archive **archive, struct vdt_error *error)
{
    vdt_cleanup(vdt_archive_cleanup) struct vdt_archive *made = calloc(1, sizeof *made);
    if (made == NULL || (made->path = vdt_copy_string(path)) == NULL ||
        (made->handle = archive_read_new()) == NULL)
        return vdt_fail_memory(error, path);
    if (archive_read_support_format_tar(made->handle) != ARCHIVE_OK ||
        archive_read_support_format_zip_seekable(made->handle) != ARCHIVE_OK ||
        archive_read_open_filename(made->handle, path, BLOCK_BYTES) != ARCHIVE_OK)
        return fail_read(made, error);
    *archive = made;
    made = NULL;
    return VDT_OK;
}

static vdt_status read_data(struct vdt_archive *archive, size_t most, struct vdt_buffer *bytes,
                            struct vdt_error *error)
{
    bytes->size = 0;
    for (;;) {
        if (!vdt_buffer_reserve(bytes, bytes->size + BLOCK_BYTES))
            return vdt_fail_memory(error, archive->path);
        la_ssize_t count =
            archive_read_data(archive->handle, bytes->data + bytes->size, BLOCK_BYTES);
        if (count < 0)
            return fail_read(archive, error);
        if (count == 0)
            return VDT_OK;
        bytes->size += (size_t)count;
        if (bytes->size > most)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: a file in it is larger than any sample's",
                            archive->path);
    }
}

vdt_status vdt_archive_next(struct vdt_archive *archive, size_t most, const char **name,
                            struct vdt_buffer *bytes, struct vdt_error *error)
{
    struct archive_entry *entry = NULL;
    int found;
    do
        found = archive_read_next_header(archive->handle, &entry);
    while (found == ARCHIVE_OK && archive_entry_filetype(entry) != S_IFREG);
    if (found == ARCHIVE_EOF)
        return VDT_END;
    const char *path = found == ARCHIVE_OK ? archive_entry_pathname(entry) : NULL;
    if (path == NULL)
        return fail_read(archive, error);
    *name = path;
    return read_data(archive, most, bytes, error);
}

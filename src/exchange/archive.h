/* Files within one file: tar (POSIX) and zip (stored, 64-bit where it must be), by libarchive. */
#ifndef EXCHANGE_ARCHIVE_H
#define EXCHANGE_ARCHIVE_H

#include <stddef.h>
#include <vedatile/error.h>

#include "base/buffer.h"

enum vdt_archive_kind { VDT_ARCHIVE_TAR, VDT_ARCHIVE_ZIP };

struct vdt_archive;

/* A new file. Entries have no time and no owner: equal content, equal bytes. */
vdt_status vdt_archive_create(const char *path, enum vdt_archive_kind kind,
                              struct vdt_archive **archive, struct vdt_error *error);
vdt_status vdt_archive_add(struct vdt_archive *archive, const char *name, const void *data,
                           size_t size, struct vdt_error *error);
/* Writes what is left; the archive still has to be freed. */
vdt_status vdt_archive_finish(struct vdt_archive *archive, struct vdt_error *error);
void vdt_archive_free(struct vdt_archive *archive); /* accepts NULL */

/* Opens a tar or an uncompressed or deflated zip to read its files in order. */
vdt_status vdt_archive_open(const char *path, struct vdt_archive **archive,
                            struct vdt_error *error);
/* The next file: *name is borrowed until the next call, `bytes` is overwritten with the content.
 * VDT_END after the last. More than `most` bytes are an error. */
vdt_status vdt_archive_next(struct vdt_archive *archive, size_t most, const char **name,
                            struct vdt_buffer *bytes, struct vdt_error *error);

/* For vdt_cleanup. */
void vdt_archive_cleanup(struct vdt_archive **archive);

#endif

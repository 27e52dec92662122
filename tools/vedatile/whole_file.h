/* Small text files, read and written whole. */
#ifndef TOOL_WHOLE_FILE_H
#define TOOL_WHOLE_FILE_H

#include <stddef.h>
#include <vedatile/error.h>

/* *text ends with a NUL and belongs to the caller: free(). At most 64 MiB. */
vdt_status whole_file_read(const char *path, char **text, struct vdt_error *error);

/* Under another name first: a failure leaves no half file, and an old one as it was. */
vdt_status whole_file_write(const char *path, const char *text, size_t size,
                            struct vdt_error *error);

/* Whether such a file could be written now, for a caller with much to do before: a folder that is
 * there and may be written to. */
vdt_status whole_file_could(const char *path, struct vdt_error *error);

#endif

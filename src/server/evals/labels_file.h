/* Annotations of an entry as lines of JSON, for the process that compares a run with them. */
#ifndef SERVER_EVALS_LABELS_FILE_H
#define SERVER_EVALS_LABELS_FILE_H

#include "base/error.h"
#include "server/meta/annotations.h"

struct vdt_server;

/* Writes the set down, as the session sees it, to a file without a name: *fd reads it, and belongs
 * to the caller. VDT_ERR_NOT_FOUND: nothing is annotated; VDT_ERR_UNSUPPORTED: the set is too
 * large. */
vdt_status vdt_labels_file_write(struct vdt_server *server, struct vdt_session *session,
                                 const struct vdt_set_row *set, uint32_t rows, uint32_t cols,
                                 int *fd, uint64_t *size, struct vdt_error *error);

#endif

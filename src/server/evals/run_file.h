/* The file of a committed run: as schemas/annotations.md has it, in a blob. */
#ifndef SERVER_EVALS_RUN_FILE_H
#define SERVER_EVALS_RUN_FILE_H

#include "server/blobs/blobs.h"
#include "server/meta/runs.h"

struct vdt_server;

#define VDT_RUN_FILE_PREFIX "run-" /* of files in ROOT/tmp that a commit makes */

struct vdt_run_file {
    char blob[VDT_BLOB_NAME];
    int64_t size;
    char digest[65];         /* SHA-256 of its bytes */
    char content_digest[65]; /* of what it holds */
};

/* Writes the blob of a run that nobody changes any more; durable when it returns VDT_OK. It has no
 * row yet: what a crash leaves is an orphan. */
vdt_status vdt_run_file_write(struct vdt_server *server, const struct vdt_meta_run *run,
                              struct vdt_run_file *file, struct vdt_error *error);

#endif

/* The file under HDF5: commits that are atomic (store/journal.h), one writer at a time, and reads
 * that see the last commit.
 *
 * Opening for writing takes the file's lock (flock). A new store is written as PATH.part and gets
 * its name with the first commit. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <vedatile/error.h>

#include "store/journal.h"
#include "store/partial.h"
#include "store/runs.h"

struct vdt_driver; /* HDF5's handle (store/driver.c) */

/* What tells one commit from the next without a lock. */
struct vdt_stamp {
    uint64_t generation; /* of the journal; without one the store itself must not have moved */
    struct timespec changed;
    uint64_t size;
};

/* Only store/file.c and store/driver.c look inside. */
struct vdt_file {
    char *path;
    char *part; /* while a new store has no name yet, else NULL */
    char *journal_path;
    int fd;
    struct vdt_runs *runs;      /* instead of fd: opened by descriptors, to read */
    struct vdt_journal journal; /* open while a named store is written */
    bool journal_pending;       /* the journal holds a commit that is not in the store yet */
    bool writing;
    bool replaces; /* a file of its name: vdt_file_create_over */
    bool abandoned;
    uint64_t committed; /* whole pages of the last commit: below, writes go to the overlay */
    uint64_t size;      /* of the file */
    struct vdt_overlay overlay;
    struct vdt_error failure;
    struct vdt_stamp stamp;
    struct vdt_partial *partial; /* of a store that is not all here, opened to read; else NULL */
    struct vdt_driver *driver;
    bool probing;
    unsigned probed;
    uint64_t probe_address, probe_size;
};

vdt_status vdt_file_create(const char *path, struct vdt_file **file, struct vdt_error *error);
/* As vdt_file_create, for a file that is written whole: its one commit takes the place of a file
 * that is there. */
vdt_status vdt_file_create_over(const char *path, struct vdt_file **file, struct vdt_error *error);
vdt_status vdt_file_open_write(const char *path, struct vdt_file **file, struct vdt_error *error);
vdt_status vdt_file_open_read(const char *path, struct vdt_file **file, struct vdt_error *error);
/* To read, from descriptors that the caller keeps open: nothing is looked up by path, there is no
 * journal and no lock. `name` is for messages. */
vdt_status vdt_file_open_runs(const char *name, const struct vdt_file_run *runs, size_t count,
                              struct vdt_file **file, struct vdt_error *error);

/* VDT_ERR_UNSUPPORTED for a partial store, saying how to complete it: it cannot be `what`
 * ("written", "sent"). */
vdt_status vdt_file_refuse_partial(const char *path, const char *what, struct vdt_error *error);

/* For opening to write: everything behind `end` is left from a transaction that a crash ended. */
vdt_status vdt_file_cut(struct vdt_file *file, uint64_t end, struct vdt_error *error);

/* Makes sure that bytes which will be read are here: nothing to do but for partial stores
 * (store/partial.h), where asking for all that is wanted at once saves waiting. Any thread. */
vdt_status vdt_file_need(const struct vdt_file *file, const struct vdt_span *spans, size_t count,
                         const atomic_bool *stop, struct vdt_error *error);

/* Bytes of the store as its last commit (and this writer since) left them. Any thread, for files
 * opened to read. What a partial store lacks is fetched. */
vdt_status vdt_file_read(const struct vdt_file *file, void *data, size_t size, uint64_t address,
                         struct vdt_error *error);
vdt_status vdt_file_write(struct vdt_file *file, const void *data, size_t size, uint64_t address,
                          struct vdt_error *error);
/* Sets the file's length, but never below the last commit. */
vdt_status vdt_file_truncate(struct vdt_file *file, uint64_t size, struct vdt_error *error);

/* After H5Fflush: makes everything written so far the store's content. */
vdt_status vdt_file_commit(struct vdt_file *file, struct vdt_error *error);

/* From here on writes are thrown away; call before closing HDF5 objects of an abandoned
 * transaction. */
void vdt_file_abandon(struct vdt_file *file);

/* The last read or write of HDF5 that failed, or NULL: HDF5 does not say what the system said. */
const struct vdt_error *vdt_file_failure(const struct vdt_file *file);

/* Removes an empty journal and closes. Accepts NULL. Without a commit nothing stays behind. */
void vdt_file_free(struct vdt_file *file);

uint64_t vdt_file_size(const struct vdt_file *file);

/* Bytes of it that are here: all but for partial stores. */
uint64_t vdt_file_bytes_here(const struct vdt_file *file);

/* True when the store was committed to between opening `file` and now: what was read through it
 * may mix two states. */
bool vdt_file_changed(const struct vdt_file *file);

#endif

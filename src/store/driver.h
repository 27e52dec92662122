/* The file under HDF5: a virtual file driver that makes commits atomic (store/journal.h) and can
 * tell where chunks lie without reading them.
 *
 * Opening for writing takes the file's lock (flock), so one process writes at a time. A new store
 * is written as PATH.part and gets its name with the first commit. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_file;

vdt_status vdt_file_create(const char *path, struct vdt_file **file, struct vdt_error *error);
vdt_status vdt_file_open_write(const char *path, struct vdt_file **file, struct vdt_error *error);
vdt_status vdt_file_open_read(const char *path, struct vdt_file **file, struct vdt_error *error);

/* The HDF5 file on top; the caller closes *id before freeing `file`. */
vdt_status vdt_file_hdf5(struct vdt_file *file, hid_t *id, struct vdt_error *error);

/* After H5Fflush: makes everything written so far the store's content. */
vdt_status vdt_file_commit(struct vdt_file *file, struct vdt_error *error);

/* From here on writes are thrown away; call before closing HDF5 objects of an abandoned
 * transaction. */
void vdt_file_abandon(struct vdt_file *file);

/* The first failed write, or NULL: HDF5 does not say what the system said. */
const struct vdt_error *vdt_file_failure(const struct vdt_file *file);

/* Removes an empty journal and closes. Accepts NULL. Without a commit nothing stays behind. */
void vdt_file_free(struct vdt_file *file);

int vdt_file_descriptor(const struct vdt_file *file);
uint64_t vdt_file_size(const struct vdt_file *file);

/* While on, reads of raw data move no bytes and are counted instead; only for files opened to read.
 * Returns how many since it was last called, and the address and size of the last. */
void vdt_file_probe(struct vdt_file *file, bool on);
unsigned vdt_file_probed(struct vdt_file *file, uint64_t *address, uint64_t *size);

/* True when the store was committed to between opening `file` and now: what was read through it
 * may mix two states. */
bool vdt_file_changed(const struct vdt_file *file);

#endif

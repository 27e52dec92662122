/* Datasets of an HDF5 file by name. */
#ifndef STORE_FOREIGN_FIND_H
#define STORE_FOREIGN_FIND_H

#include <hdf5.h>
#include <vedatile/error.h>

/* Opens the dataset at `name` for the caller to close, by any links but those into other files.
 * `path` is the file's; VDT_ERR_NOT_FOUND lists the datasets that there are. */
vdt_status vdt_foreign_find(hid_t file, const char *path, const char *name, hid_t *dataset,
                            struct vdt_error *error);

#endif

/* HDF5 on top of a store's file: a virtual file driver that can tell where chunks lie without
 * reading them. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "store/file.h"

/* The HDF5 file on top; the caller closes *id before freeing `file`. */
vdt_status vdt_file_hdf5(struct vdt_file *file, hid_t *id, struct vdt_error *error);

/* What HDF5 could not close (it happens after failed writes) must not reach a file that is gone. */
void vdt_driver_detach(struct vdt_driver *driver);

/* While on, reads of raw data move no bytes and are counted instead; only for files opened to read.
 * Returns how many since it was last called, and the address and size of the last. */
void vdt_file_probe(struct vdt_file *file, bool on);
unsigned vdt_file_probed(struct vdt_file *file, uint64_t *address, uint64_t *size);

#endif

/* The checksum of HDF5's object headers, compared before HDF5 sees them: HDF5 1.10 loses memory
 * over one that does not match, and says at the end of the process that it cannot close itself. */
#ifndef STORE_OBJECT_HEADER_H
#define STORE_OBJECT_HEADER_H

#include "store/file.h"

/* `data` is what HDF5 wants of the file at `address`. VDT_ERR_FORMAT when an object header begins
 * there that is not, with its continuations, what was written; anything else is good. */
vdt_status vdt_object_header_check(const struct vdt_file *file, const void *data, size_t size,
                                   uint64_t address, struct vdt_error *error);

/* HDF5's checksum of metadata: lookup3 by Bob Jenkins, from 0. */
uint32_t vdt_lookup3(const void *data, size_t size);

#endif

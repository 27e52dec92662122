/* HDF5's types in our words. */
#ifndef STORE_FOREIGN_TYPE_H
#define STORE_FOREIGN_TYPE_H

#include <hdf5.h>
#include <stdbool.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

/* *swap: the values have the other byte order than the machine. `what` is "PATH: /dataset"; what is
 * no number or boolean is VDT_ERR_UNSUPPORTED. */
vdt_status vdt_foreign_type(hid_t type, const char *what, enum vdt_dtype *dtype, bool *swap,
                            struct vdt_error *error);

#endif

/* NumPy's array files (.npy, version 1.0): little-endian, C order. */
#ifndef EXCHANGE_NPY_H
#define EXCHANGE_NPY_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/buffer.h"

enum { VDT_NPY_AXES = 4 };

/* Borrowed data. */
struct vdt_npy {
    enum vdt_dtype dtype; /* 0: bytes of text, one string of shape[0] bytes and no axes */
    int axes;
    uint64_t shape[VDT_NPY_AXES];
    const void *data;
    size_t size; /* bytes of data */
};

/* Appends the file. False: memory is out. */
bool vdt_npy_append(struct vdt_buffer *out, const struct vdt_npy *array);

/* Reads a file of version 1 or 2 in C order; array->data lies in `bytes`. `what` names it. */
vdt_status vdt_npy_parse(const char *what, const void *bytes, size_t size, struct vdt_npy *array,
                         struct vdt_error *error);

#endif

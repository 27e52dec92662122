/* The type Array, for the files that make and export one. */
#ifndef EXT_ARRAY_H
#define EXT_ARRAY_H

#include "ext.h"

enum { EXT_ON_CPU = -1 };

struct ext_array {
    PyObject_HEAD PyObject *owner; /* of the memory */
    void *data;                    /* the device's address when device is not EXT_ON_CPU */
    int dtype;
    int device;
    bool of_batch; /* the owner is a Batch */
    int axes;
    Py_ssize_t size; /* bytes of one value */
    Py_ssize_t bytes;
    Py_ssize_t shape[EXT_AXES];
    Py_ssize_t strides[EXT_AXES]; /* bytes */
};

/* Around each export: false and BufferError once the batch is released. */
bool ext_array_use(const struct ext_array *array);
void ext_array_unuse(const struct ext_array *array, uintptr_t stream);

/* Methods of Array (dlpack.c). */
PyObject *ext_array_dlpack(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *ext_array_dlpack_device(PyObject *self, PyObject *unused);

#endif

/* What the two files of Reader share. */
#ifndef EXT_READER_H
#define EXT_READER_H

#include "ext.h"

extern PyMethodDef ext_reader_methods[];

struct ext_spare *ext_reader_spare(PyObject *reader);
struct ext_spare *ext_hdf5_spare(PyObject *hdf5);
int ext_hdf5_input(PyObject *object, struct vdt_input *input);

#endif

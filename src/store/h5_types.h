/* The layout in HDF5's words: types and dimensions. */
#ifndef STORE_H5_TYPES_H
#define STORE_H5_TYPES_H

#include <hdf5.h>

#include "store/layout.h"

/* Dimensions below the first; returns how many (0..3). */
int vdt_array_inner(const struct vdt_layout *layout, enum vdt_array array, hsize_t inner[3]);

/* Types of one element or row; the caller closes them. */
hid_t vdt_array_type(const struct vdt_layout *layout, enum vdt_array array);
hid_t vdt_scene_type(void);
hid_t vdt_crs_type(void);

#endif

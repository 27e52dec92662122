/* What shapes.c has for others. */
#ifndef SHAPES_H
#define SHAPES_H

#include "ext.h"

/* A new list of the masks of a sequence of dicts {"size": [rows, cols], "counts": bytes, str or
 * numbers}; NULL with an exception. */
struct vdt_masks *ext_masks(const struct ext_state *state, PyObject *rles);

#endif

/* Objects as columns, for the files that take them. */
#ifndef EXT_COLUMNS_H
#define EXT_COLUMNS_H

#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "ext.h"

enum { EXT_OBJECT_COLUMNS = 7, EXT_SHAPE_COLUMNS = 8 };

/* Objects and the buffers that they lie in; {0}, cleared by ext_columns_release. */
struct ext_columns {
    struct vdt_objects objects;
    struct vdt_shapes shapes;
    struct vdt_masks *masks; /* owned; NULL: shapes are columns */
    Py_buffer views[EXT_OBJECT_COLUMNS + EXT_SHAPE_COLUMNS];
    size_t held;
};

/* 0, or -1 and an exception; the columns are released in both cases. */
int ext_columns_take(const struct ext_state *state, PyObject *dict, struct ext_columns *columns);
void ext_columns_release(struct ext_columns *columns);

/* The table of a capsule of detection_match, borrowed; NULL and an exception. */
const struct vdt_matches *ext_matches(PyObject *capsule);

#endif

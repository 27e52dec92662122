/* What scene.c, writer.c, labels.c and feed.c share. */
#ifndef FEEDING_H
#define FEEDING_H

#include "ext.h"

/* Waits for the lock without the GIL. */
void ext_lock(PyThread_type_lock lock);

/* The image of a Scene, whose lock the caller takes while using it; NULL and TypeError when the
 * object is none. Borrowed from the object. */
struct vdt_image *ext_image(const struct ext_state *state, PyObject *object,
                            PyThread_type_lock *lock);

/* A window from a sequence (col, row, cols, rows): 0, or -1 and an exception. */
int ext_window(const struct ext_state *state, PyObject *value, struct vdt_window *window);

/* A contiguous buffer of exactly this type and shape (an extent of 0: any; 0 axes: any shape);
 * `name` is for messages. The caller releases the view when 0 is returned. */
int ext_buffer(const struct ext_state *state, const char *name, PyObject *value,
               enum vdt_dtype dtype, int axes, const uint64_t *shape, Py_buffer *view);

/* Labels whose arrays live in `views`; {0}, cleared by ext_labels_clear. */
enum { EXT_LABEL_ARRAYS = 11 };
struct ext_labels {
    struct vdt_labels labels;
    Py_buffer views[EXT_LABEL_ARRAYS];
    bool held[EXT_LABEL_ARRAYS];
};

/* Fills labels from a dict (None: no labels) with onehot, boxes, box_class, box_feature,
 * box_visible, mask, instances, boundary, contact, distance, target: buffers of the types and
 * shapes of struct vdt_labels (boxes may be flat). Every array that the store's tasks need must be
 * there and no other, and every value must make sense. */
int ext_labels_parse(const struct ext_state *state, PyObject *dict,
                     const struct vdt_store_spec *spec, struct ext_labels *labels);
void ext_labels_clear(struct ext_labels *labels);

#endif

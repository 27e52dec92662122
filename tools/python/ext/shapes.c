/* The functions of vedatile.shapes: masks as COCO's run lengths, polygons, rotated boxes. */
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "ext.h"
#include "feeding.h"
#include "shapes.h"

/* --- lists of masks ----------------------------------------------------------------------- */

static PyObject *fail(const struct ext_state *state, struct vdt_masks *masks,
                      const struct vdt_error *error)
{
    vdt_masks_free(masks);
    return ext_raise(state, error);
}

static int whole(PyObject *value, uint32_t *number)
{
    unsigned long long found = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred())
        return -1;
    if (found > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a number of pixels is above 2^32");
        return -1;
    }
    *number = (uint32_t)found;
    return 0;
}

/* (rows, cols) of a sequence of two. */
static int size_of(PyObject *value, uint32_t size[2])
{
    if (value == NULL || PySequence_Size(value) != 2) {
        PyErr_Clear();
        PyErr_SetString(PyExc_TypeError, "size of a mask: [rows, cols] are wanted");
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        PyObject *item = PySequence_GetItem(value, i);
        int done = item == NULL ? -1 : whole(item, &size[i]);
        Py_XDECREF(item);
        if (done != 0)
            return -1;
    }
    return 0;
}

static vdt_status add_numbers(struct vdt_masks *masks, const uint32_t size[2], PyObject *counts,
                              struct vdt_error *error)
{
    PyObject *list = PySequence_List(counts);
    Py_ssize_t count = list == NULL ? -1 : PyList_Size(list);
    uint32_t *runs = count < 0 ? NULL : PyMem_Malloc((size_t)count * sizeof *runs + 1);
    vdt_status status = VDT_ERR_MEMORY;
    if (count >= 0 && runs == NULL)
        PyErr_NoMemory();
    Py_ssize_t i = 0;
    while (runs != NULL && i < count && whole(PyList_GetItem(list, i), &runs[i]) == 0)
        i++;
    if (runs != NULL && i == count)
        status = vdt_masks_add_counts(masks, size[0], size[1], runs, (size_t)count, error);
    PyMem_Free(runs);
    Py_XDECREF(list);
    return status;
}

/* Adds {"size": [rows, cols], "counts": bytes, str or a list of numbers}. */
static vdt_status add_rle(struct vdt_masks *masks, PyObject *rle, struct vdt_error *error)
{
    PyObject *counts = PyDict_Check(rle) ? PyDict_GetItemString(rle, "counts") : NULL;
    uint32_t size[2];
    if (counts == NULL) {
        PyErr_SetString(PyExc_TypeError,
                        "mask: {\"size\": [rows, cols], \"counts\": ...} is wanted");
        return VDT_ERR_ARGUMENT;
    }
    if (size_of(PyDict_GetItemString(rle, "size"), size) != 0)
        return VDT_ERR_ARGUMENT;
    const char *text = NULL;
    Py_ssize_t length = 0;
    if (PyUnicode_Check(counts)) {
        text = PyUnicode_AsUTF8AndSize(counts, &length);
        if (text == NULL)
            return VDT_ERR_ARGUMENT;
    } else if (PyBytes_Check(counts)) {
        text = PyBytes_AsString(counts);
        length = PyBytes_Size(counts);
    }
    if (text != NULL)
        return vdt_masks_add_text(masks, size[0], size[1], text, (size_t)length, error);
    return add_numbers(masks, size, counts, error);
}

struct vdt_masks *ext_masks(const struct ext_state *state, PyObject *rles)
{
    struct vdt_error error = {0};
    struct vdt_masks *masks = NULL;
    vdt_status status = vdt_masks_new(&masks, &error);
    Py_ssize_t count = PySequence_Size(rles);
    for (Py_ssize_t i = 0; status == VDT_OK && i < count; i++) {
        PyObject *rle = PySequence_GetItem(rles, i);
        status = rle == NULL ? VDT_ERR_ARGUMENT : add_rle(masks, rle, &error);
        Py_XDECREF(rle);
    }
    if (status == VDT_OK && count >= 0)
        return masks;
    if (!PyErr_Occurred())
        ext_raise(state, &error);
    vdt_masks_free(masks);
    return NULL;
}

static PyObject *make_rle(const struct ext_state *state, const struct vdt_shapes *shapes,
                          uint64_t index)
{
    struct vdt_error error = {0};
    char *text;
    size_t length;
    if (vdt_mask_text(shapes, index, &text, &length, &error) != VDT_OK)
        return ext_raise(state, &error);
    PyObject *rle = Py_BuildValue("{s:[II],s:y#}", "size", shapes->size[index][0],
                                  shapes->size[index][1], "counts", text, (Py_ssize_t)length);
    free(text);
    return rle;
}

/* The masks as dicts; frees them. */
static PyObject *give_masks(const struct ext_state *state, struct vdt_masks *masks)
{
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    PyObject *list = PyList_New((Py_ssize_t)shapes->count);
    for (uint64_t i = 0; list != NULL && i < shapes->count; i++) {
        PyObject *rle = make_rle(state, shapes, i);
        if (rle == NULL || PyList_SetItem(list, (Py_ssize_t)i, rle) != 0)
            Py_CLEAR(list);
    }
    vdt_masks_free(masks);
    return list;
}

/* --- pixels ------------------------------------------------------------------------------- */

/* Pixels of one byte, [rows, cols, masks], with any strides. */
static int take_pixels(const struct ext_state *state, PyObject *value, int flags, Py_buffer *view)
{
    if (PyObject_GetBuffer(value, view, PyBUF_STRIDES | PyBUF_FORMAT | flags) != 0)
        return -1;
    if (view->ndim == 3 && view->itemsize == 1 && view->shape[0] <= UINT32_MAX &&
        view->shape[1] <= UINT32_MAX)
        return 0;
    PyBuffer_Release(view);
    ext_refuse(state, "pixels: uint8 or bool of shape [rows, cols, masks] are wanted");
    return -1;
}

static PyObject *rle_encode(PyObject *module, PyObject *pixels)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_masks *masks = NULL;
    Py_buffer view;
    if (take_pixels(state, pixels, 0, &view) != 0)
        return NULL;
    vdt_status status = vdt_masks_new(&masks, &error);
    Py_BEGIN_ALLOW_THREADS for (Py_ssize_t i = 0; status == VDT_OK && i < view.shape[2]; i++)
        status = vdt_masks_add_u8(masks, (uint32_t)view.shape[0], (uint32_t)view.shape[1],
                                  (const uint8_t *)view.buf + i * view.strides[2], view.strides[0],
                                  view.strides[1], &error);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    return status == VDT_OK ? give_masks(state, masks) : fail(state, masks, &error);
}

static PyObject *rle_decode(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *rles, *pixels;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "OO", &rles, &pixels))
        return NULL;
    struct vdt_masks *masks = ext_masks(state, rles);
    if (masks == NULL || take_pixels(state, pixels, PyBUF_WRITABLE, &view) != 0) {
        vdt_masks_free(masks);
        return NULL;
    }
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    bool good = shapes->count == (uint64_t)view.shape[2];
    for (uint64_t i = 0; good && i < shapes->count; i++)
        good = shapes->size[i][0] == view.shape[0] && shapes->size[i][1] == view.shape[1];
    Py_BEGIN_ALLOW_THREADS for (uint64_t i = 0; good && i < shapes->count; i++)
        vdt_mask_decode(shapes, i, (uint8_t *)view.buf + (Py_ssize_t)i * view.strides[2],
                        view.strides[0], view.strides[1]);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    vdt_masks_free(masks);
    if (!good)
        return ext_refuse(state, "masks: all need the same size");
    Py_RETURN_NONE;
}

/* --- from other things -------------------------------------------------------------------- */

static PyObject *rle_compress(PyObject *module, PyObject *rles)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_masks *masks = ext_masks(state, rles);
    return masks == NULL ? NULL : give_masks(state, masks);
}

static PyObject *rle_merge(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *rles, *made = NULL;
    int intersect;
    if (!PyArg_ParseTuple(args, "Op", &rles, &intersect))
        return NULL;
    struct vdt_masks *masks = ext_masks(state, rles);
    if (masks == NULL)
        return NULL;
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    uint64_t count = shapes->count;
    if (vdt_masks_add_merged(masks, shapes, 0, count, intersect != 0, &error) == VDT_OK)
        made = make_rle(state, vdt_masks_shapes(masks), count);
    else
        ext_raise(state, &error);
    vdt_masks_free(masks);
    return made;
}

/* The rings of one polygon: float64 buffers of x, y, x, y ... */
static vdt_status add_polygon(const struct ext_state *state, struct vdt_masks *masks,
                              const uint32_t size[2], PyObject *rings, struct vdt_error *error)
{
    Py_ssize_t count = PySequence_Size(rings), held = 0;
    if (count < 0)
        return VDT_ERR_ARGUMENT;
    Py_buffer *views = PyMem_Calloc((size_t)count + 1, sizeof *views);
    const double(**points)[2] = PyMem_Calloc((size_t)count + 1, sizeof *points);
    size_t *counts = PyMem_Calloc((size_t)count + 1, sizeof *counts);
    vdt_status status = VDT_ERR_MEMORY;
    const uint64_t any[1] = {0};
    if (views != NULL && points != NULL && counts != NULL)
        for (; held < count; held++) {
            PyObject *ring = PySequence_GetItem(rings, held);
            int done = ring == NULL
                           ? -1
                           : ext_buffer(state, "polygon", ring, VDT_FLOAT64, 1, any, &views[held]);
            Py_XDECREF(ring);
            if (done != 0)
                break;
            points[held] = views[held].buf;
            counts[held] = (size_t)views[held].shape[0] / 2;
        }
    else
        PyErr_NoMemory();
    if (held == count && !PyErr_Occurred())
        status =
            vdt_masks_add_polygons(masks, size[0], size[1], points, counts, (size_t)count, error);
    while (held > 0)
        PyBuffer_Release(&views[--held]);
    PyMem_Free(views);
    PyMem_Free(points);
    PyMem_Free(counts);
    return status;
}

static PyObject *rle_polygons(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_masks *masks = NULL;
    PyObject *polygons;
    uint32_t size[2];
    if (!PyArg_ParseTuple(args, "OII", &polygons, &size[0], &size[1]))
        return NULL;
    Py_ssize_t count = PySequence_Size(polygons);
    if (count < 0)
        return NULL;
    vdt_status status = vdt_masks_new(&masks, &error);
    for (Py_ssize_t i = 0; status == VDT_OK && i < count; i++) {
        PyObject *rings = PySequence_GetItem(polygons, i);
        status = rings == NULL ? VDT_ERR_ARGUMENT : add_polygon(state, masks, size, rings, &error);
        Py_XDECREF(rings);
    }
    if (status == VDT_OK)
        return give_masks(state, masks);
    if (PyErr_Occurred()) {
        vdt_masks_free(masks);
        return NULL;
    }
    return fail(state, masks, &error);
}

static PyObject *rle_boxes(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_masks *masks = NULL;
    PyObject *boxes;
    uint32_t rows, cols;
    Py_buffer view;
    const uint64_t shape[2] = {0, 4};
    if (!PyArg_ParseTuple(args, "OII", &boxes, &rows, &cols) ||
        ext_buffer(state, "boxes", boxes, VDT_FLOAT64, 2, shape, &view) != 0)
        return NULL;
    vdt_status status = vdt_masks_new(&masks, &error);
    for (Py_ssize_t i = 0; status == VDT_OK && i < view.shape[0]; i++)
        status = vdt_masks_add_box(masks, rows, cols, (const double *)view.buf + 4 * i, &error);
    PyBuffer_Release(&view);
    return status == VDT_OK ? give_masks(state, masks) : fail(state, masks, &error);
}

/* --- shapes ------------------------------------------------------------------------------- */

enum { POINTS, RINGS, PARTS, SHAPES, VIEWS };

/* A list of dicts (masks), a tuple of four buffers (polygons), or a buffer (rotated boxes). */
struct taken {
    struct vdt_shapes shapes;
    struct vdt_masks *masks;
    Py_buffer views[VIEWS];
};

static void release(struct taken *taken)
{
    vdt_masks_free(taken->masks);
    for (int i = 0; i < VIEWS; i++)
        if (taken->views[i].obj != NULL)
            PyBuffer_Release(&taken->views[i]);
}

static int take_view(const struct ext_state *state, struct taken *taken, int which,
                     const char *name, PyObject *value, int columns)
{
    const uint64_t shape[2] = {0, (uint64_t)columns};
    enum vdt_dtype dtype = columns > 0 ? VDT_FLOAT64 : VDT_UINT64;
    if (ext_buffer(state, name, value, dtype, columns > 0 ? 2 : 1, shape, &taken->views[which]) ==
        0)
        return 0;
    taken->views[which].obj = NULL;
    return -1;
}

/* Offsets rise from 0 to at most `limit`. */
static bool rise(const Py_buffer *view, uint64_t limit)
{
    const uint64_t *offsets = view->buf;
    if (view->shape[0] < 1 || offsets[0] != 0)
        return false;
    for (Py_ssize_t i = 0; i + 1 < view->shape[0]; i++)
        if (offsets[i] > offsets[i + 1])
            return false;
    return offsets[view->shape[0] - 1] <= limit;
}

static int take_polygons(const struct ext_state *state, PyObject *value, struct taken *taken)
{
    static const char *const names[] = {"points", "rings", "parts", "shapes"};
    for (int i = 0; i < VIEWS; i++)
        if (take_view(state, taken, i, names[i], PyTuple_GetItem(value, i), i == POINTS ? 2 : 0) !=
            0)
            return -1;
    const Py_buffer *views = taken->views;
    if (!rise(&views[RINGS], (uint64_t)views[POINTS].shape[0]) ||
        !rise(&views[PARTS], (uint64_t)views[RINGS].shape[0] - 1) ||
        !rise(&views[SHAPES], (uint64_t)views[PARTS].shape[0] - 1)) {
        ext_refuse(state, "polygons: offsets must rise from 0 to what they count");
        return -1;
    }
    taken->shapes = (struct vdt_shapes){.kind = VDT_SHAPE_POLYGON,
                                        .count = (uint64_t)views[SHAPES].shape[0] - 1,
                                        .points = views[POINTS].buf,
                                        .ring_offsets = views[RINGS].buf,
                                        .part_offsets = views[PARTS].buf,
                                        .shape_offsets = views[SHAPES].buf};
    return 0;
}

static int take_shapes(const struct ext_state *state, PyObject *value, struct taken *taken)
{
    struct vdt_error error = {0};
    *taken = (struct taken){0};
    if (PyTuple_Check(value) && PyTuple_Size(value) == VIEWS) {
        if (take_polygons(state, value, taken) != 0)
            goto failed;
    } else if (PyList_Check(value)) {
        taken->masks = ext_masks(state, value);
        if (taken->masks == NULL)
            return -1;
        taken->shapes = *vdt_masks_shapes(taken->masks);
        return 0;
    } else {
        if (take_view(state, taken, 0, "rotated boxes", value, 5) != 0)
            return -1;
        taken->shapes = (struct vdt_shapes){.kind = VDT_SHAPE_ROTATED,
                                            .count = (uint64_t)taken->views[0].shape[0],
                                            .rotated = taken->views[0].buf};
    }
    if (vdt_shapes_check(&taken->shapes, &error) == VDT_OK)
        return 0;
    ext_raise(state, &error);
failed:
    release(taken);
    return -1;
}

static PyObject *shapes_measure(PyObject *module, PyObject *value)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct taken taken;
    if (take_shapes(state, value, &taken) != 0)
        return NULL;
    void *area_data, *box_data;
    const uint64_t shape[2] = {taken.shapes.count, 4};
    PyObject *area = ext_array_make(state, VDT_FLOAT64, 1, shape, &area_data);
    PyObject *box = area == NULL ? NULL : ext_array_make(state, VDT_FLOAT64, 2, shape, &box_data);
    PyObject *both = NULL;
    if (box != NULL) {
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS status = vdt_shapes_area(&taken.shapes, area_data, &error);
        vdt_shapes_box(&taken.shapes, box_data);
        Py_END_ALLOW_THREADS both =
            status == VDT_OK ? PyTuple_Pack(2, area, box) : ext_raise(state, &error);
    }
    Py_XDECREF(area);
    Py_XDECREF(box);
    release(&taken);
    return both;
}

/* crowd: None or uint8 [count]. */
static int take_crowd(const struct ext_state *state, PyObject *value, uint64_t count,
                      Py_buffer *view)
{
    const uint64_t any[1] = {0};
    view->obj = NULL;
    view->buf = NULL;
    if (value == Py_None)
        return 0;
    if (ext_buffer(state, "crowd", value, VDT_UINT8, 1, any, view) != 0) {
        view->obj = NULL;
        return -1;
    }
    if ((uint64_t)view->shape[0] == count)
        return 0;
    PyBuffer_Release(view);
    ext_refuse(state, "crowd: %llu values are wanted", (unsigned long long)count);
    return -1;
}

static PyObject *shapes_iou(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct taken a, b;
    Py_buffer crowd;
    PyObject *a_value, *b_value, *crowd_value, *array = NULL;
    double lowest;
    void *iou;
    if (!PyArg_ParseTuple(args, "OOOd", &a_value, &b_value, &crowd_value, &lowest) ||
        take_shapes(state, a_value, &a) != 0)
        return NULL;
    if (take_shapes(state, b_value, &b) != 0) {
        release(&a);
        return NULL;
    }
    if (take_crowd(state, crowd_value, b.shapes.count, &crowd) == 0) {
        const uint64_t shape[2] = {a.shapes.count, b.shapes.count};
        array = ext_array_make(state, VDT_FLOAT64, 2, shape, &iou);
        vdt_status status = VDT_OK;
        Py_BEGIN_ALLOW_THREADS if (array != NULL) status =
            vdt_shapes_iou(&a.shapes, &b.shapes, crowd.buf, lowest, iou, &error);
        Py_END_ALLOW_THREADS if (status != VDT_OK)
        {
            Py_CLEAR(array);
            ext_raise(state, &error);
        }
        if (crowd.obj != NULL)
            PyBuffer_Release(&crowd);
    }
    release(&a);
    release(&b);
    return array;
}

static PyObject *boxes_iou(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *a_value, *b_value, *crowd_value, *array = NULL;
    Py_buffer a, b, crowd;
    void *iou;
    const uint64_t shape[2] = {0, 4};
    if (!PyArg_ParseTuple(args, "OOO", &a_value, &b_value, &crowd_value) ||
        ext_buffer(state, "boxes", a_value, VDT_FLOAT64, 2, shape, &a) != 0)
        return NULL;
    if (ext_buffer(state, "boxes", b_value, VDT_FLOAT64, 2, shape, &b) != 0) {
        PyBuffer_Release(&a);
        return NULL;
    }
    if (take_crowd(state, crowd_value, (uint64_t)b.shape[0], &crowd) == 0) {
        const uint64_t extent[2] = {(uint64_t)a.shape[0], (uint64_t)b.shape[0]};
        array = ext_array_make(state, VDT_FLOAT64, 2, extent, &iou);
        Py_BEGIN_ALLOW_THREADS if (array != NULL)
            vdt_boxes_iou(a.buf, (size_t)a.shape[0], b.buf, (size_t)b.shape[0], crowd.buf, iou);
        Py_END_ALLOW_THREADS if (crowd.obj != NULL) PyBuffer_Release(&crowd);
    }
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    return array;
}

static PyObject *rotated_corners(PyObject *module, PyObject *value)
{
    const struct ext_state *state = ext_module_state(module);
    Py_buffer view;
    void *corners;
    const uint64_t shape[2] = {0, 5};
    if (ext_buffer(state, "rotated boxes", value, VDT_FLOAT64, 2, shape, &view) != 0)
        return NULL;
    const uint64_t extent[3] = {(uint64_t)view.shape[0], 4, 2};
    PyObject *array = ext_array_make(state, VDT_FLOAT64, 3, extent, &corners);
    for (Py_ssize_t i = 0; array != NULL && i < view.shape[0]; i++)
        vdt_rotated_corners((const double *)view.buf + 5 * i, (double(*)[2])corners + 4 * i);
    PyBuffer_Release(&view);
    return array;
}

static PyObject *rotated_around(PyObject *module, PyObject *value)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    Py_buffer view;
    double rotated[5];
    const uint64_t shape[2] = {0, 2};
    if (ext_buffer(state, "points", value, VDT_FLOAT64, 2, shape, &view) != 0)
        return NULL;
    vdt_status status = vdt_rotated_around(view.buf, (size_t)view.shape[0], rotated, &error);
    PyBuffer_Release(&view);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    return Py_BuildValue("(ddddd)", rotated[0], rotated[1], rotated[2], rotated[3], rotated[4]);
}

int ext_add_shapes(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"rle_encode", rle_encode, METH_O,
         "rle_encode($module, pixels, /)\n--\n\nMasks of pixels, as dicts."},
        {"rle_decode", rle_decode, METH_VARARGS,
         "rle_decode($module, masks, pixels, /)\n--\n\nPixels of masks, into an array."},
        {"rle_compress", rle_compress, METH_O,
         "rle_compress($module, masks, /)\n--\n\nMasks with their counts as bytes."},
        {"rle_merge", rle_merge, METH_VARARGS,
         "rle_merge($module, masks, intersect, /)\n--\n\nOne mask of several."},
        {"rle_polygons", rle_polygons, METH_VARARGS,
         "rle_polygons($module, polygons, rows, cols, /)\n--\n\nMasks of polygons."},
        {"rle_boxes", rle_boxes, METH_VARARGS,
         "rle_boxes($module, boxes, rows, cols, /)\n--\n\nMasks of boxes."},
        {"shapes_measure", shapes_measure, METH_O,
         "shapes_measure($module, shapes, /)\n--\n\nAreas and boxes of shapes."},
        {"shapes_iou", shapes_iou, METH_VARARGS,
         "shapes_iou($module, a, b, crowd, lowest, /)\n--\n\nOverlaps of shapes of one kind."},
        {"boxes_iou", boxes_iou, METH_VARARGS,
         "boxes_iou($module, a, b, crowd, /)\n--\n\nOverlaps of boxes."},
        {"rotated_corners", rotated_corners, METH_O,
         "rotated_corners($module, boxes, /)\n--\n\nCorners of rotated boxes."},
        {"rotated_around", rotated_around, METH_O,
         "rotated_around($module, points, /)\n--\n\nThe least rotated box around points."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

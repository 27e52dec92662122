/* Hdf5: images and labels in an HDF5 file that is no store. */
#include <stddef.h>

#include "reader.h"

struct ext_hdf5 {
    PyObject_HEAD struct vdt_hdf5 *file;
    struct ext_spare spare;
    PyObject *arguments; /* (path, images, labels, axes, keep_table), for pickle */
};

static const struct vdt_hdf5 *file_of(PyObject *object)
{
    return ((struct ext_hdf5 *)object)->file;
}

struct ext_spare *ext_hdf5_spare(PyObject *object)
{
    return &((struct ext_hdf5 *)object)->spare;
}

int ext_hdf5_input(PyObject *object, struct vdt_input *input)
{
    input->hdf5 = file_of(object);
    return 0;
}

static const struct ext_word axes_words[] = {
    {"chw", VDT_AXES_CHW}, {"hwc", VDT_AXES_HWC}, {NULL, 0}};

/* A new reference to an object that takes `file`. */
static PyObject *wrap(PyTypeObject *type, struct vdt_hdf5 *file, PyObject *arguments)
{
    struct ext_hdf5 *self = arguments == NULL ? NULL : PyObject_New(struct ext_hdf5, type);
    if (self == NULL) {
        vdt_hdf5_free(file);
        Py_XDECREF(arguments);
        return NULL;
    }
    self->file = file;
    self->spare = (struct ext_spare){0};
    self->arguments = arguments;
    return (PyObject *)self;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "images", "labels", "axes", "keep_table", NULL};
    const struct ext_state *state = ext_type_state(type);
    PyObject *path = NULL;
    PyObject *axes = Py_None;
    int keep_table = 1;
    struct vdt_hdf5_options options = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&s|zOp:Hdf5", names, PyUnicode_FSConverter,
                                     &path, &options.images, &options.labels, &axes, &keep_table))
        return NULL;
    uint32_t word = VDT_AXES_STORED;
    if (axes != Py_None && ext_word_value(state, "axes", axes, axes_words, &word) != 0) {
        Py_DECREF(path);
        return NULL;
    }
    options.axes = (enum vdt_axes)word;
    options.no_cache = keep_table == 0;
    struct vdt_error error = {0};
    struct vdt_hdf5 *file = NULL;
    const char *text = PyBytes_AsString(path);
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_hdf5_open(text, &options, &file, &error);
    Py_END_ALLOW_THREADS PyObject *made = NULL;
    if (status == VDT_OK)
        made = wrap(type, file,
                    Py_BuildValue("(OszOO)", path, options.images, options.labels, axes,
                                  keep_table ? Py_True : Py_False));
    else
        ext_raise(state, &error);
    Py_DECREF(path);
    return made;
}

static void deallocate(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct ext_hdf5 *self = (struct ext_hdf5 *)object;
    ext_spare_free(&self->spare);
    vdt_hdf5_free(self->file);
    Py_DECREF(self->arguments);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyObject *get_path(PyObject *object, void *unused)
{
    (void)unused;
    return PyUnicode_DecodeFSDefault(vdt_hdf5_path(file_of(object)));
}

static Py_ssize_t length(PyObject *object)
{
    return (Py_ssize_t)vdt_hdf5_spec(file_of(object)).count;
}

static PyObject *get_tile(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_tile_spec tile = vdt_hdf5_spec(file_of(object)).tile;
    return Py_BuildValue("IIIs", tile.bands, tile.rows, tile.cols, vdt_dtype_name(tile.dtype));
}

static PyObject *get_axes(PyObject *object, void *unused)
{
    (void)unused;
    enum vdt_axes axes = vdt_hdf5_spec(file_of(object)).axes;
    return PyUnicode_FromString(axes == VDT_AXES_HWC ? "hwc" : "chw");
}

/* (shape, dtype's name) of one label, or None. */
static PyObject *get_label(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_hdf5_spec spec = vdt_hdf5_spec(file_of(object));
    if (spec.label_dtype == 0)
        Py_RETURN_NONE;
    PyObject *shape = PyTuple_New(spec.label_rank);
    for (uint32_t i = 0; shape != NULL && i < spec.label_rank; i++) {
        PyObject *extent = PyLong_FromUnsignedLongLong(spec.label_shape[i]);
        if (extent == NULL || PyTuple_SetItem(shape, i, extent) != 0)
            Py_CLEAR(shape);
    }
    return shape == NULL ? NULL : Py_BuildValue("Ns", shape, vdt_dtype_name(spec.label_dtype));
}

/* --- samples ------------------------------------------------------------------------------ */

static PyObject *read_array(PyObject *object, PyObject *number, bool image)
{
    struct vdt_hdf5_spec spec = vdt_hdf5_spec(file_of(object));
    uint64_t index = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() != NULL)
        return NULL;
    bool hwc = spec.axes == VDT_AXES_HWC;
    uint64_t shape[] = {hwc ? spec.tile.rows : spec.tile.bands,
                        hwc ? spec.tile.cols : spec.tile.rows,
                        hwc ? spec.tile.bands : spec.tile.cols};
    void *data = NULL;
    PyObject *array = image
                          ? ext_array_make(ext_state(object), (int)spec.tile.dtype, 3, shape, &data)
                          : ext_array_make(ext_state(object), (int)spec.label_dtype,
                                           (int)spec.label_rank, spec.label_shape, &data);
    if (array == NULL)
        return NULL;
    struct vdt_error error = {0};
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = image ? vdt_hdf5_image(file_of(object), index, data, &error)
                                          : vdt_hdf5_label(file_of(object), index, data, &error);
    Py_END_ALLOW_THREADS if (status == VDT_OK) return array;
    Py_DECREF(array);
    return ext_raise(ext_state(object), &error);
}

static PyObject *image(PyObject *object, PyObject *number)
{
    return read_array(object, number, true);
}

static PyObject *label(PyObject *object, PyObject *number)
{
    if (vdt_hdf5_spec(file_of(object)).label_dtype == 0)
        return ext_refuse(ext_state(object), "%s: opened without labels",
                          vdt_hdf5_path(file_of(object)));
    return read_array(object, number, false);
}

static PyObject *reduce(PyObject *object, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("OO", Py_TYPE(object), ((struct ext_hdf5 *)object)->arguments);
}

static PyObject *represent(PyObject *object)
{
    PyObject *path = get_path(object, NULL);
    PyObject *text = path == NULL
                         ? NULL
                         : PyUnicode_FromFormat("<vedatile._vedatile.Hdf5 of %R, %zd samples>",
                                                path, length(object));
    Py_XDECREF(path);
    return text;
}

static PyGetSetDef properties[] = {
    {"path", get_path, NULL, "The file.", NULL},
    {"tile", get_tile, NULL, "(bands, rows, cols, dtype's name) of an image.", NULL},
    {"axes", get_axes, NULL, "\"chw\" or \"hwc\".", NULL},
    {"label", get_label, NULL, "(shape, dtype's name) of one label, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    {"image", image, METH_O, "image(index)\n--\n\nOne image, with the file's axes."},
    {"value", label, METH_O, "value(index)\n--\n\nOne label."},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

int ext_add_hdf5(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_doc, "Hdf5(path, images, labels=None, axes=None, keep_table=True)\n--\n\n"
                    "Images and labels in an HDF5 file that is no store."},
        {Py_tp_new, (void *)make},
        {Py_tp_dealloc, (void *)deallocate},
        {Py_tp_repr, (void *)represent},
        {Py_tp_getset, properties},
        {Py_tp_methods, methods},
        {Py_sq_length, (void *)length},
        {0, NULL}};
    static PyType_Spec spec = {"vedatile._vedatile.Hdf5", sizeof(struct ext_hdf5), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return ext_add_type(module, EXT_HDF5, &spec);
}

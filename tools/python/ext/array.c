/* Array: contiguous memory of a batch or of its own, for whoever speaks the buffer protocol or
 * DLPack. */
#include <stdlib.h>

#include "array.h"

/* Format of the buffer protocol (PEP 3118) of each type; NULL: there is none. */
static const char *format_of(int dtype)
{
    static const char *const formats[] = {[VDT_UINT8] = "B",
                                          [VDT_UINT16] = "H",
                                          [VDT_INT16] = "h",
                                          [VDT_UINT32] = "I",
                                          [VDT_INT32] = "i",
                                          [VDT_FLOAT32] = "f",
                                          [VDT_FLOAT64] = "d",
                                          [VDT_FLOAT16] = "e",
                                          [VDT_INT8] = "b",
                                          [VDT_UINT64] = sizeof(long) == 8 ? "L" : "Q",
                                          [VDT_INT64] = sizeof(long) == 8 ? "l" : "q"};
    if (dtype == EXT_APPLIED)
        return "T{I:row:I:col:B:flip_cols:B:flip_rows:B:turns:B:unused:}";
    return formats[dtype];
}

static const char *name_of(int dtype)
{
    return dtype == EXT_APPLIED ? "applied" : vdt_dtype_name((enum vdt_dtype)dtype);
}

/* --- making ------------------------------------------------------------------------------- */

static struct ext_array *new_array(const struct ext_state *state, PyObject *owner, void *data,
                                   int dtype, int axes, const uint64_t *shape)
{
    struct ext_array *array = PyObject_New(struct ext_array, state->types[EXT_ARRAY]);
    if (array == NULL)
        return NULL;
    array->owner = Py_NewRef(owner);
    array->data = data;
    array->dtype = dtype;
    array->device = EXT_ON_CPU;
    array->of_batch = Py_TYPE(owner) == state->types[EXT_BATCH];
    array->axes = axes;
    array->size = dtype == EXT_APPLIED ? (Py_ssize_t)sizeof(struct vdt_applied)
                                       : (Py_ssize_t)vdt_dtype_size((enum vdt_dtype)dtype);
    Py_ssize_t stride = array->size;
    for (int i = axes - 1; i >= 0; i--) {
        array->shape[i] = (Py_ssize_t)shape[i];
        array->strides[i] = stride;
        stride *= array->shape[i];
    }
    array->bytes = stride;
    return array;
}

PyObject *ext_array_new(const struct ext_state *state, PyObject *owner, void *data, int dtype,
                        int axes, const uint64_t *shape)
{
    return (PyObject *)new_array(state, owner, data, dtype, axes, shape);
}

PyObject *ext_array_device(const struct ext_state *state, PyObject *owner, uint64_t address,
                           uint32_t device, int dtype, int axes, const uint64_t *shape)
{
    struct ext_array *array =
        new_array(state, owner, (void *)(uintptr_t)address, dtype, axes, shape);
    if (array != NULL)
        array->device = (int)device;
    return (PyObject *)array;
}

static void free_memory(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, NULL));
}

PyObject *ext_array_make(const struct ext_state *state, int dtype, int axes, const uint64_t *shape,
                         void **data)
{
    uint64_t bytes =
        dtype == EXT_APPLIED ? sizeof(struct vdt_applied) : vdt_dtype_size((enum vdt_dtype)dtype);
    for (int i = 0; i < axes; i++) {
        if (shape[i] != 0 && bytes > PY_SSIZE_T_MAX / shape[i])
            return PyErr_NoMemory();
        bytes *= shape[i];
    }
    void *memory = calloc(1, bytes == 0 ? 1 : (size_t)bytes);
    if (memory == NULL)
        return PyErr_NoMemory();
    PyObject *owner = PyCapsule_New(memory, NULL, free_memory);
    if (owner == NULL) {
        free(memory);
        return NULL;
    }
    PyObject *array = ext_array_new(state, owner, memory, dtype, axes, shape);
    Py_DECREF(owner);
    if (array != NULL)
        *data = memory;
    return array;
}

bool ext_array_use(const struct ext_array *array)
{
    return !array->of_batch || ext_batch_use(array->owner);
}

void ext_array_unuse(const struct ext_array *array, uintptr_t stream)
{
    if (array->of_batch)
        ext_batch_unuse(array->owner, stream);
}

static void deallocate(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(((struct ext_array *)self)->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* --- the buffer protocol ------------------------------------------------------------------ */

static int get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    struct ext_array *array = (struct ext_array *)self;
    const char *format = format_of(array->dtype);
    view->obj = NULL;
    if (array->device != EXT_ON_CPU || format == NULL) {
        PyErr_Format(PyExc_BufferError, "%s: take it by DLPack (torch.from_dlpack)",
                     format == NULL ? "bfloat16 has no buffer protocol"
                                    : "the array is in a CUDA device's memory");
        return -1;
    }
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && array->axes > 1) {
        PyErr_SetString(PyExc_BufferError, "the last axis runs fastest, not the first");
        return -1;
    }
    if (!ext_array_use(array))
        return -1;
    bool shaped = (flags & PyBUF_ND) == PyBUF_ND;
    view->obj = Py_NewRef(self);
    view->buf = array->data;
    view->len = array->bytes;
    view->itemsize = array->size;
    view->readonly = 0;
    view->format = (flags & PyBUF_FORMAT) != 0 ? (char *)(uintptr_t)format : NULL;
    view->ndim = shaped ? array->axes : 1;
    view->shape = shaped ? array->shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? array->strides : NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    return 0;
}

static void release_buffer(PyObject *self, Py_buffer *view)
{
    (void)view;
    ext_array_unuse((struct ext_array *)self, 0);
}

/* --- Python's side ------------------------------------------------------------------------ */

static PyObject *get_shape(PyObject *self, void *unused)
{
    (void)unused;
    const struct ext_array *array = (struct ext_array *)self;
    PyObject *shape = PyTuple_New(array->axes);
    for (int i = 0; shape != NULL && i < array->axes; i++) {
        PyObject *length = PyLong_FromSsize_t(array->shape[i]);
        if (length == NULL || PyTuple_SetItem(shape, i, length) != 0)
            Py_CLEAR(shape);
    }
    return shape;
}

static PyObject *get_dtype(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(name_of(((struct ext_array *)self)->dtype));
}

static PyObject *get_bytes(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((struct ext_array *)self)->bytes);
}

static PyObject *get_axes(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(((struct ext_array *)self)->axes);
}

static PyObject *get_device(PyObject *self, void *unused)
{
    (void)unused;
    int device = ((struct ext_array *)self)->device;
    return device == EXT_ON_CPU ? PyUnicode_FromString("cpu")
                                : PyUnicode_FromFormat("cuda:%d", device);
}

static PyObject *represent(PyObject *self)
{
    PyObject *shape = get_shape(self, NULL);
    PyObject *device = get_device(self, NULL);
    PyObject *text = NULL;
    if (shape != NULL && device != NULL)
        text = PyUnicode_FromFormat("<vedatile.Array %s %S on %U>",
                                    name_of(((struct ext_array *)self)->dtype), shape, device);
    Py_XDECREF(shape);
    Py_XDECREF(device);
    return text;
}

static Py_ssize_t length(PyObject *self)
{
    if (((struct ext_array *)self)->axes > 0)
        return ((struct ext_array *)self)->shape[0];
    PyErr_SetString(PyExc_TypeError, "an array without axes has no length");
    return -1;
}

/* NumPy's array over the same memory; NULL and ImportError without NumPy. */
static PyObject *as_numpy(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *memory = PyMemoryView_FromObject(self);
    PyObject *numpy = memory == NULL ? NULL : PyImport_ImportModule("numpy");
    PyObject *found = numpy == NULL ? NULL : PyObject_CallMethod(numpy, "asarray", "O", memory);
    Py_XDECREF(numpy);
    Py_XDECREF(memory);
    return found;
}

/* For numpy.asarray where the buffer protocol fails: it says why instead of making a list. */
static PyObject *array_method(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"dtype", "copy", NULL};
    PyObject *dtype = Py_None;
    PyObject *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", names, &dtype, &copy))
        return NULL;
    PyObject *array = as_numpy(self, NULL);
    if (array == NULL || (dtype == Py_None && copy != Py_True))
        return array;
    PyObject *changed = dtype == Py_None ? PyObject_CallMethod(array, "copy", NULL)
                                         : PyObject_CallMethod(array, "astype", "O", dtype);
    Py_DECREF(array);
    return changed;
}

static PyObject *get_item(PyObject *self, PyObject *key)
{
    PyObject *view = as_numpy(self, NULL);
    if (view == NULL && PyErr_ExceptionMatches(PyExc_ImportError)) {
        PyErr_Clear();
        view = PyMemoryView_FromObject(self);
    }
    PyObject *item = view == NULL ? NULL : PyObject_GetItem(view, key);
    Py_XDECREF(view);
    return item;
}

static PyGetSetDef properties[] = {
    {"shape", get_shape, NULL, "Length of each axis.", NULL},
    {"ndim", get_axes, NULL, "Number of axes.", NULL},
    {"dtype", get_dtype, NULL, "Type of the values, by NumPy's name; or \"bfloat16\".", NULL},
    {"nbytes", get_bytes, NULL, "Bytes of all values.", NULL},
    {"device", get_device, NULL, "\"cpu\" or \"cuda:N\".", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    {"numpy", as_numpy, METH_NOARGS,
     "numpy()\n--\n\nA NumPy array over the same memory, which it keeps."},
    {"__array__", (PyCFunction)(void (*)(void))array_method, METH_VARARGS | METH_KEYWORDS, NULL},
    {"__dlpack__", (PyCFunction)(void (*)(void))ext_array_dlpack, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
     "A DLPack capsule over the same memory, which it keeps. A stream is the consumer's: the\n"
     "values are there already, and the memory is not used again before that stream's work."},
    {"__dlpack_device__", ext_array_dlpack_device, METH_NOARGS,
     "__dlpack_device__()\n--\n\n(1, 0) on the CPU, page-locked or not; (2, N) on CUDA device N."},
    {NULL, NULL, 0, NULL}};

int ext_add_array(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_doc, "Contiguous values of a batch, or of a sample: numpy.asarray(array) and\n"
                    "torch.from_dlpack(array) use the same memory and keep it."},
        {Py_tp_dealloc, (void *)deallocate},
        {Py_tp_repr, (void *)represent},
        {Py_tp_getset, properties},
        {Py_tp_methods, methods},
        {Py_mp_length, (void *)length},
        {Py_mp_subscript, (void *)get_item},
        {Py_bf_getbuffer, (void *)get_buffer},
        {Py_bf_releasebuffer, (void *)release_buffer},
        {0, NULL}};
    static PyType_Spec spec = {
        "vedatile.Array", sizeof(struct ext_array), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return ext_add_type(module, EXT_ARRAY, &spec);
}

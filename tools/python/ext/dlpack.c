/* Arrays as DLPack capsules. https://dmlc.github.io/dlpack/latest/python_spec.html */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "dlpack.h"

static const char *const plain_name = "dltensor";
static const char *const versioned_name = "dltensor_versioned";

/* What a capsule's consumer holds until it calls the deleter. */
struct export
{
    union {
        struct dl_managed plain;
        struct dl_managed_versioned versioned;
    } managed;
    struct ext_array *array;
    uintptr_t stream;
    int64_t shape[EXT_AXES];
    int64_t strides[EXT_AXES];
};

/* Consumers delete from any thread, with the GIL or without, and after Python's end. */
static void end_export(struct export *export)
{
    if (!Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    ext_array_unuse(export->array, export->stream);
    Py_DECREF((PyObject *)export->array);
    free(export);
    PyGILState_Release(gil);
}

static void delete_plain(struct dl_managed *managed)
{
    end_export(managed->context);
}

static void delete_versioned(struct dl_managed_versioned *managed)
{
    end_export(managed->context);
}

/* A capsule that nobody took still has its first name. */
static void end_capsule(PyObject *capsule)
{
    if (PyCapsule_IsValid(capsule, plain_name)) {
        struct dl_managed *managed = PyCapsule_GetPointer(capsule, plain_name);
        managed->deleter(managed);
    } else if (PyCapsule_IsValid(capsule, versioned_name)) {
        struct dl_managed_versioned *managed = PyCapsule_GetPointer(capsule, versioned_name);
        managed->deleter(managed);
    }
}

static bool dl_type(int dtype, struct dl_dtype *type)
{
    static const uint8_t codes[] = {
        [VDT_UINT8] = DL_UINT,    [VDT_UINT16] = DL_UINT,   [VDT_INT16] = DL_INT,
        [VDT_UINT32] = DL_UINT,   [VDT_INT32] = DL_INT,     [VDT_FLOAT32] = DL_FLOAT,
        [VDT_FLOAT64] = DL_FLOAT, [VDT_FLOAT16] = DL_FLOAT, [VDT_BFLOAT16] = DL_BFLOAT,
        [VDT_INT8] = DL_INT,      [VDT_UINT64] = DL_UINT,   [VDT_INT64] = DL_INT};
    if (dtype == EXT_APPLIED)
        return false;
    type->code = codes[dtype];
    type->bits = (uint8_t)(vdt_dtype_size((enum vdt_dtype)dtype) * 8);
    type->lanes = 1;
    return true;
}

static struct dl_device device_of(const struct ext_array *array)
{
    if (array->device == EXT_ON_CPU)
        return (struct dl_device){DL_CPU, 0};
    return (struct dl_device){DL_CUDA, array->device};
}

static void describe(struct export *export, struct dl_tensor *tensor)
{
    const struct ext_array *array = export->array;
    for (int i = 0; i < array->axes; i++) {
        export->shape[i] = array->shape[i];
        export->strides[i] = array->strides[i] / array->size;
    }
    tensor->data = array->data;
    tensor->device = device_of(array);
    tensor->ndim = array->axes;
    tensor->shape = export->shape;
    tensor->strides = export->strides;
}

/* --- what the consumer asks for ----------------------------------------------------------- */

/* The stream that the consumer will use, as the CUDA driver numbers it; 0: the default one.
 * https://data-apis.org/array-api/latest/API_specification/generated/array_api.array.__dlpack__.html
 */
static bool parse_stream(PyObject *stream, uintptr_t *found)
{
    *found = 0;
    if (stream == Py_None)
        return true;
    long long number = PyLong_AsLongLong(stream);
    if (PyErr_Occurred() != NULL)
        return false;
    if (number == 0 || number < -1) {
        PyErr_SetString(PyExc_ValueError, "stream: 1 is the default stream, 2 the thread's own");
        return false;
    }
    if (number > 1)
        *found = (uintptr_t)number;
    return true;
}

static bool check_device(const struct ext_array *array, PyObject *wanted)
{
    if (wanted == Py_None)
        return true;
    int type = 0;
    int id = 0;
    if (!PyTuple_Check(wanted) || !PyArg_ParseTuple(wanted, "ii", &type, &id))
        return false;
    struct dl_device device = device_of(array);
    if (device.type == type && device.id == id)
        return true;
    PyErr_Format(PyExc_BufferError, "dl_device: the array is on (%d, %d), not (%d, %d)",
                 device.type, device.id, type, id);
    return false;
}

static bool parse_version(PyObject *version, bool *versioned)
{
    *versioned = false;
    if (version == Py_None)
        return true;
    int major = 0;
    int minor = 0;
    if (!PyTuple_Check(version) || !PyArg_ParseTuple(version, "ii", &major, &minor))
        return false;
    *versioned = major >= 1;
    return true;
}

/* A new reference: the array or a copy of it. */
static struct ext_array *array_or_copy(struct ext_array *array, bool copy)
{
    if (!copy)
        return (struct ext_array *)Py_NewRef((PyObject *)array);
    if (array->device != EXT_ON_CPU) {
        PyErr_SetString(PyExc_BufferError, "copy: not for an array in a CUDA device's memory");
        return NULL;
    }
    if (!ext_array_use(array))
        return NULL;
    uint64_t shape[EXT_AXES];
    for (int i = 0; i < array->axes; i++)
        shape[i] = (uint64_t)array->shape[i];
    void *memory = NULL;
    PyObject *made =
        ext_array_make(ext_state((PyObject *)array), array->dtype, array->axes, shape, &memory);
    if (made != NULL)
        memcpy(memory, array->data, (size_t)array->bytes);
    ext_array_unuse(array, 0);
    return (struct ext_array *)made;
}

/* Takes the reference to `array`. */
static PyObject *make_capsule(struct ext_array *array, uintptr_t stream, bool versioned,
                              uint64_t flags)
{
    struct export *export = calloc(1, sizeof *export);
    struct dl_dtype type = {0};
    if (export == NULL)
        PyErr_NoMemory();
    else if (!dl_type(array->dtype, &type))
        PyErr_SetString(PyExc_BufferError, "DLPack has no records; use numpy.asarray");
    if (PyErr_Occurred() != NULL || !ext_array_use(array)) {
        free(export);
        Py_DECREF((PyObject *)array);
        return NULL;
    }
    export->array = array;
    export->stream = stream;
    struct dl_tensor *tensor =
        versioned ? &export->managed.versioned.tensor : &export->managed.plain.tensor;
    describe(export, tensor);
    tensor->dtype = type;
    if (versioned) {
        export->managed.versioned.version.major = 1;
        export->managed.versioned.context = export;
        export->managed.versioned.deleter = delete_versioned;
        export->managed.versioned.flags = flags;
    } else {
        export->managed.plain.context = export;
        export->managed.plain.deleter = delete_plain;
    }
    PyObject *capsule =
        PyCapsule_New(&export->managed, versioned ? versioned_name : plain_name, end_capsule);
    if (capsule == NULL)
        end_export(export);
    return capsule;
}

PyObject *ext_array_dlpack(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    struct ext_array *array = (struct ext_array *)self;
    PyObject *stream = Py_None;
    PyObject *version = Py_None;
    PyObject *device = Py_None;
    PyObject *copy = Py_None;
    uintptr_t used_on = 0;
    bool versioned = false;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO", names, &stream, &version, &device,
                                     &copy) ||
        !parse_version(version, &versioned) || !check_device(array, device))
        return NULL;
    if (array->device != EXT_ON_CPU && !parse_stream(stream, &used_on))
        return NULL;
    struct ext_array *shared = array_or_copy(array, copy == Py_True);
    if (shared == NULL)
        return NULL;
    return make_capsule(shared, used_on, versioned, shared == array ? 0 : DL_FLAG_COPIED);
}

PyObject *ext_array_dlpack_device(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct dl_device device = device_of((struct ext_array *)self);
    return Py_BuildValue("(ii)", device.type, device.id);
}

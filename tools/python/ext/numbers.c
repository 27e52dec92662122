/* Lists of numbers, from whatever holds them. */
#include <string.h>

#include "dlpack.h"
#include "ext.h"

/* One axis of numbers; `data` belongs to `buffer` or `capsule`. */
struct numbers {
    const char *data;
    char kind; /* 'i' signed, 'u' unsigned, 'f' floating */
    size_t size;
    size_t count;
    Py_ssize_t stride; /* bytes */
    Py_buffer buffer;
    PyObject *capsule;
};

static void end_numbers(struct numbers *numbers)
{
    if (numbers->buffer.obj != NULL)
        PyBuffer_Release(&numbers->buffer);
    Py_CLEAR(numbers->capsule);
}

static char kind_of(const char *format)
{
    if (format == NULL)
        return 'u';
    if (*format == '@' || *format == '=' || (*format == '<' && PY_LITTLE_ENDIAN))
        format++;
    if (format[0] == '\0' || format[1] != '\0')
        return 0;
    if (strchr("bhilqn", *format) != NULL)
        return 'i';
    if (strchr("BHILQN", *format) != NULL)
        return 'u';
    return *format == 'f' || *format == 'd' ? 'f' : 0;
}

static int wrong_type(const struct ext_state *state, const char *name)
{
    ext_refuse(state, "%s: must be one axis of numbers (of a mask: its np.flatnonzero)", name);
    return -1;
}

static int from_buffer(const struct ext_state *state, const char *name, PyObject *value,
                       struct numbers *numbers)
{
    if (PyObject_GetBuffer(value, &numbers->buffer, PyBUF_STRIDES | PyBUF_FORMAT) != 0)
        return -1;
    const Py_buffer *buffer = &numbers->buffer;
    numbers->kind = kind_of(buffer->format);
    if (buffer->ndim != 1 || numbers->kind == 0)
        return wrong_type(state, name);
    numbers->data = buffer->buf;
    numbers->size = (size_t)buffer->itemsize;
    numbers->count = (size_t)buffer->shape[0];
    numbers->stride = buffer->strides[0];
    return 0;
}

static int from_dlpack(const struct ext_state *state, const char *name, PyObject *value,
                       struct numbers *numbers)
{
    static const char kinds[] = {[DL_INT] = 'i', [DL_UINT] = 'u', [DL_FLOAT] = 'f'};
    numbers->capsule = PyObject_CallMethod(value, "__dlpack__", NULL);
    if (numbers->capsule == NULL)
        return -1;
    const struct dl_managed *managed = PyCapsule_GetPointer(numbers->capsule, "dltensor");
    if (managed == NULL)
        return -1;
    const struct dl_tensor *tensor = &managed->tensor;
    if (tensor->device.type != DL_CPU && tensor->device.type != DL_CUDA_HOST) {
        ext_refuse(state, "%s: numbers on another device; copy them to the CPU first", name);
        return -1;
    }
    if (tensor->ndim != 1 || tensor->dtype.lanes != 1 || tensor->dtype.code > DL_FLOAT ||
        tensor->dtype.bits < 8)
        return wrong_type(state, name);
    numbers->data = (const char *)tensor->data + tensor->byte_offset;
    numbers->kind = kinds[tensor->dtype.code];
    numbers->size = tensor->dtype.bits / 8U;
    numbers->count = (size_t)tensor->shape[0];
    numbers->stride =
        (Py_ssize_t)numbers->size * (tensor->strides == NULL ? 1 : tensor->strides[0]);
    return 0;
}

/* 1: found; 0: `value` is neither; -1. */
static int find_numbers(const struct ext_state *state, const char *name, PyObject *value,
                        struct numbers *numbers)
{
    int result = 0;
    if (PyObject_CheckBuffer(value))
        result = from_buffer(state, name, value, numbers) == 0 ? 1 : -1;
    else if (PyObject_HasAttrString(value, "__dlpack__"))
        result = from_dlpack(state, name, value, numbers) == 0 ? 1 : -1;
    if (result < 0)
        end_numbers(numbers);
    return result;
}

/* --- one number --------------------------------------------------------------------------- */

static bool whole_number(const struct numbers *numbers, size_t i, uint64_t *number)
{
    const char *at = numbers->data + (Py_ssize_t)i * numbers->stride;
    int64_t whole = 0;
    uint64_t large = 0;
    bool is_signed = numbers->kind == 'i';
    switch (numbers->size) {
    case 1: whole = is_signed ? *(const int8_t *)at : *(const uint8_t *)at; break;
    case 2: {
        uint16_t value;
        memcpy(&value, at, sizeof value);
        whole = is_signed ? (int16_t)value : value;
        break;
    }
    case 4: {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        whole = is_signed ? (int64_t)(int32_t)value : (int64_t)value;
        break;
    }
    default:
        memcpy(&large, at, sizeof large);
        *number = large;
        return !is_signed || large <= INT64_MAX;
    }
    *number = (uint64_t)whole;
    return whole >= 0;
}

static double any_number(const struct numbers *numbers, size_t i)
{
    const char *at = numbers->data + (Py_ssize_t)i * numbers->stride;
    if (numbers->kind == 'f' && numbers->size == sizeof(float)) {
        float value;
        memcpy(&value, at, sizeof value);
        return (double)value;
    }
    if (numbers->kind == 'f') {
        double value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    uint64_t whole = 0;
    return whole_number(numbers, i, &whole) ? (double)whole : (double)(int64_t)whole;
}

/* --- lists -------------------------------------------------------------------------------- */

static void *room(size_t count)
{
    void *memory = count > PY_SSIZE_T_MAX / 8 - 1 ? NULL : PyMem_Malloc(count * 8 + 1);
    if (memory == NULL)
        PyErr_NoMemory();
    return memory;
}

static int negative(const struct ext_state *state, const char *name, size_t i)
{
    ext_refuse(state, "%s: number %zu of the list is negative or too large", name, i);
    return -1;
}

static int copy_whole(const struct ext_state *state, const char *name,
                      const struct numbers *numbers, uint64_t *found)
{
    if (numbers->kind == 'f' || numbers->size > 8) {
        ext_refuse(state, "%s: must be whole numbers, not floating point", name);
        return -1;
    }
    for (size_t i = 0; i < numbers->count; i++)
        if (!whole_number(numbers, i, &found[i]))
            return negative(state, name, i);
    return 0;
}

static int copy_doubles(const struct ext_state *state, const char *name,
                        const struct numbers *numbers, double *found)
{
    if (numbers->kind == 'f' && numbers->size != sizeof(float) && numbers->size != sizeof(double)) {
        ext_refuse(state, "%s: must be float32 or float64", name);
        return -1;
    }
    for (size_t i = 0; i < numbers->count; i++)
        found[i] = any_number(numbers, i);
    return 0;
}

static int list_item(const struct ext_state *state, const char *name, PyObject *item, size_t i,
                     bool whole, void *found)
{
    if (!whole) {
        ((double *)found)[i] = PyFloat_AsDouble(item);
        return PyErr_Occurred() == NULL ? 0 : -1;
    }
    PyObject *number = PyNumber_Index(item);
    if (number == NULL)
        return -1;
    ((uint64_t *)found)[i] = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    if (PyErr_Occurred() == NULL)
        return 0;
    PyErr_Clear();
    return negative(state, name, i);
}

static int from_sequence(const struct ext_state *state, const char *name, PyObject *value,
                         bool whole, void **found, size_t *count)
{
    if (PyUnicode_Check(value))
        return wrong_type(state, name);
    PyObject *list = PySequence_List(value);
    if (list == NULL)
        return -1;
    size_t length = (size_t)PyList_Size(list);
    void *memory = room(length);
    int result = memory == NULL ? -1 : 0;
    for (size_t i = 0; result == 0 && i < length; i++)
        result = list_item(state, name, PyList_GetItem(list, (Py_ssize_t)i), i, whole, memory);
    Py_DECREF(list);
    if (result != 0) {
        PyMem_Free(memory);
        return -1;
    }
    *found = memory;
    *count = length;
    return 0;
}

static int list_of(const struct ext_state *state, const char *name, PyObject *value, bool whole,
                   void **found, size_t *count)
{
    struct numbers numbers = {0};
    if (value == NULL || value == Py_None) {
        *found = NULL;
        *count = 0;
        return 0;
    }
    int kind = find_numbers(state, name, value, &numbers);
    if (kind <= 0)
        return kind < 0 ? -1 : from_sequence(state, name, value, whole, found, count);
    void *memory = room(numbers.count);
    int result = memory == NULL ? -1
                 : whole        ? copy_whole(state, name, &numbers, memory)
                                : copy_doubles(state, name, &numbers, memory);
    if (result == 0) {
        *found = memory;
        *count = numbers.count;
    } else {
        PyMem_Free(memory);
    }
    end_numbers(&numbers);
    return result;
}

int ext_indices(const struct ext_state *state, const char *name, PyObject *value,
                uint64_t **numbers, size_t *count)
{
    void *found = NULL;
    int result = list_of(state, name, value, true, &found, count);
    if (result == 0)
        *numbers = found;
    return result;
}

int ext_doubles(const struct ext_state *state, const char *name, PyObject *value, double **numbers,
                size_t *count)
{
    void *found = NULL;
    int result = list_of(state, name, value, false, &found, count);
    if (result == 0)
        *numbers = found;
    return result;
}

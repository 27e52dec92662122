/* Exceptions for the library's failures. */
#include <stdarg.h>
#include <string.h>

#include "ext.h"

struct failure {
    enum ext_failure index;
    vdt_status status; /* that it stands for */
    const char *name;
    const char *doc;
};

static const struct failure failures[] = {
    {EXT_NOT_FOUND, VDT_ERR_NOT_FOUND, "vedatile.NotFoundError",
     "No such file, group, view, class or dataset. Also a FileNotFoundError and a KeyError."},
    {EXT_ARGUMENT, VDT_ERR_ARGUMENT, "vedatile.ArgumentError",
     "An argument makes no sense, or two contradict each other. Also a ValueError."},
    {EXT_FORMAT, VDT_ERR_FORMAT, "vedatile.FormatError",
     "A file or a sample in it is damaged, or not what it claims to be."},
    {EXT_IO, VDT_ERR_IO, "vedatile.IoError", "The operating system refused. Also an OSError."},
    {EXT_EXISTS, VDT_ERR_EXISTS, "vedatile.ExistsError",
     "It is there already. Also a FileExistsError."},
    {EXT_UNSUPPORTED, VDT_ERR_UNSUPPORTED, "vedatile.UnsupportedError",
     "Valid, but this build of vedatile cannot do it."},
    {EXT_BUSY, VDT_ERR_BUSY, "vedatile.BusyError",
     "Another process is writing, or another thread is in the same call."},
    {EXT_DENIED, VDT_ERR_DENIED, "vedatile.DeniedError",
     "The catalog says that this token may not. Also a PermissionError."},
};

enum { FAILURES = sizeof failures / sizeof failures[0] };

/* What an exception is besides vedatile.Error, so that usual handlers catch it. */
static PyObject *bases(enum ext_failure index, PyObject *error)
{
    switch (index) {
    case EXT_NOT_FOUND: return PyTuple_Pack(3, error, PyExc_FileNotFoundError, PyExc_KeyError);
    case EXT_ARGUMENT: return PyTuple_Pack(2, error, PyExc_ValueError);
    case EXT_IO: return PyTuple_Pack(2, error, PyExc_OSError);
    case EXT_EXISTS: return PyTuple_Pack(2, error, PyExc_FileExistsError);
    case EXT_DENIED: return PyTuple_Pack(2, error, PyExc_PermissionError);
    default: return PyTuple_Pack(1, error);
    }
}

static int add(PyObject *module, enum ext_failure index, vdt_status status, const char *name,
               const char *doc, PyObject *base)
{
    PyObject *members =
        Py_BuildValue("{s:z}", "status", status == VDT_OK ? NULL : vdt_status_name(status));
    PyObject *type = members == NULL ? NULL : PyErr_NewExceptionWithDoc(name, doc, base, members);
    Py_XDECREF(members);
    if (type == NULL)
        return -1;
    ext_module_state(module)->errors[index] = type;
    return PyModule_AddObjectRef(module, name + sizeof "vedatile." - 1, type);
}

int ext_add_errors(PyObject *module)
{
    if (add(module, EXT_ERROR, VDT_OK, "vedatile.Error",
            "A call of vedatile failed: one line that says what, where and what to do.\n"
            "`status` is the name of the C library's status, such as \"VDT_ERR_FORMAT\".",
            PyExc_Exception) != 0)
        return -1;
    PyObject *error = ext_module_state(module)->errors[EXT_ERROR];
    for (size_t i = 0; i < FAILURES; i++) {
        PyObject *base = bases(failures[i].index, error);
        int added = base == NULL ? -1
                                 : add(module, failures[i].index, failures[i].status,
                                       failures[i].name, failures[i].doc, base);
        Py_XDECREF(base);
        if (added != 0)
            return -1;
    }
    return 0;
}

static PyObject *class_of(const struct ext_state *state, vdt_status status)
{
    if (status == VDT_ERR_MISMATCH)
        status = VDT_ERR_ARGUMENT;
    if (status == VDT_ERR_FULL)
        status = VDT_ERR_IO;
    for (size_t i = 0; i < FAILURES; i++)
        if (failures[i].status == status)
            return state->errors[failures[i].index];
    return state->errors[EXT_ERROR];
}

PyObject *ext_raise(const struct ext_state *state, const struct vdt_error *error)
{
    if (PyErr_Occurred() != NULL)
        return NULL;
    if (error->status == VDT_ERR_MEMORY) {
        PyErr_SetString(PyExc_MemoryError, error->message);
        return NULL;
    }
    PyObject *text =
        PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "surrogateescape");
    PyObject *type = class_of(state, error->status);
    PyObject *exception = text == NULL ? NULL : PyObject_CallFunctionObjArgs(type, text, NULL);
    PyObject *status = PyUnicode_FromString(vdt_status_name(error->status));
    if (exception != NULL && status != NULL &&
        PyObject_SetAttrString(exception, "status", status) == 0)
        PyErr_SetObject(type, exception);
    Py_XDECREF(status);
    Py_XDECREF(exception);
    Py_XDECREF(text);
    return NULL;
}

PyObject *ext_refuse(const struct ext_state *state, const char *format, ...)
{
    struct vdt_error error = {.status = VDT_ERR_ARGUMENT};
    va_list arguments;
    va_start(arguments, format);
    PyOS_vsnprintf(error.message, sizeof error.message, format, arguments);
    va_end(arguments);
    return ext_raise(state, &error);
}

/* The type Scene: one open image. */
#include <string.h>

#include "feeding.h"

struct scene {
    PyObject_HEAD struct vdt_image *image;
    PyThread_type_lock lock; /* one thread at a time in the image */
};

void ext_lock(PyThread_type_lock lock)
{
    if (PyThread_acquire_lock(lock, NOWAIT_LOCK))
        return;
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(lock, WAIT_LOCK);
    Py_END_ALLOW_THREADS
}

struct vdt_image *ext_image(const struct ext_state *state, PyObject *object,
                            PyThread_type_lock *lock)
{
    if (!PyObject_TypeCheck(object, state->types[EXT_SCENE])) {
        PyErr_Format(PyExc_TypeError, "a Scene is wanted, not %R", Py_TYPE(object));
        return NULL;
    }
    struct scene *scene = (struct scene *)object;
    *lock = scene->lock;
    return scene->image;
}

int ext_window(const struct ext_state *state, PyObject *value, struct vdt_window *window)
{
    int32_t *const members[] = {&window->col, &window->row, &window->cols, &window->rows};
    PyObject *list = PySequence_List(value);
    if (list == NULL)
        return -1;
    bool good = PyList_Size(list) == 4;
    if (!good)
        ext_refuse(state, "a window is (col, row, cols, rows)");
    for (Py_ssize_t i = 0; good && i < 4; i++) {
        PyObject *number = PyNumber_Index(PyList_GetItem(list, i));
        long long member = number == NULL ? -1 : PyLong_AsLongLong(number);
        Py_XDECREF(number);
        good = PyErr_Occurred() == NULL;
        if (good && (member < INT32_MIN || member > INT32_MAX)) {
            ext_refuse(state, "a window is (col, row, cols, rows) of 32 bits each");
            good = false;
        }
        *members[i] = (int32_t)member;
    }
    Py_DECREF(list);
    return good ? 0 : -1;
}

/* --- opening ------------------------------------------------------------------------------ */

static int band_numbers(const struct ext_state *state, PyObject *value, int **bands, size_t *count)
{
    uint64_t *numbers = NULL;
    if (ext_indices(state, "bands", value, &numbers, count) != 0)
        return -1;
    if (numbers == NULL)
        return 0;
    *bands = PyMem_Calloc(*count + 1, sizeof **bands);
    if (*bands == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; *bands != NULL && i < *count; i++)
        (*bands)[i] = numbers[i] > INT32_MAX ? 0 : (int)numbers[i]; /* 0 is refused by name */
    PyMem_Free(numbers);
    return *bands == NULL ? -1 : 0;
}

static struct vdt_image *open_image(const struct ext_state *state, const char *uri, PyObject *value)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_image *image = NULL;
    int *bands = NULL;
    size_t count = 0;
    vdt_status status;
    if (band_numbers(state, value, &bands, &count) != 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vdt_image_open(uri, bands, count, &image, &error);
    Py_END_ALLOW_THREADS PyMem_Free(bands);
    if (status != VDT_OK)
        ext_raise(state, &error);
    return image;
}

static PyObject *scene_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"uri", "bands", NULL};
    PyObject *name = NULL, *bands = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|O:Scene", names, &name, &bands))
        return NULL;
    PyObject *uri = ext_path(name);
    if (uri == NULL)
        return NULL;
    struct vdt_image *image = open_image(ext_type_state(type), PyBytes_AsString(uri), bands);
    Py_DECREF(uri);
    if (image == NULL)
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct scene *self = (struct scene *)allocate(type, 0);
    if (self == NULL) {
        vdt_image_free(image);
        return NULL;
    }
    self->image = image;
    self->lock = PyThread_allocate_lock();
    if (self->lock == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void scene_free(PyObject *object)
{
    struct scene *self = (struct scene *)object;
    PyTypeObject *type = Py_TYPE(object);
    vdt_image_free(self->image);
    if (self->lock != NULL)
        PyThread_free_lock(self->lock);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* --- what it is --------------------------------------------------------------------------- */

static PyObject *text(const char *value)
{
    return PyUnicode_DecodeUTF8(value, (Py_ssize_t)strlen(value), "surrogateescape");
}

static PyObject *band_names(const struct vdt_image_spec *spec)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < spec->bands; i++) {
        PyObject *name = text(spec->band_names[i]);
        if (name == NULL || PyList_Append(list, name) != 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *scene_spec(PyObject *object, PyObject *unused)
{
    struct vdt_image_spec spec = vdt_image_spec(((struct scene *)object)->image);
    const double *g = spec.geotransform, *b = spec.bounds;
    (void)unused;
    PyObject *uri = text(spec.uri), *names = uri == NULL ? NULL : band_names(&spec);
    if (names == NULL) {
        Py_XDECREF(uri);
        return NULL;
    }
    return Py_BuildValue("{s:N,s:s,s:i,s:i,s:I,s:s,s:N,s:s,s:(dddddd),s:(dddd)}", "uri", uri,
                         "digest", spec.digest, "cols", (int)spec.cols, "rows", (int)spec.rows,
                         "bands", (unsigned)spec.bands, "dtype", vdt_dtype_name(spec.dtype),
                         "band_names", names, "crs", spec.crs, "geotransform", g[0], g[1], g[2],
                         g[3], g[4], g[5], "bounds", b[0], b[1], b[2], b[3]);
}

/* --- windows ------------------------------------------------------------------------------ */

static PyObject *scene_read(PyObject *object, PyObject *value)
{
    struct scene *self = (struct scene *)object;
    const struct ext_state *state = ext_state(object);
    struct vdt_image_spec spec = vdt_image_spec(self->image);
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_window window;
    void *pixels = NULL;
    vdt_status status;
    if (ext_window(state, value, &window) != 0)
        return NULL;
    if (window.cols < 1 || window.rows < 1)
        return ext_refuse(state, "%s: a window of %d x %d pixels", spec.uri, (int)window.cols,
                          (int)window.rows);
    const uint64_t shape[] = {spec.bands, (uint64_t)window.rows, (uint64_t)window.cols};
    PyObject *array = ext_array_make(state, spec.dtype, 3, shape, &pixels);
    if (array == NULL)
        return NULL;
    ext_lock(self->lock);
    Py_BEGIN_ALLOW_THREADS status = vdt_image_read(self->image, &window, pixels, &error);
    Py_END_ALLOW_THREADS PyThread_release_lock(self->lock);
    if (status == VDT_OK)
        return array;
    Py_DECREF(array);
    return ext_raise(state, &error);
}

static PyObject *scene_random_window(PyObject *object, PyObject *arguments)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_window window;
    int cols, rows;
    unsigned long long seed, index;
    if (!PyArg_ParseTuple(arguments, "iiKK:random_window", &cols, &rows, &seed, &index))
        return NULL;
    if (vdt_image_random_window(((struct scene *)object)->image, cols, rows, seed, index, &window,
                                &error) != VDT_OK)
        return ext_raise(ext_state(object), &error);
    return Py_BuildValue("(iiii)", (int)window.col, (int)window.row, (int)window.cols,
                         (int)window.rows);
}

static PyObject *scene_grid(PyObject *object, PyObject *arguments)
{
    const struct ext_state *state = ext_state(object);
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_window *windows = NULL;
    size_t count = 0;
    void *data = NULL;
    int cols, rows, stride_cols, stride_rows;
    if (!PyArg_ParseTuple(arguments, "iiii:grid", &cols, &rows, &stride_cols, &stride_rows))
        return NULL;
    if (vdt_image_grid(((struct scene *)object)->image, cols, rows, stride_cols, stride_rows,
                       &windows, &count, &error) != VDT_OK)
        return ext_raise(state, &error);
    const uint64_t shape[] = {count, 4};
    PyObject *array = ext_array_make(state, VDT_INT32, 2, shape, &data);
    if (array != NULL)
        memcpy(data, windows, count * sizeof *windows);
    vdt_windows_free(windows);
    return array;
}

int ext_add_scene(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"spec", scene_spec, METH_NOARGS,
         "spec()\n--\n\n"
         "dict of uri, digest, cols, rows, bands, dtype, band_names, crs (WKT2, \"\" for none),\n"
         "geotransform (zeros when there is none) and bounds (degrees, NaN when unknown)."},
        {"read", scene_read, METH_O,
         "read(window)\n--\n\n"
         "The pixels of (col, row, cols, rows): Array [bands, rows, cols] of the scene's type;\n"
         "nodata or 0 outside the scene."},
        {"random_window", scene_random_window, METH_VARARGS,
         "random_window(cols, rows, seed, index)\n--\n\n"
         "(col, row, cols, rows) of the random window with that index."},
        {"grid", scene_grid, METH_VARARGS,
         "grid(cols, rows, stride_cols, stride_rows)\n--\n\n"
         "Array int32 [count, 4] of (col, row, cols, rows), row by row; a stride of 0 is the "
         "size."},
        {NULL, NULL, 0, NULL}};
    static PyType_Slot slots[] = {
        {Py_tp_new, (void *)scene_new},
        {Py_tp_dealloc, (void *)scene_free},
        {Py_tp_methods, methods},
        {Py_tp_doc, "Scene(uri, bands=None)\n--\n\nAn open image; see vedatile.Scene."},
        {0, NULL}};
    static PyType_Spec spec = {.name = "vedatile._vedatile.Scene",
                               .basicsize = sizeof(struct scene),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                               .slots = slots};
    return ext_add_type(module, EXT_SCENE, &spec);
}

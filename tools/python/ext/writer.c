/* The type Writer: a store that grows by whole commits. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "feeding.h"

struct writer {
    PyObject_HEAD struct vdt_writer *writer;
    PyThread_type_lock lock; /* one thread at a time in the writer */
    pid_t process;           /* a forked child must not touch the file */
};

/* --- making and ending -------------------------------------------------------------------- */

static const struct ext_option spec_options[] = {
    {"bands", EXT_U32, offsetof(struct vdt_store_spec, tile.bands), NULL},
    {"rows", EXT_U32, offsetof(struct vdt_store_spec, tile.rows), NULL},
    {"cols", EXT_U32, offsetof(struct vdt_store_spec, tile.cols), NULL},
    {"dtype", EXT_WORD, offsetof(struct vdt_store_spec, tile.dtype), ext_dtypes},
    {"tasks", EXT_FLAGS, offsetof(struct vdt_store_spec, tasks), ext_tasks},
    {"name", EXT_TEXT, offsetof(struct vdt_store_spec, name), NULL},
    {"image_codec", EXT_WORD, offsetof(struct vdt_store_spec, image_codec), ext_codecs},
    {"mask_codec", EXT_WORD, offsetof(struct vdt_store_spec, mask_codec), ext_codecs},
    {0}};

/* A list of strings of `dict`, which may be missing. */
static int list_of(const struct ext_state *state, PyObject *dict, const char *name,
                   const char ***strings, size_t *count, PyObject **keep)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    if (value == NULL || value == Py_None)
        return 0;
    return ext_strings(state, name, value, strings, count, keep);
}

static struct vdt_writer *create(const struct ext_state *state, const char *path, PyObject *dict)
{
    static const char *const others[] = {"classes", "band_names", NULL};
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_store_spec spec = {0};
    struct vdt_writer *writer = NULL;
    const char **classes = NULL, **bands = NULL;
    size_t band_count = 0;
    PyObject *keep_classes = NULL, *keep_bands = NULL;
    bool good = ext_known(dict, spec_options, others, "Writer") == 0 &&
                ext_parse(state, dict, spec_options, &spec) == 0 &&
                list_of(state, dict, "classes", &classes, &spec.class_count, &keep_classes) == 0 &&
                list_of(state, dict, "band_names", &bands, &band_count, &keep_bands) == 0;
    if (good && bands != NULL && band_count != spec.tile.bands) {
        ext_refuse(state, "%s: %zu band names for %u bands", path, band_count,
                   (unsigned)spec.tile.bands);
        good = false;
    }
    if (good) {
        spec.classes = classes;
        spec.band_names = bands;
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS status = vdt_writer_create(path, &spec, &writer, &error);
        Py_END_ALLOW_THREADS if (status != VDT_OK) ext_raise(state, &error);
    }
    PyMem_Free(classes);
    PyMem_Free(bands);
    Py_XDECREF(keep_classes);
    Py_XDECREF(keep_bands);
    return writer;
}

static struct vdt_writer *open_writer(const struct ext_state *state, const char *path)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_writer *writer = NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_writer_open(path, &writer, &error);
    Py_END_ALLOW_THREADS if (status != VDT_OK) ext_raise(state, &error);
    return writer;
}

static PyObject *writer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", "create", NULL};
    const struct ext_state *state = ext_type_state(type);
    PyObject *name = NULL, *spec = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|O!:Writer", names, &name, &PyDict_Type,
                                     &spec))
        return NULL;
    PyObject *path = ext_path(name);
    if (path == NULL)
        return NULL;
    struct vdt_writer *writer = spec == NULL ? open_writer(state, PyBytes_AsString(path))
                                             : create(state, PyBytes_AsString(path), spec);
    Py_DECREF(path);
    if (writer == NULL)
        return NULL;
    struct writer *self = (struct writer *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) {
        vdt_writer_free(writer);
        return NULL;
    }
    self->writer = writer;
    self->process = getpid();
    self->lock = PyThread_allocate_lock();
    if (self->lock == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

/* In a forked child the file is the parent's: the memory is given up instead. */
static void discard(struct writer *self)
{
    struct vdt_writer *writer = self->writer;
    self->writer = NULL;
    if (self->process == getpid())
        vdt_writer_free(writer);
}

static void writer_free(PyObject *object)
{
    struct writer *self = (struct writer *)object;
    PyTypeObject *type = Py_TYPE(object);
    discard(self);
    if (self->lock != NULL)
        PyThread_free_lock(self->lock);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* Takes the lock; NULL and an exception (and no lock) when the writer is closed. */
static struct vdt_writer *enter(PyObject *object)
{
    struct writer *self = (struct writer *)object;
    if (self->process != getpid()) {
        ext_refuse(ext_state(object), "this writer belongs to the process that forked this one");
        return NULL;
    }
    ext_lock(self->lock);
    if (self->writer != NULL)
        return self->writer;
    PyThread_release_lock(self->lock);
    ext_refuse(ext_state(object), "the writer is closed");
    return NULL;
}

static void leave(PyObject *object)
{
    PyThread_release_lock(((struct writer *)object)->lock);
}

static PyObject *writer_close(PyObject *object, PyObject *unused)
{
    struct writer *self = (struct writer *)object;
    (void)unused;
    if (self->process == getpid() && self->writer != NULL) {
        if (enter(object) == NULL)
            return NULL;
        discard(self);
        leave(object);
    }
    Py_RETURN_NONE;
}

static PyObject *end_of(PyObject *object, vdt_status status, const struct vdt_error *error)
{
    leave(object);
    if (status != VDT_OK)
        return ext_raise(ext_state(object), error);
    Py_RETURN_NONE;
}

static PyObject *writer_commit(PyObject *object, PyObject *unused)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_writer *writer = enter(object);
    vdt_status status;
    (void)unused;
    if (writer == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vdt_writer_commit(writer, &error);
    Py_END_ALLOW_THREADS return end_of(object, status, &error);
}

static PyObject *writer_finish(PyObject *object, PyObject *unused)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_writer *writer = enter(object);
    vdt_status status;
    (void)unused;
    if (writer == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vdt_writer_finish(writer, &error);
    Py_END_ALLOW_THREADS discard((struct writer *)object);
    return end_of(object, status, &error);
}

/* --- what it holds ------------------------------------------------------------------------ */

static PyObject *names_of(const char *const *names, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);
        if (name == NULL || PyList_Append(list, name) != 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *writer_spec(PyObject *object, PyObject *unused)
{
    struct vdt_writer *writer = enter(object);
    (void)unused;
    if (writer == NULL)
        return NULL;
    struct vdt_store_spec spec = vdt_writer_spec(writer);
    leave(object);
    return Py_BuildValue(
        "{s:I,s:I,s:I,s:s,s:s,s:s,s:s,s:N,s:N,s:N}", "bands", (unsigned)spec.tile.bands, "rows",
        (unsigned)spec.tile.rows, "cols", (unsigned)spec.tile.cols, "dtype",
        vdt_dtype_name(spec.tile.dtype), "name", spec.name, "image_codec",
        vdt_codec_name(spec.image_codec), "mask_codec", vdt_codec_name(spec.mask_codec), "tasks",
        ext_flag_names(spec.tasks, ext_tasks), "classes", names_of(spec.classes, spec.class_count),
        "band_names", names_of(spec.band_names, spec.tile.bands));
}

static PyObject *writer_count(PyObject *object, PyObject *value)
{
    const char *group = PyUnicode_AsUTF8AndSize(value, NULL);
    struct vdt_writer *writer = group == NULL ? NULL : enter(object);
    if (writer == NULL)
        return NULL;
    uint64_t count = vdt_writer_count(writer, group);
    leave(object);
    return PyLong_FromUnsignedLongLong(count);
}

static PyObject *writer_has(PyObject *object, PyObject *value)
{
    const char *key = PyUnicode_AsUTF8AndSize(value, NULL);
    struct vdt_writer *writer = key == NULL ? NULL : enter(object);
    if (writer == NULL)
        return NULL;
    bool there = vdt_writer_has(writer, key);
    leave(object);
    return PyBool_FromLong(there);
}

/* --- labels and samples
 * ------------------------------------------------------------------------------ */

static PyObject *writer_check_labels(PyObject *object, PyObject *dict)
{
    struct ext_labels labels = {0};
    struct vdt_writer *writer = enter(object);
    if (writer == NULL)
        return NULL;
    const struct vdt_store_spec spec = vdt_writer_spec(writer);
    int status = ext_labels_parse(ext_state(object), dict, &spec, &labels);
    ext_labels_clear(&labels);
    leave(object);
    return status == 0 ? Py_NewRef(Py_None) : NULL;
}

/* True when it was appended, False when it was there already. */
static PyObject *appended(const struct ext_state *state, vdt_status status,
                          const struct vdt_error *error)
{
    if (status == VDT_OK)
        Py_RETURN_TRUE;
    if (status == VDT_ERR_EXISTS)
        Py_RETURN_FALSE;
    return ext_raise(state, error);
}

static PyObject *writer_append_window(PyObject *object, PyObject *arguments)
{
    const struct ext_state *state = ext_state(object);
    struct vdt_error error = {.status = VDT_OK};
    struct ext_labels labels = {0};
    struct vdt_window window;
    PyThread_type_lock scene_lock = NULL;
    const char *group, *metadata = NULL;
    PyObject *scene, *place, *dict = Py_None;
    if (!PyArg_ParseTuple(arguments, "sOO|Oz:append_window", &group, &scene, &place, &dict,
                          &metadata))
        return NULL;
    struct vdt_image *image = ext_image(state, scene, &scene_lock);
    if (image == NULL || ext_window(state, place, &window) != 0)
        return NULL;
    struct vdt_writer *writer = enter(object);
    if (writer == NULL)
        return NULL;
    const struct vdt_store_spec spec = vdt_writer_spec(writer);
    PyObject *result = NULL;
    if (ext_labels_parse(state, dict, &spec, &labels) == 0) {
        vdt_status status;
        ext_lock(scene_lock);
        Py_BEGIN_ALLOW_THREADS status = vdt_writer_append_window(writer, group, image, &window,
                                                                 &labels.labels, metadata, &error);
        Py_END_ALLOW_THREADS PyThread_release_lock(scene_lock);
        result = appended(state, status, &error);
    }
    ext_labels_clear(&labels);
    leave(object);
    return result;
}

/* Images without a scene share one row of the tables, which no scene's digest can meet. */
static vdt_status append_image(struct vdt_writer *writer, const char *group,
                               struct vdt_sample *sample, struct vdt_error *error)
{
    static const struct vdt_scene_record none = {
        .uri = "array", .digest = "00000000000000000000000000000000", .acquired = ""};
    vdt_status status = vdt_writer_add_scene(writer, &none, &sample->scene, error);
    if (status == VDT_OK)
        status = vdt_writer_add_crs(writer, "", &sample->crs, error);
    return status == VDT_OK ? vdt_writer_append(writer, group, sample, error) : status;
}

static PyObject *append_locked(const struct ext_state *state, struct vdt_writer *writer,
                               const char *group, struct vdt_sample *sample, PyObject *image,
                               PyObject *dict)
{
    const struct vdt_store_spec spec = vdt_writer_spec(writer);
    const uint64_t shape[] = {spec.tile.bands, spec.tile.rows, spec.tile.cols};
    struct vdt_error error = {.status = VDT_OK};
    struct ext_labels labels = {0};
    Py_buffer view;
    PyObject *result = NULL;
    if (ext_buffer(state, "image", image, spec.tile.dtype, 3, shape, &view) != 0)
        return NULL;
    if (ext_labels_parse(state, dict, &spec, &labels) == 0) {
        vdt_status status;
        sample->image = view.buf;
        sample->labels = labels.labels;
        sample->window.cols = (int32_t)spec.tile.cols;
        sample->window.rows = (int32_t)spec.tile.rows;
        Py_BEGIN_ALLOW_THREADS status = append_image(writer, group, sample, &error);
        Py_END_ALLOW_THREADS result = appended(state, status, &error);
    }
    ext_labels_clear(&labels);
    PyBuffer_Release(&view);
    return result;
}

static PyObject *writer_append(PyObject *object, PyObject *arguments)
{
    const struct ext_state *state = ext_state(object);
    struct vdt_sample sample = {.valid_fraction = 1, .weight = 1};
    const char *group, *key;
    PyObject *image, *dict = Py_None;
    if (!PyArg_ParseTuple(arguments, "ssO|Oz:append", &group, &key, &image, &dict,
                          &sample.metadata))
        return NULL;
    if (strlen(key) >= sizeof sample.key)
        return ext_refuse(state, "key: %zu bytes, but at most %zu fit", strlen(key),
                          sizeof sample.key - 1);
    memcpy(sample.key, key, strlen(key));
    for (int i = 0; i < 4; i++)
        sample.bounds[i] = NAN; /* nobody knows */
    struct vdt_writer *writer = enter(object);
    if (writer == NULL)
        return NULL;
    PyObject *result = append_locked(state, writer, group, &sample, image, dict);
    leave(object);
    return result;
}

/* --- views -------------------------------------------------------------------------------- */

static PyObject *writer_put_view(PyObject *object, PyObject *arguments)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *name, *group, *definition = NULL;
    PyObject *numbers;
    uint64_t *indices = NULL;
    size_t count = 0;
    if (!PyArg_ParseTuple(arguments, "ssO|z:put_view", &name, &group, &numbers, &definition) ||
        ext_indices(ext_state(object), "indices", numbers, &indices, &count) != 0)
        return NULL;
    struct vdt_writer *writer = enter(object);
    if (writer == NULL) {
        PyMem_Free(indices);
        return NULL;
    }
    static const uint64_t none = 0;
    vdt_status status = vdt_writer_put_view(writer, name, group, indices == NULL ? &none : indices,
                                            count, definition, &error);
    PyMem_Free(indices);
    return end_of(object, status, &error);
}

static PyObject *writer_remove_view(PyObject *object, PyObject *value)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *name = PyUnicode_AsUTF8AndSize(value, NULL);
    struct vdt_writer *writer = name == NULL ? NULL : enter(object);
    if (writer == NULL)
        return NULL;
    return end_of(object, vdt_writer_remove_view(writer, name, &error), &error);
}

static PyMethodDef methods[] = {
    {"spec", writer_spec, METH_NOARGS,
     "spec()\n--\n\n"
     "dict of bands, rows, cols, dtype, tasks, classes, band_names, name, image_codec, "
     "mask_codec."},
    {"count", writer_count, METH_O,
     "count(group)\n--\n\nSamples of a group, committed and appended."},
    {"has", writer_has, METH_O, "has(key)\n--\n\nWhether a sample of that key is there."},
    {"check_labels", writer_check_labels, METH_O,
     "check_labels(labels)\n--\n\nRaises what append would for these labels."},
    {"append_window", writer_append_window, METH_VARARGS,
     "append_window(group, scene, window, labels=None, metadata=None)\n--\n\n"
     "Appends a window of a _vedatile.Scene; labels: dict of arrays as struct vdt_labels has "
     "them.\n"
     "True, or False when the sample is there already."},
    {"append", writer_append, METH_VARARGS,
     "append(group, key, image, labels=None, metadata=None)\n--\n\n"
     "Appends an image [bands, rows, cols] that is of no scene. True, or False when the key is\n"
     "there already."},
    {"put_view", writer_put_view, METH_VARARGS,
     "put_view(name, group, indices, definition=None)\n--\n\nKeeps a selection under a name."},
    {"remove_view", writer_remove_view, METH_O, "remove_view(name)\n--\n\nRemoves a view."},
    {"commit", writer_commit, METH_NOARGS,
     "commit()\n--\n\nMakes all that was appended part of the store, durably and at once."},
    {"finish", writer_finish, METH_NOARGS, "finish()\n--\n\nCommits and closes."},
    {"close", writer_close, METH_NOARGS,
     "close()\n--\n\nCloses; what was not committed is discarded."},
    {NULL, NULL, 0, NULL}};

int ext_add_writer(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_new, (void *)writer_new},
        {Py_tp_dealloc, (void *)writer_free},
        {Py_tp_methods, methods},
        {Py_tp_doc, "Writer(path, create=None)\n--\n\n"
                    "Opens a store to add to it; `create`: makes a new one, as spec() has it.\n"
                    "Nothing appears at the path of a new store until the first commit."},
        {0, NULL}};
    static PyType_Spec spec = {.name = "vedatile._vedatile.Writer",
                               .basicsize = sizeof(struct writer),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                               .slots = slots};
    return ext_add_type(module, EXT_WRITER, &spec);
}

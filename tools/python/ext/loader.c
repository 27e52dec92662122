/* Loader: batches in order; take: batches by index. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "reader.h"

struct ext_loader {
    PyObject_HEAD struct vdt_loader *loader; /* NULL once closed */
    PyObject *sources;       /* the Readers and Hdf5s that it reads: they outlive it */
    PyObject *damaged;       /* texts of samples skipped, until next has said them */
    PyThread_type_lock lock; /* one thread at a time */
    pid_t process;           /* in which the lock was made */
};

/* --- inputs ------------------------------------------------------------------------------- */

int ext_input(const struct ext_state *state, PyObject *object, struct vdt_input *input)
{
    if (Py_TYPE(object) == state->types[EXT_HDF5])
        return ext_hdf5_input(object, input);
    if (Py_TYPE(object) == state->types[EXT_READER]) {
        input->reader = ext_reader(state, object);
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "a store's Reader or an Hdf5 is wanted, not %R", Py_TYPE(object));
    return -1;
}

struct ext_spare *ext_spare_of(PyObject *home)
{
    const struct ext_state *state = ext_state(home);
    if (Py_TYPE(home) == state->types[EXT_READER])
        return ext_reader_spare(home);
    return Py_TYPE(home) == state->types[EXT_HDF5] ? ext_hdf5_spare(home) : NULL;
}

static size_t bands_of(const struct vdt_input *input)
{
    return input->reader != NULL ? vdt_reader_spec(input->reader).tile.bands
                                 : vdt_hdf5_spec(input->hdf5).tile.bands;
}

/* The inputs of a list of (source, group or None, indices or None). */
struct inputs {
    struct vdt_input *all;
    uint64_t **indices;
    size_t count;
    PyObject *sources;
};

static void clear_inputs(struct inputs *inputs)
{
    for (size_t i = 0; inputs->indices != NULL && i < inputs->count; i++)
        PyMem_Free(inputs->indices[i]);
    PyMem_Free(inputs->indices);
    PyMem_Free(inputs->all);
    Py_CLEAR(inputs->sources);
}

static int parse_input(const struct ext_state *state, PyObject *item, struct inputs *inputs,
                       size_t i)
{
    PyObject *source = NULL;
    PyObject *indices = NULL;
    struct vdt_input *input = &inputs->all[i];
    size_t count = 0;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "an input is a tuple (source, group, indices)");
        return -1;
    }
    if (!PyArg_ParseTuple(item, "OzO", &source, &input->group, &indices) ||
        ext_input(state, source, input) != 0 ||
        ext_indices(state, "indices", indices, &inputs->indices[i], &count) != 0)
        return -1;
    input->indices = inputs->indices[i];
    input->index_count = count;
    return PyList_Append(inputs->sources, source);
}

static int parse_inputs(const struct ext_state *state, PyObject *list, struct inputs *inputs)
{
    size_t count = (size_t)PyList_Size(list);
    if (count == 0) {
        ext_refuse(state, "no store to read");
        return -1;
    }
    inputs->count = count;
    inputs->all = PyMem_Calloc(count, sizeof *inputs->all);
    inputs->indices = PyMem_Calloc(count, sizeof *inputs->indices);
    inputs->sources = PyList_New(0);
    if (inputs->all == NULL || inputs->indices == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; PyErr_Occurred() == NULL && i < count; i++)
        if (parse_input(state, PyList_GetItem(list, (Py_ssize_t)i), inputs, i) != 0)
            return -1;
    return PyErr_Occurred() == NULL ? 0 : -1;
}

/* --- damaged samples ---------------------------------------------------------------------- */

/* Called inside vdt_loader_next, without the GIL. */
static void note_damage(const char *text, void *payload)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    /* The file's name may be no UTF-8, and a long text may end within a character. */
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace");
    if (line == NULL || PyList_Append(payload, line) != 0)
        PyErr_Clear();
    Py_XDECREF(line);
    PyGILState_Release(gil);
}

/* The texts noted so far, which are then forgotten; NULL and an exception. */
static PyObject *take_notes(PyObject *damaged)
{
    PyObject *noted = PyList_GetSlice(damaged, 0, PyList_Size(damaged));
    if (noted != NULL && PyList_SetSlice(damaged, 0, PyList_Size(damaged), NULL) != 0)
        Py_CLEAR(noted);
    return noted;
}

/* Says them as warnings; -1 when a warning was made an exception. This is Python code, which may
 * use the loader. Takes the reference. */
static int warn(PyObject *damaged)
{
    int result = damaged == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_Size(damaged); i++) {
        const char *text = PyUnicode_AsUTF8AndSize(PyList_GetItem(damaged, i), NULL);
        result = text == NULL ? -1 : PyErr_WarnEx(PyExc_RuntimeWarning, text, 1);
    }
    Py_XDECREF(damaged);
    return result;
}

/* --- the loader --------------------------------------------------------------------------- */

static PyObject *new_loader(PyTypeObject *type)
{
    struct ext_loader *self = PyObject_New(struct ext_loader, type);
    if (self == NULL)
        return NULL;
    self->loader = NULL;
    self->sources = NULL;
    self->damaged = PyList_New(0);
    self->lock = PyThread_allocate_lock();
    self->process = getpid();
    if (self->damaged != NULL && self->lock != NULL)
        return (PyObject *)self;
    if (self->damaged != NULL)
        PyErr_NoMemory();
    Py_DECREF((PyObject *)self);
    return NULL;
}

static int start(struct ext_loader *self, struct inputs *inputs, struct ext_options *options)
{
    struct vdt_error error = {0};
    vdt_status status;
    options->loader.damaged = note_damage;
    options->loader.payload = self->damaged;
    Py_BEGIN_ALLOW_THREADS status = vdt_loader_start_inputs(
        inputs->all, inputs->count, &options->loader, &self->loader, &error);
    Py_END_ALLOW_THREADS if (status == VDT_OK) return 0;
    ext_raise(ext_state((PyObject *)self), &error);
    return -1;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const struct ext_state *state = ext_type_state(type);
    PyObject *list = NULL;
    struct inputs inputs = {0};
    struct ext_options options = {0};
    if (!PyArg_ParseTuple(args, "O!:Loader", &PyList_Type, &list))
        return NULL;
    PyObject *self = NULL;
    if (parse_inputs(state, list, &inputs) == 0 &&
        ext_options_parse(state, kwargs, bands_of(&inputs.all[0]), "loader", &options) == 0)
        self = new_loader(type);
    if (self != NULL) {
        ((struct ext_loader *)self)->sources = Py_NewRef(inputs.sources);
        if (start((struct ext_loader *)self, &inputs, &options) != 0)
            Py_CLEAR(self);
    }
    ext_options_clear(&options);
    clear_inputs(&inputs);
    return self;
}

static void stop(struct ext_loader *self)
{
    struct vdt_loader *loader = self->loader;
    self->loader = NULL;
    Py_BEGIN_ALLOW_THREADS vdt_loader_free(loader);
    Py_END_ALLOW_THREADS
}

static void deallocate(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct ext_loader *self = (struct ext_loader *)object;
    stop(self);
    Py_XDECREF(self->sources);
    Py_XDECREF(self->damaged);
    if (self->lock != NULL)
        PyThread_free_lock(self->lock);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* Takes the lock, waiting without the GIL; false and an exception once the loader is closed. */
static bool begin(struct ext_loader *self)
{
    if (self->process != getpid()) {
        /* After a fork, when another thread of the parent may have held it. */
        PyThread_type_lock lock = PyThread_allocate_lock();
        if (lock == NULL) {
            PyErr_NoMemory();
            return false;
        }
        self->lock = lock;
        self->process = getpid();
    }
    if (!PyThread_acquire_lock(self->lock, NOWAIT_LOCK)) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(self->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
    if (self->loader != NULL)
        return true;
    PyThread_release_lock(self->lock);
    ext_refuse(ext_state((PyObject *)self), "the loader was closed");
    return false;
}

static void end(struct ext_loader *self)
{
    PyThread_release_lock(self->lock);
}

/* An interrupt is seen when the call returns: it waits for one batch at most. */
static PyObject *next(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ext_loader *self = (struct ext_loader *)object;
    struct vdt_batch *batch = NULL;
    struct vdt_error error = {0};
    vdt_status status;
    if (!begin(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vdt_loader_next(self->loader, &batch, &error);
    Py_END_ALLOW_THREADS PyObject *noted = take_notes(self->damaged);
    end(self);
    int warned = warn(noted);
    if (status == VDT_END && warned == 0)
        Py_RETURN_NONE;
    if (status == VDT_OK && warned == 0)
        return ext_batch_new(ext_state(object), batch, object);
    vdt_batch_free(batch);
    return ext_raise(ext_state(object), &error);
}

static PyObject *rewind_loader(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ext_loader *self = (struct ext_loader *)object;
    struct vdt_error error = {0};
    vdt_status status;
    if (!begin(self))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vdt_loader_rewind(self->loader, &error);
    Py_END_ALLOW_THREADS end(self);
    if (status != VDT_OK)
        return ext_raise(ext_state(object), &error);
    Py_RETURN_NONE;
}

static PyObject *get_state(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ext_loader *self = (struct ext_loader *)object;
    if (!begin(self))
        return NULL;
    struct vdt_loader_state at = vdt_loader_state(self->loader);
    end(self);
    return Py_BuildValue("{s:K,s:K,s:K,s:K}", "seed", (unsigned long long)at.seed, "epoch",
                         (unsigned long long)at.epoch, "position", (unsigned long long)at.position,
                         "samples", (unsigned long long)at.samples);
}

static PyObject *close_loader(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ext_loader *self = (struct ext_loader *)object;
    if (self->loader != NULL && begin(self)) {
        stop(self);
        end(self);
    }
    if (PyErr_Occurred() != NULL)
        return NULL;
    Py_RETURN_NONE;
}

/* --- properties --------------------------------------------------------------------------- */

static PyObject *get_number(PyObject *object, void *closure)
{
    static uint64_t (*const numbers[])(const struct vdt_loader *) = {
        vdt_loader_batches, vdt_loader_samples, vdt_loader_skipped, vdt_loader_memory};
    struct ext_loader *self = (struct ext_loader *)object;
    if (!begin(self))
        return NULL;
    uint64_t number = numbers[*(const char *)closure - '0'](self->loader);
    end(self);
    return PyLong_FromUnsignedLongLong(number);
}

static PyObject *get_spec(PyObject *object, void *unused)
{
    (void)unused;
    struct ext_loader *self = (struct ext_loader *)object;
    if (!begin(self))
        return NULL;
    struct vdt_batch_spec spec = vdt_loader_spec(self->loader);
    end(self);
    const struct vdt_tile_spec *image = &spec.image;
    return Py_BuildValue("{s:I,s:I,s:I,s:s,s:s,s:n,s:n,s:O,s:O,s:I}", "bands", image->bands, "rows",
                         image->rows, "cols", image->cols, "dtype", vdt_dtype_name(image->dtype),
                         "axes", spec.axes == VDT_AXES_HWC ? "hwc" : "chw", "classes",
                         (Py_ssize_t)spec.class_count, "mask_size", (Py_ssize_t)spec.mask_size,
                         "instances", spec.instances ? Py_True : Py_False, "boxes",
                         spec.boxes ? Py_True : Py_False, "box_pad", spec.box_pad);
}

/* --- batches by index --------------------------------------------------------------------- */

/* Says that samples were left out; -1 when the warning was made an exception. */
static int warn_skipped(PyObject *home, const struct vdt_batch *batch)
{
    size_t skipped = vdt_batch_view(batch).skipped;
    if (skipped == 0)
        return 0;
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "%R: %zu damaged samples were left out", home,
                            skipped);
}

/* Takes `indices` of one input; the memory is that of an earlier batch when there is one. */
static PyObject *read_indices(const struct ext_state *state, PyObject *home,
                              const struct vdt_input *input, const uint64_t *indices, size_t count,
                              struct ext_options *options)
{
    struct ext_spare *spare = ext_spare_of(home);
    struct vdt_batch *batch = ext_spare_get(spare);
    struct vdt_error error = {0};
    vdt_status status;
    options->loader.group = input->group;
    Py_BEGIN_ALLOW_THREADS status =
        vdt_read_indices(input, indices, count, &options->loader, &batch, &error);
    Py_END_ALLOW_THREADS if (status == VDT_OK && warn_skipped(home, batch) ==
                                                     0) return ext_batch_new(state, batch, home);
    if (batch != NULL)
        ext_spare_put(spare, batch);
    return ext_raise(state, &error);
}

static PyObject *take(PyObject *module, PyObject *args, PyObject *kwargs)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *list = NULL;
    struct inputs inputs = {0};
    struct ext_options options = {0};
    PyObject *batch = NULL;
    PyObject *wanted = NULL;
    uint64_t *indices = NULL;
    size_t count = 0;
    if (!PyArg_ParseTuple(args, "O!O:take", &PyTuple_Type, &list, &wanted))
        return NULL;
    PyObject *one = PyList_New(0);
    if (one != NULL && PyList_Append(one, list) == 0 && parse_inputs(state, one, &inputs) == 0 &&
        ext_options_parse(state, kwargs, bands_of(&inputs.all[0]), "take", &options) == 0 &&
        ext_indices(state, "indices", wanted, &indices, &count) == 0)
        batch =
            read_indices(state, PyTuple_GetItem(list, 0), &inputs.all[0], indices, count, &options);
    PyMem_Free(indices);
    ext_options_clear(&options);
    clear_inputs(&inputs);
    Py_XDECREF(one);
    return batch;
}

static PyGetSetDef properties[] = {
    {"batches", get_number, NULL, "Batches that this rank gets in a whole epoch.", "0"},
    {"samples", get_number, NULL, "Samples of all inputs.", "1"},
    {"skipped", get_number, NULL, "Samples skipped so far because they are damaged.", "2"},
    {"memory", get_number, NULL, "Bytes of batches held, waiting and spare.", "3"},
    {"spec", get_spec, NULL, "What is the same for all batches: a dict.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    {"next", next, METH_NOARGS,
     "next()\n--\n\nThe next Batch, or None at the end of the epoch. Waits without the GIL."},
    {"rewind", rewind_loader, METH_NOARGS,
     "rewind()\n--\n\nGoes to the beginning of the next epoch."},
    {"state", get_state, METH_NOARGS,
     "state()\n--\n\nA dict of seed, epoch, position, samples: after the last batch delivered."},
    {"close", close_loader, METH_NOARGS, "close()\n--\n\nEnds the workers. Batches stay valid."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef functions[] = {
    {"take", (PyCFunction)(void (*)(void))take, METH_VARARGS | METH_KEYWORDS,
     "take(input, indices, **options)\n--\n\n"
     "The samples of one input (source, group, None), in that order, as one Batch."},
    {NULL, NULL, 0, NULL}};

int ext_add_loader(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_doc, "Loader(inputs, **options)\n--\n\n"
                    "Batches of a list of inputs (source, group or None, indices or None)."},
        {Py_tp_new, (void *)make},
        {Py_tp_dealloc, (void *)deallocate},
        {Py_tp_getset, properties},
        {Py_tp_methods, methods},
        {0, NULL}};
    static PyType_Spec spec = {"vedatile._vedatile.Loader", sizeof(struct ext_loader), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return PyModule_AddFunctions(module, functions) == 0 ? ext_add_type(module, EXT_LOADER, &spec)
                                                         : -1;
}

/* The functions of vedatile.runs: open runs and committed ones, as capsules. */
#include <stdlib.h>
#include <string.h>

#include "ext.h"
#include "feeding.h"

static const char open_name[] = "vedatile.run", reader_name[] = "vedatile.run_reader";

static const struct ext_word modes[] = {
    {"add", VDT_RUN_ADD}, {"update", VDT_RUN_UPDATE}, {"append", VDT_RUN_APPEND}, {NULL, 0}};

/* --- handles ------------------------------------------------------------------------------ */

/* What a capsule of an open run holds: the run is gone once it was closed. */
struct open_run {
    struct vdt_run *run;
};

static void free_open(PyObject *capsule)
{
    struct open_run *handle = PyCapsule_GetPointer(capsule, open_name);
    vdt_run_free(handle->run);
    PyMem_Free(handle);
}

static void free_reader(PyObject *capsule)
{
    vdt_run_reader_free(PyCapsule_GetPointer(capsule, reader_name));
}

static struct vdt_run *run_of(const struct ext_state *state, PyObject *capsule)
{
    struct open_run *handle = PyCapsule_GetPointer(capsule, open_name);
    if (handle == NULL)
        return NULL;
    if (handle->run == NULL)
        ext_refuse(state, "the run is closed");
    return handle->run;
}

static PyObject *begin_run(PyObject *module, PyObject *args, bool resume)
{
    static const struct ext_option table[] = {
        {"store", EXT_TEXT, offsetof(struct vdt_run_options, store), NULL},
        {"path", EXT_TEXT, offsetof(struct vdt_run_options, path), NULL},
        {"name", EXT_TEXT, offsetof(struct vdt_run_options, name), NULL},
        {"group", EXT_TEXT, offsetof(struct vdt_run_options, group), NULL},
        {"model", EXT_TEXT, offsetof(struct vdt_run_options, model), NULL},
        {"model_reference", EXT_TEXT, offsetof(struct vdt_run_options, model_reference), NULL},
        {"model_metadata", EXT_TEXT, offsetof(struct vdt_run_options, model_metadata), NULL},
        {"metadata", EXT_TEXT, offsetof(struct vdt_run_options, metadata), NULL},
        {"any_class", EXT_BOOL, offsetof(struct vdt_run_options, any_class), NULL},
        {"softmax", EXT_BOOL, offsetof(struct vdt_run_options, softmax), NULL},
        {NULL, 0, 0, NULL}};
    const struct ext_state *state = ext_module_state(module);
    struct vdt_run_options options = {0};
    struct vdt_error error = {0};
    PyObject *dict, *classes = Py_None, *kept = NULL;
    const char **names = NULL;
    if (!PyArg_ParseTuple(args, "O|O", &dict, &classes) ||
        ext_parse(state, dict, table, &options) != 0 ||
        (classes != Py_None &&
         ext_strings(state, "classes", classes, &names, &options.class_count, &kept) != 0))
        return NULL;
    options.classes = names;
    struct open_run *handle = PyMem_Calloc(1, sizeof *handle);
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = handle == NULL ? VDT_ERR_MEMORY
             : resume       ? vdt_run_resume(&options, &handle->run, &error)
                            : vdt_run_create(&options, &handle->run, &error);
    Py_END_ALLOW_THREADS;
    PyMem_Free(names);
    Py_XDECREF(kept);
    PyObject *capsule = status == VDT_OK ? PyCapsule_New(handle, open_name, free_open) : NULL;
    if (capsule != NULL)
        return capsule;
    if (handle != NULL)
        vdt_run_free(handle->run);
    PyMem_Free(handle);
    return handle == NULL ? PyErr_NoMemory() : ext_raise(state, &error);
}

static PyObject *create(PyObject *module, PyObject *args)
{
    return begin_run(module, args, false);
}

static PyObject *resume(PyObject *module, PyObject *args)
{
    return begin_run(module, args, true);
}

static PyObject *close_run(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct open_run *handle = PyCapsule_GetPointer(capsule, open_name);
    if (handle == NULL)
        return NULL;
    vdt_run_free(handle->run);
    handle->run = NULL;
    Py_RETURN_NONE;
}

/* --- what a run is ------------------------------------------------------------------------ */

static PyObject *make_info(const struct vdt_run_info *info, const char *problem)
{
    return Py_BuildValue(
        "{s:s,s:s,s:O,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:K,s:K,s:K,s:K,s:z}", "path", info->path,
        "name", info->name, "committed", info->committed ? Py_True : Py_False, "model", info->model,
        "model_reference", info->model_reference, "model_metadata", info->model_metadata,
        "metadata", info->metadata, "store_uuid", info->store_uuid, "group", info->group,
        "created_at", info->created_at, "committed_at", info->committed_at, "content_sha256",
        info->content_sha256, "samples", (unsigned long long)info->samples, "predicted",
        (unsigned long long)info->predicted, "annotations", (unsigned long long)info->annotations,
        "rasters", (unsigned long long)info->rasters, "problem", problem);
}

static PyObject *run_info(PyObject *module, PyObject *capsule)
{
    const struct ext_state *state = ext_module_state(module);
    if (PyCapsule_IsValid(capsule, reader_name))
        return make_info(vdt_run_reader_info(PyCapsule_GetPointer(capsule, reader_name)), NULL);
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    struct vdt_run_info info;
    vdt_run_get_info(run, &info);
    return make_info(&info, NULL);
}

struct listing {
    PyObject *list;
    bool failed;
};

static bool note(const struct vdt_run_info *info, const char *problem, void *payload)
{
    struct listing *listing = payload;
    PyObject *made = make_info(info, problem);
    listing->failed = made == NULL || PyList_Append(listing->list, made) != 0;
    Py_XDECREF(made);
    return !listing->failed;
}

static PyObject *list_runs(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    const char *store;
    struct listing listing = {PyList_New(0), false};
    if (listing.list == NULL || !PyArg_ParseTuple(args, "s", &store)) {
        Py_XDECREF(listing.list);
        return NULL;
    }
    vdt_status status = vdt_run_list(store, note, &listing, &error);
    if (status == VDT_OK && !listing.failed)
        return listing.list;
    Py_DECREF(listing.list);
    return listing.failed ? NULL : ext_raise(state, &error);
}

static PyObject *remove_run(PyObject *module, PyObject *args)
{
    const char *store, *name;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "zs", &store, &name))
        return NULL;
    if (vdt_run_remove(store, name, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    Py_RETURN_NONE;
}

/* --- samples and classes ------------------------------------------------------------------ */

static PyObject *sample(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    const char *reference;
    unsigned int rows, cols;
    uint32_t found;
    if (!PyArg_ParseTuple(args, "OsII", &capsule, &reference, &rows, &cols))
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    if (vdt_run_sample(run, reference, rows, cols, &found, &error) != VDT_OK)
        return ext_raise(state, &error);
    return PyLong_FromUnsignedLong(found);
}

static PyObject *class_number(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    const char *value;
    uint32_t found;
    if (!PyArg_ParseTuple(args, "Os", &capsule, &value))
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    if (vdt_run_class(run, value, &found, &error) != VDT_OK)
        return ext_raise(state, &error);
    return PyLong_FromUnsignedLong(found);
}

static PyObject *classes(PyObject *module, PyObject *capsule)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_run_reader *reader = NULL;
    struct vdt_run *run = NULL;
    if (PyCapsule_IsValid(capsule, reader_name))
        reader = PyCapsule_GetPointer(capsule, reader_name);
    else if ((run = run_of(state, capsule)) == NULL)
        return NULL;
    uint32_t count = reader ? vdt_run_reader_class_count(reader) : vdt_run_class_count(run);
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *name = PyUnicode_FromString(reader ? vdt_run_reader_class_name(reader, i)
                                                     : vdt_run_class_name(run, i));
        if (name == NULL || PyList_Append(list, name) != 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

/* (reference, rows, cols, predicted) of a sample by its number. */
static PyObject *sample_at(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    unsigned int number;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &number))
        return NULL;
    if (PyCapsule_IsValid(capsule, reader_name)) {
        struct vdt_annotated_sample found;
        const struct vdt_annotations *set =
            vdt_run_annotations(PyCapsule_GetPointer(capsule, reader_name));
        if (vdt_annotations_sample(set, number, &found, &error) != VDT_OK)
            return ext_raise(state, &error);
        return Py_BuildValue("(sO)", found.reference, found.annotated ? Py_True : Py_False);
    }
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    const char *reference = vdt_run_reference(run, number);
    if (reference == NULL) {
        error.status = VDT_ERR_NOT_FOUND;
        PyOS_snprintf(error.message, sizeof error.message, "there is no sample %u", number);
        return ext_raise(state, &error);
    }
    return Py_BuildValue("(sO)", reference, vdt_run_predicted(run, number) ? Py_True : Py_False);
}

/* --- adding ------------------------------------------------------------------------------- */

static PyObject *give_counts(const struct ext_state *state, vdt_status status,
                             const struct vdt_run_counts *counts, const struct vdt_error *error)
{
    if (status != VDT_OK)
        return ext_raise(state, error);
    return Py_BuildValue("(KKK)", (unsigned long long)counts->added,
                         (unsigned long long)counts->updated, (unsigned long long)counts->ignored);
}

enum { BOX_COLUMNS = 4 };

static PyObject *add_boxes(PyObject *module, PyObject *args)
{
    static const struct {
        const char *name;
        enum vdt_dtype dtype;
        int axes;
    } wanted[BOX_COLUMNS] = {{"sample", VDT_UINT32, 1},
                             {"class_id", VDT_UINT32, 1},
                             {"boxes", VDT_FLOAT64, 2},
                             {"scores", VDT_FLOAT64, 1}};
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_counts counts = {0};
    PyObject *capsule, *columns[BOX_COLUMNS], *word;
    Py_buffer views[BOX_COLUMNS];
    uint32_t mode = 0;
    int held = 0;
    if (!PyArg_ParseTuple(args, "OOOOOO", &capsule, &columns[0], &columns[1], &columns[2],
                          &columns[3], &word) ||
        ext_word_value(state, "mode", word, modes, &mode) != 0)
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    uint64_t shape[2] = {0, 4};
    while (run != NULL && held < BOX_COLUMNS &&
           ext_buffer(state, wanted[held].name, columns[held], wanted[held].dtype,
                      wanted[held].axes, shape, &views[held]) == 0) {
        bool same = views[held].shape[0] == views[0].shape[0];
        held++;
        if (!same) {
            ext_refuse(state, "%s: there are %zd, and %zd samples", wanted[held - 1].name,
                       views[held - 1].shape[0], views[0].shape[0]);
            break;
        }
    }
    PyObject *result = NULL;
    if (run != NULL && !PyErr_Occurred()) {
        const struct vdt_run_boxes boxes = {(uint64_t)views[0].shape[0], views[0].buf, views[1].buf,
                                            views[2].buf, views[3].buf};
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS;
        status = vdt_run_add_boxes(run, &boxes, (enum vdt_run_mode)mode, &counts, &error);
        Py_END_ALLOW_THREADS;
        result = give_counts(state, status, &counts, &error);
    }
    while (held > 0)
        PyBuffer_Release(&views[--held]);
    return result;
}

static PyObject *add_json(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_counts counts = {0};
    PyObject *capsule, *word;
    const char *text, *what;
    Py_ssize_t size;
    uint32_t mode = 0;
    if (!PyArg_ParseTuple(args, "Oz#sO", &capsule, &text, &size, &what, &word) ||
        ext_word_value(state, "mode", word, modes, &mode) != 0)
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status =
        vdt_run_add_json(run, text, (size_t)size, what, (enum vdt_run_mode)mode, &counts, &error);
    Py_END_ALLOW_THREADS;
    return give_counts(state, status, &counts, &error);
}

static PyObject *add_coco(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_counts counts = {0};
    PyObject *capsule, *word;
    const char *path, *images;
    int boxes_only;
    uint32_t mode = 0;
    if (!PyArg_ParseTuple(args, "OszpO", &capsule, &path, &images, &boxes_only, &word) ||
        ext_word_value(state, "mode", word, modes, &mode) != 0)
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status =
        vdt_run_add_coco(run, path, images, boxes_only, (enum vdt_run_mode)mode, &counts, &error);
    Py_END_ALLOW_THREADS;
    return give_counts(state, status, &counts, &error);
}

static PyObject *add_raster(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_counts counts = {0};
    PyObject *capsule, *pixels, *word;
    unsigned int number;
    int wide;
    uint32_t mode = 0;
    Py_buffer view;
    const uint64_t shape[2] = {0, 0};
    if (!PyArg_ParseTuple(args, "OIOpO", &capsule, &number, &pixels, &wide, &word) ||
        ext_word_value(state, "mode", word, modes, &mode) != 0)
        return NULL;
    enum vdt_dtype dtype = wide ? VDT_UINT16 : VDT_UINT8;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL || ext_buffer(state, "mask", pixels, dtype, 2, shape, &view) != 0)
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = vdt_run_add_raster(run, number, dtype, view.buf, (uint32_t)view.shape[0],
                                (uint32_t)view.shape[1], (enum vdt_run_mode)mode, &counts, &error);
    Py_END_ALLOW_THREADS;
    PyBuffer_Release(&view);
    return give_counts(state, status, &counts, &error);
}

static PyObject *add_scores(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_counts counts = {0};
    PyObject *capsule, *values, *word;
    unsigned int number;
    uint32_t mode = 0;
    double *scores;
    size_t count;
    if (!PyArg_ParseTuple(args, "OIOO", &capsule, &number, &values, &word) ||
        ext_word_value(state, "mode", word, modes, &mode) != 0)
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL || ext_doubles(state, "probabilities", values, &scores, &count) != 0)
        return NULL;
    vdt_status status =
        vdt_run_add_scores(run, number, scores, count, (enum vdt_run_mode)mode, &counts, &error);
    PyMem_Free(scores);
    return give_counts(state, status, &counts, &error);
}

static PyObject *mark(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    unsigned int number;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &number))
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    if (vdt_run_mark(run, number, &error) != VDT_OK)
        return ext_raise(state, &error);
    Py_RETURN_NONE;
}

static PyObject *drop(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    unsigned int number;
    const char *id;
    if (!PyArg_ParseTuple(args, "OIz", &capsule, &number, &id))
        return NULL;
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    if (vdt_run_drop(run, number, id, &error) != VDT_OK)
        return ext_raise(state, &error);
    Py_RETURN_NONE;
}

static PyObject *begin(PyObject *module, PyObject *capsule)
{
    struct vdt_run *run = run_of(ext_module_state(module), capsule);
    if (run == NULL)
        return NULL;
    vdt_run_begin(run);
    Py_RETURN_NONE;
}

static PyObject *end_or_commit(PyObject *module, PyObject *capsule, bool commit)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = commit ? vdt_run_commit(run, NULL, NULL, &error) : vdt_run_end(run, &error);
    Py_END_ALLOW_THREADS;
    if (status != VDT_OK)
        return ext_raise(state, &error);
    Py_RETURN_NONE;
}

static PyObject *end(PyObject *module, PyObject *capsule)
{
    return end_or_commit(module, capsule, false);
}

static PyObject *commit(PyObject *module, PyObject *capsule)
{
    return end_or_commit(module, capsule, true);
}

/* --- reading ------------------------------------------------------------------------------ */

static PyObject *open_reader(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_run_reader *reader = NULL;
    const char *store, *name;
    if (!PyArg_ParseTuple(args, "zs", &store, &name))
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = vdt_run_open(store, name, &reader, &error);
    Py_END_ALLOW_THREADS;
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *capsule = PyCapsule_New(reader, reader_name, free_reader);
    if (capsule == NULL)
        vdt_run_reader_free(reader);
    return capsule;
}

/* The records of a sample of a set, as JSON texts. */
static PyObject *records_of(const struct ext_state *state, struct vdt_annotations *set,
                            uint32_t number)
{
    struct vdt_error error = {0};
    const uint64_t *rows;
    size_t count;
    if (vdt_annotations_list(set, number, &rows, &count, &error) != VDT_OK)
        return ext_raise(state, &error);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count; i++) {
        char *json = NULL;
        PyObject *text = NULL;
        if (vdt_annotations_json(set, rows[i], &json, &error) != VDT_OK)
            ext_raise(state, &error);
        else
            text = PyUnicode_FromString(json);
        vdt_string_free(json);
        if (text == NULL || PyList_Append(list, text) != 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *records(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    struct vdt_annotations *set = NULL;
    PyObject *capsule;
    unsigned int number;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &number))
        return NULL;
    if (PyCapsule_IsValid(capsule, reader_name))
        return records_of(state, vdt_run_annotations(PyCapsule_GetPointer(capsule, reader_name)),
                          number);
    struct vdt_run *run = run_of(state, capsule);
    if (run == NULL)
        return NULL;
    if (vdt_run_look(run, number, &set, &error) != VDT_OK)
        return ext_raise(state, &error);
    PyObject *list = records_of(state, set, 0);
    vdt_annotations_free(set);
    return list;
}

/* One record of a committed run by its number. */
static PyObject *record(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    unsigned long long number;
    uint64_t row;
    char *json = NULL;
    if (!PyArg_ParseTuple(args, "OK", &capsule, &number))
        return NULL;
    struct vdt_run_reader *reader = PyCapsule_GetPointer(capsule, reader_name);
    if (reader == NULL)
        return NULL;
    struct vdt_annotations *set = vdt_run_annotations(reader);
    if (vdt_annotations_find_number(set, number, &row, &error) != VDT_OK ||
        vdt_annotations_json(set, row, &json, &error) != VDT_OK)
        return ext_raise(state, &error);
    PyObject *text = PyUnicode_FromString(json);
    vdt_string_free(json);
    return text;
}

static PyObject *find_sample(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    const char *reference;
    uint32_t found;
    if (!PyArg_ParseTuple(args, "Os", &capsule, &reference))
        return NULL;
    vdt_status status;
    if (PyCapsule_IsValid(capsule, reader_name)) {
        struct vdt_run_reader *reader = PyCapsule_GetPointer(capsule, reader_name);
        status =
            vdt_annotations_find_sample(vdt_run_annotations(reader), reference, &found, &error);
    } else {
        struct vdt_run *run = run_of(state, capsule);
        if (run == NULL)
            return NULL;
        status = vdt_run_find(run, reference, &found, &error);
    }
    if (status != VDT_OK)
        return ext_raise(state, &error);
    return PyLong_FromUnsignedLong(found);
}

static PyObject *raster(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {0};
    PyObject *capsule;
    unsigned int number;
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    void *data;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &number))
        return NULL;
    struct vdt_run_reader *reader = PyCapsule_GetPointer(capsule, reader_name);
    if (reader == NULL)
        return NULL;
    if (vdt_run_raster_shape(reader, number, &dtype, &rows, &cols, &error) != VDT_OK)
        return ext_raise(state, &error);
    const uint64_t shape[2] = {rows, cols};
    PyObject *array = ext_array_make(state, dtype, 2, shape, &data);
    if (array != NULL && vdt_run_raster(reader, number, data, &error) != VDT_OK) {
        Py_DECREF(array);
        return ext_raise(state, &error);
    }
    return array;
}

int ext_add_runs(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"run_create", create, METH_VARARGS,
         "run_create(options, classes=None, /)\n--\n\nSee vedatile.runs."},
        {"run_resume", resume, METH_VARARGS,
         "run_resume(options, classes=None, /)\n--\n\nSee vedatile.runs."},
        {"run_close", close_run, METH_O, "run_close(run, /)\n--\n\nSee vedatile.runs."},
        {"run_info", run_info, METH_O, "run_info(run, /)\n--\n\nSee vedatile.runs."},
        {"run_list", list_runs, METH_VARARGS, "run_list(store, /)\n--\n\nSee vedatile.runs."},
        {"run_remove", remove_run, METH_VARARGS,
         "run_remove(store, name, /)\n--\n\nSee vedatile.runs."},
        {"run_sample", sample, METH_VARARGS,
         "run_sample(run, reference, rows, cols, /)\n--\n\nSee vedatile.runs."},
        {"run_class", class_number, METH_VARARGS,
         "run_class(run, value, /)\n--\n\nSee vedatile.runs."},
        {"run_classes", classes, METH_O, "run_classes(run, /)\n--\n\nSee vedatile.runs."},
        {"run_sample_at", sample_at, METH_VARARGS,
         "run_sample_at(run, number, /)\n--\n\nSee vedatile.runs."},
        {"run_add_boxes", add_boxes, METH_VARARGS,
         "run_add_boxes(run, sample, class_id, boxes, scores, mode, /)\n--\n\nSee vedatile.runs."},
        {"run_add_json", add_json, METH_VARARGS,
         "run_add_json(run, text, what, mode, /)\n--\n\nSee vedatile.runs."},
        {"run_add_coco", add_coco, METH_VARARGS,
         "run_add_coco(run, path, images, boxes_only, mode, /)\n--\n\nSee vedatile.runs."},
        {"run_add_raster", add_raster, METH_VARARGS,
         "run_add_raster(run, sample, pixels, wide, mode, /)\n--\n\nSee vedatile.runs."},
        {"run_add_scores", add_scores, METH_VARARGS,
         "run_add_scores(run, sample, scores, mode, /)\n--\n\nSee vedatile.runs."},
        {"run_mark", mark, METH_VARARGS, "run_mark(run, sample, /)\n--\n\nSee vedatile.runs."},
        {"run_drop", drop, METH_VARARGS, "run_drop(run, sample, id, /)\n--\n\nSee vedatile.runs."},
        {"run_begin", begin, METH_O, "run_begin(run, /)\n--\n\nSee vedatile.runs."},
        {"run_end", end, METH_O, "run_end(run, /)\n--\n\nSee vedatile.runs."},
        {"run_commit", commit, METH_O, "run_commit(run, /)\n--\n\nSee vedatile.runs."},
        {"run_open", open_reader, METH_VARARGS,
         "run_open(store, name, /)\n--\n\nSee vedatile.runs."},
        {"run_records", records, METH_VARARGS,
         "run_records(run, sample, /)\n--\n\nSee vedatile.runs."},
        {"run_record", record, METH_VARARGS,
         "run_record(run, number, /)\n--\n\nSee vedatile.runs."},
        {"run_find_sample", find_sample, METH_VARARGS,
         "run_find_sample(run, reference, /)\n--\n\nSee vedatile.runs."},
        {"run_raster", raster, METH_VARARGS,
         "run_raster(run, sample, /)\n--\n\nSee vedatile.runs."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, methods);
}

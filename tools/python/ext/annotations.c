/* The functions of vedatile.annotations: sets as capsules, annotations as JSON. */
#include <string.h>
#include <vedatile/annotations.h>

#include "ext.h"

static const char capsule_name[] = "vedatile.annotations";

/* A closed set is NULL, which a capsule cannot hold. */
struct handle {
    struct vdt_annotations *set;
};

static void destroy(PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, capsule_name);
    if (handle == NULL)
        return;
    vdt_annotations_free(handle->set);
    PyMem_Free(handle);
}

static PyObject *wrap(const struct ext_state *state, struct vdt_annotations *set)
{
    (void)state;
    struct handle *handle = PyMem_Malloc(sizeof *handle);
    PyObject *capsule = NULL;
    if (handle == NULL)
        PyErr_NoMemory();
    else {
        handle->set = set;
        capsule = PyCapsule_New(handle, capsule_name, destroy);
    }
    if (capsule == NULL) {
        PyMem_Free(handle);
        vdt_annotations_free(set);
    }
    return capsule;
}

static struct vdt_annotations *set_of(PyObject *module, PyObject *capsule)
{
    struct handle *handle = PyCapsule_GetPointer(capsule, capsule_name);
    if (handle != NULL && handle->set == NULL)
        ext_refuse(ext_module_state(module), "the set is closed");
    return handle == NULL ? NULL : handle->set;
}

static PyObject *done(PyObject *module, vdt_status status, const struct vdt_error *error)
{
    if (status != VDT_OK)
        return ext_raise(ext_module_state(module), error);
    Py_RETURN_NONE;
}

/* --- sets ------------------------------------------------------------------------------------- */

static PyObject *open_set(PyObject *module, PyObject *args)
{
    struct vdt_annotations_options options = {0};
    struct vdt_annotations *set = NULL;
    struct vdt_error error = {0};
    int write = 0;
    if (!PyArg_ParseTuple(args, "zzzzpd", &options.store, &options.name, &options.path,
                          &options.group, &write, &options.wait))
        return NULL;
    options.write = write != 0;
    if (vdt_annotations_open(&options, &set, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return wrap(ext_module_state(module), set);
}

static PyObject *from_store(PyObject *module, PyObject *args)
{
    const char *path, *group;
    struct vdt_annotations *set = NULL;
    struct vdt_reader *reader = NULL;
    struct vdt_error error = {0};
    size_t index = SIZE_MAX;
    if (!PyArg_ParseTuple(args, "sz", &path, &group))
        return NULL;
    vdt_status status = vdt_reader_open(path, &reader, &error);
    if (status == VDT_OK && group != NULL)
        status = vdt_reader_find_group(reader, group, &index, &error);
    if (status == VDT_OK)
        status = vdt_annotations_from_store(reader, index, &set, &error);
    vdt_reader_free(reader);
    if (status != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return wrap(ext_module_state(module), set);
}

static PyObject *close_set(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct handle *handle = PyCapsule_GetPointer(capsule, capsule_name);
    if (handle == NULL)
        return NULL;
    vdt_annotations_free(handle->set);
    handle->set = NULL;
    Py_RETURN_NONE;
}

static PyObject *save(PyObject *module, PyObject *capsule)
{
    struct vdt_error error = {0};
    struct vdt_annotations *set = set_of(module, capsule);
    return set == NULL ? NULL : done(module, vdt_annotations_save(set, &error), &error);
}

static PyObject *info(PyObject *module, PyObject *capsule)
{
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    return Py_BuildValue("{s:s,s:s,s:s,s:O,s:s,s:K,s:K}", "path", vdt_annotations_path(set),
                         "store_uuid", vdt_annotations_store_uuid(set), "group",
                         vdt_annotations_group(set), "bound",
                         vdt_annotations_bound(set) ? Py_True : Py_False, "content_sha256",
                         vdt_annotations_digest(set), "samples",
                         (unsigned long long)vdt_annotations_sample_count(set), "annotations",
                         (unsigned long long)vdt_annotations_count(set));
}

static PyObject *texts(const char *const *list, size_t count)
{
    PyObject *result = PyList_New(0);
    for (size_t i = 0; result != NULL && i < count; i++) {
        PyObject *text = PyUnicode_FromString(list[i]);
        if (text == NULL || PyList_Append(result, text) != 0)
            Py_CLEAR(result);
        Py_XDECREF(text);
    }
    return result;
}

static PyObject *set_names(PyObject *module, PyObject *args)
{
    const char *store;
    char **names = NULL;
    size_t count = 0;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "s", &store))
        return NULL;
    if (vdt_annotations_names(store, &names, &count, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    PyObject *result = texts((const char *const *)names, count);
    vdt_names_free(names, count);
    return result;
}

static PyObject *values(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    const char *key;
    const char *const *list = NULL;
    size_t count = 0;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "Oz", &capsule, &key))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    vdt_status status = key == NULL ? vdt_annotations_keys(set, &list, &count, &error)
                                    : vdt_annotations_values(set, key, &list, &count, &error);
    return status == VDT_OK ? texts(list, count) : done(module, status, &error);
}

/* --- samples ---------------------------------------------------------------------------------- */

static PyObject *sample(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned long long index;
    struct vdt_annotated_sample found;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OK", &capsule, &index))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_sample(set, index, &found, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return Py_BuildValue(
        "{s:s,s:I,s:I,s:O,s:K,s:s,s:s}", "reference", found.reference, "rows", found.rows, "cols",
        found.cols, "annotated", found.annotated ? Py_True : Py_False, "annotations",
        (unsigned long long)found.annotations, "group", found.group, "metadata", found.metadata);
}

static PyObject *find_sample(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    const char *reference;
    uint32_t index;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "Os", &capsule, &reference))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_find_sample(set, reference, &index, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return PyLong_FromUnsignedLong(index);
}

static PyObject *add_sample(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    const char *reference, *metadata;
    unsigned rows, cols;
    int update = 0;
    uint32_t index;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OsIIzp", &capsule, &reference, &rows, &cols, &metadata, &update))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_add_sample(set, reference, rows, cols, metadata, update != 0, &index,
                                   &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return PyLong_FromUnsignedLong(index);
}

static PyObject *mark(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned index;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OI", &capsule, &index))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    return set == NULL ? NULL : done(module, vdt_annotations_mark(set, index, &error), &error);
}

/* --- annotations ------------------------------------------------------------------------------ */

static PyObject *row_json(PyObject *module, const struct vdt_annotations *set, uint64_t row)
{
    char *json = NULL;
    struct vdt_error error = {0};
    if (vdt_annotations_json(set, row, &json, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    PyObject *text = PyUnicode_FromString(json);
    vdt_string_free(json);
    return text;
}

static PyObject *list(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned index;
    const uint64_t *rows = NULL;
    size_t count = 0;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OI", &capsule, &index))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_list(set, index, &rows, &count, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    PyObject *result = PyList_New(0);
    for (size_t i = 0; result != NULL && i < count; i++) {
        PyObject *text = row_json(module, set, rows[i]);
        if (text == NULL || PyList_Append(result, text) != 0)
            Py_CLEAR(result);
        Py_XDECREF(text);
    }
    return result;
}

static PyObject *find(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned index;
    const char *id;
    uint64_t row;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OIs", &capsule, &index, &id))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_find(set, index, id, &row, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return row_json(module, set, row);
}

static PyObject *find_number(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned long long number;
    uint64_t row;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OK", &capsule, &number))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    if (vdt_annotations_find_number(set, number, &row, &error) != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    return row_json(module, set, row);
}

static PyObject *remove_one(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned index;
    const char *id;
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "OIz", &capsule, &index, &id))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    if (set == NULL)
        return NULL;
    vdt_status status = id == NULL ? vdt_annotations_clear(set, index, &error)
                                   : vdt_annotations_remove(set, index, id, &error);
    return done(module, status, &error);
}

/* --- many at once ----------------------------------------------------------------------------- */

static void tell(const char *text, void *payload)
{
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    if (line == NULL || PyList_Append(payload, line) != 0)
        PyErr_Clear();
    Py_XDECREF(line);
}

static PyObject *report_dict(const struct vdt_annotations_report *report, PyObject *problems)
{
    return Py_BuildValue(
        "{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:N}", "added", (unsigned long long)report->added, "updated",
        (unsigned long long)report->updated, "ignored", (unsigned long long)report->ignored,
        "failed", (unsigned long long)report->failed, "samples",
        (unsigned long long)report->samples, "marked", (unsigned long long)report->marked,
        "dropped", (unsigned long long)report->dropped, "problems", problems);
}

static PyObject *finish(PyObject *module, vdt_status status,
                        const struct vdt_annotations_report *report, PyObject *problems,
                        const struct vdt_error *error)
{
    if (status == VDT_OK)
        return report_dict(report, problems);
    Py_DECREF(problems);
    return ext_raise(ext_module_state(module), error);
}

static PyObject *add(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    const char *text, *what;
    Py_ssize_t size;
    int update = 0, skip_bad = 0;
    struct vdt_annotations_report report = {0};
    struct vdt_error error = {0};
    if (!PyArg_ParseTuple(args, "Os#spp", &capsule, &text, &size, &what, &update, &skip_bad))
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    PyObject *problems = set == NULL ? NULL : PyList_New(0);
    if (problems == NULL)
        return NULL;
    const struct vdt_annotations_change change = {
        .update = update != 0, .skip_bad = skip_bad != 0, .problem = tell, .payload = problems};
    vdt_status status =
        vdt_annotations_add_json(set, text, (size_t)size, what, &change, &report, &error);
    return finish(module, status, &report, problems, &error);
}

static const struct ext_word formats[] = {{"auto", 0},
                                          {"jsonl", VDT_ANNOTATIONS_JSONL},
                                          {"coco", VDT_ANNOTATIONS_COCO},
                                          {"geojson", VDT_ANNOTATIONS_GEOJSON},
                                          {"yolo", VDT_ANNOTATIONS_YOLO},
                                          {"voc", VDT_ANNOTATIONS_VOC},
                                          {NULL, 0}};

static PyObject *exchange(PyObject *module, PyObject *args)
{
    PyObject *capsule, *word;
    struct vdt_annotations_exchange options = {0};
    struct vdt_annotations_report report = {0};
    struct vdt_error error = {0};
    int import = 0, oriented = 0, update = 0, skip_bad = 0;
    uint32_t format;
    if (!PyArg_ParseTuple(args, "OpsOzzzppp", &capsule, &import, &options.path, &word, &options.key,
                          &options.class_field, &options.crs, &oriented, &update, &skip_bad) ||
        ext_word_value(ext_module_state(module), "format", word, formats, &format) != 0)
        return NULL;
    struct vdt_annotations *set = set_of(module, capsule);
    PyObject *problems = set == NULL ? NULL : PyList_New(0);
    if (problems == NULL)
        return NULL;
    options.format = (enum vdt_annotation_format)format;
    options.oriented = oriented != 0;
    options.change = (struct vdt_annotations_change){
        .update = update != 0, .skip_bad = skip_bad != 0, .problem = tell, .payload = problems};
    vdt_status status = import ? vdt_annotations_import(set, &options, &report, &error)
                               : vdt_annotations_export(set, &options, &report, &error);
    return finish(module, status, &report, problems, &error);
}

int ext_add_annotations(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"annotations_open", open_set, METH_VARARGS,
         "annotations_open(store, name, path, group, write, wait, /)\n--\n\nA set, opened or "
         "begun."},
        {"annotations_from_store", from_store, METH_VARARGS,
         "annotations_from_store(store, group, /)\n--\n\nA store's own labels as a set."},
        {"annotations_close", close_set, METH_O,
         "annotations_close(annotations, /)\n--\n\nCloses a set."},
        {"annotations_save", save, METH_O,
         "annotations_save(annotations, /)\n--\n\nWrites the file."},
        {"annotations_info", info, METH_O,
         "annotations_info(annotations, /)\n--\n\nWhat the set is."},
        {"annotations_names", set_names, METH_VARARGS,
         "annotations_names(store, /)\n--\n\nNames of a store's sets."},
        {"annotations_values", values, METH_VARARGS,
         "annotations_values(annotations, key, /)\n--\n\nValues of a key, or the keys."},
        {"annotations_sample", sample, METH_VARARGS,
         "annotations_sample(annotations, index, /)\n--\n\nA sample."},
        {"annotations_find_sample", find_sample, METH_VARARGS,
         "annotations_find_sample(annotations, reference, /)\n--\n\nThe index of a reference."},
        {"annotations_add_sample", add_sample, METH_VARARGS,
         "annotations_add_sample(annotations, reference, rows, cols, metadata, update, "
         "/)\n--\n\nRegisters a sample."},
        {"annotations_mark", mark, METH_VARARGS,
         "annotations_mark(annotations, sample, /)\n--\n\nA sample was looked at."},
        {"annotations_list", list, METH_VARARGS,
         "annotations_list(annotations, sample, /)\n--\n\nA sample's annotations."},
        {"annotations_find", find, METH_VARARGS,
         "annotations_find(annotations, sample, annotation, /)\n--\n\nOne of a sample."},
        {"annotations_find_number", find_number, METH_VARARGS,
         "annotations_find_number(annotations, number, /)\n--\n\nOne by number."},
        {"annotations_remove", remove_one, METH_VARARGS,
         "annotations_remove(annotations, sample, annotation, /)\n--\n\nRemoves one, or all of a "
         "sample."},
        {"annotations_add", add, METH_VARARGS,
         "annotations_add(annotations, text, what, update, skip_bad, /)\n--\n\nAdds JSON."},
        {"annotations_exchange", exchange, METH_VARARGS,
         "annotations_exchange(annotations, reading, path, format, key, class_field, crs, "
         "oriented, update, skip_bad, /)\n--\n\nImports or exports."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

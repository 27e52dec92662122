/* The functions export and import_: stores to and from the formats of others. */
#include <string.h>

#include "ext.h"

#define EXPORT(member) offsetof(struct vdt_export_options, member)
#define IMPORT(member) offsetof(struct vdt_import_options, member)

static const struct ext_word formats[] = {{"coco", VDT_FORMAT_COCO},
                                          {"yolo", VDT_FORMAT_YOLO},
                                          {"voc", VDT_FORMAT_VOC},
                                          {"geotiff", VDT_FORMAT_GEOTIFF},
                                          {"png", VDT_FORMAT_PNG},
                                          {"npz", VDT_FORMAT_NPZ},
                                          {"webdataset", VDT_FORMAT_WEBDATASET},
                                          {"geojson", VDT_FORMAT_GEOJSON},
                                          {"stac", VDT_FORMAT_STAC},
                                          {NULL, 0}};
static const struct ext_word pictures[] = {{"auto", VDT_PICTURE_AUTO},
                                           {"png", VDT_PICTURE_PNG},
                                           {"jpeg", VDT_PICTURE_JPEG},
                                           {"tiff", VDT_PICTURE_TIFF},
                                           {NULL, 0}};
static const struct ext_word stretches[] = {{"none", VDT_STRETCH_NONE},
                                            {"range", VDT_STRETCH_RANGE},
                                            {"sigma", VDT_STRETCH_SIGMA},
                                            {NULL, 0}};

static const struct ext_option export_options[] = {
    {"format", EXT_WORD, EXPORT(format), formats},
    {"group", EXT_TEXT, EXPORT(group), NULL},
    {"view", EXT_TEXT, EXPORT(view), NULL},
    {"picture", EXT_WORD, EXPORT(picture), pictures},
    {"stretch", EXT_WORD, EXPORT(stretch), stretches},
    {"shard", EXT_U64, EXPORT(shard), NULL},
    {0}};
static const char *const export_others[] = {"bands", "progress", NULL};

static const struct ext_option import_options[] = {{"format", EXT_WORD, IMPORT(format), formats},
                                                   {"group", EXT_TEXT, IMPORT(group), NULL},
                                                   {"codec", EXT_WORD, IMPORT(codec), ext_codecs},
                                                   {"task", EXT_FLAGS, IMPORT(tasks), ext_tasks},
                                                   {"tile_cols", EXT_U32, IMPORT(tile_cols), NULL},
                                                   {"tile_rows", EXT_U32, IMPORT(tile_rows), NULL},
                                                   {0}};
static const char *const import_others[] = {"paths", "progress", NULL};

/* Who is told how far it is; called without the GIL, from the thread that called. */
struct listener {
    PyObject *function; /* borrowed; NULL: none */
    PyThreadState *thread;
};

static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    struct listener *listener = payload;
    PyEval_RestoreThread(listener->thread);
    bool more = PyErr_CheckSignals() == 0;
    if (more && listener->function != NULL) {
        PyObject *result = PyObject_CallFunction(listener->function, "KK", (unsigned long long)done,
                                                 (unsigned long long)total);
        more = result != NULL && result != Py_False;
        Py_XDECREF(result);
    }
    listener->thread = PyEval_SaveThread();
    return more;
}

static PyObject *given(PyObject *dict, const char *name)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    return value == Py_None ? NULL : value;
}

/* --- export ------------------------------------------------------------------------------- */

static int parse_bands(const struct ext_state *state, PyObject *dict,
                       struct vdt_export_options *options, int **bands)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    PyObject *value = given(dict, "bands");
    if (value == NULL)
        return 0;
    if (ext_indices(state, "bands", value, &numbers, &count) != 0)
        return -1;
    *bands = PyMem_Calloc(count + 1, sizeof **bands);
    if (*bands == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; *bands != NULL && i < count; i++)
        (*bands)[i] = numbers[i] > INT32_MAX ? 0 : (int)numbers[i]; /* 0 is refused by name */
    PyMem_Free(numbers);
    options->bands = *bands;
    options->band_count = count;
    return *bands == NULL ? -1 : 0;
}

static PyObject *run_export(const struct ext_state *state, PyObject *dict,
                            struct vdt_export_options *options)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_export_report report = {0};
    struct listener listener = {.function = given(dict, "progress")};
    int *bands = NULL;
    if (ext_known(dict, export_options, export_others, "export") != 0 ||
        ext_parse(state, dict, export_options, options) != 0 ||
        parse_bands(state, dict, options, &bands) != 0) {
        PyMem_Free(bands);
        return NULL;
    }
    options->progress = on_progress;
    options->payload = &listener;
    listener.thread = PyEval_SaveThread();
    vdt_status status = vdt_export(options, &report, &error);
    PyEval_RestoreThread(listener.thread);
    PyMem_Free(bands);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    return Py_BuildValue("{s:K,s:K,s:K}", "samples", (unsigned long long)report.samples, "boxes",
                         (unsigned long long)report.boxes, "hidden",
                         (unsigned long long)report.hidden);
}

static PyObject *export_store(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *store = NULL, *output = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "OO:export", &store, &output))
        return NULL;
    PyObject *from = ext_path(store), *to = from == NULL ? NULL : ext_path(output);
    PyObject *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (from != NULL && to != NULL && dict != NULL) {
        struct vdt_export_options options = {.store = PyBytes_AsString(from),
                                             .output = PyBytes_AsString(to)};
        result = run_export(state, dict, &options);
    }
    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(dict);
    return result;
}

/* --- import ------------------------------------------------------------------------------- */

static PyObject *run_import(const struct ext_state *state, PyObject *dict,
                            struct vdt_import_options *options)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_import_report report = {0};
    struct listener listener = {.function = given(dict, "progress")};
    const char **paths = NULL;
    PyObject *keep = NULL, *list = given(dict, "paths");
    if (ext_known(dict, import_options, import_others, "import_") != 0 ||
        ext_parse(state, dict, import_options, options) != 0 ||
        (list != NULL &&
         ext_strings(state, "paths", list, &paths, &options->path_count, &keep) != 0))
        return NULL;
    options->paths = paths;
    options->progress = on_progress;
    options->payload = &listener;
    listener.thread = PyEval_SaveThread();
    vdt_status status = vdt_import(options, &report, &error);
    PyEval_RestoreThread(listener.thread);
    PyMem_Free(paths);
    Py_XDECREF(keep);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:s}", "written", (unsigned long long)report.written,
                         "existing", (unsigned long long)report.existing, "boxes",
                         (unsigned long long)report.boxes, "crowds",
                         (unsigned long long)report.crowds, "left_out",
                         (unsigned long long)report.left_out, "warning", report.warning);
}

static PyObject *import_samples(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *store = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O:import_", &store))
        return NULL;
    PyObject *path = ext_path(store);
    PyObject *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (path != NULL && dict != NULL) {
        struct vdt_import_options options = {.store = PyBytes_AsString(path)};
        result = run_import(state, dict, &options);
    }
    Py_XDECREF(path);
    Py_XDECREF(dict);
    return result;
}

int ext_add_exchange(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"export", (PyCFunction)(void (*)(void))export_store, METH_VARARGS | METH_KEYWORDS,
         "export(store, output, **options)\n--\n\nSee vedatile.Store.export."},
        {"import_", (PyCFunction)(void (*)(void))import_samples, METH_VARARGS | METH_KEYWORDS,
         "import_(store, **options)\n--\n\nSee vedatile.import_."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

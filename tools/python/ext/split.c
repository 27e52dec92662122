/* The functions split and leakage: stores grouped anew, and the ground that groups share. */
#include <string.h>
#include <vedatile/split.h>

#include "splitting.h"

#define AT(member) offsetof(struct vdt_split_options, member)
#define LEAKAGE(member) offsetof(struct vdt_leakage_options, member)

static const struct ext_option split_options[] = {{"output", EXT_TEXT, AT(output), NULL},
                                                  {"block_size", EXT_DOUBLE, AT(block_size), NULL},
                                                  {"split_gap", EXT_DOUBLE, AT(split_gap), NULL},
                                                  {"seed", EXT_U64, AT(seed), NULL},
                                                  {"stratify", EXT_BOOL, AT(stratify), NULL},
                                                  {"folds", EXT_U32, AT(folds), NULL},
                                                  {"group", EXT_TEXT, AT(group), NULL},
                                                  {"verify", EXT_BOOL, AT(verify), NULL},
                                                  {"threads", EXT_U32, AT(threads), NULL},
                                                  {"dry_run", EXT_BOOL, AT(dry_run), NULL},
                                                  {0}};
static const char *const split_others[] = {"split", "split_by", "split_time", "progress", NULL};

static const struct ext_option leakage_options[] = {
    {"gap", EXT_DOUBLE, LEAKAGE(gap), NULL}, {"folds", EXT_BOOL, LEAKAGE(folds), NULL}, {0}};
static const char *const leakage_others[] = {"views", "progress", NULL};

static PyObject *given(PyObject *dict, const char *name)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    return value == Py_None ? NULL : value;
}

/* --- shares -------------------------------------------------------------------------------- */

static void ext_shares_clear(struct ext_shares *shares)
{
    PyMem_Free(shares->names);
    PyMem_Free(shares->items);
    Py_XDECREF(shares->keep);
}

static int ext_shares_parse(const struct ext_state *state, PyObject *dict,
                            struct ext_shares *shares)
{
    PyObject *value = given(dict, "split");
    if (value == NULL)
        return 0;
    if (!PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "split: must be a dict of groups and shares, not %R",
                     Py_TYPE(value));
        return -1;
    }
    if (ext_strings(state, "split", value, &shares->names, &shares->count, &shares->keep) != 0)
        return -1;
    shares->items = PyMem_Calloc(shares->count + 1, sizeof *shares->items);
    if (shares->items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < shares->count; i++) {
        PyObject *share = PyDict_GetItemString(value, shares->names[i]);
        shares->items[i].group = shares->names[i];
        shares->items[i].share = share == NULL ? 0 : PyFloat_AsDouble(share);
        if (PyErr_Occurred() != NULL)
            return -1;
        if (!(shares->items[i].share > 0)) {
            ext_refuse(state, "split: the share of \"%s\" must be a number above 0",
                       shares->names[i]);
            return -1;
        }
    }
    return 0;
}

/* --- by what -------------------------------------------------------------------------------- */

static int parse_by(const struct ext_state *state, PyObject *dict, struct ext_division *division)
{
    static const char *const words[] = {"block", "scene", "random", NULL, "time"};
    static const char prefix[] = "field:";
    PyObject *value = given(dict, "split_by");
    if (value == NULL)
        return 0;
    const char *text = PyUnicode_AsUTF8AndSize(value, NULL);
    if (text == NULL)
        return -1;
    for (int i = 0; i <= VDT_SPLIT_TIME; i++)
        if (words[i] != NULL && strcmp(text, words[i]) == 0) {
            division->by = (enum vdt_split_by)i;
            return 0;
        }
    if (strncmp(text, prefix, sizeof prefix - 1) == 0 && text[sizeof prefix - 1] != '\0') {
        division->by = VDT_SPLIT_FIELD;
        division->field = text + sizeof prefix - 1;
        return 0;
    }
    ext_refuse(state, "split_by: \"%s\": block, scene, random, field:F or time is wanted", text);
    return -1;
}

/* A dict of groups and limits in their order; the last has None. */
static int parse_time(const struct ext_state *state, PyObject *dict, struct ext_division *division)
{
    PyObject *value = given(dict, "split_time");
    if (value == NULL)
        return 0;
    if (!PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "split_time: must be a dict of groups and dates, not %R",
                     Py_TYPE(value));
        return -1;
    }
    if (ext_strings(state, "split_time", value, &division->names, &division->count,
                    &division->keep) != 0)
        return -1;
    division->periods = PyMem_Calloc(division->count + 1, sizeof *division->periods);
    if (division->periods == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < division->count; i++) {
        PyObject *before = PyDict_GetItemString(value, division->names[i]);
        const char *text = NULL;
        if (before != NULL && before != Py_None &&
            (text = PyUnicode_AsUTF8AndSize(before, NULL)) == NULL)
            return -1;
        division->periods[i] = (struct vdt_split_period){division->names[i], text};
    }
    return 0;
}

void ext_division_clear(struct ext_division *division)
{
    ext_shares_clear(&division->shares);
    PyMem_Free(division->names);
    PyMem_Free(division->periods);
    Py_XDECREF(division->keep);
}

int ext_division_parse(const struct ext_state *state, PyObject *dict, struct ext_division *division)
{
    return ext_shares_parse(state, dict, &division->shares) != 0 ||
                   parse_by(state, dict, division) != 0 || parse_time(state, dict, division) != 0
               ? -1
               : 0;
}

/* --- progress ------------------------------------------------------------------------------ */

/* Who is told; called without the GIL, from the thread that called. */
struct listener {
    PyObject *function; /* borrowed; NULL: none */
    PyThreadState *thread;
    PyObject *leaks; /* list */
    bool broken;     /* an exception waits */
};

static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    struct listener *listener = payload;
    PyEval_RestoreThread(listener->thread);
    bool more = !listener->broken && PyErr_CheckSignals() == 0;
    if (more && listener->function != NULL) {
        PyObject *result = PyObject_CallFunction(listener->function, "KK", (unsigned long long)done,
                                                 (unsigned long long)total);
        more = result != NULL && result != Py_False;
        Py_XDECREF(result);
    }
    listener->thread = PyEval_SaveThread();
    return more;
}

/* --- split --------------------------------------------------------------------------------- */

static bool put_count(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    bool done = number != NULL && PyDict_SetItemString(dict, name, number) == 0;
    Py_XDECREF(number);
    return done;
}

static PyObject *groups_of(const struct vdt_split_report *report)
{
    PyObject *groups = PyDict_New();
    for (size_t i = 0; groups != NULL && i < report->group_count && i < 64; i++)
        if (!put_count(groups, report->groups[i].name, report->groups[i].written))
            Py_CLEAR(groups);
    return groups;
}

static PyObject *folds_of(const struct vdt_split_report *report)
{
    PyObject *folds = PyList_New(0);
    for (size_t i = 0; folds != NULL && i < report->fold_count; i++) {
        const struct vdt_split_fold *fold = &report->folds[i];
        PyObject *item = Py_BuildValue("{s:K,s:K,s:K}", "test", (unsigned long long)fold->test,
                                       "train", (unsigned long long)fold->train, "left_out",
                                       (unsigned long long)fold->left_out);
        if (item == NULL || PyList_Append(folds, item) != 0)
            Py_CLEAR(folds);
        Py_XDECREF(item);
    }
    return folds;
}

static PyObject *report_of(const struct vdt_split_report *report)
{
    PyObject *groups = groups_of(report), *folds = folds_of(report);
    if (groups == NULL || folds == NULL) {
        Py_XDECREF(groups);
        Py_XDECREF(folds);
        return NULL;
    }
    PyObject *block =
        report->block_size > 0 ? PyFloat_FromDouble(report->block_size) : Py_NewRef(Py_None);
    PyObject *warning =
        report->warning[0] == '\0'
            ? Py_NewRef(Py_None)
            : PyUnicode_DecodeUTF8(report->warning, (Py_ssize_t)strlen(report->warning), "replace");
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:N,s:N,s:N,s:N}", "samples",
                         (unsigned long long)report->samples, "written",
                         (unsigned long long)report->written, "straddling",
                         (unsigned long long)report->straddling, "views_kept",
                         (unsigned long long)report->views_kept, "views_dropped",
                         (unsigned long long)report->views_dropped, "groups", groups, "folds",
                         folds, "block_size", block, "warning", warning);
}

static PyObject *run_split(const struct ext_state *state, PyObject *dict,
                           struct vdt_split_options *options)
{
    struct vdt_error error = {.status = VDT_OK};
    struct listener listener = {.function = given(dict, "progress")};
    struct ext_division division = {0};
    PyObject *result = NULL;
    struct vdt_split_report *report = PyMem_Calloc(1, sizeof *report);
    if (report == NULL)
        return PyErr_NoMemory();
    if (ext_known(dict, split_options, split_others, "split") == 0 &&
        ext_parse(state, dict, split_options, options) == 0 &&
        ext_division_parse(state, dict, &division) == 0) {
        options->split = division.shares.items;
        options->split_count = division.shares.count;
        options->split_by = division.by;
        options->split_field = division.field;
        options->split_periods = division.periods;
        options->split_period_count = division.count;
        options->progress = on_progress;
        options->payload = &listener;
        listener.thread = PyEval_SaveThread();
        vdt_status status = vdt_split_store(options, report, &error);
        PyEval_RestoreThread(listener.thread);
        result = status == VDT_OK ? report_of(report) : ext_raise(state, &error);
    }
    ext_division_clear(&division);
    PyMem_Free(report);
    return result;
}

static PyObject *split(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *store = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O:split", &store))
        return NULL;
    PyObject *path = ext_path(store);
    PyObject *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (path != NULL && dict != NULL) {
        struct vdt_split_options options = {.store = PyBytes_AsString(path)};
        result = run_split(state, dict, &options);
    }
    Py_XDECREF(path);
    Py_XDECREF(dict);
    return result;
}

/* --- leakage ------------------------------------------------------------------------------- */

static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *leak_sample(const struct vdt_leak_sample *sample)
{
    return Py_BuildValue("{s:N,s:N,s:N}", "store", text_of(sample->store), "group",
                         text_of(sample->group), "key", text_of(sample->key));
}

/* An exception waits until the next progress, or the end. */
static void on_leak(const struct vdt_leak *leak, void *payload)
{
    struct listener *listener = payload;
    PyEval_RestoreThread(listener->thread);
    PyObject *item = Py_BuildValue("{s:[N,N],s:d}", "samples", leak_sample(&leak->samples[0]),
                                   leak_sample(&leak->samples[1]),
                                   leak->pixels ? "pixels" : "square_metres", leak->area);
    listener->broken |= item == NULL || PyList_Append(listener->leaks, item) != 0;
    Py_XDECREF(item);
    listener->thread = PyEval_SaveThread();
}

static PyObject *run_leakage(const struct ext_state *state, PyObject *dict,
                             const char *const *stores, size_t count)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_leakage_options options = {.leak = on_leak, .progress = on_progress};
    struct vdt_leakage_report report = {0};
    struct listener listener = {.function = given(dict, "progress")};
    const char **views = NULL;
    PyObject *keep = NULL, *value = given(dict, "views"), *result = NULL;
    if (ext_known(dict, leakage_options, leakage_others, "leakage") != 0 ||
        ext_parse(state, dict, leakage_options, &options) != 0 ||
        (value != NULL &&
         ext_strings(state, "views", value, &views, &options.view_count, &keep) != 0))
        return NULL;
    listener.leaks = PyList_New(0);
    options.views = views;
    options.payload = &listener;
    if (listener.leaks != NULL) {
        listener.thread = PyEval_SaveThread();
        vdt_status status = vdt_leakage(stores, count, &options, &report, &error);
        PyEval_RestoreThread(listener.thread);
        if (!listener.broken)
            result =
                status != VDT_OK
                    ? ext_raise(state, &error)
                    : Py_BuildValue("{s:K,s:K,s:O}", "samples", (unsigned long long)report.samples,
                                    "unplaced", (unsigned long long)report.unplaced, "leaks",
                                    listener.leaks);
    }
    Py_XDECREF(listener.leaks);
    PyMem_Free(views);
    Py_XDECREF(keep);
    return result;
}

static PyObject *leakage(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *list = NULL, *keep = NULL, *result = NULL;
    const char **stores = NULL;
    size_t count = 0;
    if (!PyArg_ParseTuple(arguments, "O:leakage", &list) ||
        ext_strings(state, "stores", list, &stores, &count, &keep) != 0)
        return NULL;
    PyObject *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (dict != NULL)
        result = run_leakage(state, dict, stores, count);
    PyMem_Free(stores);
    Py_XDECREF(keep);
    Py_XDECREF(dict);
    return result;
}

int ext_add_split(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"split", (PyCFunction)(void (*)(void))split, METH_VARARGS | METH_KEYWORDS,
         "split(store, **options)\n--\n\nSee vedatile.Store.split."},
        {"leakage", (PyCFunction)(void (*)(void))leakage, METH_VARARGS | METH_KEYWORDS,
         "leakage(stores, **options)\n--\n\nSee vedatile.leakage."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

/* The function feed: scenes and label files to samples of a store. */
#include <string.h>

#include "feeding.h"
#include "splitting.h"

#define AT(member) offsetof(struct vdt_feed_options, member)

static const struct ext_word edges[] = {
    {"drop", VDT_EDGE_DROP}, {"pad", VDT_EDGE_PAD}, {"shift", VDT_EDGE_SHIFT}, {NULL, 0}};
static const struct ext_word sources[] = {
    {"grid", VDT_WINDOWS_GRID}, {"random", VDT_WINDOWS_RANDOM}, {"centered", VDT_WINDOWS_CENTERED},
    {"list", VDT_WINDOWS_LIST}, {"whole", VDT_WINDOWS_WHOLE},   {NULL, 0}};
static const struct ext_word aoi_rules[] = {
    {"inside", VDT_AOI_INSIDE}, {"touch", VDT_AOI_TOUCH}, {"share", VDT_AOI_SHARE}, {NULL, 0}};
static const struct ext_word label_formats[] = {
    {"auto", VDT_LABELS_AUTO}, {"ogr", VDT_LABELS_OGR}, {"coco", VDT_LABELS_COCO},
    {"yolo", VDT_LABELS_YOLO}, {"voc", VDT_LABELS_VOC}, {NULL, 0}};
static const struct ext_word matches[] = {{"intersect", VDT_MATCH_INTERSECT},
                                          {"inside", VDT_MATCH_INSIDE},
                                          {"all", VDT_MATCH_ALL},
                                          {NULL, 0}};
static const struct ext_word rules[] = {
    {"center", VDT_RULE_CENTER}, {"all-touched", VDT_RULE_TOUCHED}, {NULL, 0}};
static const struct ext_word orders[] = {
    {"file", VDT_ORDER_FILE}, {"class", VDT_ORDER_CLASS}, {"area", VDT_ORDER_AREA}, {NULL, 0}};
static const struct ext_word resamplings[] = {
    {"nearest", VDT_RESAMPLE_NEAREST}, {"bilinear", VDT_RESAMPLE_BILINEAR},
    {"cubic", VDT_RESAMPLE_CUBIC},     {"cubicspline", VDT_RESAMPLE_CUBICSPLINE},
    {"lanczos", VDT_RESAMPLE_LANCZOS}, {"average", VDT_RESAMPLE_AVERAGE},
    {"mode", VDT_RESAMPLE_MODE},       {NULL, 0}};
static const struct ext_word valid_rules[] = {
    {"all", VDT_VALID_ALL}, {"any", VDT_VALID_ANY}, {NULL, 0}};
static const struct ext_word joins[] = {{"none", VDT_JOIN_NONE},     {"mosaic", VDT_JOIN_MOSAIC},
                                        {"stack", VDT_JOIN_STACK},   {"times", VDT_JOIN_TIMES},
                                        {"series", VDT_JOIN_SERIES}, {NULL, 0}};
static const struct ext_word join_by[] = {
    {"all", VDT_JOIN_ALL}, {"folder", VDT_JOIN_FOLDER}, {NULL, 0}};
static const struct ext_word mosaic_orders[] = {
    {"first", VDT_MOSAIC_FIRST}, {"last", VDT_MOSAIC_LAST}, {NULL, 0}};
static const struct ext_word boundaries[] = {
    {"inner", VDT_BOUNDARY_INNER}, {"outer", VDT_BOUNDARY_OUTER}, {NULL, 0}};
static const struct ext_word failures[] = {
    {"go", VDT_FAILURE_GO}, {"stop", VDT_FAILURE_STOP}, {NULL, 0}};

static const struct ext_option options[] = {
    {"label_format", EXT_WORD, AT(label_format), label_formats},
    {"task", EXT_FLAGS, AT(tasks), ext_tasks},
    {"tile_cols", EXT_U32, AT(tile_cols), NULL},
    {"tile_rows", EXT_U32, AT(tile_rows), NULL},
    {"stride_cols", EXT_U32, AT(stride_cols), NULL},
    {"stride_rows", EXT_U32, AT(stride_rows), NULL},
    {"edge", EXT_WORD, AT(edge), edges},
    {"windows", EXT_WORD, AT(windows), sources},
    {"count", EXT_U64, AT(window_count), NULL},
    {"apart", EXT_BOOL, AT(apart), NULL},
    {"window_file", EXT_TEXT, AT(window_file), NULL},
    {"jitter", EXT_U32, AT(jitter), NULL},
    {"background_ratio", EXT_DOUBLE, AT(background_ratio), NULL},
    {"aoi_rule", EXT_WORD, AT(aoi_rule), aoi_rules},
    {"aoi_share", EXT_DOUBLE, AT(aoi_share), NULL},
    {"aoi_mask", EXT_BOOL, AT(aoi_mask), NULL},
    {"dtype", EXT_WORD, AT(dtype), ext_dtypes},
    {"unscale", EXT_BOOL, AT(unscale), NULL},
    {"valid_rule", EXT_WORD, AT(valid_rule), valid_rules},
    {"cloud_band", EXT_TEXT, AT(cloud_band), NULL},
    {"cloud_mask", EXT_BOOL, AT(cloud_mask), NULL},
    {"crs", EXT_TEXT, AT(crs), NULL},
    {"resolution_cols", EXT_DOUBLE, AT(resolution[0]), NULL},
    {"resolution_rows", EXT_DOUBLE, AT(resolution[1]), NULL},
    {"resampling", EXT_WORD, AT(resampling), resamplings},
    {"join", EXT_WORD, AT(join), joins},
    {"join_by", EXT_WORD, AT(join_by), join_by},
    {"mosaic_order", EXT_WORD, AT(mosaic_order), mosaic_orders},
    {"class_field", EXT_TEXT, AT(class_field), NULL},
    {"class_map", EXT_TEXT, AT(class_map), NULL},
    {"label_map", EXT_TEXT, AT(label_map), NULL},
    {"match", EXT_WORD, AT(match), matches},
    {"mask_rule", EXT_WORD, AT(mask_rule), rules},
    {"boundary", EXT_WORD, AT(boundary), boundaries},
    {"boundary_width", EXT_U32, AT(boundary_width), NULL},
    {"contact_spacing", EXT_DOUBLE, AT(contact_spacing), NULL},
    {"distance_limit", EXT_DOUBLE, AT(distance_limit), NULL},
    {"target_field", EXT_TEXT, AT(target_field), NULL},
    {"min_visible", EXT_DOUBLE, AT(min_visible), NULL},
    {"min_valid", EXT_DOUBLE, AT(min_valid), NULL},
    {"group", EXT_TEXT, AT(group), NULL},
    {"block_size", EXT_DOUBLE, AT(block_size), NULL},
    {"split_gap", EXT_DOUBLE, AT(split_gap), NULL},
    {"seed", EXT_U64, AT(seed), NULL},
    {"codec", EXT_WORD, AT(codec), ext_codecs},
    {"name", EXT_TEXT, AT(name), NULL},
    {"threads", EXT_U32, AT(threads), NULL},
    {"commit_seconds", EXT_DOUBLE, AT(commit_seconds), NULL},
    {"on_failure", EXT_WORD, AT(on_failure), failures},
    {"retry_failed", EXT_BOOL, AT(retry_failed), NULL},
    {"dry_run", EXT_BOOL, AT(dry_run), NULL},
    {0}};

static const char *const others[] = {
    "image",        "labels",      "bands",        "classes",   "unknown",    "split_by",
    "split_time",   "split_areas", "split",        "progress",  "aoi",        "mask_order",
    "ignore",       "nodata",      "width",        "extra",     "cloud_file", "label_raster",
    "label_values", "cloud_bits",  "cloud_values", "max_cloud", "plan",       NULL};

enum { KEPT = 12 };

/* What a call needs besides the struct; cleared by release. */
struct call {
    struct vdt_feed_options options;
    const char **images, **labels, **bands, **classes, **aoi, **ignore, **extras, **clouds,
        **rasters, **values, **areas;
    PyObject *keep[KEPT];
    struct ext_division division;
    double *nodata;
    int *cloud_values;
    double max_cloud;
    PyObject *progress; /* borrowed */
    PyObject *plan;     /* borrowed */
    PyObject *failures; /* list of dicts */
    bool broken;        /* an exception waits */
    PyThreadState *thread;
};

static void release(struct call *call)
{
    PyMem_Free(call->images);
    PyMem_Free(call->labels);
    PyMem_Free(call->aoi);
    PyMem_Free(call->classes);
    PyMem_Free(call->ignore);
    PyMem_Free(call->extras);
    PyMem_Free(call->bands);
    ext_division_clear(&call->division);
    PyMem_Free(call->nodata);
    PyMem_Free(call->clouds);
    PyMem_Free(call->rasters);
    PyMem_Free(call->values);
    PyMem_Free(call->areas);
    PyMem_Free(call->cloud_values);
    for (int i = 0; i < KEPT; i++)
        Py_XDECREF(call->keep[i]);
    Py_XDECREF(call->failures);
}

static PyObject *given(PyObject *dict, const char *name)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    return value == Py_None ? NULL : value;
}

static int parse_list(const struct ext_state *state, PyObject *dict, const char *name,
                      const char ***strings, size_t *count, PyObject **keep)
{
    PyObject *value = given(dict, name);
    return value == NULL ? 0 : ext_strings(state, name, value, strings, count, keep);
}

static int parse_unknown(PyObject *dict, struct call *call)
{
    PyObject *value = given(dict, "unknown");
    if (value == NULL)
        return 0;
    const char *text = PyUnicode_AsUTF8AndSize(value, NULL);
    if (text == NULL)
        return -1;
    if (strcmp(text, "skip") == 0)
        call->options.unknown = VDT_UNKNOWN_SKIP;
    else if (strcmp(text, "error") != 0) {
        call->options.unknown = VDT_UNKNOWN_CLASS;
        call->options.unknown_class = text;
    }
    return 0;
}

/* "file", "class", "area" or "field:F"; the text is kept by the dict. */
static int parse_order(const struct ext_state *state, PyObject *dict,
                       struct vdt_feed_options *feed_options)
{
    static const char prefix[] = "field:";
    static const struct ext_option order[] = {{"mask_order", EXT_WORD, AT(mask_order), orders},
                                              {0}};
    PyObject *value = given(dict, "mask_order");
    const char *text =
        value == NULL || !PyUnicode_Check(value) ? NULL : PyUnicode_AsUTF8AndSize(value, NULL);
    if (text == NULL || strncmp(text, prefix, sizeof prefix - 1) != 0)
        return PyErr_Occurred() != NULL ? -1 : ext_parse(state, dict, order, feed_options);
    feed_options->mask_order = VDT_ORDER_FIELD;
    feed_options->order_field = text + sizeof prefix - 1;
    return 0;
}

/* "none" or numbers. */
static int parse_nodata(const struct ext_state *state, PyObject *dict, struct call *call)
{
    PyObject *value = given(dict, "nodata");
    if (value == NULL)
        return 0;
    if (PyUnicode_Check(value)) {
        call->options.no_nodata = PyUnicode_CompareWithASCIIString(value, "none") == 0;
        if (!call->options.no_nodata)
            ext_refuse(state, "nodata: numbers or \"none\"");
        return call->options.no_nodata ? 0 : -1;
    }
    if (ext_doubles(state, "nodata", value, &call->nodata, &call->options.nodata_count) != 0)
        return -1;
    call->options.nodata = call->nodata;
    return 0;
}

/* "2.5m", "3px" or "field:F"; the text is kept by the dict. */
static int parse_width(const struct ext_state *state, PyObject *dict,
                       struct vdt_feed_options *feed_options)
{
    static const char prefix[] = "field:";
    PyObject *value = given(dict, "width");
    if (value == NULL)
        return 0;
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "width: must be a str such as \"2.5m\", not %R",
                     Py_TYPE(value));
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(value, NULL);
    if (text == NULL)
        return -1;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0 && text[sizeof prefix - 1] != '\0') {
        feed_options->width_field = text + sizeof prefix - 1;
        return 0;
    }
    char *end = NULL;
    double width = PyOS_string_to_double(text, &end, NULL);
    bool metres = end != NULL && strcmp(end, "m") == 0;
    if (!PyErr_Occurred() && width > 0 && width <= VDT_WIDTH_MOST &&
        (metres || strcmp(end, "px") == 0)) {
        feed_options->width = width;
        feed_options->width_unit = metres ? VDT_WIDTH_METRES : VDT_WIDTH_PIXELS;
        return 0;
    }
    PyErr_Clear();
    ext_refuse(state,
               "width: \"%s\": metres such as \"2.5m\", pixels such as \"3px\", or "
               "\"field:F\" is wanted, above 0 and at most %d",
               text, VDT_WIDTH_MOST);
    return -1;
}

/* Whole numbers up to `most`; 0 of them where the option is not given. */
static int parse_numbers(const struct ext_state *state, PyObject *dict, const char *name,
                         uint64_t most, int **numbers, size_t *count)
{
    uint64_t *found = NULL;
    if (ext_indices(state, name, given(dict, name), &found, count) != 0)
        return -1;
    *numbers = PyMem_Calloc(*count + 1, sizeof **numbers);
    bool good = *numbers != NULL;
    if (!good)
        PyErr_NoMemory();
    for (size_t i = 0; good && i < *count; i++) {
        good = found[i] <= most;
        (*numbers)[i] = (int)found[i];
        if (!good)
            ext_refuse(state, "%s: at most %d", name, (int)most);
    }
    PyMem_Free(found);
    return good ? 0 : -1;
}

/* Bits and values; and the limit, of which 0 is one. */
static int parse_clouds(const struct ext_state *state, PyObject *dict, struct call *call)
{
    PyObject *limit = given(dict, "max_cloud");
    struct vdt_feed_options *o = &call->options;
    int *bits = NULL;
    size_t count = 0;
    int result = parse_numbers(state, dict, "cloud_bits", 31, &bits, &count);
    for (size_t i = 0; result == 0 && i < count; i++)
        o->cloud_bits |= UINT32_C(1) << bits[i];
    PyMem_Free(bits);
    if (result == 0)
        result = parse_numbers(state, dict, "cloud_values", INT32_MAX, &call->cloud_values,
                               &o->cloud_value_count);
    o->cloud_values = call->cloud_values;
    if (result != 0 || limit == NULL)
        return result;
    call->max_cloud = PyFloat_AsDouble(limit);
    o->max_cloud = &call->max_cloud;
    return PyErr_Occurred() == NULL ? 0 : -1;
}

/* --- the run ------------------------------------------------------------------------------ */

/* Called without the GIL, from the thread that called feed. An exception, Ctrl-C too, stops the
 * feed, which keeps what it has. */
static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    struct call *call = payload;
    PyEval_RestoreThread(call->thread);
    bool more = !call->broken && PyErr_CheckSignals() == 0;
    if (more && call->progress != NULL) {
        PyObject *result = PyObject_CallFunction(call->progress, "KK", (unsigned long long)done,
                                                 (unsigned long long)total);
        more = result != NULL && result != Py_False;
        Py_XDECREF(result);
    }
    call->thread = PyEval_SaveThread();
    return more;
}

static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* Called like on_progress; an exception waits until the next progress. */
static void on_failure(const struct vdt_feed_failure *failure, void *payload)
{
    struct call *call = payload;
    const struct vdt_window *w = &failure->window;
    if (call->broken)
        return;
    PyEval_RestoreThread(call->thread);
    PyObject *window = failure->whole ? Py_NewRef(Py_None)
                                      : Py_BuildValue("(iiii)", w->col, w->row, w->cols, w->rows);
    PyObject *item = Py_BuildValue("{s:N,s:N,s:N}", "scene", text_of(failure->scene), "window",
                                   window, "message", text_of(failure->message));
    call->broken |= item == NULL || PyList_Append(call->failures, item) != 0;
    Py_XDECREF(item);
    call->thread = PyEval_SaveThread();
}

/* Called like on_progress, with a dict of the window. */
static void on_window(const struct vdt_feed_window *told, void *payload)
{
    struct call *call = payload;
    const struct vdt_window *w = &told->window;
    bool kept = told->fate == VDT_FATE_KEPT;
    if (call->broken)
        return;
    PyEval_RestoreThread(call->thread);
    PyObject *item = Py_BuildValue(
        "{s:N,s:i,s:i,s:i,s:i,s:z,s:N,s:z,s:s,s:s}", "scene", text_of(told->path), "col", w->col,
        "row", w->row, "cols", w->cols, "rows", w->rows, "group", told->group, "kept",
        PyBool_FromLong(kept), "reason", kept ? NULL : vdt_fate_name(told->fate), "key", told->key,
        "ground", told->ground);
    PyObject *result = item == NULL ? NULL : PyObject_CallFunctionObjArgs(call->plan, item, NULL);
    call->broken = result == NULL;
    Py_XDECREF(result);
    Py_XDECREF(item);
    call->thread = PyEval_SaveThread();
}

static PyObject *groups_of(const struct vdt_feed_report *report)
{
    PyObject *groups = PyDict_New();
    for (size_t i = 0; groups != NULL && i < report->group_count && i < 64; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(report->groups[i].written);
        if (count == NULL || PyDict_SetItemString(groups, report->groups[i].name, count) != 0)
            Py_CLEAR(groups);
        Py_XDECREF(count);
    }
    return groups;
}

#define COUNT(member)                                     \
    {                                                     \
#member, offsetof(struct vdt_feed_report, member) \
    }

static const struct {
    const char *name;
    size_t offset;
} counts[] = {
    COUNT(windows),    COUNT(written),         COUNT(existing),      COUNT(unlabelled),
    COUNT(background), COUNT(outside),         COUNT(straddling),    COUNT(invalid),
    COUNT(clouded),    COUNT(boxes),           COUNT(features),      COUNT(null_geometries),
    COUNT(repaired),   COUNT(unknown_skipped), COUNT(left_out),      COUNT(crowds),
    COUNT(slivers),    COUNT(overviews),       COUNT(failed_scenes), COUNT(failed_windows),
    COUNT(requests),   COUNT(request_bytes),
};

/* Takes the value. */
static bool put(PyObject *dict, const char *name, PyObject *value)
{
    bool done = value != NULL && PyDict_SetItemString(dict, name, value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *report_of(const struct vdt_feed_report *r, PyObject *failed)
{
    PyObject *dict = PyDict_New();
    bool good = dict != NULL;
    for (size_t i = 0; good && i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t value;
        memcpy(&value, (const char *)r + counts[i].offset, sizeof value);
        good = put(dict, counts[i].name, PyLong_FromUnsignedLongLong(value));
    }
    good = good && put(dict, "groups", groups_of(r));
    good = good && put(dict, "block_size",
                       r->block_size > 0 ? PyFloat_FromDouble(r->block_size) : Py_NewRef(Py_None));
    good = good &&
           put(dict, "warning", r->warning[0] == '\0' ? Py_NewRef(Py_None) : text_of(r->warning));
    good = good && put(dict, "failures", Py_NewRef(failed));
    if (!good)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *run(const struct ext_state *state, struct call *call)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_feed_report report = {0};
    call->failures = PyList_New(0);
    if (call->failures == NULL)
        return NULL;
    call->options.progress = on_progress;
    call->options.failure = on_failure;
    call->options.window = call->plan == NULL ? NULL : on_window;
    call->options.payload = call;
    call->thread = PyEval_SaveThread();
    vdt_status status = vdt_feed(&call->options, &report, &error);
    PyEval_RestoreThread(call->thread);
    if (call->broken)
        return NULL;
    return status == VDT_OK ? report_of(&report, call->failures) : ext_raise(state, &error);
}

static int parse(const struct ext_state *state, PyObject *dict, struct call *call)
{
    struct vdt_feed_options *o = &call->options;
    call->progress = given(dict, "progress");
    call->plan = given(dict, "plan");
    o->images = NULL;
    if (ext_known(dict, options, others, "feed") != 0 || ext_parse(state, dict, options, o) != 0 ||
        parse_list(state, dict, "image", &call->images, &o->image_count, &call->keep[0]) != 0 ||
        parse_list(state, dict, "labels", &call->labels, &o->label_count, &call->keep[1]) != 0 ||
        parse_list(state, dict, "classes", &call->classes, &o->class_count, &call->keep[2]) != 0 ||
        parse_list(state, dict, "aoi", &call->aoi, &o->aoi_count, &call->keep[5]) != 0 ||
        parse_list(state, dict, "bands", &call->bands, &o->band_count, &call->keep[4]) != 0 ||
        parse_list(state, dict, "ignore", &call->ignore, &o->ignore_count, &call->keep[6]) != 0 ||
        parse_list(state, dict, "extra", &call->extras, &o->extra_count, &call->keep[7]) != 0 ||
        parse_order(state, dict, o) != 0 || parse_width(state, dict, o) != 0 ||
        ext_division_parse(state, dict, &call->division) != 0 || parse_unknown(dict, call) != 0 ||
        parse_nodata(state, dict, call) != 0 || parse_clouds(state, dict, call) != 0 ||
        parse_list(state, dict, "cloud_file", &call->clouds, &o->cloud_file_count,
                   &call->keep[8]) != 0 ||
        parse_list(state, dict, "label_raster", &call->rasters, &o->label_raster_count,
                   &call->keep[9]) != 0 ||
        parse_list(state, dict, "label_values", &call->values, &o->label_value_count,
                   &call->keep[10]) != 0 ||
        parse_list(state, dict, "split_areas", &call->areas, &o->split_area_count,
                   &call->keep[11]) != 0)
        return -1;
    o->images = call->images;
    o->split = call->division.shares.items;
    o->split_count = call->division.shares.count;
    o->split_by = call->division.by;
    o->split_field = call->division.field;
    o->split_periods = call->division.periods;
    o->split_period_count = call->division.count;
    o->labels = call->labels;
    o->aoi = call->aoi;
    o->bands = call->bands;
    o->classes = call->classes;
    o->ignore = call->ignore;
    o->extras = call->extras;
    o->cloud_files = call->clouds;
    o->label_rasters = call->rasters;
    o->label_values = call->values;
    o->split_areas = call->areas;
    return 0;
}

static PyObject *feed(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    struct call call = {0};
    PyObject *name = NULL, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O:feed", &name))
        return NULL;
    PyObject *path = ext_path(name), *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
    if (path != NULL && dict != NULL) {
        call.options.store = PyBytes_AsString(path);
        if (parse(state, dict, &call) == 0)
            result = run(state, &call);
        release(&call);
    }
    Py_XDECREF(path);
    Py_XDECREF(dict);
    return result;
}

int ext_add_feed(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"feed", (PyCFunction)(void (*)(void))feed, METH_VARARGS | METH_KEYWORDS,
         "feed(store, **options)\n--\n\nSee vedatile.feed; a dict of the report's counts."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

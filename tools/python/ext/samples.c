/* Methods of Reader: single samples, selections, summaries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

/* The reader and the group of a name: false and an exception. */
static bool find(PyObject *object, const char *name, const struct vdt_reader **reader,
                 size_t *group)
{
    struct vdt_error error = {0};
    *reader = ext_reader(ext_state(object), object);
    if (vdt_reader_find_group(*reader, name, group, &error) == VDT_OK)
        return true;
    ext_raise(ext_state(object), &error);
    return false;
}

static bool parse_sample(PyObject *object, PyObject *args, PyObject *kwargs,
                         const struct vdt_reader **reader, size_t *group, uint64_t *index)
{
    static char *names[] = {"group", "index", NULL};
    const char *name = NULL;
    PyObject *number = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO", names, &name, &number) ||
        !find(object, name, reader, group))
        return false;
    static const struct ext_option option = {"index", EXT_U64, 0, NULL};
    PyObject *dict = Py_BuildValue("{s:O}", "index", number);
    const struct ext_option options[] = {option, {NULL, EXT_U64, 0, NULL}};
    *index = UINT64_MAX;
    int parsed = dict == NULL ? -1 : ext_parse(ext_state(object), dict, options, index);
    Py_XDECREF(dict);
    return parsed == 0;
}

/* --- one array of one sample -------------------------------------------------------------- */

enum { STORES_OWN = 0 }; /* type of an array that differs from store to store */

typedef vdt_status (*read_fn)(const struct vdt_reader *reader, size_t group, uint64_t index,
                              void *array, struct vdt_error *error);

static vdt_status read_instances(const struct vdt_reader *reader, size_t group, uint64_t index,
                                 void *array, struct vdt_error *error)
{
    return vdt_reader_instances(reader, group, index, array, error);
}

static vdt_status read_boundary(const struct vdt_reader *reader, size_t group, uint64_t index,
                                void *array, struct vdt_error *error)
{
    return vdt_reader_boundary(reader, group, index, array, error);
}

static vdt_status read_contact(const struct vdt_reader *reader, size_t group, uint64_t index,
                               void *array, struct vdt_error *error)
{
    return vdt_reader_contact(reader, group, index, array, error);
}

static vdt_status read_distance(const struct vdt_reader *reader, size_t group, uint64_t index,
                                void *array, struct vdt_error *error)
{
    return vdt_reader_distance(reader, group, index, array, error);
}

static vdt_status read_target(const struct vdt_reader *reader, size_t group, uint64_t index,
                              void *array, struct vdt_error *error)
{
    return vdt_reader_target(reader, group, index, array, error);
}

static vdt_status read_onehot(const struct vdt_reader *reader, size_t group, uint64_t index,
                              void *array, struct vdt_error *error)
{
    return vdt_reader_onehot(reader, group, index, array, error);
}

static PyObject *read_array(PyObject *object, PyObject *args, PyObject *kwargs, read_fn read,
                            int axes, int dtype)
{
    const struct vdt_reader *reader = NULL;
    size_t group = 0;
    uint64_t index = 0;
    if (!parse_sample(object, args, kwargs, &reader, &group, &index))
        return NULL;
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    uint64_t image[] = {spec.tile.bands, spec.tile.rows, spec.tile.cols};
    uint64_t classes[] = {spec.class_count};
    const uint64_t *shape = axes == 1 ? classes : axes == 3 ? image : image + 1;
    if (dtype == STORES_OWN && axes == 3)
        dtype = (int)spec.tile.dtype;
    else if (dtype == STORES_OWN)
        dtype = vdt_reader_mask_size(reader) == 2 ? VDT_UINT16 : VDT_UINT8;
    void *data = NULL;
    PyObject *array = ext_array_make(ext_state(object), dtype, axes, shape, &data);
    if (array == NULL)
        return NULL;
    struct vdt_error error = {0};
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = read(reader, group, index, data, &error);
    Py_END_ALLOW_THREADS if (status == VDT_OK) return array;
    Py_DECREF(array);
    return ext_raise(ext_state(object), &error);
}

static PyObject *image(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, vdt_reader_image, 3, STORES_OWN);
}

static PyObject *mask(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, vdt_reader_mask, 2, STORES_OWN);
}

static PyObject *instances(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_instances, 2, VDT_UINT16);
}

static PyObject *boundary(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_boundary, 2, VDT_UINT8);
}

static PyObject *contact(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_contact, 2, VDT_UINT8);
}

static PyObject *distance(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_distance, 2, VDT_FLOAT32);
}

static PyObject *target(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_target, 2, VDT_FLOAT32);
}

static PyObject *onehot(PyObject *object, PyObject *args, PyObject *kwargs)
{
    return read_array(object, args, kwargs, read_onehot, 1, VDT_UINT8);
}

static PyObject *boxes(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static const int dtypes[] = {VDT_FLOAT32, VDT_UINT16, VDT_INT64, VDT_FLOAT32};
    const struct vdt_reader *reader = NULL;
    size_t group = 0;
    uint64_t index = 0;
    if (!parse_sample(object, args, kwargs, &reader, &group, &index))
        return NULL;
    struct vdt_error error = {0};
    uint64_t shape[] = {vdt_reader_box_rows(reader, group, index, 1), 4};
    void *data[4] = {NULL};
    PyObject *tuple = PyTuple_New(4);
    for (int i = 0; tuple != NULL && i < 4; i++) {
        PyObject *array =
            ext_array_make(ext_state(object), dtypes[i], i == 0 ? 2 : 1, shape, &data[i]);
        if (array == NULL || PyTuple_SetItem(tuple, i, array) != 0)
            Py_CLEAR(tuple);
    }
    if (tuple == NULL)
        return NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status =
        vdt_reader_boxes(reader, group, index, 1, data[0], data[1], data[2], data[3], &error);
    Py_END_ALLOW_THREADS if (status == VDT_OK) return tuple;
    Py_DECREF(tuple);
    return ext_raise(ext_state(object), &error);
}

/* --- the row of a sample ------------------------------------------------------------------ */

static PyObject *metadata_of(PyObject *object, const struct vdt_reader *reader, size_t group,
                             uint64_t index)
{
    struct vdt_error error = {0};
    char *text = NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_reader_metadata(reader, group, index, &text, &error);
    Py_END_ALLOW_THREADS if (status != VDT_OK) return ext_raise(ext_state(object), &error);
    PyObject *json = PyImport_ImportModule("json");
    PyObject *found = json == NULL ? NULL : PyObject_CallMethod(json, "loads", "s", text);
    Py_XDECREF(json);
    vdt_string_free(text);
    return found;
}

static PyObject *sample(PyObject *object, PyObject *args, PyObject *kwargs)
{
    const struct vdt_reader *reader = NULL;
    size_t group = 0;
    uint64_t index = 0;
    if (!parse_sample(object, args, kwargs, &reader, &group, &index))
        return NULL;
    struct vdt_error error = {0};
    struct vdt_sample row;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_reader_sample(reader, group, index, &row, NULL, &error);
    Py_END_ALLOW_THREADS if (status != VDT_OK) return ext_raise(ext_state(object), &error);
    PyObject *metadata = metadata_of(object, reader, group, index);
    if (metadata == NULL)
        return NULL;
    const double *g = row.geotransform;
    const double *b = row.bounds;
    return Py_BuildValue(
        "{s:s,s:s,s:(iiii),s:(dddddd),s:(dddd),s:s,s:d,s:d,s:N}", "key", row.key, "scene",
        vdt_reader_scene(reader, row.scene).uri, "window", row.window.col, row.window.row,
        row.window.cols, row.window.rows, "geotransform", g[0], g[1], g[2], g[3], g[4], g[5],
        "bounds", b[0], b[1], b[2], b[3], "crs", vdt_reader_crs(reader, row.crs), "valid_fraction",
        (double)row.valid_fraction, "weight", (double)row.weight, "metadata", metadata);
}

/* --- selections and summaries ------------------------------------------------------------- */

static PyObject *array_of(PyObject *object, const uint64_t *numbers, uint64_t count)
{
    void *data = NULL;
    PyObject *array = ext_array_make(ext_state(object), VDT_UINT64, 1, &count, &data);
    if (array != NULL && count > 0)
        memcpy(data, numbers, (size_t)count * sizeof *numbers);
    return array;
}

static PyObject *views(PyObject *object, PyObject *unused)
{
    (void)unused;
    const struct vdt_reader *reader = ext_reader(ext_state(object), object);
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < vdt_reader_view_count(reader); i++) {
        struct vdt_view view = vdt_reader_view(reader, i);
        PyObject *indices = array_of(object, view.indices, view.count);
        PyObject *entry = indices == NULL
                              ? NULL
                              : Py_BuildValue("{s:s,s:s,s:N}", "group", view.group, "definition",
                                              view.definition, "indices", indices);
        if (entry == NULL || PyDict_SetItemString(dict, view.name, entry) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(entry);
    }
    return dict;
}

static PyObject *run_select(PyObject *object, const char *name, const struct vdt_filter *filter)
{
    const struct vdt_reader *reader = NULL;
    size_t group = 0;
    if (!find(object, name, &reader, &group))
        return NULL;
    struct vdt_error error = {0};
    uint64_t *indices = NULL;
    uint64_t count = 0;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status =
        vdt_reader_select(reader, group, filter, &indices, &count, &error);
    Py_END_ALLOW_THREADS if (status != VDT_OK) return ext_raise(ext_state(object), &error);
    PyObject *array = array_of(object, indices, count);
    vdt_indices_free(indices);
    return array;
}

static const struct ext_option filters[] = {
    {"min_boxes", EXT_U64, offsetof(struct vdt_filter, min_boxes), NULL},
    {"max_boxes", EXT_U64, offsetof(struct vdt_filter, max_boxes), NULL},
    {"min_valid", EXT_DOUBLE, offsetof(struct vdt_filter, min_valid), NULL},
    {"scene", EXT_TEXT, offsetof(struct vdt_filter, scene), NULL},
    {NULL, EXT_BOOL, 0, NULL}};

static PyObject *select_samples(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static const char *const others[] = {"classes", "bounds", NULL};
    const struct ext_state *state = ext_state(object);
    const char *group = NULL;
    struct vdt_filter filter = {0};
    if (!PyArg_ParseTuple(args, "s:select", &group) ||
        ext_known(kwargs, filters, others, "select") != 0 ||
        ext_parse(state, kwargs, filters, &filter) != 0)
        return NULL;
    PyObject *classes = kwargs == NULL ? NULL : PyDict_GetItemString(kwargs, "classes");
    PyObject *bounds = kwargs == NULL ? NULL : PyDict_GetItemString(kwargs, "bounds");
    const char **names = NULL;
    PyObject *keep = NULL;
    double *limits = NULL;
    size_t limit_count = 0;
    PyObject *found = NULL;
    bool good = classes == NULL || classes == Py_None ||
                ext_strings(state, "classes", classes, &names, &filter.class_count, &keep) == 0;
    good = good && ext_doubles(state, "bounds", bounds, &limits, &limit_count) == 0;
    if (good && limits != NULL && limit_count != 4) {
        ext_refuse(state, "bounds: four numbers are wanted: west, south, east, north");
        good = false;
    }
    filter.classes = names;
    filter.bounds = limits;
    if (good)
        found = run_select(object, group, &filter);
    PyMem_Free(limits);
    PyMem_Free(names);
    Py_XDECREF(keep);
    return found;
}

static PyObject *stats_dict(const struct vdt_band_stats *stats)
{
    double std = stats->count == 0 ? NAN : sqrt(stats->m2 / (double)stats->count);
    return Py_BuildValue("{s:K,s:d,s:d,s:d,s:d}", "count", (unsigned long long)stats->count, "mean",
                         stats->mean, "std", std, "min", stats->min, "max", stats->max);
}

static PyObject *band_stats(PyObject *object, PyObject *args)
{
    const struct vdt_reader *reader = NULL;
    const char *name = NULL;
    size_t group = 0;
    if (!PyArg_ParseTuple(args, "s:band_stats", &name) || !find(object, name, &reader, &group))
        return NULL;
    uint32_t bands = vdt_reader_spec(reader).tile.bands;
    struct vdt_band_stats *stats = PyMem_Calloc(bands, sizeof *stats);
    if (stats == NULL)
        return PyErr_NoMemory();
    struct vdt_error error = {0};
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_reader_band_stats(reader, group, stats, &error);
    Py_END_ALLOW_THREADS PyObject *list =
        status == VDT_OK ? PyList_New(0) : ext_raise(ext_state(object), &error);
    for (uint32_t i = 0; list != NULL && i < bands; i++) {
        PyObject *dict = stats_dict(&stats[i]);
        if (dict == NULL || PyList_Append(list, dict) != 0)
            Py_CLEAR(list);
        Py_XDECREF(dict);
    }
    PyMem_Free(stats);
    return list;
}

static PyObject *most_boxes(PyObject *object, PyObject *args)
{
    const struct vdt_reader *reader = NULL;
    const char *name = NULL;
    size_t group = 0;
    if (!PyArg_ParseTuple(args, "s:most_boxes", &name) || !find(object, name, &reader, &group))
        return NULL;
    return PyLong_FromUnsignedLongLong(vdt_reader_most_boxes(reader, group));
}

static PyObject *reduce(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyObject *path = PyObject_GetAttrString(object, "path");
    return path == NULL ? NULL : Py_BuildValue("O(N)", Py_TYPE(object), path);
}

#define WITH_NAMES(function) (PyCFunction)(void (*)(void)) function, METH_VARARGS | METH_KEYWORDS

PyMethodDef ext_reader_methods[] = {
    {"views", views, METH_NOARGS,
     "views()\n--\n\nThe views by name: dicts of group, definition (JSON text) and indices."},
    {"sample", WITH_NAMES(sample),
     "sample(group, index)\n--\n\nA dict: key, scene (uri), window (col, row, cols, rows), "
     "geotransform, bounds\n(west, south, east, north in degrees, nan when unknown), crs (WKT2), "
     "valid_fraction,\nweight, metadata (a dict)."},
    {"image", WITH_NAMES(image),
     "image(group, index)\n--\n\nArray [bands, rows, cols] of the store's dtype."},
    {"mask", WITH_NAMES(mask),
     "mask(group, index)\n--\n\nArray [rows, cols], uint8 or uint16: 0 background, class id + 1, "
     "255 or 65535\nignore. NotFoundError when the store has no masks."},
    {"instances", WITH_NAMES(instances),
     "instances(group, index)\n--\n\nArray uint16 [rows, cols]: 0 none, else 1-based index into "
     "boxes."},
    {"boundary", WITH_NAMES(boundary),
     "boundary(group, index)\n--\n\nArray uint8 [rows, cols]: 1 on a boundary, else 0, 255 "
     "ignore."},
    {"contact", WITH_NAMES(contact),
     "contact(group, index)\n--\n\nArray uint8 [rows, cols]: 1 between objects that nearly touch, "
     "else 0, 255\nignore."},
    {"distance", WITH_NAMES(distance),
     "distance(group, index)\n--\n\nArray float32 [rows, cols]: pixels to the nearest pixel of the "
     "other kind, positive\ninside objects; NaN ignore."},
    {"target", WITH_NAMES(target),
     "target(group, index)\n--\n\nArray float32 [rows, cols]: the numbers of a regression, NaN "
     "where "
     "there is none."},
    {"onehot", WITH_NAMES(onehot), "onehot(group, index)\n--\n\nArray uint8 [classes]."},
    {"boxes", WITH_NAMES(boxes),
     "boxes(group, index)\n--\n\nArrays (boxes float32 [n, 4], class uint16 [n], feature int64 "
     "[n], visible float32 [n])."},
    {"select", WITH_NAMES(select_samples),
     "select(group, *, classes=None, min_boxes=0, max_boxes=0, min_valid=0, bounds=None, "
     "scene=None)\n--\n\nArray uint64 of the samples for which all conditions hold, rising:\n"
     "any of the classes in one-hot or boxes; boxes of those classes, at least and at most "
     "(0: any\nnumber); valid_fraction; (west, south, east, north) met; part of the scene's uri."},
    {"band_stats", band_stats, METH_VARARGS,
     "band_stats(group)\n--\n\nA dict for each band, over all valid pixels: count, mean, std, min, "
     "max."},
    {"most_boxes", most_boxes, METH_VARARGS,
     "most_boxes(group)\n--\n\nThe largest number of boxes that a sample has."},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

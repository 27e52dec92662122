/* Reader: an open store, and what is in it. */
#include "reader.h"

#include <stddef.h>

struct ext_reader {
    PyObject_HEAD struct vdt_reader *reader;
    struct ext_spare spare;
};

struct vdt_reader *ext_reader(const struct ext_state *state, PyObject *object)
{
    if (Py_TYPE(object) == state->types[EXT_READER])
        return ((struct ext_reader *)object)->reader;
    PyErr_Format(PyExc_TypeError, "a vedatile.Reader is wanted, not %R", Py_TYPE(object));
    return NULL;
}

struct ext_spare *ext_reader_spare(PyObject *object)
{
    return &((struct ext_reader *)object)->spare;
}

static const struct vdt_reader *reader_of(PyObject *object)
{
    return ((struct ext_reader *)object)->reader;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", NULL};
    const struct ext_state *state = ext_type_state(type);
    PyObject *path = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&:Reader", names, PyUnicode_FSConverter,
                                     &path))
        return NULL;
    struct vdt_error error = {0};
    struct vdt_reader *reader = NULL;
    const char *text = PyBytes_AsString(path);
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS status = vdt_reader_open(text, &reader, &error);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    struct ext_reader *self = PyObject_New(struct ext_reader, type);
    if (self == NULL) {
        vdt_reader_free(reader);
        return NULL;
    }
    self->reader = reader;
    self->spare = (struct ext_spare){0};
    return (PyObject *)self;
}

static void deallocate(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    struct ext_reader *self = (struct ext_reader *)object;
    ext_spare_free(&self->spare);
    vdt_reader_free(self->reader);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyObject *get_path(PyObject *object, void *unused)
{
    (void)unused;
    return PyUnicode_DecodeFSDefault(vdt_reader_path(reader_of(object)));
}

static PyObject *represent(PyObject *object)
{
    PyObject *path = get_path(object, NULL);
    PyObject *text = path == NULL ? NULL : PyUnicode_FromFormat("<vedatile.Reader of %R>", path);
    Py_XDECREF(path);
    return text;
}

/* --- properties --------------------------------------------------------------------------- */

static PyObject *get_text(PyObject *object, void *closure)
{
    const struct vdt_reader *reader = reader_of(object);
    switch (*(const char *)closure) {
    case 'u': return PyUnicode_FromString(vdt_reader_uuid(reader));
    case 'n': return PyUnicode_FromString(vdt_reader_spec(reader).name);
    case 'f': return PyUnicode_FromString(vdt_reader_format(reader));
    case 'c': return PyUnicode_FromString(vdt_reader_created_at(reader));
    case 'p': return PyUnicode_FromString(vdt_reader_producer(reader));
    case 't': return PyUnicode_FromString(vdt_reader_times(reader));
    case 'm': return PyUnicode_FromString(vdt_reader_scene_members(reader));
    default: return PyUnicode_FromString(vdt_reader_feed_config(reader));
    }
}

static PyObject *get_bytes(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(vdt_reader_file_bytes(reader_of(object)));
}

static PyObject *get_percent(PyObject *object, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble(vdt_reader_percent_cached(reader_of(object)));
}

static PyObject *get_tile(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_tile_spec tile = vdt_reader_spec(reader_of(object)).tile;
    return Py_BuildValue("IIIs", tile.bands, tile.rows, tile.cols, vdt_dtype_name(tile.dtype));
}

static PyObject *get_tasks(PyObject *object, void *unused)
{
    (void)unused;
    return ext_flag_names(vdt_reader_spec(reader_of(object)).tasks, ext_tasks);
}

static PyObject *text_list(const char *const *texts, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *text = PyUnicode_FromString(texts[i]);
        if (text == NULL || PyList_Append(list, text) != 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *get_classes(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_store_spec spec = vdt_reader_spec(reader_of(object));
    return text_list(spec.classes, spec.class_count);
}

static PyObject *get_bands(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_store_spec spec = vdt_reader_spec(reader_of(object));
    return text_list(spec.band_names, spec.tile.bands);
}

static PyObject *get_codecs(PyObject *object, void *unused)
{
    (void)unused;
    struct vdt_store_spec spec = vdt_reader_spec(reader_of(object));
    return Py_BuildValue("{s:s,s:s}", "image", vdt_codec_name(spec.image_codec), "mask",
                         vdt_codec_name(spec.mask_codec));
}

/* closure: NULL for samples, else boxes. */
static PyObject *get_counts(PyObject *object, void *closure)
{
    const struct vdt_reader *reader = reader_of(object);
    PyObject *counts = PyDict_New();
    for (size_t i = 0; counts != NULL && i < vdt_reader_group_count(reader); i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(
            closure == NULL ? vdt_reader_count(reader, i) : vdt_reader_box_count(reader, i));
        if (count == NULL ||
            PyDict_SetItemString(counts, vdt_reader_group_name(reader, i), count) != 0)
            Py_CLEAR(counts);
        Py_XDECREF(count);
    }
    return counts;
}

static PyObject *scene_dict(const struct vdt_scene_record *scene)
{
    return Py_BuildValue("{s:s,s:K,s:s,s:s,s:i,s:i}", "uri", scene->uri, "size",
                         (unsigned long long)scene->size, "digest", scene->digest, "acquired",
                         scene->acquired, "cols", (int)scene->cols, "rows", (int)scene->rows);
}

static PyObject *get_scenes(PyObject *object, void *unused)
{
    (void)unused;
    const struct vdt_reader *reader = reader_of(object);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < vdt_reader_scene_count(reader); i++) {
        struct vdt_scene_record scene = vdt_reader_scene(reader, i);
        PyObject *record = scene_dict(&scene);
        if (record == NULL || PyList_Append(list, record) != 0)
            Py_CLEAR(list);
        Py_XDECREF(record);
    }
    return list;
}

static PyObject *get_crs(PyObject *object, void *unused)
{
    (void)unused;
    const struct vdt_reader *reader = reader_of(object);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < vdt_reader_crs_count(reader); i++) {
        PyObject *text = PyUnicode_FromString(vdt_reader_crs(reader, i));
        if (text == NULL || PyList_Append(list, text) != 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyGetSetDef properties[] = {
    {"path", get_path, NULL, "The file.", NULL},
    {"uuid", get_text, NULL, "Of the store.", "u"},
    {"name", get_text, NULL, "Of the store.", "n"},
    {"format", get_text, NULL, "Version of the store's format: \"1.0\".", "f"},
    {"created_at", get_text, NULL, "ISO 8601, UTC.", "c"},
    {"producer", get_text, NULL, "What wrote the store, with versions.", "p"},
    {"feed_config", get_text, NULL, "The feeds that made the store: a JSON array.", "g"},
    {"times", get_text, NULL, "The time axis of the images: a JSON array, [] without.", "t"},
    {"scene_members", get_text, NULL, "What joined scenes are made of: a JSON object.", "m"},
    {"file_bytes", get_bytes, NULL, "Size of the file.", NULL},
    {"percent_cached", get_percent, NULL,
     "How much of the file is here, in percent of its bytes: 100 unless it is a partial store.",
     NULL},
    {"tile", get_tile, NULL, "(bands, rows, cols, dtype's name) of every image.", NULL},
    {"tasks", get_tasks, NULL, "Names of the tasks.", NULL},
    {"classes", get_classes, NULL, "Names of the classes; a class id is the index.", NULL},
    {"band_names", get_bands, NULL, "Names of the bands.", NULL},
    {"codecs", get_codecs, NULL, "Names of the codecs: {\"image\": ..., \"mask\": ...}.", NULL},
    {"groups", get_counts, NULL, "Samples of each group, in the store's order.", NULL},
    {"box_counts", get_counts, NULL, "Boxes of each group.", "boxes"},
    {"scenes", get_scenes, NULL,
     "Dicts of uri, size (bytes), digest, acquired (ISO 8601 or \"\"), cols and rows.", NULL},
    {"crs", get_crs, NULL, "WKT2 texts of the samples' CRSs; \"\" for none.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

int ext_add_reader(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_doc, "Reader(path)\n--\n\n"
                    "A snapshot of a store's last commit. Any number of threads may use it.\n"
                    "NotFoundError, FormatError or IoError when it cannot be opened."},
        {Py_tp_new, (void *)make},
        {Py_tp_dealloc, (void *)deallocate},
        {Py_tp_repr, (void *)represent},
        {Py_tp_getset, properties},
        {Py_tp_methods, ext_reader_methods},
        {0, NULL}};
    static PyType_Spec spec = {"vedatile.Reader", sizeof(struct ext_reader), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return ext_add_type(module, EXT_READER, &spec);
}

/* The functions of vedatile.coco: COCO's JSON files as columns. */
#include <string.h>

#include "ext.h"
#include "shapes.h"

static const char file_name[] = "vedatile.coco";

static void free_file(PyObject *capsule)
{
    vdt_coco_free(PyCapsule_GetPointer(capsule, file_name));
}

static PyObject *read_file(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *path;
    int results, shapes;
    struct vdt_coco_options options = {0};
    if (!PyArg_ParseTuple(arguments, "OppI:coco_read", &path, &results, &shapes, &options.threads))
        return NULL;
    PyObject *bytes = ext_path(path);
    if (bytes == NULL)
        return NULL;
    options.no_shapes = !shapes;
    struct vdt_coco *coco = NULL;
    struct vdt_error error = {.status = VDT_OK};
    const char *name = PyBytes_AsString(bytes);
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = results ? vdt_coco_read_results(name, &options, &coco, &error)
                     : vdt_coco_read_ground_truth(name, &options, &coco, &error);
    Py_END_ALLOW_THREADS;
    Py_DECREF(bytes);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *capsule = PyCapsule_New(coco, file_name, free_file);
    if (capsule == NULL)
        vdt_coco_free(coco);
    return capsule;
}

/* --- columns -------------------------------------------------------------------------------- */

static int put(PyObject *dict, const char *name, PyObject *value)
{
    int done = value == NULL ? -1 : PyDict_SetItemString(dict, name, value);
    Py_XDECREF(value);
    return done;
}

/* A column [count] or [count][width] over the file's own memory; nothing where there is none. */
static int put_column(const struct ext_state *state, PyObject *owner, PyObject *dict,
                      const char *name, const void *data, int dtype, uint64_t count, uint64_t width)
{
    const uint64_t shape[2] = {count, width};
    int axes = width > 1 ? 2 : 1;
    void *unused;
    if (count == 0)
        return put(dict, name, ext_array_make(state, dtype, axes, shape, &unused));
    if (data == NULL)
        return 0;
    return put(dict, name, ext_array_new(state, owner, (void *)data, dtype, axes, shape));
}

static PyObject *texts(const char *const *text, uint64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint64_t i = 0; list != NULL && i < count; i++) {
        PyObject *one = PyUnicode_FromString(text[i]);
        if (one == NULL || PyList_SetItem(list, (Py_ssize_t)i, one) != 0)
            Py_CLEAR(list);
    }
    return list;
}

static int put_records(const struct ext_state *state, PyObject *owner, PyObject *dict,
                       const struct vdt_coco *coco)
{
    struct vdt_coco_records r;
    vdt_coco_get_records(coco, &r);
    const struct {
        const char *name;
        const void *data;
        int dtype;
        uint64_t width;
    } columns[] = {{"id", r.id, VDT_INT64, 1},
                   {"image_id", r.image_id, VDT_INT64, 1},
                   {"category_id", r.category_id, VDT_INT64, 1},
                   {"box", r.box, VDT_FLOAT64, 4},
                   {"area", r.area, VDT_FLOAT64, 1},
                   {"score", r.score, VDT_FLOAT64, 1},
                   {"crowd", r.crowd, VDT_UINT8, 1},
                   {"ignore", r.ignore, VDT_UINT8, 1},
                   {"shape", r.shape, VDT_UINT8, 1}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (put_column(state, owner, dict, columns[i].name, columns[i].data, columns[i].dtype,
                       r.count, columns[i].width) != 0)
            return -1;
    return 0;
}

static PyObject *file_columns(PyObject *module, PyObject *capsule)
{
    const struct ext_state *state = ext_module_state(module);
    const struct vdt_coco *coco = PyCapsule_GetPointer(capsule, file_name);
    if (coco == NULL)
        return NULL;
    struct vdt_coco_images images;
    struct vdt_coco_categories categories;
    vdt_coco_get_images(coco, &images);
    vdt_coco_get_categories(coco, &categories);
    PyObject *dict = PyDict_New();
    if (dict != NULL &&
        (put_records(state, capsule, dict, coco) != 0 ||
         put_column(state, capsule, dict, "images", images.id, VDT_INT64, images.count, 1) != 0 ||
         put_column(state, capsule, dict, "categories", categories.id, VDT_INT64, categories.count,
                    1) != 0 ||
         put(dict, "names", texts(categories.name, categories.count)) != 0))
        Py_CLEAR(dict);
    return dict;
}

/* --- masks ---------------------------------------------------------------------------------- */

/* Run lengths as columns that belong to `owner`. */
static PyObject *mask_columns(const struct ext_state *state, PyObject *owner,
                              const struct vdt_shapes *shapes)
{
    static const uint64_t nothing[1] = {0};
    const uint64_t *offsets = shapes->count == 0 ? nothing : shapes->count_offsets;
    PyObject *dict = PyDict_New();
    if (dict != NULL &&
        (put_column(state, owner, dict, "counts", shapes->counts, VDT_UINT32,
                    offsets[shapes->count], 1) != 0 ||
         put_column(state, owner, dict, "count_offsets", offsets, VDT_UINT64, shapes->count + 1,
                    1) != 0 ||
         put_column(state, owner, dict, "size", shapes->size, VDT_UINT32, shapes->count, 2) != 0))
        Py_CLEAR(dict);
    return dict;
}

/* The columns of vdt_objects, without image and category. */
static PyObject *file_objects(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule, *truth_capsule;
    int masks;
    if (!PyArg_ParseTuple(arguments, "OOp:coco_objects", &capsule, &truth_capsule, &masks))
        return NULL;
    struct vdt_coco *coco = PyCapsule_GetPointer(capsule, file_name), *truth = NULL;
    if (coco == NULL)
        return NULL;
    if (truth_capsule != Py_None &&
        (truth = PyCapsule_GetPointer(truth_capsule, file_name)) == NULL)
        return NULL;
    struct vdt_objects objects;
    struct vdt_error error = {.status = VDT_OK};
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = truth == NULL ? vdt_coco_truth_objects(coco, masks != 0, &objects, &error)
                           : vdt_coco_result_objects(coco, truth, masks != 0, &objects, &error);
    Py_END_ALLOW_THREADS;
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *dict = PyDict_New();
    if (dict == NULL ||
        put_column(state, capsule, dict, "box", objects.box, VDT_FLOAT64, objects.count, 4) != 0 ||
        put_column(state, capsule, dict, "area", objects.area, VDT_FLOAT64, objects.count, 1) !=
            0 ||
        (objects.shapes != NULL &&
         put(dict, "shapes", mask_columns(state, capsule, objects.shapes)) != 0))
        Py_CLEAR(dict);
    return dict;
}

static void free_masks(PyObject *capsule)
{
    vdt_masks_free(PyCapsule_GetPointer(capsule, NULL));
}

static PyObject *rle_columns(PyObject *module, PyObject *rles)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_masks *masks = ext_masks(state, rles);
    if (masks == NULL)
        return NULL;
    PyObject *owner = PyCapsule_New(masks, NULL, free_masks);
    if (owner == NULL) {
        vdt_masks_free(masks);
        return NULL;
    }
    PyObject *dict = mask_columns(state, owner, vdt_masks_shapes(masks));
    Py_DECREF(owner);
    return dict;
}

static PyMethodDef functions[] = {
    {"coco_read", read_file, METH_VARARGS,
     "coco_read(path, results, shapes, threads, /)\n--\n\nA COCO file; see vedatile.coco."},
    {"coco_columns", file_columns, METH_O,
     "coco_columns(file, /)\n--\n\nIts columns; see vedatile.coco."},
    {"coco_objects", file_objects, METH_VARARGS,
     "coco_objects(file, truth, masks, /)\n--\n\nWhat is matched; see vedatile.coco."},
    {"rle_columns", rle_columns, METH_O,
     "rle_columns(masks, /)\n--\n\nMasks as columns; see vedatile.coco."},
    {NULL, NULL, 0, NULL}};

int ext_add_coco(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

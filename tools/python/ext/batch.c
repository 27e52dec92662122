/* Batch: one batch of a loader or of take, and its arrays. */
#include "ext.h"

struct ext_batch {
    PyObject_HEAD struct vdt_batch *batch; /* NULL once released */
    PyObject *home;
    Py_ssize_t uses; /* exports of its arrays */
};

/* --- the memory --------------------------------------------------------------------------- */

struct vdt_batch *ext_spare_get(struct ext_spare *spare)
{
    for (int i = 0; i < EXT_SPARE; i++) {
        struct vdt_batch *batch = spare->batches[i];
        spare->batches[i] = NULL;
        if (batch != NULL)
            return batch;
    }
    return NULL;
}

void ext_spare_put(struct ext_spare *spare, struct vdt_batch *batch)
{
    for (int i = 0; i < EXT_SPARE; i++) {
        if (spare->batches[i] == NULL) {
            spare->batches[i] = batch;
            return;
        }
    }
    vdt_batch_free(batch);
}

void ext_spare_free(struct ext_spare *spare)
{
    for (int i = 0; i < EXT_SPARE; i++)
        vdt_batch_free(spare->batches[i]);
}

PyObject *ext_batch_new(const struct ext_state *state, struct vdt_batch *batch, PyObject *home)
{
    struct ext_batch *self = PyObject_New(struct ext_batch, state->types[EXT_BATCH]);
    if (self == NULL) {
        vdt_batch_free(batch);
        return NULL;
    }
    self->batch = batch;
    self->home = Py_NewRef(home);
    self->uses = 0;
    return (PyObject *)self;
}

static void give_back(struct ext_batch *self)
{
    struct vdt_batch *batch = self->batch;
    self->batch = NULL;
    if (batch == NULL)
        return;
    struct ext_spare *spare = ext_spare_of(self->home);
    if (spare != NULL)
        ext_spare_put(spare, batch);
    else
        vdt_batch_free(batch);
}

static void deallocate(PyObject *object)
{
    struct ext_batch *self = (struct ext_batch *)object;
    PyTypeObject *type = Py_TYPE(object);
    give_back(self);
    Py_DECREF(self->home);
    PyObject_Free(object);
    Py_DECREF(type);
}

bool ext_batch_use(PyObject *object)
{
    struct ext_batch *self = (struct ext_batch *)object;
    if (self->batch == NULL) {
        PyErr_SetString(PyExc_BufferError, "the batch was released; its arrays ended with it");
        return false;
    }
    self->uses++;
    return true;
}

void ext_batch_unuse(PyObject *object, uintptr_t stream)
{
    struct ext_batch *self = (struct ext_batch *)object;
    if (stream != 0)
        vdt_batch_used_on(self->batch, (void *)stream);
    self->uses--;
}

static PyObject *release(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct ext_batch *self = (struct ext_batch *)object;
    if (self->uses > 0) {
        PyErr_Format(PyExc_BufferError, "the batch is in use: %zd arrays made from it are alive",
                     self->uses);
        return NULL;
    }
    give_back(self);
    Py_RETURN_NONE;
}

static PyObject *used_on(PyObject *object, PyObject *stream)
{
    struct ext_batch *self = (struct ext_batch *)object;
    unsigned long long number = PyLong_AsUnsignedLongLong(stream);
    if (PyErr_Occurred() != NULL || !ext_batch_use(object))
        return NULL;
    vdt_batch_used_on(self->batch, (void *)(uintptr_t)number);
    ext_batch_unuse(object, 0);
    Py_RETURN_NONE;
}

/* --- the arrays --------------------------------------------------------------------------- */

enum shape { SAMPLES, IMAGES, CLASSES, PIXELS, VALUES, OFFSETS, ROWS, CORNERS };

enum { OF_IMAGES = -1, OF_MASKS = -2, OF_VALUES = -3, ON_HOST = -1 };

/* How a property finds its array. */
struct field {
    size_t host;      /* in struct vdt_batch_view */
    ptrdiff_t device; /* in struct vdt_batch_device, or ON_HOST */
    int dtype;
    enum shape shape;
};

static int add_rows(const struct vdt_batch_spec *spec, const struct vdt_batch_view *view,
                    uint64_t *shape)
{
    if (spec->box_pad == 0) {
        shape[0] = view->box_offsets == NULL ? 0 : view->box_offsets[view->size];
        return 1;
    }
    shape[1] = spec->box_pad;
    return 2;
}

/* Fills shape[0 .. axes). */
static int shape_of(enum shape kind, const struct vdt_batch_spec *spec,
                    const struct vdt_batch_view *view, uint64_t *shape)
{
    const struct vdt_tile_spec *image = &spec->image;
    int axes = 1;
    shape[0] = view->size;
    switch (kind) {
    case SAMPLES: break;
    case OFFSETS: shape[0]++; break;
    case CLASSES: shape[axes++] = spec->class_count; break;
    case PIXELS:
        shape[axes++] = image->rows;
        shape[axes++] = image->cols;
        break;
    case IMAGES:
        if (spec->axes != VDT_AXES_HWC)
            shape[axes++] = image->bands;
        shape[axes++] = image->rows;
        shape[axes++] = image->cols;
        if (spec->axes == VDT_AXES_HWC)
            shape[axes++] = image->bands;
        break;
    case VALUES:
        for (uint32_t i = 0; i < spec->value_rank; i++)
            shape[axes++] = spec->value_shape[i];
        break;
    case ROWS:
    case CORNERS:
        axes = add_rows(spec, view, shape);
        if (kind == CORNERS)
            shape[axes++] = 4;
        break;
    }
    return axes;
}

static int dtype_of(int dtype, const struct vdt_batch_spec *spec)
{
    switch (dtype) {
    case OF_IMAGES: return (int)spec->image.dtype;
    case OF_MASKS: return spec->mask_size == 2 ? VDT_UINT16 : VDT_UINT8;
    case OF_VALUES: return (int)spec->value_dtype;
    default: return dtype;
    }
}

static PyObject *get_array(PyObject *object, void *closure)
{
    const struct field *field = closure;
    const struct ext_batch *self = (struct ext_batch *)object;
    if (!ext_batch_use(object))
        return NULL;
    struct vdt_batch_view view = vdt_batch_view(self->batch);
    struct vdt_batch_spec spec = vdt_batch_spec(self->batch);
    struct vdt_batch_device device = vdt_batch_device(self->batch);
    ext_batch_unuse(object, 0);
    void *data = *(void **)((char *)&view + field->host);
    uint64_t address =
        field->device == ON_HOST ? 0 : *(uint64_t *)((char *)&device + field->device);
    uint64_t shape[EXT_AXES];
    int axes = shape_of(field->shape, &spec, &view, shape);
    int dtype = dtype_of(field->dtype, &spec);
    const struct ext_state *state = ext_state(object);
    if (address != 0)
        return ext_array_device(state, object, address, device.device, dtype, axes, shape);
    if (data == NULL)
        Py_RETURN_NONE;
    return ext_array_new(state, object, data, dtype, axes, shape);
}

/* --- Python's side ------------------------------------------------------------------------ */

static Py_ssize_t length(PyObject *object)
{
    if (!ext_batch_use(object))
        return -1;
    struct vdt_batch_view view = vdt_batch_view(((struct ext_batch *)object)->batch);
    ext_batch_unuse(object, 0);
    return (Py_ssize_t)view.size;
}

static PyObject *get_size(PyObject *object, void *unused)
{
    (void)unused;
    Py_ssize_t size = length(object);
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

static PyObject *get_number(PyObject *object, void *closure)
{
    if (!ext_batch_use(object))
        return NULL;
    struct vdt_batch_view view = vdt_batch_view(((struct ext_batch *)object)->batch);
    ext_batch_unuse(object, 0);
    return PyLong_FromUnsignedLongLong(closure == NULL ? view.position : view.skipped);
}

static PyObject *get_released(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct ext_batch *)object)->batch == NULL);
}

/* x and y are made of the arrays by the package, which knows NumPy. */
static PyObject *get_pair(PyObject *object, void *closure)
{
    PyObject *arrays = PyImport_ImportModule("vedatile.arrays");
    PyObject *made =
        arrays == NULL ? NULL : PyObject_CallMethod(arrays, (const char *)closure, "O", object);
    Py_XDECREF(arrays);
    return made;
}

static PyObject *represent(PyObject *object)
{
    if (((struct ext_batch *)object)->batch == NULL)
        return PyUnicode_FromString("<vedatile.Batch, released>");
    PyObject *images = PyObject_GetAttrString(object, "images");
    PyObject *text = images == NULL ? NULL
                                    : PyUnicode_FromFormat("<vedatile.Batch of %zd samples, %R>",
                                                           length(object), images);
    Py_XDECREF(images);
    return text;
}

static PyMethodDef methods[] = {
    {"release", release, METH_NOARGS,
     "release()\n--\n\nGives the memory back to the loader at once. BufferError while NumPy arrays "
     "or\ntensors made from it are alive; its Arrays raise from then on."},
    {"used_on", used_on, METH_O,
     "used_on(stream)\n--\n\nSays that work given to that CUDA stream (an address) uses the "
     "batch."},
    {NULL, NULL, 0, NULL}};

#define ON_DEVICE(member) (ptrdiff_t) offsetof(struct vdt_batch_device, member)
#define ARRAY(name, device, dtype, shape, doc)                          \
    {                                                                   \
#name, get_array, NULL, doc, &(struct field)                    \
        {                                                               \
            offsetof(struct vdt_batch_view, name), device, dtype, shape \
        }                                                               \
    }

static PyGetSetDef properties[] = {
    {"size", get_size, NULL, "Samples.", NULL},
    {"position", get_number, NULL, "Place of the first sample in the epoch.", NULL},
    {"skipped", get_number, NULL, "Damaged samples that were left out.", "skipped"},
    {"released", get_released, NULL, "True once release() was called.", NULL},
    {"x", get_pair, NULL, "The images, as a loader's loop gives them.", "x"},
    {"y", get_pair, NULL, "The labels, as a loader's loop gives them.", "y"},
    ARRAY(indices, ON_HOST, VDT_UINT64, SAMPLES,
          "uint64 [size]: index of each sample in its group or file."),
    ARRAY(inputs, ON_HOST, VDT_UINT32, SAMPLES,
          "uint32 [size]: which of the loader's inputs each sample comes from."),
    ARRAY(applied, ON_HOST, EXT_APPLIED, SAMPLES,
          "Records [size] of row, col, flip_cols, flip_rows, turns: what was done to each sample."),
    ARRAY(images, ON_DEVICE(images), OF_IMAGES, IMAGES,
          "[size, bands, rows, cols], or [size, rows, cols, bands] with axes \"hwc\"."),
    ARRAY(onehot, ON_DEVICE(onehot), VDT_UINT8, CLASSES, "uint8 [size, classes], or None."),
    ARRAY(masks, ON_DEVICE(masks), OF_MASKS, PIXELS,
          "uint8 or uint16 [size, rows, cols]: 0 background, class id + 1, 255 or 65535 ignore."),
    ARRAY(instances, ON_DEVICE(instances), VDT_UINT16, PIXELS,
          "uint16 [size, rows, cols]: 0 none, else 1-based index into the sample's boxes."),
    ARRAY(boundaries, ON_DEVICE(boundaries), VDT_UINT8, PIXELS,
          "uint8 [size, rows, cols]: 1 on a boundary, else 0, 255 ignore; or None."),
    ARRAY(contacts, ON_DEVICE(contacts), VDT_UINT8, PIXELS,
          "uint8 [size, rows, cols]: 1 between objects that nearly touch, else 0, 255 ignore; or "
          "None."),
    ARRAY(distances, ON_DEVICE(distances), VDT_FLOAT32, PIXELS,
          "float32 [size, rows, cols]: pixels to the nearest pixel of the other kind, positive "
          "inside\nobjects, NaN ignore; or None."),
    ARRAY(targets, ON_DEVICE(targets), VDT_FLOAT32, PIXELS,
          "float32 [size, rows, cols]: numbers of a regression, NaN where there is none; or None."),
    ARRAY(values, ON_DEVICE(values), OF_VALUES, VALUES, "Labels of another HDF5 file, or None."),
    ARRAY(box_offsets, ON_DEVICE(box_offsets), VDT_UINT64, OFFSETS,
          "uint64 [size + 1]: boxes of sample i are rows offsets[i] to offsets[i + 1]; or None."),
    ARRAY(box_counts, ON_DEVICE(box_counts), VDT_UINT32, SAMPLES,
          "uint32 [size]: boxes of each sample, when they are padded; or None."),
    ARRAY(boxes, ON_DEVICE(boxes), VDT_FLOAT32, CORNERS,
          "float32 [boxes, 4] xmin, ymin, xmax, ymax in pixels; [size, pad, 4] when padded."),
    ARRAY(box_class, ON_DEVICE(box_class), VDT_UINT16, ROWS,
          "uint16 [boxes] class ids; [size, pad] when padded, 65535 where there is no box."),
    ARRAY(box_feature, ON_HOST, VDT_INT64, ROWS,
          "int64 [boxes] feature ids in the label file; [size, pad] when padded."),
    ARRAY(box_visible, ON_HOST, VDT_FLOAT32, ROWS,
          "float32 [boxes] share of the object inside the image; [size, pad] when padded."),
    {NULL, NULL, NULL, NULL, NULL}};

int ext_add_batch(PyObject *module)
{
    static PyType_Slot slots[] = {
        {Py_tp_doc, "One batch. Its memory goes back to the loader when the batch, its arrays and\n"
                    "everything made from them are gone, or with release()."},
        {Py_tp_dealloc, (void *)deallocate},
        {Py_tp_repr, (void *)represent},
        {Py_tp_getset, properties},
        {Py_tp_methods, methods},
        {Py_sq_length, (void *)length},
        {0, NULL}};
    static PyType_Spec spec = {
        "vedatile.Batch", sizeof(struct ext_batch), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
    return ext_add_type(module, EXT_BATCH, &spec);
}

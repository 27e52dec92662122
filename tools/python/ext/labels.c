/* Labels from Python to struct vdt_labels, each value checked: what is stored cannot be asked
 * again. */
#include <math.h>
#include <string.h>

#include "feeding.h"

enum { BOX_BYTES = 4 * sizeof(float) };

/* --- buffers ------------------------------------------------------------------------------ */

/* Whether a format of the buffer protocol is of that type; sizes of the letters vary. */
static bool is_of_type(const Py_buffer *view, enum vdt_dtype dtype)
{
    const char *format = view->format == NULL ? "B" : view->format;
    const char *letters = "BHILQ";
    if (*format == '@' || *format == '=' || *format == '<')
        format++;
    if (dtype == VDT_INT8 || dtype == VDT_INT16 || dtype == VDT_INT32 || dtype == VDT_INT64)
        letters = "bhilq";
    if (dtype == VDT_FLOAT32 || dtype == VDT_FLOAT64)
        letters = "fd";
    bool flag = dtype == VDT_UINT8 && strcmp(format, "?") == 0;
    return (flag || (strlen(format) == 1 && strchr(letters, *format) != NULL)) &&
           (size_t)view->itemsize == vdt_dtype_size(dtype);
}

static bool has_shape(const Py_buffer *view, int axes, const uint64_t *shape)
{
    bool same = axes == 0 || view->ndim == axes;
    for (int i = 0; same && i < axes; i++)
        same = shape[i] == 0 || (uint64_t)view->shape[i] == shape[i];
    return same;
}

static void write_shape(int axes, const uint64_t *shape, char text[160])
{
    size_t used = (size_t)PyOS_snprintf(text, 160, "[");
    for (int i = 0; i < axes; i++) {
        used += (size_t)PyOS_snprintf(text + used, 160 - used, i == 0 ? "" : ", ");
        used += shape[i] == 0 ? (size_t)PyOS_snprintf(text + used, 160 - used, "any")
                              : (size_t)PyOS_snprintf(text + used, 160 - used, "%llu",
                                                      (unsigned long long)shape[i]);
    }
    PyOS_snprintf(text + used, 160 - used, "]");
}

static void refuse_buffer(const struct ext_state *state, const char *name, const Py_buffer *view,
                          enum vdt_dtype dtype, int axes, const uint64_t *shape)
{
    uint64_t have[4] = {0};
    char wanted_text[160], have_text[160] = "of more axes";
    write_shape(axes, shape, wanted_text);
    for (int i = 0; view->ndim <= 4 && i < view->ndim; i++)
        have[i] = (uint64_t)view->shape[i];
    if (view->ndim <= 4)
        write_shape(view->ndim, have, have_text);
    ext_refuse(state, "%s: %s %s is wanted, not \"%.20s\" of %d bytes %s", name,
               vdt_dtype_name(dtype), wanted_text, view->format == NULL ? "B" : view->format,
               (int)view->itemsize, have_text);
}

int ext_buffer(const struct ext_state *state, const char *name, PyObject *value,
               enum vdt_dtype dtype, int axes, const uint64_t *shape, Py_buffer *view)
{
    if (!PyObject_CheckBuffer(value)) {
        PyErr_Format(PyExc_TypeError, "%s: an array is wanted, not %R", name, Py_TYPE(value));
        return -1;
    }
    if (PyObject_GetBuffer(value, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
        PyErr_Clear();
        ext_refuse(state, "%s: a contiguous array is wanted (numpy.ascontiguousarray)", name);
        return -1;
    }
    if (is_of_type(view, dtype) && has_shape(view, axes, shape))
        return 0;
    refuse_buffer(state, name, view, dtype, axes, shape);
    PyBuffer_Release(view);
    return -1;
}

/* --- values ------------------------------------------------------------------------------- */

static bool check_onehot(const struct ext_state *state, const struct vdt_labels *labels,
                         size_t classes)
{
    for (size_t i = 0; i < classes; i++)
        if (labels->onehot[i] > 1) {
            ext_refuse(state, "onehot: value %d of class %zu: 0 or 1 is wanted", labels->onehot[i],
                       i);
            return false;
        }
    return true;
}

static bool check_box(const struct ext_state *state, const struct vdt_labels *labels, size_t i,
                      const struct vdt_store_spec *spec)
{
    const float *box = labels->boxes[i];
    const char *wrong = NULL;
    if (!isfinite(box[0]) || !isfinite(box[1]) || !isfinite(box[2]) || !isfinite(box[3]))
        wrong = "is not finite";
    else if (box[0] >= box[2] || box[1] >= box[3])
        wrong = "is empty or inverted: xmin < xmax and ymin < ymax are wanted";
    else if (box[0] < 0 || box[1] < 0 || box[2] > (float)spec->tile.cols ||
             box[3] > (float)spec->tile.rows)
        wrong = "is outside the tile";
    if (wrong != NULL)
        ext_refuse(state, "box %zu [%.9g, %.9g, %.9g, %.9g] %s (tile: %u x %u pixels)", i,
                   (double)box[0], (double)box[1], (double)box[2], (double)box[3], wrong,
                   (unsigned)spec->tile.cols, (unsigned)spec->tile.rows);
    else if (labels->box_class[i] >= spec->class_count)
        ext_refuse(state, "box %zu: class %d of %zu classes", i, labels->box_class[i],
                   spec->class_count);
    else if (!(labels->box_visible[i] >= 0 && labels->box_visible[i] <= 1))
        ext_refuse(state, "box %zu: a visible share of %.9g: 0 to 1 is wanted", i,
                   (double)labels->box_visible[i]);
    else
        return true;
    return false;
}

static bool check_mask(const struct ext_state *state, const struct vdt_labels *labels,
                       const struct vdt_store_spec *spec)
{
    bool wide = spec->class_count > 254;
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    unsigned ignore = wide ? VDT_IGNORE_U16 : VDT_IGNORE_U8;
    for (size_t i = 0; i < pixels; i++) {
        unsigned value =
            wide ? ((const uint16_t *)labels->mask)[i] : ((const uint8_t *)labels->mask)[i];
        if (value > spec->class_count && value != ignore) {
            ext_refuse(state,
                       "mask: value %u at row %zu, col %zu: 0 (background), class id + 1 (1 to "
                       "%zu) or %u (ignore) is wanted",
                       value, i / spec->tile.cols, i % spec->tile.cols, spec->class_count, ignore);
            return false;
        }
    }
    return true;
}

static bool check_instances(const struct ext_state *state, const struct vdt_labels *labels,
                            const struct vdt_store_spec *spec)
{
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    for (size_t i = 0; i < pixels; i++)
        if (labels->instances[i] > labels->box_count) {
            ext_refuse(state, "instances: value %d at row %zu, col %zu, but there are %zu boxes",
                       labels->instances[i], i / spec->tile.cols, i % spec->tile.cols,
                       labels->box_count);
            return false;
        }
    return true;
}

static bool check_edges(const struct ext_state *state, const char *name, const uint8_t *values,
                        const struct vdt_store_spec *spec)
{
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    for (size_t i = 0; values != NULL && i < pixels; i++)
        if (values[i] > 1 && values[i] != VDT_IGNORE_U8) {
            ext_refuse(state, "%s: value %d at row %zu, col %zu: 0, 1 or 255 (ignore) is wanted",
                       name, values[i], i / spec->tile.cols, i % spec->tile.cols);
            return false;
        }
    return true;
}

static bool check_numbers(const struct ext_state *state, const char *name, const float *values,
                          const struct vdt_store_spec *spec)
{
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    for (size_t i = 0; values != NULL && i < pixels; i++)
        if (isinf(values[i])) {
            ext_refuse(state,
                       "%s: an infinite value at row %zu, col %zu: a number or NaN is wanted", name,
                       i / spec->tile.cols, i % spec->tile.cols);
            return false;
        }
    return true;
}

static bool check_values(const struct ext_state *state, const struct vdt_labels *labels,
                         const struct vdt_store_spec *spec)
{
    if (labels->onehot != NULL && !check_onehot(state, labels, spec->class_count))
        return false;
    for (size_t i = 0; i < labels->box_count; i++)
        if (!check_box(state, labels, i, spec))
            return false;
    return (labels->mask == NULL || check_mask(state, labels, spec)) &&
           (labels->instances == NULL || check_instances(state, labels, spec)) &&
           check_edges(state, "boundary", labels->boundary, spec) &&
           check_edges(state, "contact", labels->contact, spec) &&
           check_numbers(state, "distance", labels->distance, spec) &&
           check_numbers(state, "target", labels->target, spec);
}

/* --- parsing ------------------------------------------------------------------------------ */

struct wanted {
    const char *name;
    uint32_t tasks; /* any of these has it */
    enum vdt_dtype dtype;
    int axes;
    uint64_t shape[2];
};

static int parse_array(const struct ext_state *state, PyObject *dict, const struct wanted *wanted,
                       uint32_t tasks, Py_buffer *view, bool *held)
{
    PyObject *value = dict == NULL ? NULL : PyDict_GetItemString(dict, wanted->name);
    if (value == Py_None)
        value = NULL;
    bool needed = (wanted->tasks & tasks) != 0;
    if (needed == (value != NULL))
        *held = needed;
    else {
        ext_refuse(state,
                   needed ? "%s: missing, and the store's tasks need it"
                          : "%s: the store's tasks have no such labels",
                   wanted->name);
        return -1;
    }
    if (needed && ext_buffer(state, wanted->name, value, wanted->dtype, wanted->axes, wanted->shape,
                             view) != 0) {
        *held = false;
        return -1;
    }
    return 0;
}

static bool same_length(const struct ext_state *state, const struct ext_labels *labels)
{
    static const char *const names[] = {"box_class", "box_feature", "box_visible"};
    const Py_ssize_t size = BOX_BYTES, bytes = labels->held[1] ? labels->views[1].len : 0;
    if (bytes % size != 0) {
        ext_refuse(state, "boxes: four numbers a box are wanted, not %zd in all", bytes / 4);
        return false;
    }
    for (int i = 2; labels->held[1] && i < 5; i++)
        if (labels->views[i].shape[0] != bytes / size) {
            ext_refuse(state, "%s: %zd values for %zd boxes", names[i - 2],
                       labels->views[i].shape[0], bytes / size);
            return false;
        }
    return true;
}

static void point(struct ext_labels *labels)
{
    const Py_buffer *views = labels->views;
    labels->labels = (struct vdt_labels){.onehot = views[0].buf,
                                         .boxes = views[1].buf,
                                         .box_class = views[2].buf,
                                         .box_feature = views[3].buf,
                                         .box_visible = views[4].buf,
                                         .mask = views[5].buf,
                                         .instances = views[6].buf,
                                         .boundary = views[7].buf,
                                         .contact = views[8].buf,
                                         .distance = views[9].buf,
                                         .target = views[10].buf};
    if (labels->held[1])
        labels->labels.box_count = (size_t)views[1].len / BOX_BYTES;
}

int ext_labels_parse(const struct ext_state *state, PyObject *dict,
                     const struct vdt_store_spec *spec, struct ext_labels *labels)
{
    const uint32_t boxes = VDT_DETECTION | VDT_INSTANCE;
    const uint64_t rows = spec->tile.rows, cols = spec->tile.cols;
    const struct wanted arrays[EXT_LABEL_ARRAYS] = {
        {"onehot", VDT_CLASSIFICATION, VDT_UINT8, 1, {spec->class_count}},
        {"boxes", boxes, VDT_FLOAT32, 0, {0}},
        {"box_class", boxes, VDT_UINT16, 1, {0}},
        {"box_feature", boxes, VDT_INT64, 1, {0}},
        {"box_visible", boxes, VDT_FLOAT32, 1, {0}},
        {"mask",
         VDT_SEGMENTATION,
         spec->class_count > 254 ? VDT_UINT16 : VDT_UINT8,
         2,
         {rows, cols}},
        {"instances", VDT_INSTANCE, VDT_UINT16, 2, {rows, cols}},
        {"boundary", VDT_BOUNDARY, VDT_UINT8, 2, {rows, cols}},
        {"contact", VDT_CONTACT, VDT_UINT8, 2, {rows, cols}},
        {"distance", VDT_DISTANCE, VDT_FLOAT32, 2, {rows, cols}},
        {"target", VDT_REGRESSION, VDT_FLOAT32, 2, {rows, cols}},
    };
    if (dict == Py_None)
        dict = NULL;
    if (dict != NULL && !PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "labels: must be a dict, not %R", Py_TYPE(dict));
        return -1;
    }
    for (int i = 0; i < EXT_LABEL_ARRAYS; i++)
        if (parse_array(state, dict, &arrays[i], spec->tasks, &labels->views[i],
                        &labels->held[i]) != 0)
            return -1;
    if (!same_length(state, labels))
        return -1;
    point(labels);
    return check_values(state, &labels->labels, spec) ? 0 : -1;
}

void ext_labels_clear(struct ext_labels *labels)
{
    for (int i = 0; i < EXT_LABEL_ARRAYS; i++)
        if (labels->held[i])
            PyBuffer_Release(&labels->views[i]);
    *labels = (struct ext_labels){0};
}

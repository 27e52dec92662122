/* The functions of vedatile.scores: arrays in, numbers out. */
#include <string.h>

#include "ext.h"
#include "feeding.h"

/* --- classification ----------------------------------------------------------------------- */

enum { TRUTH, TRUTHS, SCORES, PREDICTED, WEIGHTS, INPUTS };

/* The buffers of a call; those that were not given are NULL. */
struct inputs {
    Py_buffer views[INPUTS];
    const void *data[INPUTS];
    struct vdt_classification_input input;
};

static void release_inputs(struct inputs *inputs)
{
    for (int i = 0; i < INPUTS; i++)
        if (inputs->views[i].obj != NULL)
            PyBuffer_Release(&inputs->views[i]);
}

static int take_inputs(const struct ext_state *state, PyObject *const objects[INPUTS],
                       struct inputs *inputs)
{
    static const struct {
        const char *name;
        enum vdt_dtype dtype;
        int axes;
    } kinds[INPUTS] = {{"truth", VDT_INT32, 1},
                       {"truths", VDT_UINT8, 2},
                       {"scores", VDT_FLOAT64, 2},
                       {"predicted", VDT_INT32, 1},
                       {"weights", VDT_UINT32, 1}};
    const uint64_t shape[2] = {inputs->input.sample_count, inputs->input.class_count};
    for (int i = 0; i < INPUTS; i++) {
        if (objects[i] == Py_None)
            continue;
        if (ext_buffer(state, kinds[i].name, objects[i], kinds[i].dtype, kinds[i].axes, shape,
                       &inputs->views[i]) != 0) {
            inputs->views[i].obj = NULL;
            return -1;
        }
        /* An extent of 0 asks for any; here it means none. */
        if ((uint64_t)inputs->views[i].shape[0] != shape[0]) {
            ext_refuse(state, "%s: %llu samples are wanted", kinds[i].name,
                       (unsigned long long)shape[0]);
            return -1;
        }
        inputs->data[i] = inputs->views[i].buf;
    }
    return 0;
}

/* A new Array of one member of each class. */
static PyObject *class_column(const struct ext_state *state, const struct vdt_class_score *classes,
                              uint64_t count, size_t offset, int dtype)
{
    void *data;
    PyObject *array = ext_array_make(state, dtype, 1, &count, &data);
    for (uint64_t i = 0; array != NULL && i < count; i++)
        memcpy((char *)data + i * 8, (const char *)&classes[i] + offset, 8);
    return array;
}

static int put(PyObject *dict, const char *name, PyObject *value)
{
    const int done = value == NULL ? -1 : PyDict_SetItemString(dict, name, value);
    Py_XDECREF(value);
    return done;
}

static PyObject *class_columns(const struct ext_state *state, const struct vdt_class_score *classes,
                               uint64_t count)
{
#define COLUMN(member, dtype)                                    \
    {                                                            \
#member, offsetof(struct vdt_class_score, member), dtype \
    }
    static const struct {
        const char *name;
        size_t offset;
        int dtype;
    } columns[] = {COLUMN(truths, VDT_UINT64),
                   COLUMN(predictions, VDT_UINT64),
                   COLUMN(true_positives, VDT_UINT64),
                   COLUMN(false_positives, VDT_UINT64),
                   COLUMN(false_negatives, VDT_UINT64),
                   COLUMN(true_negatives, VDT_UINT64),
                   COLUMN(precision, VDT_FLOAT64),
                   COLUMN(recall, VDT_FLOAT64),
                   COLUMN(f1, VDT_FLOAT64),
                   COLUMN(roc_auc, VDT_FLOAT64),
                   COLUMN(average_precision, VDT_FLOAT64)};
#undef COLUMN
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < sizeof columns / sizeof columns[0]; i++)
        if (put(dict, columns[i].name,
                class_column(state, classes, count, columns[i].offset, columns[i].dtype)) != 0)
            Py_CLEAR(dict);
    return dict;
}

static PyObject *scores_dict(const struct vdt_classification_scores *scores)
{
    return Py_BuildValue(
        "{s:K,s:K,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d}", "samples",
        (unsigned long long)scores->samples, "unpredicted", (unsigned long long)scores->unpredicted,
        "accuracy", scores->accuracy, "precision", scores->precision, "recall", scores->recall,
        "f1", scores->f1, "weighted_f1", scores->weighted_f1, "micro_precision",
        scores->micro_precision, "micro_recall", scores->micro_recall, "micro_f1", scores->micro_f1,
        "roc_auc", scores->roc_auc, "average_precision", scores->average_precision, "ece",
        scores->ece, "mce", scores->mce, "brier", scores->brier);
}

/* The memory that a call fills, and the objects that own it. */
struct outputs {
    struct vdt_class_score *classes; /* PyMem */
    PyObject *confusion, *bins;
    uint64_t *confusion_data;
    struct vdt_calibration_bin *bins_data;
};

static int make_outputs(const struct ext_state *state, const struct vdt_classification_input *input,
                        struct outputs *outputs)
{
    const uint64_t cells[2] = {input->class_count, input->class_count + 1};
    const uint64_t bins[2] = {input->bin_count, 3};
    outputs->classes = PyMem_Calloc(input->class_count + 1, sizeof *outputs->classes);
    if (outputs->classes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    outputs->confusion =
        ext_array_make(state, VDT_UINT64, 2, cells, (void **)&outputs->confusion_data);
    if (outputs->confusion == NULL)
        return -1;
    /* A bin is three values of 8 bytes, of which the first is a count. */
    outputs->bins = ext_array_make(state, VDT_FLOAT64, 2, bins, (void **)&outputs->bins_data);
    return outputs->bins == NULL ? -1 : 0;
}

static PyObject *classification_result(const struct ext_state *state,
                                       const struct vdt_classification_input *input,
                                       const struct vdt_classification_scores *scores,
                                       struct outputs *outputs)
{
    for (uint32_t i = 0; i < input->bin_count; i++) {
        const double count = (double)outputs->bins_data[i].count;
        memcpy(&outputs->bins_data[i].count, &count, sizeof count);
    }
    PyObject *dict = scores_dict(scores);
    if (dict != NULL &&
        put(dict, "classes", class_columns(state, outputs->classes, input->class_count)) != 0)
        Py_CLEAR(dict);
    if (dict != NULL && (PyDict_SetItemString(dict, "bins", outputs->bins) != 0 ||
                         PyDict_SetItemString(dict, "confusion", outputs->confusion) != 0))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *classification(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct inputs inputs = {.input = {0}};
    struct outputs outputs = {0};
    struct vdt_classification_scores scores;
    struct vdt_error error = {.status = VDT_OK};
    PyObject *objects[INPUTS], *result = NULL;
    unsigned long long samples;
    unsigned classes, bins;
    double threshold;
    if (!PyArg_ParseTuple(args, "KIOOOOOdI", &samples, &classes, &objects[0], &objects[1],
                          &objects[2], &objects[3], &objects[4], &threshold, &bins))
        return NULL;
    inputs.input = (struct vdt_classification_input){.sample_count = samples,
                                                     .class_count = classes,
                                                     .threshold = threshold,
                                                     .bin_count = bins ? bins : 15};
    if (take_inputs(state, objects, &inputs) == 0 &&
        make_outputs(state, &inputs.input, &outputs) == 0) {
        inputs.input.truth = inputs.data[TRUTH];
        inputs.input.truths = inputs.data[TRUTHS];
        inputs.input.scores = inputs.data[SCORES];
        inputs.input.predicted = inputs.data[PREDICTED];
        inputs.input.weights = inputs.data[WEIGHTS];
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS status =
            vdt_classification_score(&inputs.input, &scores, outputs.classes,
                                     outputs.confusion_data, outputs.bins_data, &error);
        Py_END_ALLOW_THREADS result =
            status == VDT_OK ? classification_result(state, &inputs.input, &scores, &outputs)
                             : ext_raise(state, &error);
    }
    release_inputs(&inputs);
    PyMem_Free(outputs.classes);
    Py_XDECREF(outputs.confusion);
    Py_XDECREF(outputs.bins);
    return result;
}

/* --- pixels ------------------------------------------------------------------------------- */

static const char COUNTER[] = "vedatile.pixel_counter";

static void free_counter(PyObject *capsule)
{
    vdt_pixel_counter_free(PyCapsule_GetPointer(capsule, COUNTER));
}

static PyObject *pixel_counter(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_pixel_counter *counter;
    unsigned classes, bytes;
    if (!PyArg_ParseTuple(args, "II", &classes, &bytes))
        return NULL;
    if (vdt_pixel_counter_new(classes, bytes == 1 ? VDT_UINT8 : VDT_UINT16, &counter, &error) !=
        VDT_OK)
        return ext_raise(state, &error);
    return PyCapsule_New(counter, COUNTER, free_counter);
}

/* Two masks of any shape and perhaps what to leave out, all of as many pixels. */
struct masks {
    Py_buffer truth, predicted, skip;
    uint64_t pixels;
};

static void release_masks(struct masks *masks)
{
    Py_buffer *views[] = {&masks->truth, &masks->predicted, &masks->skip};
    for (int i = 0; i < 3; i++)
        if (views[i]->obj != NULL)
            PyBuffer_Release(views[i]);
}

static int take_mask(const struct ext_state *state, const char *name, PyObject *object,
                     enum vdt_dtype dtype, Py_buffer *view)
{
    if (ext_buffer(state, name, object, dtype, 0, NULL, view) == 0)
        return 0;
    view->obj = NULL;
    return -1;
}

static int take_masks(const struct ext_state *state, PyObject *truth, PyObject *predicted,
                      PyObject *skip, enum vdt_dtype dtype, struct masks *masks)
{
    *masks = (struct masks){.pixels = 0};
    if (take_mask(state, "truth", truth, dtype, &masks->truth) != 0 ||
        take_mask(state, "predicted", predicted, dtype, &masks->predicted) != 0 ||
        (skip != Py_None && take_mask(state, "skip", skip, VDT_UINT8, &masks->skip) != 0))
        return -1;
    masks->pixels = (uint64_t)masks->truth.len / vdt_dtype_size(dtype);
    if (masks->predicted.len != masks->truth.len ||
        (skip != Py_None && (uint64_t)masks->skip.len != masks->pixels)) {
        ext_refuse(state, "truth, predicted and skip: masks of as many pixels are wanted");
        return -1;
    }
    return 0;
}

static PyObject *pixel_counter_add(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    PyObject *capsule, *truth, *predicted, *skip, *result = NULL;
    struct masks masks = {.pixels = 0};
    unsigned bytes, threads;
    if (!PyArg_ParseTuple(args, "OIOOOI", &capsule, &bytes, &truth, &predicted, &skip, &threads))
        return NULL;
    struct vdt_pixel_counter *counter = PyCapsule_GetPointer(capsule, COUNTER);
    if (counter != NULL && take_masks(state, truth, predicted, skip,
                                      bytes == 1 ? VDT_UINT8 : VDT_UINT16, &masks) == 0) {
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS status =
            vdt_pixel_counter_add(counter, masks.truth.buf, masks.predicted.buf, masks.skip.buf,
                                  masks.pixels, threads, &error);
        Py_END_ALLOW_THREADS result =
            status == VDT_OK ? Py_NewRef(Py_None) : ext_raise(state, &error);
    }
    release_masks(&masks);
    return result;
}

static PyObject *pixel_counter_matrix(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    unsigned classes;
    void *data;
    if (!PyArg_ParseTuple(args, "OI", &capsule, &classes))
        return NULL;
    struct vdt_pixel_counter *counter = PyCapsule_GetPointer(capsule, COUNTER);
    if (counter == NULL)
        return NULL;
    const uint64_t shape[2] = {classes + 1, classes + 2};
    PyObject *array = ext_array_make(ext_module_state(module), VDT_UINT64, 2, shape, &data);
    if (array != NULL)
        memcpy(data, vdt_pixel_counter_matrix(counter), shape[0] * shape[1] * sizeof(uint64_t));
    return array;
}

static PyObject *segmentation_scores(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *object;
    Py_buffer view;
    unsigned classes;
    if (!PyArg_ParseTuple(args, "OI", &object, &classes))
        return NULL;
    const uint64_t shape[2] = {classes + 1, classes + 2};
    if (ext_buffer(state, "matrix", object, VDT_FLOAT64, 2, shape, &view) != 0)
        return NULL;
    enum { MEMBERS = sizeof(struct vdt_segment_score) / sizeof(double) };
    const uint64_t table[2] = {classes + 1, MEMBERS};
    void *values;
    PyObject *array = ext_array_make(state, VDT_FLOAT64, 2, table, &values);
    PyObject *result = NULL;
    if (array != NULL) {
        struct vdt_segmentation_scores scores;
        vdt_segmentation_score(view.buf, classes, &scores, values);
        result =
            Py_BuildValue("{s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:O}", "pixels", scores.pixels,
                          "accuracy", scores.accuracy, "mean_accuracy", scores.mean_accuracy,
                          "miou", scores.miou, "precision", scores.precision, "recall",
                          scores.recall, "f1", scores.f1, "miou_background", scores.miou_background,
                          "frequency_weighted_iou", scores.frequency_weighted_iou, "values", array);
    }
    Py_XDECREF(array);
    PyBuffer_Release(&view);
    return result;
}

/* --- boundaries --------------------------------------------------------------------------- */

static PyObject *boundary(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    unsigned bytes, distance;
    PyObject *object;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "OII", &object, &bytes, &distance))
        return NULL;
    const enum vdt_dtype dtype = bytes == 1 ? VDT_UINT8 : VDT_UINT16;
    const uint64_t any[2] = {0, 0};
    if (ext_buffer(state, "mask", object, dtype, 2, any, &view) != 0)
        return NULL;
    const uint64_t shape[2] = {(uint64_t)view.shape[0], (uint64_t)view.shape[1]};
    void *data;
    PyObject *array = ext_array_make(state, VDT_UINT8, 2, shape, &data);
    if (array != NULL && vdt_mask_boundary(view.buf, dtype, (uint32_t)shape[0], (uint32_t)shape[1],
                                           distance, data, &error) != VDT_OK) {
        Py_CLEAR(array);
        ext_raise(state, &error);
    }
    PyBuffer_Release(&view);
    return array;
}

static PyObject *boundary_add(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    unsigned bytes, classes, distance, rows, cols;
    PyObject *truth, *predicted, *skip, *result = NULL;
    struct masks masks = {.pixels = 0};
    if (!PyArg_ParseTuple(args, "OOOIIIII", &truth, &predicted, &skip, &bytes, &rows, &cols,
                          &classes, &distance))
        return NULL;
    const enum vdt_dtype dtype = bytes == 1 ? VDT_UINT8 : VDT_UINT16;
    const uint64_t shape[2] = {2, classes + 1};
    uint64_t *sums;
    PyObject *array = ext_array_make(state, VDT_UINT64, 2, shape, (void **)&sums);
    if (array != NULL && take_masks(state, truth, predicted, skip, dtype, &masks) == 0) {
        if (masks.pixels != (uint64_t)rows * cols)
            ext_refuse(state, "truth: %u x %u pixels are wanted", rows, cols);
        else if (vdt_boundary_add(masks.truth.buf, masks.predicted.buf, masks.skip.buf, dtype, rows,
                                  cols, classes, distance, sums, sums + classes + 1,
                                  &error) == VDT_OK)
            result = Py_NewRef(array);
        else
            ext_raise(state, &error);
    }
    release_masks(&masks);
    Py_XDECREF(array);
    return result;
}

/* --- bootstrap ---------------------------------------------------------------------------- */

static PyObject *bootstrap_weights(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    unsigned long long seed, replicate, count;
    PyObject *object;
    Py_buffer view = {.obj = NULL};
    unsigned clusters;
    if (!PyArg_ParseTuple(args, "KKKOI", &seed, &replicate, &count, &object, &clusters))
        return NULL;
    const uint64_t shape = count;
    if (object != Py_None &&
        ext_buffer(state, "cluster", object, VDT_UINT32, 1, &shape, &view) != 0)
        return NULL;
    void *data;
    PyObject *array = ext_array_make(state, VDT_UINT32, 1, &shape, &data);
    if (array != NULL &&
        vdt_bootstrap_weights(seed, replicate, count, view.buf, clusters, data, &error) != VDT_OK) {
        Py_CLEAR(array);
        ext_raise(state, &error);
    }
    if (view.obj != NULL)
        PyBuffer_Release(&view);
    return array;
}

static PyObject *bootstrap_interval(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_interval found;
    PyObject *object;
    double *values, level;
    size_t count;
    if (!PyArg_ParseTuple(args, "Od", &object, &level) ||
        ext_doubles(state, "values", object, &values, &count) != 0)
        return NULL;
    const vdt_status status = vdt_bootstrap_interval(values, count, level, &found, &error);
    PyMem_Free(values);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    return Py_BuildValue("{s:d,s:d,s:d,s:d,s:d,s:K}", "low", found.low, "high", found.high, "mean",
                         found.mean, "deviation", found.deviation, "above", found.above, "count",
                         (unsigned long long)found.count);
}

static PyObject *score_curve(PyObject *module, PyObject *args)
{
    const struct ext_state *state = ext_module_state(module);
    struct vdt_error error = {.status = VDT_OK};
    PyObject *truth_object, *scores_object, *result = NULL;
    Py_buffer truth, scores;
    if (!PyArg_ParseTuple(args, "OO", &truth_object, &scores_object))
        return NULL;
    const uint64_t any = 0;
    if (ext_buffer(state, "truth", truth_object, VDT_UINT8, 1, &any, &truth) != 0)
        return NULL;
    const uint64_t count = (uint64_t)truth.shape[0];
    if (ext_buffer(state, "scores", scores_object, VDT_FLOAT64, 1, &count, &scores) != 0) {
        PyBuffer_Release(&truth);
        return NULL;
    }
    struct vdt_curve_point *points = PyMem_Calloc(count + 1, sizeof *points);
    uint64_t made = 0, positives, negatives;
    if (points == NULL)
        PyErr_NoMemory();
    else if ((uint64_t)scores.shape[0] != count)
        ext_refuse(state, "scores: %llu are wanted", (unsigned long long)count);
    else if (vdt_score_curve(truth.buf, scores.buf, NULL, count, points, &made, &positives,
                             &negatives, &error) != VDT_OK)
        ext_raise(state, &error);
    else {
        const uint64_t shape[2] = {made, 3};
        double *data;
        PyObject *array = ext_array_make(state, VDT_FLOAT64, 2, shape, (void **)&data);
        for (uint64_t i = 0; array != NULL && i < made; i++) {
            data[3 * i] = points[i].threshold;
            data[3 * i + 1] = (double)points[i].true_positives;
            data[3 * i + 2] = (double)points[i].false_positives;
        }
        if (array != NULL)
            result = Py_BuildValue("NKK", array, (unsigned long long)positives,
                                   (unsigned long long)negatives);
    }
    PyMem_Free(points);
    PyBuffer_Release(&truth);
    PyBuffer_Release(&scores);
    return result;
}

int ext_add_scores(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"classification_score", classification, METH_VARARGS,
         "classification_score(samples, classes, truth, truths, scores, predicted, weights, "
         "threshold, bins, /)\n--\n\nSee vedatile.scores."},
        {"pixel_counter", pixel_counter, METH_VARARGS,
         "pixel_counter(classes, size, /)\n--\n\nSee vedatile.scores."},
        {"pixel_counter_add", pixel_counter_add, METH_VARARGS,
         "pixel_counter_add(counter, size, truth, predicted, skip, threads, /)\n--\n\nSee "
         "vedatile.scores."},
        {"pixel_counter_matrix", pixel_counter_matrix, METH_VARARGS,
         "pixel_counter_matrix(counter, classes, /)\n--\n\nSee vedatile.scores."},
        {"segmentation_scores", segmentation_scores, METH_VARARGS,
         "segmentation_scores(matrix, classes, /)\n--\n\nSee vedatile.scores."},
        {"mask_boundary", boundary, METH_VARARGS,
         "mask_boundary(mask, size, distance, /)\n--\n\nSee vedatile.scores."},
        {"boundary_add", boundary_add, METH_VARARGS,
         "boundary_add(truth, predicted, skip, size, rows, cols, classes, distance, /)\n--\n\nSee "
         "vedatile.scores."},
        {"bootstrap_weights", bootstrap_weights, METH_VARARGS,
         "bootstrap_weights(seed, replicate, count, cluster, clusters, /)\n--\n\nSee "
         "vedatile.scores."},
        {"bootstrap_interval", bootstrap_interval, METH_VARARGS,
         "bootstrap_interval(values, level, /)\n--\n\nSee vedatile.scores."},
        {"score_curve", score_curve, METH_VARARGS,
         "score_curve(truth, scores, /)\n--\n\nSee vedatile.scores."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

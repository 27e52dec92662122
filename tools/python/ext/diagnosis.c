/* The functions of vedatile.detection that say what went wrong. */
#include <string.h>
#include <vedatile/diagnosis.h>

#include "columns.h"
#include "ext.h"
#include "feeding.h"

static const char name_of_capsule[] = "vedatile.diagnosis";

static void free_diagnosis(PyObject *capsule)
{
    vdt_diagnosis_free(PyCapsule_GetPointer(capsule, name_of_capsule));
}

static const struct vdt_diagnosis *diagnosis_of(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, name_of_capsule);
}

static size_t category_of(Py_ssize_t category)
{
    return category < 0 ? VDT_EVERY : (size_t)category;
}

static PyObject *diagnose(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule, *truth_dict, *detection_dict, *result = NULL;
    struct vdt_diagnosis_options options = {0};
    Py_ssize_t threshold;
    if (!PyArg_ParseTuple(arguments, "OO!O!ndd:detection_diagnose", &capsule, &PyDict_Type,
                          &truth_dict, &PyDict_Type, &detection_dict, &threshold,
                          &options.background, &options.score))
        return NULL;
    const struct vdt_matches *matches = ext_matches(capsule);
    if (matches == NULL)
        return NULL;
    options.threshold = (size_t)threshold;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_diagnosis *diagnosis = NULL;
    struct ext_columns truths = {.held = 0}, detections = {.held = 0};
    if (ext_columns_take(state, truth_dict, &truths) == 0 &&
        ext_columns_take(state, detection_dict, &detections) == 0) {
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS;
        status = vdt_diagnose(matches, &truths.objects, &detections.objects, &options, &diagnosis,
                              &error);
        Py_END_ALLOW_THREADS;
        if (status != VDT_OK)
            ext_raise(state, &error);
        else if ((result = PyCapsule_New(diagnosis, name_of_capsule, free_diagnosis)) == NULL)
            vdt_diagnosis_free(diagnosis);
    }
    ext_columns_release(&truths);
    ext_columns_release(&detections);
    return result;
}

static int put(PyObject *dict, const char *name, PyObject *value)
{
    int done = value == NULL ? -1 : PyDict_SetItemString(dict, name, value);
    Py_XDECREF(value);
    return done;
}

/* --- arrays ------------------------------------------------------------------------------- */

static int put_detections(const struct ext_state *state, const struct vdt_diagnosis *diagnosis,
                          PyObject *dict, uint64_t count)
{
    void *finding, *truth, *iou;
    if (put(dict, "finding", ext_array_make(state, VDT_UINT8, 1, &count, &finding)) != 0 ||
        put(dict, "truth", ext_array_make(state, VDT_UINT32, 1, &count, &truth)) != 0 ||
        put(dict, "iou", ext_array_make(state, VDT_FLOAT64, 1, &count, &iou)) != 0)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        ((uint8_t *)finding)[i] = (uint8_t)vdt_diagnosis_detection(
            diagnosis, i, (uint32_t *)truth + i, (double *)iou + i);
    return 0;
}

static int put_truths(const struct ext_state *state, const struct vdt_diagnosis *diagnosis,
                      PyObject *dict, uint64_t count)
{
    void *data;
    if (put(dict, "truth_state", ext_array_make(state, VDT_UINT8, 1, &count, &data)) != 0)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        ((uint8_t *)data)[i] = (uint8_t)vdt_diagnosis_truth(diagnosis, i);
    uint32_t categories;
    const uint64_t *confusion = vdt_diagnosis_confusion(diagnosis, &categories);
    const uint64_t shape[2] = {(uint64_t)categories + 1, (uint64_t)categories + 1};
    if (put(dict, "confusion", ext_array_make(state, VDT_UINT64, 2, shape, &data)) != 0)
        return -1;
    memcpy(data, confusion, (size_t)(shape[0] * shape[1]) * sizeof *confusion);
    return 0;
}

static PyObject *tide_of(const struct vdt_diagnosis *diagnosis)
{
    struct vdt_tide tide;
    vdt_diagnosis_tide(diagnosis, &tide);
    PyObject *dict =
        Py_BuildValue("{s:d,s:d,s:d,s:d,s:K}", "ap", tide.ap, "missed", tide.gain_missed,
                      "false positives", tide.gain_false_positives, "false negatives",
                      tide.gain_false_negatives, "missed count", (unsigned long long)tide.missed);
    for (int i = VDT_FINDING_LOCALISATION; dict != NULL && i < VDT_FINDINGS; i++) {
        const char *name = vdt_finding_name((enum vdt_finding)i);
        char counted[64];
        PyOS_snprintf(counted, sizeof counted, "%s count", name);
        if (put(dict, name, PyFloat_FromDouble(tide.gain[i])) != 0 ||
            put(dict, counted, PyLong_FromUnsignedLongLong(tide.count[i])) != 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *arrays(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule;
    unsigned long long detections, truths;
    if (!PyArg_ParseTuple(arguments, "OKK:diagnosis_arrays", &capsule, &detections, &truths))
        return NULL;
    const struct vdt_diagnosis *diagnosis = diagnosis_of(capsule);
    PyObject *dict = diagnosis == NULL ? NULL : PyDict_New();
    if (dict != NULL && (put_detections(state, diagnosis, dict, detections) != 0 ||
                         put_truths(state, diagnosis, dict, truths) != 0 ||
                         put(dict, "tide", tide_of(diagnosis)) != 0))
        Py_CLEAR(dict);
    return dict;
}

/* --- by score ----------------------------------------------------------------------------- */

static PyObject *point_of(const struct vdt_score_point *point)
{
    return Py_BuildValue("{s:d,s:K,s:K,s:K,s:d,s:d,s:d}", "score", point->score, "true_positives",
                         (unsigned long long)point->true_positives, "false_positives",
                         (unsigned long long)point->false_positives, "false_negatives",
                         (unsigned long long)point->false_negatives, "precision", point->precision,
                         "recall", point->recall, "f1", point->f1);
}

static PyObject *points(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule, *value, *list = NULL;
    Py_ssize_t category;
    double *scores = NULL;
    size_t count = 0;
    if (!PyArg_ParseTuple(arguments, "OnO:diagnosis_points", &capsule, &category, &value))
        return NULL;
    const struct vdt_diagnosis *diagnosis = diagnosis_of(capsule);
    if (diagnosis == NULL || ext_doubles(state, "scores", value, &scores, &count) != 0)
        return NULL;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_score_point *made = PyMem_Calloc(count + 1, sizeof *made);
    if (made == NULL)
        PyErr_NoMemory();
    else if (vdt_diagnosis_points(diagnosis, category_of(category), scores, count, made, &error) !=
             VDT_OK)
        ext_raise(state, &error);
    else
        list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *point = point_of(&made[i]);
        if (point == NULL || PyList_SetItem(list, (Py_ssize_t)i, point) != 0)
            Py_CLEAR(list);
    }
    PyMem_Free(made);
    PyMem_Free(scores);
    return list;
}

static PyObject *best(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule;
    Py_ssize_t category;
    if (!PyArg_ParseTuple(arguments, "On:diagnosis_best", &capsule, &category))
        return NULL;
    const struct vdt_diagnosis *diagnosis = diagnosis_of(capsule);
    if (diagnosis == NULL)
        return NULL;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_score_point point;
    vdt_status status = vdt_diagnosis_best(diagnosis, category_of(category), &point, &error);
    if (status == VDT_END)
        Py_RETURN_NONE;
    return status == VDT_OK ? point_of(&point) : ext_raise(state, &error);
}

static PyObject *histogram(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule;
    Py_ssize_t category;
    double low, high;
    unsigned long long bins;
    if (!PyArg_ParseTuple(arguments, "OnddK:diagnosis_histogram", &capsule, &category, &low, &high,
                          &bins))
        return NULL;
    const struct vdt_diagnosis *diagnosis = diagnosis_of(capsule);
    if (diagnosis == NULL)
        return NULL;
    if (bins == 0 || bins > 1 << 20 || !(low < high))
        return ext_refuse(state, "histogram: 1 to 2^20 bins, and a range that rises are wanted");
    const uint64_t shape[1] = {bins};
    void *found_data = NULL, *wrong_data = NULL;
    PyObject *found = ext_array_make(state, VDT_UINT64, 1, shape, &found_data), *both = NULL;
    PyObject *wrong =
        found == NULL ? NULL : ext_array_make(state, VDT_UINT64, 1, shape, &wrong_data);
    if (wrong != NULL) {
        vdt_diagnosis_histogram(diagnosis, category_of(category), low, high, (size_t)bins,
                                found_data, wrong_data);
        both = PyTuple_Pack(2, found, wrong);
    }
    Py_XDECREF(found);
    Py_XDECREF(wrong);
    return both;
}

static PyMethodDef functions[] = {
    {"detection_diagnose", diagnose, METH_VARARGS,
     "detection_diagnose(matches, truths, detections, threshold, background, score, /)\n--\n\nSee "
     "vedatile.detection."},
    {"diagnosis_arrays", arrays, METH_VARARGS,
     "diagnosis_arrays(diagnosis, detections, truths, /)\n--\n\nSee vedatile.detection."},
    {"diagnosis_points", points, METH_VARARGS,
     "diagnosis_points(diagnosis, category, scores, /)\n--\n\nSee vedatile.detection."},
    {"diagnosis_best", best, METH_VARARGS,
     "diagnosis_best(diagnosis, category, /)\n--\n\nSee vedatile.detection."},
    {"diagnosis_histogram", histogram, METH_VARARGS,
     "diagnosis_histogram(diagnosis, category, low, high, bins, /)\n--\n\nSee vedatile.detection."},
    {NULL, NULL, 0, NULL}};

int ext_add_diagnosis(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

/* The functions of vedatile.detection: columns in, a table of matches and scores out. */
#include <string.h>

#include "columns.h"
#include "ext.h"
#include "feeding.h"

static const char matches_name[] = "vedatile.matches", scores_name[] = "vedatile.scores";

/* --- columns ------------------------------------------------------------------------------ */

enum { COLUMNS = EXT_OBJECT_COLUMNS };

void ext_columns_release(struct ext_columns *columns)
{
    while (columns->held > 0)
        PyBuffer_Release(&columns->views[--columns->held]);
    vdt_masks_free(columns->masks);
}

/* The memory of an array of the dict: [any] or [any][width] of `dtype`, its length in *count. 1:
 * there is one; 0: None or missing; -1. */
static int take(const struct ext_state *state, PyObject *dict, const char *name,
                enum vdt_dtype dtype, uint64_t width, struct ext_columns *columns,
                const void **data, uint64_t *count)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    const uint64_t shape[2] = {0, width};
    if (value == NULL || value == Py_None)
        return 0;
    Py_buffer *view = &columns->views[columns->held];
    if (ext_buffer(state, name, value, dtype, width > 1 ? 2 : 1, shape, view) != 0)
        return -1;
    columns->held++;
    *data = view->buf;
    *count = (uint64_t)view->shape[0];
    return 1;
}

/* An array of so many values, or of any number where *count is UINT64_MAX. */
static int take_many(const struct ext_state *state, PyObject *dict, const char *name,
                     enum vdt_dtype dtype, uint64_t width, struct ext_columns *columns,
                     const void **data, uint64_t *count)
{
    uint64_t here = 0;
    int found = take(state, dict, name, dtype, width, columns, data, &here);
    if (found <= 0)
        return found;
    if (*count != UINT64_MAX && here != *count) {
        ext_refuse(state, "%s: %llu values; the columns before it have %llu", name,
                   (unsigned long long)here, (unsigned long long)*count);
        return -1;
    }
    *count = here;
    return 1;
}

static int refuse_missing(const struct ext_state *state, const char *name)
{
    ext_refuse(state, "%s: the array is missing", name);
    return -1;
}

/* Offsets that begin with 0 and do not fall; the last is the length of what they lead to. */
static int take_offsets(const struct ext_state *state, PyObject *dict, const char *name,
                        uint64_t count, uint64_t length, struct ext_columns *columns,
                        const uint64_t **offsets)
{
    const void *data = NULL;
    uint64_t here = 0;
    int found = take(state, dict, name, VDT_UINT64, 1, columns, &data, &here);
    if (found < 0)
        return -1;
    if (found == 0)
        return refuse_missing(state, name);
    *offsets = data;
    bool good = here == count + 1 && (*offsets)[0] == 0 && (*offsets)[count] == length;
    for (uint64_t i = 0; good && i < count; i++)
        good = (*offsets)[i] <= (*offsets)[i + 1];
    if (!good) {
        ext_refuse(state, "%s: must be %llu numbers that rise from 0 to %llu", name,
                   (unsigned long long)count + 1, (unsigned long long)length);
        return -1;
    }
    return 0;
}

static int take_rle(const struct ext_state *state, PyObject *dict, struct ext_columns *columns)
{
    struct vdt_shapes *shapes = &columns->shapes;
    const void *counts = NULL, *size = NULL;
    uint64_t runs = 0;
    shapes->kind = VDT_SHAPE_RLE;
    shapes->count = UINT64_MAX;
    int found = take_many(state, dict, "size", VDT_UINT32, 2, columns, &size, &shapes->count);
    if (found <= 0)
        return found < 0 ? -1 : refuse_missing(state, "size");
    found = take(state, dict, "counts", VDT_UINT32, 1, columns, &counts, &runs);
    if (found <= 0)
        return found < 0 ? -1 : refuse_missing(state, "counts");
    shapes->size = size;
    shapes->counts = counts;
    return take_offsets(state, dict, "count_offsets", shapes->count, runs, columns,
                        &shapes->count_offsets);
}

/* Offsets of rings lead to points, those of parts to rings, those of shapes to parts. */
static int take_polygons(const struct ext_state *state, PyObject *dict, struct ext_columns *columns)
{
    static const char *const names[] = {"ring_offsets", "part_offsets", "shape_offsets"};
    struct vdt_shapes *shapes = &columns->shapes;
    const uint64_t **const places[] = {&shapes->ring_offsets, &shapes->part_offsets,
                                       &shapes->shape_offsets};
    const void *points = NULL;
    uint64_t length = 0;
    int found = take(state, dict, "points", VDT_FLOAT64, 2, columns, &points, &length);
    if (found <= 0)
        return found < 0 ? -1 : refuse_missing(state, "points");
    shapes->kind = VDT_SHAPE_POLYGON;
    shapes->points = points;
    for (int i = 0; i < 3; i++) {
        PyObject *value = PyDict_GetItemString(dict, names[i]);
        Py_ssize_t size = value == NULL ? -1 : PyObject_Size(value);
        if (value == NULL)
            return refuse_missing(state, names[i]);
        if (size < 0)
            return -1;
        uint64_t count = size == 0 ? 0 : (uint64_t)size - 1;
        if (take_offsets(state, dict, names[i], count, length, columns, places[i]) != 0)
            return -1;
        length = count;
    }
    shapes->count = length;
    return 0;
}

static int take_rotated(const struct ext_state *state, PyObject *dict, struct ext_columns *columns)
{
    const void *data = NULL;
    columns->shapes.kind = VDT_SHAPE_ROTATED;
    columns->shapes.count = UINT64_MAX;
    int found =
        take_many(state, dict, "rotated", VDT_FLOAT64, 5, columns, &data, &columns->shapes.count);
    columns->shapes.rotated = data;
    return found < 0 ? -1 : found == 0 ? refuse_missing(state, "rotated") : 0;
}

static int take_shapes(const struct ext_state *state, PyObject *dict, struct ext_columns *columns)
{
    PyObject *shapes = PyDict_GetItemString(dict, "shapes");
    if (shapes == NULL || shapes == Py_None)
        return 0;
    if (PyList_Check(shapes)) {
        if ((columns->masks = ext_masks(state, shapes)) == NULL)
            return -1;
        columns->objects.shapes = vdt_masks_shapes(columns->masks);
        return 0;
    }
    if (!PyDict_Check(shapes)) {
        PyErr_Format(PyExc_TypeError,
                     "shapes: must be a dict of columns or a list of masks, not %R",
                     Py_TYPE(shapes));
        return -1;
    }
    columns->objects.shapes = &columns->shapes;
    if (PyDict_GetItemString(shapes, "counts") != NULL)
        return take_rle(state, shapes, columns);
    if (PyDict_GetItemString(shapes, "points") != NULL)
        return take_polygons(state, shapes, columns);
    return take_rotated(state, shapes, columns);
}

int ext_columns_take(const struct ext_state *state, PyObject *dict, struct ext_columns *columns)
{
    struct vdt_objects *objects = &columns->objects;
    const void *data[COLUMNS] = {NULL};
    static const struct {
        const char *name;
        enum vdt_dtype dtype;
        uint64_t width;
    } kinds[COLUMNS] = {{"image", VDT_UINT32, 1},  {"category", VDT_UINT32, 1},
                        {"score", VDT_FLOAT64, 1}, {"box", VDT_FLOAT64, 4},
                        {"area", VDT_FLOAT64, 1},  {"crowd", VDT_UINT8, 1},
                        {"ignore", VDT_UINT8, 1}};
    objects->count = UINT64_MAX;
    for (int i = 0; i < COLUMNS; i++)
        if (take_many(state, dict, kinds[i].name, kinds[i].dtype, kinds[i].width, columns, &data[i],
                      &objects->count) < 0)
            return -1;
    if (objects->count == UINT64_MAX)
        return refuse_missing(state, "image");
    objects->image = data[0];
    objects->category = data[1];
    objects->score = data[2];
    objects->box = data[3];
    objects->area = data[4];
    objects->crowd = data[5];
    objects->ignore = data[6];
    return take_shapes(state, dict, columns);
}

/* --- options ------------------------------------------------------------------------------ */

static const struct ext_word protocols[] = {
    {"coco", VDT_PROTOCOL_COCO},   {"valor", VDT_PROTOCOL_VALOR}, {"voc07", VDT_PROTOCOL_VOC07},
    {"voc12", VDT_PROTOCOL_VOC12}, {"dota", VDT_PROTOCOL_DOTA},   {NULL, 0}};

#define AT(member) offsetof(struct vdt_detection_options, member)
static const struct ext_option plain_options[] = {
    {"image_count", EXT_U32, AT(image_count), NULL},
    {"category_count", EXT_U32, AT(category_count), NULL},
    {"class_agnostic", EXT_BOOL, AT(class_agnostic), NULL},
    {"protocol", EXT_WORD, AT(protocol), protocols},
    {"keep_ids", EXT_BOOL, AT(keep_ids), NULL},
    {"coco_ignores_ignore", EXT_BOOL, AT(coco_ignores_ignore), NULL},
    {"federated", EXT_BOOL, AT(federated), NULL},
    {"max_per_image", EXT_U32, AT(max_per_image), NULL},
    {"threads", EXT_U32, AT(threads), NULL},
    {0}};
static const char *const list_options[] = {
    "iou_thresholds", "recall_thresholds", "area_ranges", "max_detections",
    "not_exhaustive", "negative",          NULL};

/* Lists of options, in arrays. */
static int take_lists(const struct ext_state *state, PyObject *dict, struct ext_columns *columns,
                      struct vdt_detection_options *options)
{
    const void *data[6] = {NULL};
    uint64_t counts[6] = {0};
    static const enum vdt_dtype dtypes[6] = {VDT_FLOAT64, VDT_FLOAT64, VDT_FLOAT64,
                                             VDT_UINT32,  VDT_UINT32,  VDT_UINT32};
    static const uint64_t widths[6] = {1, 1, 2, 1, 2, 2};
    for (int i = 0; i < 6; i++)
        if (take(state, dict, list_options[i], dtypes[i], widths[i], columns, &data[i],
                 &counts[i]) < 0)
            return -1;
    options->iou_thresholds = data[0];
    options->iou_threshold_count = (size_t)counts[0];
    options->recall_thresholds = data[1];
    options->recall_threshold_count = (size_t)counts[1];
    options->area_ranges = data[2];
    options->area_range_count = (size_t)counts[2];
    options->max_detections = data[3];
    options->max_detection_count = (size_t)counts[3];
    options->not_exhaustive = data[4];
    options->not_exhaustive_count = (size_t)counts[4];
    options->negative = data[5];
    options->negative_count = (size_t)counts[5];
    return 0;
}

/* --- matching ----------------------------------------------------------------------------- */

static void free_matches(PyObject *capsule)
{
    vdt_matches_free(PyCapsule_GetPointer(capsule, matches_name));
}

const struct vdt_matches *ext_matches(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, matches_name);
}

static PyObject *match(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *truth_dict, *detection_dict, *option_dict, *result = NULL;
    if (!PyArg_ParseTuple(arguments, "O!O!O!:detection_match", &PyDict_Type, &truth_dict,
                          &PyDict_Type, &detection_dict, &PyDict_Type, &option_dict))
        return NULL;
    struct vdt_detection_options options = {0};
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_matches *matches = NULL;
    struct ext_columns truths = {.held = 0}, detections = {.held = 0}, lists = {.held = 0};
    if (ext_known(option_dict, plain_options, list_options, "detection_match") == 0 &&
        ext_parse(state, option_dict, plain_options, &options) == 0 &&
        take_lists(state, option_dict, &lists, &options) == 0 &&
        ext_columns_take(state, truth_dict, &truths) == 0 &&
        ext_columns_take(state, detection_dict, &detections) == 0) {
        vdt_status status;
        Py_BEGIN_ALLOW_THREADS;
        status =
            vdt_detection_match(&options, &truths.objects, &detections.objects, &matches, &error);
        Py_END_ALLOW_THREADS;
        if (status != VDT_OK)
            ext_raise(state, &error);
        else if ((result = PyCapsule_New(matches, matches_name, free_matches)) == NULL)
            vdt_matches_free(matches);
    }
    ext_columns_release(&lists);
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

/* What became of each detection at every threshold, in one range of areas; rows are detections. */
static int fill_range(const struct ext_state *state, const struct vdt_matches *matches,
                      PyObject *dict, uint64_t detections, uint64_t truths, uint64_t thresholds,
                      uint64_t area)
{
    const uint64_t shape[2] = {thresholds, detections}, truth_shape[2] = {thresholds, truths};
    uint8_t *outcome, *truth_outcome;
    uint32_t *matched, *matched_by;
    if (put(dict, "outcome", ext_array_make(state, VDT_UINT8, 2, shape, (void **)&outcome)) != 0 ||
        put(dict, "matched", ext_array_make(state, VDT_UINT32, 2, shape, (void **)&matched)) != 0 ||
        put(dict, "truth_outcome",
            ext_array_make(state, VDT_UINT8, 2, truth_shape, (void **)&truth_outcome)) != 0 ||
        put(dict, "truth_matched",
            ext_array_make(state, VDT_UINT32, 2, truth_shape, (void **)&matched_by)) != 0)
        return -1;
    for (uint64_t t = 0; t < thresholds; t++) {
        for (uint64_t i = 0; i < detections; i++)
            outcome[t * detections + i] = (uint8_t)vdt_detection_outcome(
                matches, i, (size_t)t, (size_t)area, &matched[t * detections + i]);
        for (uint64_t i = 0; i < truths; i++)
            truth_outcome[t * truths + i] = (uint8_t)vdt_detection_missed(
                matches, i, (size_t)t, (size_t)area, &matched_by[t * truths + i]);
    }
    return 0;
}

static PyObject *outcomes(PyObject *module, PyObject *arguments)
{
    PyObject *capsule;
    unsigned long long detections, truths, thresholds, area;
    if (!PyArg_ParseTuple(arguments, "OKKKK:detection_outcomes", &capsule, &detections, &truths,
                          &thresholds, &area))
        return NULL;
    const struct vdt_matches *matches = PyCapsule_GetPointer(capsule, matches_name);
    PyObject *dict = matches == NULL ? NULL : PyDict_New();
    if (dict != NULL && fill_range(ext_module_state(module), matches, dict, detections, truths,
                                   thresholds, area) != 0)
        Py_CLEAR(dict);
    return dict;
}

/* --- scores ------------------------------------------------------------------------------- */

static void free_scores(PyObject *capsule)
{
    vdt_detection_scores_free(PyCapsule_GetPointer(capsule, scores_name));
}

static PyObject *accumulate(PyObject *module, PyObject *arguments)
{
    const struct ext_state *state = ext_module_state(module);
    PyObject *capsule, *weights;
    unsigned long long images;
    if (!PyArg_ParseTuple(arguments, "OOK:detection_accumulate", &capsule, &weights, &images))
        return NULL;
    const struct vdt_matches *matches = PyCapsule_GetPointer(capsule, matches_name);
    if (matches == NULL)
        return NULL;
    Py_buffer view = {.obj = NULL};
    const uint64_t shape[1] = {images};
    if (weights != Py_None &&
        ext_buffer(state, "weights", weights, VDT_UINT32, 1, shape, &view) != 0)
        return NULL;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_detection_scores *scores = NULL;
    vdt_status status;
    Py_BEGIN_ALLOW_THREADS;
    status =
        vdt_detection_accumulate(matches, weights == Py_None ? NULL : view.buf, &scores, &error);
    Py_END_ALLOW_THREADS;
    if (weights != Py_None)
        PyBuffer_Release(&view);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *result = PyCapsule_New(scores, scores_name, free_scores);
    if (result == NULL)
        vdt_detection_scores_free(scores);
    return result;
}

static PyObject *categories_of(const struct vdt_detection_scores *scores, size_t count)
{
    PyObject *list = PyList_New(0);
    struct vdt_detection_category one;
    for (size_t k = 0; list != NULL && k < count && vdt_detection_category(scores, k, &one); k++) {
        PyObject *item = Py_BuildValue(
            "{s:d,s:d,s:d,s:d,s:d,s:d,s:d,s:K,s:K}", "ap", one.ap, "ap50", one.ap50, "ap75",
            one.ap75, "ap_small", one.ap_small, "ap_medium", one.ap_medium, "ap_large",
            one.ap_large, "ar", one.ar, "ground_truths", (unsigned long long)one.ground_truths,
            "detections", (unsigned long long)one.detections);
        if (item == NULL || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* An array over the memory of the scores, which it keeps. */
static PyObject *view_of(const struct ext_state *state, PyObject *capsule, const double *values,
                         int axes, const uint64_t *shape)
{
    return ext_array_new(state, capsule, (void *)(uintptr_t)values, VDT_FLOAT64, axes, shape);
}

static PyObject *stats_of(const struct ext_state *state, const struct vdt_detection_scores *scores)
{
    const uint64_t twelve = 12;
    void *data;
    PyObject *array = ext_array_make(state, VDT_FLOAT64, 1, &twelve, &data);
    if (array != NULL)
        vdt_detection_stats(scores, data);
    return array;
}

static PyObject *arrays(PyObject *module, PyObject *capsule)
{
    const struct ext_state *state = ext_module_state(module);
    const struct vdt_detection_scores *scores = PyCapsule_GetPointer(capsule, scores_name);
    if (scores == NULL)
        return NULL;
    struct vdt_detection_shape shape = vdt_detection_shape(scores);
    const uint64_t five[5] = {shape.thresholds, shape.recalls, shape.categories, shape.areas,
                              shape.max_detections};
    const uint64_t four[4] = {shape.thresholds, shape.categories, shape.areas,
                              shape.max_detections};
    PyObject *dict = PyDict_New();
    if (dict != NULL &&
        (put(dict, "precision",
             view_of(state, capsule, vdt_detection_precision(scores), 5, five)) != 0 ||
         put(dict, "scores", view_of(state, capsule, vdt_detection_score_at(scores), 5, five)) !=
             0 ||
         put(dict, "recall", view_of(state, capsule, vdt_detection_recall(scores), 4, four)) != 0 ||
         put(dict, "stats", stats_of(state, scores)) != 0 ||
         put(dict, "categories", categories_of(scores, shape.categories)) != 0))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *mean(PyObject *module, PyObject *arguments)
{
    PyObject *capsule, *categories;
    int recall;
    Py_ssize_t threshold, area, limit;
    if (!PyArg_ParseTuple(arguments, "OpnnnO:detection_mean", &capsule, &recall, &threshold, &area,
                          &limit, &categories))
        return NULL;
    const struct vdt_detection_scores *scores = PyCapsule_GetPointer(capsule, scores_name);
    if (scores == NULL)
        return NULL;
    Py_buffer view = {.obj = NULL};
    const uint64_t shape[1] = {vdt_detection_shape(scores).categories};
    if (categories != Py_None && ext_buffer(ext_module_state(module), "categories", categories,
                                            VDT_UINT8, 1, shape, &view) != 0)
        return NULL;
    const struct vdt_detection_mean which = {.recall = recall != 0,
                                             .threshold =
                                                 threshold < 0 ? VDT_EVERY : (size_t)threshold,
                                             .area = (size_t)area,
                                             .max_detection = limit < 0 ? VDT_EVERY : (size_t)limit,
                                             .categories = categories == Py_None ? NULL : view.buf};
    double value = vdt_detection_mean(scores, &which);
    if (categories != Py_None)
        PyBuffer_Release(&view);
    return PyFloat_FromDouble(value);
}

static PyMethodDef functions[] = {
    {"detection_match", match, METH_VARARGS,
     "detection_match(truths, detections, options, /)\n--\n\nSee vedatile.detection."},
    {"detection_outcomes", outcomes, METH_VARARGS,
     "detection_outcomes(matches, detections, truths, thresholds, area, /)\n--\n\nSee "
     "vedatile.detection."},
    {"detection_accumulate", accumulate, METH_VARARGS,
     "detection_accumulate(matches, weights, images, /)\n--\n\nSee vedatile.detection."},
    {"detection_arrays", arrays, METH_O,
     "detection_arrays(scores, /)\n--\n\nSee vedatile.detection."},
    {"detection_mean", mean, METH_VARARGS,
     "detection_mean(scores, recall, threshold, area, max_detection, categories, /)\n--\n\nSee "
     "vedatile.detection."},
    {NULL, NULL, 0, NULL}};

int ext_add_detection(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

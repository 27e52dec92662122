#include "options.h"

#include <stddef.h>

static const struct ext_word orders[] = {{"sequential", VDT_SEQUENTIAL}, {"shuffled", VDT_SHUFFLED},
                                         {"windowed", VDT_WINDOWED},     {"weighted", VDT_WEIGHTED},
                                         {"balanced", VDT_BALANCED},     {NULL, 0}};
static const struct ext_word tails[] = {
    {"short", VDT_TAIL_SHORT}, {"drop", VDT_TAIL_DROP}, {"pad", VDT_TAIL_PAD}, {NULL, 0}};
static const struct ext_word verifies[] = {{"first", VDT_VERIFY_FIRST},
                                           {"always", VDT_VERIFY_ALWAYS},
                                           {"never", VDT_VERIFY_NEVER},
                                           {NULL, 0}};
static const struct ext_word damages[] = {
    {"fail", VDT_DAMAGE_FAIL}, {"skip", VDT_DAMAGE_SKIP}, {NULL, 0}};
static const struct ext_word augments[] = {
    {"flip_cols", VDT_FLIP_COLS}, {"flip_rows", VDT_FLIP_ROWS}, {"rotate", VDT_ROTATE}, {NULL, 0}};
static const struct ext_word axes[] = {{"chw", VDT_AXES_CHW}, {"hwc", VDT_AXES_HWC}, {NULL, 0}};

#define AT(member) offsetof(struct vdt_loader_options, member)

static const struct ext_option table[] = {{"batch_size", EXT_U32, AT(batch_size), NULL},
                                          {"threads", EXT_U32, AT(threads), NULL},
                                          {"prefetch", EXT_U32, AT(prefetch), NULL},
                                          {"order", EXT_WORD, AT(order), orders},
                                          {"window", EXT_U64, AT(window), NULL},
                                          {"epoch_samples", EXT_U64, AT(epoch_samples), NULL},
                                          {"rank", EXT_U32, AT(rank), NULL},
                                          {"world", EXT_U32, AT(world), NULL},
                                          {"tail", EXT_WORD, AT(tail), tails},
                                          {"seed", EXT_U64, AT(seed), NULL},
                                          {"epoch", EXT_U64, AT(epoch), NULL},
                                          {"tasks", EXT_FLAGS, AT(tasks), ext_tasks},
                                          {"box_pad", EXT_U32, AT(box_pad), NULL},
                                          {"augment", EXT_FLAGS, AT(transform.augment), augments},
                                          {"dtype", EXT_WORD, AT(transform.dtype), ext_dtypes},
                                          {"axes", EXT_WORD, AT(transform.axes), axes},
                                          {"scale", EXT_DOUBLE, AT(transform.scale), NULL},
                                          {"verify", EXT_WORD, AT(verify), verifies},
                                          {"on_damage", EXT_WORD, AT(on_damage), damages},
                                          {"pin", EXT_BOOL, AT(pin), NULL},
                                          {"map", EXT_BOOL, AT(map), NULL},
                                          {NULL, EXT_BOOL, 0, NULL}};

static const struct ext_option state_table[] = {
    {"seed", EXT_U64, offsetof(struct vdt_loader_state, seed), NULL},
    {"epoch", EXT_U64, offsetof(struct vdt_loader_state, epoch), NULL},
    {"position", EXT_U64, offsetof(struct vdt_loader_state, position), NULL},
    {"samples", EXT_U64, offsetof(struct vdt_loader_state, samples), NULL},
    {NULL, EXT_BOOL, 0, NULL}};

static const char *const others[] = {"weights", "bands",  "crop", "random_crop", "mean",
                                     "std",     "resume", "cuda", NULL};

/* 1: *value is the option, borrowed; 0: it is not given. */
static int given(PyObject *keywords, const char *name, PyObject **value)
{
    *value = keywords == NULL ? NULL : PyDict_GetItemString(keywords, name);
    return *value != NULL && *value != Py_None;
}

static int parse_bands(const struct ext_state *state, PyObject *value, struct ext_options *options)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    if (ext_indices(state, "bands", value, &numbers, &count) != 0)
        return -1;
    options->bands = PyMem_Calloc(count + 1, sizeof *options->bands);
    bool good = options->bands != NULL;
    if (!good)
        PyErr_NoMemory();
    for (size_t i = 0; good && i < count; i++) {
        good = numbers[i] <= UINT32_MAX;
        options->bands[i] = (uint32_t)numbers[i];
    }
    if (!good && PyErr_Occurred() == NULL)
        ext_refuse(state, "bands: the number is too large");
    PyMem_Free(numbers);
    options->loader.transform.bands = options->bands;
    options->loader.transform.band_count = count;
    return good ? 0 : -1;
}

static int parse_crop(const struct ext_state *state, PyObject *value, struct ext_options *options)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    if (ext_indices(state, "crop", value, &numbers, &count) != 0)
        return -1;
    bool good = count == 2 && numbers[0] <= UINT32_MAX && numbers[1] <= UINT32_MAX;
    if (good) {
        options->loader.transform.crop_rows = (uint32_t)numbers[0];
        options->loader.transform.crop_cols = (uint32_t)numbers[1];
    } else {
        ext_refuse(state, "crop: (rows, cols) is wanted");
    }
    PyMem_Free(numbers);
    return good ? 0 : -1;
}

/* mean or std: a number for each band delivered, of which there are `bands`. */
static int parse_bandwise(const struct ext_state *state, const char *name, PyObject *value,
                          size_t bands, double **numbers)
{
    size_t count = 0;
    if (ext_doubles(state, name, value, numbers, &count) != 0)
        return -1;
    if (count == bands)
        return 0;
    ext_refuse(state, "%s: %zu numbers for %zu bands", name, count, bands);
    return -1;
}

static int parse_resume(const struct ext_state *state, PyObject *value, struct ext_options *options)
{
    if (!PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "resume: must be a dict (state_dict()), not %R",
                     Py_TYPE(value));
        return -1;
    }
    options->loader.resume = &options->resume;
    return ext_known(value, state_table, NULL, "resume") == 0
               ? ext_parse(state, value, state_table, &options->resume)
               : -1;
}

static int parse_transform(const struct ext_state *state, PyObject *keywords, size_t bands,
                           struct ext_options *options)
{
    PyObject *value = NULL;
    struct vdt_transform *transform = &options->loader.transform;
    if (given(keywords, "bands", &value) && parse_bands(state, value, options) != 0)
        return -1;
    if (options->bands != NULL)
        bands = transform->band_count;
    if (given(keywords, "crop", &value) && parse_crop(state, value, options) != 0)
        return -1;
    if (given(keywords, "random_crop", &value)) {
        int truth = PyObject_IsTrue(value);
        if (truth < 0)
            return -1;
        transform->crop = truth ? VDT_CROP_RANDOM : VDT_CROP_CENTER;
    }
    if (given(keywords, "mean", &value) &&
        parse_bandwise(state, "mean", value, bands, &options->mean) != 0)
        return -1;
    if (given(keywords, "std", &value) &&
        parse_bandwise(state, "std", value, bands, &options->std) != 0)
        return -1;
    transform->mean = options->mean;
    transform->std = options->std;
    return 0;
}

static int parse_cuda(const struct ext_state *state, PyObject *value, struct ext_options *options)
{
    const struct ext_option device[] = {
        {"cuda", EXT_U32, offsetof(struct vdt_loader_options, cuda_device), NULL},
        {NULL, EXT_BOOL, 0, NULL}};
    PyObject *dict = Py_BuildValue("{s:O}", "cuda", value);
    int parsed = dict == NULL ? -1 : ext_parse(state, dict, device, &options->loader);
    Py_XDECREF(dict);
    options->loader.cuda = true;
    return parsed;
}

int ext_options_parse(const struct ext_state *state, PyObject *keywords, size_t bands,
                      const char *function, struct ext_options *options)
{
    PyObject *value = NULL;
    size_t count = 0;
    if (ext_known(keywords, table, others, function) != 0 ||
        ext_parse(state, keywords, table, &options->loader) != 0 ||
        parse_transform(state, keywords, bands, options) != 0)
        return -1;
    if (given(keywords, "weights", &value)) {
        if (ext_doubles(state, "weights", value, &options->weights, &count) != 0)
            return -1;
        options->loader.weights = options->weights;
        options->loader.weight_count = count;
    }
    if (given(keywords, "resume", &value) && parse_resume(state, value, options) != 0)
        return -1;
    return given(keywords, "cuda", &value) ? parse_cuda(state, value, options) : 0;
}

void ext_options_clear(struct ext_options *options)
{
    PyMem_Free(options->bands);
    PyMem_Free(options->mean);
    PyMem_Free(options->std);
    PyMem_Free(options->weights);
}

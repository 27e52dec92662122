/* Python values to C values: options by table, words, strings. */
#include <string.h>

#include "ext.h"

const struct ext_word ext_dtypes[] = {{"uint8", VDT_UINT8},
                                      {"uint16", VDT_UINT16},
                                      {"int16", VDT_INT16},
                                      {"uint32", VDT_UINT32},
                                      {"int32", VDT_INT32},
                                      {"float32", VDT_FLOAT32},
                                      {"float64", VDT_FLOAT64},
                                      {"float16", VDT_FLOAT16},
                                      {"bfloat16", VDT_BFLOAT16},
                                      {"int8", VDT_INT8},
                                      {"uint64", VDT_UINT64},
                                      {"int64", VDT_INT64},
                                      {NULL, 0}};

const struct ext_word ext_tasks[] = {{"classification", VDT_CLASSIFICATION},
                                     {"detection", VDT_DETECTION},
                                     {"segmentation", VDT_SEGMENTATION},
                                     {"instance", VDT_INSTANCE},
                                     {"boundary", VDT_BOUNDARY},
                                     {"contact", VDT_CONTACT},
                                     {"distance", VDT_DISTANCE},
                                     {"regression", VDT_REGRESSION},
                                     {NULL, 0}};

const struct ext_word ext_codecs[] = {{"auto", VDT_CODEC_AUTO}, {"raw", VDT_CODEC_RAW},
                                      {"lz4", VDT_CODEC_LZ4},   {"deflate", VDT_CODEC_DEFLATE},
                                      {"zstd", VDT_CODEC_ZSTD}, {NULL, 0}};

/* --- words -------------------------------------------------------------------------------- */

static int no_such_word(const struct ext_state *state, const char *name, const char *text,
                        const struct ext_word *words)
{
    char list[256] = "";
    size_t length = 0;
    for (const struct ext_word *w = words; w->word != NULL && length < sizeof list; w++)
        length += (size_t)PyOS_snprintf(list + length, sizeof list - length, "%s%s",
                                        length == 0 ? "" : ", ", w->word);
    ext_refuse(state, "%s: there is no \"%.100s\"; there is: %s", name, text, list);
    return -1;
}

int ext_word_value(const struct ext_state *state, const char *name, PyObject *value,
                   const struct ext_word *words, uint32_t *found)
{
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s: must be a str, not %R", name, Py_TYPE(value));
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(value, NULL);
    if (text == NULL)
        return -1;
    for (const struct ext_word *w = words; w->word != NULL; w++) {
        if (strcmp(text, w->word) == 0) {
            *found = w->value;
            return 0;
        }
    }
    return no_such_word(state, name, text, words);
}

static int parse_flags(const struct ext_state *state, const char *name, PyObject *value,
                       const struct ext_word *words, uint32_t *flags)
{
    if (PyUnicode_Check(value))
        return ext_word_value(state, name, value, words, flags);
    PyObject *list = PySequence_List(value);
    uint32_t all = 0;
    int result = list == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_Size(list); i++) {
        uint32_t one = 0;
        result = ext_word_value(state, name, PyList_GetItem(list, i), words, &one);
        all |= one;
    }
    Py_XDECREF(list);
    if (result == 0)
        *flags = all;
    return result;
}

PyObject *ext_flag_names(uint32_t flags, const struct ext_word *words)
{
    PyObject *list = PyList_New(0);
    for (const struct ext_word *w = words; list != NULL && w->word != NULL; w++) {
        if ((flags & w->value) == 0)
            continue;
        PyObject *word = PyUnicode_FromString(w->word);
        if (word == NULL || PyList_Append(list, word) != 0)
            Py_CLEAR(list);
        Py_XDECREF(word);
    }
    return list;
}

/* --- options by table --------------------------------------------------------------------- */

static int parse_integer(const struct ext_state *state, const struct ext_option *option,
                         PyObject *value, void *place)
{
    PyObject *number = PyNumber_Index(value);
    if (number == NULL) {
        PyErr_Format(PyExc_TypeError, "%s: must be a whole number, not %R", option->name,
                     Py_TYPE(value));
        return -1;
    }
    int overflow = 0;
    long long small = PyLong_AsLongLongAndOverflow(number, &overflow);
    unsigned long long large = overflow == 0 ? (unsigned long long)small : 0;
    if (overflow > 0)
        large = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    bool fits = PyErr_Occurred() == NULL && overflow >= 0;
    if (option->kind == EXT_I32)
        fits = fits && overflow == 0 && small >= INT32_MIN && small <= INT32_MAX;
    else
        fits = fits && (overflow > 0 || small >= 0) &&
               (option->kind == EXT_U64 || large <= UINT32_MAX);
    if (!fits) {
        PyErr_Clear();
        ext_refuse(state, "%s: the number is %s", option->name,
                   overflow < 0 || (overflow == 0 && small < 0) ? "negative" : "too large");
        return -1;
    }
    if (option->kind == EXT_I32)
        *(int32_t *)place = (int32_t)small;
    else if (option->kind == EXT_U32)
        *(uint32_t *)place = (uint32_t)large;
    else
        *(uint64_t *)place = large;
    return 0;
}

static int parse_one(const struct ext_state *state, const struct ext_option *option,
                     PyObject *value, void *place)
{
    switch (option->kind) {
    case EXT_BOOL: {
        int truth = PyObject_IsTrue(value);
        if (truth >= 0)
            *(bool *)place = truth != 0;
        return truth < 0 ? -1 : 0;
    }
    case EXT_DOUBLE: {
        double number = PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred() != NULL)
            return -1;
        *(double *)place = number;
        return 0;
    }
    case EXT_TEXT:
        if (!PyUnicode_Check(value)) {
            PyErr_Format(PyExc_TypeError, "%s: must be a str, not %R", option->name,
                         Py_TYPE(value));
            return -1;
        }
        *(const char **)place = PyUnicode_AsUTF8AndSize(value, NULL);
        return *(const char **)place == NULL ? -1 : 0;
    case EXT_WORD: return ext_word_value(state, option->name, value, option->words, place);
    case EXT_FLAGS: return parse_flags(state, option->name, value, option->words, place);
    default: return parse_integer(state, option, value, place);
    }
}

int ext_parse(const struct ext_state *state, PyObject *dict, const struct ext_option *options,
              void *target)
{
    for (const struct ext_option *option = options; dict != NULL && option->name != NULL;
         option++) {
        PyObject *value = PyDict_GetItemString(dict, option->name); /* borrowed */
        if (value == NULL || value == Py_None)
            continue;
        if (parse_one(state, option, value, (char *)target + option->offset) != 0)
            return -1;
    }
    return 0;
}

static bool knows(const char *key, const struct ext_option *options, const char *const *others)
{
    for (const struct ext_option *option = options; option->name != NULL; option++)
        if (strcmp(key, option->name) == 0)
            return true;
    for (; others != NULL && *others != NULL; others++)
        if (strcmp(key, *others) == 0)
            return true;
    return false;
}

int ext_known(PyObject *dict, const struct ext_option *options, const char *const *others,
              const char *function)
{
    PyObject *key = NULL;
    Py_ssize_t position = 0;
    while (dict != NULL && PyDict_Next(dict, &position, &key, NULL)) {
        const char *text = PyUnicode_AsUTF8AndSize(key, NULL);
        if (text == NULL)
            return -1;
        if (!knows(text, options, others)) {
            PyErr_Format(PyExc_TypeError, "%s: there is no option \"%s\"", function, text);
            return -1;
        }
    }
    return 0;
}

/* --- text --------------------------------------------------------------------------------- */

PyObject *ext_path(PyObject *value)
{
    PyObject *bytes = NULL;
    return PyUnicode_FSConverter(value, &bytes) ? bytes : NULL;
}

int ext_strings(const struct ext_state *state, const char *name, PyObject *value,
                const char ***strings, size_t *count, PyObject **keep)
{
    if (PyUnicode_Check(value) || PyBytes_Check(value)) {
        ext_refuse(state, "%s: a list of str is wanted, not one", name);
        return -1;
    }
    PyObject *list = PySequence_List(value);
    if (list == NULL)
        return -1;
    size_t length = (size_t)PyList_Size(list);
    const char **pointers = PyMem_Calloc(length + 1, sizeof *pointers);
    bool good = pointers != NULL;
    if (!good)
        PyErr_NoMemory();
    for (size_t i = 0; good && i < length; i++) {
        PyObject *item = PyList_GetItem(list, (Py_ssize_t)i);
        good = PyUnicode_Check(item);
        if (!good)
            PyErr_Format(PyExc_TypeError, "%s: must be str, not %R", name, Py_TYPE(item));
        pointers[i] = good ? PyUnicode_AsUTF8AndSize(item, NULL) : NULL;
        good = pointers[i] != NULL;
    }
    if (!good) {
        PyMem_Free(pointers);
        Py_DECREF(list);
        return -1;
    }
    *strings = pointers;
    *count = length;
    *keep = list;
    return 0;
}

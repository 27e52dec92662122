/* Evaluations: options and documents are JSON text, so that nothing is said twice. */
#include <stdlib.h>
#include <string.h>

#include "ext.h"

/* evaluate(options) -> document */
static PyObject *evaluate(PyObject *module, PyObject *argument)
{
    const struct ext_state *state = ext_module_state(module);
    const char *json = PyUnicode_AsUTF8AndSize(argument, NULL);
    struct vdt_evaluate_options *options = NULL;
    struct vdt_evaluation *evaluation = NULL;
    struct vdt_error error = {.status = VDT_OK};
    if (json == NULL)
        return NULL;
    vdt_status status = vdt_evaluate_options_read(json, &options, &error);
    if (status == VDT_OK) {
        Py_BEGIN_ALLOW_THREADS status = vdt_evaluate(options, &evaluation, &error);
        Py_END_ALLOW_THREADS
    }
    vdt_evaluate_options_free(options);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *text = PyUnicode_FromString(vdt_evaluation_json(evaluation));
    vdt_evaluation_free(evaluation);
    return text;
}

struct asker {
    PyObject *call; /* picture(sample, group, index, which) */
    bool failed;
};

static char *ask(const char *sample, const char *group, uint64_t index,
                 enum vdt_evaluation_picture which, void *payload)
{
    static const char *const names[] = {"tile", "truth", "predicted"};
    struct asker *asker = payload;
    char *copy = NULL;
    if (asker->failed)
        return NULL;
    PyObject *made = PyObject_CallFunction(asker->call, "ssKs", sample, group,
                                           (unsigned long long)index, names[which]);
    if (made != NULL && made != Py_None) {
        const char *text = PyUnicode_AsUTF8AndSize(made, NULL);
        copy = text ? malloc(strlen(text) + 1) : NULL;
        if (copy)
            strcpy(copy, text);
        asker->failed = text == NULL;
    }
    asker->failed = asker->failed || made == NULL;
    Py_XDECREF(made);
    return copy;
}

/* evaluation_page(document, title, picture) -> html */
static PyObject *page(PyObject *module, PyObject *arguments)
{
    const char *document, *title = NULL;
    struct asker asker = {NULL, false};
    struct vdt_error error = {.status = VDT_OK};
    char *html = NULL;
    if (!PyArg_ParseTuple(arguments, "szO:evaluation_page", &document, &title, &asker.call))
        return NULL;
    struct vdt_evaluation_page wish = {
        .title = title, .picture = asker.call == Py_None ? NULL : ask, .payload = &asker};
    vdt_status status = vdt_evaluation_html(document, &wish, &html, &error);
    if (status != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    PyObject *text = asker.failed ? NULL : PyUnicode_FromString(html);
    free(html);
    return text;
}

static PyMethodDef functions[] = {
    {"evaluate", evaluate, METH_O,
     "evaluate(options, /)\n--\n\nThe document of an evaluation, as JSON, of options as JSON."},
    {"evaluation_page", page, METH_VARARGS,
     "evaluation_page(document, title, picture, /)\n--\n\nThe page of a document, as HTML."},
    {NULL, NULL, 0, NULL}};

int ext_add_evaluation(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

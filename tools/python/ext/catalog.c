/* The function catalog: one call of the catalog's client, and what belongs to the login file. */
#include <stdio.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/catalog.h>

#include "ext.h"

/* All arguments of all calls; each takes what it knows. Texts are borrowed from the dict. */
struct arguments {
    const char *url, *token; /* of the server */
    struct vdt_catalog_options options;
    struct vdt_search search;
    struct vdt_entry_values values;
    struct vdt_save_options save;
    struct vdt_pull_options pull;
    struct vdt_submit_options submit;
    const char *method, *body;
    const char *set;
    bool update;
    const char *entry, *store, *path, *notes, *user;
    bool published;
};

#define AT(member) offsetof(struct arguments, member)

static const struct ext_option table[] = {{"url", EXT_TEXT, AT(url), NULL},
                                          {"token", EXT_TEXT, AT(token), NULL},
                                          {"ca_file", EXT_TEXT, AT(options.ca_file), NULL},
                                          {"http_proxy", EXT_TEXT, AT(options.http_proxy), NULL},
                                          {"https_proxy", EXT_TEXT, AT(options.https_proxy), NULL},
                                          {"no_proxy", EXT_TEXT, AT(options.no_proxy), NULL},
                                          {"insecure", EXT_BOOL, AT(options.insecure), NULL},
                                          {"connections", EXT_U32, AT(options.connections), NULL},
                                          {"tries", EXT_U32, AT(options.tries), NULL},
                                          {"limit_rate", EXT_U64, AT(options.limit_rate), NULL},
                                          {"text", EXT_TEXT, AT(search.text), NULL},
                                          {"polygon", EXT_TEXT, AT(search.polygon), NULL},
                                          {"class_name", EXT_TEXT, AT(search.class_name), NULL},
                                          {"task", EXT_TEXT, AT(search.task), NULL},
                                          {"sensor", EXT_TEXT, AT(search.sensor), NULL},
                                          {"time", EXT_TEXT, AT(search.time), NULL},
                                          {"tag", EXT_TEXT, AT(search.tag), NULL},
                                          {"owner", EXT_TEXT, AT(search.owner), NULL},
                                          {"filter", EXT_TEXT, AT(search.filter), NULL},
                                          {"bin", EXT_BOOL, AT(search.bin), NULL},
                                          {"limit", EXT_U64, AT(search.limit), NULL},
                                          {"name", EXT_TEXT, AT(values.name), NULL},
                                          {"description", EXT_TEXT, AT(values.description), NULL},
                                          {"license", EXT_TEXT, AT(values.license), NULL},
                                          {"to", EXT_TEXT, AT(save.to), NULL},
                                          {"message", EXT_TEXT, AT(save.message), NULL},
                                          {"publish", EXT_BOOL, AT(save.publish), NULL},
                                          {"force", EXT_BOOL, AT(save.force), NULL},
                                          {"threads", EXT_U32, AT(save.threads), NULL},
                                          {"release", EXT_U32, AT(pull.release), NULL},
                                          {"partial", EXT_BOOL, AT(pull.partial), NULL},
                                          {"login_file", EXT_TEXT, AT(pull.login_file), NULL},
                                          {"entry", EXT_TEXT, AT(entry), NULL},
                                          {"store", EXT_TEXT, AT(store), NULL},
                                          {"path", EXT_TEXT, AT(path), NULL},
                                          {"notes", EXT_TEXT, AT(notes), NULL},
                                          {"user", EXT_TEXT, AT(user), NULL},
                                          {"published", EXT_BOOL, AT(published), NULL},
                                          {"run", EXT_TEXT, AT(submit.run), NULL},
                                          {"parameters", EXT_TEXT, AT(submit.parameters), NULL},
                                          {"no_wait", EXT_BOOL, AT(submit.no_wait), NULL},
                                          {"set", EXT_TEXT, AT(set), NULL},
                                          {"replace", EXT_BOOL, AT(update), NULL},
                                          {"method", EXT_TEXT, AT(method), NULL},
                                          {"body", EXT_TEXT, AT(body), NULL},
                                          {0}};
static const char *const others[] = {"bbox", "tags", "progress", NULL};

/* --- calls: without the GIL --------------------------------------------------------------- */

struct call {
    const char *name;
    bool server; /* asks one */
    vdt_status (*run)(struct vdt_catalog *, const struct arguments *, char **, struct vdt_error *);
};

#define CALL(name)                                                                 \
    static vdt_status name(struct vdt_catalog *catalog, const struct arguments *a, \
                           char **document, struct vdt_error *error)

CALL(call_me)
{
    (void)a;
    return vdt_catalog_me(catalog, document, error);
}

CALL(call_search)
{
    return vdt_catalog_search(catalog, &a->search, document, error);
}

CALL(call_entry)
{
    return vdt_catalog_entry(catalog, a->entry, document, error);
}

CALL(call_update)
{
    return vdt_catalog_update(catalog, a->entry, &a->values, document, error);
}

CALL(call_publish)
{
    return vdt_catalog_publish(catalog, a->entry, a->published, document, error);
}

CALL(call_remove)
{
    (void)document;
    return vdt_catalog_remove(catalog, a->entry, error);
}

CALL(call_restore)
{
    return vdt_catalog_restore(catalog, a->entry, document, error);
}

CALL(call_release)
{
    return vdt_catalog_release(catalog, a->entry, a->values.name, a->notes, document, error);
}

CALL(call_releases)
{
    return vdt_catalog_releases(catalog, a->entry, document, error);
}

CALL(call_save)
{
    struct vdt_save_options options = a->save;
    options.values = a->values;
    return vdt_catalog_save(catalog, a->store, &options, document, error);
}

CALL(call_pull)
{
    (void)document;
    struct vdt_pull_options options = a->pull;
    options.force = a->save.force;
    options.threads = a->save.threads;
    return vdt_catalog_pull(catalog, a->entry, a->path, &options, NULL, error);
}

static bool tell_fetched(uint64_t done, uint64_t total, void *payload)
{
    const struct vdt_catalog_options *options = payload;
    return options->progress == NULL ||
           options->progress(VDT_STEP_FETCH, done, total, options->payload);
}

CALL(call_complete)
{
    (void)catalog, (void)document;
    struct vdt_catalog_options options = a->options;
    return vdt_store_complete(a->store, tell_fetched, &options, error);
}

CALL(call_local)
{
    (void)catalog;
    return vdt_catalog_local(a->store, document, error);
}

CALL(call_sidecar)
{
    (void)catalog;
    return vdt_catalog_sidecar(a->store, document, error);
}

CALL(call_login)
{
    (void)catalog, (void)document;
    /* The library only reads them. */
    const struct vdt_login login = {.url = (char *)a->url,
                                    .token = (char *)a->token,
                                    .user = (char *)a->user,
                                    .insecure = a->options.insecure};
    return vdt_login_write(a->path, &login, error);
}

CALL(call_logout)
{
    (void)catalog, (void)document;
    return vdt_login_remove(a->path, a->url, error);
}

CALL(call_submit)
{
    struct vdt_submit_options options = a->submit;
    options.store = a->store;
    return vdt_catalog_submit(catalog, &options, document, error);
}

/* What was done, as JSON. */
static vdt_status transfer(struct vdt_catalog *catalog, const struct arguments *a, bool fetch,
                           char **document, struct vdt_error *error)
{
    const struct vdt_annotation_transfer options = {
        .store = a->store, .name = a->set, .update = a->update};
    struct vdt_annotations_report report = {0};
    char text[256];
    vdt_status status = fetch ? vdt_catalog_fetch_annotations(catalog, &options, &report, error)
                              : vdt_catalog_send_annotations(catalog, &options, &report, error);
    if (status != VDT_OK)
        return status;
    snprintf(text, sizeof text,
             "{\"added\": %llu, \"updated\": %llu, \"ignored\": %llu, \"marked\": %llu, "
             "\"dropped\": %llu}",
             (unsigned long long)report.added, (unsigned long long)report.updated,
             (unsigned long long)report.ignored, (unsigned long long)report.marked,
             (unsigned long long)report.dropped);
    *document = strdup(text);
    if (*document != NULL)
        return VDT_OK;
    error->status = VDT_ERR_MEMORY;
    snprintf(error->message, sizeof error->message, "out of memory");
    return VDT_ERR_MEMORY;
}

CALL(call_send_annotations)
{
    return transfer(catalog, a, false, document, error);
}

CALL(call_fetch_annotations)
{
    return transfer(catalog, a, true, document, error);
}

CALL(call_ask)
{
    return vdt_catalog_ask(catalog, a->method, a->path, a->body, document, error);
}

static const struct call calls[] = {{"me", true, call_me},
                                    {"search", true, call_search},
                                    {"entry", true, call_entry},
                                    {"update", true, call_update},
                                    {"publish", true, call_publish},
                                    {"remove", true, call_remove},
                                    {"restore", true, call_restore},
                                    {"release", true, call_release},
                                    {"releases", true, call_releases},
                                    {"save", true, call_save},
                                    {"pull", true, call_pull},
                                    {"submit", true, call_submit},
                                    {"send_annotations", true, call_send_annotations},
                                    {"fetch_annotations", true, call_fetch_annotations},
                                    {"ask", true, call_ask},
                                    {"complete", false, call_complete},
                                    {"local", false, call_local},
                                    {"sidecar", false, call_sidecar},
                                    {"login", false, call_login},
                                    {"logout", false, call_logout}};

/* --- from Python -------------------------------------------------------------------------- */

static const char *const steps[VDT_STEP_COUNT] = {"call", "hash", "send", "fetch"};

/* In any thread, without the GIL. The function must not raise: it says False to stop. */
static bool on_progress(enum vdt_catalog_step step, uint64_t done, uint64_t total, void *payload)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(payload, "sKK", steps[step], (unsigned long long)done,
                                             (unsigned long long)total);
    bool more = result != NULL && result != Py_False;
    if (result == NULL)
        PyErr_WriteUnraisable(payload);
    Py_XDECREF(result);
    PyGILState_Release(state);
    return more;
}

static PyObject *given(PyObject *dict, const char *name)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    return value == Py_None ? NULL : value;
}

static PyObject *run(const struct ext_state *state, const struct call *call,
                     const struct arguments *arguments)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_catalog *catalog = NULL;
    char *text = NULL;
    vdt_status status = VDT_OK;
    PyThreadState *thread = PyEval_SaveThread();
    if (call->server)
        status = vdt_catalog_open(arguments->url, arguments->token, &arguments->options, &catalog,
                                  &error);
    if (status == VDT_OK)
        status = call->run(catalog, arguments, &text, &error);
    vdt_catalog_free(catalog);
    PyEval_RestoreThread(thread);
    if (status != VDT_OK)
        return ext_raise(state, &error);
    PyObject *result = text == NULL ? Py_NewRef(Py_None) : PyUnicode_FromString(text);
    vdt_string_free(text);
    return result;
}

/* Keeps what the arguments point to until the call is done. */
static PyObject *parse_and_run(const struct ext_state *state, const struct call *call,
                               PyObject *dict)
{
    struct arguments arguments = {0};
    double *bbox = NULL;
    const char **tags = NULL;
    size_t numbers = 0;
    PyObject *keep = NULL, *result = NULL, *list = given(dict, "tags");
    bool good = ext_known(dict, table, others, "catalog") == 0 &&
                ext_parse(state, dict, table, &arguments) == 0 &&
                ext_doubles(state, "bbox", given(dict, "bbox"), &bbox, &numbers) == 0 &&
                (list == NULL ||
                 ext_strings(state, "tags", list, &tags, &arguments.values.tag_count, &keep) == 0);
    if (good && bbox != NULL && numbers != 4) {
        ext_refuse(state, "bbox: four numbers are wanted: west, south, east, north");
        good = false;
    }
    arguments.search.bbox = bbox;
    arguments.values.tags = tags;
    arguments.values.no_tags = list != NULL && arguments.values.tag_count == 0;
    arguments.options.payload = given(dict, "progress");
    if (arguments.options.payload != NULL)
        arguments.options.progress = on_progress;
    if (good)
        result = run(state, call, &arguments);
    PyMem_Free(bbox);
    PyMem_Free(tags);
    Py_XDECREF(keep);
    return result;
}

static PyObject *catalog(PyObject *module, PyObject *positions, PyObject *keywords)
{
    const struct ext_state *state = ext_module_state(module);
    const char *name = NULL;
    if (!PyArg_ParseTuple(positions, "s:catalog", &name))
        return NULL;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(calls[i].name, name) == 0) {
            PyObject *dict = keywords == NULL ? PyDict_New() : Py_NewRef(keywords);
            PyObject *result = dict == NULL ? NULL : parse_and_run(state, &calls[i], dict);
            Py_XDECREF(dict);
            return result;
        }
    return ext_refuse(state, "no call \"%.40s\"", name);
}

/* {"url", "token", "user", "insecure"}, or None. */
static PyObject *read_login(PyObject *module, PyObject *arguments)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_login login = {0};
    const char *path = NULL, *url = NULL;
    if (!PyArg_ParseTuple(arguments, "sz:read_login", &path, &url))
        return NULL;
    vdt_status status = vdt_login_read(path, url, &login, &error);
    if (status == VDT_ERR_NOT_FOUND)
        Py_RETURN_NONE;
    if (status != VDT_OK)
        return ext_raise(ext_module_state(module), &error);
    PyObject *result =
        Py_BuildValue("{s:z,s:z,s:z,s:O}", "url", login.url, "token", login.token, "user",
                      login.user, "insecure", login.insecure ? Py_True : Py_False);
    vdt_login_clear(&login);
    return result;
}

static PyObject *percent_cached(PyObject *module, PyObject *value)
{
    struct vdt_error error = {.status = VDT_OK};
    double percent = 0;
    PyObject *path = ext_path(value);
    if (path == NULL)
        return NULL;
    vdt_status status = vdt_store_percent_cached(PyBytes_AsString(path), &percent, &error);
    Py_DECREF(path);
    return status == VDT_OK ? PyFloat_FromDouble(percent)
                            : ext_raise(ext_module_state(module), &error);
}

int ext_add_catalog(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"catalog", (PyCFunction)(void (*)(void))catalog, METH_VARARGS | METH_KEYWORDS,
         "catalog(call, /, **arguments)\n--\n\nOne call of the catalog's client: its document as "
         "JSON, or None. See vedatile.search."},
        {"read_login", read_login, METH_VARARGS,
         "read_login(path, url, /)\n--\n\nThe login of a server as a dict, or None."},
        {"percent_cached", percent_cached, METH_O,
         "percent_cached(path, /)\n--\n\nHow much of a store is here, in percent of its bytes."},
        {NULL, NULL, 0, NULL}};
    return PyModule_AddFunctions(module, functions);
}

/* The module vedatile._vedatile. */
#include "ext.h"

static int execute(PyObject *module)
{
    static int (*const parts[])(PyObject *) = {
        ext_add_errors,    ext_add_annotations, ext_add_array, ext_add_batch,   ext_add_reader,
        ext_add_hdf5,      ext_add_loader,      ext_add_scene, ext_add_writer,  ext_add_feed,
        ext_add_exchange,  ext_add_evaluation,  ext_add_split, ext_add_catalog, ext_add_coco,
        ext_add_detection, ext_add_diagnosis,   ext_add_runs,  ext_add_scores,  ext_add_shapes};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i](module) != 0)
            return -1;
    return 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    const struct ext_state *state = PyModule_GetState(module);
    for (int i = 0; i < EXT_TYPES; i++)
        Py_VISIT(state->types[i]);
    for (int i = 0; i < EXT_FAILURES; i++)
        Py_VISIT(state->errors[i]);
    return 0;
}

static int clear(PyObject *module)
{
    struct ext_state *state = PyModule_GetState(module);
    for (int i = 0; i < EXT_TYPES; i++)
        Py_CLEAR(state->types[i]);
    for (int i = 0; i < EXT_FAILURES; i++)
        Py_CLEAR(state->errors[i]);
    return 0;
}

static PyObject *versions(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyUnicode_FromString(vdt_versions());
}

static PyMethodDef functions[] = {
    {"versions", versions, METH_NOARGS,
     "versions()\n--\n\nVersions of vedatile and its libraries, one \"name version\" a line."},
    {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC PyInit__vedatile(void);

PyMODINIT_FUNC PyInit__vedatile(void)
{
    static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};
    static struct PyModuleDef definition = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_vedatile",
        .m_doc = "Stores, other HDF5 files and batches; use it through the package vedatile.",
        .m_size = sizeof(struct ext_state),
        .m_methods = functions,
        .m_slots = slots,
        .m_traverse = traverse,
        .m_clear = clear,
    };
    return PyModuleDef_Init(&definition);
}

struct ext_state *ext_module_state(PyObject *module)
{
    return PyModule_GetState(module);
}

struct ext_state *ext_type_state(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

struct ext_state *ext_state(PyObject *object)
{
    return PyType_GetModuleState(Py_TYPE(object));
}

int ext_add_type(PyObject *module, enum ext_type index, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return -1;
    ext_module_state(module)->types[index] = (PyTypeObject *)type;
    return PyModule_AddType(module, (PyTypeObject *)type);
}

/* What the files of vedatile._vedatile share. They see Python's stable ABI (3.11) and
 * vedatile's public headers, nothing else.
 *
 * Each ext_add_* adds the types and functions of one file to the module: 0, or -1 with a Python
 * exception set. All functions here need the GIL unless they say otherwise. */
#ifndef EXT_H
#define EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/vedatile.h>

/* --- the module --------------------------------------------------------------------------- */

int ext_add_errors(PyObject *module);
int ext_add_annotations(PyObject *module);
int ext_add_array(PyObject *module);
int ext_add_batch(PyObject *module);
int ext_add_reader(PyObject *module);
int ext_add_hdf5(PyObject *module);
int ext_add_loader(PyObject *module);
int ext_add_scene(PyObject *module);
int ext_add_writer(PyObject *module);
int ext_add_feed(PyObject *module);
int ext_add_exchange(PyObject *module);
int ext_add_evaluation(PyObject *module);
int ext_add_split(PyObject *module);
int ext_add_catalog(PyObject *module);
int ext_add_coco(PyObject *module);
int ext_add_detection(PyObject *module);
int ext_add_diagnosis(PyObject *module);
int ext_add_runs(PyObject *module);
int ext_add_scores(PyObject *module);
int ext_add_shapes(PyObject *module);

enum ext_type {
    EXT_ARRAY,
    EXT_BATCH,
    EXT_READER,
    EXT_HDF5,
    EXT_LOADER,
    EXT_SCENE,
    EXT_WRITER,
    EXT_TYPES
};

enum ext_failure {
    EXT_ERROR,
    EXT_NOT_FOUND,
    EXT_ARGUMENT,
    EXT_FORMAT,
    EXT_IO,
    EXT_EXISTS,
    EXT_UNSUPPORTED,
    EXT_BUSY,
    EXT_DENIED,
    EXT_FAILURES
};

/* The module's state. Types cannot be subclassed, so that every object leads to it. */
struct ext_state {
    PyTypeObject *types[EXT_TYPES];
    PyObject *errors[EXT_FAILURES];
};

struct ext_state *ext_module_state(PyObject *module);
struct ext_state *ext_state(PyObject *object); /* of an object of one of the module's types */
struct ext_state *ext_type_state(PyTypeObject *type);

/* Makes the type of `spec` and adds it to the module under its name. */
int ext_add_type(PyObject *module, enum ext_type index, PyType_Spec *spec);

/* --- failures ----------------------------------------------------------------------------- */

/* Sets the exception for a vdt_error: a subclass of vedatile.Error with attribute `status`, or
 * MemoryError. An exception that is set already (by a callback) stays. Always NULL. */
PyObject *ext_raise(const struct ext_state *state, const struct vdt_error *error);

/* The same with vedatile.ArgumentError and a text. */
PyObject *ext_refuse(const struct ext_state *state, const char *format, ...);

/* --- values ------------------------------------------------------------------------------- */

/* A word of an option and its value; tables end with {NULL, 0}. */
struct ext_word {
    const char *word;
    uint32_t value;
};

extern const struct ext_word ext_dtypes[];
extern const struct ext_word ext_tasks[];
extern const struct ext_word ext_codecs[]; /* with "auto" */

enum ext_kind {
    EXT_BOOL,   /* bool */
    EXT_U32,    /* uint32_t */
    EXT_U64,    /* uint64_t */
    EXT_I32,    /* int32_t */
    EXT_DOUBLE, /* double */
    EXT_TEXT,   /* const char *, borrowed from the Python string */
    EXT_WORD,   /* an enum, by a word of `words` */
    EXT_FLAGS   /* uint32_t, or-ed from a word or a sequence of words of `words` */
};

/* One option of a call: where its value goes in a struct. */
struct ext_option {
    const char *name;
    enum ext_kind kind;
    size_t offset;
    const struct ext_word *words;
};

/* Fills `target` from `dict` as `options` (ended by {0}) say; None leaves the default. Keys that
 * are not in the table are left to ext_known. 0, or -1 with TypeError or ArgumentError set. */
int ext_parse(const struct ext_state *state, PyObject *dict, const struct ext_option *options,
              void *target);

/* 0 when every key of `dict` is in `options` or in `others` (names, ended by NULL; may be NULL);
 * else -1 and TypeError names the key. */
int ext_known(PyObject *dict, const struct ext_option *options, const char *const *others,
              const char *function);

/* The value of a word; -1 with ArgumentError that lists the words. */
int ext_word_value(const struct ext_state *state, const char *name, PyObject *value,
                   const struct ext_word *words, uint32_t *found);

/* A list of the words whose bits are set. */
PyObject *ext_flag_names(uint32_t flags, const struct ext_word *words);

/* A path (str, bytes or os.PathLike) as UTF-8 bytes: a new bytes object, or NULL. */
PyObject *ext_path(PyObject *value);

/* Strings of a sequence. The array of pointers is the caller's (PyMem_Free); what it points to
 * lives as long as *keep, a new reference. A single str is refused. */
int ext_strings(const struct ext_state *state, const char *name, PyObject *value,
                const char ***strings, size_t *count, PyObject **keep);

/* Numbers of anything that holds them in one axis: buffers, DLPack arrays on the CPU, sequences.
 * *numbers is the caller's (PyMem_Free); NULL and 0 for None. */
int ext_indices(const struct ext_state *state, const char *name, PyObject *value,
                uint64_t **numbers, size_t *count); /* whole numbers, not negative */
int ext_doubles(const struct ext_state *state, const char *name, PyObject *value, double **numbers,
                size_t *count);

/* --- arrays ------------------------------------------------------------------------------- */

enum { EXT_AXES = 10, EXT_APPLIED = 100 /* a dtype beside vdt_dtype: struct vdt_applied */ };

/* A new Array of contiguous memory. `owner` is kept (a reference is taken) while the array or
 * anything made from it lives; a Batch counts its arrays in use. */
PyObject *ext_array_new(const struct ext_state *state, PyObject *owner, void *data, int dtype,
                        int axes, const uint64_t *shape);

/* Memory of its own, zeroed, that *data points to. */
PyObject *ext_array_make(const struct ext_state *state, int dtype, int axes, const uint64_t *shape,
                         void **data);

/* The same for CUDA memory that belongs to a Batch. */
PyObject *ext_array_device(const struct ext_state *state, PyObject *owner, uint64_t address,
                           uint32_t device, int dtype, int axes, const uint64_t *shape);

/* The masks of a sequence of dicts, as COCO has them: the caller's (vdt_masks_free), or NULL. */
struct vdt_masks *ext_masks(const struct ext_state *state, PyObject *rles);

/* --- batches ------------------------------------------------------------------------------ */

/* Takes the batch. `home`: the Reader or Hdf5 whose list of spare batches it goes back to, or the
 * Loader; kept until then. */
PyObject *ext_batch_new(const struct ext_state *state, struct vdt_batch *batch, PyObject *home);

/* Batches of a Reader or Hdf5 whose memory the next take uses again. */
enum { EXT_SPARE = 2 };
struct ext_spare {
    struct vdt_batch *batches[EXT_SPARE];
};
struct vdt_batch *ext_spare_get(struct ext_spare *spare); /* NULL: none */
void ext_spare_put(struct ext_spare *spare, struct vdt_batch *batch);
void ext_spare_free(struct ext_spare *spare);
struct ext_spare *ext_spare_of(PyObject *home); /* NULL: it has none */

/* An array calls these around each export; false and BufferError once the batch is released.
 * `stream` of ext_batch_unuse: the CUDA stream the export was used on, 0 for none. */
bool ext_batch_use(PyObject *batch);
void ext_batch_unuse(PyObject *batch, uintptr_t stream);

/* --- readers ------------------------------------------------------------------------------ */

/* Borrowed from the object; NULL and TypeError when it is none. */
struct vdt_reader *ext_reader(const struct ext_state *state, PyObject *object);

/* The input that an object is: Reader or Hdf5; TypeError otherwise. */
int ext_input(const struct ext_state *state, PyObject *object, struct vdt_input *input);

#endif

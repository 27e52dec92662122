/* Runs: what one model predicts on samples, and the models that predict.
 *
 * A run is open while predictions come in, by batches that are durable when the call returns; then
 * it is committed and never changes again. An open run is a log (NAME.open) beside where the
 * committed run (NAME.h5) will be; schemas/runs.md has both. A run of a store lies in
 * STORE.runs/; a free run is any file, on samples that it names itself.
 *
 * A sample of a run is predicted or not: predicted with nothing found (vdt_run_mark) is not the
 * same as not yet predicted. */
#ifndef VEDATILE_RUN_H
#define VEDATILE_RUN_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_annotation;  /* vedatile/annotations.h */
struct vdt_annotations; /* vedatile/annotations.h */
struct vdt_reader;      /* vedatile/store.h */

struct vdt_run;        /* open: predictions are added */
struct vdt_run_reader; /* committed */

/* Strings are borrowed from what filled the struct. */
struct vdt_run_info {
    const char *path;
    const char *name;
    bool committed;
    const char *model;
    const char *model_reference;
    const char *model_metadata; /* JSON object */
    const char *metadata;       /* JSON object */
    const char *store_uuid;     /* "" for a free run */
    const char *group;
    const char *created_at;     /* ISO 8601, UTC */
    const char *committed_at;   /* "" while open */
    const char *content_sha256; /* "" while open */
    uint64_t samples;
    uint64_t predicted;   /* of them, with what was found or nothing */
    uint64_t annotations; /* predictions of all kinds but rasters */
    uint64_t rasters;
};

/* --- an open run: one thread at a time, one process at a time ------------------------------ */

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_run_options {
    const char *store; /* the store that is predicted; NULL: a free run, which needs `path` */
    const char *path;  /* of the committed run's file; NULL: STORE.runs/NAME.h5 */
    const char *name;  /* letters, digits, '_', '-' and '.'; NULL: the stem of `path` */
    const char *group; /* of the store; NULL: test, or the only one */
    const struct vdt_annotations *samples; /* of a free run: its samples are those of this set, in
                                              that order; NULL: added as they are named */
    const char *model;                     /* its name; NULL: "" */
    const char *model_reference;           /* the caller's own id of it: a version, a URL */
    const char *model_metadata;            /* JSON object */
    const char *metadata;                  /* JSON object of the run */
    const char *const *classes; /* the values that the label key "class" may have, in the order of
                                   their ids; NULL: those of the store, or any of a free run */
    size_t class_count;
    bool any_class; /* values that are not among the classes are added to them, not refused */
    bool softmax;   /* several scores of one key on one annotation must add up to 1 within 1e-5 */
};

/* Starts a run: VDT_ERR_EXISTS when there is one of that name, open or committed. */
VDT_API VDT_CHECKED vdt_status vdt_run_create(const struct vdt_run_options *options,
                                              struct vdt_run **run, struct vdt_error *error);

/* Goes on with an open run (of `store` and `name`, or of `path`; what else `options` say must be
 * as it was, and metadata replace). What a crash left half written is dropped. VDT_ERR_DENIED when
 * the run is committed, VDT_ERR_BUSY while another process has it open, VDT_ERR_NOT_FOUND when
 * there is none. */
VDT_API VDT_CHECKED vdt_status vdt_run_resume(const struct vdt_run_options *options,
                                              struct vdt_run **run, struct vdt_error *error);

/* Accepts NULL. The run stays open on the disk. */
VDT_API void vdt_run_free(struct vdt_run *run);

/* What an addition does where the sample has predictions already. */
enum vdt_run_mode {
    VDT_RUN_ADD = 0, /* an annotation id that the sample has is ignored. Without ids a call has all
                        of a sample: the same again is ignored, other content is VDT_ERR_EXISTS */
    VDT_RUN_UPDATE,  /* an id that is there is replaced; without ids, all that had none */
    VDT_RUN_APPEND   /* without ids: added to what is there, whatever it is */
};

/* What a call did. */
struct vdt_run_counts {
    uint64_t added;
    uint64_t updated;
    uint64_t ignored; /* there already */
};

/* The number of a sample, by its reference (a store's sample key). A free run without a set takes
 * a new reference as a new sample; anything else not known is VDT_ERR_NOT_FOUND. rows and cols (0:
 * not known) are kept for new samples. */
VDT_API VDT_CHECKED vdt_status vdt_run_sample(struct vdt_run *run, const char *reference,
                                              uint32_t rows, uint32_t cols, uint32_t *sample,
                                              struct vdt_error *error);
/* The same without adding one. */
VDT_API VDT_CHECKED vdt_status vdt_run_find(const struct vdt_run *run, const char *reference,
                                            uint32_t *sample, struct vdt_error *error);
/* How many samples there are, and the reference of one; borrowed until the next call. */
VDT_API uint32_t vdt_run_sample_count(const struct vdt_run *run);
VDT_API const char *vdt_run_reference(const struct vdt_run *run, uint32_t sample);
VDT_API bool vdt_run_predicted(const struct vdt_run *run, uint32_t sample);

/* Class ids, as columns and rasters have them. vdt_run_class: of a value of the label key "class",
 * which is added when `any_class`; VDT_ERR_NOT_FOUND lists the classes. */
VDT_API uint32_t vdt_run_class_count(const struct vdt_run *run);
VDT_API const char *vdt_run_class_name(const struct vdt_run *run, uint32_t class_id);
VDT_API VDT_CHECKED vdt_status vdt_run_class(struct vdt_run *run, const char *value,
                                             uint32_t *class_id, struct vdt_error *error);

/* Predictions, each of the sample that it names; all or none of them, durable on return. The same
 * rules as for vdt_annotations_add, and: labels need scores; a value of the key "class" must be one
 * of the classes. A failure names the record by its position, its sample and its id. Geometry is
 * kept as it is given, also outside the tile. `counts` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_run_add(struct vdt_run *run,
                                           const struct vdt_annotation *annotations, size_t count,
                                           enum vdt_run_mode mode, struct vdt_run_counts *counts,
                                           struct vdt_error *error);

/* Columns of boxes, of any samples in any order: x, y, width, height in the sample's pixels, kept
 * as they are. All or none. */
struct vdt_run_boxes {
    uint64_t count;
    const uint32_t *sample;
    const uint32_t *class_id;
    const double (*box)[4];
    const double *score;
};
VDT_API VDT_CHECKED vdt_status vdt_run_add_boxes(struct vdt_run *run,
                                                 const struct vdt_run_boxes *boxes,
                                                 enum vdt_run_mode mode,
                                                 struct vdt_run_counts *counts,
                                                 struct vdt_error *error);

/* The class raster of a sample: rows * cols values of VDT_UINT8 or VDT_UINT16 as a store's masks
 * have them: 0 background, class id + 1, and 255 or 65535 for "not predicted". A sample has one:
 * again is as with annotations without ids. */
VDT_API VDT_CHECKED vdt_status vdt_run_add_raster(
    struct vdt_run *run, uint32_t sample, enum vdt_dtype dtype, const void *pixels, uint32_t rows,
    uint32_t cols, enum vdt_run_mode mode, struct vdt_run_counts *counts, struct vdt_error *error);

/* The score of every class, in the order of the classes, for a sample as a whole. */
VDT_API VDT_CHECKED vdt_status vdt_run_add_scores(struct vdt_run *run, uint32_t sample,
                                                  const double *scores, size_t count,
                                                  enum vdt_run_mode mode,
                                                  struct vdt_run_counts *counts,
                                                  struct vdt_error *error);

/* Predictions from JSON: an array of records, one, or lines of one each
 * (schemas/annotation.schema.json); {"sample": R} alone marks. All or none. `what` names the text
 * in messages. */
VDT_API VDT_CHECKED vdt_status vdt_run_add_json(struct vdt_run *run, const char *text, size_t size,
                                                const char *what, enum vdt_run_mode mode,
                                                struct vdt_run_counts *counts,
                                                struct vdt_error *error);

/* Predictions from a results file of COCO: boxes, and where there is a segmentation (unless
 * `boxes_only`) masks or polygons. `images` is a file of ground truth with the images and
 * categories of the ids: samples are found by file name, or its stem, and a free run takes what is
 * new, in the file's order. NULL: image_id is the number of a sample and category_id a class id.
 * All or none. */
VDT_API VDT_CHECKED vdt_status vdt_run_add_coco(struct vdt_run *run, const char *path,
                                                const char *images, bool boxes_only,
                                                enum vdt_run_mode mode,
                                                struct vdt_run_counts *counts,
                                                struct vdt_error *error);

/* The class raster of an image file of one band (GeoTIFF, PNG); reference NULL: the file's name
 * without folder and extension. */
VDT_API VDT_CHECKED vdt_status vdt_run_add_raster_file(struct vdt_run *run, const char *path,
                                                       const char *reference,
                                                       enum vdt_run_mode mode,
                                                       struct vdt_run_counts *counts,
                                                       struct vdt_error *error);

/* Predicted, whether anything was found or not. */
VDT_API VDT_CHECKED vdt_status vdt_run_mark(struct vdt_run *run, uint32_t sample,
                                            struct vdt_error *error);

/* What is predicted on a sample at this moment, as a free set of that one sample in memory; *set
 * belongs to the caller. */
VDT_API VDT_CHECKED vdt_status vdt_run_look(struct vdt_run *run, uint32_t sample,
                                            struct vdt_annotations **set, struct vdt_error *error);

/* What the run is, as it is at this moment: pointers good until the next call. */
VDT_API void vdt_run_get_info(struct vdt_run *run, struct vdt_run_info *info);

/* Takes predictions back: one annotation id of a sample, or all of it (id NULL), which is then not
 * predicted. VDT_ERR_NOT_FOUND when there is no such. */
VDT_API VDT_CHECKED vdt_status vdt_run_drop(struct vdt_run *run, uint32_t sample, const char *id,
                                            struct vdt_error *error);

/* Between begin and end additions are one batch: all of it is durable when vdt_run_end returns, or
 * none. For many small additions. */
VDT_API void vdt_run_begin(struct vdt_run *run);
VDT_API VDT_CHECKED vdt_status vdt_run_end(struct vdt_run *run, struct vdt_error *error);

/* Sorts everything into columns and freezes it: the committed run is there, whole, when this
 * returns VDT_OK, and the log is gone. A crash leaves the run open or committed. The run still has
 * to be freed; any other call on it is then VDT_ERR_DENIED. */
VDT_API VDT_CHECKED vdt_status vdt_run_commit(struct vdt_run *run, vdt_progress_fn progress,
                                              void *payload, struct vdt_error *error);

/* --- reading: shared by any number of threads ---------------------------------------------- */

/* Opens a committed run, of `store` (then `run` is its name) or free (store NULL, `run` a path).
 * Its digest is compared: VDT_ERR_FORMAT when it is not what was committed. Of an open run
 * VDT_ERR_BUSY, with the remedy: commit it. */
VDT_API VDT_CHECKED vdt_status vdt_run_open(const char *store, const char *run,
                                            struct vdt_run_reader **reader,
                                            struct vdt_error *error);
VDT_API void vdt_run_reader_free(struct vdt_run_reader *reader); /* accepts NULL */
VDT_API const struct vdt_run_info *vdt_run_reader_info(const struct vdt_run_reader *reader);

/* The predictions: samples (those of the store's group in its order as the run knew it, or the
 * run's own) and what was predicted on them; a sample is "annotated" when it is predicted. Rows are
 * sorted by label, sample, score falling and order of adding. Borrowed from the reader, not to be
 * changed; vdt_annotations_prepare makes it ready for several threads. */
VDT_API struct vdt_annotations *vdt_run_annotations(const struct vdt_run_reader *reader);

/* Compares the run with its store as it is now: samples that the store has no more, and those that
 * it has gained since. VDT_ERR_MISMATCH when it is a run of another store. */
VDT_API VDT_CHECKED vdt_status vdt_run_compare_store(const struct vdt_run_reader *reader,
                                                     const struct vdt_reader *store,
                                                     uint64_t *vanished, uint64_t *gained,
                                                     struct vdt_error *error);

/* The classes by id, as rasters have them. */
VDT_API uint32_t vdt_run_reader_class_count(const struct vdt_run_reader *reader);
VDT_API const char *vdt_run_reader_class_name(const struct vdt_run_reader *reader,
                                              uint32_t class_id);

/* The class raster of a sample: its type and shape, then its pixels into the caller's memory.
 * VDT_ERR_NOT_FOUND when it has none. */
VDT_API VDT_CHECKED vdt_status vdt_run_raster_shape(const struct vdt_run_reader *reader,
                                                    uint32_t sample, enum vdt_dtype *dtype,
                                                    uint32_t *rows, uint32_t *cols,
                                                    struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_run_raster(const struct vdt_run_reader *reader, uint32_t sample,
                                              void *pixels, struct vdt_error *error);

/* Writes the predictions as text, to a file that must not be there: JSON lines
 * (schemas/annotation.schema.json), or with `coco` a results file of COCO, whose ids are those of
 * the ground truth file `images` (by file name and class name; NULL: numbers of samples and
 * classes). *dropped counts what the form cannot hold. vdt_annotations_export writes other forms.
 */
VDT_API VDT_CHECKED vdt_status vdt_run_export(const struct vdt_run_reader *reader, const char *path,
                                              bool coco, const char *images, uint64_t *count,
                                              uint64_t *dropped, struct vdt_error *error);

/* Writes the class rasters to a new folder, REFERENCE.png each. */
VDT_API VDT_CHECKED vdt_status vdt_run_export_rasters(const struct vdt_run_reader *reader,
                                                      const char *folder, uint64_t *count,
                                                      struct vdt_error *error);

/* --- lists --------------------------------------------------------------------------------- */

/* Calls `each` for every run of a store, open ones too, by name; `each` returns false to stop. What
 * cannot be read is told with `problem` set, info then has path and name only. */
typedef bool (*vdt_run_fn)(const struct vdt_run_info *info, const char *problem, void *payload);
VDT_API VDT_CHECKED vdt_status vdt_run_list(const char *store, vdt_run_fn each, void *payload,
                                            struct vdt_error *error);

/* Removes a whole run, open or committed. VDT_ERR_BUSY while another process adds to it. */
VDT_API VDT_CHECKED vdt_status vdt_run_remove(const char *store, const char *run,
                                              struct vdt_error *error);

/* The path of a run's file: STORE.runs/RUN.h5. Owned, vdt_string_free; NULL: memory is out, or not
 * a name. */
VDT_API char *vdt_run_path(const char *store, const char *run);

VDT_END_DECLS
#endif

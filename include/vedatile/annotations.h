/* Annotations: records on samples, such as boxes, polygons, masks and labels of whole images, kept
 * beside a store or on their own.
 *
 * A set has samples and, on each, annotations. A set that is bound to a store has the store's
 * samples, known by their keys. A free set registers samples itself, by any reference: photographs,
 * video frames, rows of a table. A sample that was marked, or has annotations, is annotated,
 * perhaps with nothing; all others were never looked at.
 *
 * Coordinates are pixels of the sample: x to the right, y down, origin at the upper left corner of
 * the upper left pixel. A pixel's edges are whole numbers.
 *
 * A set is in memory; vdt_annotations_save writes its file whole (schemas/annotations.md) and puts
 * it in place at once, so that a crash leaves the old file. One thread at a time may use a set that
 * is being changed; a set that nobody changes may be read by any number of threads once
 * vdt_annotations_prepare was called. */
#ifndef VEDATILE_ANNOTATIONS_H
#define VEDATILE_ANNOTATIONS_H

#include "vedatile/error.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_annotations;
struct vdt_objects; /* vedatile/detection.h */

/* --- one annotation --------------------------------------------------------------------------- */

enum vdt_annotation_kind {
    VDT_ANNOTATION_LABEL = 1, /* of the whole sample */
    VDT_ANNOTATION_BOX,
    VDT_ANNOTATION_ROTATED, /* a rectangle that is turned */
    VDT_ANNOTATION_POLYGON, /* one or more parts, each with its holes */
    VDT_ANNOTATION_MASK,    /* pixels, as run lengths */
    VDT_ANNOTATION_LINE,    /* one or more lines */
    VDT_ANNOTATION_POINT    /* one or more points */
};

enum vdt_annotation_flag {
    VDT_ANNOTATION_CROWD = 1,    /* many objects as one: COCO's iscrowd */
    VDT_ANNOTATION_IGNORE = 2,   /* neither to be found nor wrong to be found */
    VDT_ANNOTATION_DIFFICULT = 4 /* VOC's and DOTA's */
};

/* A value of a key. An annotation may have values of several keys; several values of one key only
 * with scores, which say how likely each is. */
struct vdt_label {
    const char *key;   /* NULL or "": "class" */
    const char *value; /* UTF-8, not empty */
    double score;      /* NaN: none; else finite */
};

/* Every pointer is borrowed: by a call that takes the struct until it returns, and from the set
 * until the set changes. Which geometry members are set follows the kind; others are NULL or 0.
 * {.kind = VDT_ANNOTATION_BOX, .box = {...}} is an annotation without labels. */
struct vdt_annotation {
    uint32_t sample; /* index of its sample */
    const char *id;  /* of the caller; unique on its sample, at most 1024 bytes; NULL: one is made,
                        "#" and its number */
    uint64_t number; /* unique in the set, never used again; from the set only */
    enum vdt_annotation_kind kind;
    uint32_t flags; /* enum vdt_annotation_flag bits */
    const struct vdt_label *labels;
    size_t label_count;
    double box[4]; /* x, y, width, height (as COCO has them, so that no bit is lost); of other kinds
                      their tight bounds: filled by the set, unless box_given */
    bool box_given; /* of other kinds: `box` is the caller's, and kept as it is */
    double area;    /* in pixels, or as the caller counts; 0 or NaN when it is added: computed. From
                       the set: as given, else of the shape; NaN where there is none */
    bool area_given; /* from the set: `area` is the caller's */

    double rotated[5]; /* cx, cy, width, height, angle in radians that turns x towards y */

    /* POLYGON, LINE, POINT: as in struct vdt_shapes. Rings without the closing repeat; the first of
     * a part is its outline, the others its holes. A line is a part of one run, a point a part of
     * one run of one point. Offsets may start anywhere; entry [n] is the end of the last. */
    const double (*points)[2];
    const uint64_t *ring_offsets; /* [rings + 1], into points */
    const uint64_t *part_offsets; /* [parts + 1], into ring_offsets */
    size_t part_count;

    /* MASK: run lengths as COCO's, column by column, beginning with the run of zeros. */
    const uint32_t *counts;
    size_t count_count;
    uint32_t rows, cols; /* of the mask: the sample's */

    const char *metadata; /* a JSON object, NULL or "" for {} */
};

/* "label", "box", ...: the words of the JSON form. "unknown" for a value that is no kind. */
VDT_API const char *vdt_annotation_kind_name(enum vdt_annotation_kind kind);

/* --- sets ------------------------------------------------------------------------------------- */

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_annotations_options {
    const char *store; /* a store: the set is bound to it; NULL: the set is free */
    const char *name;  /* of a set beside the store, in STORE.annotations/NAME.h5; letters, digits,
                          '.', '_' and '-'; NULL: "labels" */
    const char *path;  /* the file of a free set; with a store: instead of `name` */
    const char *group; /* of a new bound set: the group whose samples it has; NULL: all groups */
    bool write;        /* to change it: the file is locked until the set is freed, and made by the
                          first save where it is not there */
    double wait;       /* seconds to wait for another writer; 0: not at all */
};

/* Opens a set, or begins one. With neither store nor path it is free and in memory only. Without
 * `write` the file has to be there: VDT_ERR_NOT_FOUND. VDT_ERR_BUSY while another process or
 * another set writes it; VDT_ERR_MISMATCH for a file that belongs to another store; VDT_ERR_FORMAT
 * for a damaged one. Samples that the store has gained since are added. *set belongs to the caller.
 */
VDT_API VDT_CHECKED vdt_status vdt_annotations_open(const struct vdt_annotations_options *options,
                                                    struct vdt_annotations **set,
                                                    struct vdt_error *error);

/* A store's own labels as a free set in memory: boxes (of stores with instances as masks), with
 * "1", "2", ... or the feature's number as id and key "class"; one-hot vectors as labels of
 * samples. References are the samples' keys. `group` SIZE_MAX: all. Class rasters stay with the
 * store. VDT_ERR_UNSUPPORTED for a store without such labels. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_from_store(const struct vdt_reader *reader,
                                                          size_t group,
                                                          struct vdt_annotations **set,
                                                          struct vdt_error *error);

/* Writes the file and puts it in the old one's place, durably. Nothing to do when nothing changed
 * since. VDT_ERR_ARGUMENT for a set that is not open for writing or has no file. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_save(struct vdt_annotations *set,
                                                    struct vdt_error *error);
/* Accepts NULL. What was not saved is gone. */
VDT_API void vdt_annotations_free(struct vdt_annotations *set);

/* Makes what lists and searches need, so that any number of threads may read the set until it is
 * changed again. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_prepare(struct vdt_annotations *set,
                                                       struct vdt_error *error);

/* Borrowed; "" for none. The path of the file, the uuid of the store, the group that it is bound
 * to ("" for all of them, or none). */
VDT_API const char *vdt_annotations_path(const struct vdt_annotations *set);
VDT_API const char *vdt_annotations_store_uuid(const struct vdt_annotations *set);
VDT_API const char *vdt_annotations_group(const struct vdt_annotations *set);
VDT_API bool vdt_annotations_bound(const struct vdt_annotations *set);
/* SHA-256 of the content of the file that was opened or last saved, 64 hex digits; "" for none. */
VDT_API const char *vdt_annotations_digest(const struct vdt_annotations *set);

/* Removes the set's file (and nothing else); VDT_ERR_BUSY while it is being written. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_delete(const char *path, struct vdt_error *error);

/* Names of the sets beside a store, sorted; *names is owned, release with vdt_names_free. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_names(const char *store, char ***names,
                                                     size_t *count, struct vdt_error *error);
VDT_API void vdt_names_free(char **names, size_t count);

/* --- samples: an index is stable and never used again ------------------------------------------
 */

/* Pointers are borrowed until the set changes. */
struct vdt_annotated_sample {
    const char *reference; /* of a bound set the store's key */
    uint32_t rows, cols;   /* of the image; 0: not known */
    bool annotated;        /* has annotations, or was marked as having none */
    uint64_t annotations;
    const char *group;    /* of the store; "" in a free set */
    uint64_t index;       /* in that group; UINT64_MAX in a free set */
    const char *metadata; /* JSON object; "" for none, and in a bound set: the store has it */
    int64_t code;         /* the caller's number, such as COCO's image id; INT64_MIN: none */
};

VDT_API uint64_t vdt_annotations_sample_count(const struct vdt_annotations *set);
/* VDT_ERR_NOT_FOUND for an index beyond the last. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_sample(const struct vdt_annotations *set,
                                                      uint64_t index,
                                                      struct vdt_annotated_sample *sample,
                                                      struct vdt_error *error);
/* By reference (refloc). VDT_ERR_NOT_FOUND names the reference. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_find_sample(struct vdt_annotations *set,
                                                           const char *reference, uint32_t *index,
                                                           struct vdt_error *error);

/* Registers a sample of a free set; rows and cols 0: not known. One that is there keeps its index;
 * sizes and metadata that are given replace those that are there only where `update` is true or
 * there were none. VDT_ERR_ARGUMENT in a bound set. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_add_sample(struct vdt_annotations *set,
                                                          const char *reference, uint32_t rows,
                                                          uint32_t cols, const char *metadata,
                                                          bool update, uint32_t *index,
                                                          struct vdt_error *error);

/* Says that a sample was looked at, whether something was found or not. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_mark(struct vdt_annotations *set, uint32_t sample,
                                                    struct vdt_error *error);
/* Removes a sample's annotations and its mark. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_clear(struct vdt_annotations *set, uint32_t sample,
                                                     struct vdt_error *error);

/* --- changing annotations -----------------------------------------------------------------------
 */

struct vdt_annotations_report {
    uint64_t added;
    uint64_t updated;
    uint64_t ignored; /* there already, and not to be updated */
    uint64_t failed;  /* records that were left out (skip_bad) */
    uint64_t samples; /* registered */
    uint64_t marked;  /* samples that are annotated now and were not */
    uint64_t dropped; /* of imports: what lies on no sample, or has no place in the form */
};

/* Zero means the default everywhere. */
struct vdt_annotations_change {
    bool update; /* an annotation whose (sample, id) is there replaces it; else it is left alone */
    bool skip_bad; /* records that are wrong are left out and told; else nothing of the call is
                      done when one is wrong */
    void (*problem)(const char *text, void *payload); /* one line for each that is left out */
    void *payload;
};

/* Adds annotations. All are looked at before any is added, so that by default all are in or none.
 * A failure names the record by its position in the call, its sample and its id: VDT_ERR_ARGUMENT
 * for one that is wrong, VDT_ERR_NOT_FOUND for a sample that is not there. Ids that occur twice in
 * one call on one sample are wrong. `change` and `report` may be NULL; *report is filled also for a
 * failure of records. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_add(struct vdt_annotations *set,
                                                   const struct vdt_annotation *annotations,
                                                   size_t count,
                                                   const struct vdt_annotations_change *change,
                                                   struct vdt_annotations_report *report,
                                                   struct vdt_error *error);

/* As vdt_annotations_add, from JSON: an array of annotations, one, or lines of one each
 * (schemas/annotation.schema.json). Members "sample" are references; in a free set unknown ones are
 * registered. {"sample": R} alone marks, {"sample": R, "rows":, "cols":, "code":, "metadata":}
 * describes it; {"category": {KEY: VALUE}, "code": N} numbers a value of a key, as COCO does.
 * `what` names the text in messages, with the line. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_add_json(struct vdt_annotations *set,
                                                        const char *text, size_t size,
                                                        const char *what,
                                                        const struct vdt_annotations_change *change,
                                                        struct vdt_annotations_report *report,
                                                        struct vdt_error *error);

/* Removes an annotation. The sample stays annotated. VDT_ERR_NOT_FOUND when it is not there. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_remove(struct vdt_annotations *set, uint32_t sample,
                                                      const char *id, struct vdt_error *error);

/* --- reading annotations -------------------------------------------------------------------------
 * A row is where an annotation is at the moment; it is good until the set changes. */

VDT_API uint64_t vdt_annotations_count(const struct vdt_annotations *set);

/* Rows of a sample's annotations in the order of adding; *rows is borrowed until the set changes.
 * VDT_ERR_NOT_FOUND for a sample beyond the last. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_list(struct vdt_annotations *set, uint32_t sample,
                                                    const uint64_t **rows, size_t *count,
                                                    struct vdt_error *error);
/* By the caller's id on a sample, and by number (loc). VDT_ERR_NOT_FOUND. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_find(struct vdt_annotations *set, uint32_t sample,
                                                    const char *id, uint64_t *row,
                                                    struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_annotations_find_number(struct vdt_annotations *set,
                                                           uint64_t number, uint64_t *row,
                                                           struct vdt_error *error);
/* `labels` has room for *label_count entries and gets as many as there is room for; *label_count
 * becomes how many there are. annotation->labels points there. Both may be NULL: without labels. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_get(const struct vdt_annotations *set, uint64_t row,
                                                   struct vdt_annotation *annotation,
                                                   struct vdt_label *labels, size_t *label_count,
                                                   struct vdt_error *error);
/* The JSON form of a row; *json belongs to the caller, release with vdt_string_free. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_json(const struct vdt_annotations *set, uint64_t row,
                                                    char **json, struct vdt_error *error);

/* The values that a key has in the set, sorted; borrowed until the set changes. Key NULL: "class".
 * vdt_annotations_keys: the keys, sorted. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_values(struct vdt_annotations *set, const char *key,
                                                      const char *const **values, size_t *count,
                                                      struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_annotations_keys(struct vdt_annotations *set,
                                                    const char *const **keys, size_t *count,
                                                    struct vdt_error *error);

/* --- columns for evaluation ----------------------------------------------------------------------
 */

enum vdt_annotation_form {
    VDT_FORM_BOX = 0, /* of every kind but labels its tight bounds */
    VDT_FORM_MASK,    /* run lengths: masks as they are, outlines filled as COCO does */
    VDT_FORM_POLYGON, /* outlines: boxes and rotated ones as polygons, masks along pixel edges */
    VDT_FORM_ROTATED  /* rotated rectangles; boxes with angle 0 */
};

/* Zero means the default everywhere. */
struct vdt_annotation_columns_options {
    enum vdt_annotation_form form;
    const char *key;               /* of the labels that are categories; NULL: "class" */
    const char *const *categories; /* their order; NULL: as the set has them (below). Annotations of
                                      other values are left out */
    size_t category_count;
    bool scores; /* predictions: each scored value of the key is a detection of its own; without a
                    score it is 1. Else ground truth: exactly one value each */
};

struct vdt_annotation_columns;

/* The set's objects as columns: images are the set's samples by index, categories the values of the
 * key. Categories of a set that came from COCO are in the order of COCO's ids, others in the order
 * of first use when they were saved. Annotations without a value of the key, labels of whole
 * samples and lines and points are left out. VDT_ERR_UNSUPPORTED where a kind cannot have the form.
 * The columns borrow from the set, which must outlive them and not change. */
VDT_API VDT_CHECKED vdt_status vdt_annotations_columns(
    struct vdt_annotations *set, const struct vdt_annotation_columns_options *options,
    struct vdt_annotation_columns **columns, struct vdt_error *error);
VDT_API void vdt_annotation_columns_free(struct vdt_annotation_columns *columns);
VDT_API const struct vdt_objects *
vdt_annotation_columns_objects(const struct vdt_annotation_columns *columns);
/* Rows of the set by object, so that an object is found again; [objects]. */
VDT_API const uint64_t *vdt_annotation_columns_rows(const struct vdt_annotation_columns *columns);
VDT_API uint32_t vdt_annotation_columns_image_count(const struct vdt_annotation_columns *columns);
VDT_API uint32_t
vdt_annotation_columns_category_count(const struct vdt_annotation_columns *columns);
VDT_API const char *vdt_annotation_columns_category(const struct vdt_annotation_columns *columns,
                                                    uint32_t category);

/* Labels of whole samples as columns: one row for each value of the key on each sample, by sample,
 * then in the order of adding. Owned by the caller of the struct; release with
 * vdt_annotation_labels_clear. */
struct vdt_annotation_labels {
    uint64_t count;
    uint32_t *sample;        /* [count] */
    uint32_t *category;      /* [count] index into categories */
    double *score;           /* [count] NaN: none */
    const char **categories; /* [category_count], the texts borrowed from the set */
    uint32_t category_count;
    uint64_t sample_count;
};
VDT_API VDT_CHECKED vdt_status vdt_annotations_labels(struct vdt_annotations *set, const char *key,
                                                      struct vdt_annotation_labels *labels,
                                                      struct vdt_error *error);
VDT_API void vdt_annotation_labels_clear(struct vdt_annotation_labels *labels);

/* --- class rasters
 * --------------------------------------------------------------------------------
 */

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_annotations_burn_options {
    const char *key;            /* of the labels that are classes; NULL: "class" */
    const char *const *classes; /* its values; annotations of others are left out */
    const uint16_t *values;     /* [class_count] of the pixels of each class; NULL: 1, 2, ... */
    size_t class_count;
    bool touched;  /* pixels that an outline touches as well; else those whose centre is inside, as
                      vdt_feed makes masks */
    bool scores;   /* predictions: of several labels the most likely; higher scores lie on top, and
                      flags say nothing. Without a score it is 1. Else ground truth: what was added
                      later lies on top, and what is to be ignored on top of all, as VDT_IGNORE_U16 */
    double lowest; /* predictions of lower scores are left out */
};

/* The class raster of a sample: boxes, rotated boxes, polygons and masks burnt into pixels[rows]
 * [cols], 0 where there is none. Lines, points and labels of whole samples have no area and are
 * left out. VDT_ERR_MISMATCH for a mask of another size. As vdt_annotations_list in threads. */
VDT_API VDT_CHECKED vdt_status
vdt_annotations_burn(struct vdt_annotations *set, uint32_t sample,
                     const struct vdt_annotations_burn_options *options, uint32_t rows,
                     uint32_t cols, uint16_t *pixels, struct vdt_error *error);

/* --- the formats of others ----------------------------------------------------------------------
 */

enum vdt_annotation_format {
    VDT_ANNOTATIONS_JSONL = 1, /* every kind and member: schemas/annotation.schema.json */
    VDT_ANNOTATIONS_COCO,      /* a file of ground truth, or a list of results */
    VDT_ANNOTATIONS_GEOJSON,   /* in ground coordinates */
    VDT_ANNOTATIONS_YOLO,      /* a folder: NAME.txt for each sample, classes.txt or data.yaml */
    VDT_ANNOTATIONS_VOC        /* a folder: NAME.xml for each sample */
};

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_annotations_exchange {
    const char *path;                  /* required: a file, of YOLO and VOC a folder */
    enum vdt_annotation_format format; /* 0: by the path and what is in it; required for exports */
    const char *key;         /* of the labels that the format calls classes; NULL: "class" */
    const char *class_field; /* GeoJSON: the property with the class; NULL: "class", or the
                                only one of "class", "label", "category", "name" */
    const char *crs;         /* GeoJSON, exports: "store" for the sample's own CRS, NULL for
                                longitude and latitude */
    bool oriented;           /* YOLO, imports: nine numbers are a rotated box, not an
                                outline; exports: boxes as four corners */
    struct vdt_annotations_change change;
    vdt_progress_fn progress;
    void *progress_payload;
};

/* Adds what a file or folder has. docs/annotations.md says what each format keeps. Samples of a
 * bound set are found by reference, or by the file name of the image without folders and extension;
 * a free set registers them. All or nothing unless change.skip_bad. `report` may be NULL. */
VDT_API VDT_CHECKED vdt_status
vdt_annotations_import(struct vdt_annotations *set, const struct vdt_annotations_exchange *options,
                       struct vdt_annotations_report *report, struct vdt_error *error);
/* Writes PATH, which must not be there, whole or not at all. report->dropped counts what the format
 * cannot hold. */
VDT_API VDT_CHECKED vdt_status
vdt_annotations_export(struct vdt_annotations *set, const struct vdt_annotations_exchange *options,
                       struct vdt_annotations_report *report, struct vdt_error *error);

VDT_END_DECLS
#endif

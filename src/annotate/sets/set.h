/* A set of annotations from inside: samples, records, and what finds them. */
#ifndef ANNOTATE_SET_H
#define ANNOTATE_SET_H

#include <vedatile/annotations.h>

#include "annotate/records/records.h"

/* {0} is empty; all columns have `count` rows. */
struct vdt_set_samples {
    size_t count, capacity;
    struct vdt_strings references;
    struct vdt_set_sample {
        uint32_t rows, cols; /* 0: not known */
        uint32_t group;      /* into groups; bound sets */
        uint32_t metadata;   /* into texts + 1; 0: none */
        uint64_t index;      /* in the store's group; UINT64_MAX in free sets */
        int64_t code;        /* the caller's number (COCO's image id); INT64_MIN: none */
        uint64_t marked;     /* 1: looked at */
    } * rows;
    struct vdt_strings texts;  /* of metadata */
    struct vdt_strings groups; /* names */
};

struct vdt_annotations {
    char *path; /* of its file; NULL: none */
    char *lock_path;
    int lock;      /* descriptor; negative: not open for writing */
    bool write;    /* may be saved */
    bool borrowed; /* of another object: may not be changed */
    bool changed;
    bool broken; /* a change failed half way: it is not saved any more */
    bool bound;
    char *store; /* its path; NULL: not known */
    char uuid[64];
    char *group; /* "": all */
    char created_at[32];
    char digest[VDT_TABLE_DIGEST_SIZE];
    uint64_t next_number;
    struct vdt_set_samples samples;
    struct vdt_record_columns records;

    /* Found when needed; gone with a change. */
    uint64_t *first;     /* [samples + 1] into by_sample; NULL: not there */
    uint64_t *by_sample; /* rows */
    uint64_t *slots;     /* of ids: row + 1; follows changes */
    size_t slot_count, slots_used;
    const char **names; /* of the last list of values or keys */
};

/* An empty free set in memory; NULL: memory is out. */
struct vdt_annotations *vdt_set_new(void);
void vdt_set_cleanup(struct vdt_annotations **set);

/* "PATH" or "annotations": what messages begin with. */
const char *vdt_set_name(const struct vdt_annotations *set);

/* Appends a sample. False: memory is out. */
bool vdt_set_add_sample(struct vdt_annotations *set, const char *reference,
                        const struct vdt_set_sample *row, uint32_t *index);
/* Says how many pixels a sample has where the set does not know, in memory only. */
void vdt_set_size_sample(struct vdt_annotations *set, uint32_t sample, uint32_t rows,
                         uint32_t cols);
/* Replaces its metadata (NULL or "": none). False: memory is out. */
bool vdt_set_describe(struct vdt_annotations *set, uint32_t sample, const char *metadata);

/* The number of a group's name; false: memory is out. */
bool vdt_set_group(struct vdt_annotations *set, const char *name, uint32_t *group);

/* The samples and records as columns of a file that may have more, and back: nothing of texts. RUNS
 * writes its committed files so. *set is empty before. */
vdt_status vdt_set_write(const struct vdt_annotations *set, struct vdt_table_writer *writer,
                         struct vdt_error *error);
vdt_status vdt_set_read(struct vdt_annotations *set, struct vdt_table_file *table,
                        struct vdt_error *error);

/* Makes a set that is bound to the store at set->store have its samples, in order; those that are
 * there must be the store's. */
vdt_status vdt_set_bind(struct vdt_annotations *set, struct vdt_error *error);

/* Rows of a sample and ids are found anew when they are asked for. */
void vdt_set_forget(struct vdt_annotations *set);

/* The row of (sample, id); UINT64_MAX: none. The index is made where it is not there; false: memory
 * is out. */
bool vdt_set_find_id(struct vdt_annotations *set, uint32_t sample, const char *id, uint64_t *row);
/* Appends a row and keeps the indexes right. False: memory is out. */
bool vdt_set_append(struct vdt_annotations *set, const struct vdt_annotation *annotation);

/* `stem` is the name of a file without folders and its last extension; the sample whose reference
 * is `name`, else the stem of it, else the one whose reference is a name with that stem.
 * UINT32_MAX: none, or two. False: memory is out. */
bool vdt_set_find_file(struct vdt_annotations *set, const char *name, uint32_t *sample);

#endif

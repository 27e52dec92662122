/* Records on their way into a set: collected first, so that all are looked at before one is in. */
#ifndef ANNOTATE_STAGED_H
#define ANNOTATE_STAGED_H

#include "annotate/sets/set.h"

struct vdt_staged {
    struct vdt_annotations *set; /* free, in memory: its samples are named, not yet found */
    uint64_t *places;            /* of each row: line or number in its file, from 1 */
    size_t place_capacity;
    const char *what;                            /* the file or call that they are of; borrowed */
    const char *noun;                            /* "line", "annotation": what a place is */
    bool by_file;                                /* samples are found by the names of files */
    bool scores;                                 /* of results: any finite numbers */
    const struct vdt_annotations_change *change; /* never NULL */
    struct vdt_annotations_report *report;       /* never NULL */
};

vdt_status vdt_staged_begin(struct vdt_staged *staged, const char *what, const char *noun,
                            const struct vdt_annotations_change *change,
                            struct vdt_annotations_report *report, struct vdt_error *error);
void vdt_staged_end(struct vdt_staged *staged);

/* The staged sample of a reference. */
vdt_status vdt_staged_sample(struct vdt_staged *staged, const char *reference, uint32_t rows,
                             uint32_t cols, uint32_t *sample, struct vdt_error *error);
/* Stages a record; a->sample is a staged sample. Nothing is checked here. */
vdt_status vdt_staged_add(struct vdt_staged *staged, const struct vdt_annotation *a, uint64_t place,
                          struct vdt_error *error);

/* Something about a place is wrong: tells it and returns VDT_OK when records may be left out, else
 * fails with `status`. `sample` and `id` may be NULL. */
vdt_status vdt_staged_problem(struct vdt_staged *staged, vdt_status status, uint64_t place,
                              const char *sample, const char *id, const char *why,
                              struct vdt_error *error);

/* Stages JSON: an array, one object, or lines of them. `text` ends with a NUL behind `size` bytes.
 */
vdt_status vdt_staged_json(struct vdt_staged *staged, const char *text, size_t size,
                           struct vdt_error *error);

/* Checks everything and puts it into `set`. */
vdt_status vdt_staged_merge(struct vdt_staged *staged, struct vdt_annotations *set,
                            struct vdt_error *error);

#endif

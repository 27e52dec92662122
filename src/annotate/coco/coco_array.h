/* Arrays of records in a COCO file, read by several threads. */
#ifndef ANNOTATE_COCO_ARRAY_H
#define ANNOTATE_COCO_ARRAY_H

#include "annotate/coco/coco_record.h"
#include "annotate/coco/coco_window.h"

struct vdt_coco_array {
    enum vdt_coco_kind kind;
    const char *name; /* of the array in messages; NULL: the file is the array */
    uint32_t threads; /* 0: one per core */
    uint64_t piece;   /* bytes that a thread reads at once; 0: the default */
    bool seen;        /* was read */
};

/* Reads the array whose '[' the window has just taken into `all`; the window is then behind its
 * ']'. A failure is told with file, byte and record. */
vdt_status vdt_coco_read_array(struct vdt_coco_window *window, const struct vdt_coco_array *array,
                               struct vdt_coco_part *all, struct vdt_error *error);

/* The window's problem as an error. `record` from 1; 0: not in a record. */
vdt_status vdt_coco_fail(const struct vdt_coco_window *window, const char *name, uint64_t record,
                         struct vdt_error *error);

#endif

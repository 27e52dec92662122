/* Records of COCO files: from text to columns. */
#ifndef ANNOTATE_COCO_RECORD_H
#define ANNOTATE_COCO_RECORD_H

#include "annotate/coco/coco_part.h"
#include "annotate/coco/coco_text.h"

enum vdt_coco_kind {
    VDT_COCO_IMAGE,      /* columns VDT_COCO_NAMED; the text is the file's name */
    VDT_COCO_CATEGORY,   /* columns VDT_COCO_NAMED; name, NUL, supercategory */
    VDT_COCO_ANNOTATION, /* VDT_COCO_LABELLED, and _SHAPES and _ATTRIBUTES where they are wanted */
    VDT_COCO_RESULT,     /* VDT_COCO_FOUND, and the same */
    VDT_COCO_OTHER       /* passed over, and no object necessarily */
};

/* Takes the record that is next. With a problem, what it left in the part is for
 * vdt_coco_part_cut. */
bool vdt_coco_record(struct vdt_coco_text *text, enum vdt_coco_kind kind,
                     struct vdt_coco_part *part);

/* The value of `segmentation`: appends its counts or rings, without their ends. */
struct vdt_coco_segmentation {
    uint8_t shape;    /* enum vdt_coco_shape */
    uint32_t size[2]; /* rows, cols */
};
bool vdt_coco_read_segmentation(struct vdt_coco_text *text, struct vdt_coco_part *part,
                                struct vdt_coco_segmentation *segmentation);

#endif

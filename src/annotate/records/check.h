/* Whether an annotation can be, and what follows from its geometry. No I/O. */
#ifndef ANNOTATE_CHECK_H
#define ANNOTATE_CHECK_H

#include <vedatile/annotations.h>

/* Of a record that could not be looked at: nothing is wrong with it. */
#define VDT_WHY_MEMORY "out of memory"

enum {
    VDT_ANNOTATION_WHY = 256,
    VDT_ANNOTATION_LONGEST_ID = 1024,
    VDT_ANNOTATION_FARTHEST = 1000000000, /* beyond this, coordinates are no pixels */
    VDT_ANNOTATION_FLAGS = VDT_ANNOTATION_CROWD | VDT_ANNOTATION_IGNORE | VDT_ANNOTATION_DIFFICULT
};

/* False, and why (with the remedy where there is one), for an annotation that cannot be. rows and
 * cols are the sample's, 0: not known. `prediction`: it may lie outside of the sample, and its
 * scores may be any finite numbers; otherwise it has to meet the sample and scores are 0..1. */
bool vdt_annotation_check(const struct vdt_annotation *a, uint32_t rows, uint32_t cols,
                          bool prediction, char why[VDT_ANNOTATION_WHY]);

/* x, y, width, height around a checked annotation; zeros for labels and empty masks. */
void vdt_annotation_bounds(const struct vdt_annotation *a, double box[4]);

/* Square pixels of its shape; NaN for labels, lines and points. */
double vdt_annotation_area(const struct vdt_annotation *a);

#endif

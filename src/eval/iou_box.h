/* Which boxes of a cell overlap a box, and how much: without asking all of them where there are
 * many. */
#ifndef EVAL_IOU_BOX_H
#define EVAL_IOU_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/detection.h>

/* The ground truth of one cell; {0} is empty, memory is used again from cell to cell. */
struct vdt_box_set {
    size_t count;
    size_t capacity;
    double *left, *top, *right, *bottom, *area; /* [count] */
    bool *crowd;
    struct vdt_box_strip *strips; /* where there are many: boxes of about the same width each */
    size_t strip_count;
    struct vdt_box_place *places; /* [count] by strip and left edge */
    size_t place_capacity;
};

/* Takes boxes g[0 .. count-1] of `objects`. False when memory is out. */
bool vdt_box_set_fill(struct vdt_box_set *set, const struct vdt_objects *objects, const uint32_t *g,
                      size_t count);
void vdt_box_set_clear(struct vdt_box_set *set);

/* A set of boxes of other things: after _reserve the caller fills left, top, right and bottom, and
 * _index makes ready what _touching needs. False when memory is out. */
bool vdt_box_set_reserve(struct vdt_box_set *set, size_t count);
bool vdt_box_set_index(struct vdt_box_set *set);

/* Those of the set that share more than a border with `sides` (xmin, ymin, xmax, ymax): their
 * places in rising order. `found` has room for all. */
size_t vdt_box_set_touching(const struct vdt_box_set *set, const double sides[4], uint32_t *found);

/* Those of the set that `box` (x, y, width, height) overlaps with an IoU of `lowest` or more, in
 * no order: their places in the set and their IoU, as pycocotools computes it. Both arrays have
 * room for all. With `lowest` 0 or less these are all. */
size_t vdt_box_set_find(const struct vdt_box_set *set, const double box[4], double lowest,
                        uint32_t *found, double *iou);

#endif

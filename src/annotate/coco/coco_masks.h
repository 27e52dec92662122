/* Masks of a COCO file's records. */
#ifndef ANNOTATE_COCO_MASKS_H
#define ANNOTATE_COCO_MASKS_H

#include "annotate/coco/coco_file.h"

/* Fills coco->shapes with a mask for each record. `image` has the places of their images in those
 * of `truth`, which say how large masks of polygons are. */
vdt_status vdt_coco_make_masks(struct vdt_coco *coco, const struct vdt_coco *truth,
                               const uint32_t *image, struct vdt_error *error);

#endif

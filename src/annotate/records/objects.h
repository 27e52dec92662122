/* Columns of objects from inside. */
#ifndef ANNOTATE_OBJECTS_H
#define ANNOTATE_OBJECTS_H

#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "annotate/records/check.h"
#include "annotate/sets/set.h"

/* Polygons that are gathered; capacities beside them. */
struct vdt_outlines {
    double (*points)[2];
    uint64_t *rings, *parts, *shapes;
    size_t point_count, point_capacity, ring_count, ring_capacity, part_count, part_capacity;
};

/* What is lent from the set is in `objects` alone. */
struct vdt_annotation_columns {
    struct vdt_objects objects;
    struct vdt_shapes shapes;
    uint32_t image_count, category_count;
    const char **categories;
    uint64_t *rows;
    uint32_t *image, *category;
    double *score, (*box)[4], *area, (*rotated)[5];
    uint8_t *crowd, *ignore;
    struct vdt_outlines outlines;
    struct vdt_masks *masks;
};

/* Shapes of columns->rows in a form other than boxes. */
vdt_status vdt_objects_shapes(const struct vdt_annotations *set, enum vdt_annotation_form form,
                              struct vdt_annotation_columns *columns, struct vdt_error *error);

/* Adds the mask of a polygon: all outer rings joined, as COCO has it, without what its holes have.
 */
vdt_status vdt_mask_draw(struct vdt_masks *masks, const struct vdt_annotation *polygon,
                         uint32_t rows, uint32_t cols, struct vdt_error *error);

/* Adds the outline of an annotation as polygons: of masks along the edges of pixels. False: memory
 * is out. */
bool vdt_outline_add(struct vdt_outlines *outlines, const struct vdt_annotation *a);

#endif

/* Outlines of the objects of an instance mask, along the edges of pixels. */
#ifndef EXCHANGE_CONTOUR_H
#define EXCHANGE_CONTOUR_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

/* {0} is empty; used again from mask to mask. */
struct vdt_contour {
    struct vdt_contour_box {
        uint32_t left, top, right, bottom; /* right and bottom exclusive; left == right: no pixel */
    } * boxes;                             /* [box_count] by id - 1 */
    size_t box_count, box_capacity;
    unsigned char *edges; /* leaving each corner of the object's box */
    size_t edge_capacity;
    uint32_t (*points)[2];
    size_t point_count, point_capacity;
};
void vdt_contour_clear(struct vdt_contour *contour);

/* Finds where the objects 1 .. count lie. */
vdt_status vdt_contour_find(struct vdt_contour *contour, const uint16_t *instances, uint32_t rows,
                            uint32_t cols, size_t count, struct vdt_error *error);

/* The points of object `id` as one polygon, corners of pixels: each 4-connected part and each hole
 * is a ring, and rings after the first are reached from its first point and left to it again, so
 * that by the even-odd rule at pixel centres the polygon is exactly the object. point_count is 0
 * for an object without pixels. */
vdt_status vdt_contour_trace(struct vdt_contour *contour, const uint16_t *instances, uint32_t cols,
                             uint16_t id, struct vdt_error *error);

#endif

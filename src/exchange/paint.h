/* Outlines and run lengths of objects to an instance mask. */
#ifndef EXCHANGE_PAINT_H
#define EXCHANGE_PAINT_H

#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/buffer.h"
#include "base/geometry.h"
#include "encode/raster.h"

/* Scratch, used again; {0} is empty. */
struct vdt_paint {
    struct vdt_raster raster;
    double (*points)[2]; /* of one polygon, in pixels: the caller's to fill */
    size_t point_count, point_capacity;
};
void vdt_paint_clear(struct vdt_paint *paint);

/* Appends a point. False: memory is out. */
bool vdt_paint_point(struct vdt_paint *paint, double x, double y);

/* Burns `id` where the polygon of paint->points covers pixel centres, by the even-odd rule; fewer
 * than three points cover nothing. */
vdt_status vdt_paint_polygon(struct vdt_paint *paint, const struct vdt_tile_spec *tile, uint16_t id,
                             uint16_t *instances, struct vdt_error *error);

/* Run lengths as COCO's text; false when they are damaged or do not fill the tile. */
bool vdt_paint_rle(const char *text, const struct vdt_tile_spec *tile, uint16_t id,
                   uint16_t *instances);

#endif

/* The labels of a sample on top of its picture. */
#ifndef TOOL_OVERLAY_H
#define TOOL_OVERLAY_H

#include <cairo.h>

#include "labels.h"
#include "palette.h"

/* Draws targets (or else distances), mask, instances, boundary, contact and boxes into the
 * rectangle of width x height at the context's origin. `tile` is the size in which the labels are
 * given. */
vdt_status overlay_draw(cairo_t *cairo, const struct labels *labels,
                        const struct vdt_tile_spec *tile, int width, int height,
                        struct vdt_error *error);

/* The colours of boundary, contact, distance (outside to inside) or target (least to largest, in
 * each tile): how many there are, 0 for other tasks. For the legend. */
enum { OVERLAY_COLOURS = 3 };
int overlay_colours(enum vdt_task task, struct colour colours[OVERLAY_COLOURS]);

/* The pattern of ignored pixels in a rectangle, for the legend. */
void overlay_draw_ignore(cairo_t *cairo, double x, double y, double width, double height);

#endif

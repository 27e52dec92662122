/* The labels of a sample on top of its picture. */
#ifndef TOOL_OVERLAY_H
#define TOOL_OVERLAY_H

#include <cairo.h>

#include "labels.h"

/* Draws targets (or else distances), mask, instances, boundary, contact and boxes into the
 * rectangle of width x height at the context's origin. `tile` is the size in which the labels are
 * given. */
vdt_status overlay_draw(cairo_t *cairo, const struct labels *labels,
                        const struct vdt_tile_spec *tile, int width, int height,
                        struct vdt_error *error);

/* The pattern of ignored pixels in a rectangle, for the legend. */
void overlay_draw_ignore(cairo_t *cairo, double x, double y, double width, double height);

#endif

/* A fixed grid on the ground that outlives the scene it was taken from: the pixels of one scene,
 * going on beyond its edges. Ground blocks of a split are counted on it. */
#ifndef SOURCE_FRAME_H
#define SOURCE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

#include "source/scenes/scene.h"

struct vdt_frame; /* one thread */

/* `crs` is WKT ("" for none: then only scenes without a CRS have a place on it). */
vdt_status vdt_frame_open(const char *crs, const double geotransform[6], struct vdt_frame **frame,
                          struct vdt_error *error);
void vdt_frame_free(struct vdt_frame *frame);

/* Pixel positions (x, y) of a scene -> positions on the frame, in place. ok [count] says which
 * could be mapped. A scene on the frame's own grid keeps its positions up to rounding. */
vdt_status vdt_frame_place(const struct vdt_frame *frame, struct vdt_scene *scene,
                           double (*points)[2], size_t count, bool *ok, struct vdt_error *error);

/* Metres along one step of x and of y at a position of the frame; false when it has no CRS or the
 * position no place on Earth. */
bool vdt_frame_metres(const struct vdt_frame *frame, const double point[2], double metres[2]);

/* Metres on the WGS 84 ellipsoid between the lines of x and x + 1, and of y and y + 1, at a
 * position of the frame: less than a step where the axes are not at right angles. False as above.
 */
bool vdt_frame_spacing(const struct vdt_frame *frame, const double point[2], double spacing[2]);

#endif

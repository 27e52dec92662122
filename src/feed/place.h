/* Where windows lie on the ground. */
#ifndef FEED_PLACE_H
#define FEED_PLACE_H

#include <stdbool.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "source/scenes/frame.h"
#include "source/scenes/scene.h"

/* west, south, east, north in degrees of a window's outline; west > east when it crosses the
 * antimeridian. All NaN (and false) when the scene has no place on the ground. */
bool vdt_place_bounds(struct vdt_scene *scene, const struct vdt_window *window, double bounds[4]);

/* xmin, ymin, xmax, ymax of a window's outline on a frame; false when it has no place there. */
bool vdt_place_ground(const struct vdt_frame *frame, struct vdt_scene *scene,
                      const struct vdt_window *window, double box[4]);

/* Whether two lon/lat bounds overlap. */
bool vdt_place_overlap(const double a[4], const double b[4]);

#endif

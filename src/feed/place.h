/* Where windows lie on the ground. */
#ifndef FEED_PLACE_H
#define FEED_PLACE_H

#include <stdbool.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "source/scene.h"

/* west, south, east, north in degrees of a window's outline; west > east when it crosses the
 * antimeridian. All NaN (and false) when the scene has no place on the ground. */
bool vdt_place_bounds(struct vdt_scene *scene, const struct vdt_window *window, double bounds[4]);

/* The same on the equal-area grid of tile/split.h: one box, or two where the antimeridian cuts the
 * window. Returns how many; 0 when the scene has no place. */
int vdt_place_ground(struct vdt_scene *scene, const struct vdt_window *window, double boxes[2][4]);

/* Whether two lon/lat bounds overlap. */
bool vdt_place_overlap(const double a[4], const double b[4]);

#endif

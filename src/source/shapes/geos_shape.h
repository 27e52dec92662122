/* What GEOS makes, as packed parts. Private to source/. */
#ifndef SOURCE_GEOS_SHAPE_H
#define SOURCE_GEOS_SHAPE_H

#include <geos_c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/geometry.h"

/* Appends the polygons of a geometry as parts; points and lines in it have no ground and are left
 * out. False when memory is out. */
bool vdt_geos_append(GEOSContextHandle_t geos, const GEOSGeometry *shape, struct vdt_geometry *to);

/* Appends the ground within `distance` of lines, given as one run of points with `counts` [lines]
 * points each; one point is a point. Joins and caps are round, 16 segments a quarter circle. False
 * when GEOS cannot, or memory is out. */
bool vdt_geos_buffer(GEOSContextHandle_t geos, const double (*points)[2], const size_t *counts,
                     size_t lines, double distance, struct vdt_geometry *to);

enum { VDT_QUARTER_SEGMENTS = 16 };

#endif

/* OGR's polygons as packed, valid parts. Private to source/. */
#ifndef SOURCE_SHAPE_H
#define SOURCE_SHAPE_H

#include <ogr_api.h>
#include <stdbool.h>
#include <vedatile/error.h>

#include "base/geometry.h"

/* What became of one geometry. */
struct vdt_shape {
    size_t parts;     /* appended */
    size_t lines;     /* of these, the last ones: lines and points */
    bool repaired;    /* it was invalid and is valid now */
    bool not_finite;  /* a coordinate is no number: what was appended is not all of it */
    char no_area[40]; /* "" or a point or line met on the way, such as "LineString" */
    char broken[192]; /* "" or why nothing could be made of a polygon */
};

/* Appends the polygons of a geometry, whatever it is nested in; curves are made linear, heights and
 * repeated points dropped, rings of less than three distinct points too. Each polygon by itself is
 * valid (OGC) afterwards; polygons of one geometry may overlap. With `lines`, its lines and points
 * follow as parts of their own. Fails only when memory is out. */
vdt_status vdt_shape_append(struct vdt_geometry *geometry, OGRGeometryH shape, bool lines,
                            struct vdt_shape *result, struct vdt_error *error);

/* The same for one polygon of raw rings, outer ring first; counts [rings] are their points. Adds to
 * *result, which begins as {0}, all but `parts`. OGR and GEOS are asked only about what is not
 * certainly valid. */
vdt_status vdt_shape_append_rings(struct vdt_geometry *geometry, const double (*points)[2],
                                  const size_t *counts, size_t rings, struct vdt_shape *result,
                                  struct vdt_error *error);

/* The same for one line, or with one point for a point, as the last part. */
vdt_status vdt_shape_append_line(struct vdt_geometry *geometry, const double (*points)[2],
                                 size_t count, struct vdt_shape *result, struct vdt_error *error);

/* True when a ring is certainly simple; false when it is not or that is too close to call. */
bool vdt_ring_is_simple(const double (*points)[2], size_t count);

#endif

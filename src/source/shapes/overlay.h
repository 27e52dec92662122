/* Polygons cut, joined and compared in a plane, by GEOS. */
#ifndef SOURCE_OVERLAY_H
#define SOURCE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

#include "base/geometry.h"

struct vdt_overlay; /* one thread */

/* *overlay is owned. */
vdt_status vdt_overlay_open(struct vdt_overlay **overlay, struct vdt_error *error);
void vdt_overlay_free(struct vdt_overlay *overlay); /* accepts NULL */

/* Parts [first, first + count) of a geometry; what they share is theirs once. An outline that
 * crosses itself is what GEOS makes of it by structure: all that it goes round. */
struct vdt_overlay_parts {
    const struct vdt_geometry *geometry;
    size_t first, count;
    bool valid; /* none crosses itself, they share no ground: as vdt_overlay_mend leaves them */
};

/* Appends the shape as valid parts that share no ground; *mended is false, and nothing is appended,
 * where it is that already. */
vdt_status vdt_overlay_mend(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shape,
                            bool *mended, struct vdt_geometry *to, struct vdt_error *error);

/* The area that two have in common. */
vdt_status vdt_overlay_shared(struct vdt_overlay *overlay, const struct vdt_overlay_parts *a,
                              const struct vdt_overlay_parts *b, double *area,
                              struct vdt_error *error);

/* Appends what lies in a rectangle (xmin, ymin, xmax, ymax) as parts; *to may not be the geometry
 * that is cut. No part where nothing does. */
vdt_status vdt_overlay_cut(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shape,
                           const double rectangle[4], struct vdt_geometry *to,
                           struct vdt_error *error);

/* Appends what two have in common as parts; *to may be neither of them. */
vdt_status vdt_overlay_common(struct vdt_overlay *overlay, const struct vdt_overlay_parts *a,
                              const struct vdt_overlay_parts *b, struct vdt_geometry *to,
                              struct vdt_error *error);

/* Appends all of them as parts that share no ground. */
vdt_status vdt_overlay_join(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shapes,
                            size_t count, struct vdt_geometry *to, struct vdt_error *error);

#endif

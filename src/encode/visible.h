/* What of a feature can be seen in a window: clipped box and visible share of its area. */
#ifndef ENCODE_VISIBLE_H
#define ENCODE_VISIBLE_H

#include <stdbool.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "base/geometry.h"

/* Scratch memory for clipping; {0} is empty. One thread. */
struct vdt_clip {
    double (*from)[2];
    double (*to)[2];
    size_t from_capacity, to_capacity;
};

void vdt_clip_clear(struct vdt_clip *clip);

struct vdt_visible {
    double box[4]; /* xmin, ymin, xmax, ymax of the part inside, in window pixels */
    double share;  /* area inside / whole area, 0..1; exactly 1 when `whole` */
    bool whole;    /* the feature lies wholly inside the window (touching the edge is inside) */
};

/* Box and share of the polygon-window intersection itself (clip first, then box: a diagonal
 * shape's box is not over-covered). share is 0 (and the box meaningless) when no area is inside.
 * Exact up to rounding: area by Sutherland-Hodgman per ring (holes taken off), box from ring edges
 * cut to the window plus the window's corners that lie inside the polygon. */
vdt_status vdt_visible(struct vdt_clip *clip, const struct vdt_geometry *geometry, size_t feature,
                       const struct vdt_window *window, struct vdt_visible *visible,
                       struct vdt_error *error);

#endif

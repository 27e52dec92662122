/* Outlines between CRSs, and what of them lies in a rectangle. */
#ifndef SOURCE_CLIP_SHAPE_H
#define SOURCE_CLIP_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/geometry.h"

struct vdt_reproject; /* one thread */

/* From one CRS to another, each WKT or "EPSG:n", x (east, longitude) first. NULL when one is no CRS
 * or there is no way; released with vdt_reproject_free. */
struct vdt_reproject *vdt_reproject_open(const char *from, const char *to);
void vdt_reproject_free(struct vdt_reproject *reproject); /* accepts NULL */
/* In place; false when a point has no place there. */
bool vdt_reproject_points(struct vdt_reproject *reproject, double (*points)[2], size_t count);

/* Polygons (dimension 2), lines (1) or points (0) as parts of runs of points, as in
 * vdt_annotation. */
struct vdt_outline_in {
    int dimension;
    const double (*points)[2];
    const uint64_t *ring_offsets, *part_offsets;
    size_t part_count;
};

/* Appends what of it lies in the rectangle xmin, ymin, xmax, ymax, as parts; nothing where they
 * only touch. What lies inside as a whole keeps its points as they are; polygons that cross
 * themselves are repaired before they are cut. VDT_ERR_FORMAT when that cannot be done. */
vdt_status vdt_clip_outline(const struct vdt_outline_in *shape, const double box[4],
                            struct vdt_geometry *to, struct vdt_error *error);

#endif

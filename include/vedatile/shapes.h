/* Outlines and masks of objects: run lengths as COCO has them, polygons, rotated boxes, and how
 * much of them overlaps. All pixels are (x right, y down), and pixel (0, 0) covers the square from
 * (0, 0) to (1, 1). Any thread; different vdt_masks may be used at the same time. */
#ifndef VEDATILE_SHAPES_H
#define VEDATILE_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedatile/error.h"
#include "vedatile/export.h"

VDT_BEGIN_DECLS

enum vdt_shape_kind {
    VDT_SHAPE_RLE = 1, /* masks of pixels */
    VDT_SHAPE_POLYGON, /* parts with holes */
    VDT_SHAPE_ROTATED  /* boxes turned about their middle */
};

/* Shapes of one kind as columns. All pointers are borrowed; those of other kinds are NULL. */
struct vdt_shapes {
    enum vdt_shape_kind kind;
    uint64_t count;

    /* VDT_SHAPE_RLE: shape i has the runs counts[count_offsets[i]] to counts[count_offsets[i + 1]]:
     * down each column, column by column, the first run is of zeros. They add up to rows * cols,
     * which is below 2^32. */
    const uint32_t *counts;
    const uint64_t *count_offsets; /* [count + 1] */
    const uint32_t (*size)[2];     /* rows, cols [count] */

    /* VDT_SHAPE_POLYGON: shapes of parts of rings of points (x, y). A ring does not repeat its
     * first point; the first ring of a part is its outer one, the others are holes. */
    const double (*points)[2];
    const uint64_t *ring_offsets;  /* [rings + 1] into points */
    const uint64_t *part_offsets;  /* [parts + 1] into rings */
    const uint64_t *shape_offsets; /* [count + 1] into parts */

    /* VDT_SHAPE_ROTATED: middle x, middle y, width, height, and the angle in radians that turns x
     * towards y. */
    const double (*rotated)[5];
};

VDT_END_DECLS
#endif

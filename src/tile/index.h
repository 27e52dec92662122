/* A static packed R-tree (sort-tile-recursive) over boxes: which features may meet a rectangle. */
#ifndef TILE_INDEX_H
#define TILE_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/geometry.h"

struct vdt_index;

/* `boxes` [count][4] = xmin, ymin, xmax, ymax, copied. count may be 0. *index is owned. */
vdt_status vdt_index_build(const double (*boxes)[4], size_t count, struct vdt_index **index,
                           struct vdt_error *error);
/* Over the boxes of all features, by their place in the geometry. */
vdt_status vdt_index_geometry(const struct vdt_geometry *geometry, struct vdt_index **index,
                              struct vdt_error *error);
void vdt_index_free(struct vdt_index *index);

/* Growable result, reused between queries; {0} is empty, release ids with free(). */
struct vdt_hits {
    uint32_t *ids;
    size_t count;
    size_t capacity;
};

/* Ids of all boxes that overlap or touch the rectangle, in rising order. Thread-safe. */
vdt_status vdt_index_query(const struct vdt_index *index, const double rectangle[4],
                           struct vdt_hits *hits, struct vdt_error *error);

#endif

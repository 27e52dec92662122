/* What the overlap of masks and of outlines is computed with. Private to eval/iou.c. */
#ifndef EVAL_OVERLAP_H
#define EVAL_OVERLAP_H

#include <geos_c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/shapes.h>

#include "base/shared_area.h"

/* --- masks ---------------------------------------------------------------------------------- */

struct vdt_mask_item {
    uint32_t rows, cols;
    uint32_t x0, y0, x1, y1; /* of the ones; the upper limits are behind them; all 0: none */
    uint32_t area;
    uint32_t pairs;   /* it has to be compared with */
    size_t first;     /* into spans: pixels from [0] to before [1], in column order */
    size_t spans;     /* how many */
    size_t bits;      /* into words, a run of them for each column; SIZE_MAX: not made */
    uint32_t word0;   /* the first word of a column */
    uint32_t columns; /* words of a column */
};

/* Spans and bits of the masks of one call; {0} is empty. */
struct vdt_mask_store {
    uint32_t (*spans)[2];
    size_t span_count, span_capacity;
    uint64_t *words;
    size_t word_count, word_capacity;
};
void vdt_mask_store_clear(struct vdt_mask_store *store);

bool vdt_mask_item_make(struct vdt_mask_store *store, const struct vdt_shapes *shapes,
                        uint64_t index, struct vdt_mask_item *item);

/* Pixels that both have, of masks of one size whose boxes overlap. */
uint32_t vdt_mask_items_share(struct vdt_mask_store *store, struct vdt_mask_item *a,
                              struct vdt_mask_item *b);

/* --- polygons and rotated boxes ------------------------------------------------------------- */

/* A thread's handle of GEOS with the last thing that it said; {0} is empty. */
struct vdt_plane_geos {
    GEOSContextHandle_t handle;
    char message[256];
    struct vdt_shared_area small;
};
void vdt_plane_geos_clear(struct vdt_plane_geos *geos);

enum { VDT_CONVEX_MOST = 16 };

struct vdt_plane {
    const struct vdt_shapes *shapes;
    uint64_t index;
    double box[4];                     /* xmin, ymin, xmax, ymax; all zero when empty */
    double area;                       /* NaN: not known yet */
    size_t corners;                    /* of a convex one, counter-clockwise; else 0 */
    double points[VDT_CONVEX_MOST][2]; /* of a convex one */
    GEOSGeometry *geometry;            /* of the others, made when it is needed; owned */
    size_t plain; /* points of one that was valid as it was, when the geometry is made; else 0 */
};
void vdt_plane_make(const struct vdt_shapes *shapes, uint64_t index, struct vdt_plane *outline);
void vdt_plane_clear(struct vdt_plane_geos *geos, struct vdt_plane *outline);

/* Computes the area where it is not known. */
vdt_status vdt_plane_measure(struct vdt_plane_geos *geos, struct vdt_plane *outline,
                             struct vdt_error *error);

/* The area that both have; both are measured. */
vdt_status vdt_planes_share(struct vdt_plane_geos *geos, struct vdt_plane *a, struct vdt_plane *b,
                            double *area, struct vdt_error *error);

#endif

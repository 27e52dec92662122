/* The features near a window -> the arrays of a sample. */
#ifndef ENCODE_ENCODE_H
#define ENCODE_ENCODE_H

#include <vedatile/feed.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "base/geometry.h"
#include "encode/footprint.h"
#include "encode/raster.h"
#include "encode/visible.h"
#include "tile/index.h"

/* What one feed asks of every window; borrowed by the encoder. */
struct vdt_encode_rules {
    uint32_t tasks;
    size_t class_count;
    enum vdt_match match;
    bool keep_empty; /* windows without an object stay, whatever `match` is: they were chosen */
    enum vdt_mask_rule mask_rule;
    enum vdt_mask_order mask_order;
    double min_visible;
    enum vdt_boundary boundary;
    uint32_t boundary_width; /* 1 to 1024 */
    double distance_limit;   /* above 0 to 1024 */
};

/* Polygons of a scene beside its features; borrowed. {NULL}: none. */
struct vdt_overlay {
    const struct vdt_geometry *geometry;
    const struct vdt_index *index;
};

/* A feature in burn order: by rising key, then as in the file. */
struct vdt_burn {
    double key;
    uint32_t feature;
    uint32_t box; /* its 1-based row among the boxes, 0: none */
};

/* One worker's encoder: scratch and the arrays of the last window. {0}, then set rules; seen for
 * each window, and the overlays before a window of another scene. */
struct vdt_encoder {
    struct vdt_encode_rules rules;
    const uint8_t *seen; /* of the next window [rows * cols], borrowed; NULL: all. Pixels that are 0
                            are ignore, and what has only those is no object */
    /* What of the next window lies below the features, [rows * cols], borrowed; NULL: nothing.
     * `base` has 0, class id + 1, or UINT32_MAX for ignore, and its classes count as objects in
     * one-hot vectors and for `keep`, but not for VDT_MATCH_INSIDE; `base_target` has numbers or
     * NaN, and no feature is burnt over them. */
    const uint32_t *base;
    const float *base_target;
    struct vdt_overlay contacts; /* where objects nearly touch, for VDT_CONTACT */
    struct vdt_overlay ignore;
    struct vdt_raster raster;
    struct vdt_clip clip;
    struct vdt_hits hits;
    uint8_t *onehot;
    size_t box_capacity;
    float (*boxes)[4];
    uint16_t *box_class;
    int64_t *box_feature;
    float *box_visible;
    struct vdt_burn *order; /* of the features that hit the window */
    size_t order_capacity;
    void *mask;
    uint16_t *instances;
    size_t mask_pixels;
    struct vdt_around around;
    struct vdt_hits near; /* of an overlay, or of the window with its halo */
    struct vdt_buffer kinds, boundary, contact, distance, target;
};

struct vdt_encoded {
    struct vdt_labels labels; /* borrowed from the encoder until its next use; zeros unless keep */
    bool keep;                /* by rules.match: does the window stay? */
    uint64_t slivers;         /* boxes dropped by min_visible; 0 without boxes */
};

void vdt_encoder_clear(struct vdt_encoder *encoder);

/* Fast answer to `keep` alone, without arrays (for a dry run). */
vdt_status vdt_encode_keep(struct vdt_encoder *encoder, const struct vdt_geometry *geometry,
                           const struct vdt_index *index, const struct vdt_window *window,
                           int32_t scene_cols, int32_t scene_rows, bool *keep,
                           struct vdt_error *error);

/* `geometry` in scene pixels, `index` over its features' boxes; both may be NULL (no labels: every
 * array is empty and keep is true). scene_cols, scene_rows: pixels of the window outside the scene
 * are ignore (255 or 65535, NaN for numbers), but 0 in the instances; so are pixels of the ignore
 * overlay. Boundary, contact and distance are of all features together. Arrays are made for the
 * tasks asked: detection and instance make boxes; the mask is uint16 when class_count > 254.
 * Objects (one-hot, boxes) are features with area inside the window and the scene, by rules.match
 * and min_visible, in file order; burn order by mask_order. An instance pixel's value is the
 * 1-based row of its box; features without a box burn none. A box is never empty: where single
 * precision would make it so, it is one step wide. More than 65535 boxes in one tile fail with
 * VDT_ERR_UNSUPPORTED. */
vdt_status vdt_encode(struct vdt_encoder *encoder, const struct vdt_geometry *geometry,
                      const struct vdt_index *index, const struct vdt_window *window,
                      int32_t scene_cols, int32_t scene_rows, struct vdt_encoded *encoded,
                      struct vdt_error *error);

#endif

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

/* Refuses what the other calls may not see: offsets that fall, runs that do not add up, numbers
 * that are not finite, rings of fewer than 3 points. VDT_ERR_ARGUMENT names the first such shape.
 */
VDT_API VDT_CHECKED vdt_status vdt_shapes_check(const struct vdt_shapes *shapes,
                                                struct vdt_error *error);

/* area[count]: pixels of masks, the plane's unit squared of the others. Holes are taken off; what
 * parts of a polygon share is counted once. */
VDT_API VDT_CHECKED vdt_status vdt_shapes_area(const struct vdt_shapes *shapes, double *area,
                                               struct vdt_error *error);

/* box[count]: x, y, width, height around each; all zero for an empty mask or polygon. */
VDT_API void vdt_shapes_box(const struct vdt_shapes *shapes, double (*box)[4]);

/* iou[a.count][b.count]: intersection over union, of shapes of one kind. Where crowd (may be NULL)
 * has b as a crowd, the area of a stands for the union. Masks of different sizes whose boxes
 * overlap have -1, as pycocotools has it. Results that are below `lowest` may be 0 instead. */
VDT_API VDT_CHECKED vdt_status vdt_shapes_iou(const struct vdt_shapes *a,
                                              const struct vdt_shapes *b, const uint8_t *crowd,
                                              double lowest, double *iou, struct vdt_error *error);

/* The same for plain boxes: x, y, width, height. */
VDT_API void vdt_boxes_iou(const double (*a)[4], size_t a_count, const double (*b)[4],
                           size_t b_count, const uint8_t *crowd, double *iou);

/* --- rotated boxes ------------------------------------------------------------------------ */

/* The corners in the order of a box that is not turned: upper left, upper right, lower right, lower
 * left. */
VDT_API void vdt_rotated_corners(const double rotated[5], double corners[4][2]);

/* The least rectangle around `count` points (1 or more): of the four corners of a rectangle that
 * rectangle. The width is along the edge from its first corner; the angle is in (-pi/2, pi/2]. */
VDT_API VDT_CHECKED vdt_status vdt_rotated_around(const double (*points)[2], size_t count,
                                                  double rotated[5], struct vdt_error *error);

/* --- masks -------------------------------------------------------------------------------- */

/* A list of masks that grows; owned by the caller. */
struct vdt_masks;

VDT_API VDT_CHECKED vdt_status vdt_masks_new(struct vdt_masks **masks, struct vdt_error *error);
VDT_API void vdt_masks_free(struct vdt_masks *masks); /* accepts NULL */

/* Forgets the masks and keeps the memory for others. */
VDT_API void vdt_masks_clear(struct vdt_masks *masks);

/* Borrowed until the list is changed or freed. */
VDT_API const struct vdt_shapes *vdt_masks_shapes(const struct vdt_masks *masks);

/* Each of these adds one mask of rows x cols pixels, below 2^32 of them. When one fails, the list
 * is as before. */

/* Pixels that are not zero; strides in pixels. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_u8(struct vdt_masks *masks, uint32_t rows,
                                                uint32_t cols, const uint8_t *pixels,
                                                ptrdiff_t row_stride, ptrdiff_t col_stride,
                                                struct vdt_error *error);

/* Pixels that are `value`: an object of an instance mask, a class of a class mask. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_u16(struct vdt_masks *masks, uint32_t rows,
                                                 uint32_t cols, const uint16_t *pixels,
                                                 uint16_t value, ptrdiff_t row_stride,
                                                 ptrdiff_t col_stride, struct vdt_error *error);

/* Runs as they are in vdt_shapes. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_counts(struct vdt_masks *masks, uint32_t rows,
                                                    uint32_t cols, const uint32_t *counts,
                                                    size_t count, struct vdt_error *error);

/* COCO's compressed text of `length` bytes. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_text(struct vdt_masks *masks, uint32_t rows,
                                                  uint32_t cols, const char *text, size_t length,
                                                  struct vdt_error *error);

/* The pixels of polygons, one ring each, by COCO's rule: outlines are traced at five times the
 * resolution. More than one are joined. rings[i] has counts[i] points. Coordinates beyond 2^27 are
 * refused. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_polygons(struct vdt_masks *masks, uint32_t rows,
                                                      uint32_t cols,
                                                      const double (*const *rings)[2],
                                                      const size_t *counts, size_t ring_count,
                                                      struct vdt_error *error);

/* The pixels of a box (x, y, width, height) by the same rule. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_box(struct vdt_masks *masks, uint32_t rows,
                                                 uint32_t cols, const double box[4],
                                                 struct vdt_error *error);

/* Masks `first` to `first + count` of `from` (which may be of `masks` itself) as one: what any has,
 * or with `intersect` what all have. They are of one size. */
VDT_API VDT_CHECKED vdt_status vdt_masks_add_merged(struct vdt_masks *masks,
                                                    const struct vdt_shapes *from, uint64_t first,
                                                    uint64_t count, bool intersect,
                                                    struct vdt_error *error);

/* Mask `index` as pixels of 0 and 1; strides in pixels. */
VDT_API void vdt_mask_decode(const struct vdt_shapes *shapes, uint64_t index, uint8_t *pixels,
                             ptrdiff_t row_stride, ptrdiff_t col_stride);

/* COCO's compressed text of mask `index`; *text is owned, ends with NUL, and is freed with free().
 */
VDT_API VDT_CHECKED vdt_status vdt_mask_text(const struct vdt_shapes *shapes, uint64_t index,
                                             char **text, size_t *length, struct vdt_error *error);

VDT_END_DECLS
#endif

/* Crop, flips, turns, band choice and conversion of one sample, image and labels alike. */
#ifndef LOAD_TRANSFORM_H
#define LOAD_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/loader.h>

/* A checked struct vdt_transform, resolved against the samples it is for; owns its arrays. */
struct vdt_plan_transform {
    struct vdt_tile_spec in;
    enum vdt_axes in_axes;
    struct vdt_tile_spec out; /* shape and type delivered */
    enum vdt_axes out_axes;
    uint32_t *bands; /* [out.bands] */
    double *factor;  /* [out.bands] out = (in - offset) * factor; NULL: only converted */
    double *offset;
    enum vdt_crop crop;
    uint32_t augment;
    size_t in_bytes, out_bytes; /* of an image */
    bool pixels_alike;          /* all bands in their order, with the same factor and offset */
    bool image_as_is;           /* images are delivered byte for byte as stored */
    bool labels_as_is;          /* no crop, flip or turn: labels are delivered as stored */
};

/* VDT_ERR_ARGUMENT says what cannot be. in_axes: CHW or HWC. On failure *plan is empty. */
vdt_status vdt_transform_init(struct vdt_plan_transform *plan,
                              const struct vdt_transform *transform, const struct vdt_tile_spec *in,
                              enum vdt_axes in_axes, struct vdt_error *error);
void vdt_transform_clear(struct vdt_plan_transform *plan); /* {0} is empty */

/* The random choices for one sample: a function of the arguments alone. */
struct vdt_applied vdt_transform_choose(const struct vdt_plan_transform *plan, uint64_t seed,
                                        uint64_t epoch, uint64_t position);

/* in: in_bytes; out: out_bytes, not overlapping. Any thread; no allocation. */
void vdt_transform_image(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                         const void *in, void *out);

/* A label array of 1, 2 or 4 bytes a pixel: [in.rows][in.cols] -> [out.rows][out.cols]. */
void vdt_transform_pixels(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                          const void *in, size_t pixel_bytes, void *out);

/* Boxes in place; what a crop leaves nothing of is dropped and the others move up. Returns how many
 * are left. box_visible is multiplied by the share of the box's area that is left. numbers (may be
 * NULL, [count + 1]): the new 1-based number of each old one, 0 when dropped; numbers[0] = 0. */
size_t vdt_transform_boxes(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                           size_t count, float (*boxes)[4], uint16_t *box_class,
                           int64_t *box_feature, float *box_visible, uint16_t *numbers);

/* Instances by their new numbers: each pixel becomes numbers[pixel], or 0 when it is no number of a
 * box. numbers: [box_count + 1]. */
void vdt_renumber(uint16_t *pixels, size_t count, const uint16_t *numbers, size_t box_count);

#endif

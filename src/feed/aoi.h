/* The area of interest: which windows it keeps, and which of their pixels.
 *
 * A pixel is in the area when its centre is in one of its polygons. */
#ifndef FEED_AOI_H
#define FEED_AOI_H

#include "encode/raster.h"
#include "feed/plan.h"

/* One thread's scratch memory; {0} is empty. */
struct vdt_aoi_view {
    struct vdt_raster raster;
    struct vdt_hits hits;
    uint8_t *pixels;
    size_t capacity;
};
void vdt_aoi_view_clear(struct vdt_aoi_view *view);

/* Options that do not go together, by name. */
vdt_status vdt_aoi_options_check(const struct vdt_feed_options *options, struct vdt_error *error);

/* Reads the files into plan->aoi; nothing without any. */
vdt_status vdt_aoi_open(struct vdt_plan *plan, struct vdt_error *error);

/* The area in a scene's pixels. */
vdt_status vdt_aoi_project(const struct vdt_plan *plan, struct vdt_scene *scene,
                           struct vdt_plan_scene *planned, struct vdt_error *error);

/* How many of the window's pixels are in the polygons. */
vdt_status vdt_area_pixels(struct vdt_aoi_view *view, const struct vdt_geometry *area,
                           const struct vdt_index *index, const struct vdt_window *window,
                           uint64_t *pixels, struct vdt_error *error);

/* Whether the window stays by options->aoi_rule; true without an area. */
vdt_status vdt_aoi_keeps(struct vdt_aoi_view *view, const struct vdt_plan *plan,
                         const struct vdt_plan_scene *planned, const struct vdt_window *window,
                         bool *keeps, struct vdt_error *error);

/* With options->aoi_mask: *seen [rows * cols] is 1 for pixels in the area, borrowed from the view;
 * NULL when all are, or without the option. */
vdt_status vdt_aoi_see(struct vdt_aoi_view *view, const struct vdt_plan *plan,
                       const struct vdt_plan_scene *planned, const struct vdt_window *window,
                       const uint8_t **seen, struct vdt_error *error);

#endif

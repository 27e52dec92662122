/* Rasters as labels of a feed: which scenes they cover, and what they say of a window. */
#ifndef FEED_LABEL_RASTER_H
#define FEED_LABEL_RASTER_H

#include "encode/encode.h"
#include "feed/plan.h"

/* Options and tasks that do not go together, by name. */
vdt_status vdt_label_rasters_check(const struct vdt_feed_options *options, uint32_t tasks,
                                   struct vdt_error *error);

/* Fills plan->rasters and plan->raster_layers from the scenes that can be opened; nothing without
 * the option. `layout` NULL: there is no store yet, whose classes would be the list. */
vdt_status vdt_label_rasters_open(struct vdt_plan *plan, const struct vdt_layout *layout,
                                  struct vdt_error *error);

/* Has the encoder's next window lie on what the rasters say there. */
vdt_status vdt_label_rasters_see(struct vdt_raster_view *view, const struct vdt_plan *plan,
                                 const struct vdt_plan_scene *planned, struct vdt_scene *scene,
                                 const struct vdt_window *window, struct vdt_encoder *encoder,
                                 struct vdt_error *error);

#endif

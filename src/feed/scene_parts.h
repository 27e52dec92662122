/* What joined scenes are made of, as the store keeps it, and what links samples over time. */
#ifndef FEED_SCENE_PARTS_H
#define FEED_SCENE_PARTS_H

#include "feed/plan.h"

/* Puts the plan's joined scenes and its time axis into the store's attributes. */
vdt_status vdt_scene_parts_keep(const struct vdt_plan *plan, struct vdt_writer *writer,
                                struct vdt_error *error);

/* The metadata of a sample: JSON text, or NULL for none. It is in `text` or borrowed from the plan.
 */
enum { VDT_LINK_TEXT = 128 };
const char *vdt_window_metadata(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                                const struct vdt_window *window, char text[VDT_LINK_TEXT]);

#endif

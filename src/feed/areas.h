/* The areas of a split: each group's, from a file of polygons whose name is the group's. */
#ifndef FEED_AREAS_H
#define FEED_AREAS_H

#include "base/json.h"
#include "feed/plan.h"

/* A split by options->split_areas: names, files and what is in them. */
vdt_status vdt_areas_take(struct vdt_groups *groups, const struct vdt_feed_options *options,
                          struct vdt_error *error);
/* The same as a store has it; files are found from the store's folder, and must be what they were.
 */
vdt_status vdt_areas_parse(struct vdt_groups *groups, const json_t *split, const char *store,
                           struct vdt_error *error);
/* As vdt_areas_parse reads it. New reference. */
json_t *vdt_areas_json(const struct vdt_groups *groups);

/* Reads the files into plan->areas; nothing unless the split is by areas. */
vdt_status vdt_areas_open(struct vdt_plan *plan, struct vdt_error *error);
/* The areas in a scene's pixels. */
vdt_status vdt_areas_project(const struct vdt_plan *plan, struct vdt_scene *scene,
                             struct vdt_plan_scene *planned, struct vdt_error *error);
/* The group in whose area all pixels of the window are, else VDT_SPLIT_NONE. An error where that of
 * another group has some of them too. */
vdt_status vdt_areas_group(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                           const struct vdt_window *window, int *group, struct vdt_error *error);

void vdt_areas_clear(struct vdt_plan *plan);

#endif

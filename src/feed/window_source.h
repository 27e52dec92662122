/* Where a scene's windows come from. Private to feed/plan*.c. */
#ifndef FEED_WINDOW_SOURCE_H
#define FEED_WINDOW_SOURCE_H

#include "feed/plan.h"
#include "tile/units.h"

/* Windows of one scene, in the order of the plan; {0} is empty. */
struct vdt_window_list {
    struct vdt_place *places; /* group -1: as the split has it */
    size_t count, capacity;
    uint32_t most_in_unit;
};
void vdt_window_list_clear(struct vdt_window_list *list);

/* Options that do not go together, by name. */
vdt_status vdt_window_options_check(const struct vdt_feed_options *options,
                                    struct vdt_error *error);

/* The distance of neighbouring windows: 1 where they may begin at any pixel. */
void vdt_window_strides(const struct vdt_feed_options *options, const struct vdt_tile_spec *tile,
                        struct vdt_grid *grid);

/* All windows of a scene by options->windows, each once, sorted into units of whole blocks. Sets
 * the scene's unit_cols and unit_rows. May set report->warning. */
vdt_status vdt_window_source(struct vdt_plan_scene *scene, const struct vdt_plan *plan,
                             struct vdt_window_list *list, struct vdt_feed_report *report,
                             struct vdt_error *error);

#endif

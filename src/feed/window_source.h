/* Where a scene's windows come from. Private to feed/plan*.c. */
#ifndef FEED_WINDOW_SOURCE_H
#define FEED_WINDOW_SOURCE_H

#include "feed/plan.h"
#include "tile/units.h"

/* What a window has in place of a group: not decided yet; VDT_SPLIT_NONE (tile/split.h); or
 * left out as one of too many without an object, or as outside of the area of interest. */
enum { VDT_GROUP_OPEN = -2, VDT_GROUP_BACKGROUND = -3, VDT_GROUP_OUTSIDE = -4 };

/* Windows of one scene, in the order of the plan; {0} is empty. */
struct vdt_window_list {
    struct vdt_place *places; /* group: of the plan, or one of the above */
    size_t count, capacity;
    uint32_t most_in_unit;
};
void vdt_window_list_clear(struct vdt_window_list *list);
vdt_status vdt_window_list_add(struct vdt_window_list *list, const struct vdt_window *window,
                               int group, struct vdt_error *error);

/* The scene whose windows are listed. */
struct vdt_window_task {
    struct vdt_plan *plan;
    struct vdt_plan_scene *planned;
    struct vdt_scene *scene;
    const struct vdt_writer *writer; /* the store that is there, or NULL */
};
struct vdt_window vdt_place_window(const struct vdt_window_task *task,
                                   const struct vdt_place *place);

/* window_listed.c: the scene's windows of plan->listed; what of it no scene of the plan had; and
 * its groups as those of the plan. */
vdt_status vdt_list_windows(struct vdt_window_task *task, struct vdt_window_list *list,
                            struct vdt_error *error);
vdt_status vdt_listed_check(const struct vdt_plan *plan, struct vdt_error *error);
vdt_status vdt_listed_groups(struct vdt_plan *plan, struct vdt_error *error);

/* Options that do not go together, by name. */
vdt_status vdt_window_options_check(const struct vdt_feed_options *options,
                                    struct vdt_error *error);

/* The distance of neighbouring windows: 1 where they may begin at any pixel. */
void vdt_window_strides(const struct vdt_feed_options *options, const struct vdt_tile_spec *tile,
                        struct vdt_grid *grid);

/* All windows of a scene by options->windows, each once, sorted into units of whole blocks. Sets
 * the planned scene's unit_cols and unit_rows. May set report->warning. */
vdt_status vdt_window_source(struct vdt_window_task *task, struct vdt_window_list *list,
                             struct vdt_feed_report *report, struct vdt_error *error);

#endif

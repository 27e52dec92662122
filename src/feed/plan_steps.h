/* The steps of making a plan, each in a file of its own. Private to feed/plan*.c. */
#ifndef FEED_PLAN_STEPS_H
#define FEED_PLAN_STEPS_H

#include "feed/plan.h"

/* plan_spec.c. `layout` NULL: there is no store yet. */
vdt_status vdt_plan_check_options(const struct vdt_feed_options *options, struct vdt_error *error);
/* Fills spec, selection, labels and class_names. */
vdt_status vdt_plan_spec(struct vdt_plan *plan, const struct vdt_layout *layout,
                         struct vdt_feed_report *report, struct vdt_error *error);
/* Every scene must give what the store (or the first scene) has. */
vdt_status vdt_plan_check_bands(const struct vdt_plan *plan, const struct vdt_layout *layout,
                                const char *path, const struct vdt_band_selection *selection,
                                struct vdt_error *error);

/* plan_recipes.c: fills recipes, one a scene. */
vdt_status vdt_plan_recipes(struct vdt_plan *plan, struct vdt_feed_report *report,
                            struct vdt_error *error);

/* scene_parts.c: the time axis must be that of the store, if there is one. */
vdt_status vdt_plan_check_times(const struct vdt_plan *plan, const struct vdt_writer *writer,
                                struct vdt_error *error);
/* Places a scene on the grid of the series, and makes what the samples of a scene all say. */
vdt_status vdt_plan_link(struct vdt_plan *plan, struct vdt_plan_scene *planned,
                         const struct vdt_scene_info *info, struct vdt_error *error);

/* plan_scene.c: opens a scene. VDT_END when it cannot be, which is noted: the rest goes on. */
vdt_status vdt_plan_open(const struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                         struct vdt_scene **scene, struct vdt_error *error);
/* Appends a scene; *out is open and the caller's. VDT_END as above. */
vdt_status vdt_plan_scene(struct vdt_plan *plan, const struct vdt_scene_recipe *recipe,
                          const struct vdt_layout *layout, struct vdt_scene **out,
                          struct vdt_error *error);

/* plan_split.c: groups and, for a split by block, the frame; `first` is the first scene. */
vdt_status vdt_plan_groups(struct vdt_plan *plan, struct vdt_scene *first,
                           const struct vdt_writer *writer, struct vdt_feed_report *report,
                           struct vdt_error *error);
/* VDT_SPLIT_NONE for a window that reaches, with half the gap about it, into blocks of two groups.
 */
vdt_status vdt_plan_group(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                          struct vdt_scene *scene, const struct vdt_window *window, const char *key,
                          int *group, struct vdt_error *error);
/* A scene without a time has no group in a split by time. */
vdt_status vdt_plan_check_time(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                               struct vdt_error *error);
void vdt_plan_warn_overlap(const struct vdt_plan *plan, struct vdt_feed_report *report);

/* plan_windows.c: appends the windows and units of scene `index`; `writer` may be NULL. */
vdt_status vdt_plan_windows(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                            const struct vdt_writer *writer, struct vdt_feed_report *report,
                            struct vdt_error *error);

#endif

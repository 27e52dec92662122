/* Tells the caller of the plan's scenes and windows. */
#ifndef FEED_TELL_H
#define FEED_TELL_H

#include "feed/plan.h"

/* Whether there is anyone to be told of windows. */
bool vdt_tells(const struct vdt_plan *plan);

/* A scene that is open and whose labels are in place; nothing without a listener. */
vdt_status vdt_tell_scene(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                          struct vdt_scene *scene, struct vdt_error *error);

/* A window of scene number `index`, open or NULL; `group` below 0: none. */
vdt_status vdt_tell_window(const struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                           const struct vdt_window *window, int group, enum vdt_fate fate,
                           struct vdt_error *error);

/* The scene that the last told window was of: workers have handles of their own. {0} is none. */
struct vdt_told_scene {
    struct vdt_scene *scene;
    uint32_t index;
};
void vdt_told_scene_clear(struct vdt_told_scene *told);

/* Window `index` of the plan and what became of it in the run. */
vdt_status vdt_tell_planned(struct vdt_told_scene *told, const struct vdt_plan *plan,
                            uint64_t index, enum vdt_fate fate, struct vdt_error *error);

#endif

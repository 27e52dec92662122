/* Which group a window goes to by a split's rule. */
#ifndef FEED_GROUP_OF_H
#define FEED_GROUP_OF_H

#include "feed/groups.h"
#include "source/scenes/frame.h"
#include "source/scenes/scene.h"

/* Fills sizes->metres for a frame: in the middle of sizes->scene, zeros when unknown. */
void vdt_split_frame_metres(const struct vdt_split_frame *frame, struct vdt_split_sizes *sizes);

/* A window and what rules ask about it; borrowed. */
struct vdt_group_query {
    struct vdt_scene *scene;
    const struct vdt_window *window;
    const char *key;    /* of the sample */
    const char *digest; /* of the scene */
    const char *acquired;
    const char *const *values; /* of the field that divides */
    size_t value_count;
};

/* The ground of a window on the frame of a split by block, with half the gap about it; false when
 * it has no place there. */
bool vdt_group_box(const struct vdt_groups *groups, const struct vdt_frame *frame,
                   struct vdt_scene *scene, const struct vdt_window *window, double box[4]);

/* An index into the groups, or VDT_SPLIT_NONE. `frame` is that of a split by block, else NULL. */
int vdt_group_of(const struct vdt_groups *groups, const struct vdt_frame *frame,
                 const struct vdt_group_query *query);

#endif

/* Which pixels of a scene are cloud, by a band of it or by a file of its own. */
#ifndef FEED_CLOUD_H
#define FEED_CLOUD_H

#include "feed/plan.h"

/* One thread's scratch memory; {0} is empty. */
struct vdt_cloud_view {
    struct vdt_layer_view layer;
    uint8_t *cloud; /* [rows * cols] of the last window: 1 is cloud */
    uint8_t *seen;  /* the pixels that are not, and that were seen before */
    size_t cloud_capacity, seen_capacity;
};
void vdt_cloud_view_clear(struct vdt_cloud_view *view);

/* Options that do not go together, by name. */
vdt_status vdt_cloud_options_check(const struct vdt_feed_options *options, struct vdt_error *error);

/* Finds planned->cloud for the scene of recipe `index`; nothing without the options. */
vdt_status vdt_cloud_plan(const struct vdt_plan *plan, size_t index, struct vdt_scene *scene,
                          struct vdt_plan_scene *planned, struct vdt_error *error);

bool vdt_cloud_is_planned(const struct vdt_plan_scene *planned);

/* Fills view->cloud for a window of `scene`, which is open. */
vdt_status vdt_cloud_find(struct vdt_cloud_view *view, const struct vdt_plan *plan,
                          const struct vdt_plan_scene *planned, struct vdt_scene *scene,
                          const struct vdt_window *window, struct vdt_error *error);

/* `seen` (NULL: all) without the cloud, in view->seen. */
vdt_status vdt_cloud_hide(struct vdt_cloud_view *view, const struct vdt_window *window,
                          const uint8_t *seen, struct vdt_error *error);

/* The share of cloud among the valid pixels; 0 when none is valid. */
double vdt_cloud_share(const struct vdt_cloud_view *view, const uint8_t *valid, size_t count);

/* A sample's metadata: `text` (a JSON object, NULL for {}) with the share. Owned; NULL when memory
 * is out. */
char *vdt_cloud_metadata(const char *text, double share);

#endif

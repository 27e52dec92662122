/* Windows without any object: as many as asked for with each window that has one. */
#ifndef FEED_BACKGROUND_H
#define FEED_BACKGROUND_H

#include "feed/window_source.h"

/* Decides the group of every window of the list, and leaves those without an object out (group
 * VDT_GROUP_BACKGROUND) but for background_ratio times as many, rounded, as there are with one in
 * the same group. What the store has already counts first; the rest is chosen by (seed, key). For
 * windows around objects, random windows without one are added instead. Nothing happens when no
 * ratio is asked for. */
vdt_status vdt_background_choose(struct vdt_window_task *task, struct vdt_window_list *list,
                                 struct vdt_feed_report *report, struct vdt_error *error);

#endif

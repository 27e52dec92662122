/* The writer as the feed uses it: packets made by worker threads, and the store's own settings. */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include <vedatile/store.h>

#include "store/layout.h"
#include "store/packet.h"

const char *vdt_writer_path(const struct vdt_writer *writer);
const struct vdt_layout *vdt_writer_layout(const struct vdt_writer *writer);
uint64_t vdt_writer_total(const struct vdt_writer *writer); /* samples, appended ones included */

/* As vdt_writer_append for a sample that is encoded already. */
vdt_status vdt_writer_put(struct vdt_writer *writer, const char *group,
                          const struct vdt_packet *packet, struct vdt_error *error);

/* The split that all feeds of the store share (JSON object text), "{}" when there is none. */
const char *vdt_writer_split(const struct vdt_writer *writer);
vdt_status vdt_writer_set_split(struct vdt_writer *writer, const char *json,
                                struct vdt_error *error);
const char *vdt_writer_feed_config(const struct vdt_writer *writer);
vdt_status vdt_writer_set_feed_config(struct vdt_writer *writer, const char *json,
                                      struct vdt_error *error);
/* What joined scenes are made of (JSON object text by their digests), "{}" without. */
const char *vdt_writer_scene_members(const struct vdt_writer *writer);
vdt_status vdt_writer_set_scene_members(struct vdt_writer *writer, const char *json,
                                        struct vdt_error *error);
/* The time axis of the images (JSON array text), "[]" without. */
const char *vdt_writer_times(const struct vdt_writer *writer);
vdt_status vdt_writer_set_times(struct vdt_writer *writer, const char *json,
                                struct vdt_error *error);
/* What could not be fed (JSON array text), "[]" when all could. *changed tells whether the text is
 * another one; may be NULL. */
const char *vdt_writer_feed_failures(const struct vdt_writer *writer);
vdt_status vdt_writer_set_feed_failures(struct vdt_writer *writer, const char *json, bool *changed,
                                        struct vdt_error *error);

#endif

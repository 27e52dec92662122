/* Scenes and windows that could not be read: noted while the rest of a feed goes on, and kept in
 * the store until a feed succeeds with them (schemas/store-layout.md, feed_failures). */
#ifndef FEED_FAILURES_H
#define FEED_FAILURES_H

#include <vedatile/feed.h>

/* One scene, or one window of it. Owns its strings. */
struct vdt_failed {
    size_t feed; /* its place in feed_config, from 1; 0: this feed */
    char *scene; /* as the store names it */
    bool whole;
    struct vdt_window window; /* unless whole */
    char *message;
    const char *path; /* of the scene, as in the message; borrowed; NULL: as the store names it */
    vdt_status status;
};

/* {0} is empty. At most 100 windows of a scene are kept apart; with more it counts as a whole. */
struct vdt_failures {
    struct vdt_failed *items;
    size_t count, capacity;
};
void vdt_failures_clear(struct vdt_failures *failures);

/* What one feed knows of them. Used by the thread that called vdt_feed only. */
struct vdt_failure_log {
    const struct vdt_feed_options *options;
    struct vdt_feed_report *report;
    struct vdt_failures found;  /* by this feed */
    struct vdt_failures stored; /* in the store when it began */
};
void vdt_failure_log_clear(struct vdt_failure_log *log);

/* Whether a feed with these options goes on after such a failure of a scene or window. */
bool vdt_failure_passes(const struct vdt_feed_options *options, vdt_status status);

/* Notes a failure, and tells the caller of the feed; what is known already is not told twice.
 * `uri` is what the store calls the scene. `window` NULL: all of it. `cause` is the message with
 * the scene's path in it. */
vdt_status vdt_failure_note(struct vdt_failure_log *log, const char *path, const char *uri,
                            const struct vdt_window *window, const struct vdt_error *cause,
                            struct vdt_error *error);

/* Whether this feed noted that the scene cannot be opened. */
bool vdt_failure_is_noted(const struct vdt_failure_log *log, const char *uri);

/* The first that this feed found, as its own error. */
vdt_status vdt_failure_first(const struct vdt_failure_log *log, struct vdt_error *error);

/* The failures of one scene, without its strings; release the items with free(). */
vdt_status vdt_failures_select(const struct vdt_failures *failures, const char *scene,
                               struct vdt_failures *selected, struct vdt_error *error);
bool vdt_failures_cover(const struct vdt_failures *selected, const struct vdt_window *window);

/* From and to the store's text. A feed that has ended knows all failures of its configuration
 * (`feed`, from 1); before that, those of earlier runs count too. *text is owned. */
vdt_status vdt_failures_parse(const char *text, struct vdt_failures *failures,
                              struct vdt_error *error);
vdt_status vdt_failures_text(const struct vdt_failure_log *log, size_t feed, bool ended,
                             char **text, struct vdt_error *error);

#endif

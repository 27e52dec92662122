/* Which groups a feed fills, and by what rule. The rule of a split is kept in the store, so that
 * later feeds put their samples where the first one would have. */
#ifndef FEED_GROUPS_H
#define FEED_GROUPS_H

#include <vedatile/feed.h>

#include "tile/split.h"

struct vdt_groups {
    bool split; /* false: everything goes to names[0] */
    enum vdt_split_by by;
    struct vdt_split rule;
    double shares[VDT_SPLIT_MAX];
    char names[VDT_SPLIT_MAX][64];
    size_t count;
};

/* From the options and the store's own split (`stored`, JSON text, "{}" for none). `windows` are
 * extents on the equal-area grid in metres: of a typical window and of the first scene. Refuses a
 * split that differs from the store's, naming both. */
vdt_status vdt_groups_make(struct vdt_groups *groups, const struct vdt_feed_options *options,
                           const char *stored, const double window[2], const double scene[2],
                           struct vdt_error *error);

/* The split as the store keeps it: owned JSON text, "{}" without one. */
char *vdt_groups_text(const struct vdt_groups *groups);

#endif

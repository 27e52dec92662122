/* Which groups a feed fills, and by what rule. The rule of a split is kept in the store, so that
 * later feeds put their samples where the first one would have. */
#ifndef FEED_GROUPS_H
#define FEED_GROUPS_H

#include <vedatile/feed.h>

#include "tile/split.h"
#include "tile/split_time.h"

/* The frame of a split by block: the first scene's grid. */
struct vdt_split_frame {
    const char *crs; /* WKT, "" for none; in vdt_groups: owned */
    double geotransform[6];
};

/* What the default size of a block depends on, in pixels of the frame. */
struct vdt_split_sizes {
    double tile[2], stride[2], scene[2];
    double metres[2];             /* along one pixel; zeros when unknown */
    char (*times)[VDT_TIME_SIZE]; /* of the scenes, sorted: for shares of a split by time */
    size_t time_count;
};

struct vdt_groups {
    bool split; /* false: everything goes to names[0] */
    enum vdt_split_by by;
    struct vdt_split rule;
    double shares[VDT_SPLIT_MAX];
    char names[VDT_SPLIT_MAX][64];
    size_t count;
    struct vdt_split_frame frame;
    double block_metres[2];                    /* zeros when unknown */
    double gap;                                /* metres between groups of a split by block */
    char *field;                               /* of a split by field; owned */
    char limits[VDT_SPLIT_MAX][VDT_TIME_SIZE]; /* of a split by time */
    char *areas[VDT_SPLIT_MAX];                /* of a split by areas: files; owned */
    char *area_uris[VDT_SPLIT_MAX];            /* the same as the store names them; owned */
    char digests[VDT_SPLIT_MAX][33];           /* of these files */
    bool stratified; /* blocks or scenes were chosen for the samples that there were */
};

/* The field by which samples are split, as the options or the store (`stored`) have it; *field is
 * owned, NULL without one. */
vdt_status vdt_split_field(const struct vdt_feed_options *options, const char *stored, char **field,
                           struct vdt_error *error);

/* Names and shares that a split can have. */
vdt_status vdt_split_shares_check(const struct vdt_split_share *shares, size_t count,
                                  struct vdt_error *error);

/* From the options and the store's own split (`stored`, JSON text, "{}" for none). Refuses a split
 * that differs from the store's, naming both, and one that no feed can follow. Cleared by
 * vdt_groups_clear. */
vdt_status vdt_groups_make(struct vdt_groups *groups, const struct vdt_feed_options *options,
                           const char *stored, const struct vdt_split_frame *frame,
                           const struct vdt_split_sizes *sizes, struct vdt_error *error);
void vdt_groups_clear(struct vdt_groups *groups);

/* The split as the store keeps it: owned JSON text, "{}" without one. */
char *vdt_groups_text(const struct vdt_groups *groups);

#endif

/* The options of vedatile feed: one table for the command line. */
#ifndef TOOL_FEED_OPTIONS_H
#define TOOL_FEED_OPTIONS_H

#include <vedatile/feed.h>

#include "options.h"

struct feed_values {
    const char *store;
    struct words images;
    struct words labels;
    const char *width;
    uint32_t tasks;
    struct size tile;
    struct size stride;
    int edge;
    int windows;
    struct count count;
    bool apart;
    struct count jitter;
    double background_ratio;
    const char *window_file;
    struct words aoi;
    int aoi_rule;
    double aoi_share;
    bool aoi_mask;
    struct words bands;
    int dtype;
    bool unscale;
    struct words nodata;
    int valid_rule;
    const char *crs;
    struct words resolution;
    int resampling;
    const char *class_field;
    const char *class_map;
    struct words classes;
    const char *unknown;
    int match;
    int mask_rule;
    const char *mask_order;
    int boundary;
    struct count boundary_width;
    double contact_spacing;
    double distance_limit;
    const char *target_field;
    struct words ignore;
    double min_visible;
    double min_valid;
    const char *group;
    struct words split;
    int split_by;
    double block_size;
    double split_gap;
    struct count seed;
    int codec;
    const char *name;
    struct count threads;
    double commit_seconds;
    int on_failure;
    bool retry_failed;
    bool dry_run;
    int progress;
    bool json;
};

extern const struct option feed_options[];

/* The groups and shares of --split. Their names point into `words`, whose '=' signs are cut out;
 * *shares is owned, also when it fails. OPTIONS_RUN, or an exit code after one line on stderr. */
int feed_split_shares(struct words *words, struct vdt_split_share **shares);

/* One number or two of --resolution; zeros without. OPTIONS_RUN, or an exit code as above. */
int feed_resolution(const struct words *words, double resolution[2]);

/* What --nodata says; *values is owned, also when it fails. OPTIONS_RUN, or an exit code as above.
 */
int feed_nodata(const struct words *words, struct vdt_feed_options *options, double **values);
/* What --width says (NULL: nothing): a number and its unit, or a field, which points into `text`.
 * OPTIONS_RUN, or an exit code after one line on stderr. */
int feed_width(const char *text, struct vdt_feed_options *options);

/* What --mask-order says (NULL: nothing): the order and its field, which points into `text`.
 * OPTIONS_RUN, or an exit code after one line on stderr. */
int feed_mask_order(const char *text, struct vdt_feed_options *options);

/* Everything but the callbacks, `resolution`, nodata and the mask order; borrows from both. */
struct vdt_feed_options feed_library_options(const struct feed_values *values,
                                             const struct vdt_split_share *shares);

#endif

/* The options of vedatile feed: one table for the command line and for configuration files. */
#ifndef TOOL_FEED_OPTIONS_H
#define TOOL_FEED_OPTIONS_H

#include <vedatile/feed.h>

#include "options.h"

struct feed_values {
    const char *store;
    struct words images;
    struct words labels;
    int label_format;
    const char *width;
    struct words label_rasters;
    struct words label_values;
    const char *label_map;
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
    const char *cloud_band;
    struct words cloud_files;
    struct integers cloud_bits;
    struct integers cloud_values;
    double max_cloud; /* negative: no limit */
    bool cloud_mask;
    const char *crs;
    struct reals resolution;
    int resampling;
    int join;
    int join_by;
    int mosaic_order;
    struct words extras;
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
    const char *split_by;
    struct words split_time;
    struct words split_areas;
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
    struct words plan;
    int progress;
    bool json;
    struct config_values config;
    bool print_config;
    bool print_schema;
};

extern const struct option feed_options[];

/* What --nodata says; *values is owned, also when it fails. OPTIONS_RUN, or an exit code after one
 * line on stderr. */
int feed_nodata(const struct words *words, struct vdt_feed_options *options, double **values);

/* Everything but the callbacks and nodata; borrows from both. */
struct vdt_feed_options feed_library_options(const struct feed_values *values,
                                             const struct vdt_split_share *shares,
                                             const struct vdt_split_period *periods);

#endif

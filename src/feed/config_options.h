/* The options of a feed as a configuration file says them (schemas/feed-config.schema.json). */
#ifndef FEED_CONFIG_OPTIONS_H
#define FEED_CONFIG_OPTIONS_H

#include "base/json.h"
#include "feed/plan.h"

/* An object of the options that were given, paths relative to the store: all that decides what a
 * store gets, so that a feed by this file makes equal samples. What the store or the first scene
 * decided (tile, tasks, the classes of a store that was there) is filled in. New reference; NULL:
 * out of memory. */
json_t *vdt_config_options(const struct vdt_plan *plan);

/* The width of points and lines as the command takes it; there must be one. */
json_t *vdt_config_width(const struct vdt_feed_options *options);

#endif

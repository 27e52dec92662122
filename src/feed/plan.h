/* What a feed is going to do: the scenes with their labels in pixels, and every window with its
 * group. Made by one thread, then read by all workers. */
#ifndef FEED_PLAN_H
#define FEED_PLAN_H

#include <stdint.h>
#include <vedatile/feed.h>

#include "base/geometry.h"
#include "feed/failures.h"
#include "feed/groups.h"
#include "feed/window_file.h"
#include "source/labels/labels.h"
#include "source/labels/raster_labels.h"
#include "source/scenes/frame.h"
#include "source/scenes/layer.h"
#include "source/scenes/pixel_rules.h"
#include "source/scenes/scene.h"
#include "source/scenes/scene_recipe.h"
#include "store/writer.h"
#include "tile/index.h"
#include "tile/window.h"

/* What an option of 0 stands for. */
enum { VDT_BOUNDARY_WIDTH = 3, VDT_CONTACT_SPACING = 10, VDT_DISTANCE_LIMIT = 32 };

/* A group's area in a scene's pixels. */
struct vdt_plan_area {
    struct vdt_geometry geometry;
    struct vdt_index *index;
};

struct vdt_plan_scene {
    const struct vdt_scene_recipe *recipe; /* borrowed from the plan */
    const char *path;                      /* its file's */
    char *uri;                             /* as the store names it */
    char digest[33];
    char acquired[32];
    char *crs_wkt;
    uint64_t bytes;
    int32_t cols, rows;
    int block_cols, block_rows;
    bool own_blocks; /* workers keep decoded blocks themselves */
    double bounds[4];
    struct vdt_grid grid;
    int32_t unit_cols, unit_rows; /* strides of the grid in a unit, across and down */
    struct vdt_geometry geometry;
    struct vdt_index *index;          /* NULL without labels */
    struct vdt_geometry aoi;          /* the area of interest */
    struct vdt_index *aoi_index;      /* NULL without one */
    struct vdt_plan_area *areas;      /* of a split by areas, one a group; else NULL */
    struct vdt_geometry contacts;     /* for VDT_CONTACT */
    struct vdt_index *contacts_index; /* NULL without */
    struct vdt_geometry ignore;
    struct vdt_index *ignore_index;          /* NULL without */
    struct vdt_layer cloud;                  /* {0} without */
    const struct vdt_raster_layers *rasters; /* borrowed from the plan; NULL without */
    int32_t series_col, series_row;          /* of its corner on the series' grid */
    char *metadata;                          /* of all its samples: JSON object; NULL without */
    uint32_t scene_row, crs_row;             /* in the store's tables */
};

struct vdt_plan_window {
    int32_t col, row;
    uint32_t scene;
    uint32_t group; /* into plan groups */
};

/* Windows that one worker does in one go: neighbours, less what is left out. */
struct vdt_plan_unit {
    uint64_t first;
    uint32_t count;
};

struct vdt_plan {
    const struct vdt_feed_options *options;
    struct vdt_failure_log *log;      /* borrowed */
    bool adds;                        /* to a store that is there */
    struct vdt_scene_recipe *recipes; /* of the scenes */
    size_t recipe_count;
    size_t times; /* dates of each scene; 0: no time axis */
    const struct vdt_scene_recipe *times_of;
    struct vdt_scene_info series; /* the grid of a series: that of its first scene; crs borrowed */
    struct vdt_store_spec spec;   /* strings borrowed from the parts below or from the store */
    struct vdt_band_selection selection;            /* of the first scene */
    struct vdt_labels_source *labels;               /* NULL without */
    struct vdt_labels_source *aoi;                  /* the area of interest; NULL without */
    struct vdt_labels_source *areas[VDT_SPLIT_MAX]; /* of a split by areas; NULL without */
    struct vdt_window_file listed;                  /* of VDT_WINDOWS_LIST */
    struct vdt_class_map *class_map;                /* NULL without */
    struct vdt_labels_source *ignore;               /* NULL without */
    struct vdt_raster_labels *rasters;              /* NULL without */
    struct vdt_raster_layers *raster_layers;        /* [recipe_count] */
    const char **class_names;
    char *owner_field; /* of a split by field, else NULL */
    struct vdt_groups groups;
    struct vdt_frame *frame; /* of a split by block, else NULL */
    struct vdt_plan_scene *scenes;
    size_t scene_count;
    struct vdt_plan_window *windows;
    uint64_t window_count;
    size_t window_capacity;
    struct vdt_plan_unit *units;
    uint64_t unit_count;
    size_t unit_capacity;
    uint32_t most_in_unit; /* windows */
};

/* What the feed asks of its tiles' pixels. */
struct vdt_pixel_rules vdt_plan_pixel_rules(const struct vdt_feed_options *options);

/* `writer` is the store that is there, or NULL; samples that it has are left out, and so are scenes
 * that cannot be opened: with none left it has no scenes. Fills the counts of `report`. Cleared by
 * vdt_plan_clear whether it succeeds or not. */
vdt_status vdt_plan_make(struct vdt_plan *plan, const struct vdt_feed_options *options,
                         const struct vdt_writer *writer, struct vdt_failure_log *log,
                         struct vdt_feed_report *report, struct vdt_error *error);
void vdt_plan_clear(struct vdt_plan *plan);

struct vdt_window vdt_plan_window_at(const struct vdt_plan *plan, uint64_t index);

#endif

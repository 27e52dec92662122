/* The plan of a feed, gathered while it is made, as files: GeoJSON of the windows, and a picture.
 */
#ifndef TOOL_PLAN_VIEW_H
#define TOOL_PLAN_VIEW_H

#include <cairo.h>
#include <stdio.h>
#include <vedatile/feed.h>

#include "options.h"
#include "palette.h"

enum { PLAN_FATES = VDT_FATE_FAILED + 1, PLAN_GROUPS_MOST = 64, PLAN_PANELS_MOST = 64 };

/* A scene as it is drawn. */
struct plan_panel {
    size_t number; /* the scene's in the plan */
    char *name;
    int32_t cols, rows;
    double scale;          /* drawn pixels of a pixel of the scene */
    cairo_surface_t *base; /* the scene with its labels' outlines */
    bool bare;             /* no picture of it could be had */
};

struct plan_mark {
    struct vdt_window window;
    uint32_t panel;
    uint16_t group; /* into groups */
    uint8_t fate;
};

struct plan_view {
    const char *picture; /* the PNG file; borrowed; NULL: none */
    const char *features;
    double side; /* of a panel's longer side */
    FILE *file;  /* of features, under the name `part` */
    char *part;
    bool begun; /* a feature is written */
    struct plan_panel *panels;
    size_t panel_count, scene_count;
    struct plan_mark *marks;
    size_t mark_count, mark_capacity;
    char groups[PLAN_GROUPS_MOST][64];
    size_t group_count;
    struct colour colours[PLAN_GROUPS_MOST]; /* by their place in the report */
    uint64_t fates[PLAN_FATES];
    struct vdt_error error; /* the first; nothing is done after it */
};

/* What is written about the plan. */
struct plan_title {
    const char *store;
    bool dry_run;
    bool needs_pixels; /* some windows are left out by their pixels */
    const struct vdt_feed_report *report;
};

/* `files`: names that end in .png, .geojson or .json, one of each kind at most. `scenes`: about how
 * many there are. Cleared by plan_view_clear whether it succeeds or not. */
vdt_status plan_view_begin(struct plan_view *view, const struct words *files, size_t scenes,
                           struct vdt_error *error);
void plan_view_scene(struct plan_view *view, const struct vdt_feed_scene *scene);
void plan_view_window(struct plan_view *view, const struct vdt_feed_window *window);

/* Finishes the files, which are whole then. */
vdt_status plan_view_end(struct plan_view *view, const struct plan_title *title,
                         struct vdt_error *error);

/* Of a group by its place in the report: the first are far from each other where they lie side by
 * side. */
struct colour plan_colour(size_t group);

/* Takes away what was not finished. */
void plan_view_clear(struct plan_view *view);

/* Whether --plan takes the name; else why not. */
bool plan_view_takes(const char *path, char *message, size_t size);

/* plan_picture.c: all panels with a legend; owned by the caller. */
vdt_status plan_picture(const struct plan_view *view, const struct plan_title *title,
                        cairo_surface_t **surface, struct vdt_error *error);

/* plan_panel.c: draws the scene with its labels into panel->base, whose size is set. */
vdt_status plan_panel_draw(struct plan_panel *panel, const struct vdt_feed_scene *scene,
                           struct vdt_error *error);

#endif

/* How image files become a scene: one as it is or warped onto a grid, or several joined. A recipe
 * is made once by the plan; every worker opens its own scene from it. */
#ifndef SOURCE_SCENE_RECIPE_H
#define SOURCE_SCENE_RECIPE_H

#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "source/scenes/pixel_rules.h"
#include "source/scenes/scene.h"

/* What a feed asks of its scenes; borrowed. {0}: scenes are as their files are. */
struct vdt_scene_rules {
    const char *crs;      /* of the target grid; NULL: the file's own */
    double resolution[2]; /* of a pixel in units of that CRS; zeros: no target grid */
    enum vdt_resampling resampling;
    const struct vdt_pixel_rules *pixels; /* what no image is, before pixels are mixed; of a join
                                             its strings must outlive the recipe; NULL: as declared
                                           */
    enum vdt_join join;                   /* how several files become one scene */
    bool last_on_top;                     /* in a mosaic */
    const char *const *extras;            /* files whose bands follow those of the scene */
    size_t extra_count;
};

enum vdt_scene_kind {
    VDT_SCENE_FILE = 0,
    VDT_SCENE_MOSAIC, /* members side by side or on top of each other: the first valid pixel counts
                       */
    VDT_SCENE_STACK,  /* the bands of all members */
    VDT_SCENE_EXTRA,  /* as a stack; members behind the first have no say in what is valid */
    VDT_SCENE_TIMES   /* as a stack; members are dates, in their order */
};

/* A band of a joined scene: that of a member. */
struct vdt_joined_band {
    size_t member;
    int number; /* in the member */
    int type;   /* GDALDataType: holds the pixels of all members that have it */
    bool alpha, has_nodata;
    double nodata, scale, offset;
};

/* Not changed once it is made; any thread may open it. */
struct vdt_scene_recipe {
    enum vdt_scene_kind kind;
    char *path; /* the file's; of a joined scene: a name for messages, "mosaic(a.tif, b.tif)" */
    char *uri;  /* as a store names it; NULL until somebody sets it; freed with the rest */

    /* Of a file. */
    char *vrt;    /* GDAL VRT text that is opened in place of the file; NULL: the file */
    char *rule;   /* what was done to the file, part of the scene's digest; NULL: nothing */
    int overview; /* from 1, the overview that is read; 0: the full image */
    struct vdt_pixel_rules pixels; /* of a member: what is no image in it; borrows from the feed */

    /* Of a joined scene. */
    struct vdt_scene_recipe *members;
    size_t member_count;
    struct vdt_joined_band *bands; /* [info.band_count] */

    /* Of a joined scene and of its members, all the way down; a file alone has none of this. */
    struct vdt_scene_info info; /* path and driver are NULL, crs is owned */
    int32_t col, row;           /* of a member's corner, in the joined scene's pixels */
};

/* From `paths` in the order of the command: one, or several with a rule to join them. `warning`
 * [200] gets a line, or is left as it is. One-line errors for: all of vdt_scene_open, a file
 * without a place on the ground, a CRS that is none, no way between the CRSs, a grid of more than
 * 2^30 pixels a side; files that are not on one grid where no grid is declared, placed by control
 * points or RPC there, with other bands; dates that are equal. */
vdt_status vdt_scene_recipe_make(const char *const *paths, size_t count,
                                 const struct vdt_scene_rules *rules,
                                 struct vdt_scene_recipe *recipe, char warning[200],
                                 struct vdt_error *error);
void vdt_scene_recipe_clear(struct vdt_scene_recipe *recipe);

/* "a.tif", "mosaic(a.tif, b.tif)"; of more than `most` files the first, and how many there are.
 * Owned; NULL when memory is out. */
char *vdt_scene_recipe_name(const char *const *paths, size_t count, enum vdt_join join,
                            size_t most);

/* As vdt_scene_open. The digest is that of the file, of the file and the rule, or of all members
 * and how they are joined. The recipe must outlive a joined scene. */
vdt_status vdt_scene_recipe_open(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                 struct vdt_error *error);

/* The overview that is read of the file `path` (NULL: of any), from 1; 0: none. */
int vdt_recipe_overview(const struct vdt_scene_recipe *recipe, const char *path);

/* Where a file's corner lies in pixels of another's grid; `why` says why it is not on that grid, or
 * is empty. The grid of control points or RPC is no grid. */
void vdt_grid_compare(const struct vdt_scene_info *grid, const struct vdt_scene_info *file,
                      int32_t *col, int32_t *row, char why[240]);

#endif

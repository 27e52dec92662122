/* How image files become a scene: as they are, or warped onto a declared grid. A recipe is made
 * once by the plan; every worker opens its own scene from it. */
#ifndef SOURCE_SCENE_RECIPE_H
#define SOURCE_SCENE_RECIPE_H

#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "source/pixel_rules.h"
#include "source/scene.h"

/* What a feed asks of its scenes; borrowed. {0}: scenes are as their files are. */
struct vdt_scene_rules {
    const char *crs;      /* of the target grid; NULL: the file's own */
    double resolution[2]; /* of a pixel in units of that CRS; zeros: no target grid */
    enum vdt_resampling resampling;
    const struct vdt_pixel_rules *pixels; /* what no image is, before pixels are mixed; NULL: as
                                             declared */
};

/* Not changed once it is made; any thread may open it. */
struct vdt_scene_recipe {
    char *path;   /* of the file, also for messages */
    char *vrt;    /* GDAL VRT text that is opened in place of the file; NULL: the file */
    char *rule;   /* what was done to the file, part of the scene's digest; NULL: nothing */
    int overview; /* from 1, the overview that is read; 0: the full image */
};

/* One-line errors for: all of vdt_scene_open, a file without a place on the ground, a CRS that is
 * none, no way between the CRSs, a grid of more than 2^30 pixels a side. */
vdt_status vdt_scene_recipe_make(const char *path, const struct vdt_scene_rules *rules,
                                 struct vdt_scene_recipe *recipe, struct vdt_error *error);
void vdt_scene_recipe_clear(struct vdt_scene_recipe *recipe);

/* As vdt_scene_open. The digest is that of the file, or of the file and the rule. */
vdt_status vdt_scene_recipe_open(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                 struct vdt_error *error);

#endif

/* Recipes of single files, and what is known of them. Private to source/. */
#ifndef SOURCE_RECIPE_FILE_H
#define SOURCE_RECIPE_FILE_H

#include "source/scenes/scene_recipe.h"
#include "source/scenes/warp.h"

/* A file as it is, or warped to the grid that the rules declare; joins and extras are passed over.
 */
vdt_status vdt_recipe_file(const char *path, const struct vdt_scene_rules *rules,
                           struct vdt_scene_recipe *recipe, struct vdt_error *error);

/* A file warped onto exactly that grid. */
vdt_status vdt_recipe_file_onto(const char *path, const struct vdt_warp_grid *grid,
                                const struct vdt_scene_rules *rules,
                                struct vdt_scene_recipe *recipe, struct vdt_error *error);

/* Opens the file and fills pixels, info and bands. */
vdt_status vdt_recipe_learn(struct vdt_scene_recipe *recipe, const struct vdt_scene_rules *rules,
                            struct vdt_error *error);

#endif

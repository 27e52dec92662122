/* Another raster on a scene's grid, by nearest neighbour: a mask of clouds, a raster of classes.
 * Its pixels are values of their own, which are never mixed. */
#ifndef SOURCE_LAYER_H
#define SOURCE_LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "source/scenes/scene_recipe.h"

/* Not changed once it is made; any thread may read it. {0}: none. */
struct vdt_layer {
    struct vdt_scene_recipe recipe; /* the file, or the file warped to the scene's grid */
    char *band;                     /* as vdt_bands_find takes it; NULL: its only one */
    bool own;                       /* it is the scene itself; the recipe is empty */
    int32_t col, row;               /* where the scene's first pixel is in the layer */
};

/* `path` is put on the grid of `scene`. Where its pixels are the scene's, moved by whole pixels or
 * not at all, they are taken as they are; so they are where one of the two has no place on the
 * ground that can be a grid (plain pixels, control points, RPC) and sizes are equal. Else each of
 * the scene's pixels has the value in which its centre lies, as gdalwarp -r near -et 0 has it,
 * never of an overview. One-line errors for all of vdt_scene_open, a raster of several bands when
 * `band` is NULL, no such band, sizes that differ. VDT_ERR_NOT_FOUND: the two do not meet. */
vdt_status vdt_layer_make(const char *path, const char *band, struct vdt_scene *scene,
                          struct vdt_layer *layer, struct vdt_error *error);
/* The part of a raster's own pixels that a scene may need: VDT_ERR_NOT_FOUND where they do not
 * meet.
 */
vdt_status vdt_layer_extent(struct vdt_scene *raster, struct vdt_scene *scene,
                            struct vdt_window *window, struct vdt_error *error);

/* A band of the open scene itself, as it is read. */
vdt_status vdt_layer_own(const char *band, struct vdt_scene *scene, struct vdt_layer *layer,
                         struct vdt_error *error);
void vdt_layer_clear(struct vdt_layer *layer);

/* What one thread reads of layers, one after the other; {0} is empty. */
struct vdt_layer_view {
    const struct vdt_layer *layer; /* that is open; borrowed */
    struct vdt_scene *scene;       /* NULL where it is the scene itself */
    struct vdt_band_selection selection;
    double *values; /* of the last window, [rows * cols] */
    uint8_t *valid; /* 0: nodata, or nothing is there */
    size_t value_capacity, valid_capacity;
};
void vdt_layer_view_clear(struct vdt_layer_view *view);

/* Opens a raster and chooses its band, as layers are read: values are float64. Both are the
 * caller's.
 */
vdt_status vdt_layer_open(const char *path, const char *band, struct vdt_scene **raster,
                          struct vdt_band_selection *selection, struct vdt_error *error);

/* Fills values and valid for a window of the scene. `scene` is open, and the one that the layer was
 * made for. */
vdt_status vdt_layer_read(struct vdt_layer_view *view, const struct vdt_layer *layer,
                          struct vdt_scene *scene, const struct vdt_window *window,
                          struct vdt_error *error);

#endif

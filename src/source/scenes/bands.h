/* Bands by name: what a band may be called, whichever sensor took it. */
#ifndef SOURCE_BANDS_H
#define SOURCE_BANDS_H

#include <vedatile/error.h>

#include "source/scenes/scene.h"

/* The 1-based numbers of `names` (at least one), in their order: *numbers is owned, [count]. A name
 * is, whatever its case, the first of these that a band has:
 *  1. a whole number: the band's;
 *  2. the band's description;
 *  3. its STAC common name, metadata item eo:common_name or common_name;
 *  4. its colour interpretation, as GDAL says it (red, green, blue, alpha, ...);
 *  5. the number that its sensor gives it (B04, B4, SR_B4), or the common name of that number, for
 *     Sentinel-2 and Landsat 4 to 9; docs/make-a-store.md has the table;
 *  6. in a stack, the name of its file without extension, with "_N" where that has several bands.
 * VDT_ERR_ARGUMENT, and a list of what there is, for a name that no band has, or two. */
vdt_status vdt_bands_find(struct vdt_scene *scene, const char *const *names, size_t count,
                          int **numbers, struct vdt_error *error);

/* vdt_scene_select by names; of a scene with extra bands the names are about the scene, and the
 * extra bands follow; of times the names are about each date. Bands keep the names that they were
 * asked for by, unless those are numbers. NULL: all but alpha. */
vdt_status vdt_bands_select(struct vdt_scene *scene, const char *const *names, size_t count,
                            struct vdt_band_selection *selection, struct vdt_error *error);

#endif

/* The ways between a label file's coordinates, the ground and a scene's pixels. Private to source/.
 *
 * Points are separate arrays of x and y, changed in place. ok[i] is cleared for a point that cannot
 * be mapped and left as it is otherwise, so that steps can follow each other; such a point's
 * coordinates mean nothing. All axis orders are x (east, longitude) first. */
#ifndef SOURCE_PROJECT_H
#define SOURCE_PROJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

#include "source/scenes/scene.h"

struct vdt_points {
    double *x, *y;
    bool *ok;
    size_t count;
};

/* All ok, coordinates unset. False when memory is out. */
bool vdt_points_allocate(struct vdt_points *points, size_t count);
void vdt_points_clear(struct vdt_points *points);

/* Finds a freshly opened scene's georeference and CRS, and how to invert it. */
vdt_status vdt_project_attach(struct vdt_scene *scene, struct vdt_error *error);
/* The options of a GDAL transformer from the scene's pixels to its ground; released with
 * CSLDestroy. NULL for an affine scene. */
char **vdt_project_options(const struct vdt_scene *scene);

void vdt_project_detach(struct vdt_scene *scene);

/* Label CRS (WKT; "" for none) to the scene's ground frame. Without a CRS on either side the
 * coordinates are the scene's already. Points of one layer belong in one call: PROJ chooses the
 * transformation by where they are. Fails only when there is no transformation at all. */
vdt_status vdt_project_to_ground(struct vdt_scene *scene, const char *crs, const char *label_path,
                                 struct vdt_points *points, struct vdt_error *error);

/* Ground to pixels and back; nothing happens in a scene without georeference. */
vdt_status vdt_project_to_pixels(struct vdt_scene *scene, struct vdt_points *points,
                                 struct vdt_error *error);
vdt_status vdt_project_from_pixels(struct vdt_scene *scene, struct vdt_points *points,
                                   struct vdt_error *error);

/* True when x is a longitude, of which a whole turn may have to be added to meet the scene. */
bool vdt_project_wraps(const struct vdt_scene *scene);

/* "EPSG:31985", else the CRS's name, else "no CRS". */
void vdt_crs_label(const char *wkt, char *text, size_t size);

#endif

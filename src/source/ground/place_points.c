/* Single positions on the ground, in a scene's pixels. */
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/scenes/scene.h"

vdt_status vdt_scene_place(struct vdt_scene *scene, const char *crs, const char *what,
                           double (*positions)[2], size_t count, bool *ok, struct vdt_error *error)
{
    vdt_cleanup(vdt_points_clear) struct vdt_points points = {0};
    if (!vdt_points_allocate(&points, count))
        return vdt_fail_memory(error, what);
    for (size_t i = 0; i < count; i++) {
        points.x[i] = positions[i][0];
        points.y[i] = positions[i][1];
    }
    vdt_status status = vdt_project_to_ground(scene, crs, what, &points, error);
    if (status == VDT_OK)
        status = vdt_project_to_pixels(scene, &points, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        positions[i][0] = points.x[i];
        positions[i][1] = points.y[i];
        ok[i] = points.ok[i];
    }
    return status;
}

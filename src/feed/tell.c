/* The plan as its caller gets to see it. */
#include "feed/tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/lonlat_json.h"
#include "feed/image.h"
#include "feed/place.h"
#include "feed/tile.h"

enum { SIDE_POINTS = 4, OUTLINE_POINTS = 4 * SIDE_POINTS };

const char *vdt_fate_name(enum vdt_fate fate)
{
    static const char *const names[] = {"kept",       "existing", "unlabelled",
                                        "background", "outside",  "straddling",
                                        "invalid",    "clouded",  "failed"};
    return (unsigned)fate < sizeof names / sizeof names[0] ? names[fate] : "unknown";
}

bool vdt_tells(const struct vdt_plan *plan)
{
    return plan->options->window != NULL;
}

static vdt_status copy_rings(const struct vdt_geometry *geometry, struct vdt_ring_span **spans,
                             struct vdt_error *error)
{
    struct vdt_ring_span *made = vdt_allocate(geometry->ring_count, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "plan");
    for (size_t i = 0; i < geometry->ring_count; i++)
        made[i] = (struct vdt_ring_span){geometry->rings[i].first, geometry->rings[i].count};
    *spans = made;
    return VDT_OK;
}

vdt_status vdt_tell_scene(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                          struct vdt_scene *scene, struct vdt_error *error)
{
    if (plan->options->scene == NULL)
        return VDT_OK;
    const struct vdt_pixel_rules rules = vdt_plan_pixel_rules(plan->options);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_copy_string(planned->path);
    vdt_cleanup(vdt_free_pointer) struct vdt_ring_span *spans = NULL;
    struct vdt_image image = {.uri = path, .scene = scene};
    if (path == NULL)
        return vdt_fail_memory(error, "plan");
    memcpy(image.bounds, planned->bounds, sizeof image.bounds);
    vdt_status status = vdt_pixel_rules_select(scene, &rules, &image.selection, error);
    if (status == VDT_OK)
        status = copy_rings(&planned->geometry, &spans, error);
    const struct vdt_feed_scene told = {.number = (size_t)(planned - plan->scenes),
                                        .path = planned->path,
                                        .image = &image,
                                        .points = (const double(*)[2])planned->geometry.points,
                                        .rings = spans,
                                        .ring_count = planned->geometry.ring_count};
    if (status == VDT_OK)
        plan->options->scene(&told, plan->options->payload);
    vdt_selection_clear(&image.selection);
    vdt_tile_clear(&image.tile);
    return status;
}

/* Points along the sides: straight lines of pixels are not straight in degrees. */
static void outline(const struct vdt_window *w, double points[OUTLINE_POINTS][2])
{
    static const int corners[5][2] = {{0, 1}, {1, 1}, {1, 0}, {0, 0}, {0, 1}};
    for (int i = 0; i < OUTLINE_POINTS; i++) {
        const int *from = corners[i / SIDE_POINTS], *to = corners[i / SIDE_POINTS + 1];
        double share = (double)(i % SIDE_POINTS) / SIDE_POINTS;
        points[i][0] = w->col + (from[0] + (to[0] - from[0]) * share) * w->cols;
        points[i][1] = w->row + (from[1] + (to[1] - from[1]) * share) * w->rows;
    }
}

/* New reference; JSON's null without a place. */
static json_t *ground_json(struct vdt_scene *scene, const struct vdt_window *window)
{
    double points[OUTLINE_POINTS][2], bounds[4];
    bool ok[OUTLINE_POINTS];
    outline(window, points);
    bool placed =
        scene != NULL && vdt_scene_lonlat(scene, points, OUTLINE_POINTS, ok, NULL) == VDT_OK;
    for (int i = 0; placed && i < OUTLINE_POINTS; i++)
        placed = ok[i] && isfinite(points[i][0]) && isfinite(points[i][1]);
    if (!placed)
        return json_null();
    json_t *polygon = vdt_lonlat_polygon((const double(*)[2])points, OUTLINE_POINTS);
    if (polygon != NULL || !vdt_place_bounds(scene, window, bounds))
        return polygon;
    return vdt_lonlat_box(bounds);
}

vdt_status vdt_tell_window(const struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                           const struct vdt_window *window, int group, enum vdt_fate fate,
                           struct vdt_error *error)
{
    const struct vdt_plan_scene *planned = &plan->scenes[index];
    char key[VDT_KEY_SIZE];
    if (plan->options->window == NULL)
        return VDT_OK;
    vdt_window_key(planned->digest, window, key);
    vdt_cleanup(vdt_json_release) json_t *ground = ground_json(scene, window);
    vdt_cleanup(vdt_free_pointer) char *text = ground == NULL ? NULL : vdt_json_text(ground);
    if (text == NULL)
        return vdt_fail_memory(error, "plan");
    const struct vdt_feed_window told = {.scene = index,
                                         .path = planned->path,
                                         .window = *window,
                                         .group = group < 0 ? NULL : plan->groups.names[group],
                                         .fate = fate,
                                         .key = key,
                                         .ground = text};
    plan->options->window(&told, plan->options->payload);
    return VDT_OK;
}

void vdt_told_scene_clear(struct vdt_told_scene *told)
{
    vdt_scene_free(told->scene);
    *told = (struct vdt_told_scene){0};
}

vdt_status vdt_tell_planned(struct vdt_told_scene *told, const struct vdt_plan *plan,
                            uint64_t index, enum vdt_fate fate, struct vdt_error *error)
{
    const struct vdt_plan_window *planned = &plan->windows[index];
    const struct vdt_window window = vdt_plan_window_at(plan, index);
    if (plan->options->window == NULL)
        return VDT_OK;
    if (told->scene == NULL || told->index != planned->scene) {
        vdt_told_scene_clear(told);
        told->index = planned->scene;
        /* One that is gone by now has windows without a place; workers say what is wrong. */
        if (vdt_scene_recipe_open(plan->scenes[planned->scene].recipe, &told->scene, NULL) !=
            VDT_OK)
            told->scene = NULL;
    }
    return vdt_tell_window(plan, planned->scene, told->scene, &window, (int)planned->group, fate,
                           error);
}

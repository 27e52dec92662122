/* Label sources on a scene: in its pixels, or why they are not there. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/labels/label_images.h"
#include "source/labels/labels_state.h"
#include "source/scenes/scene_state.h"
#include "source/shapes/geos_shape.h"

/* x and y of the lower and upper corner; empty when upside down. */
struct extent {
    double low[2], high[2];
};

static const struct extent nothing = {{INFINITY, INFINITY}, {-INFINITY, -INFINITY}};

static bool is_empty(const struct extent *extent)
{
    return !(extent->low[0] <= extent->high[0]);
}

static void widen(struct extent *extent, double x, double y)
{
    extent->low[0] = fmin(extent->low[0], x);
    extent->low[1] = fmin(extent->low[1], y);
    extent->high[0] = fmax(extent->high[0], x);
    extent->high[1] = fmax(extent->high[1], y);
}

/* Touching along an edge shares no area. */
static bool meets_scene(const struct extent *extent, const struct vdt_scene_info *info)
{
    return extent->high[0] > 0 && extent->high[1] > 0 && extent->low[0] < info->cols &&
           extent->low[1] < info->rows;
}

/* --- points of a layer ------------------------------------------------------------------- */

/* The scene's own extent on the ground, from its outline. */
static vdt_status scene_extent(struct vdt_scene *scene, struct extent *extent,
                               struct vdt_error *error)
{
    enum { STEPS = 8 };
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    vdt_cleanup(vdt_points_clear) struct vdt_points outline = {0};
    if (!vdt_points_allocate(&outline, 4 * (STEPS + 1)))
        return vdt_fail_memory(error, info->path);
    for (size_t i = 0; i <= STEPS; i++) {
        double x = (double)info->cols * (double)i / STEPS,
               y = (double)info->rows * (double)i / STEPS;
        const double on_edges[4][2] = {{x, 0}, {x, info->rows}, {0, y}, {info->cols, y}};
        for (size_t k = 0; k < 4; k++) {
            outline.x[4 * i + k] = on_edges[k][0];
            outline.y[4 * i + k] = on_edges[k][1];
        }
    }
    vdt_status status = vdt_project_from_pixels(scene, &outline, error);
    *extent = nothing;
    for (size_t i = 0; i < outline.count; i++)
        if (outline.ok[i])
            widen(extent, outline.x[i], outline.y[i]);
    return status;
}

/* A longitude means the same a turn further: parts are moved whole turns to where the scene is. */
static vdt_status unwrap(const struct vdt_labels_source *source,
                         const struct vdt_label_layer *layer, struct vdt_scene *scene,
                         struct vdt_points *points, struct vdt_error *error)
{
    const struct vdt_geometry *geometry = &source->geometry;
    struct extent scene_box;
    vdt_status status = scene_extent(scene, &scene_box, error);
    if (status != VDT_OK || is_empty(&scene_box))
        return status;
    double middle = (scene_box.low[0] + scene_box.high[0]) / 2;
    for (size_t f = layer->first_feature; f < layer->first_feature + layer->feature_count; f++) {
        const struct vdt_feature *feature = &geometry->features[f];
        for (size_t p = feature->first; p < feature->first + feature->count; p++) {
            const struct vdt_part *part = &geometry->parts[p];
            const struct vdt_ring *outer = &geometry->rings[part->first];
            const struct vdt_ring *last = &geometry->rings[part->first + part->count - 1];
            size_t begin = outer->first - layer->first_point;
            size_t end = last->first + last->count - layer->first_point;
            struct extent box = nothing;
            for (size_t i = begin; i < begin + outer->count; i++)
                widen(&box, points->x[i], points->y[i]);
            double turns = round((middle - (box.low[0] + box.high[0]) / 2) / 360);
            if (turns != 0 && isfinite(turns))
                for (size_t i = begin; i < end; i++)
                    points->x[i] += turns * 360;
        }
    }
    return VDT_OK;
}

/* A layer's points on the scene's ground; `swapped` takes the file's y for x. */
static vdt_status layer_on_ground(const struct vdt_labels_source *source,
                                  const struct vdt_label_layer *layer, bool swapped,
                                  struct vdt_scene *scene, struct vdt_points *points,
                                  struct vdt_error *error)
{
    const char *path = source->paths[layer->file];
    if (!vdt_points_allocate(points, layer->point_count))
        return vdt_fail_memory(error, path);
    const double(*from)[2] = (const double(*)[2])source->geometry.points + layer->first_point;
    for (size_t i = 0; i < layer->point_count; i++) {
        points->x[i] = from[i][swapped ? 1 : 0];
        points->y[i] = from[i][swapped ? 0 : 1];
    }
    vdt_status status = vdt_project_to_ground(scene, layer->crs, path, points, error);
    if (status == VDT_OK && layer->crs[0] != '\0' && vdt_project_wraps(scene))
        status = unwrap(source, layer, scene, points, error);
    return status;
}

/* The extent of a feature, with the width that its lines are to get; empty when a point of it could
 * not be mapped, so that the feature has no place in this scene. */
static struct extent feature_extent(const struct vdt_geometry *geometry,
                                    const struct vdt_feature *feature, size_t first_point,
                                    const struct vdt_points *points)
{
    struct extent extent = nothing;
    const struct vdt_part *last_part = &geometry->parts[feature->first + feature->count - 1];
    const struct vdt_ring *last = &geometry->rings[last_part->first + last_part->count - 1];
    size_t begin = geometry->rings[geometry->parts[feature->first].first].first - first_point;
    size_t end = last->first + last->count - first_point;
    for (size_t i = begin; i < end; i++) {
        if (!points->ok[i])
            return nothing;
        widen(&extent, points->x[i], points->y[i]);
    }
    for (int axis = 0; feature->lines > 0 && axis < 2; axis++) {
        extent.low[axis] -= feature->width / 2;
        extent.high[axis] += feature->width / 2;
    }
    return extent;
}

/* --- projecting -------------------------------------------------------------------------- */

static bool make_room(struct vdt_geometry *to, const struct vdt_geometry *from,
                      const struct vdt_feature *feature)
{
    size_t rings = 0, points = 0, count = feature->count - feature->lines;
    for (size_t p = feature->first; p < feature->first + count; p++) {
        rings += from->parts[p].count;
        for (size_t r = 0; r < from->parts[p].count; r++)
            points += from->rings[from->parts[p].first + r].count;
    }
    return vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                    sizeof *to->features) &&
           vdt_grow(&to->parts, &to->part_capacity, to->part_count + count, sizeof *to->parts) &&
           vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + rings, sizeof *to->rings) &&
           vdt_grow(&to->points, &to->point_capacity, to->point_count + points, sizeof *to->points);
}

/* Copies the polygons of a feature with their new coordinates. */
static bool copy_polygons(struct vdt_geometry *to, const struct vdt_geometry *from,
                          const struct vdt_feature *feature, size_t first_point,
                          const struct vdt_points *points)
{
    if (!make_room(to, from, feature))
        return false;
    struct vdt_feature *copy = &to->features[to->feature_count++];
    *copy = *feature;
    copy->first = to->part_count;
    for (size_t p = feature->first; p < feature->first + feature->count - feature->lines; p++) {
        const struct vdt_part *part = &from->parts[p];
        to->parts[to->part_count++] =
            (struct vdt_part){.first = to->ring_count, .count = part->count};
        for (size_t r = part->first; r < part->first + part->count; r++) {
            const struct vdt_ring *ring = &from->rings[r];
            to->rings[to->ring_count++] =
                (struct vdt_ring){.first = to->point_count, .count = ring->count};
            size_t begin = ring->first - first_point;
            for (size_t i = begin; i < begin + ring->count; i++) {
                to->points[to->point_count][0] = points->x[i];
                to->points[to->point_count++][1] = points->y[i];
            }
        }
    }
    return true;
}

/* Its lines and points as polygons, in pixels. */
static bool widen_lines(struct vdt_geometry *to, const struct vdt_geometry *from,
                        const struct vdt_feature *feature, size_t first_point,
                        const struct vdt_points *points, GEOSContextHandle_t geos)
{
    size_t lines = feature->lines, first = feature->first + feature->count - lines, total = 0;
    vdt_cleanup(vdt_free_pointer) size_t *counts = vdt_allocate(lines, sizeof *counts);
    if (counts == NULL)
        return false;
    for (size_t i = 0; i < lines; i++)
        total += counts[i] = from->rings[from->parts[first + i].first].count;
    size_t begin = from->rings[from->parts[first].first].first - first_point;
    vdt_cleanup(vdt_free_pointer) double(*places)[2] = vdt_allocate(total, sizeof *places);
    for (size_t i = 0; places != NULL && i < total; i++) {
        places[i][0] = points->x[begin + i];
        places[i][1] = points->y[begin + i];
    }
    return places != NULL &&
           vdt_geos_buffer(geos, (const double(*)[2])places, counts, lines, feature->width / 2, to);
}

static bool place_feature(struct vdt_geometry *to, const struct vdt_geometry *from,
                          const struct vdt_feature *feature, size_t first_point,
                          const struct vdt_points *points, GEOSContextHandle_t geos)
{
    if (!copy_polygons(to, from, feature, first_point, points) ||
        (feature->lines > 0 && !widen_lines(to, from, feature, first_point, points, geos)))
        return false;
    struct vdt_feature *placed = &to->features[to->feature_count - 1];
    placed->count = to->part_count - placed->first;
    placed->lines = 0;
    to->feature_count -= placed->count == 0;
    return true;
}

static void finish_geos(GEOSContextHandle_t *geos)
{
    if (*geos != NULL)
        GEOS_finish_r(*geos);
}

/* The layer's features, whose points are given in the scene's pixels. */
static vdt_status place_layer(const struct vdt_labels_source *source,
                              const struct vdt_label_layer *layer, struct vdt_scene *scene,
                              bool ignored, const struct vdt_points *points,
                              struct vdt_geometry *geometry, struct vdt_error *error)
{
    const struct vdt_geometry *own = &source->geometry;
    vdt_cleanup(finish_geos) GEOSContextHandle_t geos = GEOS_init_r();
    if (geos == NULL)
        return vdt_fail_memory(error, source->paths[layer->file]);
    for (size_t f = layer->first_feature; f < layer->first_feature + layer->feature_count; f++) {
        const struct vdt_feature *feature = &own->features[f];
        if ((feature->class_id == VDT_IGNORED_CLASS) != ignored)
            continue;
        struct extent extent = feature_extent(own, feature, layer->first_point, points);
        if (meets_scene(&extent, vdt_scene_info(scene)) &&
            !place_feature(geometry, own, feature, layer->first_point, points, geos))
            return vdt_fail(error, VDT_ERR_MEMORY,
                            "%s: feature %lld cannot be placed: memory is out, or GEOS cannot "
                            "buffer it",
                            source->paths[layer->file], (long long)feature->id);
    }
    return VDT_OK;
}

static vdt_status project_layer(const struct vdt_labels_source *source,
                                const struct vdt_label_layer *layer, struct vdt_scene *scene,
                                bool ignored, struct vdt_geometry *geometry,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_points_clear) struct vdt_points points = {0};
    vdt_status status = layer_on_ground(source, layer, false, scene, &points, error);
    if (status == VDT_OK)
        status = vdt_project_to_pixels(scene, &points, error);
    return status == VDT_OK ? place_layer(source, layer, scene, ignored, &points, geometry, error)
                            : status;
}

/* What there is about the scene's file. */
static vdt_status project_images(const struct vdt_labels_source *source, struct vdt_scene *scene,
                                 bool ignored, struct vdt_geometry *geometry,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const struct vdt_label_image **found = NULL;
    size_t count = 0;
    vdt_status status = vdt_label_images_find(source, scene->path, &found, &count, error);
    for (size_t i = 0; i < count && status == VDT_OK; i++) {
        vdt_cleanup(vdt_points_clear) struct vdt_points points = {0};
        const struct vdt_label_layer *layer = &source->layers[found[i]->layer];
        status = vdt_label_image_points(source, found[i], scene, &points, error);
        if (status == VDT_OK)
            status = place_layer(source, layer, scene, ignored, &points, geometry, error);
    }
    return status;
}

vdt_status vdt_labels_project(const struct vdt_labels_source *source, struct vdt_scene *scene,
                              bool ignored, struct vdt_geometry *geometry, struct vdt_error *error)
{
    if (ignored && source->counts.ignored == 0)
        return VDT_OK;
    if (source->metres && scene->crs == NULL)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: has no CRS, so widths in metres mean nothing on it: give --width in "
                        "pixels, such as 3px",
                        scene->path);
    vdt_status status = VDT_OK;
    if (source->of_images)
        status = project_images(source, scene, ignored, geometry, error);
    for (size_t l = 0; !source->of_images && status == VDT_OK && l < source->layer_count; l++)
        status = project_layer(source, &source->layers[l], scene, ignored, geometry, error);
    if (status == VDT_OK)
        vdt_geometry_measure(geometry);
    return status;
}

/* --- explaining -------------------------------------------------------------------------- */

/* Widens `extent` (may be NULL) by the features on the ground, and finds whether one meets the
 * scene. */
static vdt_status look(const struct vdt_labels_source *source, const struct vdt_label_layer *layer,
                       bool swapped, struct vdt_scene *scene, struct extent *extent, bool *meets,
                       struct vdt_error *error)
{
    const struct vdt_geometry *own = &source->geometry;
    vdt_cleanup(vdt_points_clear) struct vdt_points points = {0};
    vdt_status status = layer_on_ground(source, layer, swapped, scene, &points, error);
    if (status != VDT_OK)
        return status;
    size_t end = layer->first_feature + layer->feature_count;
    for (size_t f = layer->first_feature; f < end && extent != NULL; f++) {
        struct extent box = feature_extent(own, &own->features[f], layer->first_point, &points);
        if (!is_empty(&box)) {
            widen(extent, box.low[0], box.low[1]);
            widen(extent, box.high[0], box.high[1]);
        }
    }
    status = vdt_project_to_pixels(scene, &points, error);
    for (size_t f = layer->first_feature; f < end && status == VDT_OK && !*meets; f++) {
        struct extent box = feature_extent(own, &own->features[f], layer->first_point, &points);
        *meets = !is_empty(&box) && meets_scene(&box, vdt_scene_info(scene));
    }
    return status;
}

static void extent_text(const struct extent *extent, char *text, size_t size)
{
    if (is_empty(extent))
        snprintf(text, size, "nothing that can be projected");
    else
        snprintf(text, size, "x %.10g..%.10g y %.10g..%.10g", extent->low[0], extent->high[0],
                 extent->low[1], extent->high[1]);
}

/* How the labels' coordinates were understood. */
static void frame_text(const struct vdt_label_layer *layer, const struct vdt_scene_info *info,
                       char *text, size_t size)
{
    char name[96];
    vdt_crs_label(layer->crs, name, sizeof name);
    if (info->georef == VDT_GEOREF_NONE)
        snprintf(text, size, "taken as pixels, as the scene has no georeference");
    else if (layer->crs[0] == '\0' || info->crs[0] == '\0')
        snprintf(text, size, "taken in the scene's frame, as %s no CRS",
                 layer->crs[0] == '\0' ? "they have" : "the scene has");
    else
        snprintf(text, size, "after projection from %s", name);
}

vdt_status vdt_labels_explain(const struct vdt_labels_source *source, struct vdt_scene *scene,
                              struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    const char *path = source->paths[0];
    if (source->of_images)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: has no object in the images that are fed (the last one is %s)", path,
                        info->path);
    if (source->geometry.feature_count == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: no feature is left to label %s with", path,
                        info->path);
    struct extent labels = nothing, ground;
    bool meets = false, swapped = false;
    vdt_status status = scene_extent(scene, &ground, error);
    for (size_t l = 0; l < source->layer_count && status == VDT_OK; l++)
        status = look(source, &source->layers[l], false, scene, &labels, &meets, error);
    for (size_t l = 0; l < source->layer_count && status == VDT_OK && !swapped; l++)
        status = look(source, &source->layers[l], true, scene, NULL, &swapped, error);
    if (status != VDT_OK)
        return status;
    char scene_text[160], labels_text[160], frame[160], crs[96];
    extent_text(&ground, scene_text, sizeof scene_text);
    extent_text(&labels, labels_text, sizeof labels_text);
    frame_text(&source->layers[0], info, frame, sizeof frame);
    vdt_crs_label(info->crs, crs, sizeof crs);
    return vdt_fail(
        error, VDT_ERR_MISMATCH,
        "%s%s: labels do not meet %s: scene covers %s (%s), labels cover %s %s%s", path,
        source->path_count > 1 ? " and others" : "", info->path, scene_text, crs, labels_text,
        frame,
        swapped && !meets ? "; with the axes swapped they would: the file has latitude first" : "");
}

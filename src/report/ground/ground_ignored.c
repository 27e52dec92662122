/* Ground that does not count: pixels that masks ignore, and polygons of a file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_regions.h"
#include "source/shapes/overlay.h"

static const double MOSTLY = 0.5;

struct vdt_ground_ignored {
    const struct vdt_ground_areas *areas;
    struct vdt_masks *masks; /* of tiles, only the pixels that count in each */
    uint32_t *tiles;         /* [count], of masks */
    size_t count, capacity;
    uint8_t *counts; /* [rows * cols] */
    struct vdt_hits hits;
};

vdt_status vdt_ground_ignored_open(const struct vdt_ground_areas *areas,
                                   struct vdt_ground_ignored **out, struct vdt_error *error)
{
    struct vdt_ground_ignored *ignored = vdt_allocate_zero(1, sizeof *ignored);
    if (ignored == NULL)
        return vdt_fail_memory(error, "ignored ground");
    ignored->areas = areas;
    ignored->counts = vdt_allocate((size_t)areas->rows * areas->cols, 1);
    vdt_status status = ignored->counts == NULL ? vdt_fail_memory(error, "ignored ground")
                                                : vdt_masks_new(&ignored->masks, error);
    if (status != VDT_OK) {
        vdt_ground_ignored_free(ignored);
        return status;
    }
    *out = ignored;
    return VDT_OK;
}

void vdt_ground_ignored_free(struct vdt_ground_ignored *ignored)
{
    if (ignored == NULL)
        return;
    vdt_masks_free(ignored->masks);
    free(ignored->tiles);
    free(ignored->counts);
    free(ignored->hits.ids);
    free(ignored);
}

vdt_status vdt_ground_ignored_add(struct vdt_ground_ignored *ignored, uint32_t tile,
                                  const uint8_t *pixels, struct vdt_error *error)
{
    const struct vdt_ground_areas *areas = ignored->areas;
    size_t size = (size_t)areas->rows * areas->cols;
    bool any = false;
    if (tile >= areas->tile_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "pixels of tile %u of %u", tile,
                        areas->tile_count);
    if (memchr(pixels, 1, size) == NULL)
        return VDT_OK;
    vdt_status status = vdt_tile_counts(areas, tile, &ignored->hits, ignored->counts, error);
    for (size_t i = 0; status == VDT_OK && i < size; i++) {
        ignored->counts[i] &= pixels[i];
        any = any || ignored->counts[i] != 0;
    }
    if (status != VDT_OK || !any)
        return status;
    if (!vdt_grow(&ignored->tiles, &ignored->capacity, ignored->count + 1, sizeof *ignored->tiles))
        return vdt_fail_memory(error, "ignored ground");
    status = vdt_masks_add_u8(ignored->masks, areas->rows, areas->cols, ignored->counts,
                              (ptrdiff_t)areas->cols, 1, error);
    if (status == VDT_OK)
        ignored->tiles[ignored->count++] = tile;
    return status;
}

/* --- what objects have of it ------------------------------------------------------------------ */

/* The pixels as polygons in the planes, and what finds those of one area; polygons of the file in
 * one plane. {0} is empty. */
struct finder {
    const struct vdt_ground_areas *areas;
    struct vdt_ground_ways ways;
    struct vdt_overlay *overlay;
    struct vdt_ground_merged *pixels;
    struct vdt_index *index; /* of parts of the pixels of `area`, which begin with */
    uint64_t first;          /* this part, the first one of */
    size_t object;           /* this object */
    uint32_t area, grid;
    bool started;
    struct vdt_hits hits;
    struct vdt_region_map map;
    struct vdt_geometry whole, piece, found, joined;
    size_t *ends; /* [sources] of what each has in `found` */
    size_t end_capacity, sources;
};

static void clear_finder(struct finder *finder)
{
    vdt_ground_ways_clear(&finder->ways);
    vdt_overlay_free(finder->overlay);
    vdt_ground_merged_free(finder->pixels);
    vdt_index_free(finder->index);
    free(finder->hits.ids);
    vdt_region_map_clear(&finder->map);
    vdt_geometry_clear(&finder->whole);
    vdt_geometry_clear(&finder->piece);
    vdt_geometry_clear(&finder->found);
    vdt_geometry_clear(&finder->joined);
    free(finder->ends);
}

/* Each tile's pixels are one object of their own, for what borders cut need not be put together. */
static vdt_status place_pixels(const struct vdt_ground_ignored *ignored, struct finder *finder,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int64_t *feature = vdt_allocate(ignored->count, sizeof *feature);
    if (feature == NULL)
        return vdt_fail_memory(error, "ignored ground");
    for (size_t i = 0; i < ignored->count; i++)
        feature[i] = ignored->tiles[i];
    const struct vdt_objects objects = {.count = ignored->count,
                                        .image = ignored->tiles,
                                        .shapes = vdt_masks_shapes(ignored->masks)};
    const struct vdt_ground_input input = {.objects = &objects, .feature = feature};
    return vdt_ground_merge(ignored->areas, &input, &finder->pixels, error);
}

/* The box about the outline of a part. */
static void measure_part(const struct vdt_shapes *shapes, uint64_t part, double box[4])
{
    uint64_t ring = shapes->part_offsets[part];
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (uint64_t i = shapes->ring_offsets[ring]; i < shapes->ring_offsets[ring + 1]; i++)
        for (int axis = 0; axis < 2; axis++) {
            box[axis] = fmin(box[axis], shapes->points[i][axis]);
            box[axis + 2] = fmax(box[axis + 2], shapes->points[i][axis]);
        }
}

/* Part by part: a tile's pixels may be thousands of specks. */
static vdt_status index_pixels(struct finder *finder, uint32_t area, struct vdt_error *error)
{
    const struct vdt_ground_merged *pixels = finder->pixels;
    const struct vdt_shapes *shapes = &pixels->shapes;
    size_t first = 0, end;
    while (first < pixels->count && pixels->area_of[first] < area)
        first++;
    for (end = first; end < pixels->count && pixels->area_of[end] == area;)
        end++;
    uint64_t part = shapes->shape_offsets[first], parts = shapes->shape_offsets[end] - part;
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(parts, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, "ignored ground");
    for (uint64_t i = 0; i < parts; i++)
        measure_part(shapes, part + i, boxes[i]);
    vdt_index_free(finder->index);
    finder->index = NULL;
    finder->first = part;
    finder->object = first;
    return vdt_index_build((const double(*)[4])boxes, parts, &finder->index, error);
}

static vdt_status take_area(struct finder *finder, uint32_t area, struct vdt_error *error)
{
    uint32_t grid = finder->areas->area_grids[area];
    vdt_status status = VDT_OK;
    if (!finder->started || finder->area != area)
        status = index_pixels(finder, area, error);
    if (status == VDT_OK && finder->areas->ignored && (!finder->started || finder->grid != grid)) {
        vdt_region_map_clear(&finder->map);
        status =
            vdt_region_map_make(&finder->ways, grid, finder->areas->ignored, &finder->map, error);
    }
    finder->started = status == VDT_OK;
    finder->area = area;
    finder->grid = grid;
    return status;
}

static vdt_status add_common(struct finder *finder, const struct vdt_overlay_parts *ground,
                             struct vdt_error *error)
{
    struct vdt_overlay_parts whole = {&finder->whole, 0, finder->whole.part_count, false};
    size_t before = finder->found.part_count;
    if (!vdt_grow(&finder->ends, &finder->end_capacity, finder->sources + 1, sizeof *finder->ends))
        return vdt_fail_memory(error, "ignored ground");
    vdt_status status = vdt_overlay_common(finder->overlay, &whole, ground, &finder->found, error);
    if (status == VDT_OK && finder->found.part_count > before)
        finder->ends[finder->sources++] = finder->found.part_count;
    return status;
}

/* Appends a part of the pixels to `piece`. */
static bool copy_pixels(struct finder *finder, uint64_t part)
{
    const struct vdt_shapes *shapes = &finder->pixels->shapes;
    struct vdt_geometry *to = &finder->piece;
    uint64_t ring = shapes->part_offsets[part], end = shapes->part_offsets[part + 1];
    uint64_t first = shapes->ring_offsets[ring], points = shapes->ring_offsets[end] - first;
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts) ||
        !vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + end - ring, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + points, sizeof *to->points))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, end - ring};
    for (uint64_t r = ring; r < end; r++)
        to->rings[to->ring_count++] =
            (struct vdt_ring){to->point_count + shapes->ring_offsets[r] - first,
                              shapes->ring_offsets[r + 1] - shapes->ring_offsets[r]};
    memcpy(to->points + to->point_count, shapes->points + first, points * sizeof *to->points);
    to->point_count += points;
    return true;
}

/* Those of one tile after the other: hits rise, and parts of a tile follow each other. */
static vdt_status add_pixels(struct finder *finder, const double box[4], struct vdt_error *error)
{
    const uint64_t *offsets = finder->pixels->shapes.shape_offsets;
    size_t object = finder->object, i = 0;
    vdt_status status = vdt_index_query(finder->index, box, &finder->hits, error);
    while (status == VDT_OK && i < finder->hits.count) {
        struct vdt_geometry *piece = &finder->piece;
        piece->point_count = piece->ring_count = piece->part_count = 0;
        while (offsets[object + 1] <= finder->first + finder->hits.ids[i])
            object++;
        for (; i < finder->hits.count && finder->first + finder->hits.ids[i] < offsets[object + 1];
             i++)
            if (!copy_pixels(finder, finder->first + finder->hits.ids[i]))
                return vdt_fail_memory(error, "ignored ground");
        struct vdt_overlay_parts ground = {piece, 0, piece->part_count, false};
        status = add_common(finder, &ground, error);
    }
    return status;
}

static bool meets(const double a[4], const double b[4])
{
    return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

static vdt_status add_polygons(struct finder *finder, const double box[4], struct vdt_error *error)
{
    struct vdt_region_map *map = &finder->map;
    const double middle[2] = {(box[0] + box[2]) / 2, (box[1] + box[3]) / 2};
    uint32_t region = map->region_count;
    bool crosses = false;
    vdt_status status = vdt_region_map_crosses(map, box, &crosses, error);
    if (status == VDT_OK && !crosses) {
        status = vdt_region_map_at(map, middle, &region, error);
        struct vdt_overlay_parts whole = {&finder->whole, 0, finder->whole.part_count, false};
        if (status == VDT_OK && region < map->region_count)
            status = add_common(finder, &whole, error);
        return status;
    }
    for (size_t f = 0; status == VDT_OK && f < map->shapes.feature_count; f++) {
        const struct vdt_feature *feature = &map->shapes.features[f];
        struct vdt_overlay_parts ground = {&map->shapes, feature->first, feature->count, false};
        if (meets(feature->box, box))
            status = add_common(finder, &ground, error);
    }
    return status;
}

/* What several sources have is there once. */
static vdt_status join_found(struct finder *finder, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_overlay_parts *each =
        vdt_allocate(finder->sources, sizeof *each);
    if (each == NULL)
        return vdt_fail_memory(error, "ignored ground");
    for (size_t i = 0, first = 0; i < finder->sources; first = finder->ends[i++])
        each[i] = (struct vdt_overlay_parts){&finder->found, first, finder->ends[i] - first, false};
    struct vdt_geometry *joined = &finder->joined;
    joined->point_count = joined->ring_count = joined->part_count = 0;
    vdt_status status = vdt_overlay_join(finder->overlay, each, finder->sources, joined, error);
    struct vdt_geometry old = finder->found;
    finder->found = *joined;
    *joined = old;
    return status;
}

/* The part of an object in ignored ground, as parts of `found`; none where there is none. */
static vdt_status find_part(struct finder *finder, const struct vdt_ground_merged *objects,
                            size_t object, struct vdt_error *error)
{
    const double *b = objects->box[object];
    const double box[4] = {b[0], b[1], b[0] + b[2], b[1] + b[3]};
    struct vdt_geometry *found = &finder->found;
    found->point_count = found->ring_count = found->part_count = finder->sources = 0;
    vdt_status status = take_area(finder, objects->area_of[object], error);
    if (status == VDT_OK && !vdt_ground_shape(&objects->shapes, object, &finder->whole))
        status = vdt_fail_memory(error, "ignored ground");
    if (status == VDT_OK)
        status = add_pixels(finder, box, error);
    if (status == VDT_OK && finder->areas->ignored)
        status = add_polygons(finder, box, error);
    return status == VDT_OK && finder->sources > 1 ? join_found(finder, error) : status;
}

/* --- what follows from it --------------------------------------------------------------------- */

/* Crowds to add: features, each for one detection. */
struct crowds {
    struct vdt_geometry shapes;
    uint32_t *of;
    size_t capacity;
};

static void clear_crowds(struct crowds *crowds)
{
    vdt_geometry_clear(&crowds->shapes);
    free(crowds->of);
}

static bool add_crowd(struct crowds *crowds, const struct vdt_geometry *part, uint32_t detection)
{
    struct vdt_geometry *to = &crowds->shapes;
    size_t first = to->part_count, count = to->feature_count;
    if (!vdt_grow(&crowds->of, &crowds->capacity, count + 1, sizeof *crowds->of) ||
        !vdt_grow(&to->features, &to->feature_capacity, count + 1, sizeof *to->features))
        return false;
    for (size_t p = 0; p < part->part_count; p++)
        if (!vdt_geometry_copy_part(to, part, &part->parts[p]))
            return false;
    to->features[to->feature_count++] =
        (struct vdt_feature){.first = first, .count = part->part_count};
    crowds->of[count] = detection;
    return true;
}

static double area_of(const struct vdt_geometry *shape)
{
    struct vdt_feature feature = {.first = 0, .count = shape->part_count};
    struct vdt_geometry one = *shape;
    one.features = &feature;
    one.feature_count = 1;
    vdt_geometry_measure(&one);
    return feature.area;
}

/* `crowds` NULL: none are wanted. Sets mostly[]. */
static vdt_status look_at(struct finder *finder, const struct vdt_ground_merged *objects,
                          struct crowds *crowds, bool *mostly, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < objects->count; i++) {
        mostly[i] = false;
        status = find_part(finder, objects, i, error);
        if (status != VDT_OK || finder->found.part_count == 0)
            continue;
        mostly[i] = area_of(&finder->found) >= MOSTLY * objects->area[i];
        if (crowds != NULL && !add_crowd(crowds, &finder->found, (uint32_t)i))
            status = vdt_fail_memory(error, "ignored ground");
    }
    return status;
}

static void set_aside(struct vdt_ground_merged *merged, const bool *mostly, bool crowds,
                      uint32_t image)
{
    for (size_t i = 0; i < merged->count; i++) {
        bool scored = merged->objects.score != NULL, known = merged->ignore[i] != 0 && !scored;
        merged->counts.ignored += mostly[i] && !known;
        if (mostly[i] && !crowds)
            merged->image[i] = image;
        else if (mostly[i] && !scored)
            merged->ignore[i] = 1;
    }
}

static vdt_status ignore(struct finder *finder, struct vdt_ground_merged *truth,
                         struct vdt_ground_merged *found, bool with_crowds, uint32_t *image_count,
                         struct vdt_error *error)
{
    vdt_cleanup(clear_crowds) struct crowds crowds = {0};
    vdt_cleanup(vdt_free_pointer) bool *missing = vdt_allocate(truth->count, sizeof *missing);
    vdt_cleanup(vdt_free_pointer) bool *wrong = vdt_allocate(found->count, sizeof *wrong);
    if (missing == NULL || wrong == NULL)
        return vdt_fail_memory(error, "ignored ground");
    vdt_status status = look_at(finder, truth, NULL, missing, error);
    if (status == VDT_OK)
        status = look_at(finder, found, with_crowds ? &crowds : NULL, wrong, error);
    if (status != VDT_OK)
        return status;
    set_aside(truth, missing, with_crowds, *image_count);
    set_aside(found, wrong, with_crowds, *image_count);
    *image_count += !with_crowds;
    vdt_geometry_measure(&crowds.shapes);
    return crowds.shapes.feature_count > 0
               ? vdt_ground_merged_append(truth, &crowds.shapes, found, crowds.of, error)
               : VDT_OK;
}

vdt_status vdt_ground_ignore(struct vdt_ground_ignored *ignored, struct vdt_ground_merged *truth,
                             struct vdt_ground_merged *found, bool crowds, uint32_t *image_count,
                             struct vdt_error *error)
{
    vdt_cleanup(clear_finder) struct finder finder = {.areas = ignored->areas};
    if (ignored->count == 0 && ignored->areas->ignored == NULL) {
        *image_count += !crowds;
        return VDT_OK;
    }
    vdt_status status = vdt_ground_ways_open(&finder.ways, ignored->areas, error);
    if (status == VDT_OK)
        status = vdt_overlay_open(&finder.overlay, error);
    if (status == VDT_OK)
        status = place_pixels(ignored, &finder, error);
    return status == VDT_OK ? ignore(&finder, truth, found, crowds, image_count, error) : status;
}

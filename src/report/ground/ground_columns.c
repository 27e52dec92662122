/* Objects on the ground as columns. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

void vdt_ground_merged_free(struct vdt_ground_merged *merged)
{
    if (merged == NULL)
        return;
    free(merged->image);
    free(merged->category);
    free(merged->area_of);
    free(merged->score);
    free(merged->area);
    free(merged->box);
    free(merged->crowd);
    free(merged->ignore);
    free(merged->piece_offsets);
    free(merged->pieces);
    free(merged->points);
    free(merged->ring_offsets);
    free(merged->part_offsets);
    free(merged->shape_offsets);
    free(merged);
}

vdt_status vdt_ground_merged_new(size_t count, size_t pieces, bool scored,
                                 struct vdt_ground_merged **out, struct vdt_error *error)
{
    struct vdt_ground_merged *merged = vdt_allocate_zero(1, sizeof *merged);
    if (merged == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    merged->image = vdt_allocate(count, sizeof *merged->image);
    merged->category = vdt_allocate(count, sizeof *merged->category);
    merged->area_of = vdt_allocate(count, sizeof *merged->area_of);
    merged->score = vdt_allocate(count, sizeof *merged->score);
    merged->area = vdt_allocate(count, sizeof *merged->area);
    merged->box = vdt_allocate(count, sizeof *merged->box);
    merged->crowd = vdt_allocate(count, sizeof *merged->crowd);
    merged->ignore = vdt_allocate(count, sizeof *merged->ignore);
    merged->piece_offsets = vdt_allocate_zero(count + 1, sizeof *merged->piece_offsets);
    merged->pieces = vdt_allocate(pieces, sizeof *merged->pieces);
    merged->objects.score = scored ? merged->score : NULL;
    if (merged->image == NULL || merged->category == NULL || merged->area_of == NULL ||
        merged->score == NULL || merged->area == NULL || merged->box == NULL ||
        merged->crowd == NULL || merged->ignore == NULL || merged->piece_offsets == NULL ||
        merged->pieces == NULL) {
        vdt_ground_merged_free(merged);
        return vdt_fail_memory(error, "objects on the ground");
    }
    *out = merged;
    return VDT_OK;
}

vdt_status vdt_ground_merged_end(struct vdt_ground_merged *merged, struct vdt_geometry *shapes,
                                 struct vdt_error *error)
{
    merged->ring_offsets = vdt_allocate(shapes->ring_count + 1, sizeof *merged->ring_offsets);
    merged->part_offsets = vdt_allocate(shapes->part_count + 1, sizeof *merged->part_offsets);
    merged->shape_offsets = vdt_allocate(shapes->feature_count + 1, sizeof *merged->shape_offsets);
    if (merged->ring_offsets == NULL || merged->part_offsets == NULL ||
        merged->shape_offsets == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (size_t i = 0; i < shapes->ring_count; i++)
        merged->ring_offsets[i] = shapes->rings[i].first;
    for (size_t i = 0; i < shapes->part_count; i++)
        merged->part_offsets[i] = shapes->parts[i].first;
    for (size_t i = 0; i < shapes->feature_count; i++)
        merged->shape_offsets[i] = shapes->features[i].first;
    merged->ring_offsets[shapes->ring_count] = shapes->point_count;
    merged->part_offsets[shapes->part_count] = shapes->ring_count;
    merged->shape_offsets[shapes->feature_count] = shapes->part_count;
    merged->points = shapes->points;
    shapes->points = NULL;
    shapes->point_count = shapes->point_capacity = 0;
    merged->shapes = (struct vdt_shapes){
        .kind = VDT_SHAPE_POLYGON,
        .count = merged->count,
        .points = (const double(*)[2])merged->points,
        .ring_offsets = merged->ring_offsets,
        .part_offsets = merged->part_offsets,
        .shape_offsets = merged->shape_offsets,
    };
    bool scored = merged->objects.score != NULL;
    merged->objects = (struct vdt_objects){
        .count = merged->count,
        .image = merged->image,
        .category = merged->category,
        .score = scored ? merged->score : NULL,
        .box = (const double(*)[4])merged->box,
        .area = merged->area,
        .crowd = scored ? NULL : merged->crowd,
        .ignore = scored ? NULL : merged->ignore,
        .shapes = &merged->shapes,
    };
    return VDT_OK;
}

const struct vdt_objects *vdt_ground_objects(const struct vdt_ground_merged *merged)
{
    return &merged->objects;
}

uint64_t vdt_ground_pieces(const struct vdt_ground_merged *merged, uint64_t object,
                           const uint64_t **pieces)
{
    *pieces = merged->pieces + merged->piece_offsets[object];
    return merged->piece_offsets[object + 1] - merged->piece_offsets[object];
}

uint32_t vdt_ground_area_of(const struct vdt_ground_merged *merged, uint64_t object)
{
    return merged->area_of[object];
}

struct vdt_ground_counts vdt_ground_counts(const struct vdt_ground_merged *merged)
{
    return merged->counts;
}

/* --- more of them ----------------------------------------------------------------------------- */

bool vdt_ground_shape(const struct vdt_shapes *shapes, uint64_t object, struct vdt_geometry *shape)
{
    shape->point_count = shape->ring_count = shape->part_count = shape->feature_count = 0;
    for (uint64_t p = shapes->shape_offsets[object]; p < shapes->shape_offsets[object + 1]; p++) {
        uint64_t ring = shapes->part_offsets[p], end = shapes->part_offsets[p + 1];
        if (!vdt_grow(&shape->parts, &shape->part_capacity, shape->part_count + 1,
                      sizeof *shape->parts) ||
            !vdt_grow(&shape->rings, &shape->ring_capacity, shape->ring_count + end - ring,
                      sizeof *shape->rings))
            return false;
        shape->parts[shape->part_count++] = (struct vdt_part){shape->ring_count, end - ring};
        for (; ring < end; ring++) {
            uint64_t at = shapes->ring_offsets[ring], count = shapes->ring_offsets[ring + 1] - at;
            if (!vdt_grow(&shape->points, &shape->point_capacity, shape->point_count + count,
                          sizeof *shape->points))
                return false;
            memcpy(shape->points + shape->point_count, shapes->points + at,
                   count * sizeof *shape->points);
            shape->rings[shape->ring_count++] = (struct vdt_ring){shape->point_count, count};
            shape->point_count += count;
        }
    }
    return true;
}

/* Room for `count` values of a column. */
static bool widen(void *column, size_t count, size_t size)
{
    void *old, *grown;
    memcpy(&old, column, sizeof old);
    grown = realloc(old, count * size);
    if (grown != NULL)
        memcpy(column, &grown, sizeof grown);
    return grown != NULL;
}

static bool widen_all(struct vdt_ground_merged *merged, const struct vdt_geometry *more)
{
    const struct vdt_shapes *shapes = &merged->shapes;
    size_t count = merged->count + more->feature_count;
    size_t parts = shapes->shape_offsets[merged->count], rings = shapes->part_offsets[parts];
    size_t points = shapes->ring_offsets[rings] + more->point_count;
    return widen(&merged->image, count, sizeof *merged->image) &&
           widen(&merged->category, count, sizeof *merged->category) &&
           widen(&merged->area_of, count, sizeof *merged->area_of) &&
           widen(&merged->score, count, sizeof *merged->score) &&
           widen(&merged->area, count, sizeof *merged->area) &&
           widen(&merged->box, count, sizeof *merged->box) &&
           widen(&merged->crowd, count, sizeof *merged->crowd) &&
           widen(&merged->ignore, count, sizeof *merged->ignore) &&
           widen(&merged->piece_offsets, count + 1, sizeof *merged->piece_offsets) &&
           widen(&merged->points, points, sizeof *merged->points) &&
           widen(&merged->ring_offsets, rings + more->ring_count + 1,
                 sizeof *merged->ring_offsets) &&
           widen(&merged->part_offsets, parts + more->part_count + 1,
                 sizeof *merged->part_offsets) &&
           widen(&merged->shape_offsets, count + 1, sizeof *merged->shape_offsets);
}

static void append_shapes(struct vdt_ground_merged *merged, const struct vdt_geometry *more)
{
    size_t parts = merged->shape_offsets[merged->count], rings = merged->part_offsets[parts];
    size_t points = merged->ring_offsets[rings];
    if (more->point_count > 0)
        memcpy(merged->points + points, more->points, more->point_count * sizeof *more->points);
    for (size_t i = 0; i < more->ring_count; i++)
        merged->ring_offsets[rings + i + 1] = points + more->rings[i].first + more->rings[i].count;
    for (size_t i = 0; i < more->part_count; i++)
        merged->part_offsets[parts + i + 1] = rings + more->parts[i].first + more->parts[i].count;
    for (size_t i = 0; i < more->feature_count; i++)
        merged->shape_offsets[merged->count + i + 1] =
            parts + more->features[i].first + more->features[i].count;
}

static void refresh(struct vdt_ground_merged *merged)
{
    merged->shapes.count = merged->objects.count = merged->count;
    merged->shapes.points = (const double(*)[2])merged->points;
    merged->shapes.ring_offsets = merged->ring_offsets;
    merged->shapes.part_offsets = merged->part_offsets;
    merged->shapes.shape_offsets = merged->shape_offsets;
    merged->objects.image = merged->image;
    merged->objects.category = merged->category;
    merged->objects.box = (const double(*)[4])merged->box;
    merged->objects.area = merged->area;
    merged->objects.crowd = merged->crowd;
    merged->objects.ignore = merged->ignore;
}

vdt_status vdt_ground_merged_append(struct vdt_ground_merged *merged,
                                    const struct vdt_geometry *shapes,
                                    const struct vdt_ground_merged *like, const uint32_t *of,
                                    struct vdt_error *error)
{
    bool good = widen_all(merged, shapes);
    for (size_t i = 0; good && i < shapes->feature_count; i++) {
        const struct vdt_feature *feature = &shapes->features[i];
        size_t at = merged->count + i;
        merged->image[at] = like->image[of[i]];
        merged->category[at] = like->category[of[i]];
        merged->area_of[at] = like->area_of[of[i]];
        merged->score[at] = 0;
        merged->area[at] = feature->area;
        for (int axis = 0; axis < 2; axis++) {
            merged->box[at][axis] = feature->box[axis];
            merged->box[at][axis + 2] = feature->box[axis + 2] - feature->box[axis];
        }
        merged->crowd[at] = 1;
        merged->ignore[at] = 0;
        merged->piece_offsets[at + 1] = merged->piece_offsets[merged->count];
    }
    if (good) {
        append_shapes(merged, shapes);
        merged->count += shapes->feature_count;
        merged->counts.crowds += shapes->feature_count;
    }
    refresh(merged);
    return good ? VDT_OK : vdt_fail_memory(error, "objects on the ground");
}

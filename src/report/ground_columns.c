/* Objects on the ground as columns. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "report/ground_state.h"

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

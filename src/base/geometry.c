/* Measures of packed polygons. */
#include "base/geometry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

double vdt_ring_area2(const double (*points)[2], size_t count)
{
    if (count < 3)
        return 0;
    /* Relative to the first point: coordinates can be large and rings small. */
    double x0 = points[0][0], y0 = points[0][1], sum = 0;
    for (size_t i = 1; i + 1 < count; i++)
        sum += (points[i][0] - x0) * (points[i + 1][1] - y0) -
               (points[i + 1][0] - x0) * (points[i][1] - y0);
    return sum;
}

static double part_area(const struct vdt_geometry *geometry, const struct vdt_part *part)
{
    double area = 0;
    for (size_t i = 0; i < part->count; i++) {
        const struct vdt_ring *ring = &geometry->rings[part->first + i];
        double ring_area =
            fabs(vdt_ring_area2((const double(*)[2])geometry->points + ring->first, ring->count)) /
            2;
        area += i == 0 ? ring_area : -ring_area;
    }
    return area;
}

static void grow_box(double box[4], const double point[2])
{
    box[0] = fmin(box[0], point[0]);
    box[1] = fmin(box[1], point[1]);
    box[2] = fmax(box[2], point[0]);
    box[3] = fmax(box[3], point[1]);
}

void vdt_geometry_measure(struct vdt_geometry *geometry)
{
    for (size_t f = 0; f < geometry->feature_count; f++) {
        struct vdt_feature *feature = &geometry->features[f];
        double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
        feature->area = 0;
        for (size_t p = feature->first; p < feature->first + feature->count; p++) {
            const struct vdt_part *part = &geometry->parts[p];
            const struct vdt_ring *outer = &geometry->rings[part->first];
            feature->area += part_area(geometry, part);
            for (size_t i = outer->first; i < outer->first + outer->count; i++)
                grow_box(box, geometry->points[i]);
        }
        for (int i = 0; i < 4; i++)
            feature->box[i] = box[i];
    }
}

void vdt_geometry_clear(struct vdt_geometry *geometry)
{
    free(geometry->points);
    free(geometry->rings);
    free(geometry->parts);
    free(geometry->features);
    *geometry = (struct vdt_geometry){0};
}

bool vdt_geometry_copy_part(struct vdt_geometry *to, const struct vdt_geometry *from,
                            const struct vdt_part *part)
{
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts) ||
        !vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + part->count, sizeof *to->rings))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, part->count};
    for (size_t r = part->first; r < part->first + part->count; r++) {
        const struct vdt_ring *ring = &from->rings[r];
        if (!vdt_grow(&to->points, &to->point_capacity, to->point_count + ring->count,
                      sizeof *to->points))
            return false;
        memcpy(to->points + to->point_count, from->points + ring->first,
               ring->count * sizeof *to->points);
        to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, ring->count};
        to->point_count += ring->count;
    }
    return true;
}

bool vdt_geometry_replace(struct vdt_geometry *to, const struct vdt_geometry *begin,
                          const struct vdt_geometry *from)
{
    if (!vdt_grow(&to->features, &to->feature_capacity, begin->feature_count + from->feature_count,
                  sizeof *to->features) ||
        !vdt_grow(&to->parts, &to->part_capacity, begin->part_count + from->part_count,
                  sizeof *to->parts) ||
        !vdt_grow(&to->rings, &to->ring_capacity, begin->ring_count + from->ring_count,
                  sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, begin->point_count + from->point_count,
                  sizeof *to->points))
        return false;
    for (size_t i = 0; i < from->feature_count; i++) {
        to->features[begin->feature_count + i] = from->features[i];
        to->features[begin->feature_count + i].first += begin->part_count;
    }
    for (size_t i = 0; i < from->part_count; i++)
        to->parts[begin->part_count + i] =
            (struct vdt_part){begin->ring_count + from->parts[i].first, from->parts[i].count};
    for (size_t i = 0; i < from->ring_count; i++)
        to->rings[begin->ring_count + i] =
            (struct vdt_ring){begin->point_count + from->rings[i].first, from->rings[i].count};
    if (from->point_count > 0)
        memcpy(to->points + begin->point_count, from->points,
               from->point_count * sizeof *to->points);
    to->feature_count = begin->feature_count + from->feature_count;
    to->part_count = begin->part_count + from->part_count;
    to->ring_count = begin->ring_count + from->ring_count;
    to->point_count = begin->point_count + from->point_count;
    return true;
}

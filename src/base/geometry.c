/* Measures of packed polygons. */
#include "base/geometry.h"

#include <math.h>
#include <stdlib.h>

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

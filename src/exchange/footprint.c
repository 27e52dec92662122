/* Polygons on the ground. */
#include "exchange/footprint.h"

#include "base/lonlat_json.h"

enum { SIDE_POINTS = 4, POINTS = 4 * SIDE_POINTS };

struct ring {
    double points[POINTS][2];
    int count;
};

void vdt_outline_clear(struct vdt_outline *footprint)
{
    vdt_lonlat_free(footprint->ground);
    *footprint = (struct vdt_outline){0};
}

/* Points along the sides: straight lines of pixels are not straight in degrees. */
static void outline(const double box[4], struct ring *ring)
{
    static const int corners[5][2] = {{0, 1}, {2, 1}, {2, 3}, {0, 3}, {0, 1}};
    ring->count = POINTS;
    for (int i = 0; i < POINTS; i++) {
        const int *from = corners[i / SIDE_POINTS], *to = corners[i / SIDE_POINTS + 1];
        double share = (double)(i % SIDE_POINTS) / SIDE_POINTS;
        for (int axis = 0; axis < 2; axis++)
            ring->points[i][axis] = box[from[axis]] + (box[to[axis]] - box[from[axis]]) * share;
    }
}

static void to_ground(const double g[6], struct ring *ring)
{
    for (int i = 0; i < ring->count; i++) {
        double x = ring->points[i][0], y = ring->points[i][1];
        ring->points[i][0] = g[0] + g[1] * x + g[2] * y;
        ring->points[i][1] = g[3] + g[4] * x + g[5] * y;
    }
}

json_t *vdt_outline_of(struct vdt_outline *footprint, const struct vdt_record *record,
                       const double box[4], bool whole)
{
    const double *g = record->sample.geotransform;
    if (footprint->crs != record->crs) {
        vdt_outline_clear(footprint);
        footprint->crs = record->crs;
        footprint->ground = record->crs[0] == '\0' ? NULL : vdt_lonlat_open(record->crs);
    }
    struct ring ring;
    outline(box, &ring);
    to_ground(g, &ring);
    bool placed = footprint->ground != NULL && (g[1] != 0 || g[2] != 0) &&
                  vdt_lonlat_from(footprint->ground, ring.points, (size_t)ring.count);
    json_t *polygon =
        placed ? vdt_lonlat_polygon((const double(*)[2])ring.points, ring.count) : NULL;
    if (polygon != NULL)
        return polygon;
    return whole ? vdt_lonlat_box(record->sample.bounds) : json_null();
}

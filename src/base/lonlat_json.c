/* Polygons on the globe, for readers that think in a plane. */
#include "base/lonlat_json.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { CUT_POINTS = 2 * VDT_LONLAT_MOST + 4 };

struct ring {
    double points[CUT_POINTS][2];
    int count;
};

/* Moves each longitude next to the one before it. False when the ring goes round a pole. */
static bool follow(struct ring *ring)
{
    for (int i = 1; i < ring->count; i++)
        ring->points[i][0] -= 360 * rint((ring->points[i][0] - ring->points[i - 1][0]) / 360);
    return fabs(ring->points[ring->count - 1][0] - ring->points[0][0]) < 180;
}

/* All longitudes by whole turns, so that the westernmost lies in [-180, 180). */
static void normalise(struct ring *ring, double *east)
{
    double west = INFINITY;
    for (int i = 0; i < ring->count; i++)
        west = fmin(west, ring->points[i][0]);
    double turn = -360 * floor((west + 180) / 360);
    *east = -INFINITY;
    for (int i = 0; i < ring->count; i++) {
        ring->points[i][0] += turn;
        *east = fmax(*east, ring->points[i][0]);
    }
}

/* The part on one side of longitude 180 (Sutherland and Hodgman 1974): west of it for side 1. */
static void clip(const struct ring *ring, int side, struct ring *part)
{
    part->count = 0;
    for (int i = 0; i < ring->count; i++) {
        const double *a = ring->points[i], *b = ring->points[(i + 1) % ring->count];
        double from = side * (180 - a[0]), to = side * (180 - b[0]);
        if (from >= 0) {
            memcpy(part->points[part->count++], a, sizeof *part->points);
        }
        if ((from > 0 && to < 0) || (from < 0 && to > 0)) {
            double *cut = part->points[part->count++];
            cut[0] = 180;
            cut[1] = a[1] + (b[1] - a[1]) * from / (from - to);
        }
    }
    for (int i = 0; side < 0 && i < part->count; i++)
        part->points[i][0] -= 360;
}

/* Counter-clockwise and closed. */
static json_t *ring_json(const struct ring *ring)
{
    double area = 0;
    for (int i = 0; i < ring->count; i++) {
        const double *a = ring->points[i], *b = ring->points[(i + 1) % ring->count];
        area += a[0] * b[1] - b[0] * a[1];
    }
    json_t *list = json_array();
    for (int i = 0; i <= ring->count; i++) {
        int at = (area >= 0 ? i : ring->count - i) % ring->count;
        json_array_append_new(list, json_pack("[f, f]", ring->points[at][0], ring->points[at][1]));
    }
    return list;
}

static json_t *cut_polygon(struct ring *ring)
{
    double east;
    normalise(ring, &east);
    if (east <= 180)
        return json_pack("{s:s, s:[o]}", "type", "Polygon", "coordinates", ring_json(ring));
    struct ring west_part, east_part;
    clip(ring, 1, &west_part);
    clip(ring, -1, &east_part);
    return json_pack("{s:s, s:[[o], [o]]}", "type", "MultiPolygon", "coordinates",
                     ring_json(&west_part), ring_json(&east_part));
}

json_t *vdt_lonlat_polygon(const double (*points)[2], int count)
{
    struct ring ring = {.count = count};
    memcpy(ring.points, points, (size_t)count * sizeof *points);
    return follow(&ring) ? cut_polygon(&ring) : NULL;
}

json_t *vdt_lonlat_box(const double bounds[4])
{
    if (!(isfinite(bounds[0]) && isfinite(bounds[1]) && isfinite(bounds[2]) && isfinite(bounds[3])))
        return json_null();
    double east = bounds[2] < bounds[0] ? bounds[2] + 360 : bounds[2];
    struct ring ring = {.points = {{bounds[0], bounds[1]},
                                   {east, bounds[1]},
                                   {east, bounds[3]},
                                   {bounds[0], bounds[3]}},
                        .count = 4};
    return cut_polygon(&ring);
}

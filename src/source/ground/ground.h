/* Where tiles lie on the ground, from what a store keeps of them, and how near two of them are. */
#ifndef SOURCE_GROUND_H
#define SOURCE_GROUND_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_ground; /* the CRSs that tiles are in; one thread */

/* The parallelogram that a tile covers in the coordinates of its CRS. */
struct vdt_footprint {
    uint32_t crs;           /* from vdt_ground_crs */
    double geotransform[6]; /* of the tile, GDAL's order; invertible */
    int32_t cols, rows;     /* above 0 */
};

struct vdt_nearness {
    bool near;   /* they share ground, or are nearer than the gap */
    double area; /* shared, in square metres; off the Earth in units of the CRS; NaN: unknown */
};

vdt_status vdt_ground_open(struct vdt_ground **ground, struct vdt_error *error);
void vdt_ground_free(struct vdt_ground *ground); /* accepts NULL */

/* The number of a CRS (WKT, or "" for none); equal for texts of the same CRS. *on_earth is false
 * for a local CRS and for none, whose coordinates are a plane of their own. */
vdt_status vdt_ground_crs(struct vdt_ground *ground, const char *wkt, uint32_t *crs, bool *on_earth,
                          struct vdt_error *error);

/* A rectangle that holds the footprint and its surroundings up to `gap` metres: on the Earth west,
 * south, east, north in degrees with west in [-180, 180) and east not below it, else in the CRS's
 * coordinates (gap left out). False when a point of it has no place on the Earth. */
bool vdt_ground_box(const struct vdt_ground *ground, const struct vdt_footprint *footprint,
                    double gap, double box[4]);

/* Two footprints on the Earth, or in the same CRS off it. Each is first made a thousandth of a
 * pixel smaller on every side, so that rounding makes no neighbours share ground; the area is of
 * the whole footprints. Of one CRS they are compared in its plane, where their sides are straight.
 * Otherwise, and for `gap` (metres; 0: none), in the plane that touches the WGS 84 ellipsoid at the
 * middle of `a`, with points along their sides: distances up to 100 km are right to 1e-4.
 * Footprints that reach beyond that plane's hemisphere are near, their area unknown. */
vdt_status vdt_ground_compare(const struct vdt_ground *ground, const struct vdt_footprint *a,
                              const struct vdt_footprint *b, double gap,
                              struct vdt_nearness *nearness, struct vdt_error *error);

#endif

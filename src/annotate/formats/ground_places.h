/* Where the samples of a bound set lie on the ground. */
#ifndef ANNOTATE_GROUND_PLACES_H
#define ANNOTATE_GROUND_PLACES_H

#include "annotate/sets/set.h"

struct vdt_ground_place {
    uint32_t sample;
    uint32_t crs;         /* into the list */
    double from_pixel[6]; /* GDAL's order */
    double to_pixel[6];
    double box[4]; /* around it, in the CRS's coordinates */
    bool turns;    /* those are degrees, and it goes on beyond longitude 180 */
};

/* {0} is empty. */
struct vdt_ground_places {
    struct vdt_ground_place *places;
    size_t count, capacity;
    struct vdt_strings crs; /* WKT texts */
};

/* Samples without a place on the ground are left out. */
vdt_status vdt_ground_places_read(const struct vdt_annotations *set,
                                  struct vdt_ground_places *places, struct vdt_error *error);
void vdt_ground_places_clear(struct vdt_ground_places *places);

static inline void vdt_affine(const double g[6], const double from[2], double to[2])
{
    double x = g[0] + g[1] * from[0] + g[2] * from[1], y = g[3] + g[4] * from[0] + g[5] * from[1];
    to[0] = x;
    to[1] = y;
}

#endif

/* Planes of the WGS 84 ellipsoid that keep areas. No I/O. */
#ifndef SOURCE_EQUAL_AREA_H
#define SOURCE_EQUAL_AREA_H

#include <stdbool.h>

/* Lambert's azimuthal projection about a place, or the cylindrical one with its true parallel
 * there, in metres (Snyder, Map Projections: A Working Manual, 1987, sections 24 and 10). */
struct vdt_equal_area {
    char text[96]; /* what PROJ takes */
    bool cylindrical;
    double width; /* of a whole turn in a cylindrical plane; else 0 */
    double lon, q_pole, radius, d;
    double sin_middle, cos_middle; /* of the authalic latitude */
    int pole;                      /* 1 or -1 where the middle is one */
};

/* `middle` is longitude and latitude in degrees; of more than six digits behind the point they are
 * rounded. */
void vdt_equal_area_make(struct vdt_equal_area *plane, const double middle[2], bool cylindrical);

/* Degrees to metres, in place. False for what has no place: the antipode of the middle. */
bool vdt_equal_area_flatten(const struct vdt_equal_area *plane, double point[2]);

#endif

/* Ellipsoids in space, and planes that touch them. Private to source/. */
#ifndef SOURCE_ELLIPSOID_H
#define SOURCE_ELLIPSOID_H

#include <stdbool.h>

struct vdt_ellipsoid {
    double a;  /* semi-major axis in metres */
    double e2; /* eccentricity squared */
};
extern const struct vdt_ellipsoid vdt_wgs84;

/* Degrees (longitude, latitude) on WGS 84 to metres from the Earth's centre: x towards longitude 0,
 * z towards the north pole. */
void vdt_geocentric(const double lonlat[2], double place[3]);

/* The plane that touches an ellipsoid at a place. Distances in it are right to 1e-4 within 90 km.
 */
struct vdt_tangent {
    struct vdt_ellipsoid ellipsoid;
    double origin[3], east[3], north[3], up[3];
};
void vdt_tangent_touch(struct vdt_tangent *tangent, const struct vdt_ellipsoid *ellipsoid,
                       const double lonlat[2]);

/* Degrees to metres east and north of the origin, straight down onto the plane. False behind the
 * ellipsoid's rim as seen from above. */
bool vdt_tangent_flatten(const struct vdt_tangent *tangent, double point[2]);

/* And back; longitudes are in -180..180. False beside the ellipsoid. */
bool vdt_tangent_raise(const struct vdt_tangent *tangent, double point[2]);

/* Metres from the origin through the ellipsoid to a place in degrees. */
double vdt_tangent_distance(const struct vdt_tangent *tangent, const double lonlat[2]);

#endif

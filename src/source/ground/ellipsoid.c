/* Ellipsoids in space, and planes that touch them. */
#include "source/ground/ellipsoid.h"

#include <math.h>
#include <string.h>

static const double radians = 3.14159265358979323846 / 180;

const struct vdt_ellipsoid vdt_wgs84 = {6378137, 6.69437999014e-3};

static void geocentric(const struct vdt_ellipsoid *ellipsoid, const double lonlat[2],
                       double place[3])
{
    double lon = lonlat[0] * radians, lat = lonlat[1] * radians;
    double n = ellipsoid->a / sqrt(1 - ellipsoid->e2 * sin(lat) * sin(lat));
    place[0] = n * cos(lat) * cos(lon);
    place[1] = n * cos(lat) * sin(lon);
    place[2] = n * (1 - ellipsoid->e2) * sin(lat);
}

void vdt_geocentric(const double lonlat[2], double place[3])
{
    geocentric(&vdt_wgs84, lonlat, place);
}

/* --- planes ------------------------------------------------------------------------------ */

void vdt_tangent_touch(struct vdt_tangent *tangent, const struct vdt_ellipsoid *ellipsoid,
                       const double lonlat[2])
{
    double lon = lonlat[0] * radians, lat = lonlat[1] * radians;
    tangent->ellipsoid = *ellipsoid;
    geocentric(ellipsoid, lonlat, tangent->origin);
    memcpy(tangent->east, (double[3]){-sin(lon), cos(lon), 0}, sizeof tangent->east);
    memcpy(tangent->north, (double[3]){-sin(lat) * cos(lon), -sin(lat) * sin(lon), cos(lat)},
           sizeof tangent->north);
    memcpy(tangent->up, (double[3]){cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)},
           sizeof tangent->up);
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

bool vdt_tangent_flatten(const struct vdt_tangent *tangent, double point[2])
{
    double place[3], from[3];
    geocentric(&tangent->ellipsoid, point, place);
    for (int i = 0; i < 3; i++)
        from[i] = place[i] - tangent->origin[i];
    point[0] = dot(from, tangent->east);
    point[1] = dot(from, tangent->north);
    return dot(place, tangent->up) > 0;
}

bool vdt_tangent_raise(const struct vdt_tangent *tangent, double point[2])
{
    const double *up = tangent->up;
    double a2 = tangent->ellipsoid.a * tangent->ellipsoid.a;
    double b2 = a2 * (1 - tangent->ellipsoid.e2);
    double at[3];
    for (int i = 0; i < 3; i++)
        at[i] = tangent->origin[i] + point[0] * tangent->east[i] + point[1] * tangent->north[i];
    /* The upper of the two places where the plumb line meets the ellipsoid. */
    double a = (up[0] * up[0] + up[1] * up[1]) / a2 + up[2] * up[2] / b2;
    double b = (at[0] * up[0] + at[1] * up[1]) / a2 + at[2] * up[2] / b2;
    double c = (at[0] * at[0] + at[1] * at[1]) / a2 + at[2] * at[2] / b2 - 1;
    double root = b * b - a * c;
    if (!(root >= 0))
        return false;
    double height = -c / (b + sqrt(root));
    for (int i = 0; i < 3; i++)
        at[i] += height * up[i];
    point[0] = atan2(at[1], at[0]) / radians;
    point[1] = atan2(at[2], (1 - tangent->ellipsoid.e2) * hypot(at[0], at[1])) / radians;
    return true;
}

double vdt_tangent_distance(const struct vdt_tangent *tangent, const double lonlat[2])
{
    double place[3];
    geocentric(&tangent->ellipsoid, lonlat, place);
    return sqrt((place[0] - tangent->origin[0]) * (place[0] - tangent->origin[0]) +
                (place[1] - tangent->origin[1]) * (place[1] - tangent->origin[1]) +
                (place[2] - tangent->origin[2]) * (place[2] - tangent->origin[2]));
}

/* The WGS 84 ellipsoid in space. */
#include "source/ellipsoid.h"

#include <math.h>

void vdt_geocentric(const double lonlat[2], double place[3])
{
    const double radians = 3.14159265358979323846 / 180;
    const double a = 6378137, e2 = 6.69437999014e-3; /* semi-major axis, eccentricity squared */
    double lon = lonlat[0] * radians, lat = lonlat[1] * radians;
    double n = a / sqrt(1 - e2 * sin(lat) * sin(lat));
    place[0] = n * cos(lat) * cos(lon);
    place[1] = n * cos(lat) * sin(lon);
    place[2] = n * (1 - e2) * sin(lat);
}

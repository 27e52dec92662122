/* Planes of the WGS 84 ellipsoid that keep areas. */
#include "source/ground/equal_area.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/ground/ellipsoid.h"

static const double radians = 3.14159265358979323846 / 180;

/* Snyder's q (3-12). */
static double q_of(double sine)
{
    double e = sqrt(vdt_wgs84.e2), es = e * sine;
    return (1 - vdt_wgs84.e2) * (sine / (1 - es * es) + atanh(es) / e);
}

/* Sine and cosine of the authalic latitude, which near a pole are not taken from each other: no
 * digit would be left of the cosine. */
static void authalic(double q_pole, double latitude, double *sine, double *cosine)
{
    double e2 = vdt_wgs84.e2, e = sqrt(e2), s = fabs(sin(latitude)), c = cos(latitude);
    double rest = c * c / (1 + s); /* 1 - s */
    double of_pole =
        rest * (1 + e2 * s) / (1 - e2 * s * s) + (1 - e2) / e * atanh(e * rest / (1 - e2 * s));
    double below = of_pole / q_pole;
    *sine = latitude < 0 ? below - 1 : 1 - below;
    *cosine = sqrt(below * (2 - below));
}

/* Degrees with six digits, whatever the locale's decimal sign. */
static void degrees(double value, char text[24])
{
    long long millionths = llrint(value * 1e6);
    unsigned long long size = (unsigned long long)llabs(millionths);
    snprintf(text, 24, "%s%llu.%06llu", millionths < 0 ? "-" : "", size / 1000000, size % 1000000);
}

void vdt_equal_area_make(struct vdt_equal_area *plane, const double middle[2], bool cylindrical)
{
    char lon[24], lat[24];
    degrees(middle[0], lon);
    degrees(middle[1], lat);
    *plane = (struct vdt_equal_area){.cylindrical = cylindrical};
    snprintf(plane->text, sizeof plane->text, "+proj=%s +%s=%s +lon_0=%s +datum=WGS84 +units=m",
             cylindrical ? "cea" : "laea", cylindrical ? "lat_ts" : "lat_0", lat, lon);
    plane->lon = (double)llrint(middle[0] * 1e6) / 1e6;
    double latitude = (double)llrint(middle[1] * 1e6) / 1e6 * radians;
    double sine = sin(latitude), a = vdt_wgs84.a;
    double m = cos(latitude) / sqrt(1 - vdt_wgs84.e2 * sine * sine);
    plane->q_pole = q_of(1);
    if (cylindrical) {
        plane->d = m;
        plane->width = 360 * radians * a * m;
        return;
    }
    plane->radius = a * sqrt(plane->q_pole / 2);
    authalic(plane->q_pole, latitude, &plane->sin_middle, &plane->cos_middle);
    if (fabs(latitude) > (90 - 1e-7) * radians)
        plane->pole = latitude > 0 ? 1 : -1;
    else
        plane->d = a * m / (plane->radius * plane->cos_middle);
}

bool vdt_equal_area_flatten(const struct vdt_equal_area *plane, double point[2])
{
    double turn = point[0] - plane->lon, a = vdt_wgs84.a;
    turn = (turn - 360 * rint(turn / 360)) * radians;
    double latitude = point[1] * radians, sine, cosine;
    if (plane->cylindrical) {
        point[0] = a * plane->d * turn;
        point[1] = a * q_of(sin(latitude)) / (2 * plane->d);
        return isfinite(point[0]) && isfinite(point[1]);
    }
    authalic(plane->q_pole, latitude, &sine, &cosine);
    if (plane->pole != 0) {
        double toward = plane->pole * sine; /* 1 - toward loses its digits near the pole */
        double apart = toward > 0 ? cosine * cosine / (1 + toward) : 1 - toward;
        double rho = plane->radius * sqrt(2 * apart);
        point[0] = rho * sin(turn);
        point[1] = -plane->pole * rho * cos(turn);
        return isfinite(point[0]) && isfinite(point[1]);
    }
    double below = 1 + plane->sin_middle * sine + plane->cos_middle * cosine * cos(turn);
    double b = plane->radius * sqrt(2 / below);
    point[0] = b * plane->d * cosine * sin(turn);
    point[1] = b / plane->d * (plane->cos_middle * sine - plane->sin_middle * cosine * cos(turn));
    return below > 1e-9 && isfinite(point[0]) && isfinite(point[1]);
}

/* The WGS 84 ellipsoid in space. */
#ifndef SOURCE_ELLIPSOID_H
#define SOURCE_ELLIPSOID_H

/* Degrees (longitude, latitude) on the ellipsoid to metres from the Earth's centre: x towards
 * longitude 0, z towards the north pole. */
void vdt_geocentric(const double lonlat[2], double place[3]);

#endif

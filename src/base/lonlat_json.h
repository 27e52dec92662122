/* Rings in longitude and latitude as geometries of GeoJSON (RFC 7946): outer rings
 * counter-clockwise, closed, cut at the antimeridian. */
#ifndef BASE_LONLAT_JSON_H
#define BASE_LONLAT_JSON_H

#include "base/json.h"

enum { VDT_LONLAT_MOST = 64 }; /* points of a ring */

/* A Polygon or MultiPolygon of a ring of up to VDT_LONLAT_MOST points in degrees, without a closing
 * repeat; longitudes may be off by whole turns. New reference; NULL when the ring goes round a
 * pole, or memory is out. */
json_t *vdt_lonlat_polygon(const double (*points)[2], int count);

/* The same of west, south, east, north (west > east: across the antimeridian); JSON's null, "no
 * place", for numbers that are none. */
json_t *vdt_lonlat_box(const double bounds[4]);

#endif

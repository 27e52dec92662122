/* From a CRS's coordinates to longitude and latitude, without a scene. */
#ifndef SOURCE_LONLAT_H
#define SOURCE_LONLAT_H

#include <stdbool.h>
#include <stddef.h>

struct vdt_lonlat;

/* NULL for text that is no CRS on the earth. One thread; released with vdt_lonlat_free. */
struct vdt_lonlat *vdt_lonlat_open(const char *wkt);
void vdt_lonlat_free(struct vdt_lonlat *lonlat); /* accepts NULL */

/* (x, y) to (longitude, latitude) of WGS 84 in degrees, in place. False when one cannot be mapped.
 */
bool vdt_lonlat_from(struct vdt_lonlat *lonlat, double (*points)[2], size_t count);

/* The EPSG code of a CRS; 0 when it has none. */
int vdt_crs_epsg(const char *wkt);

/* Its coordinates are longitude and latitude in degrees. */
bool vdt_crs_in_degrees(const char *wkt);

#endif

/* CRSs as GDAL holds them. Private to source/. */
#ifndef SOURCE_CRS_H
#define SOURCE_CRS_H

#include <ogr_srs_api.h>

/* From WKT or "EPSG:n", with x (east, longitude) first whatever the authority says. The caller
 * releases it; NULL when the text is no CRS. */
OGRSpatialReferenceH vdt_crs_from_text(const char *text);

/* For vdt_cleanup; NULL is none. */
void vdt_crs_release(OGRSpatialReferenceH *crs);

#endif

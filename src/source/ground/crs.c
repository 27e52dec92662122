/* CRSs from text. */
#include "source/ground/crs.h"

#include <stddef.h>

void vdt_crs_release(OGRSpatialReferenceH *crs)
{
    if (*crs != NULL)
        OSRRelease(*crs);
}

OGRSpatialReferenceH vdt_crs_from_text(const char *text)
{
    OGRSpatialReferenceH crs = OSRNewSpatialReference(NULL);
    if (crs == NULL || OSRSetFromUserInput(crs, text) != OGRERR_NONE) {
        vdt_crs_release(&crs);
        return NULL;
    }
    OSRSetAxisMappingStrategy(crs, OAMS_TRADITIONAL_GIS_ORDER);
    return crs;
}

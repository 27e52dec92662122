/* Versions of the libraries that this folder owns. */
#include "source/version.h"

#include <gdal.h>
#include <geos_c.h>
#include <ogr_srs_api.h>
#include <stdio.h>

void vdt_source_versions(char *text, size_t size)
{
    int major = 0, minor = 0, patch = 0;
    OSRGetPROJVersion(&major, &minor, &patch);
    snprintf(text, size, "GDAL %s\nPROJ %d.%d.%d\nGEOS %s", GDALVersionInfo("RELEASE_NAME"), major,
             minor, patch, GEOSversion());
}

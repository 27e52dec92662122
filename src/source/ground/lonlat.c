/* The ground by PROJ. */
#include "source/ground/lonlat.h"

#include <cpl_conv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/ground/crs.h"
#include "source/quiet.h"

enum { TOGETHER = 64 }; /* points of one call of GDAL's */

struct vdt_lonlat {
    OGRCoordinateTransformationH transform;
};

struct vdt_lonlat *vdt_lonlat_open(const char *wkt)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH from = vdt_crs_from_text(wkt);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH degrees = vdt_crs_from_text("EPSG:4326");
    struct vdt_lonlat *lonlat = calloc(1, sizeof *lonlat);
    if (from != NULL && degrees != NULL && lonlat != NULL && !OSRIsLocal(from))
        lonlat->transform = OCTNewCoordinateTransformation(from, degrees);
    if (lonlat == NULL || lonlat->transform != NULL)
        return lonlat;
    free(lonlat);
    return NULL;
}

void vdt_lonlat_free(struct vdt_lonlat *lonlat)
{
    if (lonlat == NULL)
        return;
    OCTDestroyCoordinateTransformation(lonlat->transform);
    free(lonlat);
}

bool vdt_lonlat_from(struct vdt_lonlat *lonlat, double (*points)[2], size_t count)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    bool good = true;
    for (size_t first = 0; good && first < count; first += TOGETHER) {
        double x[TOGETHER], y[TOGETHER];
        int mapped[TOGETHER] = {0};
        size_t some = count - first < TOGETHER ? count - first : TOGETHER;
        for (size_t i = 0; i < some; i++) {
            x[i] = points[first + i][0];
            y[i] = points[first + i][1];
        }
        OCTTransformEx(lonlat->transform, (int)some, x, y, NULL, mapped);
        for (size_t i = 0; i < some; i++) {
            points[first + i][0] = x[i];
            points[first + i][1] = y[i];
            good = good && mapped[i] != 0 && isfinite(x[i]) && isfinite(y[i]) &&
                   fabs(y[i]) <= 90 + 1e-9;
        }
    }
    return good;
}

int vdt_crs_epsg(const char *wkt)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs =
        wkt[0] == '\0' ? NULL : vdt_crs_from_text(wkt);
    const char *authority = crs == NULL ? NULL : OSRGetAuthorityName(crs, NULL);
    const char *code = crs == NULL ? NULL : OSRGetAuthorityCode(crs, NULL);
    return authority != NULL && code != NULL && strcmp(authority, "EPSG") == 0 ? atoi(code) : 0;
}

bool vdt_crs_in_degrees(const char *wkt)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs = vdt_crs_from_text(wkt);
    double unit = crs == NULL ? 0 : OSRGetAngularUnits(crs, NULL);
    return crs != NULL && OSRIsGeographic(crs) && fabs(unit - 0.017453292519943295) < 1e-9;
}

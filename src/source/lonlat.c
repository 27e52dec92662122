/* The ground by PROJ. */
#include "source/lonlat.h"

#include <cpl_conv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/crs.h"
#include "source/quiet.h"

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
    for (size_t i = 0; good && i < count; i++) {
        int mapped = 0;
        OCTTransformEx(lonlat->transform, 1, &points[i][0], &points[i][1], NULL, &mapped);
        good = mapped != 0 && isfinite(points[i][0]) && isfinite(points[i][1]) &&
               fabs(points[i][1]) <= 90 + 1e-9;
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

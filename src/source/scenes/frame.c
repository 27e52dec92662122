/* Positions of any scene on the pixel grid of another. */
#include "source/scenes/frame.h"

#include <gdal.h>
#include <math.h>
#include <ogr_srs_api.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/ground/ellipsoid.h"
#include "source/quiet.h"

struct vdt_frame {
    char *crs;
    double forward[6], inverse[6];
    OGRCoordinateTransformationH from_lonlat, to_lonlat; /* NULL without a CRS */
    bool wraps; /* x is a longitude: whole turns are the same place */
};

static void frame_cleanup(struct vdt_frame **frame)
{
    vdt_frame_free(*frame);
}

static vdt_status attach_crs(struct vdt_frame *frame, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH crs = vdt_crs_from_text(frame->crs);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH lonlat = vdt_crs_from_text("EPSG:4326");
    if (crs == NULL || lonlat == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "the split's CRS cannot be read: %s",
                        vdt_quiet_text(&quiet, "not WKT"));
    if (OSRIsLocal(crs))
        return VDT_OK;
    frame->from_lonlat = OCTNewCoordinateTransformation(lonlat, crs);
    frame->to_lonlat = OCTNewCoordinateTransformation(crs, lonlat);
    frame->wraps = OSRIsGeographic(crs);
    if (frame->from_lonlat == NULL || frame->to_lonlat == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "the split's CRS has no way to degrees: %s",
                        vdt_quiet_text(&quiet, "PROJ does not say why"));
    return VDT_OK;
}

vdt_status vdt_frame_open(const char *crs, const double geotransform[6], struct vdt_frame **out,
                          struct vdt_error *error)
{
    vdt_cleanup(frame_cleanup) struct vdt_frame *frame = calloc(1, sizeof *frame);
    if (frame == NULL || (frame->crs = vdt_copy_string(crs)) == NULL)
        return vdt_fail_memory(error, "split");
    memcpy(frame->forward, geotransform, sizeof frame->forward);
    if (!GDALInvGeoTransform(frame->forward, frame->inverse))
        return vdt_fail(error, VDT_ERR_FORMAT, "the split's geotransform maps pixels to no area");
    vdt_status status = crs[0] == '\0' ? VDT_OK : attach_crs(frame, error);
    if (status != VDT_OK)
        return status;
    *out = frame;
    frame = NULL;
    return VDT_OK;
}

void vdt_frame_free(struct vdt_frame *frame)
{
    if (frame == NULL)
        return;
    OCTDestroyCoordinateTransformation(frame->from_lonlat);
    OCTDestroyCoordinateTransformation(frame->to_lonlat);
    free(frame->crs);
    free(frame);
}

static void apply(const double transform[6], double point[2])
{
    double x = point[0], y = point[1];
    GDALApplyGeoTransform((double *)transform, x, y, &point[0], &point[1]);
}

/* Scene pixels to the frame's coordinates through degrees, which every placed scene has. */
static vdt_status through_lonlat(const struct vdt_frame *frame, struct vdt_scene *scene,
                                 double (*points)[2], size_t count, bool *ok,
                                 struct vdt_error *error)
{
    if (frame->from_lonlat == NULL)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: has a CRS, but the store is split on pixels without one",
                        vdt_scene_info(scene)->path);
    vdt_status status = vdt_scene_lonlat(scene, points, count, ok, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    for (size_t i = 0; i < count; i++) {
        int success = 0;
        OCTTransformEx(frame->from_lonlat, 1, &points[i][0], &points[i][1], NULL, &success);
        ok[i] = ok[i] && success && isfinite(points[i][0]) && isfinite(points[i][1]);
    }
    return VDT_OK;
}

vdt_status vdt_frame_place(const struct vdt_frame *frame, struct vdt_scene *scene,
                           double (*points)[2], size_t count, bool *ok, struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    vdt_status status = VDT_OK;
    if (info->georef == VDT_GEOREF_NONE && frame->crs[0] == '\0') {
        for (size_t i = 0; i < count; i++)
            ok[i] = true;
    } else if (info->georef == VDT_GEOREF_AFFINE && strcmp(info->crs, frame->crs) == 0) {
        for (size_t i = 0; i < count; i++) {
            apply(info->geotransform, points[i]);
            ok[i] = true;
        }
    } else
        status = through_lonlat(frame, scene, points, count, ok, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        if (frame->wraps)
            points[i][0] -= 360 * floor((points[i][0] - frame->forward[0]) / 360 + 1e-9);
        apply(frame->inverse, points[i]);
    }
    return status;
}

/* Great-circle distance in metres between two places in degrees. */
static double distance(const double a[2], const double b[2])
{
    const double radians = 3.14159265358979323846 / 180, radius = 6371008.8;
    double north = sin((b[1] - a[1]) * radians / 2), east = sin((b[0] - a[0]) * radians / 2);
    double h = north * north + cos(a[1] * radians) * cos(b[1] * radians) * east * east;
    return 2 * radius * asin(fmin(sqrt(h), 1));
}

/* A position of the frame and those one step of x and of y from it, in degrees. */
static bool step_places(const struct vdt_frame *frame, const double point[2], double places[3][2])
{
    if (frame->to_lonlat == NULL)
        return false;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    for (int i = 0; i < 3; i++) {
        int success = 0;
        places[i][0] = point[0] + (i == 1);
        places[i][1] = point[1] + (i == 2);
        apply(frame->forward, places[i]);
        OCTTransformEx(frame->to_lonlat, 1, &places[i][0], &places[i][1], NULL, &success);
        if (!success || !isfinite(places[i][0]) || !isfinite(places[i][1]))
            return false;
    }
    return true;
}

bool vdt_frame_metres(const struct vdt_frame *frame, const double point[2], double metres[2])
{
    double places[3][2];
    if (!step_places(frame, point, places))
        return false;
    metres[0] = distance(places[0], places[1]);
    metres[1] = distance(places[0], places[2]);
    return metres[0] > 0 && metres[1] > 0;
}

bool vdt_frame_spacing(const struct vdt_frame *frame, const double point[2], double spacing[2])
{
    double places[3][2], origin[3], x[3], y[3];
    if (!step_places(frame, point, places))
        return false;
    vdt_geocentric(places[0], origin);
    vdt_geocentric(places[1], x);
    vdt_geocentric(places[2], y);
    double xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < 3; i++) {
        x[i] -= origin[i];
        y[i] -= origin[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
        xy += x[i] * y[i];
    }
    double area = sqrt(fmax(xx * yy - xy * xy, 0));
    spacing[0] = area / sqrt(yy);
    spacing[1] = area / sqrt(xx);
    return spacing[0] > 0 && spacing[1] > 0;
}

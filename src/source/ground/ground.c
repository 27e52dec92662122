/* Footprints of tiles: boxes to find neighbours with, polygons in a common plane to compare. */
#include "source/ground/ground.h"

#include <geos_c.h>
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

enum { BOX_SIDE = 4, SIDE = 16, POINTS_MOST = 4 * SIDE };

static const double radians = 3.14159265358979323846 / 180;

struct ground_crs {
    char *text;
    OGRSpatialReferenceH crs;               /* NULL for none */
    OGRCoordinateTransformationH to_lonlat; /* NULL off the Earth */
    bool wraps;                             /* x is a longitude */
};

struct vdt_ground {
    struct ground_crs *crs;
    size_t count, capacity;
    GEOSContextHandle_t geos;
};

/* Polygons in the plane that two footprints are compared in. */
struct plane {
    const struct vdt_ground *ground;
    bool local;  /* the tangent's; else the CRS's own coordinates */
    double turn; /* added to longitudes of the second footprint in a plane of degrees */
    struct vdt_tangent tangent;
};

vdt_status vdt_ground_open(struct vdt_ground **out, struct vdt_error *error)
{
    struct vdt_ground *ground = vdt_allocate_zero(1, sizeof *ground);
    if (ground == NULL || (ground->geos = GEOS_init_r()) == NULL) {
        free(ground);
        return vdt_fail_memory(error, "ground");
    }
    *out = ground;
    return VDT_OK;
}

static void clear_crs(struct ground_crs *crs)
{
    OCTDestroyCoordinateTransformation(crs->to_lonlat);
    vdt_crs_release(&crs->crs);
    free(crs->text);
}

void vdt_ground_free(struct vdt_ground *ground)
{
    if (ground == NULL)
        return;
    for (size_t i = 0; i < ground->count; i++)
        clear_crs(&ground->crs[i]);
    free(ground->crs);
    GEOS_finish_r(ground->geos);
    free(ground);
}

static vdt_status open_crs(struct ground_crs *opened, struct vdt_error *error)
{
    if (opened->text[0] == '\0')
        return VDT_OK;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH lonlat = vdt_crs_from_text("EPSG:4326");
    opened->crs = vdt_crs_from_text(opened->text);
    if (opened->crs == NULL || lonlat == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "a CRS that cannot be read: %s",
                        vdt_quiet_text(&quiet, "not WKT"));
    if (OSRIsLocal(opened->crs))
        return VDT_OK;
    opened->wraps = OSRIsGeographic(opened->crs);
    opened->to_lonlat = OCTNewCoordinateTransformation(opened->crs, lonlat);
    if (opened->to_lonlat == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "a CRS that has no way to degrees: %s",
                        vdt_quiet_text(&quiet, "PROJ does not say why"));
    return VDT_OK;
}

/* Scenes of one CRS may come with texts that differ in names only. */
static bool same_crs(const struct ground_crs *a, const struct ground_crs *b)
{
    return a->to_lonlat != NULL && b->to_lonlat != NULL && OSRIsSame(a->crs, b->crs);
}

vdt_status vdt_ground_crs(struct vdt_ground *ground, const char *wkt, uint32_t *crs, bool *on_earth,
                          struct vdt_error *error)
{
    size_t found = 0;
    while (found < ground->count && strcmp(ground->crs[found].text, wkt) != 0)
        found++;
    if (found == ground->count) {
        struct ground_crs opened = {.text = vdt_copy_string(wkt)};
        vdt_status status = opened.text == NULL || !vdt_grow(&ground->crs, &ground->capacity,
                                                             found + 1, sizeof *ground->crs)
                                ? vdt_fail_memory(error, "ground")
                                : open_crs(&opened, error);
        if (status != VDT_OK) {
            clear_crs(&opened);
            return status;
        }
        ground->crs[ground->count++] = opened;
    }
    *on_earth = ground->crs[found].to_lonlat != NULL;
    for (size_t i = 0; i < found; i++)
        if (same_crs(&ground->crs[i], &ground->crs[found])) {
            found = i;
            break;
        }
    *crs = (uint32_t)found;
    return VDT_OK;
}

/* --- outlines ---------------------------------------------------------------------------- */

/* `side` points on each side in the CRS's coordinates, a part `inset` of a pixel inside. */
static void outline(const struct vdt_footprint *footprint, int side, double inset,
                    double (*points)[2])
{
    const double *g = footprint->geotransform;
    double cols = footprint->cols - 2 * inset, rows = footprint->rows - 2 * inset;
    for (int i = 0; i < 4 * side; i++) {
        double t = (double)(i % side) / side;
        double u[] = {t, 1, 1 - t, 0}, v[] = {0, t, 1, 1 - t};
        double col = inset + cols * u[i / side], row = inset + rows * v[i / side];
        points[i][0] = g[0] + col * g[1] + row * g[2];
        points[i][1] = g[3] + col * g[4] + row * g[5];
    }
}

static bool to_lonlat(const struct ground_crs *crs, double (*points)[2], int count)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    for (int i = 0; i < count; i++) {
        int success = 0;
        OCTTransformEx(crs->to_lonlat, 1, &points[i][0], &points[i][1], NULL, &success);
        if (!success || !isfinite(points[i][0]) || !isfinite(points[i][1]))
            return false;
    }
    return true;
}

static void enclose(const double (*points)[2], int count, double box[4])
{
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (int i = 0; i < count; i++)
        for (int axis = 0; axis < 2; axis++) {
            box[axis] = fmin(box[axis], points[i][axis]);
            box[axis + 2] = fmax(box[axis + 2], points[i][axis]);
        }
}

/* Longitudes may jump by whole turns: each is moved next to the one before it. True when the
 * outline goes round a pole. */
static bool follow(double (*points)[2], int count)
{
    for (int i = 1; i < count; i++)
        points[i][0] -= 360 * rint((points[i][0] - points[i - 1][0]) / 360);
    return rint((points[count - 1][0] - points[0][0]) / 360) != 0;
}

/* Sides bend between the points, by less than an eighth of the box. */
static void widen(double box[4], double gap, bool round_pole)
{
    double width = (box[2] - box[0]) / 8, height = (box[3] - box[1]) / 8;
    double north = gap / 110000;
    box[1] = fmax(box[1] - height - north, -90);
    box[3] = fmin(box[3] + height + north, 90);
    double farthest = fmax(fabs(box[1]), fabs(box[3]));
    double east = farthest < 89.9 ? north / cos(farthest * radians) : 360;
    box[0] -= width + east;
    box[2] += width + east;
    if (round_pole && box[1] + box[3] > 0)
        box[3] = 90;
    else if (round_pole)
        box[1] = -90;
    if (round_pole || box[2] - box[0] >= 360) {
        box[0] = -180;
        box[2] = 180;
    }
    double turns = 360 * floor((box[0] + 180) / 360);
    box[0] -= turns;
    box[2] -= turns;
}

bool vdt_ground_box(const struct vdt_ground *ground, const struct vdt_footprint *footprint,
                    double gap, double box[4])
{
    const struct ground_crs *crs = &ground->crs[footprint->crs];
    double points[4 * BOX_SIDE][2];
    outline(footprint, BOX_SIDE, 0, points);
    if (crs->to_lonlat != NULL && !to_lonlat(crs, points, 4 * BOX_SIDE))
        return false;
    bool round_pole = crs->to_lonlat != NULL && follow(points, 4 * BOX_SIDE);
    enclose((const double(*)[2])points, 4 * BOX_SIDE, box);
    if (crs->to_lonlat != NULL)
        widen(box, gap, round_pole);
    return isfinite(box[0] + box[1] + box[2] + box[3]);
}

/* --- polygons ---------------------------------------------------------------------------- */

static GEOSGeometry *make_polygon(GEOSContextHandle_t geos, double (*points)[2], unsigned count)
{
    GEOSCoordSequence *sequence = GEOSCoordSeq_create_r(geos, count + 1, 2);
    for (unsigned i = 0; sequence != NULL && i <= count; i++)
        GEOSCoordSeq_setXY_r(geos, sequence, i, points[i % count][0], points[i % count][1]);
    GEOSGeometry *ring = sequence == NULL ? NULL : GEOSGeom_createLinearRing_r(geos, sequence);
    GEOSGeometry *polygon = ring == NULL ? NULL : GEOSGeom_createPolygon_r(geos, ring, NULL, 0);
    if (polygon == NULL || GEOSisValid_r(geos, polygon) == 1)
        return polygon;
    /* A box round a pole touches itself. */
    GEOSGeometry *valid = GEOSMakeValid_r(geos, polygon);
    GEOSGeom_destroy_r(geos, polygon);
    return valid;
}

/* NULL with *beyond when a point has no place in the plane. */
static GEOSGeometry *draw(const struct plane *plane, const struct vdt_footprint *footprint,
                          double inset, double turn, bool *beyond)
{
    double points[POINTS_MOST][2];
    int side = plane->local ? SIDE : 1;
    outline(footprint, side, inset, points);
    for (int i = 0; i < 4 * side; i++)
        points[i][0] += turn;
    if (plane->local && !to_lonlat(&plane->ground->crs[footprint->crs], points, 4 * side))
        *beyond = true;
    for (int i = 0; plane->local && !*beyond && i < 4 * side; i++)
        *beyond = !vdt_tangent_flatten(&plane->tangent, points[i]);
    return *beyond ? NULL : make_polygon(plane->ground->geos, points, 4 * (unsigned)side);
}

/* One of two questions about two footprints in a plane. */
struct answer {
    bool beyond;
    bool near; /* insets meet or are nearer than the gap */
    bool meet;
    double area; /* shared */
};

static vdt_status ask(const struct plane *plane, const struct vdt_footprint *a,
                      const struct vdt_footprint *b, bool area, double gap, struct answer *answer,
                      struct vdt_error *error)
{
    GEOSContextHandle_t geos = plane->ground->geos;
    double inset = area ? 0 : 1e-3, apart = 0;
    GEOSGeometry *shared = NULL;
    GEOSGeometry *first = draw(plane, a, inset, 0, &answer->beyond);
    GEOSGeometry *second = draw(plane, b, inset, plane->turn, &answer->beyond);
    bool good = first != NULL && second != NULL;
    if (good && area) {
        shared = GEOSIntersection_r(geos, first, second);
        good = shared != NULL && GEOSArea_r(geos, shared, &answer->area) == 1;
    } else if (good) {
        good = GEOSDistance_r(geos, first, second, &apart) == 1;
        answer->meet = apart == 0;
        answer->near = answer->meet || apart < gap;
    }
    GEOSGeom_destroy_r(geos, shared);
    GEOSGeom_destroy_r(geos, first);
    GEOSGeom_destroy_r(geos, second);
    return good || answer->beyond
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_MEMORY, "two footprints cannot be compared by GEOS");
}

static void middle(const struct vdt_footprint *footprint, double point[2])
{
    const double *g = footprint->geotransform;
    double col = footprint->cols / 2.0, row = footprint->rows / 2.0;
    point[0] = g[0] + col * g[1] + row * g[2];
    point[1] = g[3] + col * g[4] + row * g[5];
}

vdt_status vdt_ground_compare(const struct vdt_ground *ground, const struct vdt_footprint *a,
                              const struct vdt_footprint *b, double gap,
                              struct vdt_nearness *nearness, struct vdt_error *error)
{
    const struct ground_crs *crs = &ground->crs[a->crs];
    struct plane own = {.ground = ground}, local = {.ground = ground, .local = true};
    struct answer answer = {0};
    double at[2], other[2];
    middle(a, at);
    middle(b, other);
    if (a->crs == b->crs && crs->wraps)
        own.turn = 360 * rint((at[0] - other[0]) / 360);
    bool earth = crs->to_lonlat != NULL;
    if (earth && !to_lonlat(crs, (double(*)[2])at, 1))
        answer.beyond = true;
    else if (earth)
        vdt_tangent_touch(&local.tangent, &vdt_wgs84, at);
    bool in_own = !earth || (a->crs == b->crs && !(gap > 0));
    vdt_status status = VDT_OK;
    if (in_own || !answer.beyond)
        status = ask(in_own ? &own : &local, a, b, false, gap, &answer, error);
    if (status == VDT_OK && answer.meet && !answer.beyond)
        status = ask(earth ? &local : &own, a, b, true, 0, &answer, error);
    if (status != VDT_OK)
        return status;
    bool beyond = answer.beyond && (!in_own || answer.near);
    *nearness = (struct vdt_nearness){.near = answer.near || beyond,
                                      .area = answer.beyond ? NAN : answer.area};
    return VDT_OK;
}

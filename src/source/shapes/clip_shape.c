/* Clipping by GEOS, projections by PROJ. */
#include "source/shapes/clip_shape.h"

#include <geos_c.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/crs.h"
#include "source/quiet.h"
#include "source/shapes/geos_shape.h"

/* --- projections ------------------------------------------------------------------------------ */

struct vdt_reproject {
    OGRCoordinateTransformationH transform; /* NULL: the two are the same */
};

struct vdt_reproject *vdt_reproject_open(const char *from, const char *to)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH first = vdt_crs_from_text(from);
    vdt_cleanup(vdt_crs_release) OGRSpatialReferenceH second = vdt_crs_from_text(to);
    struct vdt_reproject *reproject = calloc(1, sizeof *reproject);
    if (reproject == NULL || first == NULL || second == NULL) {
        free(reproject);
        return NULL;
    }
    if (OSRIsSame(first, second))
        return reproject;
    reproject->transform = OCTNewCoordinateTransformation(first, second);
    if (reproject->transform != NULL)
        return reproject;
    free(reproject);
    return NULL;
}

void vdt_reproject_free(struct vdt_reproject *reproject)
{
    if (reproject == NULL)
        return;
    if (reproject->transform != NULL)
        OCTDestroyCoordinateTransformation(reproject->transform);
    free(reproject);
}

bool vdt_reproject_points(struct vdt_reproject *reproject, double (*points)[2], size_t count)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    for (size_t i = 0; reproject->transform != NULL && i < count; i++) {
        int mapped = 0;
        OCTTransformEx(reproject->transform, 1, &points[i][0], &points[i][1], NULL, &mapped);
        if (!mapped || !isfinite(points[i][0]) || !isfinite(points[i][1]))
            return false;
    }
    return true;
}

/* --- clipping --------------------------------------------------------------------------------- */

static bool inside(const double *point, const double box[4])
{
    return point[0] >= box[0] && point[0] <= box[2] && point[1] >= box[1] && point[1] <= box[3];
}

static bool append(struct vdt_geometry *to, const double (*points)[2], size_t count, bool part)
{
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + count, sizeof *to->points) ||
        !vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
        return false;
    to->rings[to->ring_count] = (struct vdt_ring){to->point_count, count};
    for (size_t i = 0; i < count; i++, to->point_count++) {
        to->points[to->point_count][0] = points[i][0];
        to->points[to->point_count][1] = points[i][1];
    }
    if (part)
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, 0};
    to->parts[to->part_count - 1].count++;
    to->ring_count++;
    return true;
}

static bool copy_whole(const struct vdt_outline_in *shape, struct vdt_geometry *to)
{
    for (size_t part = 0; part < shape->part_count; part++)
        for (uint64_t r = shape->part_offsets[part]; r < shape->part_offsets[part + 1]; r++)
            if (!append(to, shape->points + shape->ring_offsets[r],
                        (size_t)(shape->ring_offsets[r + 1] - shape->ring_offsets[r]),
                        r == shape->part_offsets[part]))
                return false;
    return true;
}

static GEOSGeometry *line(GEOSContextHandle_t geos, const double (*points)[2], size_t count,
                          bool closed)
{
    GEOSCoordSequence *sequence =
        GEOSCoordSeq_create_r(geos, (unsigned)(count + (closed ? 1 : 0)), 2);
    for (size_t i = 0; sequence != NULL && i < count + (closed ? 1 : 0); i++)
        GEOSCoordSeq_setXY_r(geos, sequence, (unsigned)i, points[i % count][0],
                             points[i % count][1]);
    if (sequence == NULL)
        return NULL;
    return closed ? GEOSGeom_createLinearRing_r(geos, sequence)
                  : GEOSGeom_createLineString_r(geos, sequence);
}

/* One part as GEOS has it, repaired; NULL: it cannot. */
static GEOSGeometry *part_of(GEOSContextHandle_t geos, const struct vdt_outline_in *shape,
                             size_t part)
{
    uint64_t first = shape->part_offsets[part], end = shape->part_offsets[part + 1];
    const uint64_t *at = shape->ring_offsets;
    if (shape->dimension == 1)
        return line(geos, shape->points + at[first], (size_t)(at[first + 1] - at[first]), false);
    size_t holes = (size_t)(end - first) - 1;
    vdt_cleanup(vdt_free_pointer) GEOSGeometry **inner = vdt_allocate_zero(holes, sizeof *inner);
    GEOSGeometry *outer =
        line(geos, shape->points + at[first], (size_t)(at[first + 1] - at[first]), true);
    bool good = outer != NULL && inner != NULL;
    for (size_t i = 0; good && i < holes; i++) {
        uint64_t ring = first + 1 + i;
        inner[i] = line(geos, shape->points + at[ring], (size_t)(at[ring + 1] - at[ring]), true);
        good = inner[i] != NULL;
    }
    GEOSGeometry *polygon =
        good ? GEOSGeom_createPolygon_r(geos, outer, inner, (unsigned)holes) : NULL;
    if (polygon != NULL && GEOSisValid_r(geos, polygon) != 1) {
        GEOSGeometry *repaired = GEOSMakeValid_r(geos, polygon);
        GEOSGeom_destroy_r(geos, polygon);
        polygon = repaired;
    }
    return polygon;
}

static bool take_lines(GEOSContextHandle_t geos, const GEOSGeometry *shape, struct vdt_geometry *to)
{
    int type = GEOSGeomTypeId_r(geos, shape);
    unsigned count = 0;
    bool good = true;
    if (type == GEOS_MULTILINESTRING || type == GEOS_GEOMETRYCOLLECTION) {
        for (int i = 0; good && i < GEOSGetNumGeometries_r(geos, shape); i++)
            good = take_lines(geos, GEOSGetGeometryN_r(geos, shape, i), to);
        return good;
    }
    if (type != GEOS_LINESTRING || GEOSisEmpty_r(geos, shape))
        return true;
    const GEOSCoordSequence *points = GEOSGeom_getCoordSeq_r(geos, shape);
    GEOSCoordSeq_getSize_r(geos, points, &count);
    vdt_cleanup(vdt_free_pointer) double(*copy)[2] = vdt_allocate(count, sizeof *copy);
    for (unsigned i = 0; copy != NULL && i < count; i++)
        GEOSCoordSeq_getXY_r(geos, points, i, &copy[i][0], &copy[i][1]);
    return copy != NULL && append(to, (const double(*)[2])copy, count, true);
}

static bool clip_part(GEOSContextHandle_t geos, const struct vdt_outline_in *shape, size_t part,
                      const GEOSGeometry *rectangle, struct vdt_geometry *to)
{
    GEOSGeometry *whole = part_of(geos, shape, part);
    GEOSGeometry *cut = whole == NULL ? NULL : GEOSIntersection_r(geos, whole, rectangle);
    bool good = cut != NULL && (shape->dimension == 2 ? vdt_geos_append(geos, cut, to)
                                                      : take_lines(geos, cut, to));
    if (whole != NULL)
        GEOSGeom_destroy_r(geos, whole);
    if (cut != NULL)
        GEOSGeom_destroy_r(geos, cut);
    return good;
}

static bool clip_points(const struct vdt_outline_in *shape, const double box[4],
                        struct vdt_geometry *to)
{
    for (size_t part = 0; part < shape->part_count; part++) {
        const double(*point)[2] = shape->points + shape->ring_offsets[shape->part_offsets[part]];
        if (inside(*point, box) && !append(to, point, 1, true))
            return false;
    }
    return true;
}

vdt_status vdt_clip_outline(const struct vdt_outline_in *shape, const double box[4],
                            struct vdt_geometry *to, struct vdt_error *error)
{
    bool whole = true, good = true;
    uint64_t from = shape->ring_offsets[shape->part_offsets[0]];
    uint64_t end = shape->ring_offsets[shape->part_offsets[shape->part_count]];
    for (uint64_t i = from; whole && i < end; i++)
        whole = inside(shape->points[i], box);
    if (shape->dimension == 0)
        return clip_points(shape, box, to) ? VDT_OK : vdt_fail_memory(error, "shapes");
    if (whole)
        return copy_whole(shape, to) ? VDT_OK : vdt_fail_memory(error, "shapes");
    const double corners[4][2] = {
        {box[0], box[1]}, {box[2], box[1]}, {box[2], box[3]}, {box[0], box[3]}};
    GEOSContextHandle_t geos = GEOS_init_r();
    GEOSGeometry *ring = geos == NULL ? NULL : line(geos, corners, 4, true);
    GEOSGeometry *rectangle = ring == NULL ? NULL : GEOSGeom_createPolygon_r(geos, ring, NULL, 0);
    good = rectangle != NULL;
    for (size_t part = 0; good && part < shape->part_count; part++)
        good = clip_part(geos, shape, part, rectangle, to);
    if (rectangle != NULL)
        GEOSGeom_destroy_r(geos, rectangle);
    if (geos != NULL)
        GEOS_finish_r(geos);
    return good ? VDT_OK
                : vdt_fail(error, VDT_ERR_FORMAT, "its geometry cannot be cut: repair it first");
}

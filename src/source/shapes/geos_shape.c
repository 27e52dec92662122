/* What GEOS makes, as packed parts. */
#include "source/shapes/geos_shape.h"

#include <math.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* --- from GEOS ---------------------------------------------------------------------------- */

static bool add_ring(GEOSContextHandle_t geos, const GEOSGeometry *ring, struct vdt_geometry *to)
{
    unsigned count = 0;
    const GEOSCoordSequence *points = GEOSGeom_getCoordSeq_r(geos, ring);
    if (points == NULL || !GEOSCoordSeq_getSize_r(geos, points, &count) || count < 4)
        return false;
    count--; /* the closing repeat */
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + count, sizeof *to->points))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count};
    for (unsigned i = 0; i < count; i++) {
        double *point = to->points[to->point_count++];
        GEOSCoordSeq_getXY_r(geos, points, i, &point[0], &point[1]);
    }
    return true;
}

static bool add_polygon(GEOSContextHandle_t geos, const GEOSGeometry *polygon,
                        struct vdt_geometry *to)
{
    int holes = GEOSGetNumInteriorRings_r(geos, polygon);
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, (size_t)holes + 1};
    bool added = add_ring(geos, GEOSGetExteriorRing_r(geos, polygon), to);
    for (int i = 0; added && i < holes; i++)
        added = add_ring(geos, GEOSGetInteriorRingN_r(geos, polygon, i), to);
    return added;
}

bool vdt_geos_append(GEOSContextHandle_t geos, const GEOSGeometry *shape, struct vdt_geometry *to)
{
    if (GEOSisEmpty_r(geos, shape))
        return true;
    int type = GEOSGeomTypeId_r(geos, shape);
    if (type == GEOS_POLYGON)
        return add_polygon(geos, shape, to);
    bool added = true;
    if (type == GEOS_MULTIPOLYGON || type == GEOS_GEOMETRYCOLLECTION)
        for (int i = 0; added && i < GEOSGetNumGeometries_r(geos, shape); i++)
            added = vdt_geos_append(geos, GEOSGetGeometryN_r(geos, shape, i), to);
    return added;
}

/* --- to GEOS ------------------------------------------------------------------------------ */

static GEOSGeometry *make_line(GEOSContextHandle_t geos, const double (*points)[2], size_t count)
{
    if (count >= UINT32_MAX)
        return NULL;
    GEOSCoordSequence *sequence = GEOSCoordSeq_create_r(geos, (unsigned)count, 2);
    for (unsigned i = 0; sequence != NULL && i < count; i++)
        GEOSCoordSeq_setXY_r(geos, sequence, i, points[i][0], points[i][1]);
    if (sequence == NULL)
        return NULL;
    return count == 1 ? GEOSGeom_createPoint_r(geos, sequence)
                      : GEOSGeom_createLineString_r(geos, sequence);
}

/* What GEOS makes of a point, without the way through it. */
static bool add_disc(const double centre[2], double radius, struct vdt_geometry *to)
{
    enum { SIDES = 4 * VDT_QUARTER_SEGMENTS };
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts) ||
        !vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + SIDES, sizeof *to->points))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, 1};
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, SIDES};
    for (int i = 0; i < SIDES; i++) {
        double angle = 2 * 3.14159265358979323846 * i / SIDES;
        double *point = to->points[to->point_count++];
        point[0] = centre[0] + radius * cos(angle);
        point[1] = centre[1] - radius * sin(angle);
    }
    return true;
}

bool vdt_geos_buffer(GEOSContextHandle_t geos, const double (*points)[2], const size_t *counts,
                     size_t lines, double distance, struct vdt_geometry *to)
{
    if (lines == 1 && counts[0] == 1)
        return add_disc(points[0], distance, to);
    vdt_cleanup(vdt_free_pointer) GEOSGeometry **made = vdt_allocate(lines, sizeof *made);
    GEOSGeometry *all = NULL, *buffer = NULL;
    size_t count = 0;
    for (; made != NULL && count < lines && count < UINT32_MAX; points += counts[count++])
        if ((made[count] = make_line(geos, points, counts[count])) == NULL)
            break;
    if (made != NULL && count == lines)
        all = GEOSGeom_createCollection_r(geos, GEOS_GEOMETRYCOLLECTION, made, (unsigned)count);
    else
        while (count > 0)
            GEOSGeom_destroy_r(geos, made[--count]);
    if (all != NULL)
        buffer = GEOSBuffer_r(geos, all, distance, VDT_QUARTER_SEGMENTS);
    bool added = buffer != NULL && vdt_geos_append(geos, buffer, to);
    GEOSGeom_destroy_r(geos, all);
    GEOSGeom_destroy_r(geos, buffer);
    return added;
}

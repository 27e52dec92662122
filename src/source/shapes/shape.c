/* OGR's polygons as packed, valid parts. */
#include "source/shapes/shape.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"

/* Up to here every segment is compared with every other, which is cheaper than asking GEOS. */
enum { SIMPLE_LIMIT = 64 };

static void destroy_geometry(OGRGeometryH *shape)
{
    if (*shape != NULL)
        OGR_G_DestroyGeometry(*shape);
}

static vdt_status fail_memory(struct vdt_error *error)
{
    return vdt_fail_memory(error, "label geometry");
}

/* --- simple rings ------------------------------------------------------------------------ */

/* On which side of a-b c lies: 1, -1, or 0 when rounding could decide (Shewchuk's first bound). */
static int side(const double a[2], const double b[2], const double c[2])
{
    double left = (a[0] - c[0]) * (b[1] - c[1]), right = (a[1] - c[1]) * (b[0] - c[0]);
    double bound = (3 + 16 * DBL_EPSILON) * DBL_EPSILON * (fabs(left) + fabs(right));
    double det = left - right;
    return det > bound ? 1 : det < -bound ? -1 : 0;
}

static bool apart(double a, double b, double c, double d)
{
    return fmax(a, b) < fmin(c, d) || fmax(c, d) < fmin(a, b);
}

static bool surely_disjoint(const double a[2], const double b[2], const double c[2],
                            const double d[2])
{
    if (apart(a[0], b[0], c[0], d[0]) || apart(a[1], b[1], c[1], d[1]))
        return true;
    int c_side = side(a, b, c), a_side = side(c, d, a);
    return (c_side != 0 && c_side == side(a, b, d)) || (a_side != 0 && a_side == side(c, d, b));
}

/* A ring that runs back over the segment it came by is not simple. */
static bool turns_back(const double a[2], const double b[2], const double c[2])
{
    double dot = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]);
    return side(a, b, c) == 0 && !(dot > 0);
}

bool vdt_ring_is_simple(const double (*points)[2], size_t count)
{
    if (count < 3)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t next = (i + 1) % count;
        if (turns_back(points[i], points[next], points[(i + 2) % count]))
            return false;
        for (size_t k = i + 2; k < count; k++) {
            if (i == 0 && k == count - 1)
                continue;
            if (!surely_disjoint(points[i], points[next], points[k], points[(k + 1) % count]))
                return false;
        }
    }
    return true;
}

/* --- packing ----------------------------------------------------------------------------- */

static bool same(const double a[2], const double b[2])
{
    return a[0] == b[0] && a[1] == b[1];
}

static bool has_three_points(const double (*points)[2], size_t count)
{
    size_t second = 1;
    while (second < count && same(points[second], points[0]))
        second++;
    for (size_t i = second + 1; i < count; i++)
        if (!same(points[i], points[0]) && !same(points[i], points[second]))
            return true;
    return false;
}

/* Drops repeats, the closing point among them; 0 when no ring is left. */
static size_t tidy_ring(double (*points)[2], size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && same(points[kept - 1], points[i]))
            continue;
        points[kept][0] = points[i][0];
        points[kept][1] = points[i][1];
        kept++;
    }
    while (kept > 1 && same(points[kept - 1], points[0]))
        kept--;
    return has_three_points((const double(*)[2])points, kept) ? kept : 0;
}

static bool all_finite(const double (*points)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(points[i][0]) || !isfinite(points[i][1]))
            return false;
    return true;
}

static bool make_room(struct vdt_geometry *geometry, size_t points)
{
    return vdt_grow(&geometry->points, &geometry->point_capacity, geometry->point_count + points,
                    sizeof *geometry->points) &&
           vdt_grow(&geometry->rings, &geometry->ring_capacity, geometry->ring_count + 1,
                    sizeof *geometry->rings);
}

/* Makes a ring of the points that lie behind the last one; false when none is left of them. */
static bool keep_ring(struct vdt_geometry *geometry, size_t total, struct vdt_shape *result)
{
    size_t first = geometry->point_count;
    double(*points)[2] = geometry->points + first;
    if (!all_finite((const double(*)[2])points, total)) {
        result->not_finite = true;
        return false;
    }
    size_t count = tidy_ring(points, total);
    if (count == 0)
        return false;
    geometry->rings[geometry->ring_count++] = (struct vdt_ring){.first = first, .count = count};
    geometry->point_count += count;
    return true;
}

static vdt_status append_ring(struct vdt_geometry *geometry, OGRGeometryH ring, bool *kept,
                              struct vdt_shape *result, struct vdt_error *error)
{
    *kept = false;
    int total = ring == NULL ? 0 : OGR_G_GetPointCount(ring);
    if (total < 3)
        return VDT_OK;
    if (!make_room(geometry, (size_t)total))
        return fail_memory(error);
    double(*points)[2] = geometry->points + geometry->point_count;
    OGR_G_GetPoints(ring, &points[0][0], sizeof points[0], &points[0][1], sizeof points[0], NULL,
                    0);
    *kept = keep_ring(geometry, (size_t)total, result);
    return VDT_OK;
}

/* Makes a part of the rings from `first` on, if there are any. */
static vdt_status keep_part(struct vdt_geometry *geometry, size_t first, bool *kept,
                            struct vdt_error *error)
{
    *kept = geometry->ring_count > first;
    if (!*kept)
        return VDT_OK;
    if (!vdt_grow(&geometry->parts, &geometry->part_capacity, geometry->part_count + 1,
                  sizeof *geometry->parts))
        return fail_memory(error);
    geometry->parts[geometry->part_count++] =
        (struct vdt_part){.first = first, .count = geometry->ring_count - first};
    return VDT_OK;
}

static vdt_status append_part(struct vdt_geometry *geometry, OGRGeometryH polygon, bool *kept,
                              struct vdt_shape *result, struct vdt_error *error)
{
    *kept = false;
    size_t first = geometry->ring_count;
    int count = OGR_G_GetGeometryCount(polygon);
    for (int i = 0; i < count; i++) {
        bool ring_kept;
        vdt_status status =
            append_ring(geometry, OGR_G_GetGeometryRef(polygon, i), &ring_kept, result, error);
        if (status != VDT_OK)
            return status;
        if (i == 0 && !ring_kept) /* holes of nothing */
            return VDT_OK;
    }
    return keep_part(geometry, first, kept, error);
}

/* The part's points and rings go with it: it is the last. */
static void drop_part(struct vdt_geometry *geometry)
{
    const struct vdt_part *part = &geometry->parts[--geometry->part_count];
    geometry->ring_count = part->first;
    geometry->point_count = geometry->rings[part->first].first;
}

/* --- repair ------------------------------------------------------------------------------ */

static OGRGeometryH polygon_of(const struct vdt_geometry *geometry, const struct vdt_part *part)
{
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    for (size_t i = part->first; polygon != NULL && i < part->first + part->count; i++) {
        const struct vdt_ring *ring = &geometry->rings[i];
        const double(*points)[2] = (const double(*)[2])geometry->points + ring->first;
        OGRGeometryH line = OGR_G_CreateGeometry(wkbLinearRing);
        OGR_G_SetPoints(line, (int)ring->count, &points[0][0], sizeof points[0], &points[0][1],
                        sizeof points[0], NULL, 0);
        OGR_G_AddPoint_2D(line, points[0][0], points[0][1]);
        OGR_G_AddGeometryDirectly(polygon, line);
    }
    return polygon;
}

/* MakeValid gives a polygon, or several in collections, with lines for what collapsed. */
static vdt_status append_polygons(struct vdt_geometry *geometry, OGRGeometryH shape,
                                  struct vdt_shape *result, struct vdt_error *error)
{
    if (OGR_GT_Flatten(OGR_G_GetGeometryType(shape)) == wkbPolygon) {
        bool kept;
        return append_part(geometry, shape, &kept, result, error);
    }
    int count = OGR_G_GetGeometryCount(shape);
    for (int i = 0; i < count; i++) {
        vdt_status status =
            append_polygons(geometry, OGR_G_GetGeometryRef(shape, i), result, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

/* Looks at the last part and replaces it when it is not valid. */
static vdt_status repair_part(struct vdt_geometry *geometry, struct vdt_shape *result,
                              struct vdt_error *error)
{
    const struct vdt_part *part = &geometry->parts[geometry->part_count - 1];
    const struct vdt_ring *outer = &geometry->rings[part->first];
    if (part->count == 1 && outer->count <= SIMPLE_LIMIT &&
        vdt_ring_is_simple((const double(*)[2])geometry->points + outer->first, outer->count))
        return VDT_OK;
    /* GEOS tells what is wrong as a GDAL warning, which must not look like damage of the file. */
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(destroy_geometry) OGRGeometryH polygon = polygon_of(geometry, part);
    if (polygon == NULL)
        return fail_memory(error);
    if (OGR_G_IsValid(polygon))
        return VDT_OK;
    drop_part(geometry);
    size_t before = geometry->part_count;
    vdt_cleanup(destroy_geometry) OGRGeometryH valid = OGR_G_MakeValid(polygon);
    vdt_status status = valid == NULL ? VDT_OK : append_polygons(geometry, valid, result, error);
    if (status != VDT_OK)
        return status;
    if (geometry->part_count > before)
        result->repaired = true;
    else
        snprintf(result->broken, sizeof result->broken, "%s",
                 vdt_quiet_text(&quiet, "it encloses no area"));
    return VDT_OK;
}

/* --- lines and points -------------------------------------------------------------------- */

/* Makes a part of the points that lie behind the last ring. */
static vdt_status keep_line(struct vdt_geometry *geometry, size_t total, struct vdt_shape *result,
                            struct vdt_error *error)
{
    size_t first = geometry->point_count, kept = 0;
    double(*points)[2] = geometry->points + first;
    if (!all_finite((const double(*)[2])points, total)) {
        result->not_finite = true;
        return VDT_OK;
    }
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || !same(points[kept - 1], points[i]))
            memmove(points[kept++], points[i], sizeof points[i]);
    geometry->rings[geometry->ring_count++] = (struct vdt_ring){.first = first, .count = kept};
    geometry->point_count += kept;
    bool added;
    vdt_status status = keep_part(geometry, geometry->ring_count - 1, &added, error);
    result->lines += status == VDT_OK;
    return status;
}

vdt_status vdt_shape_append_line(struct vdt_geometry *geometry, const double (*points)[2],
                                 size_t count, struct vdt_shape *result, struct vdt_error *error)
{
    if (count == 0)
        return VDT_OK;
    if (!make_room(geometry, count))
        return fail_memory(error);
    memcpy(geometry->points + geometry->point_count, points, count * sizeof *points);
    return keep_line(geometry, count, result, error);
}

static vdt_status append_lines(struct vdt_geometry *geometry, OGRGeometryH shape,
                               struct vdt_shape *result, struct vdt_error *error)
{
    if (shape == NULL || OGR_G_IsEmpty(shape))
        return VDT_OK;
    OGRwkbGeometryType type = OGR_GT_Flatten(OGR_G_GetGeometryType(shape));
    if (type == wkbPoint || type == wkbLineString) {
        size_t total = (size_t)OGR_G_GetPointCount(shape);
        if (!make_room(geometry, total))
            return fail_memory(error);
        double(*points)[2] = geometry->points + geometry->point_count;
        OGR_G_GetPoints(shape, &points[0][0], sizeof points[0], &points[0][1], sizeof points[0],
                        NULL, 0);
        return keep_line(geometry, total, result, error);
    }
    if (!OGR_GT_IsSubClassOf(type, wkbGeometryCollection))
        return VDT_OK;
    int count = OGR_G_GetGeometryCount(shape);
    for (int i = 0; i < count; i++) {
        vdt_status status = append_lines(geometry, OGR_G_GetGeometryRef(shape, i), result, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

/* --- any geometry ------------------------------------------------------------------------ */

static void note_no_area(OGRGeometryH shape, struct vdt_shape *result)
{
    const char *name = OGRGeometryTypeToName(OGR_GT_Flatten(OGR_G_GetGeometryType(shape)));
    size_t length = 0;
    if (result->no_area[0] != '\0')
        return;
    for (; *name != '\0' && length + 1 < sizeof result->no_area; name++)
        if (*name != ' ')
            result->no_area[length++] = *name;
    result->no_area[length] = '\0';
}

static vdt_status append_any(struct vdt_geometry *geometry, OGRGeometryH shape,
                             struct vdt_shape *result, struct vdt_error *error)
{
    if (shape == NULL || OGR_G_IsEmpty(shape))
        return VDT_OK;
    OGRwkbGeometryType type = OGR_GT_Flatten(OGR_G_GetGeometryType(shape));
    if (type == wkbPolygon || type == wkbTriangle) {
        bool kept;
        vdt_status status = append_part(geometry, shape, &kept, result, error);
        return status != VDT_OK || !kept ? status : repair_part(geometry, result, error);
    }
    if (!OGR_GT_IsSubClassOf(type, wkbGeometryCollection) &&
        !OGR_GT_IsSubClassOf(type, wkbPolyhedralSurface)) {
        note_no_area(shape, result);
        return VDT_OK;
    }
    int count = OGR_G_GetGeometryCount(shape);
    for (int i = 0; i < count; i++) {
        vdt_status status = append_any(geometry, OGR_G_GetGeometryRef(shape, i), result, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

vdt_status vdt_shape_append(struct vdt_geometry *geometry, OGRGeometryH shape, bool lines,
                            struct vdt_shape *result, struct vdt_error *error)
{
    *result = (struct vdt_shape){0};
    size_t before = geometry->part_count;
    vdt_cleanup(destroy_geometry) OGRGeometryH linear =
        shape != NULL && OGR_G_HasCurveGeometry(shape, FALSE)
            ? OGR_G_GetLinearGeometry(shape, 0, NULL)
            : NULL;
    OGRGeometryH straight = linear != NULL ? linear : shape;
    vdt_status status = append_any(geometry, straight, result, error);
    if (status == VDT_OK && lines)
        status = append_lines(geometry, straight, result, error);
    result->parts = geometry->part_count - before;
    return status;
}

vdt_status vdt_shape_append_rings(struct vdt_geometry *geometry, const double (*points)[2],
                                  const size_t *counts, size_t rings, struct vdt_shape *result,
                                  struct vdt_error *error)
{
    size_t first = geometry->ring_count;
    for (size_t i = 0; i < rings; points += counts[i++]) {
        bool ring_kept = false;
        if (counts[i] >= 3) {
            if (!make_room(geometry, counts[i]))
                return fail_memory(error);
            memcpy(geometry->points + geometry->point_count, points, counts[i] * sizeof *points);
            ring_kept = keep_ring(geometry, counts[i], result);
        }
        if (i == 0 && !ring_kept)
            return VDT_OK;
    }
    bool kept;
    vdt_status status = keep_part(geometry, first, &kept, error);
    return status != VDT_OK || !kept ? status : repair_part(geometry, result, error);
}

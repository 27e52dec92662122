/* The area that two polygons share: by clipping where both are convex and small, by slabs where
 * both are small, else by GEOS. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "eval/overlap.h"

enum { PLAIN_MOST = 1000 }; /* points of two outlines that are compared without GEOS */

/* --- GEOS ----------------------------------------------------------------------------------- */

static void note(const char *message, void *payload)
{
    struct vdt_plane_geos *geos = payload;
    snprintf(geos->message, sizeof geos->message, "%s", message);
}

static GEOSContextHandle_t handle_of(struct vdt_plane_geos *geos)
{
    if (geos->handle == NULL) {
        geos->handle = GEOS_init_r();
        if (geos->handle != NULL)
            GEOSContext_setErrorMessageHandler_r(geos->handle, note, geos);
    }
    return geos->handle;
}

void vdt_plane_geos_clear(struct vdt_plane_geos *geos)
{
    if (geos->handle != NULL)
        GEOS_finish_r(geos->handle);
    vdt_shared_area_clear(&geos->small);
    *geos = (struct vdt_plane_geos){0};
}

static GEOSGeometry *make_ring(GEOSContextHandle_t handle, const double (*points)[2], size_t count)
{
    GEOSCoordSequence *made = GEOSCoordSeq_create_r(handle, (unsigned)count + 1, 2);
    for (size_t i = 0; made != NULL && i <= count; i++)
        GEOSCoordSeq_setXY_r(handle, made, (unsigned)i, points[i < count ? i : 0][0],
                             points[i < count ? i : 0][1]);
    return made == NULL ? NULL : GEOSGeom_createLinearRing_r(handle, made);
}

/* Polygons only, none of them invalid: lines and points that a repair leaves have no area, but
 * would stop an intersection. */
static GEOSGeometry *repaired(GEOSContextHandle_t handle, GEOSGeometry *geometry)
{
    if (geometry == NULL || GEOSisValid_r(handle, geometry) == 1)
        return geometry;
    GEOSGeometry *good = NULL;
    GEOSMakeValidParams *params = GEOSMakeValidParams_create_r(handle);
    if (params != NULL &&
        GEOSMakeValidParams_setMethod_r(handle, params, GEOS_MAKE_VALID_STRUCTURE) &&
        GEOSMakeValidParams_setKeepCollapsed_r(handle, params, 0))
        good = GEOSMakeValidWithParams_r(handle, geometry, params);
    if (params != NULL)
        GEOSMakeValidParams_destroy_r(handle, params);
    GEOSGeom_destroy_r(handle, geometry);
    return good;
}

static GEOSGeometry *make_part(GEOSContextHandle_t handle, const struct vdt_shapes *shapes,
                               uint64_t part)
{
    uint64_t first = shapes->part_offsets[part];
    size_t count = (size_t)(shapes->part_offsets[part + 1] - first), made = 0;
    if (count == 0)
        return GEOSGeom_createEmptyPolygon_r(handle);
    GEOSGeometry **rings = vdt_allocate(count, sizeof *rings);
    for (; rings != NULL && made < count; made++) {
        uint64_t begin = shapes->ring_offsets[first + made];
        size_t points = (size_t)(shapes->ring_offsets[first + made + 1] - begin);
        rings[made] = make_ring(handle, shapes->points + begin, points);
        if (rings[made] == NULL)
            break;
    }
    GEOSGeometry *polygon = NULL;
    if (rings != NULL && made == count)
        polygon = GEOSGeom_createPolygon_r(handle, rings[0], rings + 1, (unsigned)(count - 1));
    else
        while (made > 0)
            GEOSGeom_destroy_r(handle, rings[--made]);
    free(rings);
    return polygon;
}

/* All parts as one geometry of a kind; NULL when one cannot be made. */
static GEOSGeometry *make_parts(GEOSContextHandle_t handle, const struct vdt_shapes *shapes,
                                uint64_t index, int kind)
{
    uint64_t first = shapes->shape_offsets[index];
    size_t count = (size_t)(shapes->shape_offsets[index + 1] - first), made = 0;
    GEOSGeometry **parts = vdt_allocate(count, sizeof *parts);
    for (; parts != NULL && made < count; made++) {
        parts[made] = make_part(handle, shapes, first + made);
        if (kind == GEOS_GEOMETRYCOLLECTION)
            parts[made] = repaired(handle, parts[made]);
        if (parts[made] == NULL)
            break;
    }
    GEOSGeometry *all = NULL;
    if (parts != NULL && made == count)
        all = GEOSGeom_createCollection_r(handle, kind, parts, (unsigned)count);
    else
        while (made > 0)
            GEOSGeom_destroy_r(handle, parts[--made]);
    free(parts);
    return all;
}

/* Parts that overlap are one: what they share counts once. *plain: nothing had to be done. */
static GEOSGeometry *make_geometry(GEOSContextHandle_t handle, const struct vdt_shapes *shapes,
                                   uint64_t index, bool *plain)
{
    uint64_t first = shapes->shape_offsets[index], count = shapes->shape_offsets[index + 1] - first;
    *plain = false;
    if (count == 0)
        return GEOSGeom_createEmptyPolygon_r(handle);
    GEOSGeometry *all = count == 1 ? make_part(handle, shapes, first)
                                   : make_parts(handle, shapes, index, GEOS_MULTIPOLYGON);
    *plain = all != NULL && GEOSisValid_r(handle, all) == 1;
    if (*plain || count == 1)
        return *plain ? all : repaired(handle, all);
    if (all != NULL)
        GEOSGeom_destroy_r(handle, all);
    GEOSGeometry *joined = NULL;
    all = make_parts(handle, shapes, index, GEOS_GEOMETRYCOLLECTION);
    if (all != NULL) {
        joined = GEOSUnaryUnion_r(handle, all);
        GEOSGeom_destroy_r(handle, all);
    }
    return joined;
}

static vdt_status refuse(const struct vdt_plane_geos *geos, const struct vdt_plane *outline,
                         struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "polygon %llu: no area can be made of it: %s",
                    (unsigned long long)outline->index,
                    geos->message[0] == '\0' ? "out of memory" : geos->message);
}

/* The rings of all parts. */
static void rings_of(const struct vdt_plane *outline, uint64_t rings[2])
{
    const struct vdt_shapes *shapes = outline->shapes;
    for (int i = 0; i < 2; i++)
        rings[i] = shapes->part_offsets[shapes->shape_offsets[outline->index + (uint64_t)i]];
}

static size_t count_points(const struct vdt_plane *outline)
{
    uint64_t rings[2];
    rings_of(outline, rings);
    return (size_t)(outline->shapes->ring_offsets[rings[1]] -
                    outline->shapes->ring_offsets[rings[0]]);
}

static vdt_status need_geometry(struct vdt_plane_geos *geos, struct vdt_plane *outline,
                                struct vdt_error *error)
{
    if (outline->geometry != NULL)
        return VDT_OK;
    GEOSContextHandle_t handle = handle_of(geos);
    geos->message[0] = '\0';
    if (handle != NULL && outline->corners > 0) {
        GEOSGeometry *ring =
            make_ring(handle, (const double(*)[2])outline->points, outline->corners);
        outline->geometry = ring == NULL ? NULL : GEOSGeom_createPolygon_r(handle, ring, NULL, 0);
    } else if (handle != NULL) {
        bool plain = false;
        outline->geometry = make_geometry(handle, outline->shapes, outline->index, &plain);
        outline->plain = plain ? count_points(outline) : 0;
    }
    return outline->geometry == NULL ? refuse(geos, outline, error) : VDT_OK;
}

/* --- outlines ------------------------------------------------------------------------------- */

static int sign(double value)
{
    return (value > 0) - (value < 0);
}

static double cross(const double o[2], const double a[2], const double b[2])
{
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
}

static double ring_area(const double (*points)[2], size_t count)
{
    double sum = 0;
    for (size_t i = 1; i + 1 < count; i++)
        sum += cross(points[0], points[i], points[i + 1]);
    return sum / 2;
}

/* 1 or -1 when the ring turns one way only, and once round; else 0. */
static int turning(const double (*points)[2], size_t count)
{
    int turn = 0, changes[2] = {0, 0}, before[2] = {0, 0}, first[2] = {0, 0};
    for (size_t i = 0; i < count; i++) {
        const double *a = points[i], *b = points[(i + 1) % count], *c = points[(i + 2) % count];
        int here = sign(cross(a, b, c));
        if (here == 0 && (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) <= 0)
            return 0;
        if (here != 0 && turn != 0 && here != turn)
            return 0;
        turn = here != 0 ? here : turn;
        for (int axis = 0; axis < 2; axis++) {
            int way = sign(b[axis] - a[axis]);
            if (way == 0)
                continue;
            changes[axis] += before[axis] != 0 && way != before[axis];
            first[axis] = first[axis] == 0 ? way : first[axis];
            before[axis] = way;
        }
    }
    for (int axis = 0; axis < 2; axis++)
        changes[axis] += before[axis] != first[axis];
    return changes[0] <= 2 && changes[1] <= 2 ? turn : 0;
}

/* Takes the ring of a convex polygon, counter-clockwise by the sign of its area. */
static void try_convex(const double (*points)[2], size_t count, struct vdt_plane *outline)
{
    double kept[VDT_CONVEX_MOST][2];
    size_t corners = 0;
    if (count > VDT_CONVEX_MOST)
        return;
    for (size_t i = 0; i < count; i++)
        if (corners == 0 || memcmp(kept[corners - 1], points[i], sizeof kept[0]) != 0)
            memcpy(kept[corners++], points[i], sizeof kept[0]);
    if (corners > 1 && memcmp(kept[corners - 1], kept[0], sizeof kept[0]) == 0)
        corners--;
    int turn = corners < 3 ? 0 : turning((const double(*)[2])kept, corners);
    if (turn == 0)
        return;
    outline->corners = corners;
    for (size_t i = 0; i < corners; i++)
        memcpy(outline->points[i], kept[turn > 0 ? i : corners - 1 - i], sizeof kept[0]);
    outline->area = ring_area((const double(*)[2])outline->points, corners);
}

static void grow_box(double box[4], const double point[2])
{
    box[0] = point[0] < box[0] ? point[0] : box[0];
    box[1] = point[1] < box[1] ? point[1] : box[1];
    box[2] = point[0] > box[2] ? point[0] : box[2];
    box[3] = point[1] > box[3] ? point[1] : box[3];
}

static void make_rotated(const struct vdt_shapes *shapes, uint64_t index, struct vdt_plane *outline)
{
    const double *rotated = shapes->rotated[index];
    vdt_rotated_corners(rotated, outline->points);
    for (int i = 0; i < 4; i++)
        grow_box(outline->box, outline->points[i]);
    outline->area = rotated[2] * rotated[3];
    outline->corners = 4;
}

static void make_polygon(const struct vdt_shapes *shapes, uint64_t index, struct vdt_plane *outline)
{
    uint64_t part = shapes->shape_offsets[index], parts = shapes->shape_offsets[index + 1];
    if (part == parts)
        outline->area = 0;
    if (parts - part == 1 && shapes->part_offsets[part + 1] - shapes->part_offsets[part] == 1) {
        uint64_t ring = shapes->part_offsets[part], first = shapes->ring_offsets[ring];
        try_convex(shapes->points + first, (size_t)(shapes->ring_offsets[ring + 1] - first),
                   outline);
    }
    for (; part < parts; part++) {
        uint64_t ring = shapes->part_offsets[part];
        if (ring == shapes->part_offsets[part + 1])
            continue;
        for (uint64_t i = shapes->ring_offsets[ring]; i < shapes->ring_offsets[ring + 1]; i++)
            grow_box(outline->box, shapes->points[i]);
    }
}

void vdt_plane_make(const struct vdt_shapes *shapes, uint64_t index, struct vdt_plane *outline)
{
    outline->shapes = shapes;
    outline->index = index;
    outline->area = NAN;
    outline->corners = 0;
    outline->geometry = NULL;
    outline->plain = 0;
    outline->box[0] = outline->box[1] = INFINITY;
    outline->box[2] = outline->box[3] = -INFINITY;
    if (shapes->kind == VDT_SHAPE_ROTATED)
        make_rotated(shapes, index, outline);
    else
        make_polygon(shapes, index, outline);
    if (!(outline->box[0] <= outline->box[2]))
        memset(outline->box, 0, sizeof outline->box);
}

void vdt_plane_clear(struct vdt_plane_geos *geos, struct vdt_plane *outline)
{
    if (outline->geometry != NULL)
        GEOSGeom_destroy_r(geos->handle, outline->geometry);
    outline->geometry = NULL;
}

vdt_status vdt_plane_measure(struct vdt_plane_geos *geos, struct vdt_plane *outline,
                             struct vdt_error *error)
{
    if (!isnan(outline->area))
        return VDT_OK;
    vdt_status status = need_geometry(geos, outline, error);
    double area;
    if (status == VDT_OK && !GEOSArea_r(geos->handle, outline->geometry, &area))
        status = refuse(geos, outline, error);
    if (status == VDT_OK)
        outline->area = area;
    return status;
}

/* --- what two share ------------------------------------------------------------------------- */

/* The part of `from` to the left of the line from `a` to `b`. */
static size_t clip(const double (*from)[2], size_t count, const double a[2], const double b[2],
                   double (*to)[2])
{
    size_t kept = 0;
    double before = count == 0 ? 0 : cross(a, b, from[count - 1]);
    for (size_t i = 0; i < count; i++) {
        const double *last = from[i == 0 ? count - 1 : i - 1];
        double here = cross(a, b, from[i]);
        if ((here > 0 && before < 0) || (here < 0 && before > 0)) {
            double share = before / (before - here);
            to[kept][0] = last[0] + share * (from[i][0] - last[0]);
            to[kept++][1] = last[1] + share * (from[i][1] - last[1]);
        }
        if (here >= 0) {
            to[kept][0] = from[i][0];
            to[kept++][1] = from[i][1];
        }
        before = here;
    }
    return kept;
}

/* About the first corner of `a`: ground coordinates are large and outlines small. */
static void about(const struct vdt_plane *outline, const double origin[2], double (*points)[2])
{
    for (size_t i = 0; i < outline->corners; i++) {
        points[i][0] = outline->points[i][0] - origin[0];
        points[i][1] = outline->points[i][1] - origin[1];
    }
}

static double share_convex(const struct vdt_plane *a, const struct vdt_plane *b)
{
    double clipper[VDT_CONVEX_MOST][2], left[2 * VDT_CONVEX_MOST][2], made[2 * VDT_CONVEX_MOST][2];
    double(*from)[2] = left, (*to)[2] = made;
    about(a, a->points[0], left);
    about(b, a->points[0], clipper);
    size_t count = a->corners;
    for (size_t i = 0; count > 0 && i < b->corners; i++) {
        count =
            clip((const double(*)[2])from, count, clipper[i], clipper[(i + 1) % b->corners], to);
        double(*swap)[2] = from;
        from = to;
        to = swap;
    }
    return count < 3 ? 0 : ring_area((const double(*)[2])from, count);
}

static bool same(const struct vdt_plane *a, const struct vdt_plane *b)
{
    return a->corners == b->corners &&
           memcmp(a->points, b->points, a->corners * sizeof a->points[0]) == 0;
}

/* Points of an outline that is valid as it is, convex ones included; 0: of another. */
static size_t plain_points(const struct vdt_plane *outline)
{
    return outline->corners > 0 ? outline->corners : outline->plain;
}

static bool add_plain(struct vdt_shared_area *small, int which, const struct vdt_plane *outline,
                      const double origin[2])
{
    const struct vdt_shapes *shapes = outline->shapes;
    if (outline->corners > 0)
        return vdt_shared_area_ring(small, which, (const double(*)[2])outline->points,
                                    outline->corners, origin);
    uint64_t rings[2];
    bool good = true;
    rings_of(outline, rings);
    for (uint64_t r = rings[0]; good && r < rings[1]; r++)
        good = vdt_shared_area_ring(small, which, shapes->points + shapes->ring_offsets[r],
                                    (size_t)(shapes->ring_offsets[r + 1] - shapes->ring_offsets[r]),
                                    origin);
    return good;
}

static bool same_rings(const struct vdt_plane *a, const struct vdt_plane *b)
{
    uint64_t first[2], second[2];
    if (a->corners > 0 || b->corners > 0 || a->plain != b->plain)
        return false;
    rings_of(a, first);
    rings_of(b, second);
    return first[1] - first[0] == 1 && second[1] - second[0] == 1 &&
           memcmp(a->shapes->points + a->shapes->ring_offsets[first[0]],
                  b->shapes->points + b->shapes->ring_offsets[second[0]],
                  a->plain * sizeof *a->shapes->points) == 0;
}

/* Of few points: by arithmetic. */
static vdt_status share_plain(struct vdt_plane_geos *geos, const struct vdt_plane *a,
                              const struct vdt_plane *b, double most, double *area,
                              struct vdt_error *error)
{
    double areas[3];
    *area = most;
    if (same_rings(a, b))
        return VDT_OK;
    vdt_shared_area_begin(&geos->small);
    if (!add_plain(&geos->small, 0, a, a->box) || !add_plain(&geos->small, 1, b, a->box) ||
        !vdt_shared_area_measure(&geos->small, NULL, areas))
        return vdt_fail_memory(error, "polygons");
    *area = areas[2] < most ? areas[2] : most;
    return VDT_OK;
}

static vdt_status share_any(struct vdt_plane_geos *geos, struct vdt_plane *a, struct vdt_plane *b,
                            double most, double *area, struct vdt_error *error)
{
    vdt_status status = need_geometry(geos, a, error);
    if (status == VDT_OK)
        status = need_geometry(geos, b, error);
    if (status != VDT_OK)
        return status;
    geos->message[0] = '\0';
    GEOSGeometry *shared = GEOSIntersection_r(geos->handle, a->geometry, b->geometry);
    double found;
    if (shared == NULL || !GEOSArea_r(geos->handle, shared, &found))
        status = refuse(geos, a, error);
    else
        *area = found < most ? found : most;
    if (shared != NULL)
        GEOSGeom_destroy_r(geos->handle, shared);
    return status;
}

vdt_status vdt_planes_share(struct vdt_plane_geos *geos, struct vdt_plane *a, struct vdt_plane *b,
                            double *area, struct vdt_error *error)
{
    double most = a->area < b->area ? a->area : b->area;
    if (a->corners > 0 && b->corners > 0) {
        double shared = same(a, b) ? most : share_convex(a, b);
        *area = shared < most ? shared : most;
        return VDT_OK;
    }
    size_t first = plain_points(a), second = plain_points(b);
    return first > 0 && second > 0 && first + second <= PLAIN_MOST
               ? share_plain(geos, a, b, most, area, error)
               : share_any(geos, a, b, most, area, error);
}

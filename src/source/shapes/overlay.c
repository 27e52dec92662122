/* Polygons cut, joined and compared in a plane. */
#include "source/shapes/overlay.h"

#include <geos_c.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/shapes/geos_shape.h"

struct vdt_overlay {
    GEOSContextHandle_t geos;
};

vdt_status vdt_overlay_open(struct vdt_overlay **out, struct vdt_error *error)
{
    struct vdt_overlay *overlay = vdt_allocate_zero(1, sizeof *overlay);
    if (overlay == NULL || (overlay->geos = GEOS_init_r()) == NULL) {
        free(overlay);
        return vdt_fail_memory(error, "polygons");
    }
    *out = overlay;
    return VDT_OK;
}

void vdt_overlay_free(struct vdt_overlay *overlay)
{
    if (overlay == NULL)
        return;
    GEOS_finish_r(overlay->geos);
    free(overlay);
}

/* --- to GEOS ------------------------------------------------------------------------------ */

static GEOSGeometry *make_ring(GEOSContextHandle_t geos, const double (*points)[2], size_t count)
{
    if (count >= UINT32_MAX)
        return NULL;
    GEOSCoordSequence *sequence = GEOSCoordSeq_create_r(geos, (unsigned)count + 1, 2);
    for (unsigned i = 0; sequence != NULL && i <= count; i++)
        GEOSCoordSeq_setXY_r(geos, sequence, i, points[i % count][0], points[i % count][1]);
    return sequence == NULL ? NULL : GEOSGeom_createLinearRing_r(geos, sequence);
}

static GEOSGeometry *make_polygon(GEOSContextHandle_t geos, const struct vdt_geometry *geometry,
                                  const struct vdt_part *part)
{
    GEOSGeometry **holes = vdt_allocate(part->count, sizeof(GEOSGeometry *));
    GEOSGeometry *outer = NULL;
    size_t made = 0;
    for (; holes != NULL && made < part->count; made++) {
        const struct vdt_ring *ring = &geometry->rings[part->first + made];
        GEOSGeometry *line =
            make_ring(geos, (const double(*)[2])geometry->points + ring->first, ring->count);
        if (line == NULL)
            break;
        if (made == 0)
            outer = line;
        else
            holes[made - 1] = line;
    }
    GEOSGeometry *polygon = NULL;
    if (holes != NULL && made == part->count) {
        polygon = GEOSGeom_createPolygon_r(geos, outer, holes, (unsigned)part->count - 1);
    } else if (outer != NULL) {
        GEOSGeom_destroy_r(geos, outer);
        while (made > 1)
            GEOSGeom_destroy_r(geos, holes[--made - 1]);
    }
    free(holes);
    return polygon;
}

/* What GEOS makes of an invalid polygon: no lines and points, which have no area. */
static GEOSGeometry *make_valid(GEOSContextHandle_t geos, GEOSGeometry *shape)
{
    if (shape == NULL || GEOSisValid_r(geos, shape) == 1)
        return shape;
    GEOSGeometry *valid = NULL;
    GEOSMakeValidParams *how = GEOSMakeValidParams_create_r(geos);
    if (how != NULL && GEOSMakeValidParams_setMethod_r(geos, how, GEOS_MAKE_VALID_STRUCTURE) &&
        GEOSMakeValidParams_setKeepCollapsed_r(geos, how, 0))
        valid = GEOSMakeValidWithParams_r(geos, shape, how);
    if (how != NULL)
        GEOSMakeValidParams_destroy_r(geos, how);
    GEOSGeom_destroy_r(geos, shape);
    return valid;
}

static GEOSGeometry *collect(GEOSContextHandle_t geos, GEOSGeometry **made, size_t count)
{
    GEOSGeometry *all =
        count < UINT32_MAX
            ? GEOSGeom_createCollection_r(geos, GEOS_GEOMETRYCOLLECTION, made, (unsigned)count)
            : NULL;
    GEOSGeometry *joined = all == NULL ? NULL : GEOSUnaryUnion_r(geos, all);
    GEOSGeom_destroy_r(geos, all);
    return joined;
}

static GEOSGeometry *make_shape(GEOSContextHandle_t geos, const struct vdt_overlay_parts *shape)
{
    const struct vdt_part *parts = shape->geometry->parts + shape->first;
    if (shape->count == 1) {
        GEOSGeometry *one = make_polygon(geos, shape->geometry, &parts[0]);
        return shape->valid ? one : make_valid(geos, one);
    }
    if (shape->count == 0)
        return GEOSGeom_createEmptyPolygon_r(geos);
    GEOSGeometry **made = vdt_allocate(shape->count, sizeof(GEOSGeometry *));
    GEOSGeometry *joined = NULL;
    size_t count = 0;
    for (; made != NULL && count < shape->count; count++) {
        made[count] = make_polygon(geos, shape->geometry, &parts[count]);
        if (!shape->valid)
            made[count] = make_valid(geos, made[count]);
        if (made[count] == NULL)
            break;
    }
    if (made != NULL && count == shape->count && shape->valid && count < UINT32_MAX)
        joined = GEOSGeom_createCollection_r(geos, GEOS_MULTIPOLYGON, made, (unsigned)count);
    else if (made != NULL && count == shape->count)
        joined = collect(geos, made, count);
    else
        while (count > 0)
            GEOSGeom_destroy_r(geos, made[--count]);
    free(made);
    return joined;
}

/* --- what is asked --------------------------------------------------------------------------- */

static vdt_status failed(struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_MEMORY, "polygons that GEOS cannot compare");
}

vdt_status vdt_overlay_mend(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shape,
                            bool *mended, struct vdt_geometry *to, struct vdt_error *error)
{
    GEOSContextHandle_t geos = overlay->geos;
    struct vdt_overlay_parts as_is = *shape;
    as_is.valid = true;
    GEOSGeometry *given = make_shape(geos, &as_is), *valid = NULL;
    if (given == NULL)
        return failed(error);
    *mended = GEOSisValid_r(geos, given) != 1;
    GEOSGeom_destroy_r(geos, given);
    if (!*mended)
        return VDT_OK;
    valid = make_shape(geos, shape);
    bool good = valid != NULL && vdt_geos_append(geos, valid, to);
    GEOSGeom_destroy_r(geos, valid);
    return good ? VDT_OK : failed(error);
}

vdt_status vdt_overlay_shared(struct vdt_overlay *overlay, const struct vdt_overlay_parts *a,
                              const struct vdt_overlay_parts *b, double *area,
                              struct vdt_error *error)
{
    GEOSContextHandle_t geos = overlay->geos;
    GEOSGeometry *first = make_shape(geos, a), *second = make_shape(geos, b), *shared = NULL;
    if (first != NULL && second != NULL)
        shared = GEOSIntersection_r(geos, first, second);
    bool good = shared != NULL && GEOSArea_r(geos, shared, area) == 1;
    GEOSGeom_destroy_r(geos, first);
    GEOSGeom_destroy_r(geos, second);
    GEOSGeom_destroy_r(geos, shared);
    return good ? VDT_OK : failed(error);
}

vdt_status vdt_overlay_cut(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shape,
                           const double rectangle[4], struct vdt_geometry *to,
                           struct vdt_error *error)
{
    GEOSContextHandle_t geos = overlay->geos;
    GEOSGeometry *whole = make_shape(geos, shape), *cut = NULL;
    GEOSGeometry *window =
        GEOSGeom_createRectangle_r(geos, rectangle[0], rectangle[1], rectangle[2], rectangle[3]);
    if (whole != NULL && window != NULL)
        cut = GEOSIntersection_r(geos, whole, window);
    bool good = cut != NULL && vdt_geos_append(geos, cut, to);
    GEOSGeom_destroy_r(geos, whole);
    GEOSGeom_destroy_r(geos, window);
    GEOSGeom_destroy_r(geos, cut);
    return good ? VDT_OK : failed(error);
}

vdt_status vdt_overlay_common(struct vdt_overlay *overlay, const struct vdt_overlay_parts *a,
                              const struct vdt_overlay_parts *b, struct vdt_geometry *to,
                              struct vdt_error *error)
{
    GEOSContextHandle_t geos = overlay->geos;
    GEOSGeometry *first = make_shape(geos, a), *second = make_shape(geos, b), *common = NULL;
    if (first != NULL && second != NULL)
        common = GEOSIntersection_r(geos, first, second);
    bool good = common != NULL && vdt_geos_append(geos, common, to);
    GEOSGeom_destroy_r(geos, first);
    GEOSGeom_destroy_r(geos, second);
    GEOSGeom_destroy_r(geos, common);
    return good ? VDT_OK : failed(error);
}

vdt_status vdt_overlay_join(struct vdt_overlay *overlay, const struct vdt_overlay_parts *shapes,
                            size_t count, struct vdt_geometry *to, struct vdt_error *error)
{
    GEOSContextHandle_t geos = overlay->geos;
    GEOSGeometry **made = vdt_allocate(count, sizeof(GEOSGeometry *));
    GEOSGeometry *joined = NULL;
    size_t done = 0;
    for (; made != NULL && done < count; done++)
        if ((made[done] = make_shape(geos, &shapes[done])) == NULL)
            break;
    if (made != NULL && done == count)
        joined = collect(geos, made, count);
    else
        while (done > 0)
            GEOSGeom_destroy_r(geos, made[--done]);
    free(made);
    bool good = joined != NULL && vdt_geos_append(geos, joined, to);
    GEOSGeom_destroy_r(geos, joined);
    return good ? VDT_OK : failed(error);
}

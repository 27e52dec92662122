/* A sweep over the features from left to right: each is compared with those that begin before it
 * ends. Its buffer is made when it first has a neighbour and freed when the sweep is past it. */
#include "source/labels/contact.h"

#include <geos_c.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/shapes/geos_shape.h"

struct swept {
    const struct vdt_feature *feature;
    GEOSGeometry *buffer; /* NULL until it is needed */
};

struct sweep {
    GEOSContextHandle_t geos;
    const struct vdt_geometry *geometry;
    double spacing;
    struct swept *features; /* by rising left side */
    size_t count;
    struct vdt_geometry contacts;
};

static void end_sweep(struct sweep *sweep)
{
    for (size_t i = 0; sweep->features != NULL && i < sweep->count; i++)
        GEOSGeom_destroy_r(sweep->geos, sweep->features[i].buffer);
    free(sweep->features);
    vdt_geometry_clear(&sweep->contacts);
    if (sweep->geos != NULL)
        GEOS_finish_r(sweep->geos);
}

static int by_left(const void *a, const void *b)
{
    const struct vdt_feature *p = ((const struct swept *)a)->feature;
    const struct vdt_feature *q = ((const struct swept *)b)->feature;
    if (p->box[0] != q->box[0])
        return p->box[0] < q->box[0] ? -1 : 1;
    return p < q ? -1 : p > q;
}

/* --- to GEOS ------------------------------------------------------------------------------ */

static GEOSGeometry *make_ring(const struct sweep *sweep, const struct vdt_ring *ring)
{
    GEOSContextHandle_t geos = sweep->geos;
    if (ring->count >= UINT32_MAX)
        return NULL;
    unsigned count = (unsigned)ring->count;
    GEOSCoordSequence *points = GEOSCoordSeq_create_r(geos, count + 1, 2);
    for (unsigned i = 0; points != NULL && i <= count; i++) {
        const double *point = sweep->geometry->points[ring->first + i % count];
        GEOSCoordSeq_setXY_r(geos, points, i, point[0], point[1]);
    }
    return points == NULL ? NULL : GEOSGeom_createLinearRing_r(geos, points);
}

static GEOSGeometry *make_polygon(const struct sweep *sweep, const struct vdt_part *part)
{
    GEOSContextHandle_t geos = sweep->geos;
    vdt_cleanup(vdt_free_pointer) GEOSGeometry **rings = vdt_allocate(part->count, sizeof *rings);
    if (rings == NULL)
        return NULL;
    size_t made = 0;
    for (; made < part->count; made++) {
        rings[made] = make_ring(sweep, &sweep->geometry->rings[part->first + made]);
        if (rings[made] == NULL)
            break;
    }
    if (made == part->count)
        return GEOSGeom_createPolygon_r(geos, rings[0], rings + 1, (unsigned)(made - 1));
    while (made > 0)
        GEOSGeom_destroy_r(geos, rings[--made]);
    return NULL;
}

/* NULL where GEOS cannot. */
static GEOSGeometry *make_buffer(const struct sweep *sweep, const struct vdt_feature *feature)
{
    GEOSContextHandle_t geos = sweep->geos;
    vdt_cleanup(vdt_free_pointer) GEOSGeometry **parts =
        vdt_allocate(feature->count, sizeof *parts);
    GEOSGeometry *all = NULL, *buffer = NULL;
    size_t made = 0;
    for (; parts != NULL && made < feature->count; made++) {
        parts[made] = make_polygon(sweep, &sweep->geometry->parts[feature->first + made]);
        if (parts[made] == NULL)
            break;
    }
    if (parts != NULL && made == feature->count)
        all = GEOSGeom_createCollection_r(geos, GEOS_MULTIPOLYGON, parts, (unsigned)made);
    else
        while (made > 0)
            GEOSGeom_destroy_r(geos, parts[--made]);
    if (all != NULL)
        buffer = GEOSBuffer_r(geos, all, sweep->spacing / 2, VDT_QUARTER_SEGMENTS);
    GEOSGeom_destroy_r(geos, all);
    return buffer;
}

/* --- the sweep ---------------------------------------------------------------------------- */

static bool add_contact(struct sweep *sweep, struct swept *a, struct swept *b)
{
    struct swept *both[2] = {a, b};
    for (int i = 0; i < 2; i++)
        if (both[i]->buffer == NULL &&
            (both[i]->buffer = make_buffer(sweep, both[i]->feature)) == NULL)
            return false;
    struct vdt_geometry *to = &sweep->contacts;
    size_t first = to->part_count;
    GEOSGeometry *shared = GEOSIntersection_r(sweep->geos, a->buffer, b->buffer);
    bool added = shared != NULL && vdt_geos_append(sweep->geos, shared, to);
    GEOSGeom_destroy_r(sweep->geos, shared);
    if (!added || to->part_count == first)
        return added;
    if (!vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                  sizeof *to->features))
        return false;
    to->features[to->feature_count++] =
        (struct vdt_feature){.first = first, .count = to->part_count - first};
    return true;
}

static vdt_status run(struct sweep *sweep, struct vdt_error *error)
{
    for (size_t i = 0; i < sweep->count; i++) {
        struct swept *a = &sweep->features[i];
        const double *box = a->feature->box;
        for (size_t k = i + 1; k < sweep->count; k++) {
            struct swept *b = &sweep->features[k];
            const double *other = b->feature->box;
            if (!(other[0] < box[2] + sweep->spacing))
                break;
            if (other[1] < box[3] + sweep->spacing && box[1] < other[3] + sweep->spacing &&
                !add_contact(sweep, a, b))
                return vdt_fail(error, VDT_ERR_MEMORY,
                                "contacts: features %lld and %lld cannot be buffered and cut by "
                                "GEOS, or memory is out",
                                (long long)a->feature->id, (long long)b->feature->id);
        }
        GEOSGeom_destroy_r(sweep->geos, a->buffer);
        a->buffer = NULL;
    }
    return VDT_OK;
}

vdt_status vdt_contacts_make(const struct vdt_geometry *geometry, double spacing,
                             struct vdt_geometry *contacts, struct vdt_error *error)
{
    vdt_cleanup(end_sweep) struct sweep sweep = {.geos = GEOS_init_r(),
                                                 .geometry = geometry,
                                                 .spacing = spacing,
                                                 .count = geometry->feature_count};
    sweep.features = vdt_allocate_zero(sweep.count, sizeof *sweep.features);
    if (sweep.geos == NULL || sweep.features == NULL)
        return vdt_fail_memory(error, "contacts");
    for (size_t i = 0; i < sweep.count; i++)
        sweep.features[i].feature = &geometry->features[i];
    qsort(sweep.features, sweep.count, sizeof *sweep.features, by_left);
    vdt_status status = run(&sweep, error);
    if (status != VDT_OK)
        return status;
    vdt_geometry_measure(&sweep.contacts);
    *contacts = sweep.contacts;
    sweep.contacts = (struct vdt_geometry){0};
    return VDT_OK;
}

/* Lines and points of a label file to polygons, by their widths in metres on the ground.
 *
 * A metre is measured in planes that touch the layer's ellipsoid: a feature's first point opens a
 * plane, and where the feature goes on beyond its reach, so does the next. What lies between two
 * points of a line is straight in the layer's own coordinates, as it is for polygons. */
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
#include "source/labels/labels_state.h"
#include "source/shapes/geos_shape.h"

/* In metres: of a plane, and of what is taken for straight in it and in the layer's coordinates. */
static const double reach = 50000, straight = 500;

enum { DEEPEST = 20 };

/* A point in the layer's coordinates and in degrees. */
struct spot {
    double at[2], place[2];
};

struct widening {
    struct vdt_label_file *file;
    GEOSContextHandle_t geos;
    struct vdt_quiet quiet;
    OGRSpatialReferenceH crs, degrees;
    OGRCoordinateTransformationH to_degrees, from_degrees; /* NULL: the layer's are angles */
    struct vdt_ellipsoid ellipsoid;
    double unit; /* degrees in an angle of 1 */
    struct vdt_geometry done;

    /* of the feature */
    long long id;
    double width;
    bool lost; /* a point of it is nowhere on the Earth */

    /* what is to be buffered in one plane */
    struct vdt_tangent plane;
    double east; /* longitude of the plane's origin */
    double (*points)[2];
    size_t *counts;
    size_t point_count, point_capacity, line_count, line_capacity;
    struct vdt_geometry buffer;
};

static void forget_crs(struct widening *w)
{
    OCTDestroyCoordinateTransformation(w->to_degrees);
    OCTDestroyCoordinateTransformation(w->from_degrees);
    vdt_crs_release(&w->crs);
    vdt_crs_release(&w->degrees);
    w->to_degrees = w->from_degrees = NULL;
    w->crs = w->degrees = NULL;
}

static void end_widening(struct widening *w)
{
    forget_crs(w);
    if (w->geos != NULL)
        GEOS_finish_r(w->geos);
    free(w->points);
    free(w->counts);
    vdt_geometry_clear(&w->buffer);
    vdt_geometry_clear(&w->done);
    vdt_quiet_end(&w->quiet);
}

/* --- frames ------------------------------------------------------------------------------ */

static vdt_status fail_frame(const struct widening *w, const char *why, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: %s, so widths in metres mean nothing: give --width in pixels, such as 3px",
                    w->file->path, why);
}

static vdt_status open_frame(struct widening *w, const char *wkt, struct vdt_error *error)
{
    forget_crs(w);
    if (wkt[0] == '\0')
        return fail_frame(w, "it has no CRS", error);
    w->crs = vdt_crs_from_text(wkt);
    w->degrees = w->crs == NULL ? NULL : OSRCloneGeogCS(w->crs);
    if (w->degrees == NULL)
        return fail_frame(w, "its CRS is not of the Earth", error);
    OSRSetAxisMappingStrategy(w->degrees, OAMS_TRADITIONAL_GIS_ORDER);
    OGRErr axis = OGRERR_NONE, flattening = OGRERR_NONE;
    w->unit = OSRGetAngularUnits(w->degrees, NULL) * 180 / 3.14159265358979323846;
    if (fabs(w->unit - 1) < 1e-9) /* else degrees would be changed by rounding */
        w->unit = 1;
    w->ellipsoid.a = OSRGetSemiMajor(w->degrees, &axis);
    double f = OSRGetInvFlattening(w->degrees, &flattening);
    f = f > 0 ? 1 / f : 0; /* 0: a sphere */
    w->ellipsoid.e2 = f * (2 - f);
    if (axis != OGRERR_NONE || flattening != OGRERR_NONE || !(w->ellipsoid.a > 0))
        return fail_frame(w, "its CRS has no ellipsoid", error);
    if (OSRIsGeographic(w->crs))
        return VDT_OK;
    w->to_degrees = OCTNewCoordinateTransformation(w->crs, w->degrees);
    w->from_degrees = OCTNewCoordinateTransformation(w->degrees, w->crs);
    if (w->to_degrees == NULL || w->from_degrees == NULL)
        return fail_frame(w, "its CRS has no way to degrees", error);
    return VDT_OK;
}

static bool transform(OGRCoordinateTransformationH way, double point[2])
{
    int good = 1;
    if (way != NULL)
        OCTTransformEx(way, 1, &point[0], &point[1], NULL, &good);
    return good && isfinite(point[0]) && isfinite(point[1]);
}

static void find_place(struct widening *w, struct spot *spot)
{
    memcpy(spot->place, spot->at, sizeof spot->place);
    bool good = transform(w->to_degrees, spot->place);
    spot->place[0] *= w->unit;
    spot->place[1] *= w->unit;
    w->lost = w->lost || !good || !(fabs(spot->place[1]) <= 90 + 1e-9);
}

/* --- planes ------------------------------------------------------------------------------ */

/* A ring of the buffer, back in the layer's coordinates; long sides get points between. */
static bool bring_ring(struct widening *w, const struct vdt_ring *ring)
{
    struct vdt_geometry *to = &w->done;
    size_t first = to->point_count;
    for (size_t i = 0; i < ring->count; i++) {
        const double *a = w->buffer.points[ring->first + i];
        const double *b = w->buffer.points[ring->first + (i + 1) % ring->count];
        size_t pieces = 1 + (size_t)(hypot(b[0] - a[0], b[1] - a[1]) / straight);
        if (!vdt_grow(&to->points, &to->point_capacity, to->point_count + pieces,
                      sizeof *to->points))
            return false;
        for (size_t k = 0; k < pieces; k++) {
            double t = (double)k / (double)pieces;
            double *point = to->points[to->point_count++];
            point[0] = a[0] + t * (b[0] - a[0]);
            point[1] = a[1] + t * (b[1] - a[1]);
            w->lost = !vdt_tangent_raise(&w->plane, point) || w->lost;
            point[0] += 360 * rint((w->east - point[0]) / 360);
            point[0] /= w->unit;
            point[1] /= w->unit;
            w->lost = !transform(w->from_degrees, point) || w->lost;
        }
    }
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){first, to->point_count - first};
    return true;
}

/* Buffers what has been gathered in a plane. */
static bool end_plane(struct widening *w)
{
    struct vdt_geometry *from = &w->buffer, *to = &w->done;
    size_t lines = w->line_count;
    from->part_count = from->ring_count = from->point_count = 0;
    w->line_count = w->point_count = 0;
    if (lines == 0 || w->lost)
        return true;
    if (!vdt_geos_buffer(w->geos, (const double(*)[2])w->points, w->counts, lines, w->width / 2,
                         from))
        return false;
    for (size_t p = 0; p < from->part_count; p++) {
        const struct vdt_part *part = &from->parts[p];
        if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
            return false;
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, part->count};
        for (size_t r = part->first; r < part->first + part->count; r++)
            if (!bring_ring(w, &from->rings[r]))
                return false;
    }
    return true;
}

static bool put_point(struct widening *w, const struct spot *spot)
{
    if (!vdt_grow(&w->points, &w->point_capacity, w->point_count + 1, sizeof *w->points))
        return false;
    double *point = w->points[w->point_count++];
    memcpy(point, spot->place, sizeof spot->place);
    vdt_tangent_flatten(&w->plane, point);
    w->counts[w->line_count - 1]++;
    return true;
}

static bool begin_line(struct widening *w, const struct spot *spot)
{
    if (w->line_count == 0) {
        vdt_tangent_touch(&w->plane, &w->ellipsoid, spot->place);
        w->east = spot->place[0];
    }
    if (!vdt_grow(&w->counts, &w->line_capacity, w->line_count + 1, sizeof *w->counts))
        return false;
    w->counts[w->line_count++] = 0;
    return put_point(w, spot);
}

static bool within_reach(const struct widening *w, const struct spot *spot)
{
    return w->line_count == 0 || (vdt_tangent_distance(&w->plane, spot->place) <= reach &&
                                  fabs(spot->place[0] - w->east) <= 180);
}

/* Goes on to `to`, in a plane of its own if it must. */
static bool go_on(struct widening *w, const struct spot *from, const struct spot *to)
{
    if (!within_reach(w, to) && (!end_plane(w) || !begin_line(w, from)))
        return false;
    return put_point(w, to);
}

static bool go_straight(struct widening *w, const struct spot *from, const struct spot *to,
                        int depth)
{
    struct vdt_tangent here;
    struct spot middle;
    vdt_tangent_touch(&here, &w->ellipsoid, from->place);
    bool turned = w->to_degrees == NULL && fabs(to->place[0] - from->place[0]) > 1;
    if (w->lost || depth == DEEPEST ||
        (!turned && vdt_tangent_distance(&here, to->place) <= straight))
        return go_on(w, from, to);
    for (int i = 0; i < 2; i++)
        middle.at[i] = (from->at[i] + to->at[i]) / 2;
    find_place(w, &middle);
    return go_straight(w, from, &middle, depth + 1) && go_straight(w, &middle, to, depth + 1);
}

static bool add_line(struct widening *w, const double (*points)[2], size_t count)
{
    struct spot from, to;
    memcpy(from.at, points[0], sizeof from.at);
    find_place(w, &from);
    if (w->lost)
        return true;
    if ((!within_reach(w, &from) && !end_plane(w)) || !begin_line(w, &from))
        return false;
    for (size_t i = 1; i < count; i++, from = to) {
        memcpy(to.at, points[i], sizeof to.at);
        find_place(w, &to);
        if (w->lost)
            return true;
        if (!go_straight(w, &from, &to, 0))
            return false;
    }
    return true;
}

/* --- features ---------------------------------------------------------------------------- */

static vdt_status widen_feature(struct widening *w, const struct vdt_feature *feature,
                                struct vdt_error *error)
{
    const struct vdt_geometry *from = &w->file->source->geometry;
    struct vdt_geometry *to = &w->done;
    size_t first = to->part_count, end = feature->first + feature->count;
    w->id = feature->id;
    w->width = feature->width;
    w->lost = false;
    bool good = true;
    for (size_t p = feature->first; p < end && good; p++) {
        const struct vdt_part *part = &from->parts[p];
        const struct vdt_ring *ring = &from->rings[part->first];
        good = p < end - feature->lines
                   ? vdt_geometry_copy_part(to, from, part)
                   : add_line(w, (const double(*)[2])from->points + ring->first, ring->count);
    }
    good = good && end_plane(w);
    if (w->lost)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: feature %lld: a point of it is nowhere on the Earth, so a width in "
                        "metres means nothing: if these are pixels, give --width in px",
                        w->file->path, w->id);
    if (!good || !vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                           sizeof *to->features))
        return vdt_fail(error, VDT_ERR_MEMORY,
                        "%s: feature %lld cannot be buffered by GEOS, or memory is out",
                        w->file->path, w->id);
    struct vdt_feature *added = &to->features[to->feature_count++];
    *added = *feature;
    added->lines = 0;
    added->first = first;
    added->count = to->part_count - first;
    return VDT_OK;
}

static bool has_lines(const struct vdt_geometry *geometry, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        if (geometry->features[i].lines > 0)
            return true;
    return false;
}

static vdt_status widen_layer(struct widening *w, struct vdt_label_layer *layer,
                              const struct vdt_geometry *begin, struct vdt_error *error)
{
    const struct vdt_geometry *from = &w->file->source->geometry;
    vdt_status status = VDT_OK;
    if (has_lines(from, layer->first_feature, layer->feature_count))
        status = open_frame(w, layer->crs, error);
    size_t first_point = w->done.point_count;
    for (size_t i = 0; i < layer->feature_count && status == VDT_OK; i++)
        status = widen_feature(w, &from->features[layer->first_feature + i], error);
    layer->first_point = begin->point_count + first_point;
    layer->point_count = w->done.point_count - first_point;
    return status;
}

vdt_status vdt_label_file_widen(struct vdt_label_file *file, const struct vdt_geometry *begin,
                                struct vdt_error *error)
{
    struct vdt_labels_source *source = file->source;
    const struct vdt_geometry *geometry = &source->geometry;
    if (!has_lines(geometry, begin->feature_count, geometry->feature_count - begin->feature_count))
        return VDT_OK;
    vdt_cleanup(end_widening) struct widening w = {.file = file, .unit = 1};
    vdt_quiet_begin(&w.quiet);
    w.geos = GEOS_init_r();
    if (w.geos == NULL)
        return vdt_fail_memory(error, file->path);
    source->metres = true;
    for (size_t i = 0; i < source->layer_count; i++)
        if (source->layers[i].file == file->number) {
            vdt_status status = widen_layer(&w, &source->layers[i], begin, error);
            if (status != VDT_OK)
                return status;
        }
    return vdt_geometry_replace(&source->geometry, begin, &w.done)
               ? VDT_OK
               : vdt_fail_memory(error, file->path);
}

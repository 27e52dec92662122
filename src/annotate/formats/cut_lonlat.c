/* Each turn around the Earth is a rectangle that the shape is cut to and moved from. */
#include "annotate/formats/cut_lonlat.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/shapes/clip_shape.h"

/* Beyond these turns numbers are no longitudes. */
static const double most_turns = 10;

static double turn_of(double longitude)
{
    return floor((longitude + 180) / 360);
}

static void move_points(struct vdt_outlines *o)
{
    for (size_t i = 0; i < o->point_count; i++)
        if (fabs(o->points[i][0]) > 180)
            o->points[i][0] -= 360 * turn_of(o->points[i][0]);
}

static bool take_back(struct vdt_outlines *o, const struct vdt_geometry *cut)
{
    if (!vdt_grow(&o->points, &o->point_capacity, cut->point_count, sizeof *o->points) ||
        !vdt_grow(&o->rings, &o->ring_capacity, cut->ring_count + 1, sizeof *o->rings) ||
        !vdt_grow(&o->parts, &o->part_capacity, cut->part_count + 1, sizeof *o->parts))
        return false;
    memcpy(o->points, cut->points, cut->point_count * sizeof *o->points);
    o->rings[0] = o->parts[0] = 0;
    for (size_t i = 0; i < cut->ring_count; i++)
        o->rings[i + 1] = o->rings[i] + cut->rings[i].count;
    for (size_t i = 0; i < cut->part_count; i++)
        o->parts[i + 1] = o->parts[i] + cut->parts[i].count;
    o->point_count = cut->point_count;
    o->ring_count = cut->ring_count;
    o->part_count = cut->part_count;
    return true;
}

vdt_status vdt_outlines_cut(struct vdt_outlines *o, int dimension, struct vdt_error *error)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < o->point_count; i++) {
        low = fmin(low, o->points[i][0]);
        high = fmax(high, o->points[i][0]);
    }
    if ((low >= -180 && high <= 180) || !(low > -360 * most_turns && high < 360 * most_turns))
        return VDT_OK;
    if (dimension == 0) {
        move_points(o);
        return VDT_OK;
    }
    vdt_cleanup(vdt_geometry_clear) struct vdt_geometry cut = {0};
    const struct vdt_outline_in shape = {.dimension = dimension,
                                         .points = (const double(*)[2])o->points,
                                         .ring_offsets = o->rings,
                                         .part_offsets = o->parts,
                                         .part_count = o->part_count};
    vdt_status status = VDT_OK;
    for (double turn = turn_of(low); status == VDT_OK && turn <= turn_of(high); turn++) {
        /* Latitudes are not cut. */
        const double box[4] = {360 * turn - 180, -1e6, 360 * turn + 180, 1e6};
        size_t first = cut.point_count;
        status = vdt_clip_outline(&shape, box, &cut, error);
        for (size_t i = first; status == VDT_OK && i < cut.point_count; i++)
            cut.points[i][0] -= 360 * turn;
    }
    if (status != VDT_OK || cut.part_count == 0) /* what has no area has nothing to be cut */
        return status;
    return take_back(o, &cut) ? VDT_OK : vdt_fail_memory(error, "shapes");
}

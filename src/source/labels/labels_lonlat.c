/* Labels as longitudes and latitudes, without a scene. */
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/lonlat.h"
#include "source/labels/labels_state.h"

enum { PIECES = 16 }; /* of a side that is straight in another CRS than degrees */

static void free_lonlat(struct vdt_lonlat **lonlat)
{
    vdt_lonlat_free(*lonlat);
}

/* Appends a ring with points between its own. */
static bool append_ring(const double (*points)[2], size_t count, size_t pieces,
                        struct vdt_geometry *to)
{
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + count * pieces,
                  sizeof *to->points))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count * pieces};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < pieces; k++, to->point_count++)
            for (int axis = 0; axis < 2; axis++) {
                double a = points[i][axis], b = points[(i + 1) % count][axis];
                to->points[to->point_count][axis] = a + (b - a) * ((double)k / (double)pieces);
            }
    return true;
}

static bool append_feature(const struct vdt_geometry *from, const struct vdt_feature *feature,
                           size_t pieces, struct vdt_geometry *to)
{
    size_t first = to->part_count;
    for (size_t p = feature->first; p < feature->first + feature->count; p++) {
        const struct vdt_part *part = &from->parts[p];
        if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
            return false;
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, part->count};
        for (size_t r = part->first; r < part->first + part->count; r++)
            if (!append_ring((const double(*)[2])from->points + from->rings[r].first,
                             from->rings[r].count, pieces, to))
                return false;
    }
    if (!vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                  sizeof *to->features))
        return false;
    to->features[to->feature_count] = *feature;
    to->features[to->feature_count++].first = first;
    return true;
}

static vdt_status add_layer(const struct vdt_labels_source *source,
                            const struct vdt_label_layer *layer, struct vdt_geometry *to,
                            struct vdt_error *error)
{
    const char *path = source->paths[layer->file];
    vdt_cleanup(free_lonlat) struct vdt_lonlat *lonlat = vdt_lonlat_open(layer->crs);
    if (lonlat == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has no CRS on the Earth: it needs one, such as EPSG:4326", path);
    size_t pieces = vdt_crs_epsg(layer->crs) == 4326 ? 1 : PIECES;
    for (size_t f = layer->first_feature; f < layer->first_feature + layer->feature_count; f++) {
        const struct vdt_feature *feature = &source->geometry.features[f];
        size_t first = to->point_count;
        if (!append_feature(&source->geometry, feature, pieces, to))
            return vdt_fail_memory(error, path);
        if (!vdt_lonlat_from(lonlat, to->points + first, to->point_count - first))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: feature %lld: a point has no place on the Earth", path,
                            (long long)feature->id);
    }
    return VDT_OK;
}

vdt_status vdt_labels_lonlat(const struct vdt_labels_source *source, struct vdt_geometry *geometry,
                             struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (source->of_images)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has labels of images, which lie nowhere on the ground",
                        source->paths[0]);
    for (size_t i = 0; status == VDT_OK && i < source->layer_count; i++)
        status = add_layer(source, &source->layers[i], geometry, error);
    return status;
}

/* Regions: polygons with names, in the planes of grids. */
#include "report/ground/ground_regions.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/labels.h"
#include "source/shapes/overlay.h"

enum { HULL_SIDE = 32 };

static const double STEP = 0.01; /* degrees between points of a side */
static const double SIDE_MOST = 5000;
static const double MARGIN = 0.1; /* degrees about the tiles that are kept of regions */

vdt_status vdt_ground_regions_open(const char *path, const char *field,
                                   struct vdt_ground_regions **out, struct vdt_error *error)
{
    struct vdt_ground_regions *regions = vdt_allocate_zero(1, sizeof *regions);
    const struct vdt_label_options options = {.format = VDT_LABELS_OGR,
                                              .class_field = field == NULL   ? "name"
                                                             : field[0] == 0 ? NULL
                                                                             : field,
                                              .unknown = VDT_UNKNOWN_SKIP};
    if (regions == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_labels_open(&path, 1, &options, &regions->labels, error);
    uint64_t unnamed = status == VDT_OK ? vdt_labels_counts(regions->labels).unknown_skipped : 0;
    if (unnamed > 0)
        status = vdt_fail(error, VDT_ERR_FORMAT,
                          "%s: %" PRIu64 " regions have no value in field '%s': give them one, or "
                          "take the names of another field with by region:FIELD",
                          path, unnamed, options.class_field);
    if (status == VDT_OK)
        status = vdt_labels_lonlat(regions->labels, &regions->lonlat, error);
    if (status != VDT_OK) {
        vdt_ground_regions_free(regions);
        return status;
    }
    vdt_geometry_measure(&regions->lonlat);
    *out = regions;
    return VDT_OK;
}

void vdt_ground_regions_free(struct vdt_ground_regions *regions)
{
    if (regions == NULL)
        return;
    vdt_labels_free(regions->labels);
    vdt_geometry_clear(&regions->lonlat);
    free(regions);
}

uint32_t vdt_ground_region_count(const struct vdt_ground_regions *regions)
{
    return (uint32_t)vdt_labels_class_count(regions->labels);
}

const char *vdt_ground_region_name(const struct vdt_ground_regions *regions, uint32_t region)
{
    return vdt_labels_class(regions->labels, region);
}

/* --- the part of them that a grid may need
 * -------------------------------------------------------- */

void vdt_region_map_clear(struct vdt_region_map *map)
{
    vdt_geometry_clear(&map->shapes);
    vdt_index_free(map->edges);
    free(map->ends);
    free(map->edge_feature);
    free(map->hits.ids);
    free(map->odd);
    free(map->shares);
    *map = (struct vdt_region_map){0};
}

/* Degrees about the tiles of a grid: longitudes near that of its plane. All of the Earth where that
 * cannot be told. */
static void surroundings(struct vdt_ground_ways *ways, uint32_t number, double box[4])
{
    const struct vdt_ground_grid *grid = &ways->areas->grids[number];
    const double *hull = grid->hull, lon = grid->plane.lon;
    const double all[4] = {lon - 180, -90, lon + 180, 90};
    double found[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 4 * HULL_SIDE; i++) {
        double t = (double)(i % HULL_SIDE) / HULL_SIDE;
        double u[] = {t, 1, 1 - t, 0}, v[] = {0, t, 1, 1 - t}, point[1][2];
        point[0][0] = hull[0] + u[i / HULL_SIDE] * (hull[2] - hull[0]);
        point[0][1] = hull[1] + v[i / HULL_SIDE] * (hull[3] - hull[1]);
        if (!vdt_ground_lonlat(ways, number, point, 1)) {
            memcpy(box, all, sizeof all);
            return;
        }
        point[0][0] -= 360 * rint((point[0][0] - lon) / 360);
        for (int axis = 0; axis < 2; axis++) {
            found[axis] = fmin(found[axis], point[0][axis]);
            found[axis + 2] = fmax(found[axis + 2], point[0][axis]);
        }
    }
    double width = found[2] - found[0], height = found[3] - found[1];
    memcpy(box, all, sizeof all);
    if (width > 90) /* round a pole, or nearly so */
        return;
    for (int axis = 0; axis < 2; axis++) {
        double more = (axis == 0 ? width : height) / HULL_SIDE + MARGIN;
        box[axis] = fmax(all[axis], found[axis] - more);
        box[axis + 2] = fmin(all[axis + 2], found[axis + 2] + more);
    }
}

/* Points of a ring in degrees, onto the plane. */
static bool append_ring(const struct vdt_equal_area *plane, const double (*points)[2], size_t count,
                        struct vdt_geometry *to)
{
    size_t first = to->point_count;
    for (size_t i = 0; i < count; i++) {
        const double *a = points[i], *b = points[(i + 1) % count];
        double wanted = ceil(hypot(b[0] - a[0], b[1] - a[1]) / STEP);
        size_t parts = wanted > 1 ? (size_t)fmin(wanted, SIDE_MOST) : 1;
        if (!vdt_grow(&to->points, &to->point_capacity, to->point_count + parts,
                      sizeof *to->points))
            return false;
        for (size_t k = 0; k < parts; k++) {
            double *point = to->points[to->point_count];
            for (int axis = 0; axis < 2; axis++)
                point[axis] = a[axis] + (b[axis] - a[axis]) * ((double)k / (double)parts);
            to->point_count += vdt_equal_area_flatten(plane, point);
        }
    }
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){first, to->point_count - first};
    return true;
}

/* Adds what a box of degrees has of a feature, moved by `turn`. */
static vdt_status add_feature(struct vdt_overlay *overlay, const struct vdt_ground_regions *regions,
                              const struct vdt_feature *feature, const double box[4], double turn,
                              const struct vdt_equal_area *plane, struct vdt_geometry *to,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_geometry_clear) struct vdt_geometry inside = {0};
    const double *of = feature->box, window[4] = {box[0] - turn, box[1], box[2] - turn, box[3]};
    if (of[0] > window[2] || of[2] < window[0] || of[1] > window[3] || of[3] < window[1])
        return VDT_OK;
    struct vdt_overlay_parts whole = {&regions->lonlat, feature->first, feature->count, false};
    vdt_status status = vdt_overlay_cut(overlay, &whole, window, &inside, error);
    if (status != VDT_OK || inside.part_count == 0)
        return status;
    size_t first = to->part_count;
    bool good =
        vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1, sizeof *to->features);
    for (size_t p = 0; good && p < inside.part_count; p++) {
        const struct vdt_part *part = &inside.parts[p];
        good = vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts);
        if (good)
            to->parts[to->part_count++] = (struct vdt_part){to->ring_count, part->count};
        for (size_t r = part->first; good && r < part->first + part->count; r++)
            good = append_ring(plane, (const double(*)[2])inside.points + inside.rings[r].first,
                               inside.rings[r].count, to);
    }
    if (!good)
        return vdt_fail_memory(error, "regions");
    to->features[to->feature_count++] = (struct vdt_feature){
        .class_id = feature->class_id, .first = first, .count = to->part_count - first};
    return VDT_OK;
}

static size_t count_edges(const struct vdt_geometry *shapes)
{
    size_t count = 0;
    for (size_t r = 0; r < shapes->ring_count; r++)
        count += shapes->rings[r].count;
    return count;
}

static vdt_status index_edges(struct vdt_region_map *map, struct vdt_error *error)
{
    const struct vdt_geometry *shapes = &map->shapes;
    size_t count = count_edges(shapes), edge = 0;
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(count, sizeof *boxes);
    map->ends = vdt_allocate(count, sizeof *map->ends);
    map->edge_feature = vdt_allocate(count, sizeof *map->edge_feature);
    map->odd = vdt_allocate_zero(shapes->feature_count, 1);
    map->shares = vdt_allocate_zero((size_t)map->region_count + 1, sizeof *map->shares);
    if (boxes == NULL || map->ends == NULL || map->edge_feature == NULL || map->odd == NULL ||
        map->shares == NULL || count >= UINT32_MAX)
        return vdt_fail_memory(error, "regions");
    map->right = -INFINITY;
    for (size_t f = 0; f < shapes->feature_count; f++)
        for (size_t p = 0; p < shapes->features[f].count; p++) {
            const struct vdt_part *part = &shapes->parts[shapes->features[f].first + p];
            for (size_t r = part->first; r < part->first + part->count; r++) {
                const struct vdt_ring *ring = &shapes->rings[r];
                for (size_t i = 0; i < ring->count; i++, edge++) {
                    const double *a = shapes->points[ring->first + i];
                    const double *b = shapes->points[ring->first + (i + 1) % ring->count];
                    memcpy(map->ends[edge][0], a, sizeof map->ends[edge][0]);
                    memcpy(map->ends[edge][1], b, sizeof map->ends[edge][1]);
                    map->edge_feature[edge] = (uint32_t)f;
                    for (int axis = 0; axis < 2; axis++) {
                        boxes[edge][axis] = fmin(a[axis], b[axis]);
                        boxes[edge][axis + 2] = fmax(a[axis], b[axis]);
                    }
                    map->right = fmax(map->right, boxes[edge][2]);
                }
            }
        }
    return vdt_index_build((const double(*)[4])boxes, edge, &map->edges, error);
}

vdt_status vdt_region_map_make(struct vdt_ground_ways *ways, uint32_t number,
                               const struct vdt_ground_regions *regions, struct vdt_region_map *map,
                               struct vdt_error *error)
{
    const struct vdt_ground_grid *grid = &ways->areas->grids[number];
    if (!grid->metres)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "polygons of regions and of ignored ground need tiles with a geotransform "
                        "and a CRS; those of scene %u have none",
                        grid->scene);
    struct vdt_overlay *overlay = NULL;
    double box[4];
    surroundings(ways, number, box);
    map->region_count = vdt_ground_region_count(regions);
    vdt_status status = vdt_overlay_open(&overlay, error);
    for (size_t i = 0; status == VDT_OK && i < regions->lonlat.feature_count; i++)
        for (int turn = -1; status == VDT_OK && turn <= 1; turn++)
            status = add_feature(overlay, regions, &regions->lonlat.features[i], box, turn * 360.0,
                                 &grid->plane, &map->shapes, error);
    vdt_overlay_free(overlay);
    vdt_geometry_measure(&map->shapes);
    return status == VDT_OK ? index_edges(map, error) : status;
}

/* --- questions ------------------------------------------------------------------------------ */

vdt_status vdt_region_map_crosses(struct vdt_region_map *map, const double box[4], bool *crosses,
                                  struct vdt_error *error)
{
    vdt_status status = vdt_index_query(map->edges, box, &map->hits, error);
    *crosses = map->hits.count > 0;
    return status;
}

vdt_status vdt_region_map_at(struct vdt_region_map *map, const double point[2], uint32_t *region,
                             struct vdt_error *error)
{
    const double ray[4] = {point[0], point[1], fmax(point[0], map->right), point[1]};
    vdt_status status = vdt_index_query(map->edges, ray, &map->hits, error);
    if (status != VDT_OK)
        return status;
    *region = map->region_count;
    for (size_t i = 0; i < map->hits.count; i++) {
        uint32_t edge = map->hits.ids[i];
        const double *a = map->ends[edge][0], *b = map->ends[edge][1];
        if ((a[1] > point[1]) != (b[1] > point[1]) &&
            point[0] < a[0] + (b[0] - a[0]) * ((point[1] - a[1]) / (b[1] - a[1])))
            map->odd[map->edge_feature[edge]] ^= 1;
    }
    for (size_t i = 0; i < map->hits.count; i++) {
        uint32_t feature = map->edge_feature[map->hits.ids[i]];
        if (map->odd[feature] != 0 && map->shapes.features[feature].class_id < *region)
            *region = map->shapes.features[feature].class_id;
        map->odd[feature] = 0;
    }
    return VDT_OK;
}

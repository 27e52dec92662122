/* Which region objects and images are in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_regions.h"
#include "source/shapes/overlay.h"

/* Asks about objects of one grid after the other. */
struct asker {
    const struct vdt_ground_areas *areas;
    const struct vdt_ground_regions *regions;
    struct vdt_ground_ways ways;
    struct vdt_overlay *overlay;
    struct vdt_region_map map;
    struct vdt_geometry work;
    uint32_t grid; /* that the map is of */
};

static void clear_asker(struct asker *asker)
{
    vdt_ground_ways_clear(&asker->ways);
    vdt_overlay_free(asker->overlay);
    vdt_region_map_clear(&asker->map);
    vdt_geometry_clear(&asker->work);
}

static vdt_status take_grid(struct asker *asker, uint32_t grid, struct vdt_error *error)
{
    if (asker->grid == grid)
        return VDT_OK;
    vdt_region_map_clear(&asker->map);
    asker->grid = grid;
    return vdt_region_map_make(&asker->ways, grid, asker->regions, &asker->map, error);
}

static bool meets(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

/* An object that a border of regions runs through: by what each has of it. */
static vdt_status weigh(struct asker *asker, const struct vdt_objects *objects, uint64_t object,
                        const double box[4], uint32_t *region, struct vdt_error *error)
{
    struct vdt_region_map *map = &asker->map;
    if (!vdt_ground_shape(objects->shapes, object, &asker->work))
        return vdt_fail_memory(error, "regions");
    struct vdt_overlay_parts whole = {&asker->work, 0, asker->work.part_count, false};
    for (uint32_t i = 0; i < map->region_count; i++)
        map->shares[i] = 0;
    vdt_status status = VDT_OK;
    for (size_t f = 0; status == VDT_OK && f < map->shapes.feature_count; f++) {
        const struct vdt_feature *feature = &map->shapes.features[f];
        struct vdt_overlay_parts part = {&map->shapes, feature->first, feature->count, false};
        double shared = 0;
        if (!meets(feature->box, box))
            continue;
        status = vdt_overlay_shared(asker->overlay, &whole, &part, &shared, error);
        map->shares[feature->class_id] += shared;
    }
    *region = map->region_count;
    double most = 0;
    for (uint32_t i = 0; i < map->region_count; i++)
        if (map->shares[i] > most) {
            most = map->shares[i];
            *region = i;
        }
    return status;
}

static vdt_status find_region(struct asker *asker, const struct vdt_objects *objects,
                              uint64_t object, uint32_t *region, struct vdt_error *error)
{
    const double *b = objects->box[object];
    const double box[4] = {b[0], b[1], b[0] + b[2], b[1] + b[3]};
    bool crosses = false;
    vdt_status status = vdt_region_map_crosses(&asker->map, box, &crosses, error);
    if (status != VDT_OK)
        return status;
    if (crosses)
        return weigh(asker, objects, object, box, region, error);
    const double middle[2] = {b[0] + b[2] / 2, b[1] + b[3] / 2};
    return vdt_region_map_at(&asker->map, middle, region, error);
}

vdt_status vdt_ground_object_regions(const struct vdt_ground_areas *areas,
                                     const struct vdt_ground_regions *regions,
                                     const struct vdt_ground_merged *merged, uint32_t *region,
                                     struct vdt_error *error)
{
    vdt_cleanup(clear_asker) struct asker asker = {
        .areas = areas, .regions = regions, .grid = UINT32_MAX};
    vdt_status status = vdt_ground_ways_open(&asker.ways, areas, error);
    if (status == VDT_OK)
        status = vdt_overlay_open(&asker.overlay, error);
    for (size_t i = 0; status == VDT_OK && i < merged->count; i++) {
        status = take_grid(&asker, areas->area_grids[merged->area_of[i]], error);
        if (status == VDT_OK)
            status = find_region(&asker, &merged->objects, i, &region[i], error);
    }
    return status;
}

/* --- images -------------------------------------------------------------------------------------
 */

/* An image's area in a region; sorted, so that those of an image follow each other. */
struct vote {
    uint32_t image, region;
    double area;
};

static int by_image(const void *left, const void *right)
{
    const struct vote *a = left, *b = right;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    if (a->region != b->region)
        return a->region < b->region ? -1 : 1;
    return a->area < b->area ? -1 : a->area > b->area; /* sums do not depend on the order */
}

/* Sets region[] of the images that objects vote for and that have none yet. Ground truth that is
 * ignored has no vote. */
static vdt_status vote(const struct vdt_ground_merged *merged, const uint32_t *regions, bool all,
                       uint32_t none, uint32_t *region, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vote *votes = vdt_allocate(merged->count, sizeof *votes);
    size_t count = 0;
    if (votes == NULL)
        return vdt_fail_memory(error, "regions");
    for (size_t i = 0; i < merged->count; i++)
        if (region[merged->image[i]] == UINT32_MAX &&
            (all || (!merged->crowd[i] && !merged->ignore[i])))
            votes[count++] = (struct vote){merged->image[i], regions[i], merged->area[i]};
    qsort(votes, count, sizeof *votes, by_image);
    double most = 0;
    for (size_t i = 0, end; i < count; i = end) {
        double sum = 0;
        for (end = i; end < count && votes[end].image == votes[i].image &&
                      votes[end].region == votes[i].region;
             end++)
            sum += votes[end].area;
        bool first = i == 0 || votes[i - 1].image != votes[i].image;
        /* Outside of all regions is no region to win against one. */
        uint32_t *chosen = &region[votes[i].image];
        if (first || (votes[i].region != none && sum > most)) {
            *chosen = votes[i].region;
            most = sum;
        }
    }
    return VDT_OK;
}

static vdt_status vote_for(const struct vdt_ground_areas *areas,
                           const struct vdt_ground_regions *regions,
                           const struct vdt_ground_merged *merged, bool all, uint32_t *region,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *of_objects =
        vdt_allocate(merged->count, sizeof *of_objects);
    if (of_objects == NULL)
        return vdt_fail_memory(error, "regions");
    vdt_status status = vdt_ground_object_regions(areas, regions, merged, of_objects, error);
    return status == VDT_OK
               ? vote(merged, of_objects, all, vdt_ground_region_count(regions), region, error)
               : status;
}

vdt_status vdt_ground_image_regions(const struct vdt_ground_areas *areas,
                                    const struct vdt_ground_regions *regions,
                                    const struct vdt_ground_merged *ground_truth,
                                    const struct vdt_ground_merged *predictions,
                                    uint32_t image_count, uint32_t *region, struct vdt_error *error)
{
    for (uint32_t i = 0; i < image_count; i++)
        region[i] = UINT32_MAX;
    vdt_status status = vote_for(areas, regions, ground_truth, false, region, error);
    if (status == VDT_OK)
        status = vote_for(areas, regions, predictions, true, region, error);
    if (status == VDT_OK)
        status = vote_for(areas, regions, ground_truth, true, region, error);
    return status;
}

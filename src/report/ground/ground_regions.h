/* Regions in the plane of a grid. Private to report/. */
#ifndef REPORT_GROUND_REGIONS_H
#define REPORT_GROUND_REGIONS_H

#include "report/ground/ground_state.h"

struct vdt_ground_regions {
    struct vdt_labels_source *labels; /* names are its classes */
    struct vdt_geometry lonlat;
};

/* The polygons that may meet the tiles of a grid. {0} is empty. */
struct vdt_region_map {
    struct vdt_geometry shapes; /* class_id is the region */
    struct vdt_index *edges;    /* of all rings; NULL without any */
    double (*ends)[2][2];
    uint32_t *edge_feature; /* [edges] */
    uint32_t region_count;
    double right; /* of the rightmost edge */
    /* Of one question: */
    struct vdt_hits hits;
    uint8_t *odd;   /* [features] */
    double *shares; /* [region_count] */
};
void vdt_region_map_clear(struct vdt_region_map *map);
vdt_status vdt_region_map_make(struct vdt_ground_ways *ways, uint32_t grid,
                               const struct vdt_ground_regions *regions, struct vdt_region_map *map,
                               struct vdt_error *error);

/* True when a side of a region meets the box (xmin, ymin, xmax, ymax). */
vdt_status vdt_region_map_crosses(struct vdt_region_map *map, const double box[4], bool *crosses,
                                  struct vdt_error *error);

/* The first region that a place is in; region_count: none. */
vdt_status vdt_region_map_at(struct vdt_region_map *map, const double point[2], uint32_t *region,
                             struct vdt_error *error);

#endif

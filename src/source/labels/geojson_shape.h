/* The "geometry" member of GeoJSON features. Private to source/. */
#ifndef SOURCE_GEOJSON_SHAPE_H
#define SOURCE_GEOJSON_SHAPE_H

#include "source/labels/scan.h"
#include "source/shapes/shape.h"

/* Room that is used again for every geometry; {0} is empty. */
struct vdt_geojson_shape {
    bool lines; /* points and lines are wanted too; set by the reader */
    double (*points)[2];
    size_t point_count, point_capacity;
    size_t *rings; /* points of each list of positions */
    size_t ring_count, ring_capacity;
    size_t *parts; /* rings of each list of lists */
    size_t part_count, part_capacity;
    int depth; /* of the positions; -1: there are none */
};

void vdt_geojson_shape_clear(struct vdt_geojson_shape *room);

/* Takes a geometry object and appends its polygons, as vdt_shape_append does. Fails only when
 * memory is out; trouble with the text is in the scan's state, and what was appended is then not
 * all of it. */
vdt_status vdt_geojson_shape(struct vdt_scan *scan, struct vdt_geojson_shape *room,
                             struct vdt_geometry *geometry, struct vdt_shape *result,
                             struct vdt_error *error);

/* True when `key` is `name`; strange when OGR would take it for `name` too. */
bool vdt_geojson_is(struct vdt_scan *scan, const char *name);

#endif

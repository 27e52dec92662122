/* Polygons as packed values: points, rings, parts, features. No I/O.
 *
 * A feature is one labelled geometry of one or more parts; a part is an outer ring and its holes;
 * a ring is a run of points without the closing repeat. Coordinates are (x, y) in whatever frame
 * the owner says: scene pixels everywhere after projection (x right, y down, pixel edges). */
#ifndef BASE_GEOMETRY_H
#define BASE_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdt_ring {
    size_t first; /* into points */
    size_t count; /* at least 3; of lines at least 1 */
};

struct vdt_part {
    size_t first; /* into rings: the outer ring, then holes */
    size_t count; /* at least 1 */
};

struct vdt_feature {
    int64_t id; /* feature id in its file */
    uint32_t class_id;
    uint32_t lines; /* the last so many parts are lines and points of one ring each, which source/
                       has yet to give a width; else 0 */
    double width;   /* of these */
    double order;   /* larger is burnt on top, where a field says so */
    double target;  /* the number to learn, where a field has it */
    uint32_t owner; /* the number of its value in a field that divides samples */
    size_t first;   /* into parts */
    size_t count;   /* at least 1 */
    double area;    /* of all parts, holes taken off; filled by vdt_geometry_measure */
    double box[4];  /* xmin, ymin, xmax, ymax; filled by vdt_geometry_measure */
};

/* {0} is empty. */
struct vdt_geometry {
    double (*points)[2];
    struct vdt_ring *rings;
    struct vdt_part *parts;
    struct vdt_feature *features;
    size_t point_count, point_capacity;
    size_t ring_count, ring_capacity;
    size_t part_count, part_capacity;
    size_t feature_count, feature_capacity;
};

/* Computes area and box of every feature from its points. */
void vdt_geometry_measure(struct vdt_geometry *geometry);

void vdt_geometry_clear(struct vdt_geometry *geometry);

/* Appends a part of another geometry. False when memory is out. */
bool vdt_geometry_copy_part(struct vdt_geometry *to, const struct vdt_geometry *from,
                            const struct vdt_part *part);

/* Puts all of `from` in the place of what was appended to `to` since it had the counts of `begin`.
 * False when memory is out, and nothing has changed then. */
bool vdt_geometry_replace(struct vdt_geometry *to, const struct vdt_geometry *begin,
                          const struct vdt_geometry *from);

/* Twice the signed area of a ring (shoelace). */
double vdt_ring_area2(const double (*points)[2], size_t count);

#endif

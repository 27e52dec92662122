/* Points, lines and polygons in a plane, and whether they meet. Longitudes and latitudes are taken
 * as a plane too: what crosses the antimeridian is cut there, or reaches beyond it and is asked
 * again a turn further on. No I/O. */
#ifndef BASE_PLANAR_H
#define BASE_PLANAR_H

#include <stdbool.h>
#include <stddef.h>

enum vdt_planar_kind { VDT_PLANAR_POINT, VDT_PLANAR_LINE, VDT_PLANAR_POLYGON };

/* A run of points: of polygons a ring without the closing repeat. */
struct vdt_planar_run {
    size_t first; /* into points */
    size_t count; /* of a point 1, of a line at least 2, of a ring at least 3 */
};

struct vdt_planar_piece {
    enum vdt_planar_kind kind;
    size_t first;  /* into runs: of a polygon the outer ring, then holes */
    size_t count;  /* of points and lines 1 */
    double box[4]; /* xmin, ymin, xmax, ymax; filled by vdt_planar_end */
};

/* {0} is empty. */
struct vdt_planar {
    double (*points)[2];
    struct vdt_planar_run *runs;
    struct vdt_planar_piece *pieces;
    size_t point_count, point_capacity;
    size_t run_count, run_capacity;
    size_t piece_count, piece_capacity;
};

void vdt_planar_clear(struct vdt_planar *shape);

/* To build: a piece, its runs, their points, and vdt_planar_end at last. False when memory is out.
 */
bool vdt_planar_piece(struct vdt_planar *shape, enum vdt_planar_kind kind);
bool vdt_planar_run(struct vdt_planar *shape);
bool vdt_planar_point(struct vdt_planar *shape, double x, double y);
void vdt_planar_end(struct vdt_planar *shape);

/* A rectangle: a polygon, or a line or a point where it has no width or no height. */
bool vdt_planar_box(struct vdt_planar *shape, double west, double south, double east, double north);

/* They share at least a point; borders count. Exact for the coordinates as they are, but for
 * differences below 1e-30 of their size. */
bool vdt_planar_meet(const struct vdt_planar *a, const struct vdt_planar *b);

/* The same piece for piece and point for point. */
bool vdt_planar_equal(const struct vdt_planar *a, const struct vdt_planar *b);

/* The bytes of a shape for a column or a parameter, and back. *data is owned; false when memory is
 * out, or the bytes are no shape. */
bool vdt_planar_pack(const struct vdt_planar *shape, unsigned char **data, size_t *size);
bool vdt_planar_unpack(const void *data, size_t size, struct vdt_planar *shape);

#endif

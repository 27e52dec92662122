/* The area that two shapes have in common, by arithmetic alone: for shapes of few sides, which are
 * most, it is tens of times as fast as an overlay. No I/O. */
#ifndef BASE_SHARED_AREA_H
#define BASE_SHARED_AREA_H

#include <stdbool.h>
#include <stddef.h>

struct vdt_side {
    double x0, y0, y1; /* its lower end, and where it ends: y0 < y1 */
    double slope;      /* of x by y */
    double x1;
    int shape;
};

/* Scratch for one thread; {0} is empty. */
struct vdt_shared_area {
    struct vdt_side *sides;
    double *levels; /* y where something begins, ends or crosses */
    struct {
        double x;
        int shape;
    } * at;
    size_t *active;
    size_t side_count, side_capacity, level_count, level_capacity, at_capacity, active_capacity;
};
void vdt_shared_area_clear(struct vdt_shared_area *work);

/* Forgets the sides. */
void vdt_shared_area_begin(struct vdt_shared_area *work);

/* Adds a ring, without the closing repeat, of shape 0 or 1, outlines and holes alike. The rings of
 * a shape do not cross themselves or each other. Points are taken relative to `origin`, for numbers
 * that are large and near each other. False when memory is out. */
bool vdt_shared_area_ring(struct vdt_shared_area *work, int shape, const double (*points)[2],
                          size_t count, const double origin[2]);

/* areas[0] and areas[1] of the two shapes and areas[2] of what they share, all within a rectangle
 * (xmin, ymin, xmax, ymax, relative to the origin; NULL: everywhere). Right to rounding, whether or
 * not sides lie on each other. False when memory is out. */
bool vdt_shared_area_measure(struct vdt_shared_area *work, const double *within, double areas[3]);

#endif

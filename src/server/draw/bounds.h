/* The box around many boxes in degrees. Private to draw/. */
#ifndef SERVER_DRAW_BOUNDS_H
#define SERVER_DRAW_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

struct vdt_span {
    double west;
    double east; /* not below west; above 180 behind the antimeridian */
};

/* {0} is empty. */
struct vdt_bounds {
    struct vdt_span *spans;
    size_t count, capacity;
    bool crosses;
    double south, north;
};

/* West, south, east, north; west > east crosses the antimeridian; what is no number is passed over.
 * False: memory is out. */
bool vdt_bounds_add(struct vdt_bounds *sum, const double bounds[4]);
/* False: there was none. Reorders the sum. */
bool vdt_bounds_of(struct vdt_bounds *sum, double bounds[4]);
void vdt_bounds_clear(struct vdt_bounds *sum);

#endif

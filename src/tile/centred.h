/* Windows around objects. */
#ifndef TILE_CENTRED_H
#define TILE_CENTRED_H

#include <stdint.h>

#include "tile/window.h"

/* The window whose middle is that of `box` (xmin, ymin, xmax, ymax; what of it lies in the scene),
 * up to half a pixel, then moved by -jitter .. jitter whole pixels along each axis, all equally
 * likely by `hash`, then as little as puts it inside the scene. The tile must fit into it. */
struct vdt_window vdt_centred_window(const struct vdt_grid *grid, const double box[4],
                                     int32_t jitter, uint64_t hash);

#endif

/* The middle of a box, moved by chance and into the scene. */
#include "tile/centred.h"

#include <math.h>

#include "base/random.h"

static int32_t axis(double low, double high, int32_t scene, int32_t tile, int32_t jitter,
                    uint64_t hash)
{
    double middle = (fmax(low, 0) + fmin(high, scene)) / 2;
    double start = floor(middle - tile / 2.0 + 0.5);
    start += floor(vdt_unit(hash) * (2.0 * jitter + 1)) - jitter;
    return (int32_t)fmin(fmax(start, 0), (double)scene - tile);
}

struct vdt_window vdt_centred_window(const struct vdt_grid *grid, const double box[4],
                                     int32_t jitter, uint64_t hash)
{
    return (struct vdt_window){
        .col = axis(box[0], box[2], grid->scene_cols, grid->tile_cols, jitter, vdt_mix2(hash, 0)),
        .row = axis(box[1], box[3], grid->scene_rows, grid->tile_rows, jitter, vdt_mix2(hash, 1)),
        .cols = grid->tile_cols,
        .rows = grid->tile_rows};
}

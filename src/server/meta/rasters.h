/* Class rasters of a run's samples. */
#ifndef SERVER_META_RASTERS_H
#define SERVER_META_RASTERS_H

#include "base/json.h"
#include "server/meta/predictions.h"

/* What every raster of a run is like. */
struct vdt_meta_tile {
    uint32_t rows, cols;
    uint32_t classes;
    json_t *info; /* the version's; owned, NULL: not read */
};
vdt_status vdt_meta_run_tile(struct vdt_session *session, const struct vdt_meta_run *run,
                             struct vdt_meta_tile *tile, struct vdt_error *error);

/* Pixels are values of `bits` (8 or 16), row by row, in the machine's byte order, which is
 * little-endian. */
struct vdt_meta_raster {
    uint32_t rows, cols;
    unsigned bits;
    void *pixels; /* rows * cols * bits / 8 bytes, from malloc */
};
void vdt_meta_raster_clear(struct vdt_meta_raster *raster);

/* The raster of the sample from now on, whatever it had, and the sample is predicted. */
vdt_status vdt_meta_raster_put(struct vdt_session *session, int64_t run, int64_t sample,
                               const struct vdt_meta_raster *raster,
                               struct vdt_meta_run_change *change, struct vdt_error *error);

/* VDT_END: it has none. With `shape_only` the pixels stay NULL. */
vdt_status vdt_meta_raster_find(struct vdt_session *session, int64_t run, int64_t sample,
                                bool shape_only, struct vdt_meta_raster *raster,
                                struct vdt_error *error);

/* Calls `each` for every raster of the run, by sample, until it says something other than VDT_OK,
 * which is then what this returns. */
vdt_status vdt_meta_raster_each(struct vdt_session *session, int64_t run,
                                vdt_status (*each)(void *payload, int64_t sample,
                                                   const struct vdt_meta_raster *raster,
                                                   struct vdt_error *error),
                                void *payload, struct vdt_error *error);

#endif

/* Labels of the tile's shape, as exports name them. */
#ifndef EXCHANGE_PLANES_H
#define EXCHANGE_PLANES_H

#include "store/layout.h"

struct vdt_plane {
    const char *name;   /* in NPZ and WebDataset */
    const char *folder; /* in GeoTIFF and PNG */
    uint32_t task;      /* that has it */
};

/* By enum vdt_array, from VDT_MASK on. */
extern const struct vdt_plane vdt_planes[VDT_TILE_ARRAYS];

enum vdt_dtype vdt_plane_dtype(enum vdt_array plane, const struct vdt_store_spec *spec);

#endif

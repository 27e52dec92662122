/* A sample's arrays under the names that NPZ and WebDataset have for them. */
#ifndef EXCHANGE_ARRAYS_H
#define EXCHANGE_ARRAYS_H

#include "exchange/archive.h"
#include "exchange/npy.h"
#include "exchange/record.h"

enum { VDT_ARRAYS_MOST = 12, VDT_ARRAYS_PLANES = 6 /* the first of vdt_planes */ };

struct vdt_named_array {
    size_t kind; /* for vdt_array_name */
    struct vdt_npy array;
};

/* image, onehot, boxes, box_class, box_feature, box_visible; then the planes' names. */
const char *vdt_array_name(size_t kind);

/* Those that the sample has, the image first; returns how many. All data are borrowed. */
size_t vdt_arrays_of(const struct vdt_record *record, const struct vdt_store_spec *spec,
                     const struct vdt_tile_spec *tile, const void *pixels,
                     struct vdt_named_array arrays[VDT_ARRAYS_MOST]);

/* Adds an array to an archive as NAME; `bytes` is scratch. */
vdt_status vdt_arrays_add(struct vdt_archive *archive, const char *name,
                          const struct vdt_npy *array, struct vdt_buffer *bytes,
                          struct vdt_error *error);

#endif

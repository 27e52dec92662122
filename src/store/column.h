/* One array of a group, as the writer grows it and as the reader finds its bytes. */
#ifndef STORE_COLUMN_H
#define STORE_COLUMN_H

#include <hdf5.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"
#include "store/file.h"
#include "store/layout.h"

/* --- writing ------------------------------------------------------------------------------ */

/* Rows of columns wait in memory until flushed; chunks of tile arrays go out at once. */
struct vdt_column {
    enum vdt_array array;
    hid_t dataset;   /* -1: the store has no such array */
    uint64_t rows;   /* in the file */
    uint64_t extent; /* of the dataset; at least rows between flushes */
    struct vdt_buffer pending;
};

vdt_status vdt_column_create(struct vdt_column *column, hid_t group,
                             const struct vdt_layout *layout, enum vdt_array array,
                             struct vdt_error *error);
vdt_status vdt_column_open(struct vdt_column *column, hid_t group, const struct vdt_layout *layout,
                           enum vdt_array array, struct vdt_error *error);
/* A stored chunk of a tile array, as the next row. */
vdt_status vdt_column_put_chunk(struct vdt_column *column, const struct vdt_layout *layout,
                                const void *stored, size_t size, struct vdt_error *error);
/* Rows of a column. */
vdt_status vdt_column_append(struct vdt_column *column, const struct vdt_layout *layout,
                             const void *rows, size_t bytes, struct vdt_error *error);
vdt_status vdt_column_flush(struct vdt_column *column, const struct vdt_layout *layout,
                            struct vdt_error *error);
void vdt_column_close(struct vdt_column *column);

/* --- reading ------------------------------------------------------------------------------ */

struct vdt_chunk_cache; /* store/chunk_cache.h */

/* Where the chunks of an array lie; nothing of HDF5 is left in it. */
struct vdt_extent {
    uint64_t rows;
    uint64_t chunk_rows;
    uint64_t chunks;
    uint64_t *addresses; /* [chunks] */
    uint32_t *sizes;     /* [chunks] stored bytes */
};

/* Where one chunk lies. */
struct vdt_place {
    uint64_t address;
    uint64_t size; /* stored bytes */
};

/* The place of chunk `index`, inside the file and with no filter skipped. `scratch` has room for an
 * unpacked chunk. */
vdt_status vdt_place_read(struct vdt_place *place, struct vdt_file *file, hid_t dataset,
                          uint64_t index, uint64_t chunk_rows, void *scratch, const char *what,
                          struct vdt_error *error);

/* Where the arrays of one group are read from. */
struct vdt_extent_source {
    struct vdt_file *file;
    struct vdt_chunk_cache *cache;
    const struct vdt_layout *layout;
    hid_t group;
    const char *name; /* of the group */
};

/* Checks type, shape, chunks and filters against the layout and takes every chunk's place from the
 * cache, or else from HDF5 (about a microsecond each). The cache then refers to *extent. */
vdt_status vdt_extent_read(struct vdt_extent *extent, const struct vdt_extent_source *source,
                           enum vdt_array array, struct vdt_error *error);
void vdt_extent_clear(struct vdt_extent *extent);

#endif

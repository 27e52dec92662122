/* Images and labels in HDF5 files that are no stores: written by h5py, PyTables, MATLAB or others.
 * The place of every chunk is asked for once, HDF5 is closed, and samples are read and decoded by
 * plain preads, as they are from a store.
 *
 * Layouts: contiguous and chunked, whatever the chunks' shape. Filters: shuffle, deflate,
 * fletcher32, LZF, LZ4 (32004), zstd (32015). Types: integers of 8 to 64 bits, floats of 16, 32 and
 * 64 bits, and booleans (as uint8), in either byte order. Anything else is refused by name. */
#ifndef VEDATILE_HDF5_H
#define VEDATILE_HDF5_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_hdf5;

enum { VDT_HDF5_RANK = 8 };

/* Zero means the default. Strings are borrowed for the call. */
struct vdt_hdf5_options {
    const char *images; /* required: path of a dataset [N, ...]: [N, rows, cols], or rank 4 */
    const char *labels; /* path of a dataset [N, ...] of the same N; NULL: none */
    enum vdt_axes axes; /* of the images; VDT_AXES_STORED: HWC when the last axis has at most 4
                           entries and the second has more, else CHW */
    bool no_cache;      /* do not keep the table of chunks beside the file (FILE.chunks) */
};

struct vdt_hdf5_spec {
    uint64_t count;             /* samples */
    struct vdt_tile_spec tile;  /* shape and type of an image; bands 1 for rank 3 */
    enum vdt_axes axes;         /* of an image; never VDT_AXES_STORED */
    enum vdt_dtype label_dtype; /* 0: no labels */
    uint32_t label_rank;        /* axes of one sample's label; 0: a single value */
    uint64_t label_shape[VDT_HDF5_RANK];
    size_t label_bytes; /* of one sample */
};

/* *file belongs to the caller and may be read by any number of threads. VDT_ERR_NOT_FOUND names the
 * datasets that there are. */
VDT_API VDT_CHECKED vdt_status vdt_hdf5_open(const char *path,
                                             const struct vdt_hdf5_options *options,
                                             struct vdt_hdf5 **file, struct vdt_error *error);

/* Accepts NULL. */
VDT_API void vdt_hdf5_free(struct vdt_hdf5 *file);

VDT_API struct vdt_hdf5_spec vdt_hdf5_spec(const struct vdt_hdf5 *file);
VDT_API const char *vdt_hdf5_path(const struct vdt_hdf5 *file);

/* One sample's image (vdt_tile_bytes of the spec's tile) or label (label_bytes) in the machine's
 * byte order. A damaged chunk is VDT_ERR_FORMAT with dataset, sample and byte offset in the file.
 */
VDT_API VDT_CHECKED vdt_status vdt_hdf5_image(const struct vdt_hdf5 *file, uint64_t index,
                                              void *image, struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_hdf5_label(const struct vdt_hdf5 *file, uint64_t index,
                                              void *label, struct vdt_error *error);

VDT_END_DECLS
#endif

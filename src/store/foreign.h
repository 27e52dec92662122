/* What the library itself asks of another HDF5 file beyond the public header. */
#ifndef STORE_FOREIGN_H
#define STORE_FOREIGN_H

#include <vedatile/hdf5.h>

#include "store/decoder.h"

/* One thread's memory for reading such files: a decoder, and the samples decoded last, since chunks
 * may hold several. {0} is empty. Clear it before a file that it read is freed. */
struct vdt_hdf5_cursor {
    struct vdt_decoder decoder;
    struct vdt_buffer spare;      /* between two filters */
    struct vdt_buffer chunk;      /* decoded, not yet at its place in the samples */
    struct vdt_buffer samples[2]; /* those of one row of chunks: of the images, of the labels */
    const struct vdt_hdf5 *of[2]; /* whose they are */
    uint64_t at[2];               /* and of which row */
};
void vdt_hdf5_cursor_clear(struct vdt_hdf5_cursor *cursor);

/* As vdt_hdf5_image and vdt_hdf5_label. */
vdt_status vdt_hdf5_read_image(const struct vdt_hdf5 *file, struct vdt_hdf5_cursor *cursor,
                               uint64_t index, void *image, struct vdt_error *error);
vdt_status vdt_hdf5_read_label(const struct vdt_hdf5 *file, struct vdt_hdf5_cursor *cursor,
                               uint64_t index, void *label, struct vdt_error *error);

#endif

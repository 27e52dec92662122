/* What HDF5's filters did to a chunk, undone without HDF5. */
#ifndef STORE_PIPELINE_H
#define STORE_PIPELINE_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"
#include "store/decoder.h"

enum { VDT_STAGES = 8 };

/* A dataset's filters in the order of writing. {0}: none. */
struct vdt_pipeline {
    uint32_t count;
    struct vdt_stage {
        int id;           /* H5Z_FILTER_... or a registered number */
        uint32_t element; /* shuffle: bytes of an element */
    } list[VDT_STAGES];
};

/* The filters of a dataset's creation properties; `what` is "PATH: /dataset". A filter that is not
 * known, and a second compressor, are VDT_ERR_UNSUPPORTED. */
vdt_status vdt_pipeline_read(struct vdt_pipeline *pipeline, hid_t creation, const char *what,
                             struct vdt_error *error);

/* Exactly `size` bytes of chunk from its stored bytes, or VDT_ERR_FORMAT with a message that names
 * no place. Bit i of `skipped` says that filter i was not applied. `spare` is a second buffer
 * beside decoder->plain; `stored` may be decoder->stored.data. */
vdt_status vdt_pipeline_undo(const struct vdt_pipeline *pipeline, uint32_t skipped,
                             struct vdt_decoder *decoder, struct vdt_buffer *spare,
                             const void *stored, size_t stored_size, void *data, size_t size,
                             struct vdt_error *error);

#endif

/* The label arrays of a tile's shape. Private to encode/encode*.c. */
#ifndef ENCODE_ENCODE_PIXELS_H
#define ENCODE_ENCODE_PIXELS_H

#include "encode/encode.h"

/* What all steps of encoding one window look at. */
struct vdt_encode_job {
    const struct vdt_geometry *geometry; /* NULL: no labels */
    const struct vdt_index *index;
    const struct vdt_window *window;
    int32_t scene_cols, scene_rows;
};

/* Makes the arrays of the tasks asked, for the features in encoder->hits and encoder->order, and
 * points `labels` to them. */
vdt_status vdt_encode_pixels(struct vdt_encoder *encoder, const struct vdt_encode_job *job,
                             struct vdt_labels *labels, struct vdt_error *error);

void vdt_pixels_clear(struct vdt_encoder *encoder);

#endif

/* Run lengths as COCO has them (pycocotools, common/maskApi.c): column-major, beginning with the
 * run of zeros, as text of 6 bits a letter. */
#ifndef BASE_RLE_H
#define BASE_RLE_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"

/* The objects of an instance mask; {0} is empty, used again from mask to mask. */
struct vdt_rle {
    struct vdt_rle_object {
        uint32_t *runs;
        size_t count, capacity;
        uint32_t end;  /* of its last run of ones */
        uint64_t area; /* pixels */
    } * objects;       /* [object_count] by id - 1 */
    size_t object_count, object_capacity;
};
void vdt_rle_clear(struct vdt_rle *rle);

/* The runs of objects 1 .. count in one walk over the mask; higher values are not looked at. */
vdt_status vdt_rle_encode(struct vdt_rle *rle, const uint16_t *instances, uint32_t rows,
                          uint32_t cols, size_t count, struct vdt_error *error);

/* The runs as text with a NUL, appended to `text`. */
vdt_status vdt_rle_text(const uint32_t *runs, size_t count, struct vdt_buffer *text,
                        struct vdt_error *error);

#endif

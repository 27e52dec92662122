/* What the library itself asks of a reader beyond the public header. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <vedatile/store.h>

#include "store/layout.h"

const struct vdt_layout *vdt_reader_layout(const struct vdt_reader *reader);

/* Bytes of the metadata of all samples of a group. */
uint64_t vdt_reader_text_bytes(const struct vdt_reader *reader, size_t group);

/* Rows [first, first + count) of a column as they lie in the file. */
vdt_status vdt_reader_rows(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                           uint64_t first, uint64_t count, void *rows, struct vdt_error *error);

/* Compares a decoded sample with its checksums: image (may be NULL: not compared) and labels (may
 * be NULL). VDT_ERR_FORMAT names the sample. */
vdt_status vdt_reader_verify(const struct vdt_reader *reader, size_t group, uint64_t index,
                             const void *image, const struct vdt_labels *labels,
                             struct vdt_error *error);

#endif

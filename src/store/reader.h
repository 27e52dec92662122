/* What the library itself asks of a reader beyond the public header. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <stdatomic.h>
#include <vedatile/store.h>

#include "store/decoder.h"
#include "store/layout.h"
#include "store/runs.h"

const struct vdt_layout *vdt_reader_layout(const struct vdt_reader *reader);

/* A reader of bytes behind descriptors, which the caller keeps open for as long as the reader
 * lives. `name` is for messages. */
vdt_status vdt_reader_open_runs(const char *name, const struct vdt_file_run *runs, size_t count,
                                struct vdt_reader **reader, struct vdt_error *error);

/* Stored bytes of rows [first, first + count) of an array that the store has, by the longest pieces
 * that lie together: calls `piece` for each, in order, until it returns false. */
void vdt_reader_pieces(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                       uint64_t first, uint64_t count,
                       bool (*piece)(void *payload, uint64_t address, uint64_t size),
                       void *payload);
/* Where a sample's text begins in the column of metadata (index == count: where the last one ends).
 */
uint64_t vdt_reader_text_offset(const struct vdt_reader *reader, size_t group, uint64_t index);
/* Row of the first box of a sample (or the end of the last one's). 0 without boxes. */
uint64_t vdt_reader_first_box(const struct vdt_reader *reader, size_t group, uint64_t index);

/* For a process that reads strangers' files: HDF5 is ready, and loads no plug-ins. Once, before
 * anything is opened. */
void vdt_store_prepare(void);

/* Bytes of the metadata of all samples of a group. */
uint64_t vdt_reader_text_bytes(const struct vdt_reader *reader, size_t group);

/* Rows [first, first + count) of a column as they lie in the file. */
vdt_status vdt_reader_rows(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                           uint64_t first, uint64_t count, void *rows, struct vdt_error *error);

/* The bytes of a chunk of a tile array as they lie in the file, appended to `bytes`. */
vdt_status vdt_reader_stored(const struct vdt_reader *reader, size_t group, enum vdt_array array,
                             uint64_t index, struct vdt_buffer *bytes, struct vdt_error *error);

/* Whether some of the store is not here yet (store/partial.h). */
bool vdt_reader_is_partial(const struct vdt_reader *reader);

/* Fetches at once what reading these samples of a group will need: `arrays` has a bit (1 << array)
 * for each array. Nothing to do where all is here. `stop` as for vdt_partial_need. */
vdt_status vdt_reader_need(const struct vdt_reader *reader, size_t group, uint32_t arrays,
                           const uint64_t *indices, size_t count, const atomic_bool *stop,
                           struct vdt_error *error);

/* The split that all feeds of the store share (JSON object text), "{}" when there is none. */
const char *vdt_reader_split(const struct vdt_reader *reader);

/* A tile array of one sample, as vdt_reader_image, _mask and _instances do, with the decoder's
 * memory. A message names the place in the file: "PATH: /train/images[17] at byte 81920: ...". */
vdt_status vdt_reader_tile(const struct vdt_reader *reader, struct vdt_decoder *decoder,
                           size_t group, enum vdt_array array, uint64_t index, void *data,
                           struct vdt_error *error);

/* The one-hot vectors, boxes and checksums of a group in memory, where that takes at most `limit`
 * bytes together (the smallest arrays first); the others are read when they are asked for. Nothing
 * is read here: an array is loaded once more than a 64th of the samples were asked for. Any thread;
 * keep the reader alive.
 */
struct vdt_columns;
vdt_status vdt_columns_load(const struct vdt_reader *reader, size_t group, uint64_t limit,
                            struct vdt_columns **columns, struct vdt_error *error);
void vdt_columns_free(struct vdt_columns *columns); /* accepts NULL */
/* In a child process after a fork, before anybody there uses the columns: the parent's threads,
 * which are not there, may have been loading. Accepts NULL. */
void vdt_columns_after_fork(struct vdt_columns *columns);
/* One row; the store has the array. */
vdt_status vdt_columns_onehot(const struct vdt_columns *columns, uint64_t index, uint8_t *onehot,
                              struct vdt_error *error);
/* vdt_reader_box_rows(.., index, 1) rows; any of the four may be NULL. */
vdt_status vdt_columns_boxes(const struct vdt_columns *columns, uint64_t index, float (*boxes)[4],
                             uint16_t *box_class, int64_t *box_feature, float *box_visible,
                             struct vdt_error *error);
/* Compares as vdt_reader_verify does. */
vdt_status vdt_columns_verify(const struct vdt_columns *columns, uint64_t index, const void *image,
                              const struct vdt_labels *labels, struct vdt_error *error);

/* Compares a decoded sample with its checksums: image (may be NULL: not compared) and labels (may
 * be NULL). VDT_ERR_FORMAT names the sample. */
vdt_status vdt_reader_verify(const struct vdt_reader *reader, size_t group, uint64_t index,
                             const void *image, const struct vdt_labels *labels,
                             struct vdt_error *error);

#endif

/* The memory of one batch, filled in parts by several threads at once. */
#ifndef LOAD_BATCH_H
#define LOAD_BATCH_H

#include <stdatomic.h>
#include <vedatile/loader.h>

#include "base/buffer.h"
#include "load/cuda.h"
#include "store/layout.h"

struct vdt_batch_home;

/* Rows of boxes; grows as samples need them. {0} is empty. */
struct vdt_box_rows {
    size_t count;
    size_t capacity;
    float (*boxes)[4];
    uint16_t *classes;
    int64_t *features;
    float *visible;
};
/* Room for `capacity` rows; what was in it stays. */
bool vdt_box_rows_reserve(struct vdt_box_rows *rows, size_t capacity);
void vdt_box_rows_clear(struct vdt_box_rows *rows);

/* What one thread fills: places [first, first + size) of the batch. Its samples' boxes wait here
 * until all parts are there and it is known where they go. */
struct vdt_part {
    size_t first;
    size_t size;
    size_t filled; /* less than size when samples are damaged */
    struct vdt_box_rows boxes;
    struct vdt_buffer damage; /* a NUL-ended line for each damaged sample */
};

struct vdt_batch {
    struct vdt_batch_spec spec;
    size_t capacity; /* samples */
    size_t size;
    uint64_t position;
    size_t skipped;

    void *memory; /* one piece: the arrays below */
    size_t memory_size;
    unsigned char *images;
    uint8_t *onehot;
    unsigned char *pixels[VDT_TILE_ARRAYS]; /* labels, VDT_MASK to VDT_TARGETS */
    unsigned char *values;
    uint64_t *indices;
    uint32_t *inputs;
    struct vdt_applied *applied;
    uint64_t *box_offsets;
    uint32_t *box_counts;
    struct vdt_box_rows boxes; /* with box_pad: capacity * box_pad rows, always */

    struct vdt_part *parts;
    size_t part_count;
    atomic_size_t parts_left; /* of the batch being filled */

    struct vdt_cuda *cuda; /* borrowed; NULL: the batch stays on the host */
    bool pinned;
    struct vdt_cuda_buffer *device[2]; /* copies of `memory` and of the boxes */
    size_t device_boxes;               /* rows that device[1] has room for */

    struct vdt_batch_home *home; /* owned together with the other batches; NULL: by itself */
    struct vdt_batch *next;      /* among the spare ones */
};

/* Bytes a pixel of a label array, VDT_MASK to VDT_TARGETS; 0: batches have no such array. */
size_t vdt_batch_pixel(const struct vdt_batch_spec *spec, enum vdt_array array);

/* parts: at most this many threads fill it together. cuda NULL: no device; copy false: pinned only.
 * *batch belongs to the caller. */
vdt_status vdt_batch_create(const struct vdt_batch_spec *spec, size_t capacity, size_t parts,
                            struct vdt_cuda *cuda, bool copy, struct vdt_batch **batch,
                            struct vdt_error *error);
void vdt_batch_destroy(struct vdt_batch *batch); /* accepts NULL */

/* Bytes that it takes. */
uint64_t vdt_batch_memory(const struct vdt_batch *batch);

/* Queues the copy to the device; and waits for it. Nothing to do for a batch without one. */
vdt_status vdt_batch_upload(struct vdt_batch *batch, struct vdt_error *error);
vdt_status vdt_batch_arrived(struct vdt_batch *batch, struct vdt_error *error);

/* --- batches that a loader and its caller share ------------------------------------------------
 */

/* Makes batches, and keeps those given back for the next to use. Ends when its owner and all its
 * batches are gone. */
vdt_status vdt_batch_home_create(const struct vdt_batch_spec *spec, size_t capacity, size_t parts,
                                 const struct vdt_loader_options *options,
                                 struct vdt_batch_home **home, struct vdt_error *error);
/* By its owner: spare batches are freed at once, others when they come back. Accepts NULL. */
void vdt_batch_home_close(struct vdt_batch_home *home);
/* A spare batch, or a new one. */
vdt_status vdt_batch_home_take(struct vdt_batch_home *home, struct vdt_batch **batch,
                               struct vdt_error *error);
void vdt_batch_home_give(struct vdt_batch_home *home, struct vdt_batch *batch);
uint64_t vdt_batch_home_memory(struct vdt_batch_home *home);
/* Whether batches are tied to a device, which does not survive a fork. */
bool vdt_batch_home_has_device(const struct vdt_batch_home *home);

#endif

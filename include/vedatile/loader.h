/* Batches of a store, in training order, prefetched by worker threads. */
#ifndef VEDATILE_LOADER_H
#define VEDATILE_LOADER_H

#include "vedatile/error.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_loader;
struct vdt_batch;

/* Where a loader stands: enough to go on with the same samples in another process, whatever the
 * number of threads there. `position` counts samples delivered in the epoch. */
struct vdt_loader_state {
    uint64_t seed;
    uint64_t epoch;
    uint64_t position;
};

/* Zero means the default. */
struct vdt_loader_options {
    const char *group;   /* NULL: "train" */
    uint32_t batch_size; /* 0: 32 */
    uint32_t threads;    /* 0: one per core */
    uint32_t prefetch;   /* batches held ready beyond those being filled; 0: 2 */
    bool shuffle;        /* false: in store order */
    bool drop_last;      /* leave out a short final batch */
    uint64_t seed;       /* same seed and epoch, same order, whatever `threads` is */
    uint64_t epoch;      /* the first epoch delivered */
    bool verify;         /* compare every image and label with its checksum */
    const struct vdt_loader_state *resume; /* overrides seed and epoch; borrowed for the call */
};

/* The arrays of one batch, each contiguous; NULL when the store's tasks have no such array.
 * They are borrowed from the batch and end with vdt_batch_free. */
struct vdt_batch_view {
    size_t size;               /* samples */
    const uint64_t *indices;   /* [size] index of each sample in its group */
    const void *images;        /* [size][bands][rows][cols] */
    const uint8_t *onehot;     /* [size][classes] */
    const void *masks;         /* [size][rows][cols], uint8 or uint16 (vdt_reader_mask_size) */
    const uint16_t *instances; /* [size][rows][cols] */
    const uint64_t
        *box_offsets;        /* [size + 1]; boxes of sample i are rows offsets[i]..offsets[i+1] */
    const float (*boxes)[4]; /* [box_offsets[size]][4] */
    const uint16_t *box_class;
    const int64_t *box_feature;
    const float *box_visible;
};

/* The reader is borrowed and must outlive the loader. NULL options: defaults.
 * The order of an epoch is a function of (seed, epoch, samples) alone. */
VDT_API VDT_CHECKED vdt_status vdt_loader_start(const struct vdt_reader *reader,
                                                const struct vdt_loader_options *options,
                                                struct vdt_loader **loader,
                                                struct vdt_error *error);

/* VDT_OK with a batch that the caller frees, VDT_END after the last one of the epoch, or a failure.
 * Waits for the workers. Call from one thread at a time. At most `prefetch` batches may be held
 * by the caller at once; one more is VDT_ERR_ARGUMENT. */
VDT_API VDT_CHECKED vdt_status vdt_loader_next(struct vdt_loader *loader, struct vdt_batch **batch,
                                               struct vdt_error *error);

/* Goes to the beginning of the next epoch, also in the middle of one. Batches already handed out
 * stay valid. Call from the thread that calls next. */
VDT_API VDT_CHECKED vdt_status vdt_loader_rewind(struct vdt_loader *loader,
                                                 struct vdt_error *error);

/* After the last delivered batch. */
VDT_API struct vdt_loader_state vdt_loader_state(const struct vdt_loader *loader);

/* Batches in one epoch. */
VDT_API uint64_t vdt_loader_batches(const struct vdt_loader *loader);

/* Joins the workers. Accepts NULL. Batches handed out must be freed before. */
VDT_API void vdt_loader_free(struct vdt_loader *loader);

VDT_API struct vdt_batch_view vdt_batch_view(const struct vdt_batch *batch);

/* Gives the batch's memory back to the loader. Accepts NULL. Any thread. */
VDT_API void vdt_batch_free(struct vdt_batch *batch);

VDT_END_DECLS
#endif

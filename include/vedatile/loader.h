/* Batches of samples for a training loop: in an order that is a function of a seed, read, decoded
 * and converted ahead of the caller by worker threads. */
#ifndef VEDATILE_LOADER_H
#define VEDATILE_LOADER_H

#include "vedatile/error.h"
#include "vedatile/hdf5.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_loader;
struct vdt_batch;

/* --- what is done to each sample on its way into the batch -------------------------------- */

enum vdt_crop {
    VDT_CROP_CENTER = 0,
    VDT_CROP_RANDOM /* anywhere in the tile, every place equally likely */
};

/* Chosen by chance for each sample of each epoch, each with probability 1/2 (1/4 for the turns).
 * Bits are or-ed. */
enum vdt_augment {
    VDT_FLIP_COLS = 1, /* left and right */
    VDT_FLIP_ROWS = 2, /* up and down */
    VDT_ROTATE = 4     /* by 0, 90, 180 or 270 degrees; needs square images */
};

/* Zero: samples as they are stored. Crop, flips and turns are applied to images, to label
 * arrays of their shape and to boxes alike, in this order: crop, flip cols, flip rows, turn. Then
 * images are converted: (value * scale - mean[band]) / std[band], computed in float32 (float64 for
 * types of 32 bits and more), rounded to nearest, ties to even; integers are clamped to what the
 * type can hold. Pointers are borrowed for the call that takes the struct. */
struct vdt_transform {
    const uint32_t *bands; /* 0-based, in the order wanted; NULL: all */
    size_t band_count;
    uint32_t crop_rows; /* 0: no crop. At most the tile's size */
    uint32_t crop_cols;
    enum vdt_crop crop;
    uint32_t augment;     /* enum vdt_augment bits */
    enum vdt_dtype dtype; /* of the images; 0: as stored. Integers to another integer type only
                             without scale, mean and std */
    enum vdt_axes axes;
    double scale;       /* 0: 1 */
    const double *mean; /* one for each band delivered; NULL: 0 */
    const double *std;  /* positive; NULL: 1 */
};

/* What a transform did to one sample: in NumPy's words for an image [band][row][col],
 *   image[:, row:row + rows, col:col + cols], then [:, :, ::-1] with flip_cols,
 *   [:, ::-1] with flip_rows, then np.rot90(image, turns, axes=(1, 2)). */
struct vdt_applied {
    uint32_t row; /* of the crop's upper left corner in the tile */
    uint32_t col;
    uint8_t flip_cols;
    uint8_t flip_rows;
    uint8_t turns; /* quarter turns against the clock */
    uint8_t unused;
};

/* --- which samples, in which order ---------------------------------------------------------- */

/* Samples that a loader serves: of a store's group, or of another HDF5 file. */
struct vdt_input {
    const struct vdt_reader *reader; /* a store, or NULL; borrowed, must outlive the loader */
    const char *group;               /* of the store; NULL: "train"; borrowed for the call */
    const struct vdt_hdf5 *hdf5;     /* another file, when there is no reader; borrowed as above */
    const uint64_t *indices;         /* NULL: all samples; else these, which may repeat; copied */
    uint64_t index_count;
};

enum vdt_order_kind {
    VDT_SEQUENTIAL = 0, /* in store order */
    VDT_SHUFFLED,       /* every order of all samples equally likely */
    VDT_WINDOWED,       /* neighbours stay within reach of each other: for cold disks */
    VDT_WEIGHTED,       /* drawn with replacement, by weight */
    VDT_BALANCED        /* drawn with replacement, so that every class is equally likely; samples
                           without a class count as a class of their own */
};

/* What becomes of the samples that do not fill the last batch of every rank. */
enum vdt_tail {
    VDT_TAIL_DEFAULT = 0, /* short for one rank, pad for several */
    VDT_TAIL_SHORT,       /* the last batch is short; shared evenly by the ranks, so that with fewer
                             samples than ranks some get a batch of no samples */
    VDT_TAIL_DROP,        /* left out */
    VDT_TAIL_PAD          /* filled up with samples from the beginning of the epoch */
};

enum vdt_verify {
    VDT_VERIFY_FIRST = 0, /* compare samples with their checksums in the loader's first epoch */
    VDT_VERIFY_ALWAYS,
    VDT_VERIFY_NEVER
};

enum vdt_on_damage {
    VDT_DAMAGE_FAIL = 0, /* vdt_loader_next fails and names the sample */
    VDT_DAMAGE_SKIP      /* the sample is left out of its batch, counted, and reported */
};

/* Where a loader stands: enough to go on with the same samples in another process, whatever the
 * number of threads and of ranks there (the batch size may differ as well). */
struct vdt_loader_state {
    uint64_t seed;
    uint64_t epoch;
    uint64_t position; /* samples of the epoch delivered, by all ranks together */
    uint64_t samples;  /* that the order was made for; 0: not compared */
};

/* Zero means the default. All pointers are borrowed for the call. */
struct vdt_loader_options {
    const char *group;   /* of vdt_loader_start; NULL: "train" */
    uint32_t batch_size; /* samples a batch and rank; 0: 32 */
    uint32_t threads;    /* 0: one per core */
    uint32_t prefetch;   /* batches held ready beyond those being filled; 0: 2 */

    enum vdt_order_kind order;
    uint64_t window;       /* VDT_WINDOWED: samples within reach; 0: 16384 */
    const double *weights; /* VDT_WEIGHTED: one for each sample of all inputs, not negative; NULL:
                              the weights in the stores */
    uint64_t weight_count;
    uint64_t
        epoch_samples; /* VDT_WEIGHTED and VDT_BALANCED: draws an epoch; 0: as many as samples */
    uint32_t rank;     /* of `world` processes that share every epoch */
    uint32_t world;    /* 0: 1 */
    enum vdt_tail tail;
    uint64_t seed;  /* same seed and epoch, same order, whatever `threads` is */
    uint64_t epoch; /* the first epoch delivered */
    const struct vdt_loader_state *resume; /* overrides seed and epoch */

    uint32_t tasks;   /* label arrays to deliver, enum vdt_task bits; 0: all there are */
    uint32_t box_pad; /* 0: boxes one after the other with offsets; else room for so many in each
                         sample; UINT32_MAX: for the largest count that there is */
    struct vdt_transform transform;

    bool map; /* read stores through a memory map: faster where the store is in the page cache and
                 tiles are raw, slow where it is not; a file that somebody cuts short while it is
                 read ends the process (SIGBUS) */
    enum vdt_verify verify;
    enum vdt_on_damage on_damage;
    void (*damaged)(const char *text, void *payload); /* called by vdt_loader_next for each sample
                                                         skipped; may be NULL */
    void *payload;

    bool pin;             /* page-lock the batches' memory for a CUDA device */
    bool cuda;            /* copy every batch to device `cuda_device` ahead of the caller */
    uint32_t cuda_device; /* VDT_ERR_NOT_FOUND when there is no CUDA driver */
};

/* --- batches ---------------------------------------------------------------------------------- */

/* What is the same for all batches of a loader. */
struct vdt_batch_spec {
    struct vdt_tile_spec image; /* bands, rows, cols and type as delivered */
    enum vdt_axes axes;         /* CHW or HWC */
    size_t image_bytes;         /* of one sample */
    size_t class_count;         /* columns of onehot; 0: no such array */
    size_t mask_size;           /* bytes a mask pixel, 1 or 2; 0: no such array */
    bool instances;
    bool boundaries;
    bool contacts;
    bool distances;
    bool targets;
    bool boxes;
    uint32_t box_pad;           /* 0: boxes with offsets */
    enum vdt_dtype value_dtype; /* labels of another HDF5 file; 0: none */
    uint32_t value_rank;        /* of one sample's */
    uint64_t value_shape[VDT_HDF5_RANK];
    size_t value_bytes;
};

/* The arrays of one batch, each contiguous; NULL when there is no such array. They are borrowed
 * from the batch and end with vdt_batch_free. */
struct vdt_batch_view {
    size_t size;                       /* samples */
    uint64_t position;                 /* of the batch's first sample in the epoch */
    const uint64_t *indices;           /* [size] index of each sample in its group or file */
    const uint32_t *inputs;            /* [size] which input it comes from */
    const struct vdt_applied *applied; /* [size] */
    const void *images;                /* [size] images as struct vdt_batch_spec says */
    const uint8_t *onehot;             /* [size][classes] */
    const void *masks;                 /* [size][rows][cols], uint8 or uint16 */
    const uint16_t *instances;         /* [size][rows][cols] */
    const uint8_t *boundaries;         /* [size][rows][cols] */
    const uint8_t *contacts;           /* [size][rows][cols] */
    const float *distances;            /* [size][rows][cols] */
    const float *targets;              /* [size][rows][cols] */
    const void *values;                /* [size] labels of another HDF5 file; those of an image's
                                          rows and columns move with its pixels */
    /* Boxes: without box_pad, those of sample i are rows box_offsets[i] .. box_offsets[i+1]; with
     * it, [size][box_pad] rows, of which the first box_counts[i] are the sample's and the others
     * are 0 with class 65535. A box that a crop cuts is cut; one that lies outside it is dropped,
     * and `instances` is numbered anew. box_visible is multiplied by the share of the box that is
     * left. */
    const uint64_t *box_offsets; /* [size + 1]; NULL with box_pad */
    const uint32_t *box_counts;  /* [size]; NULL without box_pad */
    const float (*boxes)[4];
    const uint16_t *box_class;
    const int64_t *box_feature;
    const float *box_visible;
    size_t skipped; /* samples left out of this batch (VDT_DAMAGE_SKIP) */
};

/* The same arrays in the device's memory, as CUDA device pointers; 0 where there is none. The copy
 * is complete. */
struct vdt_batch_device {
    uint64_t images, onehot, masks, instances, values, boxes, box_class, box_offsets, box_counts;
    uint64_t boundaries, contacts, distances, targets;
    uint32_t device;
};

/* The reader is borrowed and must outlive the loader. NULL options: defaults.
 * The order of an epoch is a function of (seed, epoch, samples, order) alone. */
VDT_API VDT_CHECKED vdt_status vdt_loader_start(const struct vdt_reader *reader,
                                                const struct vdt_loader_options *options,
                                                struct vdt_loader **loader,
                                                struct vdt_error *error);

/* The same for several stores, other files, and selections of samples, as one. Their images and
 * labels must be of one shape and type, and their classes the same. */
VDT_API VDT_CHECKED vdt_status vdt_loader_start_inputs(const struct vdt_input *inputs,
                                                       size_t input_count,
                                                       const struct vdt_loader_options *options,
                                                       struct vdt_loader **loader,
                                                       struct vdt_error *error);

/* VDT_OK with a batch that the caller frees, VDT_END after the last one of the epoch, or a failure.
 * Waits for the workers. Call from one thread at a time. A caller may hold as many batches as it
 * has memory for. After a fork, parent and child each go on by themselves: a child's first call
 * starts workers of its own at the same place. */
VDT_API VDT_CHECKED vdt_status vdt_loader_next(struct vdt_loader *loader, struct vdt_batch **batch,
                                               struct vdt_error *error);

/* Goes to the beginning of the next epoch, also in the middle of one. Batches already handed out
 * stay valid. Call from the thread that calls next. */
VDT_API VDT_CHECKED vdt_status vdt_loader_rewind(struct vdt_loader *loader,
                                                 struct vdt_error *error);

/* After the last delivered batch. */
VDT_API struct vdt_loader_state vdt_loader_state(const struct vdt_loader *loader);

/* Batches that this rank gets in a whole epoch. */
VDT_API uint64_t vdt_loader_batches(const struct vdt_loader *loader);

/* Samples of all inputs; what an epoch of all ranks delivers before the tail is dropped or padded.
 */
VDT_API uint64_t vdt_loader_samples(const struct vdt_loader *loader);

VDT_API struct vdt_batch_spec vdt_loader_spec(const struct vdt_loader *loader);

/* Samples skipped so far because they are damaged. */
VDT_API uint64_t vdt_loader_skipped(const struct vdt_loader *loader);

/* Bytes of batches held, waiting and spare. */
VDT_API uint64_t vdt_loader_memory(const struct vdt_loader *loader);

/* Joins the workers. Accepts NULL. Batches handed out stay valid until they are freed. */
VDT_API void vdt_loader_free(struct vdt_loader *loader);

/* --- batches by index ------------------------------------------------------------------------- */

/* The samples `indices` of a group or file, in that order, as one batch. Of the options: group,
 * threads, tasks, box_pad, transform (random choices from seed, epoch and place in the list),
 * verify (VDT_VERIFY_FIRST: as ALWAYS) and on_damage count. *batch NULL: a new batch, owned by the
 * caller; else one from an earlier call, whose memory is used again if it is large enough.
 * On failure *batch is as before, its content undefined. Any thread, but not on the same *batch. */
VDT_API VDT_CHECKED vdt_status vdt_read_indices(const struct vdt_input *input,
                                                const uint64_t *indices, size_t count,
                                                const struct vdt_loader_options *options,
                                                struct vdt_batch **batch, struct vdt_error *error);

VDT_API struct vdt_batch_view vdt_batch_view(const struct vdt_batch *batch);
VDT_API struct vdt_batch_spec vdt_batch_spec(const struct vdt_batch *batch);
VDT_API struct vdt_batch_device vdt_batch_device(const struct vdt_batch *batch);

/* Gives the batch's memory back to the loader, or frees it when that is gone. Accepts NULL. Any
 * thread. A batch in device memory may be used by work already given to the default stream; for
 * another stream say so first with vdt_batch_used_on (`stream`: a CUstream). */
VDT_API void vdt_batch_free(struct vdt_batch *batch);
VDT_API void vdt_batch_used_on(struct vdt_batch *batch, void *stream);

VDT_END_DECLS
#endif

/* The arrays of one batch and how they are filled from a reader. */
#ifndef LOAD_BATCH_H
#define LOAD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/loader.h>

/* Where batches come from and the bytes a sample takes in each array: 0 for none. */
struct vdt_batch_source {
    const struct vdt_reader *reader; /* borrowed */
    size_t group;
    bool verify;
    bool boxes;
    size_t image_size;
    size_t onehot_size;
    size_t mask_size;
    size_t instances_size;
};

struct vdt_batch_source vdt_batch_source(const struct vdt_reader *reader, size_t group,
                                         bool verify);

/* {0} is empty. Box arrays grow as samples need them, the others never. */
struct vdt_batch_arrays {
    size_t size;     /* samples */
    size_t capacity; /* samples; set by init */
    uint64_t *indices;
    unsigned char *images;
    uint8_t *onehot;
    unsigned char *masks;
    uint16_t *instances;
    uint64_t *box_offsets;
    size_t box_capacity;
    float (*boxes)[4];
    uint16_t *box_class;
    int64_t *box_feature;
    float *box_visible;
};

/* Room for `capacity` samples. On failure the arrays are empty again. */
vdt_status vdt_batch_init(struct vdt_batch_arrays *arrays, const struct vdt_batch_source *source,
                          size_t capacity, struct vdt_error *error);

/* Reads the samples arrays->indices[0 .. size). The source is shared between threads, the arrays
 * belong to the caller. A failure names store and sample; the arrays' values are then undefined. */
vdt_status vdt_batch_fill(struct vdt_batch_arrays *arrays, const struct vdt_batch_source *source,
                          size_t size, struct vdt_error *error);

void vdt_batch_clear(struct vdt_batch_arrays *arrays);

#endif

/* What the labels and pixels of a store come to: the numbers of `vedatile stats`. Private to draw/.
 *
 * Masks are decoded only where all of them together are at most VDT_TALLY_MASKS bytes; else the
 * classes of samples are those of their one-hot vectors and boxes. */
#ifndef SERVER_DRAW_TALLY_H
#define SERVER_DRAW_TALLY_H

#include "base/json.h"
#include "store/reader.h"

enum { VDT_TALLY_VALUES = 1 << 24 }; /* a spread is of the first so many */
#define VDT_TALLY_MASKS ((uint64_t)1 << 31)

struct vdt_series {
    float *items;
    size_t count, capacity;
};

struct vdt_class_tally {
    uint64_t samples, boxes, pixels;
    uint64_t *group_samples; /* [groups] */
};

struct vdt_tally {
    const struct vdt_reader *reader; /* borrowed */
    bool masks;                      /* are decoded */
    uint64_t samples, unlabelled, boxes, cut_boxes;
    uint64_t mask_pixels, background, ignored;
    struct vdt_class_tally *classes;
    struct vdt_band_stats *bands; /* [groups + 1][bands], all groups together last */
    struct vdt_series per_tile, width, height, area, visible, valid;
    /* Of the sample at hand. */
    uint64_t *counts; /* [classes] objects, or pixels */
    uint64_t at, *stamp;
    uint32_t *seen; /* ids, in the order they were seen */
    size_t seen_count;
    uint64_t *histogram; /* of a mask's values */
};

vdt_status vdt_tally_open(struct vdt_tally *tally, const struct vdt_reader *reader,
                          struct vdt_error *error);
void vdt_tally_clear(struct vdt_tally *tally);

/* One sample after the other: begin, its labels, end. */
void vdt_tally_begin(struct vdt_tally *tally);
void vdt_tally_onehot(struct vdt_tally *tally, const uint8_t *onehot);
/* False: a class that the store has not, or memory is out. */
bool vdt_tally_boxes(struct vdt_tally *tally, uint64_t count, const float (*boxes)[4],
                     const uint16_t *classes, const float *visible);
/* False: a class that the store has not. */
bool vdt_tally_mask(struct vdt_tally *tally, const void *mask);
/* Afterwards seen[] rises. False: memory is out. */
bool vdt_tally_end(struct vdt_tally *tally, size_t group, const struct vdt_sample *sample,
                   const struct vdt_band_stats *bands);

/* New references; NULL: memory is out. */
json_t *vdt_tally_stats(struct vdt_tally *tally);
json_t *vdt_tally_group_bands(const struct vdt_tally *tally);
json_t *vdt_tally_class_samples(const struct vdt_tally *tally);

#endif

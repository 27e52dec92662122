/* Adds up a store's labels and pixels for `vedatile stats`. */
#ifndef TOOL_TALLY_H
#define TOOL_TALLY_H

#include <vedatile/store.h>

/* Lowest, percentiles and highest of a set of numbers. All NaN when there are none. */
struct spread {
    double min, p5, p25, median, p75, p95, max, mean;
};

/* Of an array of 0, 1 and ignore. */
struct edge_tally {
    uint64_t pixels; /* all of them; 0: the store has no such array */
    uint64_t set;
    uint64_t ignored;
};

/* Of an array of numbers, NaN left out. */
struct number_tally {
    uint64_t pixels; /* all of them; 0: the store has no such array */
    uint64_t count;
    double min, max, sum;
};

struct class_tally {
    uint64_t samples; /* that any label of the class is on */
    uint64_t boxes;
    uint64_t pixels;         /* of masks */
    uint64_t *group_samples; /* [group_count] */
};

struct tally {
    size_t group_count;
    const size_t *groups; /* borrowed: indices in the reader */
    uint64_t samples;
    uint64_t boxes;
    uint64_t cut_boxes;          /* less than the whole object is visible */
    uint64_t unlabelled_samples; /* without any class */
    uint64_t mask_pixels;        /* all: background and ignore too */
    uint64_t background_pixels;
    uint64_t ignore_pixels;
    struct edge_tally boundary, contact;
    struct number_tally distance, target;
    size_t class_count;
    struct class_tally *classes;
    size_t band_count;
    struct vdt_band_stats *bands;
    struct spread boxes_per_tile;
    struct spread box_width, box_height, box_area, box_visible;
    struct spread valid_fraction;
};

/* On success tally_clear releases it; on failure there is nothing to release. */
vdt_status tally_count(const struct vdt_reader *reader, const size_t *groups, size_t group_count,
                       struct tally *tally, struct vdt_error *error);

void tally_clear(struct tally *tally);

#endif

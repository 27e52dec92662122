/* Counts of pixels by sample, which every score is a sum of. */
#ifndef REPORT_SEGMENTATION_STATE_H
#define REPORT_SEGMENTATION_STATE_H

#include <vedatile/scores.h>

#include "report/sides.h"

/* A cell of the matrix of a sample that is not 0. */
struct vdt_pixel_cell {
    uint32_t cell;
    uint32_t pixels;
};

/* A class on the boundary of a sample. */
struct vdt_edge_cell {
    uint32_t value;
    uint32_t both;
    uint32_t any;
};

/* Owns its arrays. Values are those of masks: 0 background, class + 1. */
struct vdt_segmented {
    char **classes;
    uint32_t class_count;
    uint32_t unit_count;
    bool mapped;                   /* values of the run's rasters have others in the store */
    uint16_t *run_values;          /* [65536] */
    struct vdt_pixel_cell **cells; /* [units] */
    uint32_t *cell_counts;
    struct vdt_edge_cell **edges; /* [units] */
    uint32_t *edge_counts;
};

/* Fills cells and edges of all samples that count. */
vdt_status vdt_segmented_read(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                              struct vdt_error *error);

#endif

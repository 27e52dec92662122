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

/* Values of a label key that are burnt into rasters. Owns what it points to. */
struct vdt_burnt_values {
    char **names;
    uint16_t *values; /* [count] of the pixels; 0: of no class */
    uint32_t count;
};

/* Owns its arrays. Values are those of masks: 0 background, class + 1. */
struct vdt_segmented {
    char **classes;
    uint32_t class_count;
    uint32_t unit_count;
    /* Either side is a raster, whose values have others here (NULL: they are the same), or what is
     * burnt of annotations. */
    bool truth_burnt, predicted_burnt;
    uint16_t *truth_values;     /* [65536] */
    uint16_t *predicted_values; /* [65536] */
    struct vdt_burnt_values truth_names, predicted_names;
    bool touched;                  /* outlines burn all that they touch */
    double lowest;                 /* score of predictions that are burnt */
    struct vdt_pixel_cell **cells; /* [units] */
    uint32_t *cell_counts;
    double **areas;               /* [units][cells] of the ground; NULL: not on the ground */
    bool metres;                  /* areas are square metres */
    struct vdt_edge_cell **edges; /* [units] */
    uint32_t *edge_counts;
};

/* Which classes there are, and what the values of both sides are of them. */
vdt_status vdt_segmented_classes(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                                 struct vdt_error *error);

/* Fills cells and edges of all samples that count. */
vdt_status vdt_segmented_read(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                              struct vdt_error *error);

#endif

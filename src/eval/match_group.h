/* Objects by category and image. */
#ifndef EVAL_MATCH_GROUP_H
#define EVAL_MATCH_GROUP_H

#include "eval/match.h"

/* The objects of one category in one image. */
struct vdt_cell {
    uint32_t category;
    uint32_t image;
    uint32_t first_detection; /* places in the orders below */
    uint32_t detections;
    uint32_t kept; /* of the detections, those of the highest scores */
    uint32_t first_truth;
    uint32_t truths;
    uint32_t row; /* the first of its rows */
    bool open;    /* not exhaustively labelled: what matches nothing is ignored */
};

/* All cells that have objects, by category, then image. */
struct vdt_cells {
    uint32_t *detection; /* indices in the input by category, image, order of input */
    uint32_t *truth;     /* the same */
    uint64_t detections;
    struct vdt_cell *cells;
    size_t count;
    uint64_t rows;
};

/* Checks the objects' values and groups them. *cells is cleared by the caller, also after a
 * failure. */
vdt_status vdt_cells_make(const struct vdt_match_options *options, const struct vdt_objects *truths,
                          const struct vdt_objects *detections, struct vdt_cells *cells,
                          struct vdt_error *error);
void vdt_cells_clear(struct vdt_cells *cells);

#endif

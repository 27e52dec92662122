/* Matching within one cell: the detections of one category in one image. */
#ifndef EVAL_MATCH_CELL_H
#define EVAL_MATCH_CELL_H

#include "eval/iou.h"
#include "eval/iou_box.h"
#include "eval/match.h"
#include "eval/match_group.h"

/* A detection that counts, before rows are sorted by score. */
struct vdt_match_row {
    double score;
    uint32_t detection; /* index in the input */
    uint32_t image;
    uint32_t rank;
    uint32_t unused;
};

/* What all cells read, and where each writes rows of its own. */
struct vdt_match_task {
    const struct vdt_match_options *options;
    const struct vdt_objects *truths;
    const struct vdt_objects *detections;
    const double *detection_area; /* [detections]; NULL: those of the boxes */
    const struct vdt_cells *cells;
    const uint64_t *truth_ignored; /* by place in cells->truth: bit a: ignored in range a */
    double lowest;                 /* IoU that is of use to no threshold is below this */
    double *limits; /* [lanes * VDT_LANE]: lowest IoU of each threshold, as pycocotools
                       takes it; infinite where there is none */
    struct vdt_match_row *rows;
    struct vdt_outcomes *outcomes; /* [rows][areas][lanes] */
};

/* What a detection may match. */
struct vdt_candidate {
    double iou;
    uint32_t truth; /* place in its cell */
    uint16_t reach; /* thresholds of a lane that the IoU reaches */
};

/* The memory of one worker; {0} is empty. */
struct vdt_match_scratch {
    struct vdt_box_set boxes;
    struct vdt_iou_scratch shapes;
    double *iou; /* of boxes: what a detection overlaps, and how much */
    size_t iou_capacity;
    uint64_t *items; /* for sorting */
    size_t item_capacity;
    double *scores;
    size_t score_capacity;
    uint32_t *found;
    size_t found_capacity;
    struct vdt_candidate *candidates;
    size_t candidate_capacity;
    uint16_t *taken; /* [truths][areas][lanes]: at which thresholds it was matched */
    size_t taken_capacity;
    struct vdt_match_pair *pairs; /* with keep_ids: of the cells since the caller took them; rows
                                     are places in task->rows */
    size_t pair_count;
    size_t pair_capacity;
};
void vdt_match_scratch_clear(struct vdt_match_scratch *scratch);

/* Fills the rows of one cell. */
vdt_status vdt_match_cell(const struct vdt_match_task *task, const struct vdt_cell *cell,
                          struct vdt_match_scratch *scratch, struct vdt_error *error);

#endif

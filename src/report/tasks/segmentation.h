/* Class rasters as a scored task: masks of a store, rasters of a run, and what is burnt of
 * annotations. */
#ifndef REPORT_SEGMENTATION_H
#define REPORT_SEGMENTATION_H

#include "report/scorer.h"

/* Whether labels have masks or outlines, and the run has rasters; where the task is asked for boxes
 * and predicted outlines will do. The kinds of annotations are those of vdt_sides_kinds. */
bool vdt_segmentation_has(const struct vdt_sides *sides, uint32_t truth, uint32_t predicted);

/* Reads every sample once, in as many threads as there are. */
vdt_status vdt_segmentation_scorer(struct vdt_sides *sides, struct vdt_scorer *scorer,
                                   struct vdt_error *error);

#endif

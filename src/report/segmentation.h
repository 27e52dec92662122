/* Class rasters of a run against the masks of its store as a scored task. */
#ifndef REPORT_SEGMENTATION_H
#define REPORT_SEGMENTATION_H

#include "report/scorer.h"

/* Whether the store has masks and the run has rasters. */
bool vdt_segmentation_has(const struct vdt_sides *sides);

/* Reads every sample once, in as many threads as there are. */
vdt_status vdt_segmentation_scorer(struct vdt_sides *sides, struct vdt_scorer *scorer,
                                   struct vdt_error *error);

#endif

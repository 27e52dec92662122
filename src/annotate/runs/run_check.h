/* What a prediction has to be. */
#ifndef ANNOTATE_RUN_CHECK_H
#define ANNOTATE_RUN_CHECK_H

#include "annotate/runs/run_state.h"

/* The record at `position` of a call; classes that are new are added where the run takes any. */
vdt_status vdt_run_annotation_check(struct vdt_run *run, size_t position,
                                    const struct vdt_annotation *annotation,
                                    struct vdt_error *error);

#endif

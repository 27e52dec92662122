/* Which tasks an evaluation has: what both sides hold, or what was asked for. */
#ifndef REPORT_TASKS_H
#define REPORT_TASKS_H

#include "report/scorer.h"

enum { VDT_TASKS_MOST = 64 };

/* Whether `protocol`, `task` and `iou` are words that there are: VDT_ERR_ARGUMENT lists them. */
vdt_status vdt_tasks_check_words(const struct vdt_evaluate_options *options,
                                 struct vdt_error *error);

/* Scores every task; at most VDT_TASKS_MOST. On failure there is nothing to clear. */
vdt_status vdt_tasks_score(struct vdt_sides *sides, struct vdt_scorer *scorers, size_t *count,
                           struct vdt_error *error);

#endif

/* Labels of whole samples as scored tasks, one for each label key. */
#ifndef REPORT_CLASSIFICATION_H
#define REPORT_CLASSIFICATION_H

#include "report/scorer.h"

/* Whether both sides have labels of samples with this key. */
vdt_status vdt_classification_has(const struct vdt_sides *sides, const char *key, bool *has,
                                  struct vdt_error *error);

/* Scores one key. VDT_ERR_NOT_FOUND when no sample has a label of it. */
vdt_status vdt_classification_scorer(struct vdt_sides *sides, const char *key,
                                     struct vdt_scorer *scorer, struct vdt_error *error);

#endif

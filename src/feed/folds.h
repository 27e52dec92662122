/* Folds as views: fold_1_train, fold_1_test, fold_2_train, ... */
#ifndef FEED_FOLDS_H
#define FEED_FOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "feed/regroup.h"

/* "fold_3_test" -> 3; false for a name that is none. */
bool vdt_fold_number(const char *name, uint32_t *fold);

/* Gives every row of the group its fold, by the rule or stratified. */
vdt_status vdt_folds_assign(struct vdt_regroup *regroup, struct vdt_error *error);

/* Puts the views into the store that the writer has; `rows` know their places in it. Other views
 * of folds are removed. Fills report.folds. `writer` NULL: only counts. */
vdt_status vdt_folds_write(struct vdt_regroup *regroup, struct vdt_writer *writer,
                           struct vdt_error *error);

#endif

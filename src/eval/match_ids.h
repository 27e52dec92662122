/* Who matched whom: the indices of a table with keep_ids. */
#ifndef EVAL_MATCH_IDS_H
#define EVAL_MATCH_IDS_H

#include "eval/match.h"

/* Fills row_of, truth_of, pairs and their indices. `pairs` are of final rows, in the order of cells
 * and ranks. */
vdt_status vdt_match_ids_make(struct vdt_matches *matches, const struct vdt_match_pair *pairs,
                              size_t count, struct vdt_error *error);

#endif

/* Stable sorting in linear time. */
#ifndef EVAL_MATCH_SORT_H
#define EVAL_MATCH_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts by the upper 32 bits; those that are equal stay in their order. `spare` has room for as
 * many; the result is in `items`. */
void vdt_sort_upper(uint64_t *items, uint64_t *spare, size_t count);

/* The order of scores from the highest: items[i] is the index of the one at place i; equal ones
 * stay in the order of their indices, and -0 equals 0. `spare` has room for `count`, which is below
 * 2^32. No score is NaN. */
void vdt_sort_scores(const double *scores, size_t count, uint64_t *items, uint64_t *spare);

#endif

/* Units of samples given to groups so that every label has its share in each.
 *
 * Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011), of units in place of samples: the
 * rarest label first, its fullest units first, each to the group that lacks most of that label.
 * Then units move while that brings shares nearer to what is wanted. A pure function of its input;
 * the order of samples and units has no say, only `order` has. */
#ifndef TILE_STRATIFY_H
#define TILE_STRATIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

/* Borrowed. Lists are runs: those of sample i are [offsets[i], offsets[i + 1]). */
struct vdt_strata {
    size_t samples, units, labels, groups;
    const uint64_t *unit_offsets; /* [samples + 1] */
    const uint32_t *unit_list;    /* units that a sample is in: at least one; the first owns it */
    const uint64_t *label_offsets;
    const uint32_t *label_list; /* labels that a sample has, each once */
    const uint64_t *order;      /* [units] what decides between equals: distinct */
    const double *shares;       /* [groups] above 0, sum 1 */
    bool whole;                 /* a sample goes with its owner; else it is lost where its units are
                                   of two groups */
};

/* Fills group_of [units]. */
vdt_status vdt_stratify(const struct vdt_strata *strata, uint32_t *group_of,
                        struct vdt_error *error);

#endif

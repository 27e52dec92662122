/* Which positions of an epoch make which batch of which rank: every rank takes equally many steps.
 *
 * A step is a batch of every rank: step k covers the positions from start + k * size * world on,
 * rank r of them the r-th `size`. The epoch may be entered anywhere (resume, with another size or
 * number of ranks): steps are counted from there. */
#ifndef LOAD_STEPS_H
#define LOAD_STEPS_H

#include <stdint.h>
#include <vedatile/loader.h>

struct vdt_steps {
    uint64_t length; /* positions in the epoch */
    uint64_t start;  /* <= length */
    uint64_t size;   /* samples a batch: 1 .. UINT32_MAX */
    uint32_t rank;   /* < world */
    uint32_t world;
    enum vdt_tail tail; /* not VDT_TAIL_DEFAULT */
};

/* Steps from start to the end of the epoch. */
uint64_t vdt_steps_count(const struct vdt_steps *steps);

/* The batch of step `step` (< count): positions (*first + i) % length for i below the returned
 * size, which is at most steps->size, and 0 only when VDT_TAIL_SHORT leaves nothing for the rank.
 */
uint64_t vdt_steps_batch(const struct vdt_steps *steps, uint64_t step, uint64_t *first);

/* Where the epoch stands once `step` steps were delivered by all ranks: at most length. */
uint64_t vdt_steps_position(const struct vdt_steps *steps, uint64_t step);

#endif

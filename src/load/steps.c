/* Arithmetic of batches and ranks. Nothing overflows: batch sizes and ranks have 32 bits. */
#include "load/steps.h"

#include <assert.h>

/* Positions that a step of all ranks takes. */
static uint64_t stride(const struct vdt_steps *steps)
{
    assert(steps->size > 0 && steps->size <= UINT32_MAX);
    assert(steps->rank < steps->world && steps->start <= steps->length);
    return steps->size * steps->world;
}

uint64_t vdt_steps_count(const struct vdt_steps *steps)
{
    uint64_t left = steps->length - steps->start, whole = left / stride(steps);
    bool rest = left % stride(steps) > 0;
    return rest && steps->tail != VDT_TAIL_DROP ? whole + 1 : whole;
}

uint64_t vdt_steps_batch(const struct vdt_steps *steps, uint64_t step, uint64_t *first)
{
    assert(step < vdt_steps_count(steps));
    uint64_t begin = steps->start + step * stride(steps), left = steps->length - begin;
    if (left < stride(steps) && steps->tail == VDT_TAIL_SHORT) {
        uint64_t each = left / steps->world, more = left % steps->world;
        *first = begin + steps->rank * each + (steps->rank < more ? steps->rank : more);
        return each + (steps->rank < more);
    }
    *first = (begin + steps->rank * steps->size % steps->length) % steps->length;
    return steps->size;
}

uint64_t vdt_steps_position(const struct vdt_steps *steps, uint64_t step)
{
    uint64_t left = steps->length - steps->start;
    return step <= left / stride(steps) ? steps->start + step * stride(steps) : steps->length;
}

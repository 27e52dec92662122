/* Keyed permutations, and what the kinds of order make of them. */
#include "load/order.h"

#include <assert.h>

#include "base/random.h"

struct vdt_permutation vdt_permutation_make(uint64_t key, uint64_t count)
{
    /* A Feistel network only makes even permutations, which shows when n nearly fills its domain
     * and both are tiny: with 8 bits and more the orders of 2 to 6 samples are equally likely. */
    enum { LEAST_HALF_BITS = 4 };
    assert(count <= UINT64_C(1) << 62);
    struct vdt_permutation made = {.count = count, .half_bits = LEAST_HALF_BITS};
    while (UINT64_C(1) << (2 * made.half_bits) < count)
        made.half_bits++;
    for (uint64_t round = 0; round < VDT_ORDER_ROUNDS; round++)
        made.keys[round] = vdt_mix2(key, round);
    return made;
}

static uint64_t permute(const struct vdt_permutation *permutation, uint64_t value)
{
    unsigned bits = permutation->half_bits;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t left = value >> bits;
    uint64_t right = value & mask;
    for (int round = 0; round < VDT_ORDER_ROUNDS; round++) {
        uint64_t next = left ^ (vdt_mix(right ^ permutation->keys[round]) >> (64 - bits));
        left = right;
        right = next;
    }
    return left << bits | right;
}

/* Results outside [0, count) are sent through again (cycle walking): on average less than 4 times,
 * or 256 / count times when count is less than 64. */
uint64_t vdt_permutation_at(const struct vdt_permutation *permutation, uint64_t position)
{
    assert(position < permutation->count);
    uint64_t index = position;
    do
        index = permute(permutation, index);
    while (index >= permutation->count);
    return index;
}

struct vdt_order vdt_order_make(enum vdt_order_kind kind, uint64_t seed, uint64_t epoch,
                                uint64_t count, uint64_t window, uint64_t length,
                                const struct vdt_alias *alias)
{
    (void)window, (void)length;
    /* count is in the key, or a store that grew by a sample would keep most of its order. */
    uint64_t key = vdt_mix2(vdt_mix2(seed, epoch), count);
    return (struct vdt_order){.kind = kind,
                              .count = count,
                              .length = count,
                              .key = key,
                              .alias = alias,
                              .samples = vdt_permutation_make(key, count)};
}

uint64_t vdt_order_index(const struct vdt_order *order, uint64_t position)
{
    assert(position < order->length);
    if (order->kind == VDT_SEQUENTIAL)
        return position;
    return vdt_permutation_at(&order->samples, position);
}

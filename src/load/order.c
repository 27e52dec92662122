/* A keyed permutation: a Feistel network over the smallest even number of bits that holds n.
 * Results outside [0, n) are sent through again (cycle walking): on average less than 4 times,
 * or 256 / n times when n is less than 64. */
#include "load/order.h"

#include <assert.h>

#include "base/random.h"

struct vdt_order vdt_order_make(bool shuffle, uint64_t seed, uint64_t epoch, uint64_t count)
{
    /* A Feistel network only makes even permutations, which shows when n nearly fills its domain
     * and both are tiny: with 8 bits and more the orders of 2 to 6 samples are equally likely. */
    enum { LEAST_HALF_BITS = 4 };
    assert(count <= UINT64_C(1) << 62);
    struct vdt_order order = {.count = count, .shuffle = shuffle, .half_bits = LEAST_HALF_BITS};
    while (UINT64_C(1) << (2 * order.half_bits) < count)
        order.half_bits++;
    /* count is in the key, or a store that grew by a sample would keep most of its order. */
    uint64_t key = vdt_mix2(vdt_mix2(seed, epoch), count);
    for (uint64_t round = 0; round < VDT_ORDER_ROUNDS; round++)
        order.keys[round] = vdt_mix2(key, round);
    return order;
}

static uint64_t permute(const struct vdt_order *order, uint64_t value)
{
    unsigned bits = order->half_bits;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t left = value >> bits;
    uint64_t right = value & mask;
    for (int round = 0; round < VDT_ORDER_ROUNDS; round++) {
        uint64_t next = left ^ (vdt_mix(right ^ order->keys[round]) >> (64 - bits));
        left = right;
        right = next;
    }
    return left << bits | right;
}

uint64_t vdt_order_index(const struct vdt_order *order, uint64_t position)
{
    assert(position < order->count);
    if (!order->shuffle)
        return position;
    uint64_t index = position;
    do
        index = permute(order, index);
    while (index >= order->count);
    return index;
}

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

/* Under the key of an epoch; the rounds of vdt_permutation_make are 0 to 11. */
enum { KEY_BLOCKS = 256, KEY_WINDOWS, KEY_PHASE, KEY_SHORT, KEY_COLUMN, KEY_KEEP };

enum { DEFAULT_WINDOW = 16384, WINDOW_BLOCKS = 64 };

/* Where windows begin, in whole blocks. None has less than half of the blocks it may have: a batch
 * from two or three blocks would be no mixture. */
static void cut_windows(struct vdt_order *order, uint64_t blocks)
{
    uint64_t most = order->window / order->block, least = most / 2;
    uint64_t first = most - vdt_mix2(order->key, KEY_PHASE) % (least + 1);
    uint64_t last = blocks;
    if (first < blocks) {
        uint64_t rest = (blocks - first) % most, before = blocks - first > most ? most : first;
        last -= rest == 0 ? most : rest >= least ? rest : (before + rest) / 2;
    }
    order->phase = first * order->block;
    order->last = last * order->block;
}

/* A uniformly random order of all blocks is one of all but the last, with the last put in at a
 * random place: so where the short block went is known without undoing a permutation. */
static void make_windows(struct vdt_order *order, uint64_t window)
{
    if (window == 0)
        window = DEFAULT_WINDOW;
    order->block = window / WINDOW_BLOCKS + (window < WINDOW_BLOCKS);
    if (window >= order->count)
        window = order->block = order->count;
    order->window = window - window % order->block;
    uint64_t blocks = (order->count - 1) / order->block + 1;
    order->gap = blocks * order->block - order->count;
    order->short_at = vdt_mix2(order->key, KEY_SHORT) % blocks;
    order->blocks = vdt_permutation_make(vdt_mix2(order->key, KEY_BLOCKS), blocks - 1);
    cut_windows(order, blocks);
}

struct vdt_order vdt_order_make(enum vdt_order_kind kind, uint64_t seed, uint64_t epoch,
                                uint64_t count, uint64_t window, uint64_t length,
                                const struct vdt_alias *alias)
{
    /* count is in the key, or a store that grew by a sample would keep most of its order. */
    uint64_t key = vdt_mix2(vdt_mix2(seed, epoch), count);
    struct vdt_order made = {.kind = kind, .count = count, .length = count, .key = key};
    if (count == 0)
        return made;
    switch (kind) {
    case VDT_SEQUENTIAL: break;
    case VDT_SHUFFLED: made.samples = vdt_permutation_make(key, count); break;
    case VDT_WINDOWED: make_windows(&made, window); break;
    case VDT_WEIGHTED:
    case VDT_BALANCED:
        assert(alias->count == count);
        made.alias = alias;
        if (length > 0)
            made.length = length;
        break;
    }
    return made;
}

/* Of the permuted blocks, the sample at `position`. Places are counted as if the short block were
 * whole: it has a gap behind its samples, where no position falls. */
static uint64_t place_of(const struct vdt_order *order, uint64_t position)
{
    uint64_t short_end = (order->short_at + 1) * order->block - order->gap;
    return position < short_end ? position : position + order->gap;
}

/* Positions before `place`, which is where a block begins or ends. */
static uint64_t position_of(const struct vdt_order *order, uint64_t place)
{
    return place > order->short_at * order->block ? place - order->gap : place;
}

static uint64_t sample_at(const struct vdt_order *order, uint64_t place)
{
    uint64_t at = place / order->block;
    uint64_t block = order->blocks.count; /* the last */
    if (at != order->short_at)
        block = vdt_permutation_at(&order->blocks, at < order->short_at ? at : at - 1);
    return block * order->block + place % order->block;
}

static uint64_t windowed_index(const struct vdt_order *order, uint64_t position)
{
    uint64_t place = place_of(order, position);
    uint64_t begin = 0, end = order->phase;
    if (place >= order->last) {
        begin = order->last;
        end = order->count + order->gap;
    } else if (place >= order->phase) {
        begin = place - (place - order->phase) % order->window;
        end = begin + order->window;
    }
    if (place < order->last && end > order->last)
        end = order->last;
    uint64_t first = position_of(order, begin);
    uint64_t key = vdt_mix2(vdt_mix2(order->key, KEY_WINDOWS), begin);
    struct vdt_permutation inside = vdt_permutation_make(key, position_of(order, end) - first);
    position = first + vdt_permutation_at(&inside, position - first);
    return sample_at(order, place_of(order, position));
}

uint64_t vdt_order_index(const struct vdt_order *order, uint64_t position)
{
    assert(position < order->length);
    switch (order->kind) {
    case VDT_SEQUENTIAL: break;
    case VDT_SHUFFLED: return vdt_permutation_at(&order->samples, position);
    case VDT_WINDOWED: return windowed_index(order, position);
    case VDT_WEIGHTED:
    case VDT_BALANCED:
        return vdt_alias_draw(order->alias, vdt_mix2(vdt_mix2(order->key, KEY_COLUMN), position),
                              vdt_mix2(vdt_mix2(order->key, KEY_KEEP), position));
    }
    return position;
}

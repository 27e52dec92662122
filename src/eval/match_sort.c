/* Radix sort, in three passes of 11, 11 and 10 bits of which those that sort nothing are left out.
 */
#include "eval/match_sort.h"

#include <stdbool.h>
#include <string.h>

enum { DIGIT = 11, DIGITS = 3, BUCKETS = 1 << DIGIT, FEW = 48 };

static void insert_upper(uint64_t *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t item = items[i];
        size_t place = i;
        for (; place > 0 && items[place - 1] >> 32 > item >> 32; place--)
            items[place] = items[place - 1];
        items[place] = item;
    }
}

/* Counts to places; false when all items have the same digit. */
static bool places_of(uint32_t counts[BUCKETS], size_t count)
{
    uint32_t place = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        uint32_t here = counts[i];
        if (here == count)
            return false;
        counts[i] = place;
        place += here;
    }
    return true;
}

void vdt_sort_upper(uint64_t *items, uint64_t *spare, size_t count)
{
    if (count <= FEW) {
        insert_upper(items, count);
        return;
    }
    uint32_t counts[DIGITS][BUCKETS];
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < count; i++)
        for (int d = 0; d < DIGITS; d++)
            counts[d][items[i] >> (32 + DIGIT * d) & (BUCKETS - 1)]++;
    uint64_t *from = items, *to = spare;
    for (int d = 0; d < DIGITS; d++) {
        if (!places_of(counts[d], count))
            continue;
        for (size_t i = 0; i < count; i++)
            to[counts[d][from[i] >> (32 + DIGIT * d) & (BUCKETS - 1)]++] = from[i];
        uint64_t *other = from;
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

/* Rises as the score falls. */
static uint64_t falling_key(double score)
{
    double plain = score + 0.0; /* -0 becomes 0 */
    uint64_t bits;
    memcpy(&bits, &plain, sizeof bits);
    return bits >> 63 ? bits : ~(bits | UINT64_C(1) << 63);
}

/* Items of the same upper half of their keys, in the order of their indices: sorts them by the
 * lower half. */
static void sort_run(const double *scores, uint64_t *items, uint64_t *spare, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t index = (uint32_t)items[i];
        items[i] = falling_key(scores[index]) << 32 | index;
    }
    vdt_sort_upper(items, spare, count);
}

void vdt_sort_scores(const double *scores, size_t count, uint64_t *items, uint64_t *spare)
{
    for (size_t i = 0; i < count; i++)
        items[i] = (falling_key(scores[i]) >> 32 << 32) | i;
    vdt_sort_upper(items, spare, count);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && items[end] >> 32 == items[first] >> 32; end++)
            ;
        if (end - first > 1)
            sort_run(scores, items + first, spare, end - first);
    }
    for (size_t i = 0; i < count; i++)
        items[i] = (uint32_t)items[i];
}

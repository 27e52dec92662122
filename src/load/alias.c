/* Draws by weight: columns of equal chance, each shared by at most two samples. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "load/order.h"

/* *heaviest is the first of the largest weights. */
static vdt_status check(const double *weights, uint64_t count, uint64_t *heaviest,
                        struct vdt_error *error)
{
    uint64_t largest = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!isfinite(weights[i]) || weights[i] < 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "weight %llu is %g: give finite weights, none negative",
                            (unsigned long long)i, weights[i]);
        if (weights[i] > weights[largest])
            largest = i;
    }
    if (count == 0 || weights[largest] == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "all %llu weights are 0: nothing can be drawn; give a positive one",
                        (unsigned long long)count);
    *heaviest = largest;
    return VDT_OK;
}

/* Scaled so that they are 1 on average, by way of the largest so that no sum overflows. */
static void scale(const double *weights, uint64_t count, double largest, double *scaled)
{
    /* Kahan's summation: a plain sum of 1e8 weights is off by more than many a weight. */
    double sum = 0, lost = 0;
    for (uint64_t i = 0; i < count; i++) {
        double term = weights[i] / largest - lost, next = sum + term;
        lost = (next - sum) - term;
        sum = next;
    }
    for (uint64_t i = 0; i < count; i++)
        scaled[i] = weights[i] / largest * ((double)count / sum);
}

/* The first column from `from` on that is to be filled up (below 1), or that has something to give;
 * count when there is none. */
static uint64_t find(const struct vdt_alias *alias, uint64_t from, bool wanting)
{
    while (from < alias->count && (alias->keep[from] < 1) != wanting)
        from++;
    return from;
}

/* Each column below 1 is filled up from one above. A giver that falls below 1 itself is filled up
 * next, or when the search for such columns comes to it. */
static void pair(struct vdt_alias *alias)
{
    uint64_t count = alias->count;
    uint64_t searched = find(alias, 0, true), low = searched, high = find(alias, 0, false);
    while (low < count && high < count) {
        alias->other[low] = high;
        alias->keep[high] -= 1 - alias->keep[low];
        bool spent = alias->keep[high] < 1;
        if (spent && high < searched)
            low = high;
        else
            low = searched = find(alias, searched + 1, true);
        if (spent)
            high = find(alias, high + 1, false);
    }
}

vdt_status vdt_alias_init(struct vdt_alias *alias, const double *weights, uint64_t count,
                          struct vdt_error *error)
{
    uint64_t heaviest = 0;
    vdt_status status = check(weights, count, &heaviest, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_alias_clear) struct vdt_alias made = {
        .count = count,
        .keep = vdt_allocate(count, sizeof *made.keep),
        .other = vdt_allocate(count, sizeof *made.other),
    };
    if (made.keep == NULL || made.other == NULL)
        return vdt_fail(error, VDT_ERR_MEMORY, "out of memory for %llu weights",
                        (unsigned long long)count);
    scale(weights, count, weights[heaviest], made.keep);
    /* Columns that rounding leaves without a partner are 1 but for an epsilon; what they lack goes
     * where it weighs least. */
    for (uint64_t i = 0; i < count; i++)
        made.other[i] = heaviest;
    pair(&made);
    *alias = made;
    made = (struct vdt_alias){0};
    return VDT_OK;
}

uint64_t vdt_alias_draw(const struct vdt_alias *alias, uint64_t random_column, uint64_t random_keep)
{
    uint64_t column = random_column % alias->count;
    return vdt_unit(random_keep) < alias->keep[column] ? column : alias->other[column];
}

void vdt_alias_clear(struct vdt_alias *alias)
{
    free(alias->keep);
    free(alias->other);
    *alias = (struct vdt_alias){0};
}

/* Iterative stratification of units, and moves that mend what it could not foresee. */
#include "tile/stratify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

#define NO_GROUP UINT32_MAX
enum { PASSES = 12, EMPTY = 1000 };

/* How many samples that a unit owns have a label. */
struct entry {
    uint32_t unit, label;
    uint64_t count;
    uint64_t order;
};

struct work {
    const struct vdt_strata *strata;
    struct entry *entries;
    size_t entry_count;
    size_t *by_label; /* [labels + 1] into entries, sorted by label */
    struct entry *unit_entries;
    size_t *by_unit;      /* [units + 1] into unit_entries */
    uint64_t *owned;      /* [units] samples */
    uint64_t *left;       /* [labels] samples of units without a group */
    double *wanted;       /* [groups][labels] still */
    double *wanted_total; /* [groups] still */
    uint64_t *members;    /* [members_of[units]] samples in a unit */
    size_t *members_of;   /* [units + 1] */
    double *kept;         /* [labels + 1][groups], the last for all samples */
    double *total;        /* [labels + 1] samples with the label, lost ones too */
    uint32_t *seen;       /* [labels] the unit that touched it last, from 1 */
    size_t *touched;      /* [labels + 1] what a move can change */
    size_t touched_count;
    uint32_t *group_of; /* the result */
};

static void clear_work(struct work *work)
{
    free(work->entries);
    free(work->by_label);
    free(work->unit_entries);
    free(work->by_unit);
    free(work->owned);
    free(work->left);
    free(work->wanted);
    free(work->wanted_total);
    free(work->members);
    free(work->members_of);
    free(work->kept);
    free(work->total);
    free(work->seen);
    free(work->touched);
}

/* --- counts ------------------------------------------------------------------------------- */

static int by_unit_label(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->unit != b->unit)
        return a->unit < b->unit ? -1 : 1;
    return (a->label > b->label) - (a->label < b->label);
}

/* Fullest units first; equal ones by their order. */
static int by_label_count(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static void merge_entries(struct work *work)
{
    size_t kept = 0;
    for (size_t i = 0; i < work->entry_count; i++) {
        struct entry *entry = &work->entries[i];
        struct entry *last = kept == 0 ? NULL : &work->entries[kept - 1];
        if (last != NULL && last->unit == entry->unit && last->label == entry->label)
            last->count += entry->count;
        else
            work->entries[kept++] = *entry;
    }
    work->entry_count = kept;
}

static bool allocate(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    size_t entries = (size_t)s->label_offsets[s->samples];
    size_t members = (size_t)s->unit_offsets[s->samples];
    work->entries = vdt_allocate_zero(entries, sizeof *work->entries);
    work->by_label = vdt_allocate_zero(s->labels + 1, sizeof *work->by_label);
    work->by_unit = vdt_allocate_zero(s->units + 1, sizeof *work->by_unit);
    work->owned = vdt_allocate_zero(s->units, sizeof *work->owned);
    work->left = vdt_allocate_zero(s->labels, sizeof *work->left);
    work->wanted = vdt_allocate_zero(s->labels, s->groups * sizeof *work->wanted);
    work->wanted_total = vdt_allocate_zero(s->groups, sizeof *work->wanted_total);
    work->members = vdt_allocate_zero(members, sizeof *work->members);
    work->members_of = vdt_allocate_zero(s->units + 1, sizeof *work->members_of);
    work->kept = vdt_allocate_zero(s->labels + 1, s->groups * sizeof *work->kept);
    work->total = vdt_allocate_zero(s->labels + 1, sizeof *work->total);
    work->seen = vdt_allocate_zero(s->labels, sizeof *work->seen);
    work->touched = vdt_allocate_zero(s->labels + 1, sizeof *work->touched);
    return work->entries != NULL && work->by_label != NULL && work->by_unit != NULL &&
           work->owned != NULL && work->left != NULL && work->wanted != NULL &&
           work->wanted_total != NULL && work->members != NULL && work->members_of != NULL &&
           work->kept != NULL && work->total != NULL && work->seen != NULL && work->touched != NULL;
}

static bool count_entries(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    for (size_t i = 0; i < s->samples; i++) {
        uint32_t owner = s->unit_list[s->unit_offsets[i]];
        work->owned[owner]++;
        for (uint64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++) {
            work->entries[work->entry_count++] =
                (struct entry){owner, s->label_list[k], 1, s->order[owner]};
            work->left[s->label_list[k]]++;
        }
    }
    if (work->entry_count > 0)
        qsort(work->entries, work->entry_count, sizeof *work->entries, by_unit_label);
    merge_entries(work);
    work->unit_entries = vdt_allocate(work->entry_count, sizeof *work->unit_entries);
    if (work->unit_entries == NULL)
        return false;
    memcpy(work->unit_entries, work->entries, work->entry_count * sizeof *work->entries);
    if (work->entry_count > 0)
        qsort(work->entries, work->entry_count, sizeof *work->entries, by_label_count);
    for (size_t i = 0; i < work->entry_count; i++) {
        work->by_label[work->entries[i].label + 1]++;
        work->by_unit[work->unit_entries[i].unit + 1]++;
    }
    for (size_t l = 0; l < s->labels; l++)
        work->by_label[l + 1] += work->by_label[l];
    for (size_t u = 0; u < s->units; u++)
        work->by_unit[u + 1] += work->by_unit[u];
    for (size_t g = 0; g < s->groups; g++) {
        work->wanted_total[g] = s->shares[g] * (double)s->samples;
        for (size_t l = 0; l < s->labels; l++)
            work->wanted[g * s->labels + l] = s->shares[g] * (double)work->left[l];
    }
    return true;
}

/* --- the first assignment ----------------------------------------------------------------- */

/* The group that lacks most of the label (NO_GROUP: of all samples), then of samples. */
static uint32_t neediest(const struct work *work, uint32_t label)
{
    const struct vdt_strata *s = work->strata;
    uint32_t best = 0;
    for (uint32_t g = 1; g < s->groups; g++) {
        double a = 0, b = 0;
        if (label != NO_GROUP) {
            a = work->wanted[g * s->labels + label];
            b = work->wanted[best * s->labels + label];
        }
        bool equal = fabs(a - b) < 1e-9;
        if (a > b + 1e-9 || (equal && work->wanted_total[g] > work->wanted_total[best] + 1e-9))
            best = g;
    }
    return best;
}

static void give(struct work *work, uint32_t unit, uint32_t group)
{
    const struct vdt_strata *s = work->strata;
    work->group_of[unit] = group;
    work->wanted_total[group] -= (double)work->owned[unit];
    for (size_t i = work->by_unit[unit]; i < work->by_unit[unit + 1]; i++) {
        const struct entry *entry = &work->unit_entries[i];
        work->wanted[group * s->labels + entry->label] -= (double)entry->count;
        work->left[entry->label] -= entry->count;
    }
}

/* Units without any label, and those that own no sample but are reached into. */
struct rest {
    uint32_t unit;
    uint64_t owned, order;
};

static int by_owned(const void *left, const void *right)
{
    const struct rest *a = left, *b = right;
    if (a->owned != b->owned)
        return a->owned > b->owned ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static bool give_rest(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    vdt_cleanup(vdt_free_pointer) struct rest *rest = vdt_allocate(s->units, sizeof *rest);
    size_t count = 0;
    if (rest == NULL)
        return false;
    for (uint32_t u = 0; u < s->units; u++)
        if (work->group_of[u] == NO_GROUP)
            rest[count++] = (struct rest){u, work->owned[u], s->order[u]};
    if (count > 0)
        qsort(rest, count, sizeof *rest, by_owned);
    for (size_t i = 0; i < count; i++)
        give(work, rest[i].unit, neediest(work, NO_GROUP));
    return true;
}

static bool assign(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    for (size_t u = 0; u < s->units; u++)
        work->group_of[u] = NO_GROUP;
    for (;;) {
        uint32_t rarest = NO_GROUP;
        for (uint32_t l = 0; l < s->labels; l++)
            if (work->left[l] > 0 && (rarest == NO_GROUP || work->left[l] < work->left[rarest]))
                rarest = l;
        if (rarest == NO_GROUP)
            return give_rest(work);
        for (size_t i = work->by_label[rarest]; i < work->by_label[rarest + 1]; i++)
            if (work->group_of[work->entries[i].unit] == NO_GROUP)
                give(work, work->entries[i].unit, neediest(work, rarest));
    }
}

/* --- moves -------------------------------------------------------------------------------- */

/* Where the list of a sample's units ends, as far as they have a say. */
static uint64_t units_end(const struct vdt_strata *s, size_t sample)
{
    return s->whole ? s->unit_offsets[sample] + 1 : s->unit_offsets[sample + 1];
}

static uint32_t group_of_sample(const struct work *work, uint64_t sample)
{
    const struct vdt_strata *s = work->strata;
    uint64_t first = s->unit_offsets[sample], end = units_end(s, sample);
    uint32_t group = work->group_of[s->unit_list[first]];
    for (uint64_t i = first + 1; i < end; i++)
        if (work->group_of[s->unit_list[i]] != group)
            return NO_GROUP;
    return group;
}

static void count_sample(struct work *work, uint64_t sample, double sign)
{
    const struct vdt_strata *s = work->strata;
    uint32_t group = group_of_sample(work, sample);
    if (group == NO_GROUP)
        return;
    work->kept[s->labels * s->groups + group] += sign;
    for (uint64_t k = s->label_offsets[sample]; k < s->label_offsets[sample + 1]; k++)
        work->kept[s->label_list[k] * s->groups + group] += sign;
}

/* Samples by the units that they are lost or kept with. */
static bool list_members(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    vdt_cleanup(vdt_free_pointer) size_t *next = vdt_allocate_zero(s->units + 1, sizeof *next);
    size_t *first = work->members_of;
    if (next == NULL)
        return false;
    for (size_t i = 0; i < s->samples; i++)
        for (uint64_t k = s->unit_offsets[i]; k < units_end(s, i); k++)
            first[s->unit_list[k] + 1]++;
    for (size_t u = 0; u < s->units; u++)
        first[u + 1] += first[u];
    memcpy(next, first, s->units * sizeof *next);
    for (size_t i = 0; i < s->samples; i++)
        for (uint64_t k = s->unit_offsets[i]; k < units_end(s, i); k++)
            work->members[next[s->unit_list[k]]++] = i;
    return true;
}

/* How far a label's shares are from what is wanted, and how much of it is lost. */
static double label_cost(const struct work *work, size_t label)
{
    const struct vdt_strata *s = work->strata;
    const double *kept = &work->kept[label * s->groups];
    double sum = 0, cost = 0;
    for (size_t g = 0; g < s->groups; g++)
        sum += kept[g];
    if (!(work->total[label] > 0))
        return 0;
    for (size_t g = 0; g < s->groups; g++) {
        double off = (sum > 0 ? kept[g] / sum : 0) - s->shares[g];
        cost += off * off / s->shares[g];
    }
    double lost = 1 - sum / work->total[label];
    if (label == s->labels) /* no group without any sample while there are units */
        for (size_t g = 0; g < s->groups; g++)
            cost += kept[g] > 0 ? 0 : EMPTY;
    return cost + lost * lost / 4;
}

/* Labels of the samples in a unit, and the one for all samples: what a move of it can change. */
static void find_touched(struct work *work, uint32_t unit)
{
    const struct vdt_strata *s = work->strata;
    work->touched_count = 0;
    work->touched[work->touched_count++] = s->labels;
    for (size_t i = work->members_of[unit]; i < work->members_of[unit + 1]; i++) {
        uint64_t sample = work->members[i];
        for (uint64_t k = s->label_offsets[sample]; k < s->label_offsets[sample + 1]; k++) {
            uint32_t label = s->label_list[k];
            if (work->seen[label] == unit + 1)
                continue;
            work->seen[label] = unit + 1;
            work->touched[work->touched_count++] = label;
        }
    }
}

static double touched_cost(const struct work *work)
{
    double cost = 0;
    for (size_t i = 0; i < work->touched_count; i++)
        cost += label_cost(work, work->touched[i]);
    return cost;
}

static void move(struct work *work, uint32_t unit, uint32_t group)
{
    size_t first = work->members_of[unit], end = work->members_of[unit + 1];
    for (size_t i = first; i < end; i++)
        count_sample(work, work->members[i], -1);
    work->group_of[unit] = group;
    for (size_t i = first; i < end; i++)
        count_sample(work, work->members[i], 1);
}

/* Moves a unit to where shares are nearest to what is wanted. True when it was moved. */
static bool improve(struct work *work, uint32_t unit)
{
    const uint32_t before = work->group_of[unit];
    uint32_t best = before;
    find_touched(work, unit);
    double least = touched_cost(work);
    for (uint32_t g = 0; g < work->strata->groups; g++) {
        if (g == before)
            continue;
        move(work, unit, g);
        double cost = touched_cost(work);
        if (cost < least - 1e-12) {
            least = cost;
            best = g;
        }
    }
    move(work, unit, best);
    return best != before;
}

struct ranked {
    uint64_t order;
    uint32_t unit;
};

static int by_order(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return (a->order > b->order) - (a->order < b->order);
}

static bool mend(struct work *work)
{
    const struct vdt_strata *s = work->strata;
    vdt_cleanup(vdt_free_pointer) struct ranked *ranked = vdt_allocate(s->units, sizeof *ranked);
    if (ranked == NULL)
        return false;
    for (uint32_t u = 0; u < s->units; u++)
        ranked[u] = (struct ranked){s->order[u], u};
    if (s->units > 0)
        qsort(ranked, s->units, sizeof *ranked, by_order);
    if (!list_members(work))
        return false;
    for (size_t i = 0; i < s->samples; i++) {
        count_sample(work, i, 1);
        work->total[s->labels]++;
        for (uint64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
            work->total[s->label_list[k]]++;
    }
    bool moved = true;
    for (int pass = 0; moved && pass < PASSES; pass++) {
        moved = false;
        memset(work->seen, 0, s->labels * sizeof *work->seen);
        for (size_t i = 0; i < s->units; i++)
            moved |= improve(work, ranked[i].unit);
    }
    return true;
}

vdt_status vdt_stratify(const struct vdt_strata *strata, uint32_t *group_of,
                        struct vdt_error *error)
{
    vdt_cleanup(clear_work) struct work work = {.strata = strata, .group_of = group_of};
    if (!allocate(&work) || !count_entries(&work) || !assign(&work) || !mend(&work))
        return vdt_fail_memory(error, "split");
    return VDT_OK;
}

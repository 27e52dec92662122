/* Who matched whom. */
#include "eval/match_ids.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

static bool allocate(struct vdt_matches *matches, size_t count)
{
    matches->row_of = vdt_allocate(matches->detections, sizeof *matches->row_of);
    matches->truth_of = vdt_allocate(matches->ground_truths, sizeof *matches->truth_of);
    matches->pairs = vdt_allocate(count, sizeof *matches->pairs);
    matches->row_pairs = vdt_allocate_zero(matches->rows + 2, sizeof *matches->row_pairs);
    matches->truth_pair = vdt_allocate(count, sizeof *matches->truth_pair);
    matches->truth_pairs =
        vdt_allocate_zero(matches->ground_truths + 2, sizeof *matches->truth_pairs);
    return matches->row_of != NULL && matches->truth_of != NULL && matches->pairs != NULL &&
           matches->row_pairs != NULL && matches->truth_pair != NULL &&
           matches->truth_pairs != NULL;
}

/* Counts at [i + 2] become places at [i + 1], which end up as the starts at [i]. */
static void add_up(uint64_t *starts, uint64_t count)
{
    for (uint64_t i = 1; i <= count + 1; i++)
        starts[i] += starts[i - 1];
}

vdt_status vdt_match_ids_make(struct vdt_matches *matches, const struct vdt_match_pair *pairs,
                              size_t count, struct vdt_error *error)
{
    if (!allocate(matches, count))
        return vdt_fail_memory(error, "detection");
    if (matches->detections > 0)
        memset(matches->row_of, 0xff, matches->detections * sizeof *matches->row_of);
    for (uint64_t row = 0; row < matches->rows; row++)
        matches->row_of[matches->detection[row]] = (uint32_t)row;
    for (uint64_t i = 0; i < matches->ground_truths; i++)
        matches->truth_of[matches->truth[i]] = (uint32_t)i;
    for (size_t p = 0; p < count; p++) {
        matches->row_pairs[pairs[p].row + 2]++;
        matches->truth_pairs[matches->truth_of[pairs[p].ground_truth] + 2]++;
    }
    add_up(matches->row_pairs, matches->rows);
    add_up(matches->truth_pairs, matches->ground_truths);
    /* Pairs come by cell and rank, so those of one ground truth stay in the order of ranks. */
    for (size_t p = 0; p < count; p++) {
        uint64_t place = matches->row_pairs[pairs[p].row + 1]++;
        matches->pairs[place] = pairs[p];
        uint32_t truth = matches->truth_of[pairs[p].ground_truth];
        matches->truth_pair[matches->truth_pairs[truth + 1]++] = (uint32_t)place;
    }
    return VDT_OK;
}

static bool is_at(const struct vdt_match_pair *pair, size_t threshold, size_t area)
{
    return pair->area == area && pair->lane == threshold / VDT_LANE &&
           (pair->bits >> threshold % VDT_LANE & 1) != 0;
}

uint32_t vdt_match_truth(const struct vdt_matches *matches, uint64_t row, size_t threshold,
                         size_t area)
{
    for (uint64_t p = matches->row_pairs[row]; p < matches->row_pairs[row + 1]; p++)
        if (is_at(&matches->pairs[p], threshold, area))
            return matches->pairs[p].ground_truth;
    return VDT_NO_MATCH;
}

static bool has(const struct vdt_matches *matches, size_t threshold, size_t area)
{
    return matches != NULL && matches->options.keep_ids &&
           threshold < matches->options.threshold_count && area < matches->options.area_count;
}

enum vdt_outcome vdt_detection_outcome(const struct vdt_matches *matches, uint64_t detection,
                                       size_t threshold, size_t area, uint32_t *ground_truth)
{
    if (ground_truth != NULL)
        *ground_truth = VDT_NO_MATCH;
    if (!has(matches, threshold, area) || detection >= matches->detections ||
        matches->row_of[detection] == UINT32_MAX)
        return VDT_OUTCOME_LEFT_OUT;
    uint32_t row = matches->row_of[detection];
    const struct vdt_outcomes *outcomes =
        &vdt_match_outcomes(matches, row)[area * matches->options.lanes + threshold / VDT_LANE];
    unsigned bit = 1U << threshold % VDT_LANE;
    bool matched = (outcomes->matched & bit) != 0;
    if (matched && ground_truth != NULL)
        *ground_truth = vdt_match_truth(matches, row, threshold, area);
    if ((outcomes->ignored & bit) != 0)
        return VDT_OUTCOME_IGNORED;
    return matched ? VDT_OUTCOME_TRUE_POSITIVE : VDT_OUTCOME_FALSE_POSITIVE;
}

enum vdt_outcome vdt_detection_missed(const struct vdt_matches *matches, uint64_t ground_truth,
                                      size_t threshold, size_t area, uint32_t *detection)
{
    if (detection != NULL)
        *detection = VDT_NO_MATCH;
    if (!has(matches, threshold, area) || ground_truth >= matches->ground_truths)
        return VDT_OUTCOME_LEFT_OUT;
    uint32_t truth = matches->truth_of[ground_truth];
    bool found = false;
    for (uint64_t i = matches->truth_pairs[truth]; !found && i < matches->truth_pairs[truth + 1];
         i++) {
        const struct vdt_match_pair *pair = &matches->pairs[matches->truth_pair[i]];
        found = is_at(pair, threshold, area);
        if (found && detection != NULL)
            *detection = matches->detection[pair->row];
    }
    if ((matches->truth_ignored[truth] >> area & 1) != 0)
        return VDT_OUTCOME_IGNORED;
    return found ? VDT_OUTCOME_TRUE_POSITIVE : VDT_OUTCOME_FALSE_POSITIVE;
}

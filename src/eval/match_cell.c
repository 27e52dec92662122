/* COCO's matching of one cell, for all thresholds and ranges of areas at once.
 *
 * For one threshold and one range pycocotools goes over the ground truth, what is ignored last, and
 * takes the best that is left and reaches the threshold; of equal ones the last; ignored ones only
 * when no other is left. That is the first of the candidates by falling IoU, then falling place,
 * that is not taken: so one walk over the candidates, with a bit for each threshold, does all of
 * them. Candidates are usually none, one or two. */
#include "eval/match_cell.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "eval/match_sort.h"

/* Of shapes so many pairs are looked at at once, and no fewer detections than FEW_ROWS. */
enum { FEW = 24, IOU_BLOCK = 1 << 20, FEW_ROWS = 256 };

void vdt_match_scratch_clear(struct vdt_match_scratch *scratch)
{
    vdt_box_set_clear(&scratch->boxes);
    vdt_iou_scratch_clear(&scratch->shapes);
    free(scratch->iou);
    free(scratch->items);
    free(scratch->scores);
    free(scratch->found);
    free(scratch->candidates);
    free(scratch->taken);
    free(scratch->pairs);
    *scratch = (struct vdt_match_scratch){0};
}

/* --- the order of a cell's detections ------------------------------------------------------- */

static void insert_by_score(const double *scores, size_t count, uint64_t *items)
{
    for (size_t i = 0; i < count; i++) {
        size_t place = i;
        for (; place > 0 && scores[items[place - 1]] < scores[i]; place--)
            items[place] = items[place - 1];
        items[place] = i;
    }
}

/* Detections lie in the order of the input; those of the next cells are asked for in time. */
static void fetch_ahead(const struct vdt_match_task *task, uint64_t place)
{
    enum { AHEAD = 24 };
    if (place + AHEAD >= task->cells->detections)
        return;
    uint32_t detection = task->cells->detection[place + AHEAD];
    __builtin_prefetch(&task->detections->score[detection]);
    if (task->detections->box != NULL)
        __builtin_prefetch(task->detections->box[detection]);
}

static bool fill_rows(const struct vdt_match_task *task, const struct vdt_cell *cell,
                      struct vdt_match_scratch *scratch)
{
    const uint32_t *detections = task->cells->detection + cell->first_detection;
    size_t count = cell->detections;
    if (!vdt_grow(&scratch->scores, &scratch->score_capacity, count, sizeof *scratch->scores) ||
        !vdt_grow(&scratch->items, &scratch->item_capacity, 2 * count, sizeof *scratch->items))
        return false;
    for (size_t i = 0; i < count; i++) {
        fetch_ahead(task, cell->first_detection + i);
        scratch->scores[i] = task->detections->score[detections[i]];
    }
    if (count <= FEW)
        insert_by_score(scratch->scores, count, scratch->items);
    else
        vdt_sort_scores(scratch->scores, count, scratch->items, scratch->items + count);
    struct vdt_match_row *rows = task->rows + cell->row;
    for (uint32_t i = 0; i < cell->kept; i++)
        rows[i] = (struct vdt_match_row){.score = scratch->scores[scratch->items[i]],
                                         .detection = detections[scratch->items[i]],
                                         .image = cell->image,
                                         .rank = i};
    return true;
}

/* --- candidates ----------------------------------------------------------------------------- */

/* By falling IoU; of equal ones the later place is first. */
static void sort_candidates(struct vdt_candidate *candidates, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct vdt_candidate one = candidates[i];
        size_t place = i;
        for (; place > 0; place--) {
            const struct vdt_candidate *before = &candidates[place - 1];
            if (before->iou > one.iou || (before->iou == one.iou && before->truth > one.truth))
                break;
            candidates[place] = *before;
        }
        candidates[place] = one;
    }
}

static int by_iou(const void *left, const void *right)
{
    const struct vdt_candidate *a = left, *b = right;
    if (a->iou != b->iou)
        return a->iou > b->iou ? -1 : 1;
    return a->truth > b->truth ? -1 : 1;
}

static void order_candidates(struct vdt_candidate *candidates, size_t count)
{
    if (count <= FEW)
        sort_candidates(candidates, count);
    else
        qsort(candidates, count, sizeof *candidates, by_iou);
}

/* Fills which thresholds of a lane each candidate reaches. */
static void fill_reach(const double *limits, struct vdt_candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned bits = 0;
        for (int t = 0; t < VDT_LANE; t++)
            bits |= (unsigned)(candidates[i].iou >= limits[t]) << t;
        candidates[i].reach = (uint16_t)bits;
    }
}

static inline unsigned lane_bits(const struct vdt_match_options *options, size_t lane)
{
    size_t left = options->threshold_count - lane * VDT_LANE;
    return left >= VDT_LANE ? 0xffffU : (1U << left) - 1;
}

/* --- one detection -------------------------------------------------------------------------- */

/* A detection against its candidates, in one range and lane. */
struct walk {
    const struct vdt_match_task *task;
    const struct vdt_cell *cell;
    struct vdt_match_scratch *scratch;
    uint32_t row;
    const struct vdt_candidate *candidates;
    size_t count;
    size_t area;
    size_t lane;
};

static bool keep_pair(const struct walk *walk, uint32_t truth, unsigned bits)
{
    struct vdt_match_scratch *scratch = walk->scratch;
    if (!vdt_grow(&scratch->pairs, &scratch->pair_capacity, scratch->pair_count + 1,
                  sizeof *scratch->pairs))
        return false;
    scratch->pairs[scratch->pair_count++] = (struct vdt_match_pair){
        .row = walk->row,
        .ground_truth = walk->task->cells->truth[walk->cell->first_truth + truth],
        .area = (uint16_t)walk->area,
        .lane = (uint16_t)walk->lane,
        .bits = (uint16_t)bits};
    return true;
}

/* Matches those candidates that are (or are not) ignored, at the thresholds that are not in *done
 * yet. False when memory is out. */
static bool match_candidates(const struct walk *walk, bool ignored, unsigned *done)
{
    const struct vdt_match_options *options = walk->task->options;
    const uint64_t *truth_ignored = walk->task->truth_ignored + walk->cell->first_truth;
    const uint32_t *truths = walk->task->cells->truth + walk->cell->first_truth;
    const uint8_t *crowd = walk->task->truths->crowd;
    for (size_t i = 0; i < walk->count; i++) {
        uint32_t truth = walk->candidates[i].truth;
        if ((truth_ignored[truth] >> walk->area & 1) != ignored)
            continue;
        uint16_t *taken =
            &walk->scratch
                 ->taken[(truth * options->area_count + walk->area) * options->lanes + walk->lane];
        unsigned bits = walk->candidates[i].reach & ~*done;
        if (crowd == NULL || crowd[truths[truth]] == 0)
            bits &= ~(unsigned)*taken;
        if (bits == 0)
            continue;
        *taken |= (uint16_t)bits;
        *done |= bits;
        if (options->keep_ids && !keep_pair(walk, truth, bits))
            return false;
    }
    return true;
}

/* Other protocols than COCO's: the ground truth that the detection overlaps most, the first of
 * equal ones, or nothing. Ignored ground truth may be matched by many. False when memory is out. */
static bool match_best(const struct walk *walk, struct vdt_outcomes *out)
{
    const struct vdt_match_options *options = walk->task->options;
    const struct vdt_candidate *best = walk->candidates;
    *out = (struct vdt_outcomes){0};
    for (size_t i = 1; i < walk->count; i++) {
        const struct vdt_candidate *other = &walk->candidates[i];
        if (other->iou > best->iou || (other->iou == best->iou && other->truth < best->truth))
            best = other;
    }
    if (options->rules->positive_scores && !(walk->task->rows[walk->row].score > 0))
        return true;
    bool ignored =
        (walk->task->truth_ignored[walk->cell->first_truth + best->truth] >> walk->area & 1) != 0;
    uint16_t *taken =
        &walk->scratch->taken[(best->truth * options->area_count + walk->area) * options->lanes +
                              walk->lane];
    unsigned bits = best->reach & (ignored ? 0xffffU : ~(unsigned)*taken);
    if (bits == 0)
        return true;
    *taken |= (uint16_t)bits;
    *out = (struct vdt_outcomes){(uint16_t)bits, ignored ? (uint16_t)bits : 0};
    return !options->keep_ids || keep_pair(walk, best->truth, bits);
}

static double area_of(const struct vdt_match_task *task, uint32_t detection)
{
    if (task->detection_area != NULL)
        return task->detection_area[detection];
    const double *box = task->detections->box[detection];
    return box[2] * box[3];
}

/* In one range and lane. */
static bool match_walk(const struct walk *walk, struct vdt_outcomes *out)
{
    if (walk->task->options->rules->best_only)
        return match_best(walk, out);
    unsigned found = 0;
    if (!match_candidates(walk, false, &found))
        return false;
    unsigned done = found;
    if (!match_candidates(walk, true, &done))
        return false;
    *out = (struct vdt_outcomes){(uint16_t)done, (uint16_t)(done & ~found)};
    return true;
}

/* A detection and its candidates, none of which is fine. False when memory is out. */
static bool match_one(const struct vdt_match_task *task, const struct vdt_cell *cell, uint32_t row,
                      struct vdt_candidate *candidates, size_t count,
                      struct vdt_match_scratch *scratch)
{
    const struct vdt_match_options *options = task->options;
    struct vdt_outcomes *out = task->outcomes + (size_t)row * options->area_count * options->lanes;
    uint64_t outside = vdt_match_outside(options, area_of(task, task->rows[row].detection));
    if (cell->open)
        outside = UINT64_MAX;
    for (size_t lane = 0; lane < options->lanes; lane++) {
        unsigned all = lane_bits(options, lane);
        fill_reach(task->limits + lane * VDT_LANE, candidates, count);
        for (size_t area = 0; area < options->area_count; area++) {
            struct vdt_outcomes here = {0};
            struct walk walk = {task, cell, scratch, row, candidates, count, area, lane};
            if (count > 0 && !match_walk(&walk, &here))
                return false;
            if (outside >> area & 1)
                here.ignored |= (uint16_t)(all & ~(unsigned)here.matched);
            out[area * options->lanes + lane] = here;
        }
    }
    return true;
}

/* --- cells of boxes and of shapes ----------------------------------------------------------- */

static bool prepare(const struct vdt_match_task *task, const struct vdt_cell *cell,
                    struct vdt_match_scratch *scratch)
{
    size_t words = cell->truths * task->options->area_count * task->options->lanes;
    if (!vdt_grow(&scratch->found, &scratch->found_capacity, cell->truths,
                  sizeof *scratch->found) ||
        !vdt_grow(&scratch->iou, &scratch->iou_capacity, cell->truths, sizeof *scratch->iou) ||
        !vdt_grow(&scratch->candidates, &scratch->candidate_capacity, cell->truths,
                  sizeof *scratch->candidates) ||
        !vdt_grow(&scratch->taken, &scratch->taken_capacity, words, sizeof *scratch->taken))
        return false;
    memset(scratch->taken, 0, words * sizeof *scratch->taken);
    return true;
}

static bool match_boxes(const struct vdt_match_task *task, const struct vdt_cell *cell,
                        struct vdt_match_scratch *scratch)
{
    const uint32_t *truths = task->cells->truth + cell->first_truth;
    struct vdt_candidate *candidates = scratch->candidates;
    if (!vdt_box_set_fill(&scratch->boxes, task->truths, truths, cell->truths))
        return false;
    for (uint32_t i = 0; i < cell->kept; i++) {
        uint32_t row = cell->row + i;
        size_t count =
            vdt_box_set_find(&scratch->boxes, task->detections->box[task->rows[row].detection],
                             task->lowest, scratch->found, scratch->iou);
        for (size_t c = 0; c < count; c++)
            candidates[c] = (struct vdt_candidate){scratch->iou[c], scratch->found[c], 0};
        order_candidates(candidates, count);
        if (!match_one(task, cell, row, candidates, count, scratch))
            return false;
    }
    return true;
}

/* The rows `first` to `first + count` against the ground truth that is held. */
static vdt_status match_some(const struct vdt_match_task *task, const struct vdt_cell *cell,
                             uint32_t first, size_t count, struct vdt_match_scratch *scratch,
                             struct vdt_error *error)
{
    struct vdt_iou_list list;
    for (size_t i = 0; i < count; i++)
        scratch->found[i] = task->rows[cell->row + first + i].detection;
    vdt_status status = vdt_iou_find(task->detections, scratch->found, count, task->lowest,
                                     &scratch->shapes, &list, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        size_t candidates = 0;
        for (size_t n = list.first[i]; n < list.first[i + 1]; n++)
            if (list.iou[n] >= task->lowest)
                scratch->candidates[candidates++] =
                    (struct vdt_candidate){list.iou[n], list.truth[n], 0};
        order_candidates(scratch->candidates, candidates);
        if (!match_one(task, cell, cell->row + first + (uint32_t)i, scratch->candidates, candidates,
                       scratch))
            return vdt_fail_memory(error, "detection");
    }
    return status;
}

static vdt_status match_shapes(const struct vdt_match_task *task, const struct vdt_cell *cell,
                               struct vdt_match_scratch *scratch, struct vdt_error *error)
{
    size_t most = IOU_BLOCK / cell->truths + FEW_ROWS;
    most = most < cell->kept ? most : cell->kept;
    if (!vdt_grow(&scratch->found, &scratch->found_capacity, most, sizeof *scratch->found))
        return vdt_fail_memory(error, "detection");
    vdt_status status = vdt_iou_hold(task->truths, task->cells->truth + cell->first_truth,
                                     cell->truths, &scratch->shapes, error);
    for (uint32_t first = 0; status == VDT_OK && first < cell->kept; first += (uint32_t)most) {
        size_t here = cell->kept - first < most ? cell->kept - first : most;
        status = match_some(task, cell, first, here, scratch, error);
    }
    return status;
}

vdt_status vdt_match_cell(const struct vdt_match_task *task, const struct vdt_cell *cell,
                          struct vdt_match_scratch *scratch, struct vdt_error *error)
{
    if (cell->kept == 0)
        return VDT_OK;
    if (!fill_rows(task, cell, scratch))
        return vdt_fail_memory(error, "detection");
    if (cell->truths == 0) {
        for (uint32_t i = 0; i < cell->kept; i++)
            if (!match_one(task, cell, cell->row + i, NULL, 0, scratch))
                return vdt_fail_memory(error, "detection");
        return VDT_OK;
    }
    if (!prepare(task, cell, scratch))
        return vdt_fail_memory(error, "detection");
    if (task->detections->shapes != NULL)
        return match_shapes(task, cell, scratch, error);
    return match_boxes(task, cell, scratch) ? VDT_OK : vdt_fail_memory(error, "detection");
}

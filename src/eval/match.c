/* Matching: cells in parallel, then the rows of each category sorted by score. */
#include "eval/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/match_cell.h"
#include "eval/match_ids.h"
#include "eval/match_options.h"
#include "eval/match_sort.h"
#include "eval/parallel.h"

/* Cells of about so much work are one item for a thread; less than one item needs no threads. */
enum { ITEM_WORK = 1 << 14 };

/* Rows that lie anywhere are asked for so many before they are needed. */
enum { AHEAD = 16 };

/* A run of cells, and whom their rows matched. */
struct item {
    size_t first, end;
    struct vdt_match_pair *pairs;
    size_t pair_count;
};

/* One call of vdt_detection_match. */
struct state {
    struct vdt_matches *matches;
    struct vdt_match_task task;
    struct vdt_cells cells;
    struct item *items;
    size_t item_count;
    double *areas; /* of detections, when they are not given */
    uint64_t *ignored;
    uint32_t *row_at; /* [rows]: the final place of each row; with keep_ids */
};

static void clear_state(struct state *state)
{
    for (size_t i = 0; i < state->item_count; i++)
        free(state->items[i].pairs);
    free(state->items);
    free(state->areas);
    free(state->row_at);
    free(state->task.limits);
    free(state->task.rows);
    free(state->task.outcomes);
    vdt_cells_clear(&state->cells);
    vdt_matches_free(state->matches);
}

void vdt_matches_free(struct vdt_matches *matches)
{
    if (matches == NULL)
        return;
    vdt_match_options_clear(&matches->options);
    free(matches->category_rows);
    free(matches->detection);
    free(matches->image);
    free(matches->rank);
    free(matches->score);
    free(matches->outcomes);
    free(matches->category_truths);
    free(matches->truth);
    free(matches->truth_image);
    free(matches->truth_ignored);
    free(matches->row_of);
    free(matches->truth_of);
    free(matches->pairs);
    free(matches->row_pairs);
    free(matches->truth_pair);
    free(matches->truth_pairs);
    free(matches);
}

/* --- areas and thresholds ------------------------------------------------------------------- */

/* The objects' areas: their own, or those of boxes or shapes in *made. */
static vdt_status areas_of(const struct vdt_objects *objects, const double **areas, double **made,
                           struct vdt_error *error)
{
    *areas = objects->area;
    if (objects->area != NULL || objects->count == 0)
        return VDT_OK;
    if ((*made = vdt_allocate(objects->count, sizeof **made)) == NULL)
        return vdt_fail_memory(error, "detection");
    *areas = *made;
    if (objects->shapes != NULL)
        return vdt_shapes_area(objects->shapes, *made, error);
    for (uint64_t i = 0; i < objects->count; i++)
        (*made)[i] = objects->box[i][2] * objects->box[i][3];
    return VDT_OK;
}

/* Areas of boxes are computed where the boxes are looked at. */
static vdt_status detection_areas(struct state *state, struct vdt_error *error)
{
    struct vdt_match_task *task = &state->task;
    if (task->detections->area == NULL && task->detections->shapes == NULL)
        return VDT_OK;
    return areas_of(task->detections, &task->detection_area, &state->areas, error);
}

static vdt_status make_limits(struct state *state, struct vdt_error *error)
{
    const struct vdt_match_options *options = &state->matches->options;
    size_t count = options->lanes * VDT_LANE;
    if ((state->task.limits = vdt_allocate(count, sizeof *state->task.limits)) == NULL)
        return vdt_fail_memory(error, "detection");
    state->task.lowest = 1;
    for (size_t t = 0; t < count; t++) {
        double limit = t >= options->threshold_count
                           ? (double)INFINITY
                           : vdt_protocol_limit(options->rules, options->thresholds[t]);
        state->task.limits[t] = limit;
        if (limit < state->task.lowest)
            state->task.lowest = limit;
    }
    return VDT_OK;
}

/* --- ground truth --------------------------------------------------------------------------- */

static bool ignored_everywhere(const struct vdt_match_options *options,
                               const struct vdt_objects *truths, uint32_t truth)
{
    if (truths->crowd != NULL && truths->crowd[truth] != 0)
        return true;
    return !options->coco_ignores_ignore && truths->ignore != NULL && truths->ignore[truth] != 0;
}

static vdt_status fill_truths(struct state *state, struct vdt_error *error)
{
    struct vdt_matches *matches = state->matches;
    const struct vdt_objects *truths = state->task.truths;
    uint64_t count = truths->count;
    vdt_cleanup(vdt_free_pointer) double *made = NULL;
    const double *areas = NULL;
    vdt_status status = areas_of(truths, &areas, &made, error);
    if (status != VDT_OK)
        return status;
    matches->truth_image = vdt_allocate(count, sizeof *matches->truth_image);
    matches->truth_ignored = vdt_allocate(count, sizeof *matches->truth_ignored);
    matches->category_truths = vdt_allocate_zero((size_t)matches->options.categories + 1,
                                                 sizeof *matches->category_truths);
    if (matches->truth_image == NULL || matches->truth_ignored == NULL ||
        matches->category_truths == NULL)
        return vdt_fail_memory(error, "detection");
    matches->ground_truths = count;
    matches->truth = state->cells.truth;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t truth = matches->truth[i];
        uint32_t category = matches->options.class_agnostic || truths->category == NULL
                                ? 0
                                : truths->category[truth];
        matches->truth_image[i] = truths->image[truth];
        matches->truth_ignored[i] = ignored_everywhere(&matches->options, truths, truth)
                                        ? UINT64_MAX
                                        : vdt_match_outside(&matches->options, areas[truth]);
        matches->category_truths[category + 1]++;
    }
    for (uint32_t k = 0; k < matches->options.categories; k++)
        matches->category_truths[k + 1] += matches->category_truths[k];
    state->task.truth_ignored = matches->truth_ignored;
    return VDT_OK;
}

/* --- cells ---------------------------------------------------------------------------------- */

static void *start_worker(void)
{
    return vdt_allocate_zero(1, sizeof(struct vdt_match_scratch));
}

static void stop_worker(void *worker)
{
    vdt_match_scratch_clear(worker);
    free(worker);
}

static vdt_status match_item(void *payload, void *worker, uint64_t index, struct vdt_error *error)
{
    struct state *state = payload;
    struct item *item = &state->items[index];
    struct vdt_match_scratch *scratch = worker;
    for (size_t i = item->first; i < item->end; i++) {
        vdt_status status = vdt_match_cell(&state->task, &state->cells.cells[i], scratch, error);
        if (status != VDT_OK)
            return status;
    }
    if (scratch->pair_count > 0) { /* the next item starts with an empty list */
        item->pairs = scratch->pairs;
        item->pair_count = scratch->pair_count;
        scratch->pairs = NULL;
        scratch->pair_count = scratch->pair_capacity = 0;
    }
    return VDT_OK;
}

static uint64_t work_of(const struct vdt_cell *cell, bool shapes)
{
    uint64_t pairs = (uint64_t)cell->kept * cell->truths;
    return 4 + cell->detections + (shapes ? 64 * pairs : pairs);
}

static vdt_status make_items(struct state *state, struct vdt_error *error)
{
    size_t capacity = 0;
    uint64_t work = ITEM_WORK;
    bool shapes = state->task.detections->shapes != NULL;
    for (size_t i = 0; i < state->cells.count; i++) {
        if (work >= ITEM_WORK) {
            if (!vdt_grow(&state->items, &capacity, state->item_count + 1, sizeof *state->items))
                return vdt_fail_memory(error, "detection");
            state->items[state->item_count++] = (struct item){.first = i, .end = i};
            work = 0;
        }
        work += work_of(&state->cells.cells[i], shapes);
        state->items[state->item_count - 1].end = i + 1;
    }
    return VDT_OK;
}

static vdt_status match_cells(struct state *state, struct vdt_error *error)
{
    static const struct vdt_parallel work = {start_worker, stop_worker, match_item};
    const struct vdt_match_options *options = &state->matches->options;
    uint64_t rows = state->cells.rows;
    state->task.rows = vdt_allocate(rows, sizeof *state->task.rows);
    state->task.outcomes =
        vdt_allocate(rows, options->area_count * options->lanes * sizeof *state->task.outcomes);
    if (state->task.rows == NULL || state->task.outcomes == NULL)
        return vdt_fail_memory(error, "detection");
    vdt_status status = make_items(state, error);
    if (status == VDT_OK)
        status = vdt_parallel_run(&work, state, state->item_count, options->threads, error);
    return status;
}

/* --- rows ----------------------------------------------------------------------------------- */

static vdt_status make_rows(struct state *state, struct vdt_error *error)
{
    struct vdt_matches *matches = state->matches;
    uint64_t rows = matches->rows = state->cells.rows;
    matches->category_rows =
        vdt_allocate_zero((size_t)matches->options.categories + 1, sizeof *matches->category_rows);
    matches->detection = vdt_allocate(rows, sizeof *matches->detection);
    matches->image = vdt_allocate(rows, sizeof *matches->image);
    matches->rank = vdt_allocate(rows, sizeof *matches->rank);
    matches->score = vdt_allocate(rows, sizeof *matches->score);
    matches->outcomes = vdt_allocate(rows, matches->options.area_count * matches->options.lanes *
                                               sizeof *matches->outcomes);
    if (matches->category_rows == NULL || matches->detection == NULL || matches->image == NULL ||
        matches->rank == NULL || matches->score == NULL || matches->outcomes == NULL)
        return vdt_fail_memory(error, "detection");
    for (size_t i = 0; i < state->cells.count; i++)
        matches->category_rows[state->cells.cells[i].category + 1] += state->cells.cells[i].kept;
    for (uint32_t k = 0; k < matches->options.categories; k++)
        matches->category_rows[k + 1] += matches->category_rows[k];
    if (matches->options.keep_ids &&
        (state->row_at = vdt_allocate(rows, sizeof *state->row_at)) == NULL)
        return vdt_fail_memory(error, "detection");
    return VDT_OK;
}

/* Sorts the rows of one category by score. Rows of cells are in the order of images and ranks, in
 * which equal scores stay. */
static vdt_status sort_category(void *payload, void *worker, uint64_t category,
                                struct vdt_error *error)
{
    struct state *state = payload;
    struct vdt_matches *matches = state->matches;
    uint64_t first = matches->category_rows[category];
    size_t count = (size_t)(matches->category_rows[category + 1] - first);
    size_t width = matches->options.area_count * matches->options.lanes;
    (void)worker;
    vdt_cleanup(vdt_free_pointer) uint64_t *items = vdt_allocate(count, 2 * sizeof *items);
    if (items == NULL)
        return vdt_fail_memory(error, "detection");
    double *scores = matches->score + first;
    for (size_t i = 0; i < count; i++)
        scores[i] = state->task.rows[first + i].score;
    vdt_sort_scores(scores, count, items, items + count);
    for (size_t i = 0; i < count; i++) {
        const struct vdt_match_row *row = &state->task.rows[first + items[i]];
        uint64_t soon = first + items[i + AHEAD < count ? i + AHEAD : i];
        __builtin_prefetch(&state->task.rows[soon]);
        __builtin_prefetch(&state->task.outcomes[soon * width]);
        matches->detection[first + i] = row->detection;
        matches->image[first + i] = row->image;
        matches->rank[first + i] = row->rank;
        matches->score[first + i] = row->score;
        memcpy(matches->outcomes + (first + i) * width,
               state->task.outcomes + (first + items[i]) * width,
               width * sizeof *matches->outcomes);
        if (state->row_at != NULL)
            state->row_at[first + items[i]] = (uint32_t)(first + i);
    }
    return VDT_OK;
}

static vdt_status sort_rows(struct state *state, struct vdt_error *error)
{
    static const struct vdt_parallel work = {NULL, NULL, sort_category};
    vdt_status status = make_rows(state, error);
    uint32_t threads = state->item_count > 1 ? state->matches->options.threads : 1;
    if (status == VDT_OK)
        status = vdt_parallel_run(&work, state, state->matches->options.categories, threads, error);
    return status;
}

/* Puts the pairs of all items together and makes their indices. */
static vdt_status keep_ids(struct state *state, struct vdt_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < state->item_count; i++)
        count += state->items[i].pair_count;
    if (count >= UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "keep_ids: too many matches");
    vdt_cleanup(vdt_free_pointer) struct vdt_match_pair *pairs = vdt_allocate(count, sizeof *pairs);
    if (pairs == NULL)
        return vdt_fail_memory(error, "detection");
    count = 0;
    for (size_t i = 0; i < state->item_count; i++)
        for (size_t p = 0; p < state->items[i].pair_count; p++) {
            pairs[count] = state->items[i].pairs[p];
            pairs[count].row = state->row_at[pairs[count].row];
            count++;
        }
    return vdt_match_ids_make(state->matches, pairs, count, error);
}

/* --- the call ------------------------------------------------------------------------------- */

static vdt_status check_kinds(const struct vdt_objects *truths,
                              const struct vdt_objects *detections, struct vdt_error *error)
{
    const struct vdt_objects *sides[2] = {truths, detections};
    for (int i = 0; i < 2; i++) {
        const struct vdt_shapes *shapes = sides[i]->shapes;
        if (sides[i]->count == 0 || shapes == NULL)
            continue;
        if (shapes->count != sides[i]->count)
            return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %llu objects, but %llu shapes",
                            i == 0 ? "ground truth" : "detections",
                            (unsigned long long)sides[i]->count, (unsigned long long)shapes->count);
        vdt_status status = vdt_shapes_check(shapes, error);
        if (status != VDT_OK)
            return status;
    }
    if (truths->count == 0 || detections->count == 0)
        return VDT_OK;
    if ((truths->shapes == NULL) != (detections->shapes == NULL) ||
        (truths->shapes != NULL && truths->shapes->kind != detections->shapes->kind))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "ground truth and detections are not of one kind of shapes");
    return VDT_OK;
}

static vdt_status match_all(struct state *state, struct vdt_error *error)
{
    struct vdt_match_task *task = &state->task;
    state->matches->detections = task->detections->count;
    vdt_status status = vdt_cells_make(&state->matches->options, task->truths, task->detections,
                                       &state->cells, error);
    task->cells = &state->cells;
    task->options = &state->matches->options;
    if (status == VDT_OK)
        status = make_limits(state, error);
    if (status == VDT_OK)
        status = detection_areas(state, error);
    if (status == VDT_OK)
        status = fill_truths(state, error);
    if (status == VDT_OK)
        status = match_cells(state, error);
    if (status == VDT_OK)
        status = sort_rows(state, error);
    if (status == VDT_OK && state->matches->options.keep_ids)
        status = keep_ids(state, error);
    return status;
}

vdt_status vdt_detection_match(const struct vdt_detection_options *options,
                               const struct vdt_objects *ground_truth,
                               const struct vdt_objects *detections, struct vdt_matches **matches,
                               struct vdt_error *error)
{
    if (options == NULL || ground_truth == NULL || detections == NULL || matches == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "detection: a required argument is NULL");
    struct vdt_objects truths = *ground_truth;
    vdt_cleanup(clear_state) struct state state = {
        .task = {.truths = &truths, .detections = detections}};
    if ((state.matches = vdt_allocate_zero(1, sizeof *state.matches)) == NULL)
        return vdt_fail_memory(error, "detection");
    vdt_status status = vdt_match_options_read(options, &state.matches->options, error);
    if (status == VDT_OK && state.matches->options.rules->no_flags)
        truths.crowd = truths.ignore = NULL;
    if (status == VDT_OK)
        status = check_kinds(ground_truth, detections, error);
    if (status == VDT_OK)
        status = match_all(&state, error);
    if (state.matches->truth != NULL) /* it is the cells' own now */
        state.cells.truth = NULL;
    if (status != VDT_OK)
        return status;
    *matches = state.matches;
    state.matches = NULL;
    return VDT_OK;
}

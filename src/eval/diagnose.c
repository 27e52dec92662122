/* What each detection and ground truth is, and the confusion matrix, image by image. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/diagnosis.h"
#include "eval/iou.h"
#include "eval/match_sort.h"
#include "eval/parallel.h"

/* So many pairs are looked at at once, and no fewer detections than FEW_ROWS. */
enum { IOU_BLOCK = 1 << 20, FEW_ROWS = 256 };

/* Indices of objects by image. */
struct by_image {
    uint64_t *offsets; /* [images + 1] */
    uint32_t *index;
};

/* One call of vdt_diagnose. */
struct state {
    const struct vdt_matches *matches;
    const struct vdt_objects *detections;
    struct vdt_objects truths; /* as the protocol takes them */
    const struct vdt_diagnosis_options *options;
    struct vdt_diagnosis *diagnosis;
    struct by_image wrong;  /* false positives, by falling score */
    struct by_image wanted; /* ground truth that counts */
    uint8_t *nearly;        /* [truths]: an error is about it */
    uint32_t *confused;     /* [detections]: ground truth of another class, or VDT_NO_MATCH */
    uint8_t *settled;       /* [truths]: in the confusion matrix */
    double enough, background;
};

static void clear_state(struct state *state)
{
    free(state->wrong.offsets);
    free(state->wrong.index);
    free(state->wanted.offsets);
    free(state->wanted.index);
    free(state->nearly);
    free(state->confused);
    free(state->settled);
    vdt_diagnosis_free(state->diagnosis);
}

void vdt_diagnosis_free(struct vdt_diagnosis *diagnosis)
{
    if (diagnosis == NULL)
        return;
    free(diagnosis->found);
    free(diagnosis->order);
    free(diagnosis->by_category);
    free(diagnosis->category_rows);
    free(diagnosis->category_truths);
    free(diagnosis->truth_state);
    free(diagnosis->truth_category);
    free(diagnosis->confusion);
    free(diagnosis);
}

/* --- what the matches say ------------------------------------------------------------------- */

static uint32_t category_of(const struct vdt_objects *objects, uint64_t index)
{
    return objects->category == NULL ? 0 : objects->category[index];
}

static void read_outcomes(struct state *state)
{
    static const enum vdt_finding findings[] = {[VDT_OUTCOME_LEFT_OUT] = VDT_FINDING_LEFT_OUT,
                                                [VDT_OUTCOME_TRUE_POSITIVE] = VDT_FINDING_FOUND,
                                                [VDT_OUTCOME_FALSE_POSITIVE] =
                                                    VDT_FINDING_BACKGROUND,
                                                [VDT_OUTCOME_IGNORED] = VDT_FINDING_IGNORED};
    struct vdt_diagnosis *diagnosis = state->diagnosis;
    size_t threshold = state->options->threshold;
    for (uint64_t i = 0; i < diagnosis->detections; i++) {
        struct vdt_diagnosed *found = &diagnosis->found[i];
        enum vdt_outcome outcome =
            vdt_detection_outcome(state->matches, i, threshold, 0, &found->truth);
        found->finding = findings[outcome];
        found->score = state->detections->score[i];
        found->category = category_of(state->detections, i);
    }
    for (uint64_t i = 0; i < diagnosis->truths; i++) {
        uint32_t by;
        enum vdt_outcome outcome = vdt_detection_missed(state->matches, i, threshold, 0, &by);
        diagnosis->truth_category[i] = category_of(&state->truths, i);
        diagnosis->truth_state[i] = outcome == VDT_OUTCOME_IGNORED         ? VDT_TRUTH_IGNORED
                                    : outcome == VDT_OUTCOME_TRUE_POSITIVE ? VDT_TRUTH_FOUND
                                                                           : VDT_TRUTH_MISSED;
        state->settled[i] =
            outcome == VDT_OUTCOME_IGNORED ||
            (by != VDT_NO_MATCH && diagnosis->found[by].score >= state->options->score);
    }
}

/* --- by image ------------------------------------------------------------------------------- */

static vdt_status rank(const struct state *state, struct vdt_error *error)
{
    struct vdt_diagnosis *diagnosis = state->diagnosis;
    size_t count = (size_t)diagnosis->detections;
    vdt_cleanup(vdt_free_pointer) uint64_t *items = vdt_allocate(count, 2 * sizeof *items);
    if (items == NULL)
        return vdt_fail_memory(error, "diagnosis");
    vdt_sort_scores(state->detections->score, count, items, items + count);
    for (size_t i = 0; i < count; i++)
        diagnosis->order[i] = (uint32_t)items[i];
    return VDT_OK;
}

/* Whoever asks about one category after the other goes over each detection once. */
static void rank_categories(struct vdt_diagnosis *diagnosis)
{
    uint64_t *rows = diagnosis->category_rows;
    for (uint64_t i = 0; i < diagnosis->detections; i++)
        rows[diagnosis->found[i].category + 2]++;
    for (size_t k = 0; k < diagnosis->categories; k++)
        rows[k + 2] += rows[k + 1];
    for (uint64_t i = 0; i < diagnosis->detections; i++) {
        uint32_t detection = diagnosis->order[i];
        diagnosis->by_category[rows[diagnosis->found[detection].category + 1]++] = detection;
    }
    for (uint64_t i = 0; i < diagnosis->truths; i++)
        diagnosis->category_truths[diagnosis->truth_category[i]] +=
            diagnosis->truth_state[i] != VDT_TRUTH_IGNORED;
}

static bool is_wrong(const struct state *state, uint32_t detection)
{
    return state->diagnosis->found[detection].finding == VDT_FINDING_BACKGROUND;
}

static bool is_wanted(const struct state *state, uint32_t truth)
{
    return state->diagnosis->truth_state[truth] != VDT_TRUTH_IGNORED;
}

/* Those that `take` chooses, by image, in the order of `order` (NULL: of input). */
static vdt_status group(const struct state *state, const uint32_t *image, uint64_t count,
                        const uint32_t *order, bool (*take)(const struct state *, uint32_t),
                        struct by_image *groups, struct vdt_error *error)
{
    uint32_t images = state->matches->options.images;
    groups->offsets = vdt_allocate_zero((size_t)images + 2, sizeof *groups->offsets);
    groups->index = vdt_allocate(count, sizeof *groups->index);
    if (groups->offsets == NULL || groups->index == NULL)
        return vdt_fail_memory(error, "diagnosis");
    for (uint32_t i = 0; i < count; i++)
        if (take(state, i))
            groups->offsets[image[i] + 2]++;
    for (size_t i = 2; i <= (size_t)images + 1; i++)
        groups->offsets[i] += groups->offsets[i - 1];
    for (uint64_t i = 0; i < count; i++) {
        uint32_t index = order == NULL ? (uint32_t)i : order[i];
        if (take(state, index))
            groups->index[groups->offsets[image[index] + 1]++] = index;
    }
    return VDT_OK;
}

/* --- errors --------------------------------------------------------------------------------- */

/* The largest overlaps of a false positive; places among the image's ground truth, or -1. */
struct best {
    long own, other, used;
    double own_iou, other_iou, used_iou;
};

static bool same_class(const struct state *state, uint32_t detection, uint32_t truth)
{
    return state->diagnosis->matched_categories == 1 ||
           state->diagnosis->found[detection].category == state->diagnosis->truth_category[truth];
}

/* What a detection overlaps: places among the image's ground truth. */
struct overlaps {
    const uint32_t *place;
    const double *iou;
    size_t count;
};

static struct best find_best(const struct state *state, uint32_t detection, const uint32_t *truths,
                             const struct overlaps *overlaps)
{
    struct best best = {-1, -1, -1, 0, 0, 0};
    for (size_t i = 0; i < overlaps->count; i++) {
        uint32_t g = overlaps->place[i];
        double iou = overlaps->iou[i];
        bool own = same_class(state, detection, truths[g]);
        if (own && iou > best.own_iou) {
            best.own_iou = iou;
            best.own = (long)g;
        }
        if (own && iou > best.used_iou &&
            state->diagnosis->truth_state[truths[g]] == VDT_TRUTH_FOUND) {
            best.used_iou = iou;
            best.used = (long)g;
        }
        if (!own && iou > best.other_iou) {
            best.other_iou = iou;
            best.other = (long)g;
        }
    }
    return best;
}

static void name_error(struct state *state, uint32_t detection, const uint32_t *truths,
                       const struct best *best)
{
    struct vdt_diagnosed *found = &state->diagnosis->found[detection];
    double most = best->own_iou > best->other_iou ? best->own_iou : best->other_iou;
    found->iou = most;
    long truth = best->own_iou >= best->other_iou ? best->own : best->other;
    if (best->own_iou >= state->background && best->own_iou < state->enough) {
        found->finding = VDT_FINDING_LOCALISATION;
        truth = best->own;
        found->iou = best->own_iou;
    } else if (best->other_iou >= state->enough) {
        found->finding = VDT_FINDING_CLASS;
        truth = best->other;
        found->iou = best->other_iou;
    } else if (best->used_iou >= state->enough) {
        found->finding = VDT_FINDING_DUPLICATE;
        truth = best->used;
        found->iou = best->used_iou;
    } else if (most >= state->background) {
        found->finding = VDT_FINDING_BOTH;
    } else {
        truth = -1;
    }
    found->truth = truth < 0 ? VDT_NO_MATCH : truths[truth];
    if (found->finding == VDT_FINDING_LOCALISATION || found->finding == VDT_FINDING_CLASS)
        state->nearly[found->truth] = 1;
}

/* A false positive of enough score takes the ground truth of another class that is left. */
static void confuse(struct state *state, uint32_t detection, const uint32_t *truths,
                    const struct overlaps *overlaps)
{
    double best = 0;
    if (state->detections->score[detection] < state->options->score)
        return;
    for (size_t i = 0; i < overlaps->count; i++) {
        uint32_t truth = truths[overlaps->place[i]];
        if (overlaps->iou[i] >= state->enough && overlaps->iou[i] > best &&
            !state->settled[truth] && !same_class(state, detection, truth)) {
            best = overlaps->iou[i];
            state->confused[detection] = truth;
        }
    }
    if (state->confused[detection] != VDT_NO_MATCH)
        state->settled[state->confused[detection]] = 1;
}

/* --- one image ------------------------------------------------------------------------------ */

static void *start_worker(void)
{
    return vdt_allocate_zero(1, sizeof(struct vdt_iou_scratch));
}

static void stop_worker(void *payload)
{
    vdt_iou_scratch_clear(payload);
    free(payload);
}

static vdt_status diagnose_image(void *payload, void *memory, uint64_t image,
                                 struct vdt_error *error)
{
    struct state *state = payload;
    struct vdt_iou_scratch *scratch = memory;
    const uint32_t *wrong = state->wrong.index + state->wrong.offsets[image];
    const uint32_t *truths = state->wanted.index + state->wanted.offsets[image];
    size_t count = (size_t)(state->wrong.offsets[image + 1] - state->wrong.offsets[image]);
    size_t wanted = (size_t)(state->wanted.offsets[image + 1] - state->wanted.offsets[image]);
    if (count == 0 || wanted == 0)
        return VDT_OK;
    size_t most = IOU_BLOCK / wanted + FEW_ROWS;
    vdt_status status = vdt_iou_hold(&state->truths, truths, wanted, scratch, error);
    for (size_t first = 0; status == VDT_OK && first < count; first += most) {
        size_t here = count - first < most ? count - first : most;
        struct vdt_iou_list list;
        status = vdt_iou_find(state->detections, wrong + first, here, state->background, scratch,
                              &list, error);
        for (size_t i = 0; status == VDT_OK && i < here; i++) {
            size_t at = list.first[i];
            struct overlaps overlaps = {list.truth + at, list.iou + at, list.first[i + 1] - at};
            struct best best = find_best(state, wrong[first + i], truths, &overlaps);
            name_error(state, wrong[first + i], truths, &best);
            confuse(state, wrong[first + i], truths, &overlaps);
        }
    }
    return status;
}

/* The overlap of what was found with what found it. */
static vdt_status measure_found(struct state *state, struct vdt_error *error)
{
    vdt_cleanup(vdt_iou_scratch_clear) struct vdt_iou_scratch scratch = {0};
    for (uint32_t i = 0; i < state->diagnosis->detections; i++) {
        struct vdt_diagnosed *found = &state->diagnosis->found[i];
        if (found->truth == VDT_NO_MATCH ||
            (found->finding != VDT_FINDING_FOUND && found->finding != VDT_FINDING_IGNORED))
            continue;
        vdt_status status = vdt_iou_cell(state->detections, &i, 1, &state->truths, &found->truth, 1,
                                         0, &scratch, &found->iou, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

/* --- all ------------------------------------------------------------------------------------ */

static void count_confusion(const struct state *state)
{
    struct vdt_diagnosis *diagnosis = state->diagnosis;
    size_t width = (size_t)diagnosis->categories + 1, none = diagnosis->categories;
    for (uint64_t i = 0; i < diagnosis->detections; i++) {
        const struct vdt_diagnosed *found = &diagnosis->found[i];
        if (found->finding == VDT_FINDING_LEFT_OUT || found->finding == VDT_FINDING_IGNORED ||
            found->score < state->options->score)
            continue;
        uint32_t truth = found->finding == VDT_FINDING_FOUND ? found->truth : state->confused[i];
        size_t row = truth == VDT_NO_MATCH ? none : diagnosis->truth_category[truth];
        diagnosis->confusion[row * width + found->category]++;
    }
    for (uint64_t i = 0; i < diagnosis->truths; i++)
        if (!state->settled[i])
            diagnosis->confusion[diagnosis->truth_category[i] * width + none]++;
}

static vdt_status make(struct state *state, struct vdt_error *error)
{
    const struct vdt_match_options *options = &state->matches->options;
    struct vdt_diagnosis *diagnosis = state->diagnosis = vdt_allocate_zero(1, sizeof *diagnosis);
    if (diagnosis == NULL)
        return vdt_fail_memory(error, "diagnosis");
    diagnosis->protocol = options->protocol;
    diagnosis->categories = options->input_categories;
    diagnosis->matched_categories = options->class_agnostic ? 1 : options->input_categories + 1;
    diagnosis->detections = state->detections->count;
    diagnosis->truths = state->truths.count;
    size_t width = (size_t)diagnosis->categories + 1;
    if (width > UINT32_MAX / width)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "confusion matrix: too many categories");
    diagnosis->found = vdt_allocate_zero(diagnosis->detections, sizeof *diagnosis->found);
    diagnosis->order = vdt_allocate(diagnosis->detections, sizeof *diagnosis->order);
    diagnosis->by_category = vdt_allocate(diagnosis->detections, sizeof *diagnosis->by_category);
    diagnosis->category_rows =
        vdt_allocate_zero((size_t)diagnosis->categories + 2, sizeof *diagnosis->category_rows);
    diagnosis->category_truths =
        vdt_allocate_zero(diagnosis->categories, sizeof *diagnosis->category_truths);
    diagnosis->truth_state = vdt_allocate_zero(diagnosis->truths, 1);
    diagnosis->truth_category = vdt_allocate(diagnosis->truths, sizeof(uint32_t));
    diagnosis->confusion = vdt_allocate_zero(width * width, sizeof *diagnosis->confusion);
    state->nearly = vdt_allocate_zero(diagnosis->truths, 1);
    state->settled = vdt_allocate_zero(diagnosis->truths, 1);
    state->confused = vdt_allocate(diagnosis->detections, sizeof *state->confused);
    if (diagnosis->found == NULL || diagnosis->order == NULL || diagnosis->by_category == NULL ||
        diagnosis->category_rows == NULL || diagnosis->category_truths == NULL ||
        diagnosis->truth_state == NULL || diagnosis->truth_category == NULL ||
        diagnosis->confusion == NULL || state->nearly == NULL || state->settled == NULL ||
        state->confused == NULL)
        return vdt_fail_memory(error, "diagnosis");
    if (diagnosis->detections > 0)
        memset(state->confused, 0xff, diagnosis->detections * sizeof *state->confused);
    return VDT_OK;
}

static vdt_status diagnose(struct state *state, struct vdt_error *error)
{
    static const struct vdt_parallel work = {start_worker, stop_worker, diagnose_image};
    const struct vdt_match_options *options = &state->matches->options;
    vdt_status status = make(state, error);
    if (status != VDT_OK)
        return status;
    struct vdt_diagnosis *diagnosis = state->diagnosis;
    read_outcomes(state);
    status = rank(state, error);
    if (status == VDT_OK)
        rank_categories(diagnosis);
    if (status == VDT_OK)
        status = group(state, state->detections->image, diagnosis->detections, diagnosis->order,
                       is_wrong, &state->wrong, error);
    if (status == VDT_OK)
        status = group(state, state->truths.image, diagnosis->truths, NULL, is_wanted,
                       &state->wanted, error);
    if (status == VDT_OK)
        status = vdt_parallel_run(&work, state, options->images, options->threads, error);
    if (status == VDT_OK)
        status = measure_found(state, error);
    if (status != VDT_OK)
        return status;
    for (uint64_t i = 0; i < diagnosis->truths; i++)
        if (diagnosis->truth_state[i] == VDT_TRUTH_MISSED && state->nearly[i])
            diagnosis->truth_state[i] = VDT_TRUTH_NEARLY;
    count_confusion(state);
    return vdt_tide_fill(state->matches, diagnosis, error);
}

static bool sound(const struct vdt_matches *matches, const struct vdt_objects *objects)
{
    for (uint64_t i = 0; i < objects->count; i++)
        if (objects->image[i] >= matches->options.images ||
            category_of(objects, i) >= matches->options.input_categories)
            return false;
    return true;
}

vdt_status vdt_diagnose(const struct vdt_matches *matches, const struct vdt_objects *ground_truth,
                        const struct vdt_objects *detections,
                        const struct vdt_diagnosis_options *options,
                        struct vdt_diagnosis **diagnosis, struct vdt_error *error)
{
    static const struct vdt_diagnosis_options defaults = {0};
    options = options == NULL ? &defaults : options;
    if (matches == NULL || ground_truth == NULL || detections == NULL || diagnosis == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "diagnosis: a required argument is NULL");
    if (!matches->options.keep_ids)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "diagnosis: the matches need keep_ids");
    if (ground_truth->count != matches->ground_truths || detections->count != matches->detections)
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "diagnosis: %llu ground truths and %llu detections were matched, not %llu "
            "and %llu",
            (unsigned long long)matches->ground_truths, (unsigned long long)matches->detections,
            (unsigned long long)ground_truth->count, (unsigned long long)detections->count);
    if (options->threshold >= matches->options.threshold_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "diagnosis: threshold %zu of %zu",
                        options->threshold, matches->options.threshold_count);
    if (!sound(matches, ground_truth) || !sound(matches, detections) ||
        (detections->score == NULL && detections->count > 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "diagnosis: these objects were not matched");
    double threshold = matches->options.thresholds[options->threshold];
    vdt_cleanup(clear_state) struct state state = {
        .matches = matches,
        .detections = detections,
        .truths = *ground_truth,
        .options = options,
        .enough = vdt_protocol_limit(matches->options.rules, threshold),
        .background = options->background == 0 ? .1 : options->background};
    if (matches->options.rules->no_flags)
        state.truths.crowd = state.truths.ignore = NULL;
    if (!(state.background > 0 && state.background <= state.enough))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "diagnosis: background %g is not between 0 and the threshold %g",
                        state.background, threshold);
    vdt_status status = diagnose(&state, error);
    if (status != VDT_OK)
        return status;
    *diagnosis = state.diagnosis;
    state.diagnosis = NULL;
    return VDT_OK;
}

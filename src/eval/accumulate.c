/* Precision and recall of a table of matches.
 *
 * pycocotools goes over all detections of a category by falling score, makes precision monotonous
 * from the right, and takes it where recall first reaches each of 101 numbers. Precision falls from
 * one true positive to the next, so its maxima are at true positives, and recall rises nowhere
 * else: only these are kept. */
#include "eval/accumulate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/parallel.h"

/* A true positive. */
struct hit {
    double precision;
    uint32_t found; /* true positives so far, this one included */
    uint32_t row;
};

/* The memory of one worker. */
struct scratch {
    struct hit *hits; /* [VDT_LANE][capacity] */
    size_t capacity;
    double *precision; /* [T][R][A][limits] of one category */
    double *score_at;  /* likewise; NULL where only averages are wanted */
    double *recall;    /* [T][A][M] */
    double *average;   /* [T][A][M] */
    uint32_t *needed;  /* [R]: true positives that reach each recall */
};

/* One call of vdt_detection_accumulate. */
struct state {
    const struct vdt_matches *matches;
    const uint32_t *weights;
    struct vdt_detection_scores *scores;
};

/* One range, lane and number of detections of a category. */
struct curve {
    const struct vdt_matches *matches;
    const uint32_t *weights;
    struct scratch *scratch;
    uint64_t first, end; /* rows */
    uint32_t most;       /* detections of an image */
    size_t area, lane, limit;
    double truths;      /* that count */
    bool no_curve;      /* only how many are found is wanted */
    uint64_t first_row; /* that counts at all; UINT64_MAX: there is none */
    uint32_t found[VDT_LANE];
    size_t hit_count[VDT_LANE];
    uint64_t counted[VDT_LANE]; /* rows that are not ignored */
};

/* --- true positives ------------------------------------------------------------------------- */

static void add_hits(struct curve *curve, unsigned bits, uint64_t row, uint64_t passed,
                     const uint64_t *ignored, uint32_t weight)
{
    for (; bits != 0; bits &= bits - 1) {
        int t = __builtin_ctz(bits);
        uint32_t found = curve->found[t] += weight;
        if (curve->no_curve)
            continue;
        struct hit *hits = curve->scratch->hits + (size_t)t * curve->scratch->capacity;
        /* As pycocotools has it: the smallest number above 1 is what keeps 0 / 0 away. */
        double all = (double)(passed - ignored[t]) + curve->matches->options.rules->epsilon;
        hits[curve->hit_count[t]++] = (struct hit){(double)found / all, found, (uint32_t)row};
    }
}

static void find_hits(struct curve *curve)
{
    const struct vdt_matches *matches = curve->matches;
    size_t width = matches->options.area_count * matches->options.lanes;
    const struct vdt_outcomes *outcomes =
        matches->outcomes + curve->area * matches->options.lanes + curve->lane;
    uint64_t passed = 0, ignored[VDT_LANE] = {0};
    size_t left = matches->options.threshold_count - curve->lane * VDT_LANE;
    unsigned all = left >= VDT_LANE ? 0xffffU : (1U << left) - 1;
    memset(curve->hit_count, 0, sizeof curve->hit_count);
    memset(curve->found, 0, sizeof curve->found);
    curve->first_row = UINT64_MAX;
    for (uint64_t row = curve->first; row < curve->end; row++) {
        uint32_t weight = curve->weights == NULL ? 1 : curve->weights[matches->image[row]];
        if (matches->rank[row] >= curve->most || weight == 0)
            continue;
        if (curve->first_row == UINT64_MAX)
            curve->first_row = row;
        struct vdt_outcomes here = outcomes[row * width];
        if (here.ignored == all)
            continue;
        passed += weight;
        for (unsigned bits = here.ignored; bits != 0; bits &= bits - 1)
            ignored[__builtin_ctz(bits)] += weight;
        unsigned hit = here.matched & ~(unsigned)here.ignored;
        if (hit != 0)
            add_hits(curve, hit, row, passed, ignored, weight);
    }
}

/* --- what pycocotools' arrays have ---------------------------------------------------------- */

/* The area under the curve, whose precision falls and whose recall steps at true positives. */
static double area_under(const struct hit *hits, size_t count, double truths)
{
    double area = 0;
    for (size_t i = 0; i < count; i++)
        area += (double)hits[i].found / truths * hits[i].precision -
                (i == 0 ? 0 : (double)hits[i - 1].found / truths * hits[i].precision);
    return area;
}

/* Precision at each recall, and the scores there. */
static void write_precision(const struct curve *curve, const struct vdt_detection_scores *scores,
                            size_t t, const struct hit *hits)
{
    const struct vdt_detection_shape *shape = &scores->shape;
    struct scratch *scratch = curve->scratch;
    size_t count = curve->hit_count[t], place = 0, cells = shape->areas * scores->limits;
    size_t cell =
        curve->area * scores->limits + curve->limit + scores->limits - shape->max_detections;
    size_t first = (curve->lane * VDT_LANE + t) * shape->recalls * cells + cell;
    double *precision = scratch->precision + first;
    double *score_at = scratch->score_at == NULL ? NULL : scratch->score_at + first;
    bool reached = curve->first_row != UINT64_MAX;
    for (size_t r = 0; r < shape->recalls; r++) {
        uint32_t needed = scratch->needed[r];
        if (r > 0 && needed < scratch->needed[r - 1])
            place = 0;
        while (place < count && hits[place].found < needed)
            place++;
        /* pycocotools gives up at the first recall that is not reached. */
        reached = reached && (needed == 0 || place < count);
        precision[r * cells] = reached && place < count ? hits[place].precision : 0;
        if (score_at == NULL)
            continue;
        uint64_t row = needed == 0 ? curve->first_row : place < count ? hits[place].row : 0;
        score_at[r * cells] = reached ? curve->matches->score[row] : 0;
    }
}

static void write_curve(const struct curve *curve, const struct vdt_detection_scores *scores,
                        size_t t)
{
    const struct vdt_detection_shape *shape = &scores->shape;
    struct scratch *scratch = curve->scratch;
    struct hit *hits = scratch->hits + t * scratch->capacity;
    size_t count = curve->hit_count[t];
    size_t cell =
        ((curve->lane * VDT_LANE + t) * shape->areas + curve->area) * shape->max_detections +
        curve->limit;
    scratch->recall[cell] = (double)curve->found[t] / curve->truths;
    if (curve->no_curve)
        return;
    for (size_t i = count; i > 1; i--)
        if (hits[i - 1].precision > hits[i - 2].precision)
            hits[i - 2].precision = hits[i - 1].precision;
    if (curve->matches->options.rules->exact_area)
        scratch->average[cell] = area_under(hits, count, curve->truths);
    write_precision(curve, scores, t, hits);
}

/* --- one category --------------------------------------------------------------------------- */

static uint64_t truths_of(const struct state *state, uint64_t category, size_t area)
{
    const struct vdt_matches *matches = state->matches;
    uint64_t count = 0;
    for (uint64_t i = matches->category_truths[category];
         i < matches->category_truths[category + 1]; i++)
        if ((matches->truth_ignored[i] >> area & 1) == 0)
            count += state->weights == NULL ? 1 : state->weights[matches->truth_image[i]];
    return count;
}

static uint64_t rows_of(const struct state *state, uint64_t category)
{
    const struct vdt_matches *matches = state->matches;
    uint64_t first = matches->category_rows[category], end = matches->category_rows[category + 1];
    uint64_t count = 0;
    if (state->weights == NULL)
        return end - first;
    for (uint64_t row = first; row < end; row++)
        count += state->weights[matches->image[row]];
    return count;
}

static void fill_range(const struct state *state, struct scratch *scratch, uint64_t category,
                       size_t area, uint64_t truths)
{
    const struct vdt_matches *matches = state->matches;
    const struct vdt_detection_shape *shape = &state->scores->shape;
    for (size_t r = 0; r < shape->recalls; r++)
        scratch->needed[r] = vdt_protocol_needed(matches->options.rules,
                                                 matches->options.recalls[r], (double)truths);
    struct curve curve = {.matches = matches,
                          .weights = state->weights,
                          .scratch = scratch,
                          .first = matches->category_rows[category],
                          .end = matches->category_rows[category + 1],
                          .area = area,
                          .truths = (double)truths};
    for (curve.lane = 0; curve.lane < matches->options.lanes; curve.lane++)
        for (curve.limit = 0; curve.limit < shape->max_detections; curve.limit++) {
            curve.no_curve = curve.limit + state->scores->limits < shape->max_detections;
            /* Averages of few detections are of recall, in the first range. */
            if (curve.no_curve && area > 0)
                continue;
            curve.most = matches->options.max_detections[curve.limit];
            find_hits(&curve);
            for (size_t t = 0; t < VDT_LANE && curve.lane * VDT_LANE + t < shape->thresholds; t++)
                write_curve(&curve, state->scores, t);
        }
}

static void fill(double *values, size_t count, double value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

/* From [..][A][M] of one category into [..][K][A][M]. */
static void put(const double *from, double *to, size_t rows, size_t categories, uint64_t category,
                size_t cells)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(to + (i * categories + category) * cells, from + i * cells, cells * sizeof *to);
}

static bool reserve_hits(struct scratch *scratch, size_t count)
{
    if (count <= scratch->capacity)
        return true;
    free(scratch->hits);
    scratch->capacity = 0;
    scratch->hits = vdt_allocate(count, VDT_LANE * sizeof *scratch->hits);
    if (scratch->hits != NULL)
        scratch->capacity = count;
    return scratch->hits != NULL;
}

static bool prepare(struct scratch *scratch, const struct vdt_detection_scores *scores, size_t hits)
{
    const struct vdt_detection_shape *shape = &scores->shape;
    size_t cells = shape->thresholds * shape->areas * shape->max_detections;
    size_t curves = shape->thresholds * shape->recalls * shape->areas * scores->limits;
    if (scratch->precision == NULL) {
        scratch->precision = vdt_allocate(curves, sizeof *scratch->precision);
        if (scores->score_at != NULL)
            scratch->score_at = vdt_allocate(curves, sizeof *scratch->score_at);
        scratch->recall = vdt_allocate(cells, sizeof *scratch->recall);
        scratch->average = vdt_allocate(cells, sizeof *scratch->average);
        scratch->needed = vdt_allocate(shape->recalls, sizeof *scratch->needed);
    }
    return scratch->precision != NULL && (scratch->score_at != NULL || scores->score_at == NULL) &&
           scratch->recall != NULL && scratch->average != NULL && scratch->needed != NULL &&
           reserve_hits(scratch, hits);
}

static vdt_status score_category(void *payload, void *worker, uint64_t category,
                                 struct vdt_error *error)
{
    struct state *state = payload;
    struct scratch *scratch = worker;
    struct vdt_detection_scores *scores = state->scores;
    const struct vdt_detection_shape *shape = &scores->shape;
    const struct vdt_matches *matches = state->matches;
    uint64_t here = matches->category_truths[category + 1] - matches->category_truths[category];
    if (!prepare(scratch, scores, (size_t)here))
        return vdt_fail_memory(error, "detection");
    size_t cells = shape->areas * shape->max_detections, kept = shape->areas * scores->limits;
    size_t curves = shape->thresholds * shape->recalls;
    fill(scratch->precision, curves * kept, -1);
    if (scores->score_at != NULL)
        fill(scratch->score_at, curves * kept, -1);
    fill(scratch->recall, shape->thresholds * cells, -1);
    fill(scratch->average, shape->thresholds * cells, -1);
    for (size_t area = 0; area < shape->areas; area++) {
        uint64_t truths = truths_of(state, category, area);
        if (truths >= UINT32_MAX)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "weights: they are too large together");
        if (area == 0)
            scores->truths[category] = truths;
        if (truths > 0)
            fill_range(state, scratch, category, area, truths);
    }
    scores->detections[category] = rows_of(state, category);
    put(scratch->precision, scores->precision, curves, shape->categories, category, kept);
    if (scores->score_at != NULL)
        put(scratch->score_at, scores->score_at, curves, shape->categories, category, kept);
    put(scratch->recall, scores->recall, shape->thresholds, shape->categories, category, cells);
    if (scores->average != NULL)
        put(scratch->average, scores->average, shape->thresholds, shape->categories, category,
            cells);
    return VDT_OK;
}

/* --- the call ------------------------------------------------------------------------------- */

static void *start_worker(void)
{
    return vdt_allocate_zero(1, sizeof(struct scratch));
}

static void stop_worker(void *worker)
{
    struct scratch *scratch = worker;
    free(scratch->hits);
    free(scratch->precision);
    free(scratch->score_at);
    free(scratch->recall);
    free(scratch->average);
    free(scratch->needed);
    free(scratch);
}

void vdt_detection_scores_free(struct vdt_detection_scores *scores)
{
    if (scores == NULL)
        return;
    free(scores->thresholds);
    free(scores->max_detections);
    free(scores->precision);
    free(scores->score_at);
    free(scores->recall);
    free(scores->average);
    free(scores->truths);
    free(scores->detections);
    free(scores);
}

static void free_scores(struct vdt_detection_scores **scores)
{
    vdt_detection_scores_free(*scores);
}

static vdt_status make_scores(const struct vdt_match_options *options, bool averages,
                              struct vdt_detection_scores **made, struct vdt_error *error)
{
    struct vdt_detection_scores *scores = *made = vdt_allocate_zero(1, sizeof **made);
    if (scores == NULL)
        return vdt_fail_memory(error, "detection");
    struct vdt_detection_shape *shape = &scores->shape;
    *shape =
        (struct vdt_detection_shape){options->threshold_count, options->recall_count,
                                     options->categories, options->area_count, options->max_count};
    scores->limits = averages ? 1 : shape->max_detections;
    size_t cells = shape->categories * shape->areas * shape->max_detections;
    if (cells > SIZE_MAX / sizeof(double) / shape->thresholds / shape->recalls)
        return vdt_fail_memory(error, "detection");
    cells *= shape->thresholds;
    size_t curves = cells / shape->max_detections * scores->limits * shape->recalls;
    scores->thresholds = vdt_allocate(shape->thresholds, sizeof *scores->thresholds);
    scores->max_detections = vdt_allocate(shape->max_detections, sizeof *scores->max_detections);
    scores->precision = vdt_allocate(curves, sizeof *scores->precision);
    if (!averages)
        scores->score_at = vdt_allocate(curves, sizeof *scores->score_at);
    scores->recall = vdt_allocate(cells, sizeof *scores->recall);
    if (options->rules->exact_area) {
        scores->average = vdt_allocate(cells, sizeof *scores->average);
        if (scores->average == NULL)
            return vdt_fail_memory(error, "detection");
    }
    scores->truths = vdt_allocate_zero(shape->categories, sizeof *scores->truths);
    scores->detections = vdt_allocate_zero(shape->categories, sizeof *scores->detections);
    if (scores->thresholds == NULL || scores->max_detections == NULL || scores->precision == NULL ||
        (scores->score_at == NULL && !averages) || scores->recall == NULL ||
        scores->truths == NULL || scores->detections == NULL)
        return vdt_fail_memory(error, "detection");
    memcpy(scores->thresholds, options->thresholds, shape->thresholds * sizeof *scores->thresholds);
    memcpy(scores->max_detections, options->max_detections,
           shape->max_detections * sizeof *scores->max_detections);
    return VDT_OK;
}

static vdt_status accumulate(const struct vdt_matches *matches, const uint32_t *weights,
                             bool averages, struct vdt_detection_scores **scores,
                             struct vdt_error *error)
{
    static const struct vdt_parallel work = {start_worker, stop_worker, score_category};
    enum { FEW_ROWS = 1 << 14 };
    if (matches == NULL || scores == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "detection: a required argument is NULL");
    vdt_cleanup(free_scores) struct vdt_detection_scores *made = NULL;
    vdt_status status = make_scores(&matches->options, averages, &made, error);
    if (status != VDT_OK)
        return status;
    struct state state = {matches, weights, made};
    uint32_t threads = averages || matches->rows < FEW_ROWS ? 1 : matches->options.threads;
    status = vdt_parallel_run(&work, &state, matches->options.categories, threads, error);
    if (status != VDT_OK)
        return status;
    *scores = made;
    made = NULL;
    return VDT_OK;
}

vdt_status vdt_detection_accumulate(const struct vdt_matches *matches, const uint32_t *weights,
                                    struct vdt_detection_scores **scores, struct vdt_error *error)
{
    return accumulate(matches, weights, false, scores, error);
}

vdt_status vdt_detection_averages(const struct vdt_matches *matches, const uint32_t *weights,
                                  struct vdt_detection_scores **scores, struct vdt_error *error)
{
    return accumulate(matches, weights, true, scores, error);
}

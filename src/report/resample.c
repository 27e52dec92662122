/* Intervals, comparisons and lists of samples: values of a task under other weights. */
#include "report/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/document.h"
#include "report/fields.h"

enum { WORST = 10, CHANGED = 20 };

/* Why a value is null. */
static const char *reason_of(const struct vdt_scorer *scorer, const double *values,
                             const char *name)
{
    static const char *const of_threshold[] = {"AP50", "AP75"};
    if (strcmp(name, "precision") == 0)
        return "no_predictions";
    for (size_t i = 0; i < sizeof of_threshold / sizeof of_threshold[0]; i++)
        if (strcmp(name, of_threshold[i]) == 0 && !isnan(values[0]))
            return "no_such_threshold";
    return scorer->task[0] == 'c' ? "undefined" : "no_ground_truth";
}

vdt_status vdt_values_document(const struct vdt_scorer *scorer, const double *values, bool classes,
                               json_t *object, struct vdt_error *error)
{
    json_t *metrics = json_object(), *reasons = json_object(), *by_class = json_object();
    if (metrics == NULL || reasons == NULL || by_class == NULL)
        return vdt_fail_memory(error, "metrics");
    for (size_t i = 0; i < scorer->metric_count; i++) {
        json_object_set_new(metrics, scorer->names[i], vdt_document_number(values[i]));
        if (isnan(values[i]))
            json_object_set_new(reasons, scorer->names[i],
                                json_string(reason_of(scorer, values, scorer->names[i])));
    }
    for (size_t i = scorer->metric_count; classes && i < scorer->value_count; i++)
        json_object_set_new(by_class, scorer->names[i], vdt_document_number(values[i]));
    json_object_set_new(object, "metrics", metrics);
    json_object_set_new(object, "reasons", reasons);
    if (classes)
        json_object_set(object, "class_metrics", by_class);
    json_decref(by_class);
    return VDT_OK;
}

/* --- replicates ---------------------------------------------------------------------------- */

struct replicates {
    const struct vdt_scorer *scorer;
    const struct vdt_scorer *other; /* may be NULL */
    size_t *place;                  /* [value_count] of the same name in `other`; SIZE_MAX: none */
    const double *known;            /* values of `scorer` alone that are there already, or NULL */
    uint64_t seed;
    double *values;
    uint32_t *drawn; /* units that count */
    uint32_t drawn_count;
    uint32_t *part; /* [drawn_count] what is drawn as a whole; NULL: each on its own */
    uint32_t part_count;
};

struct replicate_worker {
    uint32_t *draws;   /* [drawn_count] */
    uint32_t *weights; /* [unit_count] */
    double *others;    /* of the other task */
};

static void stop_worker(void *payload, void *worker)
{
    struct replicate_worker *made = worker;
    (void)payload;
    free(made->draws);
    free(made->weights);
    free(made->others);
    free(made);
}

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    const struct replicates *all = payload;
    struct replicate_worker *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "bootstrap");
    made->draws = vdt_allocate(all->drawn_count, sizeof *made->draws);
    made->weights = vdt_allocate_zero(all->scorer->unit_count, sizeof *made->weights);
    made->others = vdt_allocate(all->other ? all->other->value_count : 0, sizeof *made->others);
    if (made->draws == NULL || made->weights == NULL || made->others == NULL) {
        stop_worker(payload, made);
        return vdt_fail_memory(error, "bootstrap");
    }
    *worker = made;
    return VDT_OK;
}

static vdt_status do_replicate(void *payload, void *worker, uint64_t item, uint32_t slot,
                               struct vdt_error *error)
{
    const struct replicates *all = payload;
    struct replicate_worker *own = worker;
    size_t count = all->scorer->value_count;
    double *values = all->values + item * count;
    (void)slot;
    vdt_status status = vdt_bootstrap_weights(all->seed, item, all->drawn_count, all->part,
                                              all->part_count, own->draws, error);
    for (uint32_t i = 0; !status && i < all->drawn_count; i++)
        own->weights[all->drawn[i]] = own->draws[i];
    if (!status && all->known)
        memcpy(values, all->known + item * count, count * sizeof *values);
    else if (!status)
        status = all->scorer->score(all->scorer->state, own->weights, values, error);
    if (status || all->other == NULL)
        return status;
    status = all->other->score(all->other->state, own->weights, own->others, error);
    for (size_t i = 0; !status && i < count; i++)
        values[i] -= all->place[i] < SIZE_MAX ? own->others[all->place[i]] : (double)NAN;
    return status;
}

static vdt_status run_replicates(struct replicates *all, const struct vdt_evaluate_options *options,
                                 struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start_worker, do_replicate, stop_worker};
    struct vdt_ordered *pool;
    uint32_t slot, threads = options->threads, done = 0;
    uint32_t slots = 4 * (threads ? threads : vdt_core_count());
    vdt_status status = vdt_evaluate_step(options, "resampling", error);
    if (!status)
        status = vdt_ordered_start(&ops, all, options->bootstrap, threads, slots, &pool, error);
    if (status)
        return status;
    while ((status = vdt_ordered_take(pool, &slot, error)) == VDT_OK) {
        vdt_ordered_release(pool, slot);
        status = vdt_evaluate_progress(options, ++done, options->bootstrap, error);
        if (status)
            break;
    }
    vdt_ordered_free(pool);
    return status == VDT_END ? VDT_OK : status;
}

/* Parts of the samples that are drawn as wholes. */
static vdt_status make_parts(struct replicates *all, const struct vdt_sides *sides,
                             struct vdt_error *error)
{
    const char *field = sides->options->bootstrap_by;
    if (field == NULL)
        return VDT_OK;
    if (all->scorer->on_ground)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "bootstrap_by %s: objects on the ground are in no sample; without it, what "
                        "lies together is drawn as a whole",
                        field);
    all->part = vdt_allocate(all->drawn_count, sizeof *all->part);
    if (all->part == NULL)
        return vdt_fail_memory(error, "bootstrap");
    vdt_status status = vdt_field_parts(sides, all->drawn, all->drawn_count, field, "bootstrap_by",
                                        all->part, &all->part_count, error);
    if (!status && all->part_count < 2)
        status = vdt_fail(error, VDT_ERR_UNSUPPORTED,
                          "bootstrap_by %s: all samples are one part, which nothing can be drawn "
                          "from; take another field",
                          field);
    return status;
}

/* Classes may be in one run only. */
static vdt_status find_places(struct replicates *all, struct vdt_error *error)
{
    const struct vdt_scorer *scorer = all->scorer, *other = all->other;
    if (other == NULL)
        return VDT_OK;
    all->place = vdt_allocate(scorer->value_count, sizeof *all->place);
    if (all->place == NULL)
        return vdt_fail_memory(error, "bootstrap");
    for (size_t i = 0; i < scorer->value_count; i++) {
        all->place[i] =
            i < other->value_count && strcmp(scorer->names[i], other->names[i]) == 0 ? i : SIZE_MAX;
        for (size_t k = 0; all->place[i] == SIZE_MAX && k < other->value_count; k++)
            if (strcmp(scorer->names[i], other->names[k]) == 0)
                all->place[i] = k;
    }
    return VDT_OK;
}

static void clear_replicates(struct replicates *all)
{
    free(all->place);
    free(all->drawn);
    free(all->part);
}

vdt_status vdt_bootstrap_values(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                const double *known, const struct vdt_sides *sides, double **values,
                                struct vdt_error *error)
{
    const struct vdt_evaluate_options *options = sides->options;
    vdt_cleanup(clear_replicates) struct replicates all = {
        .scorer = scorer, .other = other, .known = known, .seed = options->seed};
    all.drawn = vdt_allocate(scorer->unit_count, sizeof *all.drawn);
    vdt_cleanup(vdt_free_pointer) double *made =
        vdt_allocate(options->bootstrap, scorer->value_count * sizeof *made);
    if (all.drawn == NULL || made == NULL)
        return vdt_fail_memory(error, "bootstrap");
    for (uint32_t i = 0; i < scorer->unit_count; i++)
        if (scorer->weights[i])
            all.drawn[all.drawn_count++] = i;
    all.values = made;
    vdt_status status = make_parts(&all, sides, error);
    if (!status)
        status = find_places(&all, error);
    if (!status)
        status = run_replicates(&all, options, error);
    if (status)
        return status;
    *values = made;
    made = NULL;
    return VDT_OK;
}

/* Errors are better when they are less. */
static bool is_error(const char *name)
{
    static const char *const errors[] = {"ece", "mce", "brier"};
    bool found = false;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        found = found || strcmp(name, errors[i]) == 0;
    return found;
}

vdt_status vdt_intervals_document(const struct vdt_scorer *scorer, const double *values,
                                  uint64_t count, bool differences, json_t **document,
                                  struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *object = json_object();
    vdt_cleanup(vdt_free_pointer) double *column = vdt_allocate(count, sizeof *column);
    if (object == NULL || column == NULL)
        return vdt_fail_memory(error, "bootstrap");
    for (size_t i = 0; i < scorer->value_count; i++) {
        struct vdt_interval interval;
        for (uint64_t k = 0; k < count; k++)
            column[k] = values[k * scorer->value_count + i];
        vdt_status status = vdt_bootstrap_interval(column, count, 0, &interval, error);
        if (status)
            return status;
        json_t *item = json_object();
        json_object_set_new(item, "low", vdt_document_number(interval.low));
        json_object_set_new(item, "high", vdt_document_number(interval.high));
        json_object_set_new(item, "deviation", vdt_document_number(interval.deviation));
        if (differences)
            json_object_set_new(item, "better",
                                vdt_document_number(is_error(scorer->names[i]) ? 1 - interval.above
                                                                               : interval.above));
        json_object_set_new(object, scorer->names[i], item);
    }
    *document = json_incref(object);
    return VDT_OK;
}

/* --- samples ------------------------------------------------------------------------------- */

struct ranked_unit {
    double score;
    double errors;
    uint32_t unit;
};

/* Lowest score first, then most errors, then the order of samples. */
static int by_badness(const void *a, const void *b)
{
    const struct ranked_unit *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? -1 : 1;
    if (left->errors != right->errors)
        return left->errors > right->errors ? -1 : 1;
    return left->unit < right->unit ? -1 : left->unit > right->unit;
}

static json_t *sample_document(const struct vdt_sides *sides, uint32_t unit)
{
    const struct vdt_side_sample *sample = &sides->samples[unit];
    json_t *object = json_object();
    json_object_set_new(object, "sample", vdt_document_text(sample->reference));
    json_object_set_new(object, "group", vdt_document_text(sample->group));
    json_object_set_new(object, "index", vdt_document_count(sample->index));
    json_object_set_new(object, "predicted", json_boolean(sample->has_prediction));
    return object;
}

vdt_status vdt_worst_document(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                              json_t **document, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_cleanup(vdt_free_pointer) struct ranked_unit *ranked =
        vdt_allocate(scorer->unit_count, sizeof *ranked);
    size_t count = 0, most = sides->options->worst ? sides->options->worst : WORST;
    if (list == NULL || ranked == NULL)
        return vdt_fail_memory(error, "samples");
    for (uint32_t i = 0; !scorer->on_ground && i < scorer->unit_count; i++)
        if (scorer->weights[i] && scorer->unit_scores[i] < 1)
            ranked[count++] = (struct ranked_unit){
                scorer->unit_scores[i], scorer->unit_errors ? scorer->unit_errors[i] : 0, i};
    qsort(ranked, count, sizeof *ranked, by_badness);
    for (size_t i = 0; i < count && i < most; i++) {
        json_t *object = sample_document(sides, ranked[i].unit);
        json_array_append_new(list, object);
        json_object_set_new(object, scorer->direction, vdt_document_number(ranked[i].score));
        vdt_status status =
            scorer->describe ? scorer->describe(scorer->state, sides, ranked[i].unit, object, error)
                             : VDT_OK;
        if (status)
            return status;
    }
    *document = json_incref(list);
    return VDT_OK;
}

/* --- two runs ------------------------------------------------------------------------------ */

static json_t *changed_document(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                const struct vdt_sides *sides, const struct ranked_unit *ranked,
                                size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < CHANGED; i++) {
        json_t *object = sample_document(sides, ranked[i].unit);
        json_object_set_new(object, "before",
                            vdt_document_number(other->unit_scores[ranked[i].unit]));
        json_object_set_new(object, "after",
                            vdt_document_number(scorer->unit_scores[ranked[i].unit]));
        json_array_append_new(list, object);
    }
    return list;
}

/* Samples whose score changed, the largest change first. */
static vdt_status add_changed(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                              const struct vdt_sides *sides, json_t *object,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct ranked_unit *worse =
        vdt_allocate(scorer->unit_count, sizeof *worse);
    vdt_cleanup(vdt_free_pointer) struct ranked_unit *better =
        vdt_allocate(scorer->unit_count, sizeof *better);
    size_t worse_count = 0, better_count = 0, equal = 0;
    if (worse == NULL || better == NULL)
        return vdt_fail_memory(error, "samples");
    for (uint32_t i = 0; i < scorer->unit_count && i < other->unit_count; i++) {
        double change = scorer->unit_scores[i] - other->unit_scores[i];
        if (!scorer->weights[i])
            continue;
        if (change < 0)
            worse[worse_count++] = (struct ranked_unit){change, 0, i};
        else if (change > 0)
            better[better_count++] = (struct ranked_unit){-change, 0, i};
        else
            equal++;
    }
    qsort(worse, worse_count, sizeof *worse, by_badness);
    qsort(better, better_count, sizeof *better, by_badness);
    json_object_set_new(object, "worse", vdt_document_count(worse_count));
    json_object_set_new(object, "better", vdt_document_count(better_count));
    json_object_set_new(object, "equal", vdt_document_count(equal));
    json_object_set_new(object, "worse_samples",
                        changed_document(scorer, other, sides, worse, worse_count));
    json_object_set_new(object, "better_samples",
                        changed_document(scorer, other, sides, better, better_count));
    return VDT_OK;
}

/* The other task's value of a name. */
static double value_of(const struct vdt_scorer *scorer, const double *values, const char *name)
{
    for (size_t i = 0; i < scorer->value_count; i++)
        if (strcmp(scorer->names[i], name) == 0)
            return values[i];
    return NAN;
}

static json_t *differences_document(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                    const double *after, const double *before)
{
    json_t *object = json_object();
    for (size_t i = 0; i < scorer->value_count; i++) {
        double was = value_of(other, before, scorer->names[i]);
        json_t *item = json_object();
        json_object_set_new(item, "before", vdt_document_number(was));
        json_object_set_new(item, "after", vdt_document_number(after[i]));
        json_object_set_new(item, "difference", vdt_document_number(after[i] - was));
        json_object_set_new(object, scorer->names[i], item);
    }
    return object;
}

vdt_status vdt_comparison_document(const struct vdt_scorer *scorer, const struct vdt_scorer *other,
                                   const double *known, const struct vdt_sides *sides,
                                   json_t **document, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *object = json_object(), *intervals = NULL;
    vdt_cleanup(vdt_free_pointer) double *after = vdt_allocate(scorer->value_count, sizeof(double));
    vdt_cleanup(vdt_free_pointer) double *before = vdt_allocate(other->value_count, sizeof(double));
    vdt_cleanup(vdt_free_pointer) double *values = NULL;
    if (object == NULL || after == NULL || before == NULL)
        return vdt_fail_memory(error, "comparison");
    vdt_status status = scorer->score(scorer->state, scorer->weights, after, error);
    if (!status)
        status = other->score(other->state, other->weights, before, error);
    if (!status && !scorer->on_ground)
        status = add_changed(scorer, other, sides, object, error);
    if (status)
        return status;
    json_object_set_new(object, "metrics", differences_document(scorer, other, after, before));
    uint32_t count = sides->options->bootstrap;
    if (count && scorer->unit_count == other->unit_count) {
        status = vdt_bootstrap_values(scorer, other, known, sides, &values, error);
        if (!status)
            status = vdt_intervals_document(scorer, values, count, true, &intervals, error);
        if (status)
            return status;
        json_object_set(object, "intervals", intervals);
    }
    *document = json_incref(object);
    return VDT_OK;
}

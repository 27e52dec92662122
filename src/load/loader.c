/* Batches in order, filled ahead of the caller by the thread pool of base.
 *
 * The batches of an epoch are steps (load/steps.h); each is filled in parts, so that all threads
 * work at the same few batches. The pool's items are the parts of all steps from the loader's start
 * on, over the ends of epochs: while the caller ends one epoch, the next begins.
 *
 * `ring` batches are with the pool. One that is taken goes to the caller and a spare one takes its
 * place, so the pool never waits for batches that the caller holds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/loader.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "load/balance.h"
#include "load/batch.h"
#include "load/fill.h"
#include "load/order.h"
#include "load/steps.h"

enum { DEFAULT_BATCH = 32, DEFAULT_PREFETCH = 2, MOST_THREADS = 4096, MOST_PREFETCH = 1 << 20 };

struct vdt_loader {
    struct vdt_sources sources;
    struct vdt_recipe recipe;
    struct vdt_alias alias;
    struct vdt_steps steps; /* start 0: a whole epoch */
    enum vdt_order_kind kind;
    uint64_t window;
    uint64_t seed;
    enum vdt_verify verify;
    uint64_t verified_epoch; /* with VDT_VERIFY_FIRST: the one to compare in */
    uint32_t threads;
    uint32_t parts; /* of a batch */
    uint32_t ring;
    size_t capacity; /* samples that a batch has room for */
    void (*damaged)(const char *text, void *payload);
    void *payload;
    uint64_t skipped;

    /* Read by workers: they change only while there is no pool. */
    uint64_t first_epoch;       /* of the pool's item 0 */
    uint64_t first_start;       /* position in it */
    uint64_t first_steps;       /* steps from there to the epoch's end */
    struct vdt_batch **batches; /* [ring]; entry k is of steps k, k + ring, ... since item 0 */

    struct vdt_batch_home *home;
    uint32_t *slots;          /* [parts] of the pool, while a step is taken */
    struct vdt_ordered *pool; /* NULL: not started yet, or after a failed rewind */
    pid_t process;            /* whose threads they are */
    atomic_bool stopping;     /* the pool is on its way out */
    uint64_t taken;           /* steps since item 0 */
    uint64_t epoch;
    uint64_t start; /* position where the epoch was entered */
    uint64_t step;  /* next, counted from there */
};

/* --- what the workers do ---------------------------------------------------------------------- */

struct worker {
    struct vdt_scratch scratch;
    uint64_t *samples; /* and positions behind: of one part */
};

static void stop_worker(void *payload, void *argument)
{
    (void)payload;
    struct worker *worker = argument;
    vdt_scratch_clear(&worker->scratch);
    free(worker->samples);
    free(worker);
}

static vdt_status start_worker(void *payload, void **out, struct vdt_error *error)
{
    const struct vdt_loader *loader = payload;
    struct worker *worker = vdt_allocate_zero(1, sizeof *worker);
    if (worker != NULL)
        worker->samples = vdt_allocate(loader->capacity / loader->parts + 1, 2 * sizeof(uint64_t));
    if (worker == NULL || worker->samples == NULL) {
        free(worker);
        return vdt_fail_memory(error, "a loader's thread");
    }
    *out = worker;
    return VDT_OK;
}

static struct vdt_steps steps_from(const struct vdt_loader *loader, uint64_t start)
{
    struct vdt_steps steps = loader->steps;
    steps.start = start;
    return steps;
}

static vdt_status process_item(void *payload, void *argument, uint64_t item, uint32_t slot,
                               struct vdt_error *error)
{
    (void)slot; /* it only bounds how far workers run ahead */
    const struct vdt_loader *loader = payload;
    struct worker *worker = argument;
    uint64_t step = item / loader->parts, epoch = loader->first_epoch;
    struct vdt_batch *batch = loader->batches[step % loader->ring];
    struct vdt_steps steps = steps_from(loader, loader->first_start);
    if (step >= loader->first_steps) {
        uint64_t whole = vdt_steps_count(&loader->steps);
        step -= loader->first_steps;
        epoch += 1 + step / whole;
        step %= whole;
        steps = loader->steps;
    }
    struct vdt_order order =
        vdt_order_make(loader->kind, loader->seed, epoch, loader->sources.samples, loader->window,
                       loader->steps.length, &loader->alias);
    uint64_t first_position = 0;
    size_t size = (size_t)vdt_steps_batch(&steps, step, &first_position), first, count;
    size_t part = (size_t)(item % loader->parts);
    vdt_part_range(size, part, loader->parts, &first, &count);
    uint64_t *positions = worker->samples + count;
    for (size_t i = 0; i < count; i++) {
        positions[i] = (first_position + first + i) % steps.length;
        worker->samples[i] = vdt_order_index(&order, positions[i]);
    }
    if (part == 0)
        batch->position = first_position;
    struct vdt_fill fill = {
        .recipe = &loader->recipe,
        .epoch = epoch,
        .verify = loader->verify == VDT_VERIFY_ALWAYS ||
                  (loader->verify == VDT_VERIFY_FIRST && epoch == loader->verified_epoch),
        .stop = &loader->stopping,
    };
    return vdt_fill_part(&fill, &worker->scratch, batch, size, part, worker->samples, positions,
                         error);
}

/* --- the pool --------------------------------------------------------------------------------- */

static vdt_status start_pool(struct vdt_loader *loader, uint64_t epoch, uint64_t start,
                             struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {
        .start = start_worker, .process = process_item, .stop = stop_worker};
    assert(loader->pool == NULL);
    struct vdt_steps steps = steps_from(loader, start);
    loader->first_epoch = epoch;
    loader->first_start = start;
    loader->first_steps = vdt_steps_count(&steps);
    loader->process = getpid();
    atomic_store(&loader->stopping, false);
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; status == VDT_OK && i < loader->ring; i++) {
        if (loader->batches[i] == NULL)
            status = vdt_batch_home_take(loader->home, &loader->batches[i], error);
        else /* a pool that ended early left it half filled */
            atomic_store(&loader->batches[i]->parts_left, loader->batches[i]->part_count);
    }
    /* Without a step in an epoch there is nothing to run ahead to. */
    uint64_t items = vdt_steps_count(&loader->steps) == 0 ? 0 : UINT64_MAX;
    if (status == VDT_OK)
        status = vdt_ordered_start(&ops, loader, items, loader->threads,
                                   loader->ring * loader->parts, &loader->pool, error);
    if (status != VDT_OK)
        return status;
    loader->taken = 0;
    loader->epoch = epoch;
    loader->start = start;
    loader->step = 0;
    return VDT_OK;
}

static void stop_pool(struct vdt_loader *loader)
{
    atomic_store(&loader->stopping, true);
    vdt_ordered_free(loader->pool);
    loader->pool = NULL;
}

static uint64_t steps_left(const struct vdt_loader *loader)
{
    struct vdt_steps steps = steps_from(loader, loader->start);
    return vdt_steps_count(&steps) - loader->step;
}

static uint64_t position(const struct vdt_loader *loader)
{
    struct vdt_steps steps = steps_from(loader, loader->start);
    return vdt_steps_position(&steps, loader->step);
}

/* A child process has the loader's memory but none of its threads: it goes on where the parent was
 * when it forked, with threads of its own. */
static vdt_status after_fork(struct vdt_loader *loader, struct vdt_error *error)
{
    if (loader->process == getpid())
        return VDT_OK;
    if (vdt_batch_home_has_device(loader->home))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "a loader on a CUDA device cannot be used after a fork: start it in the "
                        "child");
    vdt_ordered_forget(loader->pool);
    loader->pool = NULL;
    for (size_t i = 0; i < loader->sources.count; i++)
        vdt_columns_after_fork(loader->sources.items[i].columns);
    return start_pool(loader, loader->epoch, position(loader), error);
}

/* --- starting --------------------------------------------------------------------------------- */

static vdt_status check_resume(struct vdt_loader *loader, const struct vdt_loader_state *resume,
                               uint64_t *start, struct vdt_error *error)
{
    uint64_t samples = loader->sources.samples;
    if (resume->samples != 0 && resume->samples != samples)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: cannot resume an epoch of %llu samples: there are %llu now",
                        vdt_source_path(&loader->sources.items[0]),
                        (unsigned long long)resume->samples, (unsigned long long)samples);
    if (resume->position > loader->steps.length)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: cannot resume at sample %llu of %llu",
                        vdt_source_path(&loader->sources.items[0]),
                        (unsigned long long)resume->position,
                        (unsigned long long)loader->steps.length);
    loader->seed = resume->seed;
    loader->epoch = resume->epoch;
    *start = resume->position;
    return VDT_OK;
}

static bool drawn(enum vdt_order_kind kind)
{
    return kind == VDT_WEIGHTED || kind == VDT_BALANCED;
}

static vdt_status set_steps(struct vdt_loader *loader, const struct vdt_loader_options *options,
                            struct vdt_error *error)
{
    struct vdt_steps *steps = &loader->steps;
    steps->size = options->batch_size == 0 ? DEFAULT_BATCH : options->batch_size;
    steps->world = options->world == 0 ? 1 : options->world;
    steps->rank = options->rank;
    steps->tail = options->tail;
    if (steps->tail == VDT_TAIL_DEFAULT)
        steps->tail = steps->world == 1 ? VDT_TAIL_SHORT : VDT_TAIL_PAD;
    steps->length = loader->sources.samples;
    if (drawn(loader->kind) && options->epoch_samples > 0 && steps->length > 0)
        steps->length = options->epoch_samples;
    if (steps->rank >= steps->world)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "rank %lu of %lu: ranks count from 0",
                        (unsigned long)steps->rank, (unsigned long)steps->world);
    if (loader->kind > VDT_BALANCED || steps->tail > VDT_TAIL_PAD)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "no such order, or no such tail");
    if (options->epoch_samples > 0 && !drawn(loader->kind))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "epoch_samples is for the weighted and the balanced order");
    return VDT_OK;
}

static vdt_status set_threads(struct vdt_loader *loader, const struct vdt_loader_options *options,
                              struct vdt_error *error)
{
    uint64_t prefetch = options->prefetch == 0 ? DEFAULT_PREFETCH : options->prefetch;
    loader->threads = options->threads == 0 ? vdt_core_count() : options->threads;
    if (loader->threads > MOST_THREADS || prefetch > MOST_PREFETCH)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%lu threads and a prefetch of %llu are too many",
                        (unsigned long)loader->threads, (unsigned long long)prefetch);
    uint64_t parts = loader->threads < loader->steps.size ? loader->threads : loader->steps.size;
    loader->parts = (uint32_t)parts;
    loader->ring = (uint32_t)prefetch + 1 + (uint32_t)((loader->threads - 1) / parts);
    if ((uint64_t)loader->ring * loader->parts > INT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%lu threads and a prefetch of %llu are too many",
                        (unsigned long)loader->threads, (unsigned long long)prefetch);
    return VDT_OK;
}

static vdt_status set_weights(struct vdt_loader *loader, const struct vdt_loader_options *options,
                              const struct vdt_input *inputs, struct vdt_error *error)
{
    struct vdt_sources *sources = &loader->sources;
    if (options->weights != NULL && loader->kind != VDT_WEIGHTED)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "weights are for the weighted order");
    if (!drawn(loader->kind) || sources->samples == 0)
        return VDT_OK;
    if (options->weights != NULL) {
        if (options->weight_count == sources->samples)
            return vdt_alias_init(&loader->alias, options->weights, sources->samples, error);
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%llu weights for %llu samples",
                        (unsigned long long)options->weight_count,
                        (unsigned long long)sources->samples);
    }
    vdt_cleanup(vdt_free_pointer) double *weights =
        vdt_allocate((size_t)sources->samples, sizeof *weights);
    vdt_cleanup(vdt_free_pointer) struct vdt_input *named =
        vdt_allocate(sources->count, sizeof *named);
    if (weights == NULL || named == NULL)
        return vdt_fail_memory(error, "weights");
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < sources->count; i++) {
        named[i] = inputs[i];
        named[i].group = sources->items[i].group_name;
    }
    if (loader->kind == VDT_BALANCED)
        status = vdt_weights_balanced(named, sources->count, weights, error);
    for (size_t i = 0; loader->kind == VDT_WEIGHTED && status == VDT_OK && i < sources->count; i++)
        status = vdt_weights_stored(&named[i], weights + sources->items[i].first, error);
    return status == VDT_OK ? vdt_alias_init(&loader->alias, weights, sources->samples, error)
                            : status;
}

static vdt_status make_batches(struct vdt_loader *loader, const struct vdt_loader_options *options,
                               struct vdt_error *error)
{
    uint64_t capacity = loader->steps.size;
    if (capacity > loader->steps.length && loader->steps.tail != VDT_TAIL_PAD)
        capacity = loader->steps.length;
    loader->capacity = (size_t)capacity;
    loader->batches = vdt_allocate_zero(loader->ring, sizeof *loader->batches);
    loader->slots = vdt_allocate_zero(loader->parts, sizeof *loader->slots);
    if (loader->batches == NULL || loader->slots == NULL)
        return vdt_fail_memory(error, "a loader");
    return vdt_batch_home_create(&loader->recipe.spec, loader->capacity, loader->parts, options,
                                 &loader->home, error);
}

static vdt_status prepare(struct vdt_loader *loader, const struct vdt_input *inputs, size_t count,
                          const struct vdt_loader_options *options, uint64_t *start,
                          struct vdt_error *error)
{
    loader->kind = options->order;
    loader->window = options->window;
    loader->seed = options->seed;
    loader->epoch = options->epoch;
    loader->verify = options->verify;
    loader->damaged = options->damaged;
    loader->payload = options->payload;
    vdt_status status = vdt_sources_init(&loader->sources, inputs, count, options, true, error);
    if (status == VDT_OK)
        status = set_steps(loader, options, error);
    if (status == VDT_OK && options->resume != NULL)
        status = check_resume(loader, options->resume, start, error);
    if (status == VDT_OK)
        status = set_threads(loader, options, error);
    if (status == VDT_OK)
        status = set_weights(loader, options, inputs, error);
    if (status == VDT_OK)
        status = vdt_recipe_init(&loader->recipe, &loader->sources, options, error);
    loader->recipe.seed = loader->seed;
    loader->verified_epoch = loader->epoch;
    return status == VDT_OK ? make_batches(loader, options, error) : status;
}

vdt_status vdt_loader_start_inputs(const struct vdt_input *inputs, size_t input_count,
                                   const struct vdt_loader_options *options,
                                   struct vdt_loader **loader, struct vdt_error *error)
{
    static const struct vdt_loader_options defaults = {0};
    struct vdt_loader *made = vdt_allocate_zero(1, sizeof *made);
    uint64_t start = 0;
    if (made == NULL)
        return vdt_fail_memory(error, "a loader");
    made->process = getpid();
    vdt_status status =
        prepare(made, inputs, input_count, options == NULL ? &defaults : options, &start, error);
    if (status == VDT_OK)
        status = start_pool(made, made->epoch, start, error);
    if (status == VDT_OK)
        *loader = made;
    else
        vdt_loader_free(made);
    return status;
}

vdt_status vdt_loader_start(const struct vdt_reader *reader,
                            const struct vdt_loader_options *options, struct vdt_loader **loader,
                            struct vdt_error *error)
{
    return vdt_loader_start_inputs(&(struct vdt_input){.reader = reader}, 1, options, loader,
                                   error);
}

void vdt_loader_free(struct vdt_loader *loader)
{
    if (loader == NULL)
        return;
    if (loader->process == getpid()) {
        stop_pool(loader);
    } else {
        vdt_ordered_forget(loader->pool);
    }
    for (uint32_t i = 0; loader->batches != NULL && i < loader->ring; i++)
        if (loader->batches[i] != NULL)
            vdt_batch_home_give(loader->home, loader->batches[i]);
    vdt_batch_home_close(loader->home);
    free(loader->batches);
    free(loader->slots);
    vdt_alias_clear(&loader->alias);
    vdt_recipe_clear(&loader->recipe);
    vdt_sources_clear(&loader->sources);
    free(loader);
}

/* --- going on --------------------------------------------------------------------------------- */

static void report_damage(struct vdt_loader *loader, const struct vdt_batch *batch)
{
    loader->skipped += batch->skipped;
    for (size_t p = 0; loader->damaged != NULL && p < batch->part_count; p++) {
        const struct vdt_buffer *lines = &batch->parts[p].damage;
        for (size_t at = 0; at < lines->size; at += strlen((const char *)lines->data + at) + 1)
            loader->damaged((const char *)lines->data + at, loader->payload);
    }
}

/* Waits for all parts of the next step. */
static vdt_status take_parts(struct vdt_loader *loader, struct vdt_error *error)
{
    uint32_t slot = 0;
    for (uint32_t p = 0; p < loader->parts; p++) {
        vdt_status status = vdt_ordered_take(loader->pool, &slot, error);
        if (status != VDT_OK)
            return status;
        loader->slots[p] = slot;
    }
    return VDT_OK;
}

vdt_status vdt_loader_next(struct vdt_loader *loader, struct vdt_batch **batch,
                           struct vdt_error *error)
{
    vdt_status status = after_fork(loader, error);
    if (status != VDT_OK)
        return status;
    if (loader->pool == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the loader's last rewind failed",
                        vdt_source_path(&loader->sources.items[0]));
    if (steps_left(loader) == 0)
        return VDT_END;
    struct vdt_batch *spare = NULL;
    status = vdt_batch_home_take(loader->home, &spare, error);
    if (status != VDT_OK)
        return status;
    status = take_parts(loader, error);
    if (status != VDT_OK) {
        vdt_batch_home_give(loader->home, spare);
        return status;
    }
    struct vdt_batch **place = &loader->batches[loader->taken % loader->ring];
    struct vdt_batch *taken = *place;
    *place = spare;
    for (uint32_t p = 0; p < loader->parts; p++)
        vdt_ordered_release(loader->pool, loader->slots[p]);
    loader->taken++;
    loader->step++;
    if (taken->skipped > 0)
        report_damage(loader, taken);
    status = vdt_batch_arrived(taken, error);
    if (status == VDT_OK)
        *batch = taken;
    else
        vdt_batch_home_give(loader->home, taken);
    return status;
}

vdt_status vdt_loader_rewind(struct vdt_loader *loader, struct vdt_error *error)
{
    vdt_status status = after_fork(loader, error);
    if (status != VDT_OK)
        return status;
    if (loader->pool != NULL && steps_left(loader) == 0) {
        /* The pool is in the next epoch already. */
        loader->epoch++;
        loader->start = loader->step = 0;
        return VDT_OK;
    }
    stop_pool(loader);
    return start_pool(loader, loader->epoch + 1, 0, error);
}

struct vdt_loader_state vdt_loader_state(const struct vdt_loader *loader)
{
    return (struct vdt_loader_state){.seed = loader->seed,
                                     .epoch = loader->epoch,
                                     .position = position(loader),
                                     .samples = loader->sources.samples};
}

uint64_t vdt_loader_batches(const struct vdt_loader *loader)
{
    return vdt_steps_count(&loader->steps);
}

uint64_t vdt_loader_samples(const struct vdt_loader *loader)
{
    return loader->sources.samples;
}

struct vdt_batch_spec vdt_loader_spec(const struct vdt_loader *loader)
{
    return loader->recipe.spec;
}

uint64_t vdt_loader_skipped(const struct vdt_loader *loader)
{
    return loader->skipped;
}

uint64_t vdt_loader_memory(const struct vdt_loader *loader)
{
    return vdt_batch_home_memory(loader->home);
}

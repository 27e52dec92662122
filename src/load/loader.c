/* Batches in order: the thread pool of base fills them ahead of the caller.
 *
 * A pool lives for one epoch. Batches outlive it, since the caller may hold some across a rewind:
 * there are `prefetch` more of them than a pool uses, so that the next pool always finds enough
 * that nobody holds. These spare ones get memory only once a rewind needs them. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <vedatile/loader.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/ordered.h"
#include "load/batch.h"
#include "load/order.h"

struct vdt_batch {
    struct vdt_batch_arrays arrays;
    struct vdt_loader *loader;
    uint32_t slot;       /* in the pool that filled it */
    uint64_t generation; /* of that pool */
    bool allocated;
    bool held; /* by the caller */
};

struct vdt_loader {
    struct vdt_batch_source source;
    const char *group_name; /* borrowed from the reader */
    uint64_t sample_count;
    uint64_t batch_size;
    uint64_t batch_count; /* in an epoch */
    uint32_t threads;
    uint32_t prefetch;
    uint32_t slots; /* of a pool: prefetch + threads, so a caller that holds all it may hold leaves
                       every thread a slot */
    uint32_t total; /* batches: slots + prefetch */
    bool shuffle;
    uint64_t seed;

    uint64_t epoch;
    uint64_t position;   /* samples delivered in the epoch */
    uint64_t next_batch; /* of the epoch, that next delivers */

    /* Read by workers, so they change only while there is no pool. */
    struct vdt_order order;
    uint64_t first_batch;       /* the pool's item 0 */
    struct vdt_batch **in_slot; /* [slots] */

    struct vdt_batch *batches; /* [total] */
    pthread_mutex_t mutex;     /* guards pool, generation, held_count and the batches' held */
    struct vdt_ordered
        *pool; /* changed by the thread that calls next; NULL after a failed rewind */
    uint64_t generation;
    uint32_t held_count;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static vdt_status process_item(void *payload, void *worker, uint64_t item, uint32_t slot,
                               struct vdt_error *error)
{
    (void)worker;
    const struct vdt_loader *loader = payload;
    struct vdt_batch_arrays *arrays = &loader->in_slot[slot]->arrays;
    uint64_t first = (loader->first_batch + item) * loader->batch_size;
    size_t size = (size_t)least(loader->batch_size, loader->sample_count - first);
    for (size_t i = 0; i < size; i++)
        arrays->indices[i] = vdt_order_index(&loader->order, first + i);
    return vdt_batch_fill(arrays, &loader->source, size, error);
}

/* Gives each slot of the next pool a batch that nobody holds. There is no pool now. */
static vdt_status assign_slots(struct vdt_loader *loader, struct vdt_error *error)
{
    size_t capacity = (size_t)least(loader->batch_size, loader->sample_count);
    vdt_status status = VDT_OK;
    uint32_t slot = 0;
    pthread_mutex_lock(&loader->mutex);
    for (uint32_t i = 0; status == VDT_OK && slot < loader->slots; i++) {
        assert(i < loader->total);
        struct vdt_batch *batch = &loader->batches[i];
        if (batch->held)
            continue;
        if (!batch->allocated)
            status = vdt_batch_init(&batch->arrays, &loader->source, capacity, error);
        if (status != VDT_OK)
            break;
        batch->allocated = true;
        batch->slot = slot;
        batch->generation = loader->generation;
        loader->in_slot[slot++] = batch;
    }
    pthread_mutex_unlock(&loader->mutex);
    return status;
}

static vdt_status start_pool(struct vdt_loader *loader, uint64_t epoch, uint64_t first_batch,
                             struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.process = process_item};
    assert(loader->pool == NULL);
    vdt_status status = assign_slots(loader, error);
    if (status != VDT_OK)
        return status;
    loader->order = vdt_order_make(loader->shuffle ? VDT_SHUFFLED : VDT_SEQUENTIAL, loader->seed,
                                   epoch, loader->sample_count, 0, 0, NULL);
    loader->first_batch = first_batch;
    struct vdt_ordered *pool = NULL;
    status = vdt_ordered_start(&ops, loader, loader->batch_count - first_batch, loader->threads,
                               loader->slots, &pool, error);
    if (status != VDT_OK)
        return status;
    pthread_mutex_lock(&loader->mutex);
    loader->pool = pool;
    pthread_mutex_unlock(&loader->mutex);
    loader->epoch = epoch;
    loader->next_batch = first_batch;
    return VDT_OK;
}

/* From here on freed batches only become unheld, and the next pool finds them by that. */
static void stop_pool(struct vdt_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    struct vdt_ordered *pool = loader->pool;
    loader->pool = NULL;
    loader->generation++;
    pthread_mutex_unlock(&loader->mutex);
    vdt_ordered_free(pool);
}

/* Sets sizes and position; *first_batch is where to begin. */
static vdt_status plan(struct vdt_loader *loader, const struct vdt_loader_options *options,
                       uint64_t *first_batch, struct vdt_error *error)
{
    uint64_t count = loader->sample_count;
    uint64_t size = options->batch_size == 0 ? 32 : options->batch_size;
    loader->batch_size = size;
    loader->batch_count = count / size + (count % size != 0 && options->tail != VDT_TAIL_DROP);
    loader->shuffle = options->order != VDT_SEQUENTIAL;
    loader->seed = options->seed;
    loader->epoch = options->epoch;

    uint32_t threads = options->threads == 0 ? vdt_core_count() : options->threads;
    loader->threads = (uint32_t)least(threads, loader->batch_count);
    loader->prefetch = options->prefetch == 0 ? 2 : options->prefetch;
    if (loader->prefetch > UINT32_MAX / 4 || loader->threads > UINT32_MAX / 4)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%lu threads and prefetch of %lu are too many",
                        (unsigned long)loader->threads, (unsigned long)loader->prefetch);
    loader->slots =
        (uint32_t)least((uint64_t)loader->prefetch + loader->threads, loader->batch_count);
    if (loader->slots == 0)
        loader->slots = 1;
    loader->total = loader->slots + loader->prefetch;

    const struct vdt_loader_state *resume = options->resume;
    *first_batch = 0;
    if (resume == NULL)
        return VDT_OK;
    if (resume->position > count || (resume->position % size != 0 && resume->position != count))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: cannot resume group %s of %llu samples at sample %llu, which begins "
                        "no batch of %llu",
                        vdt_reader_path(loader->source.reader), loader->group_name,
                        (unsigned long long)count, (unsigned long long)resume->position,
                        (unsigned long long)size);
    loader->seed = resume->seed;
    loader->epoch = resume->epoch;
    loader->position = resume->position;
    *first_batch = resume->position == count ? loader->batch_count : resume->position / size;
    return VDT_OK;
}

static vdt_status allocate_batches(struct vdt_loader *loader, struct vdt_error *error)
{
    loader->batches = vdt_allocate_zero(loader->total, sizeof *loader->batches);
    loader->in_slot = vdt_allocate_zero(loader->slots, sizeof *loader->in_slot);
    if (loader->batches == NULL || loader->in_slot == NULL)
        return vdt_fail(error, VDT_ERR_MEMORY, "%s: out of memory for %lu batches",
                        vdt_reader_path(loader->source.reader), (unsigned long)loader->total);
    for (uint32_t i = 0; i < loader->total; i++)
        loader->batches[i].loader = loader;
    return VDT_OK;
}

vdt_status vdt_loader_start(const struct vdt_reader *reader,
                            const struct vdt_loader_options *options, struct vdt_loader **loader,
                            struct vdt_error *error)
{
    static const struct vdt_loader_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    size_t group = 0;
    vdt_status status = vdt_reader_find_group(
        reader, options->group == NULL ? "train" : options->group, &group, error);
    if (status != VDT_OK)
        return status;

    struct vdt_loader *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, vdt_reader_path(reader));
    if (pthread_mutex_init(&made->mutex, NULL) != 0) {
        free(made);
        return vdt_fail_memory(error, vdt_reader_path(reader));
    }
    made->source = vdt_batch_source(reader, group, options->verify == VDT_VERIFY_ALWAYS);
    made->group_name = vdt_reader_group_name(reader, group);
    made->sample_count = vdt_reader_count(reader, group);
    uint64_t first_batch = 0;
    status = plan(made, options, &first_batch, error);
    if (status == VDT_OK)
        status = allocate_batches(made, error);
    if (status == VDT_OK)
        status = start_pool(made, made->epoch, first_batch, error);
    if (status != VDT_OK) {
        vdt_loader_free(made);
        return status;
    }
    *loader = made;
    return VDT_OK;
}

vdt_status vdt_loader_next(struct vdt_loader *loader, struct vdt_batch **batch,
                           struct vdt_error *error)
{
    const char *path = vdt_reader_path(loader->source.reader);
    if (loader->pool == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the loader's last rewind failed", path);
    if (loader->next_batch == loader->batch_count)
        return VDT_END;
    pthread_mutex_lock(&loader->mutex);
    bool may_hold = loader->held_count < loader->prefetch;
    pthread_mutex_unlock(&loader->mutex);
    if (!may_hold)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: %lu batches are held: free one first, or raise prefetch", path,
                        (unsigned long)loader->prefetch);

    uint32_t slot = 0;
    vdt_status status = vdt_ordered_take(loader->pool, &slot, error);
    if (status != VDT_OK)
        return status;
    struct vdt_batch *taken = loader->in_slot[slot];
    pthread_mutex_lock(&loader->mutex);
    taken->held = true;
    loader->held_count++;
    pthread_mutex_unlock(&loader->mutex);
    loader->next_batch++;
    loader->position += taken->arrays.size;
    *batch = taken;
    return VDT_OK;
}

vdt_status vdt_loader_rewind(struct vdt_loader *loader, struct vdt_error *error)
{
    stop_pool(loader);
    vdt_status status = start_pool(loader, loader->epoch + 1, 0, error);
    if (status == VDT_OK)
        loader->position = 0;
    return status;
}

struct vdt_loader_state vdt_loader_state(const struct vdt_loader *loader)
{
    return (struct vdt_loader_state){
        .seed = loader->seed, .epoch = loader->epoch, .position = loader->position};
}

uint64_t vdt_loader_batches(const struct vdt_loader *loader)
{
    return loader->batch_count;
}

void vdt_loader_free(struct vdt_loader *loader)
{
    if (loader == NULL)
        return;
    vdt_ordered_free(loader->pool);
    for (uint32_t i = 0; loader->batches != NULL && i < loader->total; i++)
        vdt_batch_clear(&loader->batches[i].arrays);
    free(loader->batches);
    free(loader->in_slot);
    pthread_mutex_destroy(&loader->mutex);
    free(loader);
}

struct vdt_batch_view vdt_batch_view(const struct vdt_batch *batch)
{
    const struct vdt_batch_arrays *arrays = &batch->arrays;
    return (struct vdt_batch_view){
        .size = arrays->size,
        .indices = arrays->indices,
        .images = arrays->images,
        .onehot = arrays->onehot,
        .masks = arrays->masks,
        .instances = arrays->instances,
        .box_offsets = arrays->box_offsets,
        .boxes = (const float(*)[4])arrays->boxes,
        .box_class = arrays->box_class,
        .box_feature = arrays->box_feature,
        .box_visible = arrays->box_visible,
    };
}

void vdt_batch_free(struct vdt_batch *batch)
{
    if (batch == NULL)
        return;
    struct vdt_loader *loader = batch->loader;
    pthread_mutex_lock(&loader->mutex);
    assert(batch->held);
    batch->held = false;
    loader->held_count--;
    /* Under the lock, or a rewind could end the pool between the test and the release. */
    if (loader->pool != NULL && batch->generation == loader->generation)
        vdt_ordered_release(loader->pool, batch->slot);
    pthread_mutex_unlock(&loader->mutex);
}

/* The thread pool: one mutex, one condition for workers and one for the consumer.
 * Items from next_take to next_claim each own a slot, so there are never more of them than slots
 * and finished[item % slots] has a place for each. */
#include "base/ordered.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"

static const uint32_t NOT_FINISHED = UINT32_MAX;

struct vdt_ordered {
    struct vdt_ordered_ops ops;
    void *payload;
    uint64_t count;
    uint32_t slots;
    pthread_t *threads;
    uint32_t thread_count;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t work;   /* a slot is free, or there is nothing left to claim */
    pthread_cond_t done;   /* the item at next_take is finished or has failed */
    uint64_t next_claim;
    uint64_t next_take;
    uint32_t *finished; /* [item % slots]: the item's slot */
    uint32_t *free;     /* a stack: the slot used last is the one still in the CPU's caches */
    uint32_t free_count;
    bool *held; /* [slots] with the consumer */
    uint32_t held_count;
    uint64_t failed_item; /* the lowest that failed; UINT64_MAX: none */
    struct vdt_error failure;
    bool stopping;
};

static void release_memory(struct vdt_ordered *ordered)
{
    free(ordered->threads);
    free(ordered->finished);
    free(ordered->free);
    free(ordered->held);
    free(ordered);
}

static struct vdt_ordered *allocate(uint32_t threads, uint32_t slots)
{
    struct vdt_ordered *ordered = vdt_allocate_zero(1, sizeof *ordered);
    if (ordered == NULL)
        return NULL;
    ordered->threads = vdt_allocate(threads, sizeof *ordered->threads);
    ordered->finished = vdt_allocate(slots, sizeof *ordered->finished);
    ordered->free = vdt_allocate(slots, sizeof *ordered->free);
    ordered->held = vdt_allocate_zero(slots, sizeof *ordered->held);
    if (ordered->threads == NULL || ordered->finished == NULL || ordered->free == NULL ||
        ordered->held == NULL) {
        release_memory(ordered);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        ordered->finished[i] = NOT_FINISHED;
        ordered->free[i] = slots - 1 - i;
    }
    ordered->slots = slots;
    ordered->free_count = slots;
    ordered->failed_item = UINT64_MAX;
    return ordered;
}

static bool init_locks(struct vdt_ordered *ordered)
{
    if (pthread_mutex_init(&ordered->mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(&ordered->work, NULL) == 0) {
        if (pthread_cond_init(&ordered->done, NULL) == 0)
            return true;
        pthread_cond_destroy(&ordered->work);
    }
    pthread_mutex_destroy(&ordered->mutex);
    return false;
}

/* Locked. Waits for a slot; false when there is nothing left for this worker. */
static bool claim(struct vdt_ordered *ordered, uint64_t *item, uint32_t *slot)
{
    for (;;) {
        if (ordered->stopping || ordered->next_claim == ordered->count ||
            ordered->failed_item != UINT64_MAX)
            return false;
        if (ordered->free_count > 0)
            break;
        pthread_cond_wait(&ordered->work, &ordered->mutex);
    }
    *item = ordered->next_claim++;
    *slot = ordered->free[--ordered->free_count];
    if (ordered->next_claim == ordered->count)
        pthread_cond_broadcast(&ordered->work);
    return true;
}

/* Locked. Every item below `item` has been claimed, so all that is left is to wait for those. */
static void note_failure(struct vdt_ordered *ordered, uint64_t item, vdt_status status,
                         const struct vdt_error *error)
{
    assert(status < 0);
    if (item >= ordered->failed_item)
        return;
    ordered->failed_item = item;
    ordered->failure = *error;
    ordered->failure.status = status;
    pthread_cond_broadcast(&ordered->work);
    pthread_cond_signal(&ordered->done);
}

static void *run_worker(void *argument)
{
    struct vdt_ordered *ordered = argument;
    const struct vdt_ordered_ops *ops = &ordered->ops;
    void *worker = NULL;
    struct vdt_error error = {0};
    vdt_status started = VDT_OK;
    if (ops->start != NULL)
        started = ops->start(ordered->payload, &worker, &error);

    pthread_mutex_lock(&ordered->mutex);
    if (started != VDT_OK)
        note_failure(ordered, ordered->next_claim, started, &error);
    uint64_t item;
    uint32_t slot;
    while (started == VDT_OK && claim(ordered, &item, &slot)) {
        pthread_mutex_unlock(&ordered->mutex);
        vdt_status status = ops->process(ordered->payload, worker, item, slot, &error);
        pthread_mutex_lock(&ordered->mutex);
        if (status != VDT_OK) {
            note_failure(ordered, item, status, &error);
            continue;
        }
        ordered->finished[item % ordered->slots] = slot;
        if (item == ordered->next_take)
            pthread_cond_signal(&ordered->done);
    }
    pthread_mutex_unlock(&ordered->mutex);

    if (started == VDT_OK && ops->stop != NULL)
        ops->stop(ordered->payload, worker);
    return NULL;
}

static vdt_status start_threads(struct vdt_ordered *ordered, uint32_t threads,
                                struct vdt_error *error)
{
    /* The program's signal handlers belong on its own threads; faults have to stay where they
     * happen. */
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int code = 0;
    while (code == 0 && ordered->thread_count < threads) {
        code = pthread_create(&ordered->threads[ordered->thread_count], NULL, run_worker, ordered);
        if (code == 0)
            ordered->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        return VDT_OK;
    char text[128] = "";
    strerror_r(code, text, sizeof text);
    return vdt_fail(error, VDT_ERR_IO, "worker thread %lu of %lu: %s",
                    (unsigned long)ordered->thread_count + 1, (unsigned long)threads, text);
}

vdt_status vdt_ordered_start(const struct vdt_ordered_ops *ops, void *payload, uint64_t count,
                             uint32_t threads, uint32_t slots, struct vdt_ordered **ordered,
                             struct vdt_error *error)
{
    assert(slots > 0);
    if (threads == 0)
        threads = vdt_core_count();
    /* More would only wait: each needs an item and a slot. */
    if (threads > slots)
        threads = slots;
    if (threads > count)
        threads = (uint32_t)count;

    struct vdt_ordered *pool = allocate(threads, slots);
    if (pool == NULL)
        return vdt_fail_memory(error, "worker threads");
    pool->ops = *ops;
    pool->payload = payload;
    pool->count = count;
    if (!init_locks(pool)) {
        release_memory(pool);
        return vdt_fail_memory(error, "worker threads");
    }
    vdt_status status = start_threads(pool, threads, error);
    if (status != VDT_OK) {
        vdt_ordered_free(pool);
        return status;
    }
    *ordered = pool;
    return VDT_OK;
}

/* Locked. */
static vdt_status take_locked(struct vdt_ordered *ordered, uint32_t *slot, struct vdt_error *error)
{
    uint32_t *place = &ordered->finished[ordered->next_take % ordered->slots];
    for (;;) {
        if (ordered->next_take == ordered->count)
            return VDT_END;
        if (ordered->next_take == ordered->failed_item)
            return vdt_fail(error, ordered->failure.status, "%s", ordered->failure.message);
        if (ordered->held_count == ordered->slots)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "all %lu results are still in use: release one first",
                            (unsigned long)ordered->slots);
        if (*place != NOT_FINISHED)
            break;
        pthread_cond_wait(&ordered->done, &ordered->mutex);
    }
    *slot = *place;
    *place = NOT_FINISHED;
    ordered->held[*slot] = true;
    ordered->held_count++;
    ordered->next_take++;
    return VDT_OK;
}

vdt_status vdt_ordered_take(struct vdt_ordered *ordered, uint32_t *slot, struct vdt_error *error)
{
    pthread_mutex_lock(&ordered->mutex);
    vdt_status status = take_locked(ordered, slot, error);
    pthread_mutex_unlock(&ordered->mutex);
    return status;
}

void vdt_ordered_release(struct vdt_ordered *ordered, uint32_t slot)
{
    pthread_mutex_lock(&ordered->mutex);
    assert(slot < ordered->slots && ordered->held[slot]);
    ordered->held[slot] = false;
    ordered->held_count--;
    ordered->free[ordered->free_count++] = slot;
    pthread_cond_signal(&ordered->work);
    pthread_mutex_unlock(&ordered->mutex);
}

void vdt_ordered_free(struct vdt_ordered *ordered)
{
    if (ordered == NULL)
        return;
    pthread_mutex_lock(&ordered->mutex);
    ordered->stopping = true;
    pthread_cond_broadcast(&ordered->work);
    pthread_mutex_unlock(&ordered->mutex);
    for (uint32_t i = 0; i < ordered->thread_count; i++)
        pthread_join(ordered->threads[i], NULL);
    pthread_cond_destroy(&ordered->done);
    pthread_cond_destroy(&ordered->work);
    pthread_mutex_destroy(&ordered->mutex);
    release_memory(ordered);
}

void vdt_ordered_forget(struct vdt_ordered *ordered)
{
    if (ordered != NULL)
        release_memory(ordered);
}

uint32_t vdt_core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (uint32_t)cores;
}

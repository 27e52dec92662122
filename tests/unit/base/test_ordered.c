/* The thread pool: order, slots, failures, and that ending it never hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/ordered.h"
#include "base/random.h"

enum { MAX_SLOTS = 16, ITEMS = 300 };

struct job {
    uint64_t values[MAX_SLOTS]; /* what process wrote into each slot; checked by the consumer */
    atomic_bool busy[MAX_SLOTS];
    atomic_int collisions; /* a slot given to two at once */
    atomic_int rising;     /* claims seen out of order, with one thread */
    atomic_uint_fast64_t last;
    atomic_int started;
    atomic_int stopped;
    atomic_int processed;
    atomic_int foreign; /* calls with a worker state that start did not make */
    uint64_t fail_at;   /* items from here on fail; UINT64_MAX: none */
    bool fail_start;
    bool jitter;
};

static void nap(long microseconds)
{
    struct timespec time = {.tv_nsec = microseconds * 1000};
    nanosleep(&time, NULL);
}

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    struct job *job = payload;
    if (job->fail_start)
        return vdt_fail(error, VDT_ERR_MEMORY, "no worker today");
    atomic_fetch_add(&job->started, 1);
    *worker = job;
    return VDT_OK;
}

static void stop_worker(void *payload, void *worker)
{
    struct job *job = payload;
    atomic_fetch_add(worker == job ? &job->stopped : &job->foreign, 1);
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    struct job *job = payload;
    if (worker != job)
        atomic_fetch_add(&job->foreign, 1);
    if (atomic_exchange(&job->busy[slot], true))
        atomic_fetch_add(&job->collisions, 1);
    if (atomic_exchange(&job->last, item) > item)
        atomic_fetch_add(&job->rising, 1);
    if (job->jitter)
        nap((long)(vdt_mix(item) % 200));
    job->values[slot] = item * item + 1;
    atomic_fetch_add(&job->processed, 1);
    if (item >= job->fail_at)
        return vdt_fail(error, VDT_ERR_FORMAT, "item %d is broken", (int)item);
    return VDT_OK;
}

static const struct vdt_ordered_ops ops = {start_worker, process, stop_worker};

static struct job new_job(void)
{
    return (struct job){.fail_at = UINT64_MAX};
}

static struct vdt_ordered *start(struct job *job, uint64_t count, uint32_t threads, uint32_t slots)
{
    struct vdt_ordered *ordered = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_ordered_start(&ops, job, count, threads, slots, &ordered, &error), VDT_OK);
    assert_non_null(ordered);
    return ordered;
}

/* Takes item `item`, checks it and gives its slot back. */
static void take_one(struct vdt_ordered *ordered, struct job *job, uint64_t item)
{
    uint32_t slot = UINT32_MAX;
    struct vdt_error error = {0};
    assert_int_equal(vdt_ordered_take(ordered, &slot, &error), VDT_OK);
    assert_true(slot < MAX_SLOTS);
    assert_int_equal(job->values[slot], item * item + 1);
    atomic_store(&job->busy[slot], false);
    vdt_ordered_release(ordered, slot);
}

static void run_all(uint32_t threads, uint32_t slots)
{
    struct job job = new_job();
    job.jitter = true;
    struct vdt_ordered *ordered = start(&job, ITEMS, threads, slots);
    for (uint64_t item = 0; item < ITEMS; item++)
        take_one(ordered, &job, item);
    uint32_t slot = 77;
    assert_int_equal(vdt_ordered_take(ordered, &slot, NULL), VDT_END);
    assert_int_equal(vdt_ordered_take(ordered, &slot, NULL), VDT_END);
    assert_int_equal(slot, 77);
    vdt_ordered_free(ordered);
    assert_int_equal(job.processed, ITEMS);
    assert_int_equal(job.collisions, 0);
    assert_int_equal(job.foreign, 0);
    assert_true(job.started >= 1);
    assert_true(job.started <= (int)threads);
    assert_int_equal(job.started, job.stopped);
    if (threads == 1)
        assert_int_equal(job.rising, 0);
}

static void items_come_in_order(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 8};
    static const uint32_t slots[] = {1, 2, 5, MAX_SLOTS};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 4; j++)
            run_all(threads[i], slots[j]);
}

static void slots_bound_how_far_workers_run_ahead(void **state)
{
    (void)state;
    struct job job = new_job();
    struct vdt_ordered *ordered = start(&job, ITEMS, 4, 6);
    for (int i = 0; i < 2000 && atomic_load(&job.processed) < 6; i++)
        nap(1000);
    nap(20000);
    assert_int_equal(atomic_load(&job.processed), 6);
    take_one(ordered, &job, 0);
    for (int i = 0; i < 2000 && atomic_load(&job.processed) < 7; i++)
        nap(1000);
    nap(20000);
    assert_int_equal(atomic_load(&job.processed), 7);
    vdt_ordered_free(ordered); /* while all workers wait for a slot */
    assert_int_equal(job.started, job.stopped);
    assert_int_equal(job.collisions, 0);
}

static void slots_come_back_in_any_order(void **state)
{
    (void)state;
    struct job job = new_job();
    struct vdt_ordered *ordered = start(&job, ITEMS, 2, 4);
    for (uint64_t item = 0; item < ITEMS; item += 3) {
        uint32_t slots[3];
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(vdt_ordered_take(ordered, &slots[i], NULL), VDT_OK);
            assert_int_equal(job.values[slots[i]], (item + i) * (item + i) + 1);
        }
        for (int i = 0; i < 3; i++) {
            uint32_t slot = slots[(i * 2 + 2) % 3];
            atomic_store(&job.busy[slot], false);
            vdt_ordered_release(ordered, slot);
        }
    }
    vdt_ordered_free(ordered);
    assert_int_equal(job.collisions, 0);
}

static void too_many_taken_is_an_argument_error(void **state)
{
    (void)state;
    struct job job = new_job();
    struct vdt_ordered *ordered = start(&job, 4, 2, 3);
    uint32_t slots[3], more = 99;
    struct vdt_error error = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(vdt_ordered_take(ordered, &slots[i], &error), VDT_OK);
    assert_int_equal(vdt_ordered_take(ordered, &more, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(error.status, VDT_ERR_ARGUMENT);
    assert_int_equal(more, 99);
    atomic_store(&job.busy[slots[1]], false);
    vdt_ordered_release(ordered, slots[1]);
    assert_int_equal(vdt_ordered_take(ordered, &more, &error), VDT_OK);
    assert_int_equal(more, slots[1]);
    assert_int_equal(job.values[more], 10);
    /* All slots are taken again, but there is nothing more to take either. */
    assert_int_equal(vdt_ordered_take(ordered, &more, &error), VDT_END);
    vdt_ordered_free(ordered);
}

static void a_failure_comes_after_the_items_before_it(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 8; threads *= 2) {
        struct job job = new_job();
        job.jitter = true;
        job.fail_at = 41;
        struct vdt_ordered *ordered = start(&job, ITEMS, threads, 9);
        for (uint64_t item = 0; item < 41; item++)
            take_one(ordered, &job, item);
        for (int again = 0; again < 3; again++) {
            uint32_t slot = 99;
            struct vdt_error error = {0};
            assert_int_equal(vdt_ordered_take(ordered, &slot, &error), VDT_ERR_FORMAT);
            assert_int_equal(error.status, VDT_ERR_FORMAT);
            assert_string_equal(error.message, "item 41 is broken");
            assert_int_equal(slot, 99);
        }
        assert_int_equal(vdt_ordered_take(ordered, &(uint32_t){0}, NULL), VDT_ERR_FORMAT);
        vdt_ordered_free(ordered);
        if (threads == 1)
            assert_int_equal(job.processed, 42); /* and did not go on */
        assert_int_equal(job.started, job.stopped);
    }
}

static void a_worker_that_cannot_start_fails_the_item(void **state)
{
    (void)state;
    struct job job = new_job();
    job.fail_start = true;
    struct vdt_ordered *ordered = start(&job, ITEMS, 3, 4);
    struct vdt_error error = {0};
    assert_int_equal(vdt_ordered_take(ordered, &(uint32_t){0}, &error), VDT_ERR_MEMORY);
    assert_string_equal(error.message, "no worker today");
    vdt_ordered_free(ordered);
    assert_int_equal(job.stopped, 0);
    assert_int_equal(job.processed, 0);
}

static void no_more_threads_than_items(void **state)
{
    (void)state;
    struct job job = new_job();
    struct vdt_ordered *ordered = start(&job, 2, 8, 8);
    take_one(ordered, &job, 0);
    take_one(ordered, &job, 1);
    vdt_ordered_free(ordered);
    assert_true(job.started <= 2);

    job = new_job();
    ordered = start(&job, 0, 8, 8);
    assert_int_equal(vdt_ordered_take(ordered, &(uint32_t){0}, NULL), VDT_END);
    vdt_ordered_free(ordered);
    assert_int_equal(job.started, 0);
    vdt_ordered_free(NULL);
}

/* Without start and stop, and threads 0. */
static vdt_status count_item(void *payload, void *worker, uint64_t item, uint32_t slot,
                             struct vdt_error *error)
{
    (void)item, (void)slot, (void)error;
    struct job *job = payload;
    atomic_fetch_add(worker == NULL ? &job->processed : &job->foreign, 1);
    return VDT_OK;
}

static void start_and_stop_may_be_left_out(void **state)
{
    (void)state;
    static const struct vdt_ordered_ops plain = {.process = count_item};
    struct job job = new_job();
    struct vdt_ordered *ordered = NULL;
    assert_int_equal(vdt_ordered_start(&plain, &job, 50, 0, 3, &ordered, NULL), VDT_OK);
    for (int i = 0; i < 50; i++) {
        uint32_t slot;
        assert_int_equal(vdt_ordered_take(ordered, &slot, NULL), VDT_OK);
        vdt_ordered_release(ordered, slot);
    }
    vdt_ordered_free(ordered);
    assert_int_equal(job.processed, 50);
    assert_int_equal(job.foreign, 0);
}

struct returner {
    struct vdt_ordered *ordered;
    struct job *job;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t slots[ITEMS];
    int given, returned;
};

static void *return_slots(void *argument)
{
    struct returner *returner = argument;
    pthread_mutex_lock(&returner->mutex);
    while (returner->returned < ITEMS) {
        while (returner->returned == returner->given)
            pthread_cond_wait(&returner->changed, &returner->mutex);
        uint32_t slot = returner->slots[returner->returned];
        atomic_store(&returner->job->busy[slot], false);
        vdt_ordered_release(returner->ordered, slot);
        returner->returned++;
        pthread_cond_signal(&returner->changed);
    }
    pthread_mutex_unlock(&returner->mutex);
    return NULL;
}

static void slots_come_back_from_another_thread(void **state)
{
    (void)state;
    struct job job = new_job();
    struct returner returner = {.ordered = start(&job, ITEMS, 3, 3), .job = &job};
    pthread_mutex_init(&returner.mutex, NULL);
    pthread_cond_init(&returner.changed, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, return_slots, &returner), 0);
    for (uint64_t item = 0; item < ITEMS; item++) {
        uint32_t slot = 0;
        assert_int_equal(vdt_ordered_take(returner.ordered, &slot, NULL), VDT_OK);
        assert_int_equal(job.values[slot], item * item + 1);
        pthread_mutex_lock(&returner.mutex);
        returner.slots[returner.given++] = slot;
        pthread_cond_signal(&returner.changed);
        while (returner.given - returner.returned == 3)
            pthread_cond_wait(&returner.changed, &returner.mutex);
        pthread_mutex_unlock(&returner.mutex);
    }
    pthread_join(thread, NULL);
    vdt_ordered_free(returner.ordered);
    pthread_cond_destroy(&returner.changed);
    pthread_mutex_destroy(&returner.mutex);
    assert_int_equal(job.collisions, 0);
    assert_int_equal(job.processed, ITEMS);
}

static void freeing_at_any_moment_abandons_the_rest(void **state)
{
    (void)state;
    for (uint64_t taken = 0; taken < 60; taken++) {
        struct job job = new_job();
        job.jitter = taken % 2 == 0;
        struct vdt_ordered *ordered = start(&job, UINT64_MAX, 4, 5);
        for (uint64_t item = 0; item < taken; item++)
            take_one(ordered, &job, item);
        vdt_ordered_free(ordered);
        assert_int_equal(job.started, job.stopped);
        assert_true(job.processed <= (int)taken + 5);
    }
}

static void cores_are_counted(void **state)
{
    (void)state;
    assert_true(vdt_core_count() >= 1);
    assert_int_equal(vdt_core_count(), sysconf(_SC_NPROCESSORS_ONLN));
}

int main(void)
{
    alarm(120); /* a pool that hangs is a failure, not a wait */
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order),
        cmocka_unit_test(slots_bound_how_far_workers_run_ahead),
        cmocka_unit_test(slots_come_back_in_any_order),
        cmocka_unit_test(too_many_taken_is_an_argument_error),
        cmocka_unit_test(a_failure_comes_after_the_items_before_it),
        cmocka_unit_test(a_worker_that_cannot_start_fails_the_item),
        cmocka_unit_test(no_more_threads_than_items),
        cmocka_unit_test(start_and_stop_may_be_left_out),
        cmocka_unit_test(slots_come_back_from_another_thread),
        cmocka_unit_test(freeing_at_any_moment_abandons_the_rest),
        cmocka_unit_test(cores_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

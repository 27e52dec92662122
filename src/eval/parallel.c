/* The pool of base/ordered.h where the order of results does not matter. */
#include "eval/parallel.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

struct job {
    const struct vdt_parallel *work;
    void *payload;
};

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    const struct job *job = payload;
    *worker = NULL;
    if (job->work->start != NULL && (*worker = job->work->start()) == NULL)
        return vdt_fail_memory(error, "a worker");
    return VDT_OK;
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    const struct job *job = payload;
    (void)slot;
    return job->work->process(job->payload, worker, item, error);
}

static void stop(void *payload, void *worker)
{
    const struct job *job = payload;
    if (worker != NULL && job->work->stop != NULL)
        job->work->stop(worker);
}

static vdt_status run_here(struct job *job, uint64_t count, struct vdt_error *error)
{
    void *worker = NULL;
    vdt_status status = start(job, &worker, error);
    for (uint64_t i = 0; status == VDT_OK && i < count; i++)
        status = job->work->process(job->payload, worker, i, error);
    stop(job, worker);
    return status;
}

static void free_ordered(struct vdt_ordered **ordered)
{
    vdt_ordered_free(*ordered);
}

vdt_status vdt_parallel_run(const struct vdt_parallel *work, void *payload, uint64_t count,
                            uint32_t threads, struct vdt_error *error)
{
    struct job job = {work, payload};
    if (threads == 0)
        threads = vdt_core_count();
    if (threads > count)
        threads = (uint32_t)count;
    if (threads <= 1)
        return run_here(&job, count, error);
    static const struct vdt_ordered_ops ops = {start, process, stop};
    vdt_cleanup(free_ordered) struct vdt_ordered *ordered = NULL;
    uint32_t slots = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    vdt_status status = vdt_ordered_start(&ops, &job, count, threads, slots, &ordered, error);
    while (status == VDT_OK) {
        uint32_t slot;
        status = vdt_ordered_take(ordered, &slot, error);
        if (status == VDT_OK)
            vdt_ordered_release(ordered, slot);
    }
    return status == VDT_END ? VDT_OK : status;
}

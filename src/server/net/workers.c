#include "server/net/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"

struct vdt_workers {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct vdt_job *first, **last;
    unsigned waiting, running, most;
    bool stopping;
    unsigned threads;
    pthread_t ids[];
};

static void *work(void *payload)
{
    struct vdt_workers *workers = payload;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->first && !workers->stopping)
            pthread_cond_wait(&workers->work, &workers->lock);
        struct vdt_job *job = workers->first;
        if (!job)
            break;
        workers->first = job->next;
        if (!workers->first)
            workers->last = &workers->first;
        workers->waiting--;
        workers->running++;
        pthread_mutex_unlock(&workers->lock);
        job->run(job); /* releases it */
        pthread_mutex_lock(&workers->lock);
        workers->running--;
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

vdt_status vdt_workers_start(unsigned threads, unsigned queue, struct vdt_workers **out,
                             struct vdt_error *error)
{
    struct vdt_workers *workers = calloc(1, sizeof *workers + threads * sizeof *workers->ids);
    if (!workers)
        return vdt_fail_memory(error, "the server's threads");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    workers->last = &workers->first;
    workers->most = queue;
    for (; workers->threads < threads; workers->threads++)
        if (pthread_create(&workers->ids[workers->threads], NULL, work, workers)) {
            vdt_workers_stop(workers);
            return vdt_fail(error, VDT_ERR_IO, "cannot start %u threads for requests", threads);
        }
    *out = workers;
    return VDT_OK;
}

bool vdt_workers_push(struct vdt_workers *workers, struct vdt_job *job)
{
    pthread_mutex_lock(&workers->lock);
    const bool fits = !workers->stopping && workers->waiting < workers->most;
    if (fits) {
        job->next = NULL;
        *workers->last = job;
        workers->last = &job->next;
        workers->waiting++;
        pthread_cond_signal(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return fits;
}

void vdt_workers_load(struct vdt_workers *workers, unsigned *waiting, unsigned *running)
{
    pthread_mutex_lock(&workers->lock);
    *waiting = workers->waiting;
    *running = workers->running;
    pthread_mutex_unlock(&workers->lock);
}

void vdt_workers_stop(struct vdt_workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->threads; i++)
        pthread_join(workers->ids[i], NULL);
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

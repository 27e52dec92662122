/* A fixed number of threads and a queue with an end. */
#ifndef SERVER_NET_WORKERS_H
#define SERVER_NET_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_workers;

struct vdt_job {
    struct vdt_job *next;
    void (*run)(struct vdt_job *job);
};

vdt_status vdt_workers_start(unsigned threads, unsigned queue, struct vdt_workers **workers,
                             struct vdt_error *error);

/* False: the queue is full, or the workers are stopping. Jobs are run in the order they came in. */
bool vdt_workers_push(struct vdt_workers *workers, struct vdt_job *job);

/* How many jobs wait now, and how many are run. */
void vdt_workers_load(struct vdt_workers *workers, unsigned *waiting, unsigned *running);

/* Runs what waits, then ends the threads. Accepts NULL. */
void vdt_workers_stop(struct vdt_workers *workers);

#endif

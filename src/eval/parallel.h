/* The same work for 0 .. count-1, by several threads. */
#ifndef EVAL_PARALLEL_H
#define EVAL_PARALLEL_H

#include <stdint.h>
#include <vedatile/error.h>

struct vdt_parallel {
    void *(*start)(void);       /* a worker's own memory; may be NULL: none is needed */
    void (*stop)(void *worker); /* may be NULL */
    vdt_status (*process)(void *payload, void *worker, uint64_t item, struct vdt_error *error);
};

/* Calls `process` once for each item, in any order; items write to places of their own. The failure
 * of the lowest item is returned. With one thread nothing is started. */
vdt_status vdt_parallel_run(const struct vdt_parallel *work, void *payload, uint64_t count,
                            uint32_t threads, struct vdt_error *error);

#endif

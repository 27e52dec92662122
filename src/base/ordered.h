/* Work in parallel, results in order: the one thread pool of the library.
 *
 * Items 0 .. count-1 are claimed by worker threads in rising order, each with a free slot; the
 * consumer takes finished slots in item order and gives them back in any order. Slots bound both
 * memory and how far workers run ahead. */
#ifndef BASE_ORDERED_H
#define BASE_ORDERED_H

#include <stdint.h>
#include <vedatile/error.h>

struct vdt_ordered;

/* Callbacks run unlocked in a worker thread; `payload` is shared, so treat it as read-only. */
struct vdt_ordered_ops {
    /* Makes a worker's private state (may be NULL: none). *worker is passed to the others. */
    vdt_status (*start)(void *payload, void **worker, struct vdt_error *error);
    /* Does item `item` into slot `slot` (0 .. slots-1), which no one else looks at. */
    vdt_status (*process)(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error);
    void (*stop)(void *payload, void *worker); /* may be NULL */
};

/* threads 0: one per core. slots: at least 1. *ordered is owned. */
vdt_status vdt_ordered_start(const struct vdt_ordered_ops *ops, void *payload, uint64_t count,
                             uint32_t threads, uint32_t slots, struct vdt_ordered **ordered,
                             struct vdt_error *error);

/* Waits for the next item: VDT_OK with its slot, VDT_END after the last, or the failure of that
 * item (all earlier items were delivered). VDT_ERR_ARGUMENT when every slot is with the consumer.
 */
vdt_status vdt_ordered_take(struct vdt_ordered *ordered, uint32_t *slot, struct vdt_error *error);

/* Any thread. */
void vdt_ordered_release(struct vdt_ordered *ordered, uint32_t slot);

/* Joins the workers; unfinished items are abandoned. Accepts NULL. */
void vdt_ordered_free(struct vdt_ordered *ordered);

/* In a child process after a fork, where no worker is left to join: frees the pool's own memory,
 * but not what its workers had. Accepts NULL. */
void vdt_ordered_forget(struct vdt_ordered *ordered);

/* Cores of this machine that the process may use, at least 1. */
uint32_t vdt_core_count(void);

#endif

/* Confined workers: processes that read other people's stores and can do nothing else.
 *
 * A supervisor, forked before there are threads, keeps a zygote alive; the zygote forks once for
 * every job. A worker gets descriptors over a socket, gives up what it does not need (files by
 * path, network, processes, memory and time beyond limits) and only then looks at the bytes. What
 * it answers is believed no more than the file: the callers check every record. */
#ifndef SERVER_DRAW_DRAW_H
#define SERVER_DRAW_DRAW_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

/* Zero is the default. */
struct vdt_draw_options {
    unsigned jobs;         /* at once; 4 */
    unsigned wait_ms;      /* how long a job waits for its turn before VDT_ERR_BUSY; 10 s */
    unsigned render_ms;    /* wall clock of a picture; 10 s */
    unsigned inspect_ms;   /* wall clock of an inspection; 10 minutes */
    uint64_t memory_bytes; /* of a worker beyond what the process has at its start; 1 GiB */
};

struct vdt_draw;

/* Forks: to be called before the process has threads. `options` may be NULL. */
vdt_status vdt_draw_start(const struct vdt_draw_options *options, struct vdt_draw **draw,
                          struct vdt_error *error);

/* Ends all workers now and takes no more jobs: those that run fail with VDT_ERR_BUSY. Any thread.
 */
void vdt_draw_end(struct vdt_draw *draw);

/* Ends all workers and waits for them. Accepts NULL. No job may be running in another thread. */
void vdt_draw_stop(struct vdt_draw *draw);

/* Whether workers can be had: false when the supervisor is gone. Any thread. */
bool vdt_draw_alive(const struct vdt_draw *draw);

#endif

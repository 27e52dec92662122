/* What a worker gives up before it looks at a stranger's bytes. Private to draw/. */
#ifndef SERVER_DRAW_CONFINE_H
#define SERVER_DRAW_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct vdt_confinement {
    int channel;     /* the only descriptor that may be written to */
    int highest_fd;  /* no descriptor above it will ever be */
    unsigned cpu_s;  /* seconds of processor time from now on */
    uint64_t memory; /* bytes of address space beyond what there is now */
    bool threads;    /* it may begin threads, and no process for all that */
};

/* For the calling process, for good: no new privileges, no core, no debugger, limits, and a list of
 * system calls. Whatever names a path is refused with an error; anything else that is not on the
 * list ends the process. False when the system does not do it: then nothing must be read. */
bool vdt_confine(const struct vdt_confinement *confinement);

#endif

/* A job from the server's side. Private to draw/. */
#ifndef SERVER_DRAW_JOBS_H
#define SERVER_DRAW_JOBS_H

#include "server/draw/draw.h"
#include "server/draw/wire.h"
#include "store/runs.h"

struct vdt_draw_job {
    enum vdt_job_kind kind;
    const struct vdt_file_run *runs; /* descriptors to be read only; borrowed */
    size_t run_count;
    const void *request;
    size_t request_size;
    unsigned wall_ms; /* processor time is limited to as much */
    uint64_t memory;  /* 0: as the options say */
};

/* Waits for a free place, has the job done, and calls `frame` for each frame of the answer but the
 * last one. What the worker says is not checked here, beyond sizes. A failure of `frame` ends the
 * worker and is passed on. VDT_ERR_FORMAT also when the worker did not come to its end by itself.
 * Any thread. */
vdt_status vdt_draw_run(struct vdt_draw *draw, const struct vdt_draw_job *job,
                        vdt_status (*frame)(void *payload, enum vdt_frame_kind kind,
                                            const void *data, size_t size, struct vdt_error *error),
                        void *payload, struct vdt_error *error);

const struct vdt_draw_options *vdt_draw_options_of(const struct vdt_draw *draw);

#endif

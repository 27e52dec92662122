/* The processes: supervisor, zygote, workers. Private to draw/. */
#ifndef SERVER_DRAW_WORKER_H
#define SERVER_DRAW_WORKER_H

#include "base/buffer.h"
#include "server/draw/wire.h"
#include "store/runs.h"

struct vdt_run_reader;

/* The supervisor's life: keeps a zygote on `control` until its other end is closed. Returns the
 * process's exit code. */
int vdt_supervise(int control);

/* A worker's job, read from its socket. */
struct vdt_job {
    struct vdt_job_head head;
    struct vdt_job_order order;
    int channel;
    int *fds;
    struct vdt_file_run *runs;
    unsigned char *request;
    struct vdt_run_reader *run; /* of VDT_JOB_EVALUATE */
    struct vdt_buffer out;      /* frames that were not sent yet */
};

/* What the zygote does once for all workers. */
void vdt_worker_prepare(void);

/* A worker's life, from its socket to its exit code. */
int vdt_worker_run(int channel, const struct vdt_job_order *order);

/* Frames; false when the other side is gone: then there is nothing left to do. */
bool vdt_job_frame(struct vdt_job *job, enum vdt_frame_kind kind, const void *data, size_t size);
bool vdt_job_flush(struct vdt_job *job);

/* The kinds. */
vdt_status vdt_job_inspect(struct vdt_job *job, struct vdt_error *error);
vdt_status vdt_job_render(struct vdt_job *job, struct vdt_error *error);
vdt_status vdt_job_evaluate(struct vdt_job *job, struct vdt_error *error);
/* Before it: opens the run, which the server itself wrote, as long as files can be opened. */
vdt_status vdt_job_open_run(struct vdt_job *job, struct vdt_error *error);
/* Whether it needs vdt_ground_prepare. */
bool vdt_evaluation_wants_ground(const unsigned char *request);
vdt_status vdt_job_try(struct vdt_job *job, struct vdt_error *error);

/* Whether a request of VDT_JOB_RENDER needs vdt_ground_prepare. */
bool vdt_render_wants_ground(const unsigned char *request);

#endif

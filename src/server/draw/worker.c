/* A worker: takes its job, gives up everything else, does it, and answers in frames. */
#include "server/draw/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "server/draw/confine.h"
#include "server/draw/ground.h"
#include "source/scenes/raster_file.h"
#include "store/reader.h"

enum { OUT_BYTES = 1 << 18 };

void vdt_worker_prepare(void)
{
    vdt_store_prepare();
    vdt_raster_prepare();
    json_object_seed(0); /* else it is taken from a file, when there are none to be had */
}

/* --- frames ------------------------------------------------------------------------------- */

static bool write_all(int fd, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

bool vdt_job_flush(struct vdt_job *job)
{
    bool good = write_all(job->channel, job->out.data, job->out.size);
    job->out.size = 0;
    return good;
}

bool vdt_job_frame(struct vdt_job *job, enum vdt_frame_kind kind, const void *data, size_t size)
{
    const struct vdt_frame_head head = {.kind = (uint32_t)kind, .size = (uint32_t)size};
    if (size > VDT_FRAME_MOST)
        return false;
    if (!vdt_buffer_append(&job->out, &head, sizeof head))
        return false;
    if (size < OUT_BYTES) {
        if (!vdt_buffer_append(&job->out, data, size))
            return false;
        return job->out.size < OUT_BYTES || vdt_job_flush(job);
    }
    return vdt_job_flush(job) && write_all(job->channel, data, size);
}

static bool answer(struct vdt_job *job, vdt_status status, const struct vdt_error *error)
{
    unsigned char failure[sizeof(int32_t) + sizeof error->message];
    int32_t code = status;
    if (status == VDT_OK)
        return vdt_job_frame(job, VDT_FRAME_DONE, "", 0) && vdt_job_flush(job);
    size_t length = strlen(error->message);
    memcpy(failure, &code, sizeof code);
    memcpy(failure + sizeof code, error->message, length);
    return vdt_job_frame(job, VDT_FRAME_FAILED, failure, sizeof code + length) &&
           vdt_job_flush(job);
}

/* --- the job ------------------------------------------------------------------------------ */

/* The descriptors, in as many messages as they need. */
static bool take_fds(struct vdt_job *job)
{
    job->fds = vdt_allocate(job->head.fd_count, sizeof *job->fds);
    for (uint32_t taken = 0; job->fds != NULL && taken < job->head.fd_count;) {
        uint32_t left = job->head.fd_count - taken;
        uint32_t count = left < VDT_FDS_A_MESSAGE ? left : VDT_FDS_A_MESSAGE;
        char byte;
        if (vdt_wire_receive_fds(job->channel, &byte, 1, job->fds + taken, count) != 1)
            return false;
        taken += count;
    }
    return job->fds != NULL;
}

static bool take_runs(struct vdt_job *job)
{
    job->runs = vdt_allocate(job->head.run_count, sizeof *job->runs);
    for (uint32_t i = 0; job->runs != NULL && i < job->head.run_count; i++) {
        struct vdt_job_run run;
        if (!vdt_wire_receive(job->channel, &run, sizeof run) || run.fd >= job->head.fd_count)
            return false;
        job->runs[i] = (struct vdt_file_run){job->fds[run.fd], run.offset, run.size};
    }
    return job->runs != NULL;
}

/* The request has a NUL behind it. */
static bool take_job(struct vdt_job *job)
{
    if (!vdt_wire_receive(job->channel, &job->head, sizeof job->head) ||
        job->head.fd_count > VDT_JOB_FDS_MOST || job->head.request_size > VDT_REQUEST_MOST ||
        !take_fds(job) || !take_runs(job))
        return false;
    job->request = vdt_allocate_zero((size_t)job->head.request_size + 1, 1);
    return job->request != NULL &&
           vdt_wire_receive(job->channel, job->request, job->head.request_size);
}

static int highest_of(const struct vdt_job *job, int opened)
{
    int highest = job->channel > opened ? job->channel : opened;
    for (uint32_t i = 0; i < job->head.fd_count; i++)
        highest = job->fds[i] > highest ? job->fds[i] : highest;
    return highest;
}

static vdt_status do_job(struct vdt_job *job, struct vdt_error *error)
{
    switch (job->head.kind) {
    case VDT_JOB_INSPECT: return vdt_job_inspect(job, error);
    case VDT_JOB_RENDER: return vdt_job_render(job, error);
    case VDT_JOB_EVALUATE: return vdt_job_evaluate(job, error);
    case VDT_JOB_TRY: return vdt_job_try(job, error);
    default: return vdt_fail(error, VDT_ERR_ARGUMENT, "job of kind %u", job->head.kind);
    }
}

static bool may_begin_threads(const struct vdt_job *job)
{
    return job->head.kind == VDT_JOB_EVALUATE ||
           (job->head.kind == VDT_JOB_TRY && strncmp((char *)job->request, "threads ", 8) == 0);
}

int vdt_worker_run(int channel, const struct vdt_job_order *order)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_job job = {.channel = channel, .order = *order};
    if (!take_job(&job))
        return 1;
    int opened = -1;
    if (job.head.kind == VDT_JOB_INSPECT ||
        (job.head.kind == VDT_JOB_RENDER && vdt_render_wants_ground(job.request)) ||
        (job.head.kind == VDT_JOB_EVALUATE && vdt_evaluation_wants_ground(job.request)))
        opened = vdt_ground_prepare();
    vdt_status status = job.head.kind == VDT_JOB_EVALUATE ? vdt_job_open_run(&job, &error) : VDT_OK;
    const struct vdt_confinement confinement = {.channel = channel,
                                                .highest_fd = highest_of(&job, opened),
                                                .cpu_s = order->cpu_s,
                                                .memory = order->memory,
                                                .threads = may_begin_threads(&job)};
    if (!vdt_confine(&confinement))
        return 2;
    if (status == VDT_OK)
        status = do_job(&job, &error);
    return answer(&job, status, &error) ? 0 : 3;
}

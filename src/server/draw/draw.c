/* Jobs from the server's side: a place, a socket, the descriptors, frames back, and what became of
 * the worker. */
#define _GNU_SOURCE
#include "server/draw/draw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/draw/jobs.h"
#include "server/draw/worker.h"

enum { GRACE_MS = 5000 };

static const struct vdt_draw_options usual = {.jobs = 4,
                                              .wait_ms = 10000,
                                              .render_ms = 10000,
                                              .inspect_ms = 600000,
                                              .memory_bytes = (uint64_t)1 << 30};

struct vdt_draw {
    struct vdt_draw_options options;
    int control;
    pid_t supervisor;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned running;
};

/* --- start and stop ----------------------------------------------------------------------- */

static struct vdt_draw_options fill(const struct vdt_draw_options *given)
{
    struct vdt_draw_options options = given == NULL ? usual : *given;
    if (options.jobs == 0)
        options.jobs = usual.jobs;
    if (options.wait_ms == 0)
        options.wait_ms = usual.wait_ms;
    if (options.render_ms == 0)
        options.render_ms = usual.render_ms;
    if (options.inspect_ms == 0)
        options.inspect_ms = usual.inspect_ms;
    if (options.memory_bytes == 0)
        options.memory_bytes = usual.memory_bytes;
    return options;
}

static vdt_status fork_supervisor(struct vdt_draw *draw, struct vdt_error *error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return vdt_fail_errno(error, "workers");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        _exit(vdt_supervise(ends[1]));
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return vdt_fail_errno(error, "workers");
    }
    draw->control = ends[0];
    draw->supervisor = pid;
    return VDT_OK;
}

vdt_status vdt_draw_start(const struct vdt_draw_options *options, struct vdt_draw **out,
                          struct vdt_error *error)
{
    struct vdt_draw *draw = calloc(1, sizeof *draw);
    if (draw == NULL)
        return vdt_fail_memory(error, "workers");
    draw->options = fill(options);
    vdt_status status = fork_supervisor(draw, error);
    if (status != VDT_OK) {
        free(draw);
        return status;
    }
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&draw->lock, NULL);
    pthread_cond_init(&draw->freed, &clock);
    pthread_condattr_destroy(&clock);
    *out = draw;
    return VDT_OK;
}

void vdt_draw_end(struct vdt_draw *draw)
{
    shutdown(draw->control, SHUT_RDWR); /* the zygote takes it for the end of the server */
}

void vdt_draw_stop(struct vdt_draw *draw)
{
    if (draw == NULL)
        return;
    close(draw->control);
    while (waitpid(draw->supervisor, NULL, 0) < 0 && errno == EINTR)
        continue;
    pthread_cond_destroy(&draw->freed);
    pthread_mutex_destroy(&draw->lock);
    free(draw);
}

bool vdt_draw_alive(const struct vdt_draw *draw)
{
    struct pollfd control = {.fd = draw->control};
    return poll(&control, 1, 0) == 0;
}

const struct vdt_draw_options *vdt_draw_options_of(const struct vdt_draw *draw)
{
    return &draw->options;
}

/* --- places ------------------------------------------------------------------------------- */

static vdt_status take_place(struct vdt_draw *draw, struct vdt_error *error)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += draw->options.wait_ms / 1000;
    until.tv_nsec += draw->options.wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    int waited = 0;
    pthread_mutex_lock(&draw->lock);
    while (waited == 0 && draw->running >= draw->options.jobs)
        waited = pthread_cond_timedwait(&draw->freed, &draw->lock, &until);
    bool taken = draw->running < draw->options.jobs;
    draw->running += taken;
    pthread_mutex_unlock(&draw->lock);
    return taken ? VDT_OK
                 : vdt_fail(error, VDT_ERR_BUSY,
                            "all %u workers are busy: try again in a few seconds",
                            draw->options.jobs);
}

static void free_place(struct vdt_draw *draw)
{
    pthread_mutex_lock(&draw->lock);
    draw->running--;
    pthread_cond_signal(&draw->freed);
    pthread_mutex_unlock(&draw->lock);
}

/* --- the job's way down ------------------------------------------------------------------- */

struct line {
    int channel;
    int end; /* pipe: closed by us, it ends the worker */
};

static void close_line(struct line *line)
{
    if (line->channel >= 0)
        close(line->channel);
    if (line->end >= 0)
        close(line->end);
}

static vdt_status no_workers(struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_BUSY,
                    "the processes that read stores are gone: restart the server");
}

static vdt_status order(struct vdt_draw *draw, const struct vdt_draw_job *job, struct line *line,
                        struct vdt_error *error)
{
    int sockets[2], pipes[2];
    unsigned wall = job->wall_ms + GRACE_MS;
    const struct timeval patience = {.tv_sec = wall / 1000, .tv_usec = wall % 1000 * 1000};
    const struct vdt_job_order order = {.wall_ms = job->wall_ms,
                                        .cpu_s = job->wall_ms / 1000 + 1,
                                        .memory = job->memory == 0 ? draw->options.memory_bytes
                                                                   : job->memory};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        return vdt_fail_errno(error, "worker");
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        close(sockets[0]);
        close(sockets[1]);
        return vdt_fail_errno(error, "worker");
    }
    *line = (struct line){.channel = sockets[0], .end = pipes[0]};
    setsockopt(line->channel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(line->channel, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int sent[] = {sockets[1], pipes[1]};
    bool good = vdt_wire_send_fds(draw->control, &order, sizeof order, sent, 2);
    close(sockets[1]);
    close(pipes[1]);
    return good ? VDT_OK : no_workers(error);
}

static int compare_fds(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* The descriptors of all runs, each once, rising. */
static size_t list_fds(const struct vdt_draw_job *job, int *fds)
{
    size_t count = 0;
    for (size_t i = 0; i < job->run_count; i++)
        if (i == 0 || job->runs[i].fd != job->runs[i - 1].fd)
            fds[count++] = job->runs[i].fd;
    if (count > 0)
        qsort(fds, count, sizeof *fds, compare_fds);
    size_t once = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || fds[i] != fds[once - 1])
            fds[once++] = fds[i];
    return once;
}

static bool send_runs(const struct line *line, const struct vdt_draw_job *job, const int *fds,
                      size_t fd_count)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_job_run *runs =
        vdt_allocate(job->run_count, sizeof *runs);
    for (size_t i = 0; runs != NULL && i < job->run_count; i++) {
        const int *fd = bsearch(&job->runs[i].fd, fds, fd_count, sizeof *fds, compare_fds);
        runs[i] = (struct vdt_job_run){
            .fd = (uint32_t)(fd - fds), .offset = job->runs[i].offset, .size = job->runs[i].size};
    }
    return runs != NULL && vdt_wire_send(line->channel, runs, job->run_count * sizeof *runs);
}

/* A worker that is no more by now says so at the other end: sending may fail without a word. */
static vdt_status send_job(const struct line *line, const struct vdt_draw_job *job,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int *fds = vdt_allocate(job->run_count, sizeof *fds);
    if (fds == NULL)
        return vdt_fail_memory(error, "worker");
    size_t count = list_fds(job, fds);
    if (count > VDT_JOB_FDS_MOST || job->run_count > UINT32_MAX ||
        job->request_size > VDT_REQUEST_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "the store lies in %zu files: at most %d; save it as a new entry", count,
                        VDT_JOB_FDS_MOST);
    const struct vdt_job_head head = {.kind = (uint32_t)job->kind,
                                      .fd_count = (uint32_t)count,
                                      .run_count = (uint32_t)job->run_count,
                                      .request_size = (uint32_t)job->request_size};
    bool good = vdt_wire_send(line->channel, &head, sizeof head);
    for (size_t i = 0; good && i < count; i += VDT_FDS_A_MESSAGE) {
        size_t batch = count - i < VDT_FDS_A_MESSAGE ? count - i : VDT_FDS_A_MESSAGE;
        good = vdt_wire_send_fds(line->channel, "", 1, fds + i, batch);
    }
    if (good && send_runs(line, job, fds, count))
        vdt_wire_send(line->channel, job->request, job->request_size);
    return VDT_OK;
}

/* --- and back ----------------------------------------------------------------------------- */

/* Why a worker ended without an answer. */
static vdt_status explain(const struct line *line, const struct vdt_draw_job *job,
                          struct vdt_error *error)
{
    struct vdt_job_end end;
    struct pollfd wait = {.fd = line->end, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, GRACE_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0 || read(line->end, &end, sizeof end) != (ssize_t)sizeof end)
        return no_workers(error);
    if (end.late != 0 || (WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGXCPU))
        return vdt_fail(error, VDT_ERR_FORMAT, "store: reading it took longer than %u seconds",
                        (job->wall_ms + 999) / 1000);
    if (WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGSYS)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "store: its bytes made the reader do what reading does not need");
    if (WIFSIGNALED(end.status))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "store: its bytes ended the process that read them: "
                        "signal %d",
                        WTERMSIG(end.status));
    return vdt_fail(error, VDT_ERR_IO, "a process to read the store in could not be confined (%d)",
                    WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 0);
}

/* The worker's own words, one line of them. */
static vdt_status pass_failure(const unsigned char *data, size_t size, struct vdt_error *error)
{
    int32_t status = VDT_ERR_FORMAT;
    char text[sizeof error->message] = "store: cannot be read";
    if (size > sizeof status && size - sizeof status < sizeof text) {
        memcpy(&status, data, sizeof status);
        memcpy(text, data + sizeof status, size - sizeof status);
        text[size - sizeof status] = '\0';
    }
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    /* Whatever it calls it, it is about the file; but for a disk of ours that fails, and for what
     * the caller asked. */
    bool ours = status == VDT_ERR_IO || status == VDT_ERR_ARGUMENT || status == VDT_ERR_NOT_FOUND;
    return vdt_fail(error, ours ? status : VDT_ERR_FORMAT, "%s", text);
}

static vdt_status take_frames(const struct line *line, const struct vdt_draw_job *job,
                              vdt_status (*frame)(void *payload, enum vdt_frame_kind kind,
                                                  const void *data, size_t size,
                                                  struct vdt_error *error),
                              void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    for (;;) {
        struct vdt_frame_head head;
        if (!vdt_wire_receive(line->channel, &head, sizeof head))
            return explain(line, job, error);
        if (head.size > VDT_FRAME_MOST)
            return vdt_fail(error, VDT_ERR_FORMAT, "store: its reader answers %u bytes at once",
                            head.size);
        if (!vdt_buffer_reserve(&bytes, (size_t)head.size + 1))
            return vdt_fail_memory(error, "store");
        if (!vdt_wire_receive(line->channel, bytes.data, head.size))
            return explain(line, job, error);
        if (head.kind == VDT_FRAME_DONE)
            return VDT_OK;
        if (head.kind == VDT_FRAME_FAILED)
            return pass_failure(bytes.data, head.size, error);
        vdt_status status =
            frame(payload, (enum vdt_frame_kind)head.kind, bytes.data, head.size, error);
        if (status != VDT_OK)
            return status;
    }
}

vdt_status vdt_draw_run(struct vdt_draw *draw, const struct vdt_draw_job *job,
                        vdt_status (*frame)(void *payload, enum vdt_frame_kind kind,
                                            const void *data, size_t size, struct vdt_error *error),
                        void *payload, struct vdt_error *error)
{
    vdt_cleanup(close_line) struct line line = {.channel = -1, .end = -1};
    vdt_status status = take_place(draw, error);
    if (status != VDT_OK)
        return status;
    status = order(draw, job, &line, error);
    if (status == VDT_OK)
        status = send_job(&line, job, error);
    if (status == VDT_OK)
        status = take_frames(&line, job, frame, payload, error);
    free_place(draw);
    return status;
}

/* What the server, the zygote and the workers say to each other over sockets. Private to draw/.
 *
 * A job has a stream socket. Down it go the job's head, its descriptors (one byte with each batch
 * of them) and its request; up come frames until the worker closes. The zygote hears of jobs on a
 * socket of packets and gets the worker's end of the job's socket with each. */
#ifndef SERVER_DRAW_WIRE_H
#define SERVER_DRAW_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum vdt_job_kind {
    VDT_JOB_INSPECT = 1,
    VDT_JOB_RENDER = 2,
    VDT_JOB_TRY = 3, /* for tests: tries what a worker must not be able to do */
    VDT_JOB_EVALUATE = 4
};

enum vdt_frame_kind {
    VDT_FRAME_INFO = 1,  /* JSON */
    VDT_FRAME_GROUP = 2, /* a group's name: rows that follow are of it */
    VDT_FRAME_ROWS = 3,  /* whole rows */
    VDT_FRAME_BYTES = 4, /* of a picture */
    VDT_FRAME_DONE = 5,
    VDT_FRAME_FAILED = 6 /* int32 status, message */
};

enum {
    VDT_FRAME_MOST = 32 << 20,
    VDT_REQUEST_MOST = 8 << 20,
    VDT_JOB_FDS_MOST = 4096,
    VDT_FDS_A_MESSAGE = 128
};

/* Over the zygote's socket, with two descriptors: the worker's end of the job's socket, and a pipe
 * that takes the job's end. */
struct vdt_job_order {
    uint32_t wall_ms;
    uint32_t cpu_s;
    uint64_t memory;
};

/* What the zygote writes to the pipe when the worker is no more. */
struct vdt_job_end {
    int32_t status; /* of waitpid */
    uint32_t late;  /* it was ended because its time was over */
};

/* The head of a job on its own socket. */
struct vdt_job_head {
    uint32_t kind;
    uint32_t fd_count;
    uint32_t run_count;
    uint32_t request_size; /* of what follows the runs */
};

/* A run whose descriptor is a number in the list of those sent. */
struct vdt_job_run {
    uint32_t fd;
    uint32_t zero;
    uint64_t offset;
    uint64_t size;
};

struct vdt_frame_head {
    uint32_t kind;
    uint32_t size;
};

/* All of it, or false with errno (0: the other side has closed). No signal when nobody reads. */
bool vdt_wire_send(int fd, const void *data, size_t size);
bool vdt_wire_receive(int fd, void *data, size_t size);

/* Data (at least a byte) with descriptors, as one message; at most VDT_FDS_A_MESSAGE. */
bool vdt_wire_send_fds(int fd, const void *data, size_t size, const int *fds, size_t count);

/* One message: up to `size` bytes, and exactly `count` descriptors (close-on-exec), else they are
 * closed and it fails. Returns the bytes, 0 at the end, -1 for a failure. */
ssize_t vdt_wire_receive_fds(int fd, void *data, size_t size, int *fds, size_t count);

#endif

/* The limit that batches are measured against: the same file read with no work on the bytes. */
#ifndef TOOL_PROBE_H
#define TOOL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

struct probe {
    const char *path;
    unsigned threads;
    uint64_t block;      /* bytes of one read: what a sample takes in the file */
    uint64_t ring_bytes; /* of all threads' buffers together, as in the loader */
    bool sequential;     /* else in random order */
    double seconds;
};

struct probe_result {
    uint64_t reads;
    uint64_t bytes;
    double seconds;
};

/* Reads the whole file once, so that what is measured after it finds the same page cache. */
vdt_status probe_warm(const char *path, struct vdt_error *error);

/* `threads` threads read blocks with pread for `seconds`. */
vdt_status probe_run(const struct probe *probe, struct probe_result *result,
                     struct vdt_error *error);

#endif

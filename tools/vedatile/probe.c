/* The limit probe: threads x pread. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"
#include "report.h"

enum { WARM_BYTES = 1 << 20 };

struct reader {
    pthread_t thread;
    const struct probe *probe;
    int file;
    uint64_t blocks; /* in the file */
    uint64_t next;
    uint64_t stride;
    unsigned char *ring;
    uint64_t slots;
    uint64_t reads;
    uint64_t bytes;
    int error;
};

vdt_status probe_warm(const char *path, struct vdt_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    char *buffer = malloc(WARM_BYTES);
    ssize_t got = file < 0 || !buffer ? -1 : 1;
    while (got > 0)
        got = read(file, buffer, WARM_BYTES);
    int reason = errno;
    free(buffer);
    if (file >= 0)
        close(file);
    return got < 0 ? error_set(error, VDT_ERR_IO, "%s: %s", path, strerror(reason)) : VDT_OK;
}

static void *read_blocks(void *payload)
{
    struct reader *reader = payload;
    const struct probe *probe = reader->probe;
    double end = clock_seconds() + probe->seconds;
    uint64_t state = reader->next * UINT64_C(0x9E3779B97F4A7C15) + 1;
    while (clock_seconds() < end) {
        for (int i = 0; i < 16; i++) {
            /* xorshift64 (Marsaglia 2003) */
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            uint64_t block = (probe->sequential ? reader->next : state) % reader->blocks;
            reader->next += reader->stride;
            unsigned char *slot = reader->ring + reader->reads % reader->slots * probe->block;
            ssize_t got = pread(reader->file, slot, probe->block, (off_t)(block * probe->block));
            if (got < 0) {
                reader->error = errno;
                return NULL;
            }
            reader->reads++;
            reader->bytes += (uint64_t)got;
        }
    }
    return NULL;
}

static vdt_status run_readers(const struct probe *probe, int file, struct reader *readers,
                              uint64_t blocks, struct probe_result *result, struct vdt_error *error)
{
    unsigned started = 0;
    vdt_status status = VDT_OK;
    double start = clock_seconds();
    for (; !status && started < probe->threads; started += !status) {
        struct reader *reader = &readers[started];
        reader->probe = probe;
        reader->file = file;
        reader->blocks = blocks;
        reader->next = started;
        reader->stride = probe->threads;
        if (pthread_create(&reader->thread, NULL, read_blocks, reader))
            status = error_set(error, VDT_ERR_IO, "cannot start a thread");
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(readers[i].thread, NULL);
        result->reads += readers[i].reads;
        result->bytes += readers[i].bytes;
        if (!status && readers[i].error)
            status =
                error_set(error, VDT_ERR_IO, "%s: %s", probe->path, strerror(readers[i].error));
    }
    result->seconds = clock_seconds() - start;
    return status;
}

static bool allocate(const struct probe *probe, struct reader *readers)
{
    uint64_t slots = probe->ring_bytes / probe->threads / probe->block;
    for (unsigned i = 0; i < probe->threads; i++) {
        readers[i].slots = slots ? slots : 1;
        readers[i].ring = malloc(readers[i].slots * probe->block);
        if (!readers[i].ring)
            return false;
        /* Page faults belong to the start, not to the limit. */
        memset(readers[i].ring, 1, readers[i].slots * probe->block);
    }
    return true;
}

vdt_status probe_run(const struct probe *probe, struct probe_result *result,
                     struct vdt_error *error)
{
    struct probe_result measured = {0};
    struct stat information;
    int file = open(probe->path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &information)) {
        int reason = errno;
        if (file >= 0)
            close(file);
        return error_set(error, VDT_ERR_IO, "%s: %s", probe->path, strerror(reason));
    }
    uint64_t blocks = (uint64_t)information.st_size / probe->block;
    struct reader *readers = calloc(probe->threads, sizeof *readers);
    vdt_status status = VDT_OK;
    if (!readers || !allocate(probe, readers))
        status = error_memory(error);
    else
        status = run_readers(probe, file, readers, blocks ? blocks : 1, &measured, error);
    for (unsigned i = 0; readers && i < probe->threads; i++)
        free(readers[i].ring);
    free(readers);
    close(file);
    if (!status)
        *result = measured;
    return status;
}

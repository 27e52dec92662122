/* Runs by address: where each begins, and a binary search. */
#include "store/runs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct vdt_runs {
    char *name;
    struct vdt_file_run *runs;
    uint64_t *starts; /* [count + 1] */
    size_t count;
};

static void runs_cleanup(struct vdt_runs **runs)
{
    vdt_runs_free(*runs);
}

vdt_status vdt_runs_open(const char *name, const struct vdt_file_run *runs, size_t count,
                         struct vdt_runs **out, struct vdt_error *error)
{
    vdt_cleanup(runs_cleanup) struct vdt_runs *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, name);
    made->name = vdt_copy_string(name);
    made->runs = vdt_allocate(count, sizeof *made->runs);
    made->starts = vdt_allocate(count + 1, sizeof *made->starts);
    if (made->name == NULL || made->runs == NULL || made->starts == NULL)
        return vdt_fail_memory(error, name);
    made->starts[0] = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs[i].offset > INT64_MAX || runs[i].size > INT64_MAX - runs[i].offset ||
            runs[i].size > INT64_MAX - made->starts[i])
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: run %zu of %zu ends beyond every file",
                            name, i, count);
        made->runs[i] = runs[i];
        made->starts[i + 1] = made->starts[i] + runs[i].size;
    }
    made->count = count;
    *out = made;
    made = NULL;
    return VDT_OK;
}

void vdt_runs_free(struct vdt_runs *runs)
{
    if (runs == NULL)
        return;
    free(runs->name);
    free(runs->runs);
    free(runs->starts);
    free(runs);
}

uint64_t vdt_runs_size(const struct vdt_runs *runs)
{
    return runs->starts[runs->count];
}

/* The last run that begins at or before an address; empty ones are passed over by the caller. */
static size_t find_run(const struct vdt_runs *runs, uint64_t address)
{
    size_t low = 0, high = runs->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (runs->starts[middle] <= address)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static vdt_status read_run(const struct vdt_runs *runs, size_t run, char *data, size_t size,
                           uint64_t offset, struct vdt_error *error)
{
    while (size > 0) {
        ssize_t got = pread(runs->runs[run].fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vdt_fail_errno(error, runs->name);
        if (got == 0)
            return vdt_fail(error, VDT_ERR_IO, "%s: run %zu is cut short at byte %llu of its file",
                            runs->name, run, (unsigned long long)offset);
        data += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return VDT_OK;
}

vdt_status vdt_runs_read(const struct vdt_runs *runs, void *data, size_t size, uint64_t address,
                         struct vdt_error *error)
{
    uint64_t whole = vdt_runs_size(runs);
    if (address > whole || size > whole - address)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %zu bytes at %llu of %llu", runs->name, size,
                        (unsigned long long)address, (unsigned long long)whole);
    char *to = data;
    for (size_t run = size == 0 ? 0 : find_run(runs, address); size > 0; run++) {
        uint64_t at = address - runs->starts[run], left = runs->runs[run].size - at;
        size_t step = size < left ? size : (size_t)left;
        vdt_status status = read_run(runs, run, to, step, runs->runs[run].offset + at, error);
        if (status != VDT_OK)
            return status;
        to += step;
        address += step;
        size -= step;
    }
    return VDT_OK;
}

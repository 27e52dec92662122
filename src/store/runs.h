/* A store's bytes in pieces that lie in other files, behind descriptors: no path, no journal. */
#ifndef STORE_RUNS_H
#define STORE_RUNS_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

/* `size` bytes from `offset` of `fd`; one run's bytes follow those of the run before it. */
struct vdt_file_run {
    int fd;
    uint64_t offset;
    uint64_t size;
};

struct vdt_runs;

/* The runs are copied, their descriptors borrowed until vdt_runs_free; `name` (copied) is what
 * messages call the bytes. VDT_ERR_ARGUMENT for sizes that do not add up in 63 bits. */
vdt_status vdt_runs_open(const char *name, const struct vdt_file_run *runs, size_t count,
                         struct vdt_runs **out, struct vdt_error *error);
void vdt_runs_free(struct vdt_runs *runs); /* accepts NULL */

uint64_t vdt_runs_size(const struct vdt_runs *runs);

/* Exactly [address, address + size); any thread. VDT_ERR_IO where a file is shorter than its run.
 */
vdt_status vdt_runs_read(const struct vdt_runs *runs, void *data, size_t size, uint64_t address,
                         struct vdt_error *error);

#endif

/* From blobs to descriptors. */
#include "server/draw/map_runs.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"

vdt_status vdt_map_runs(const struct vdt_block_map *map, struct vdt_run **out, size_t *count,
                        struct vdt_error *error)
{
    struct vdt_run *runs = vdt_allocate(map->run_count, sizeof *runs);
    if (runs == NULL)
        return vdt_fail_memory(error, "store");
    for (size_t i = 0; i < map->run_count; i++) {
        const struct vdt_map_run *run = &map->runs[i];
        int fd = vdt_blob_descriptor(map->blobs[run->blob].open);
        if (fd < 0) {
            free(runs);
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "stores in this place of blobs cannot be read by workers yet");
        }
        runs[i] = (struct vdt_run){.fd = fd, .offset = run->offset, .size = run->size};
    }
    *out = runs;
    *count = map->run_count;
    return VDT_OK;
}

/* What a store says of itself, read by a confined worker. */
#ifndef SERVER_DRAW_INSPECT_H
#define SERVER_DRAW_INSPECT_H

#include "base/json.h"
#include "server/draw/draw.h"
#include "server/draw/records.h"
#include "store/runs.h"

/* The answer; {0} is empty. */
struct vdt_inspection {
    /* An object: what `vedatile info --json` prints, and
     *   "crs": [WKT2, ...]              by the number that samples have
     *   "sensors": [...], "source": "..." from the scenes' feeds; empty when unknown
     *   "start_time", "end_time"        microseconds UTC since 1970, null when no scene says
     *   "class_samples": {"train": {"roof": 12, ...}, ...}   samples that have the class
     *   "stats": {...}                  what `vedatile stats --json` prints of all groups, without
     *                                   what only decoded pixels tell; and "group_stats" the same
     *                                   of each group */
    json_t *info;
    struct vdt_records *records; /* one a sample, in the order of groups and positions */
    uint64_t samples;
};

/* Proves that the runs are a store that opens, reads all of its tables, and takes down its samples.
 * `folder` is where the records are kept meanwhile (a file without a name). VDT_ERR_FORMAT says
 * what is wrong with the store, also when reading it took too long, too much memory or ended the
 * worker; VDT_ERR_BUSY when no worker was free in time, or there are none. Any thread;
 * waits until the worker is done. */
vdt_status vdt_inspect(struct vdt_draw *draw, const struct vdt_file_run *runs, size_t run_count,
                       const char *folder, struct vdt_inspection *inspection,
                       struct vdt_error *error);

void vdt_inspection_clear(struct vdt_inspection *inspection);

#endif

/* Block maps as runs of descriptors. */
#ifndef SERVER_DRAW_MAP_RUNS_H
#define SERVER_DRAW_MAP_RUNS_H

#include "server/blobs/block_map.h"
#include "store/runs.h"

/* The runs of a map whose blobs are open; the descriptors are the blobs' own. *runs is the
 * caller's, from malloc. VDT_ERR_UNSUPPORTED where a place of blobs has no descriptors. */
vdt_status vdt_map_runs(const struct vdt_block_map *map, struct vdt_run **runs, size_t *count,
                        struct vdt_error *error);

#endif

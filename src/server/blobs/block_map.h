/* Block maps: which bytes of which blobs a version of a store is made of.
 *
 * The blocks of a version lie in runs, each in one blob. The first save of a store is one run;
 * later ones refer to the blobs of earlier versions for what has not changed. */
#ifndef SERVER_BLOBS_BLOCK_MAP_H
#define SERVER_BLOBS_BLOCK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <vedatile/error.h>

#include "server/blobs/blobs.h"

struct vdt_file_run; /* store/runs.h */
struct vdt_session;

/* Bytes `at` ... `at + size` of the store are those of blob `blob` of the map from `offset`. */
struct vdt_map_run {
    uint64_t at, size, offset;
    size_t blob;
};

struct vdt_map_blob {
    char name[VDT_BLOB_NAME];
    struct vdt_blob *open; /* owned; NULL: not opened */
};

/* {0} is empty. Plain numbers: once it is made and open, any thread may read through it. */
struct vdt_block_map {
    uint64_t size;
    uint32_t block_size;
    char digest[65];          /* of the version; "" when it is none yet */
    struct vdt_map_run *runs; /* rising, without gaps; owned */
    size_t run_count, run_room;
    struct vdt_map_blob *blobs; /* owned */
    size_t blob_count, blob_room;
};

/* Adds blocks first ... first + count, which lie in a blob from `offset`; they have to be the next.
 * VDT_ERR_FORMAT when they are not, or lie outside of the store; `what` names the version. */
vdt_status vdt_block_map_add(struct vdt_block_map *map, uint64_t first, uint64_t count,
                             const char *blob, uint64_t offset, const char *what,
                             struct vdt_error *error);

/* VDT_ERR_FORMAT unless every byte of the store is there. */
vdt_status vdt_block_map_complete(const struct vdt_block_map *map, const char *what,
                                  struct vdt_error *error);

/* Opens all blobs for reading. VDT_ERR_FORMAT when one is too short for its runs. */
vdt_status vdt_block_map_open(struct vdt_block_map *map, struct vdt_blobs *blobs,
                              struct vdt_error *error);

/* The run with byte `at`, which is within the store. */
const struct vdt_map_run *vdt_block_map_find(const struct vdt_block_map *map, uint64_t at);

/* Reads up to `room` bytes from `at` (within the store) through blobs that are open. Returns how
 * many, at least one; -1: *error is filled. */
ssize_t vdt_block_map_read(const struct vdt_block_map *map, void *data, size_t room, uint64_t at,
                           struct vdt_error *error);

/* The same runs behind descriptors that are borrowed from the map; *runs is owned, as many as
 * run_count. VDT_ERR_UNSUPPORTED where blobs have no descriptors. */
vdt_status vdt_block_map_runs(const struct vdt_block_map *map, struct vdt_file_run **runs,
                              struct vdt_error *error);

void vdt_block_map_clear(struct vdt_block_map *map);

/* --- from the database ---------------------------------------------------------------------- */

/* The map of a version, complete, not opened. VDT_ERR_NOT_FOUND: no such version. */
vdt_status vdt_block_map_load(struct vdt_session *session, int64_t entry, int64_t version,
                              struct vdt_block_map *map, struct vdt_error *error);

/* The map that an open upload will be committed with. */
vdt_status vdt_block_map_of_upload(struct vdt_session *session, const char *upload,
                                   struct vdt_block_map *map, struct vdt_error *error);

#endif

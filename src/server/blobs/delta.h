/* Deltas: where the blocks of a new version will lie, and so which of them have to be sent.
 *
 * A block that any version of the same entry has is taken from there. The rest lies in one new
 * blob, in the order of the store. Other entries are not looked at: whether their blocks are known
 * here would tell a stranger what they hold. */
#ifndef SERVER_BLOBS_DELTA_H
#define SERVER_BLOBS_DELTA_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "catalog/blocks.h"

struct vdt_session;

/* A version refers to no more blobs than this: each is a file to open. Blocks of the blobs that
 * give least are sent again. */
enum { VDT_DELTA_BLOBS = 64 };

/* Blocks first ... first + count lie in blob `blob` (its row's id; 0: the new one) from `offset`.
 */
struct vdt_delta_run {
    uint64_t first, count;
    int64_t blob;
    uint64_t offset;
};

/* {0} is empty. */
struct vdt_delta {
    struct vdt_delta_run *runs; /* rising, without gaps; owned */
    size_t count, room;
    uint64_t missing; /* blocks of the new blob */
    uint64_t bytes;   /* of the new blob */
};

void vdt_delta_clear(struct vdt_delta *delta);

/* --- what is known -------------------------------------------------------------------------- */

/* Where blocks lie, by their digest. */
struct vdt_known;

struct vdt_known *vdt_known_new(uint32_t block_size); /* NULL: memory is out */
void vdt_known_free(struct vdt_known *known);         /* NULL: nothing */

static inline void vdt_known_release(struct vdt_known **known)
{
    vdt_known_free(*known);
}

/* Adds `count` blocks that lie in a blob from `offset`, one behind the other. The digests are
 * copied; what is known already stays where it is. `first` is their place in the current version,
 * where the same block of a new list is looked for first; UINT64_MAX: they are of another one. */
vdt_status vdt_known_add(struct vdt_known *known, const unsigned char *digests, uint64_t count,
                         int64_t blob, uint64_t offset, uint64_t first, struct vdt_error *error);

/* The delta of a list. */
vdt_status vdt_delta_make(const struct vdt_block_list *list, const struct vdt_known *known,
                          struct vdt_delta *delta, struct vdt_error *error);

/* The delta of a list as a new version of an entry, by all that its versions have. */
vdt_status vdt_delta_load(struct vdt_session *session, int64_t entry,
                          const struct vdt_block_list *list, struct vdt_delta *delta,
                          struct vdt_error *error);

#endif

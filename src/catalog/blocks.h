/* Block lists: a store's bytes as runs of fixed length, each with its SHA-256.
 *
 * The list is what client and server agree on: which blocks are missing, whether a block arrived
 * whole, and, by its digest, which version of a store this is. */
#ifndef CATALOG_BLOCKS_H
#define CATALOG_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

struct vdt_snapshot;

enum {
    VDT_BLOCK_SIZE = 131072,       /* what we make; lists of others may have any power of two */
    VDT_BLOCK_SIZE_MIN = 65536,    /* from here */
    VDT_BLOCK_SIZE_MAX = 16777216, /* to here */
    VDT_BLOCK_DIGEST = 32,         /* bytes of SHA-256 */
    VDT_DIGEST_TEXT = 65           /* in hex, with the NUL */
};

/* {0} is empty. */
struct vdt_block_list {
    uint64_t size;       /* bytes of the store */
    uint32_t block_size; /* of all blocks but the last, which may be short */
    uint64_t count;
    unsigned char (*digests)[VDT_BLOCK_DIGEST]; /* owned */
};

/* How many blocks `size` bytes are; 0 for none. */
uint64_t vdt_block_count(uint64_t size, uint32_t block_size);

/* Bytes of block `index` (of the last one what is left). */
uint32_t vdt_block_length(const struct vdt_block_list *list, uint64_t index);

void vdt_block_digest(const void *data, size_t size, unsigned char digest[VDT_BLOCK_DIGEST]);

/* True when `data` is block `index`; it has vdt_block_length bytes. */
bool vdt_block_is(const struct vdt_block_list *list, uint64_t index, const void *data);

/* The version's name: hex SHA-256 of "vedatile-blocks-1\n<size>\n<block_size>\n" and the digests.
 */
void vdt_block_list_digest(const struct vdt_block_list *list, char hex[VDT_DIGEST_TEXT]);

/* The list of a store as its last commit left it, hashed by `threads` threads (0: one a core).
 * `progress` (may be NULL) is told bytes, in the calling thread; false stops (VDT_ERR_CANCELLED).
 * VDT_ERR_BUSY when the store was committed to again and again meanwhile. */
vdt_status vdt_block_list_of_file(const char *path, uint32_t threads, vdt_progress_fn progress,
                                  void *payload, struct vdt_block_list *list,
                                  struct vdt_error *error);

/* The same of a snapshot that is open; the caller asks vdt_snapshot_changed. */
vdt_status vdt_block_list_of_snapshot(const struct vdt_snapshot *snapshot, const char *path,
                                      uint32_t threads, vdt_progress_fn progress, void *payload,
                                      struct vdt_block_list *list, struct vdt_error *error);

/* A list that came from elsewhere: `bytes` of concatenated digests, copied. VDT_ERR_FORMAT, naming
 * `what`, for a block size that is not allowed or a length that does not belong to `size`. */
vdt_status vdt_block_list_of_bytes(const void *digests, size_t bytes, uint64_t size,
                                   uint32_t block_size, const char *what,
                                   struct vdt_block_list *list, struct vdt_error *error);

void vdt_block_list_clear(struct vdt_block_list *list);

#endif

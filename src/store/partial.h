/* Stores of which not all bytes are here yet: what is missing is fetched before it is read.
 *
 * PATH.partial beside a store says so (catalog/partial_file.h): where the bytes come from, the
 * digest of every block, and which blocks are here. The store itself is a sparse file of its full
 * length. When the last block is here PATH.partial goes, and the store is like any other.
 *
 * Implemented in src/catalog, which store must not include: the linker joins them. Any thread may
 * call, and so may several processes, also after a fork. */
#ifndef STORE_PARTIAL_H
#define STORE_PARTIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

struct vdt_partial;

/* Bytes of a store. */
struct vdt_span {
    uint64_t address;
    uint64_t size;
};

/* Whether PATH.partial is there. */
bool vdt_partial_exists(const char *path);

/* *partial is NULL, with VDT_OK, for a store that is all there. `size`: of the store's file, which
 * must be that of its last block. VDT_ERR_FORMAT: PATH.partial is damaged or another store's. */
vdt_status vdt_partial_open(const char *path, uint64_t size, struct vdt_partial **partial,
                            struct vdt_error *error);
void vdt_partial_free(struct vdt_partial *partial); /* accepts NULL */

/* Makes sure that the bytes of all spans are here: blocks that are missing come in ranges as long
 * as can be, several at a time, and each is compared with its digest. Others that ask for the same
 * blocks meanwhile wait for them. What lies behind the store's end is left out. `stop` (may be
 * NULL) ends it with VDT_ERR_CANCELLED. VDT_ERR_IO names the server that does not answer;
 * VDT_ERR_FORMAT one whose bytes are wrong again and again. What came until then stays. */
vdt_status vdt_partial_need(struct vdt_partial *partial, const struct vdt_span *spans, size_t count,
                            const atomic_bool *stop, struct vdt_error *error);

/* The same for everything; `progress` (may be NULL) is told bytes and may stop it. */
vdt_status vdt_partial_complete(struct vdt_partial *partial, vdt_progress_fn progress,
                                void *payload, struct vdt_error *error);

/* Bytes that are here. */
uint64_t vdt_partial_bytes(const struct vdt_partial *partial);

/* Compares what is here with its digests, without fetching. Blocks that are wrong are missing from
 * then on; *wrong counts them. */
vdt_status vdt_partial_check(struct vdt_partial *partial, vdt_progress_fn progress, void *payload,
                             uint64_t *wrong, struct vdt_error *error);

#endif

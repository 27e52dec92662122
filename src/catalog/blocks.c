/* Hashing a store block by block, on all cores, and the names of lists. */
#include "catalog/blocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/ordered.h"
#include "store/snapshot.h"

/* Blocks of one item of work, and how often a store that is written meanwhile is looked at. */
enum { BLOCKS_AN_ITEM = 16, SPARE_ITEMS = 2, TRIES = 5 };

uint64_t vdt_block_count(uint64_t size, uint32_t block_size)
{
    return size / block_size + (size % block_size != 0);
}

uint32_t vdt_block_length(const struct vdt_block_list *list, uint64_t index)
{
    uint64_t left = list->size - index * list->block_size;
    return left < list->block_size ? (uint32_t)left : list->block_size;
}

void vdt_block_digest(const void *data, size_t size, unsigned char digest[VDT_BLOCK_DIGEST])
{
    vdt_sha256(data, size, digest);
}

bool vdt_block_is(const struct vdt_block_list *list, uint64_t index, const void *data)
{
    unsigned char digest[VDT_BLOCK_DIGEST];
    vdt_block_digest(data, vdt_block_length(list, index), digest);
    return memcmp(digest, list->digests[index], sizeof digest) == 0;
}

void vdt_block_list_digest(const struct vdt_block_list *list, char hex[VDT_DIGEST_TEXT])
{
    char head[96];
    unsigned char digest[VDT_BLOCK_DIGEST] = {0};
    int length = snprintf(head, sizeof head, "vedatile-blocks-1\n%" PRIu64 "\n%" PRIu32 "\n",
                          list->size, list->block_size);
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha != NULL) {
        vdt_sha256_add(sha, head, (size_t)length);
        vdt_sha256_add(sha, list->digests, list->count * VDT_BLOCK_DIGEST);
        vdt_sha256_finish(sha, digest);
    }
    vdt_hex(digest, sizeof digest, hex);
}

void vdt_block_list_clear(struct vdt_block_list *list)
{
    free(list->digests);
    *list = (struct vdt_block_list){0};
}

static bool power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

vdt_status vdt_block_list_of_bytes(const void *digests, size_t bytes, uint64_t size,
                                   uint32_t block_size, const char *what,
                                   struct vdt_block_list *list, struct vdt_error *error)
{
    if (!power_of_two(block_size) || block_size < VDT_BLOCK_SIZE_MIN ||
        block_size > VDT_BLOCK_SIZE_MAX)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: a block size of %" PRIu32 " bytes: give a power of two from %d to %d",
                        what, block_size, VDT_BLOCK_SIZE_MIN, VDT_BLOCK_SIZE_MAX);
    uint64_t count = vdt_block_count(size, block_size);
    if (size == 0 || bytes % VDT_BLOCK_DIGEST != 0 || bytes / VDT_BLOCK_DIGEST != count)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: a block list of %zu bytes for a store of %" PRIu64 " bytes: %" PRIu64
                        " blocks have %" PRIu64 " bytes",
                        what, bytes, size, count, count * VDT_BLOCK_DIGEST);
    struct vdt_block_list made = {.size = size, .block_size = block_size, .count = count};
    made.digests = vdt_allocate(count, VDT_BLOCK_DIGEST);
    if (made.digests == NULL)
        return vdt_fail_memory(error, what);
    memcpy(made.digests, digests, bytes);
    *list = made;
    return VDT_OK;
}

/* --- hashing ------------------------------------------------------------------------------ */

struct hashing {
    const struct vdt_snapshot *snapshot;
    struct vdt_block_list *list;
};

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    const struct hashing *hashing = payload;
    *worker = vdt_allocate(hashing->list->block_size, 1);
    return *worker == NULL ? vdt_fail_memory(error, "block list") : VDT_OK;
}

static void stop(void *payload, void *worker)
{
    (void)payload;
    free(worker);
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    const struct hashing *hashing = payload;
    struct vdt_block_list *list = hashing->list;
    vdt_status status = VDT_OK;
    (void)slot;
    for (uint64_t i = item * BLOCKS_AN_ITEM;
         status == VDT_OK && i < (item + 1) * BLOCKS_AN_ITEM && i < list->count; i++) {
        uint32_t length = vdt_block_length(list, i);
        status = vdt_snapshot_read(hashing->snapshot, worker, length, i * list->block_size, error);
        if (status == VDT_OK)
            vdt_block_digest(worker, length, list->digests[i]);
    }
    return status;
}

static vdt_status take_all(struct vdt_ordered *ordered, const struct vdt_block_list *list,
                           vdt_progress_fn progress, void *payload, struct vdt_error *error)
{
    uint32_t slot;
    uint64_t done = 0, step = (uint64_t)BLOCKS_AN_ITEM * list->block_size;
    vdt_status status;
    while ((status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        vdt_ordered_release(ordered, slot);
        done = done + step < list->size ? done + step : list->size;
        if (progress != NULL && !progress(done, list->size, payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
    }
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_block_list_of_snapshot(const struct vdt_snapshot *snapshot, const char *path,
                                      uint32_t threads, vdt_progress_fn progress, void *payload,
                                      struct vdt_block_list *list, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.start = start, .process = process, .stop = stop};
    struct vdt_block_list made = {.size = vdt_snapshot_size(snapshot),
                                  .block_size = VDT_BLOCK_SIZE};
    struct hashing hashing = {.snapshot = snapshot, .list = &made};
    made.count = vdt_block_count(made.size, made.block_size);
    made.digests = vdt_allocate(made.count, VDT_BLOCK_DIGEST);
    if (made.digests == NULL)
        return vdt_fail_memory(error, path);
    uint64_t items = (made.count + BLOCKS_AN_ITEM - 1) / BLOCKS_AN_ITEM;
    if (threads == 0)
        threads = vdt_core_count();
    struct vdt_ordered *ordered = NULL;
    vdt_status status =
        vdt_ordered_start(&ops, &hashing, items, threads, threads + SPARE_ITEMS, &ordered, error);
    if (status == VDT_OK)
        status = take_all(ordered, &made, progress, payload, error);
    vdt_ordered_free(ordered);
    if (status == VDT_OK)
        *list = made;
    else
        vdt_block_list_clear(&made);
    return status;
}

vdt_status vdt_block_list_of_file(const char *path, uint32_t threads, vdt_progress_fn progress,
                                  void *payload, struct vdt_block_list *list,
                                  struct vdt_error *error)
{
    for (int i = 0; i < TRIES; i++) {
        struct vdt_snapshot *snapshot = NULL;
        struct vdt_block_list made = {0};
        vdt_status status = vdt_snapshot_open(path, &snapshot, error);
        if (status == VDT_OK)
            status = vdt_block_list_of_snapshot(snapshot, path, threads, progress, payload, &made,
                                                error);
        bool changed =
            status != VDT_ERR_CANCELLED && snapshot != NULL && vdt_snapshot_changed(snapshot);
        vdt_snapshot_free(snapshot);
        if (!changed && status == VDT_OK)
            *list = made;
        else
            vdt_block_list_clear(&made);
        if (!changed)
            return status;
    }
    return vdt_fail(error, VDT_ERR_BUSY,
                    "%s: another process is writing it: try again when it is done", path);
}

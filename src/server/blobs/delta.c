/* Deltas of block lists: a table of known digests, and runs over what is found in it. */
#include "server/blobs/delta.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct place {
    int64_t blob; /* 0: free */
    uint64_t offset;
    unsigned char digest[VDT_BLOCK_DIGEST];
};

/* Blocks of the current version, in its order. */
struct current_run {
    uint64_t first, count;
    int64_t blob;
    uint64_t offset;
    unsigned char *digests; /* owned */
};

struct vdt_known {
    uint32_t block_size;
    struct place *places; /* open addressing by the digest's first bytes; at most half full */
    size_t place_room, place_count;
    struct current_run *current;
    size_t current_count, current_room;
};

void vdt_delta_clear(struct vdt_delta *delta)
{
    free(delta->runs);
    *delta = (struct vdt_delta){0};
}

struct vdt_known *vdt_known_new(uint32_t block_size)
{
    struct vdt_known *known = vdt_allocate_zero(1, sizeof *known);
    if (known != NULL)
        known->block_size = block_size;
    return known;
}

void vdt_known_free(struct vdt_known *known)
{
    if (known == NULL)
        return;
    for (size_t i = 0; i < known->current_count; i++)
        free(known->current[i].digests);
    free(known->current);
    free(known->places);
    free(known);
}

/* The place with the digest, or the free one where it belongs. */
static struct place *find(struct place *places, size_t room, const unsigned char *digest)
{
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    size_t i = (size_t)hash & (room - 1);
    while (places[i].blob != 0 && memcmp(places[i].digest, digest, VDT_BLOCK_DIGEST) != 0)
        i = (i + 1) & (room - 1);
    return &places[i];
}

static bool make_room(struct vdt_known *known, uint64_t more)
{
    size_t room = known->place_room == 0 ? 256 : known->place_room;
    while (room / 2 < known->place_count + more) {
        if (room > SIZE_MAX / 4 / sizeof(struct place))
            return false;
        room *= 2;
    }
    if (room == known->place_room)
        return true;
    struct place *places = vdt_allocate_zero(room, sizeof *places);
    if (places == NULL)
        return false;
    for (size_t i = 0; i < known->place_room; i++)
        if (known->places[i].blob != 0)
            *find(places, room, known->places[i].digest) = known->places[i];
    free(known->places);
    known->places = places;
    known->place_room = room;
    return true;
}

static bool keep_current(struct vdt_known *known, const struct current_run *run,
                         const unsigned char *digests)
{
    if (!vdt_grow(&known->current, &known->current_room, known->current_count + 1,
                  sizeof *known->current))
        return false;
    unsigned char *copy = vdt_allocate((size_t)run->count, VDT_BLOCK_DIGEST);
    if (copy == NULL)
        return false;
    memcpy(copy, digests, (size_t)run->count * VDT_BLOCK_DIGEST);
    known->current[known->current_count] = *run;
    known->current[known->current_count++].digests = copy;
    return true;
}

vdt_status vdt_known_add(struct vdt_known *known, const unsigned char *digests, uint64_t count,
                         int64_t blob, uint64_t offset, uint64_t first, struct vdt_error *error)
{
    struct current_run run = {first, count, blob, offset, NULL};
    if (!make_room(known, count) || (first != UINT64_MAX && !keep_current(known, &run, digests)))
        return vdt_fail_memory(error, "delta of an upload");
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *digest = digests + i * VDT_BLOCK_DIGEST;
        struct place *place = find(known->places, known->place_room, digest);
        if (place->blob != 0)
            continue;
        place->blob = blob;
        place->offset = offset + i * known->block_size;
        memcpy(place->digest, digest, VDT_BLOCK_DIGEST);
        known->place_count++;
    }
    return VDT_OK;
}

/* The current version's run with a block; NULL: it has no such block. Runs rise. */
static const struct current_run *current_run(const struct vdt_known *known, uint64_t block)
{
    size_t low = 0;
    size_t high = known->current_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct current_run *run = &known->current[middle];
        if (block < run->first)
            high = middle;
        else if (block >= run->first + run->count)
            low = middle + 1;
        else
            return run;
    }
    return NULL;
}

/* Where a block is; false: it has to be sent. The same place of the current version comes first, so
 * that blocks that are there more than once do not tear runs apart. */
static bool locate(const struct vdt_known *known, const unsigned char *digest, uint64_t block,
                   int64_t *blob, uint64_t *offset)
{
    const struct current_run *run = current_run(known, block);
    if (run != NULL && memcmp(run->digests + (block - run->first) * VDT_BLOCK_DIGEST, digest,
                              VDT_BLOCK_DIGEST) == 0) {
        *blob = run->blob;
        *offset = run->offset + (block - run->first) * known->block_size;
        return true;
    }
    if (known->place_room == 0)
        return false;
    const struct place *place = find(known->places, known->place_room, digest);
    *blob = place->blob;
    *offset = place->offset;
    return place->blob != 0;
}

/* --- how many blobs ------------------------------------------------------------------------- */

struct share {
    int64_t blob;
    uint64_t blocks;
};

struct shares {
    struct share *list; /* by blob, rising */
    size_t count, room;
};

static size_t share_place(const struct shares *shares, int64_t blob)
{
    size_t low = 0;
    size_t high = shares->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shares->list[middle].blob < blob)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool count_share(struct shares *shares, int64_t blob)
{
    size_t i = share_place(shares, blob);
    if (i == shares->count || shares->list[i].blob != blob) {
        if (!vdt_grow(&shares->list, &shares->room, shares->count + 1, sizeof *shares->list))
            return false;
        memmove(shares->list + i + 1, shares->list + i, (shares->count - i) * sizeof *shares->list);
        shares->list[i] = (struct share){blob, 0};
        shares->count++;
    }
    shares->list[i].blocks++;
    return true;
}

static int larger_first(const void *a, const void *b)
{
    const struct share *left = a;
    const struct share *right = b;
    if (left->blocks != right->blocks)
        return left->blocks > right->blocks ? -1 : 1;
    return (left->blob > right->blob) - (left->blob < right->blob);
}

static int by_blob(const void *a, const void *b)
{
    const struct share *left = a;
    const struct share *right = b;
    return (left->blob > right->blob) - (left->blob < right->blob);
}

/* Leaves the blobs that give most, and room for the new one. */
static void cut_shares(struct shares *shares)
{
    if (shares->count <= VDT_DELTA_BLOBS - 1)
        return;
    qsort(shares->list, shares->count, sizeof *shares->list, larger_first);
    shares->count = VDT_DELTA_BLOBS - 1;
    qsort(shares->list, shares->count, sizeof *shares->list, by_blob);
}

static bool has_share(const struct shares *shares, int64_t blob)
{
    size_t i = share_place(shares, blob);
    return i < shares->count && shares->list[i].blob == blob;
}

static void free_shares(struct shares *shares)
{
    free(shares->list);
}

/* --- the delta ------------------------------------------------------------------------------- */

static bool add_block(struct vdt_delta *delta, uint64_t block, int64_t blob, uint64_t offset,
                      uint32_t block_size)
{
    struct vdt_delta_run *last = delta->count == 0 ? NULL : &delta->runs[delta->count - 1];
    if (last != NULL && last->blob == blob && last->offset + last->count * block_size == offset) {
        last->count++;
        return true;
    }
    if (!vdt_grow(&delta->runs, &delta->room, delta->count + 1, sizeof *delta->runs))
        return false;
    delta->runs[delta->count++] = (struct vdt_delta_run){block, 1, blob, offset};
    return true;
}

vdt_status vdt_delta_make(const struct vdt_block_list *list, const struct vdt_known *known,
                          struct vdt_delta *delta, struct vdt_error *error)
{
    vdt_cleanup(free_shares) struct shares shares = {0};
    vdt_cleanup(vdt_delta_clear) struct vdt_delta made = {0};
    int64_t blob = 0;
    uint64_t offset = 0;
    bool room = true;
    for (uint64_t i = 0; i < list->count && room; i++)
        if (locate(known, list->digests[i], i, &blob, &offset))
            room = count_share(&shares, blob);
    cut_shares(&shares);
    for (uint64_t i = 0; i < list->count && room; i++) {
        if (locate(known, list->digests[i], i, &blob, &offset) && has_share(&shares, blob)) {
            room = add_block(&made, i, blob, offset, list->block_size);
            continue;
        }
        room = add_block(&made, i, 0, made.missing * list->block_size, list->block_size);
        made.missing++;
        made.bytes += vdt_block_length(list, i);
    }
    if (!room)
        return vdt_fail_memory(error, "delta of an upload");
    *delta = made;
    made = (struct vdt_delta){0};
    return VDT_OK;
}

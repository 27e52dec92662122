/* Runs of blocks: built in order, found by halving. */
#include "server/blobs/block_map.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/runs.h"

/* The number of the blob in the map, which is added when it is new; SIZE_MAX: memory is out. */
static size_t blob_number(struct vdt_block_map *map, const char *name)
{
    /* Runs of one blob tend to follow each other, and a map has few blobs. */
    for (size_t i = map->blob_count; i-- > 0;)
        if (strcmp(map->blobs[i].name, name) == 0)
            return i;
    if (!vdt_grow(&map->blobs, &map->blob_room, map->blob_count + 1, sizeof *map->blobs))
        return SIZE_MAX;
    struct vdt_map_blob *blob = &map->blobs[map->blob_count];
    snprintf(blob->name, sizeof blob->name, "%s", name);
    blob->open = NULL;
    return map->blob_count++;
}

static uint64_t covered(const struct vdt_block_map *map)
{
    const struct vdt_map_run *last = map->run_count == 0 ? NULL : &map->runs[map->run_count - 1];
    return last == NULL ? 0 : last->at + last->size;
}

vdt_status vdt_block_map_add(struct vdt_block_map *map, uint64_t first, uint64_t count,
                             const char *blob, uint64_t offset, const char *what,
                             struct vdt_error *error)
{
    uint64_t at = covered(map);
    uint64_t blocks = map->size / map->block_size + (map->size % map->block_size != 0);
    if (!vdt_blob_name_is_valid(blob) || count == 0 || count > blocks || first > blocks - count ||
        first * map->block_size != at || offset > (uint64_t)INT64_MAX - map->size)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: blocks %llu to %llu do not follow byte %llu of %llu", what,
                        (unsigned long long)first, (unsigned long long)(first + count),
                        (unsigned long long)at, (unsigned long long)map->size);
    uint64_t end = first + count == blocks ? map->size : (first + count) * map->block_size;
    size_t number = blob_number(map, blob);
    struct vdt_map_run *last = map->run_count == 0 ? NULL : &map->runs[map->run_count - 1];
    if (number != SIZE_MAX && last != NULL && last->blob == number &&
        last->offset + last->size == offset) {
        last->size += end - at;
        return VDT_OK;
    }
    if (number == SIZE_MAX ||
        !vdt_grow(&map->runs, &map->run_room, map->run_count + 1, sizeof *map->runs))
        return vdt_fail_memory(error, what);
    map->runs[map->run_count++] =
        (struct vdt_map_run){.at = at, .size = end - at, .offset = offset, .blob = number};
    return VDT_OK;
}

vdt_status vdt_block_map_complete(const struct vdt_block_map *map, const char *what,
                                  struct vdt_error *error)
{
    if (covered(map) == map->size)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: ends at byte %llu of %llu", what,
                    (unsigned long long)covered(map), (unsigned long long)map->size);
}

vdt_status vdt_block_map_open(struct vdt_block_map *map, struct vdt_blobs *blobs,
                              struct vdt_error *error)
{
    for (size_t i = 0; i < map->blob_count; i++) {
        if (map->blobs[i].open != NULL)
            continue;
        vdt_status status = vdt_blobs_open(blobs, map->blobs[i].name, &map->blobs[i].open, error);
        if (status != VDT_OK)
            return status;
    }
    for (size_t i = 0; i < map->run_count; i++) {
        const struct vdt_map_run *run = &map->runs[i];
        const struct vdt_blob *blob = map->blobs[run->blob].open;
        if (run->offset > blob->size || run->size > blob->size - run->offset)
            return vdt_fail(error, VDT_ERR_FORMAT, "blob %s: has %llu bytes, not %llu at byte %llu",
                            blob->name, (unsigned long long)blob->size,
                            (unsigned long long)run->size, (unsigned long long)run->offset);
    }
    return VDT_OK;
}

const struct vdt_map_run *vdt_block_map_find(const struct vdt_block_map *map, uint64_t at)
{
    size_t low = 0;
    size_t high = map->run_count; /* runs[low].at <= at < runs[high].at */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (map->runs[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return &map->runs[low];
}

ssize_t vdt_block_map_read(const struct vdt_block_map *map, void *data, size_t room, uint64_t at,
                           struct vdt_error *error)
{
    if (at >= map->size || room == 0) {
        vdt_fail(error, VDT_ERR_ARGUMENT, "byte %llu: the store has %llu", (unsigned long long)at,
                 (unsigned long long)map->size);
        return -1;
    }
    size_t done = 0;
    while (done < room && at < map->size) {
        const struct vdt_map_run *run = vdt_block_map_find(map, at);
        uint64_t left = run->at + run->size - at;
        size_t size = left < room - done ? (size_t)left : room - done;
        struct vdt_blob *blob = map->blobs[run->blob].open;
        if (vdt_blob_read(blob, (char *)data + done, size, run->offset + (at - run->at), error) !=
            VDT_OK)
            return -1;
        done += size;
        at += size;
    }
    return (ssize_t)done;
}

vdt_status vdt_block_map_runs(const struct vdt_block_map *map, struct vdt_file_run **runs,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_file_run *made =
        vdt_allocate_zero(map->run_count, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "block map");
    for (size_t i = 0; i < map->run_count; i++) {
        const struct vdt_map_run *run = &map->runs[i];
        const struct vdt_blob *blob = map->blobs[run->blob].open;
        int fd = blob == NULL ? -1 : vdt_blob_descriptor(blob);
        if (fd < 0)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "blob %s: has no descriptor",
                            map->blobs[run->blob].name);
        made[i] = (struct vdt_file_run){.fd = fd, .offset = run->offset, .size = run->size};
    }
    *runs = made;
    made = NULL;
    return VDT_OK;
}

void vdt_block_map_clear(struct vdt_block_map *map)
{
    for (size_t i = 0; i < map->blob_count; i++)
        vdt_blob_close(map->blobs[i].open);
    free(map->blobs);
    free(map->runs);
    *map = (struct vdt_block_map){0};
}

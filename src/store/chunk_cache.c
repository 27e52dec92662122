/* FILE.chunks, little-endian as everything here:
 *
 *   offset  bytes  what
 *        0      8  "VDTCHNKS"
 *        8      4  u32 version: 1
 *       12      4  u32 number of arrays
 *       16      8  u64 the store's size in bytes
 *       24      8  u64 its inode number
 *       32     16  i64 seconds, i64 nanoseconds: its last modification (st_mtim)
 *       48     16  i64 seconds, i64 nanoseconds: its last change of status (st_ctim)
 *       64      4  u32 CRC-32C of bytes 0 .. 63 and of the table
 *       68      4  0
 *       72         the table, 136 bytes an array:
 *                    0   96  name, "train/labels/mask", NUL-padded
 *                   96    8  u64 rows
 *                  104    8  u64 rows a chunk
 *                  112    8  u64 chunks
 *                  120    8  u64 offset in this file of the array's places
 *                  128    4  u32 CRC-32C of the places
 *                  132    4  0
 *                  the places: u64 address in the store [chunks], u32 stored bytes [chunks]
 *
 * The four facts about the store must be those of the store that is open, and no journal may lie
 * beside it: while there is one a writer is at work, or its last commit is not in the store yet.
 * Every commit makes a store longer, so that times need not tell two of them apart. */
#include "store/chunk_cache.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/path.h"

enum { VERSION = 1, NAME_SIZE = 96, PLACE_BYTES = 12, MOST_ARRAYS = 1 << 16 };

/* What tells a store, and its states, from all others. */
struct identity {
    uint64_t size;
    uint64_t inode;
    int64_t modified[2];
    int64_t changed[2];
};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t arrays;
    struct identity store;
    uint32_t crc;
    uint32_t zero;
};
static_assert(sizeof(struct header) == 72, "as on disk");

struct entry {
    char name[NAME_SIZE];
    uint64_t rows;
    uint64_t chunk_rows;
    uint64_t chunks;
    uint64_t offset;
    uint32_t crc;
    uint32_t zero;
};
static_assert(sizeof(struct entry) == 136, "as on disk");

static const char magic[8] = {'V', 'D', 'T', 'C', 'H', 'N', 'K', 'S'};

/* An array as it was opened, to be written. */
struct noted {
    struct entry entry;
    const struct vdt_extent *extent;
};

struct vdt_chunk_cache {
    char *path;
    struct identity store;
    mode_t mode; /* of the store */
    bool usable; /* no writer is at work */
    bool news;   /* something was not found */
    int fd;      /* negative: there is none that fits */
    uint64_t size;
    struct entry *entries;
    size_t entry_count;
    struct noted *noted;
    size_t noted_count, noted_capacity;
};

/* --- reading ------------------------------------------------------------------------------ */

static struct identity identify(const struct stat *info)
{
    return (struct identity){.size = (uint64_t)info->st_size,
                             .inode = (uint64_t)info->st_ino,
                             .modified = {info->st_mtim.tv_sec, info->st_mtim.tv_nsec},
                             .changed = {info->st_ctim.tv_sec, info->st_ctim.tv_nsec}};
}

static uint32_t table_crc(const struct header *header, const struct entry *entries)
{
    return vdt_crc32c(vdt_crc32c(0, header, offsetof(struct header, crc)), entries,
                      header->arrays * sizeof *entries);
}

static uint32_t places_crc(const struct vdt_extent *extent)
{
    return vdt_crc32c(vdt_crc32c(0, extent->addresses, extent->chunks * sizeof *extent->addresses),
                      extent->sizes, extent->chunks * sizeof *extent->sizes);
}

/* False when there is no cache, or not one of this state of the store. */
static bool read_table(struct vdt_chunk_cache *cache)
{
    struct header header;
    struct stat info;
    cache->fd = open(cache->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (cache->fd < 0 || fstat(cache->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    cache->size = (uint64_t)info.st_size;
    if (cache->size < sizeof header ||
        vdt_read_at(cache->fd, &header, sizeof header, 0, cache->path, NULL) != VDT_OK ||
        memcmp(header.magic, magic, sizeof magic) != 0 || header.version != VERSION ||
        memcmp(&header.store, &cache->store, sizeof cache->store) != 0 ||
        header.arrays > (cache->size - sizeof header) / sizeof *cache->entries)
        return false;
    cache->entries = vdt_allocate(header.arrays, sizeof *cache->entries);
    if (cache->entries == NULL ||
        vdt_read_at(cache->fd, cache->entries, header.arrays * sizeof *cache->entries,
                    sizeof header, cache->path, NULL) != VDT_OK ||
        table_crc(&header, cache->entries) != header.crc)
        return false;
    cache->entry_count = header.arrays;
    return true;
}

struct vdt_chunk_cache *vdt_chunk_cache_open(const struct vdt_file *file)
{
    struct stat info;
    struct vdt_chunk_cache *cache = vdt_allocate_zero(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->fd = -1;
    if (file->runs != NULL) /* nothing lies beside descriptors */
        return cache;
    cache->path = vdt_path_with(file->path, ".chunks");
    if (cache->path == NULL) {
        vdt_chunk_cache_free(cache);
        return NULL;
    }
    /* A partial store changes its times as it fills. */
    if (file->stamp.generation != 0 || file->partial != NULL || fstat(file->fd, &info) != 0)
        return cache;
    cache->usable = true;
    cache->mode = info.st_mode;
    cache->store = identify(&info);
    if (!read_table(cache) && cache->fd >= 0) {
        close(cache->fd);
        cache->fd = -1;
    }
    return cache;
}

static const struct entry *find_entry(const struct vdt_chunk_cache *cache, const char *name,
                                      const struct vdt_extent *extent)
{
    for (size_t i = 0; i < cache->entry_count; i++) {
        const struct entry *entry = &cache->entries[i];
        if (strncmp(entry->name, name, NAME_SIZE) == 0 && entry->rows == extent->rows &&
            entry->chunk_rows == extent->chunk_rows && entry->chunks == extent->chunks &&
            entry->offset <= cache->size &&
            entry->chunks <= (cache->size - entry->offset) / PLACE_BYTES)
            return entry;
    }
    return NULL;
}

bool vdt_chunk_cache_find(struct vdt_chunk_cache *cache, const char *name,
                          struct vdt_extent *extent)
{
    const struct entry *entry = find_entry(cache, name, extent);
    if (entry == NULL)
        return false;
    struct vdt_extent found = *extent;
    size_t count = (size_t)entry->chunks;
    found.addresses = vdt_allocate(count, sizeof *found.addresses);
    found.sizes = vdt_allocate(count, sizeof *found.sizes);
    if (found.addresses == NULL || found.sizes == NULL ||
        vdt_read_at(cache->fd, found.addresses, count * sizeof *found.addresses, entry->offset,
                    cache->path, NULL) != VDT_OK ||
        vdt_read_at(cache->fd, found.sizes, count * sizeof *found.sizes,
                    entry->offset + count * sizeof *found.addresses, cache->path, NULL) != VDT_OK ||
        places_crc(&found) != entry->crc) {
        vdt_extent_clear(&found);
        return false;
    }
    *extent = found;
    return true;
}

/* --- writing ------------------------------------------------------------------------------ */

void vdt_chunk_cache_add(struct vdt_chunk_cache *cache, const char *name,
                         const struct vdt_extent *extent, bool found)
{
    if (strlen(name) >= NAME_SIZE || cache->noted_count >= MOST_ARRAYS ||
        !vdt_grow(&cache->noted, &cache->noted_capacity, cache->noted_count + 1,
                  sizeof *cache->noted)) {
        cache->usable = false;
        return;
    }
    struct noted *noted = &cache->noted[cache->noted_count++];
    *noted = (struct noted){.extent = extent,
                            .entry = {.rows = extent->rows,
                                      .chunk_rows = extent->chunk_rows,
                                      .chunks = extent->chunks}};
    memcpy(noted->entry.name, name, strlen(name));
    cache->news = cache->news || !found;
}

static bool write_all(struct vdt_chunk_cache *cache, int fd)
{
    struct header header = {
        .version = VERSION, .arrays = (uint32_t)cache->noted_count, .store = cache->store};
    memcpy(header.magic, magic, sizeof magic);
    vdt_cleanup(vdt_free_pointer) struct entry *entries =
        vdt_allocate(cache->noted_count, sizeof *entries);
    uint64_t at = sizeof header + cache->noted_count * sizeof *entries;
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < cache->noted_count; i++) {
        const struct vdt_extent *extent = cache->noted[i].extent;
        entries[i] = cache->noted[i].entry;
        entries[i].offset = at;
        entries[i].crc = places_crc(extent);
        size_t first = extent->chunks * sizeof *extent->addresses;
        size_t second = extent->chunks * sizeof *extent->sizes;
        if (vdt_write_at(fd, extent->addresses, first, at, cache->path, NULL) != VDT_OK ||
            vdt_write_at(fd, extent->sizes, second, at + first, cache->path, NULL) != VDT_OK)
            return false;
        at += first + second;
    }
    header.crc = table_crc(&header, entries);
    return vdt_write_at(fd, entries, cache->noted_count * sizeof *entries, sizeof header,
                        cache->path, NULL) == VDT_OK &&
           vdt_write_at(fd, &header, sizeof header, 0, cache->path, NULL) == VDT_OK;
}

/* Empty, and locked while it is written: of several readers one writes, and what a crash left is
 * used again. A file that lies there under another name, too, is not ours. */
static int open_part(const char *path, mode_t mode)
{
    struct stat opened, named;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, mode & 0666);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 &&
        lstat(path, &named) == 0 && S_ISREG(opened.st_mode) && opened.st_ino == named.st_ino &&
        opened.st_nlink == 1 && ftruncate(fd, 0) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void vdt_chunk_cache_save(struct vdt_chunk_cache *cache)
{
    uint64_t chunks = 0;
    for (size_t i = 0; i < cache->noted_count; i++)
        chunks += cache->noted[i].entry.chunks;
    if (!cache->usable || !cache->news || chunks < VDT_CHUNK_CACHE_LEAST)
        return;
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(cache->path, ".part");
    vdt_cleanup(vdt_close_fd) int fd = part == NULL ? -1 : open_part(part, cache->mode);
    if (fd >= 0 && (!write_all(cache, fd) || rename(part, cache->path) != 0))
        unlink(part);
}

void vdt_chunk_cache_free(struct vdt_chunk_cache *cache)
{
    if (cache == NULL)
        return;
    if (cache->fd >= 0)
        close(cache->fd);
    free(cache->entries);
    free(cache->noted);
    free(cache->path);
    free(cache);
}

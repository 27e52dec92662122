/* Who fetches which block: threads of this process agree by a mutex, processes by locks on bytes of
 * PATH.partial, one a block. A block is written by whoever holds its lock and found its bit unset;
 * so once all bits are set nobody writes any more, and a writer may have the store. */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/partial_fetch.h"
#include "catalog/partial_file.h"

enum {
    SYNC_BYTES = 64 << 20, /* written before they are made durable */
    WINDOW_BLOCKS = 256,   /* claimed at once when everything is fetched */
    STUCK_ROUNDS = 3000,   /* of ROUND_NS: another process holds a block and does not get on */
    ROUND_NS = 20 * 1000 * 1000
};

/* Locks of blocks lie behind the file's own bytes; byte 0 is for its state. */
static const off_t lock_base = (off_t)1 << 60;

struct vdt_partial {
    char *path;
    struct vdt_partial_file file;
    atomic_bool whole;      /* all is here: nothing to do for ever */
    _Atomic(pid_t) process; /* for which the following is; 0 while a child makes it its own */
    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t changed; /* of claimed */
    uint64_t *claimed;      /* a bit a block: a thread of this process fetches it */
    struct vdt_partial_line **spare;
    size_t spare_count, spare_capacity;
    int store;         /* open to write; -1: not yet */
    uint64_t unsynced; /* bytes written since the last sync */
};

struct blocks {
    uint64_t *items;
    size_t count, capacity;
};

static void blocks_clear(struct blocks *blocks)
{
    free(blocks->items);
}

bool vdt_partial_exists(const char *path)
{
    struct stat info;
    vdt_cleanup(vdt_free_pointer) char *name = vdt_path_with(path, ".partial");
    return name != NULL && lstat(name, &info) == 0;
}

static bool all_here(const struct vdt_partial *partial)
{
    return vdt_partial_count(&partial->file) == partial->file.list.count;
}

/* --- opening ------------------------------------------------------------------------------ */

vdt_status vdt_partial_open(const char *path, uint64_t size, struct vdt_partial **out,
                            struct vdt_error *error)
{
    *out = NULL;
    if (!vdt_partial_exists(path))
        return VDT_OK;
    struct vdt_partial *partial = vdt_allocate_zero(1, sizeof *partial);
    if (partial == NULL)
        return vdt_fail_memory(error, path);
    partial->store = partial->file.fd = -1;
    pthread_mutex_init(&partial->mutex, NULL);
    pthread_cond_init(&partial->changed, NULL);
    atomic_store(&partial->process, getpid());
    struct vdt_error reason;
    vdt_status status = vdt_partial_file_open(path, &partial->file, &reason);
    if (status == VDT_OK && partial->file.list.size != size)
        status = vdt_fail(&reason, VDT_ERR_FORMAT,
                          "%s: of another store: it is for %llu bytes and the store has %llu; "
                          "remove the one that is not wanted",
                          partial->file.path, (unsigned long long)partial->file.list.size,
                          (unsigned long long)size);
    if (status == VDT_OK) {
        partial->path = vdt_copy_string(path);
        partial->claimed = vdt_allocate_zero((size_t)partial->file.words, sizeof(uint64_t));
        if (partial->path == NULL || partial->claimed == NULL)
            status = vdt_fail_memory(&reason, path);
    }
    if (status != VDT_OK) {
        vdt_partial_free(partial);
        /* Gone meanwhile: the store is complete. */
        return status == VDT_ERR_NOT_FOUND ? VDT_OK : vdt_fail(error, status, "%s", reason.message);
    }
    atomic_store(&partial->whole, all_here(partial));
    *out = partial;
    return VDT_OK;
}

/* What was written reaches the disk, and then `durable` says so. Another sync at the same time does
 * no harm. */
static void make_durable(struct vdt_partial *partial, int store)
{
    const struct vdt_partial_file *file = &partial->file;
    vdt_cleanup(vdt_free_pointer) uint64_t *words =
        vdt_allocate((size_t)file->words, sizeof(uint64_t));
    if (words == NULL || file->here == file->durable)
        return;
    for (uint64_t i = 0; i < file->words; i++)
        words[i] = atomic_load(&file->here[i]);
    if (fdatasync(store) != 0)
        return;
    for (uint64_t i = 0; i < file->words; i++)
        atomic_fetch_or(&file->durable[i], words[i]);
}

void vdt_partial_free(struct vdt_partial *partial)
{
    if (partial == NULL)
        return;
    if (atomic_load(&partial->process) == getpid()) {
        if (partial->unsynced > 0)
            make_durable(partial, partial->store);
        while (partial->spare_count > 0)
            vdt_partial_line_free(partial->spare[--partial->spare_count]);
    } /* in a child the connections are the parent's, and so is what it wrote */
    if (partial->store >= 0)
        close(partial->store);
    pthread_cond_destroy(&partial->changed);
    pthread_mutex_destroy(&partial->mutex);
    vdt_partial_file_close(&partial->file);
    free(partial->spare);
    free(partial->claimed);
    free(partial->path);
    free(partial);
}

/* In a child after a fork: the parent's threads, connections and claims are not ours, and neither
 * are its locks, which belong to the descriptor that both have. */
static void after_fork(struct vdt_partial *partial)
{
    pid_t own = getpid(), was = atomic_load(&partial->process);
    if (was == own)
        return;
    if (was == 0 || !atomic_compare_exchange_strong(&partial->process, &was, 0)) {
        while (atomic_load(&partial->process) != own)
            nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
        return;
    }
    pthread_mutex_init(&partial->mutex, NULL);
    pthread_cond_init(&partial->changed, NULL);
    memset(partial->claimed, 0, (size_t)partial->file.words * sizeof(uint64_t));
    partial->spare_count = 0;
    partial->unsynced = 0;
    int fd = open(partial->file.path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    close(partial->file.fd);
    partial->file.fd = fd; /* negative: it is complete meanwhile, or its locks are not to be had */
    atomic_store(&partial->process, own);
}

/* --- which blocks ------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* The blocks of the spans that are not here, rising. */
static vdt_status find_missing(const struct vdt_partial *partial, const struct vdt_span *spans,
                               size_t count, struct blocks *missing, struct vdt_error *error)
{
    const struct vdt_block_list *list = &partial->file.list;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].size == 0 || spans[i].address >= list->size)
            continue;
        uint64_t left = list->size - spans[i].address;
        uint64_t size = spans[i].size < left ? spans[i].size : left;
        uint64_t last = (spans[i].address + size - 1) / list->block_size;
        for (uint64_t b = spans[i].address / list->block_size; b <= last; b++) {
            if (vdt_partial_here(&partial->file, b))
                continue;
            if (!vdt_grow(&missing->items, &missing->capacity, missing->count + 1,
                          sizeof *missing->items))
                return vdt_fail_memory(error, partial->path);
            missing->items[missing->count++] = b;
        }
    }
    if (missing->count < 2)
        return VDT_OK;
    qsort(missing->items, missing->count, sizeof *missing->items, by_number);
    size_t kept = 1;
    for (size_t i = 1; i < missing->count; i++)
        if (missing->items[i] != missing->items[kept - 1])
            missing->items[kept++] = missing->items[i];
    missing->count = kept;
    return VDT_OK;
}

static void drop_here(const struct vdt_partial *partial, struct blocks *missing)
{
    size_t kept = 0;
    for (size_t i = 0; i < missing->count; i++)
        if (!vdt_partial_here(&partial->file, missing->items[i]))
            missing->items[kept++] = missing->items[i];
    missing->count = kept;
}

static bool lock_block(const struct vdt_partial *partial, uint64_t block, bool on)
{
    struct flock lock = {.l_type = on ? F_WRLCK : F_UNLCK,
                         .l_whence = SEEK_SET,
                         .l_start = lock_base + (off_t)block,
                         .l_len = 1};
    /* Where a file system has no such locks, two processes may fetch the same block, no more. */
    return fcntl(partial->file.fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

/* --- fetching ----------------------------------------------------------------------------- */

struct call {
    struct vdt_partial *partial;
    const atomic_bool *stop;
    vdt_progress_fn progress;
    void *payload;
};

static vdt_status open_store(struct vdt_partial *partial, struct vdt_error *error)
{
    if (partial->store >= 0)
        return VDT_OK;
    int fd = partial->file.writable ? open(partial->path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0)
        return vdt_fail(error, VDT_ERR_IO,
                        "%s: only %.1f %% of it is here, and it cannot be written to fetch the "
                        "rest",
                        partial->path,
                        100.0 * (double)vdt_partial_bytes(partial) /
                            (double)partial->file.list.size);
    partial->store = fd;
    return VDT_OK;
}

static vdt_status take_line(struct vdt_partial *partial, struct vdt_partial_line **line,
                            struct vdt_error *error)
{
    pthread_mutex_lock(&partial->mutex);
    vdt_status status = open_store(partial, error);
    *line = status == VDT_OK && partial->spare_count > 0 ? partial->spare[--partial->spare_count]
                                                         : NULL;
    pthread_mutex_unlock(&partial->mutex);
    return status == VDT_OK && *line == NULL ? vdt_partial_line_open(&partial->file, line, error)
                                             : status;
}

static void give_line(struct vdt_partial *partial, struct vdt_partial_line *line)
{
    pthread_mutex_lock(&partial->mutex);
    bool kept = vdt_grow(&partial->spare, &partial->spare_capacity, partial->spare_count + 1,
                         sizeof(struct vdt_partial_line *));
    if (kept)
        partial->spare[partial->spare_count++] = line;
    pthread_mutex_unlock(&partial->mutex);
    if (!kept)
        vdt_partial_line_free(line);
}

static vdt_status fetch(const struct call *call, const struct blocks *blocks,
                        struct vdt_error *error)
{
    struct vdt_partial *partial = call->partial;
    struct vdt_partial_line *line = NULL;
    vdt_status status = take_line(partial, &line, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_partial_fetch request = {.file = &partial->file,
                                              .path = partial->path,
                                              .fd = partial->store,
                                              .stop = call->stop,
                                              .progress = call->progress,
                                              .payload = call->payload};
    status = vdt_partial_fetch(line, &request, blocks->items, blocks->count, error);
    give_line(partial, line);
    return status;
}

static vdt_status wait_a_round(const struct call *call, unsigned *rounds, struct vdt_error *error)
{
    if (call->stop != NULL && atomic_load(call->stop))
        return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", call->partial->path);
    nanosleep(&(struct timespec){.tv_nsec = ROUND_NS}, NULL);
    ++*rounds;
    return VDT_OK;
}

/* Fetches what no other process is fetching, and goes on until nothing is missing. No lock is held
 * while it waits, so no two can wait for each other. */
static vdt_status fetch_locked(const struct call *call, struct blocks *wanted,
                               struct vdt_error *error)
{
    struct vdt_partial *partial = call->partial;
    vdt_cleanup(blocks_clear) struct blocks own = {
        .items = vdt_allocate(wanted->count, sizeof *own.items)};
    vdt_status status = own.items == NULL ? vdt_fail_memory(error, partial->path) : VDT_OK;
    unsigned rounds = 0;
    for (; status == VDT_OK; drop_here(partial, wanted)) {
        if (wanted->count == 0)
            return VDT_OK;
        bool stuck = rounds >= STUCK_ROUNDS; /* stopped, perhaps: twice is better than never */
        own.count = 0;
        for (size_t i = 0; i < wanted->count; i++) {
            if (!lock_block(partial, wanted->items[i], true) && !stuck)
                continue;
            if (!vdt_partial_here(&partial->file, wanted->items[i]))
                own.items[own.count++] = wanted->items[i];
            else
                lock_block(partial, wanted->items[i], false);
        }
        if (own.count == 0) {
            drop_here(partial, wanted);
            if (wanted->count > 0)
                status = wait_a_round(call, &rounds, error);
            continue;
        }
        rounds = 0;
        status = fetch(call, &own, error);
        for (size_t i = 0; i < own.count; i++)
            lock_block(partial, own.items[i], false);
    }
    return status;
}

/* --- the end ------------------------------------------------------------------------------ */

/* Everything is here: to the disk, and PATH.partial goes, unless another is doing that. */
static vdt_status finish(struct vdt_partial *partial, struct vdt_error *error)
{
    struct stat named, opened;
    const char *name = partial->file.path;
    bool same = partial->file.fd >= 0 && stat(name, &named) == 0 &&
                fstat(partial->file.fd, &opened) == 0 && named.st_ino == opened.st_ino &&
                named.st_dev == opened.st_dev;
    vdt_status status = VDT_OK;
    if (same && partial->store >= 0) {
        if (fsync(partial->store) != 0)
            status = vdt_fail_errno(error, partial->path);
        else if (unlink(name) != 0 && errno != ENOENT)
            status = vdt_fail_errno(error, name);
        else
            status = vdt_sync_folder(partial->path, error);
    }
    if (status == VDT_OK)
        atomic_store(&partial->whole, true);
    return status;
}

static vdt_status after_fetch(struct vdt_partial *partial, size_t blocks, struct vdt_error *error)
{
    pthread_mutex_lock(&partial->mutex);
    partial->unsynced += (uint64_t)blocks * partial->file.list.block_size;
    bool sync = partial->unsynced >= SYNC_BYTES;
    if (sync)
        partial->unsynced = 0;
    vdt_status status = VDT_OK;
    if (all_here(partial) && !atomic_load(&partial->whole)) {
        status = finish(partial, error);
        partial->unsynced = 0;
        sync = false;
    }
    pthread_mutex_unlock(&partial->mutex);
    if (sync)
        make_durable(partial, partial->store);
    return status;
}

/* --- calls -------------------------------------------------------------------------------- */

/* Moves to `own` what no thread of this process fetches. The mutex is held. */
static void claim(struct vdt_partial *partial, const struct blocks *missing, struct blocks *own)
{
    own->count = 0;
    for (size_t i = 0; i < missing->count; i++) {
        uint64_t block = missing->items[i], bit = UINT64_C(1) << block % 64;
        if (partial->claimed[block / 64] & bit)
            continue;
        partial->claimed[block / 64] |= bit;
        own->items[own->count++] = block;
    }
}

static void unclaim(struct vdt_partial *partial, const uint64_t *blocks, size_t count)
{
    pthread_mutex_lock(&partial->mutex);
    for (size_t i = 0; i < count; i++)
        partial->claimed[blocks[i] / 64] &= ~(UINT64_C(1) << blocks[i] % 64);
    pthread_cond_broadcast(&partial->changed);
    pthread_mutex_unlock(&partial->mutex);
}

/* Until none of `missing` is missing. */
static vdt_status get(const struct call *call, struct blocks *missing, struct vdt_error *error)
{
    struct vdt_partial *partial = call->partial;
    vdt_cleanup(blocks_clear) struct blocks own = {
        .items = vdt_allocate(missing->count, sizeof *own.items)};
    vdt_cleanup(vdt_free_pointer) uint64_t *mine = vdt_allocate(missing->count, sizeof *mine);
    vdt_status status =
        own.items == NULL || mine == NULL ? vdt_fail_memory(error, partial->path) : VDT_OK;
    while (status == VDT_OK) {
        pthread_mutex_lock(&partial->mutex);
        drop_here(partial, missing);
        claim(partial, missing, &own);
        if (missing->count > 0 && own.count == 0)
            pthread_cond_wait(&partial->changed, &partial->mutex);
        pthread_mutex_unlock(&partial->mutex);
        if (missing->count == 0)
            return VDT_OK;
        size_t count = own.count;
        if (count == 0)
            continue;
        memcpy(mine, own.items, count * sizeof *mine);
        status = fetch_locked(call, &own, error);
        unclaim(partial, mine, count);
        vdt_status synced = after_fetch(partial, count, status == VDT_OK ? error : NULL);
        status = status == VDT_OK ? synced : status;
    }
    return status;
}

vdt_status vdt_partial_need(struct vdt_partial *partial, const struct vdt_span *spans, size_t count,
                            const atomic_bool *stop, struct vdt_error *error)
{
    vdt_cleanup(blocks_clear) struct blocks missing = {0};
    if (atomic_load_explicit(&partial->whole, memory_order_acquire))
        return VDT_OK;
    vdt_status status = find_missing(partial, spans, count, &missing, error);
    if (status != VDT_OK || missing.count == 0)
        return status;
    after_fork(partial);
    return get(&(struct call){.partial = partial, .stop = stop}, &missing, error);
}

/* Bytes of one window, told as a share of all. */
struct share {
    vdt_progress_fn progress;
    void *payload;
    uint64_t before, total;
};

static bool tell(uint64_t done, uint64_t total, void *payload)
{
    const struct share *share = payload;
    (void)total;
    uint64_t sum = share->before + done;
    return share->progress == NULL ||
           share->progress(sum < share->total ? sum : share->total, share->total, share->payload);
}

vdt_status vdt_partial_complete(struct vdt_partial *partial, vdt_progress_fn progress,
                                void *payload, struct vdt_error *error)
{
    const struct vdt_block_list *list = &partial->file.list;
    struct share share = {.progress = progress, .payload = payload, .total = list->size};
    vdt_cleanup(blocks_clear) struct blocks missing = {0};
    vdt_status status = VDT_OK;
    after_fork(partial);
    for (uint64_t b = 0; status == VDT_OK && b < list->count; b += WINDOW_BLOCKS) {
        const struct vdt_span span = {b * list->block_size,
                                      (uint64_t)WINDOW_BLOCKS * list->block_size};
        share.before = vdt_partial_bytes(partial);
        missing.count = 0;
        status = find_missing(partial, &span, 1, &missing, error);
        if (status == VDT_OK && missing.count > 0)
            status = get(&(struct call){.partial = partial, .progress = tell, .payload = &share},
                         &missing, error);
    }
    /* All bits may have been set by a process that was killed before it could say so. */
    if (status == VDT_OK) {
        pthread_mutex_lock(&partial->mutex);
        status = open_store(partial, error);
        if (status == VDT_OK)
            status = finish(partial, error);
        pthread_mutex_unlock(&partial->mutex);
    }
    return status;
}

uint64_t vdt_partial_bytes(const struct vdt_partial *partial)
{
    const struct vdt_partial_file *file = &partial->file;
    uint64_t blocks = vdt_partial_count(file), last = file->list.count - 1;
    uint64_t bytes = blocks * file->list.block_size;
    if (vdt_partial_here(file, last))
        bytes -= file->list.block_size - vdt_block_length(&file->list, last);
    return bytes;
}

vdt_status vdt_partial_check(struct vdt_partial *partial, vdt_progress_fn progress, void *payload,
                             uint64_t *wrong, struct vdt_error *error)
{
    const struct vdt_partial_file *file = &partial->file;
    vdt_cleanup(vdt_free_pointer) void *block = vdt_allocate(file->list.block_size, 1);
    vdt_cleanup(vdt_close_fd) int fd = open(partial->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint64_t total = vdt_partial_bytes(partial), done = 0, found = 0;
    if (block == NULL)
        return vdt_fail_memory(error, partial->path);
    if (fd < 0)
        return vdt_fail_errno(error, partial->path);
    for (uint64_t b = 0; b < file->list.count; b++) {
        uint32_t length = vdt_block_length(&file->list, b);
        if (!vdt_partial_here(file, b))
            continue;
        vdt_status status =
            vdt_read_at(fd, block, length, b * file->list.block_size, partial->path, error);
        if (status != VDT_OK)
            return status;
        if (!vdt_block_is(&file->list, b, block)) {
            found++;
            if (file->writable) {
                atomic_fetch_and(&file->here[b / 64], ~(UINT64_C(1) << b % 64));
                atomic_fetch_and(&file->durable[b / 64], ~(UINT64_C(1) << b % 64));
            }
        }
        done += length;
        if (progress != NULL && !progress(done < total ? done : total, total, payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", partial->path);
    }
    *wrong = found;
    return VDT_OK;
}

/* Ranges of a store, from a server that may lie, stop, or not know ranges at all. */
#include "catalog/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

/* Blocks of one request (16 MiB), and how often one block may come damaged. */
enum { BLOCKS_A_REQUEST = 64, DAMAGE_TRIES = 4 };

struct run {
    uint64_t first;
    uint64_t count;
};

static uint64_t missing_of(const struct vdt_fetch *fetch, const struct run *run)
{
    uint64_t missing = 0;
    for (uint64_t i = run->first; i < run->first + run->count; i++)
        missing += !fetch->have[i];
    return missing;
}

/* One answer on its way: bytes from `at` on, put together to blocks. */
struct stream {
    const struct vdt_fetch *fetch;
    uint64_t at;       /* offset in the store of the next byte */
    uint64_t end;      /* behind the last byte that is wanted */
    uint64_t left;     /* wanted blocks that are missing */
    bool may_be_whole; /* a server that knows no ranges is served, too */
    bool ranges;       /* a range was asked for and is due */
    bool whole;        /* the server sends the whole file instead */
    uint64_t damaged;  /* number + 1 of the block that was wrong; 0: none */
    unsigned char *block;
};

static uint64_t block_at(const struct stream *stream)
{
    return stream->at / stream->fetch->list->block_size;
}

static vdt_status check_start(void *payload, const struct vdt_http_answer *answer,
                              struct vdt_error *error)
{
    struct stream *stream = payload;
    const struct vdt_fetch *fetch = stream->fetch;
    if (answer->total != UINT64_MAX && answer->total != fetch->list->size)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%.*s: has %" PRIu64 " bytes where the manifest says %" PRIu64,
                        vdt_http_shown(fetch->url), fetch->url, answer->total, fetch->list->size);
    if (answer->ranges && answer->first != stream->at)
        return vdt_fail(error, VDT_ERR_FORMAT, "%.*s: another range than the one asked for",
                        vdt_http_shown(fetch->url), fetch->url);
    stream->whole = stream->ranges && !answer->ranges;
    if (!stream->whole)
        return VDT_OK;
    const struct run all = {0, fetch->list->count};
    stream->left = missing_of(fetch, &all);
    stream->end = fetch->list->size;
    /* Not from the beginning: the caller asks for all of it. */
    return stream->at > 0 || !stream->may_be_whole ? VDT_END : VDT_OK;
}

/* A whole block: kept when it is right. */
static vdt_status take_block(struct stream *stream, uint64_t index, const void *data,
                             struct vdt_error *error)
{
    const struct vdt_fetch *fetch = stream->fetch;
    uint32_t length = vdt_block_length(fetch->list, index);
    if (!vdt_block_is(fetch->list, index, data)) {
        stream->damaged = index + 1;
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%.*s: block %" PRIu64 " is not what the manifest says",
                        vdt_http_shown(fetch->url), fetch->url, index);
    }
    vdt_status status = fetch->keep(fetch->payload, index, data, length, error);
    if (status != VDT_OK)
        return status;
    fetch->have[index] = 1;
    stream->left--;
    vdt_http_advance(fetch->http, length);
    return VDT_OK;
}

static vdt_status take_bytes(void *payload, const void *bytes, size_t size, struct vdt_error *error)
{
    struct stream *stream = payload;
    const struct vdt_block_list *list = stream->fetch->list;
    const unsigned char *data = bytes;
    while (size > 0 && stream->left > 0 && stream->at < stream->end) {
        uint64_t index = block_at(stream);
        uint32_t length = vdt_block_length(list, index);
        uint32_t within = (uint32_t)(stream->at % list->block_size);
        uint32_t step = size < length - within ? (uint32_t)size : length - within;
        bool wanted = !stream->fetch->have[index];
        vdt_status status = VDT_OK;
        if (wanted && step == length) /* no need to put it together */
            status = take_block(stream, index, data, error);
        else if (wanted) {
            memcpy(stream->block + within, data, step);
            if (within + step == length)
                status = take_block(stream, index, stream->block, error);
        }
        if (status != VDT_OK)
            return status;
        stream->at += step;
        data += step;
        size -= step;
    }
    return stream->left == 0 || stream->at >= stream->end ? VDT_END : VDT_OK;
}

/* --- one run of blocks -------------------------------------------------------------------- */

/* Cuts off what is there at the front. */
static void advance(const struct vdt_fetch *fetch, struct run *run)
{
    while (run->count > 0 && fetch->have[run->first]) {
        run->first++;
        run->count--;
    }
}

static vdt_status ask(struct stream *stream, const struct run *run, bool ranges, bool *again,
                      double *wait_s, struct vdt_error *error)
{
    const struct vdt_fetch *fetch = stream->fetch;
    struct vdt_http_answer answer = {0};
    struct vdt_http_request request = {
        .url = fetch->url, .start = check_start, .write = take_bytes, .payload = stream};
    stream->left = missing_of(fetch, run);
    stream->at = run->first * fetch->list->block_size;
    stream->end = (run->first + run->count) * fetch->list->block_size;
    if (stream->end > fetch->list->size)
        stream->end = fetch->list->size;
    stream->ranges = ranges;
    stream->whole = false;
    stream->damaged = 0;
    if (ranges) {
        request.first = stream->at;
        request.last = stream->end - 1;
    } else
        stream->at = 0;
    vdt_status status = vdt_http_once(fetch->http, &request, &answer, again, wait_s, error);
    vdt_http_answer_clear(&answer);
    if (status == VDT_OK && stream->left > 0 && !stream->whole) {
        *again = true;
        return vdt_fail(error, VDT_ERR_FORMAT, "%.*s: ends at byte %" PRIu64 " of %" PRIu64,
                        vdt_http_shown(fetch->url), fetch->url, stream->at, fetch->list->size);
    }
    return status;
}

/* Until the run is there. Tries count anew whenever something came. *whole: the server knows no
 * ranges, and all blocks were fetched. */
static vdt_status fetch_run(struct stream *stream, struct run run, bool *whole,
                            struct vdt_error *error)
{
    const struct vdt_fetch *fetch = stream->fetch;
    unsigned tries = 1, damage = 0;
    for (;;) {
        bool again = false;
        double wait = -1;
        advance(fetch, &run);
        uint64_t before = missing_of(fetch, &run);
        if (before == 0)
            return VDT_OK;
        vdt_status status = ask(stream, &run, !*whole, &again, &wait, error);
        if (stream->whole && !stream->may_be_whole)
            return vdt_fail(error, VDT_ERR_FORMAT, "%.*s: knows ranges only now and then",
                            vdt_http_shown(fetch->url), fetch->url);
        if (stream->whole) {
            *whole = true;
            run = (struct run){0, fetch->list->count};
            before++; /* what came is not known: at least this was learned */
        }
        if (status == VDT_OK)
            continue;
        bool came = missing_of(fetch, &run) < before;
        if (came)
            tries = 1;
        damage = stream->damaged > 0 && !came ? damage + 1 : 0;
        again |= stream->damaged > 0 && damage < DAMAGE_TRIES;
        if (!again || !vdt_http_wait(fetch->http, tries++, wait))
            return vdt_http_goes_on(fetch->http) ? status
                                                 : vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
    }
}

/* --- all of them -------------------------------------------------------------------------- */

struct fetching {
    const struct vdt_fetch *fetch;
    struct run *runs;
    size_t run_count;
    size_t run_capacity;
};

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    const struct fetching *fetching = payload;
    struct stream *stream = vdt_allocate_zero(1, sizeof *stream);
    if (stream != NULL) {
        stream->fetch = fetching->fetch;
        stream->block = vdt_allocate(fetching->fetch->list->block_size, 1);
    }
    if (stream == NULL || stream->block == NULL) {
        free(stream);
        return vdt_fail_memory(error, "pull");
    }
    *worker = stream;
    return VDT_OK;
}

static void stop_worker(void *payload, void *worker)
{
    (void)payload;
    free(((struct stream *)worker)->block);
    free(worker);
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    const struct fetching *fetching = payload;
    bool whole = false;
    (void)slot;
    return fetch_run(worker, fetching->runs[item], &whole, error);
}

/* Missing blocks as runs for one request each. A small gap of blocks that are there is no reason
 * for a request more, but they would cost as much again: so runs end where blocks are there. */
static vdt_status find_runs(struct fetching *fetching, struct vdt_error *error)
{
    const struct vdt_fetch *fetch = fetching->fetch;
    for (uint64_t i = 0; i < fetch->list->count; i++) {
        if (fetch->have[i])
            continue;
        struct run *last =
            fetching->run_count > 0 ? &fetching->runs[fetching->run_count - 1] : NULL;
        if (last != NULL && last->first + last->count == i && last->count < BLOCKS_A_REQUEST) {
            last->count++;
            continue;
        }
        if (!vdt_grow(&fetching->runs, &fetching->run_capacity, fetching->run_count + 1,
                      sizeof *fetching->runs))
            return vdt_fail_memory(error, "pull");
        fetching->runs[fetching->run_count++] = (struct run){i, 1};
    }
    return VDT_OK;
}

static vdt_status fetch_parallel(struct fetching *fetching, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {
        .start = start_worker, .process = process, .stop = stop_worker};
    struct vdt_ordered *ordered = NULL;
    uint32_t slot, threads = vdt_http_connections(fetching->fetch->http);
    if (threads > fetching->run_count)
        threads = (uint32_t)fetching->run_count;
    vdt_status status = vdt_ordered_start(&ops, fetching, fetching->run_count, threads, 2 * threads,
                                          &ordered, error);
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK)
        vdt_ordered_release(ordered, slot);
    if (status != VDT_END)
        vdt_http_give_up(fetching->fetch->http);
    vdt_ordered_free(ordered);
    return status == VDT_END ? VDT_OK : status;
}

static uint64_t missing_bytes(const struct vdt_fetch *fetch)
{
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < fetch->list->count; i++)
        bytes += fetch->have[i] ? 0 : vdt_block_length(fetch->list, i);
    return bytes;
}

/* The first run tells whether the server knows ranges. */
static vdt_status fetch_first(struct fetching *fetching, bool *whole, struct vdt_error *error)
{
    void *worker = NULL;
    vdt_status status = start_worker(fetching, &worker, error);
    if (status != VDT_OK)
        return status;
    ((struct stream *)worker)->may_be_whole = true;
    status = fetch_run(worker, fetching->runs[0], whole, error);
    stop_worker(fetching, worker);
    return status;
}

vdt_status vdt_fetch_missing(const struct vdt_fetch *fetch, struct vdt_error *error)
{
    struct fetching fetching = {.fetch = fetch};
    bool whole = false;
    vdt_http_begin(fetch->http, VDT_STEP_FETCH, missing_bytes(fetch));
    vdt_status status = find_runs(&fetching, error);
    if (status == VDT_OK && fetching.run_count > 0)
        status = fetch_first(&fetching, &whole, error);
    if (status == VDT_OK && !whole && fetching.run_count > 0)
        status = fetch_parallel(&fetching, error);
    free(fetching.runs);
    return status;
}

/* Runs of blocks, each over one request at a time, several at once. */
#include "catalog/partial_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "base/path.h"
#include "catalog/http.h"

/* A request asks for so much at most, so that several share a long run of blocks. */
enum { RUN_BYTES = 4 << 20, WRONG_TRIES = 4, TRIES = 6 };

struct vdt_partial_line {
    struct vdt_http *http;
    const struct vdt_partial_fetch *fetch; /* of the call that has it; NULL: none */
    atomic_bool over;                      /* it failed: what still runs is not worth waiting for */
};

struct run {
    uint64_t first;
    uint64_t count;
};

struct work {
    struct vdt_partial_line *line;
    const struct vdt_partial_fetch *fetch;
    struct run *runs;
    size_t run_count, run_capacity;
};

/* --- lines -------------------------------------------------------------------------------- */

/* Asked by every request of the line, now and then. */
static bool goes_on(enum vdt_catalog_step step, uint64_t done, uint64_t total, void *payload)
{
    (void)step, (void)done, (void)total;
    const struct vdt_partial_line *line = payload;
    const struct vdt_partial_fetch *fetch = line->fetch;
    return fetch == NULL ||
           (!atomic_load(&line->over) && (fetch->stop == NULL || !atomic_load(fetch->stop)));
}

/* The token that the login file has for the store's server, when it has one: entries that are
 * public need none. */
static vdt_status find_login(const struct vdt_partial_about *about, struct vdt_login *login,
                             struct vdt_error *error)
{
    if (about->server == NULL || about->login == NULL)
        return VDT_OK;
    vdt_status status = vdt_login_read(about->login, about->server, login, error);
    return status == VDT_ERR_NOT_FOUND ? VDT_OK : status;
}

vdt_status vdt_partial_line_open(const struct vdt_partial_file *file, struct vdt_partial_line **out,
                                 struct vdt_error *error)
{
    const struct vdt_partial_about *about = &file->about;
    vdt_cleanup(vdt_login_clear) struct vdt_login login = {0};
    struct vdt_partial_line *line = vdt_allocate_zero(1, sizeof *line);
    vdt_status status = line == NULL ? vdt_fail_memory(error, file->path) : VDT_OK;
    if (status == VDT_OK)
        status = find_login(about, &login, error);
    /* A store from elsewhere may have brought its PATH.partial along: certificates and a proxy of
     * its choice must not see a token. */
    bool plain = login.token == NULL;
    const struct vdt_catalog_options options = {.ca_file = plain ? about->ca_file : NULL,
                                                .http_proxy = plain ? about->http_proxy : NULL,
                                                .https_proxy = plain ? about->https_proxy : NULL,
                                                .no_proxy = plain ? about->no_proxy : NULL,
                                                .insecure = login.insecure,
                                                .tries = TRIES,
                                                .progress = goes_on,
                                                .payload = line};
    if (status == VDT_OK)
        status = vdt_http_open(login.token == NULL ? NULL : about->server, login.token, &options,
                               &line->http, error);
    if (status == VDT_OK)
        *out = line;
    else
        free(line);
    return status;
}

void vdt_partial_line_free(struct vdt_partial_line *line)
{
    if (line != NULL)
        vdt_http_free(line->http);
    free(line);
}

/* --- one run ------------------------------------------------------------------------------ */

struct receiving {
    const struct work *work;
    uint64_t next; /* block that comes */
    uint64_t end;
    unsigned char *block; /* what came of it */
    size_t filled;
    bool final; /* what went wrong will go wrong again */
    bool wrong; /* a block was not what it should be */
};

static vdt_status begin(void *payload, const struct vdt_http_answer *answer,
                        struct vdt_error *error)
{
    struct receiving *receiving = payload;
    const struct vdt_partial_file *file = receiving->work->fetch->file;
    uint64_t first = receiving->next * file->list.block_size;
    bool whole = !answer->ranges && first == 0 && answer->total == file->list.size;
    receiving->filled = 0;
    if (whole || (answer->ranges && answer->first == first && answer->total == file->list.size))
        return VDT_OK;
    receiving->final = true;
    if (answer->total != UINT64_MAX && answer->total != file->list.size && answer->ranges)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: has %llu bytes where version %lu had %llu: it was replaced; pull it "
                        "anew",
                        file->about.store, (unsigned long long)answer->total,
                        (unsigned long)file->about.version, (unsigned long long)file->list.size);
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: the server does not send ranges of it: pull it whole", file->about.store);
}

static vdt_status put_block(struct receiving *receiving, struct vdt_error *error)
{
    const struct vdt_partial_fetch *fetch = receiving->work->fetch;
    const struct vdt_partial_file *file = fetch->file;
    uint64_t block = receiving->next;
    if (!vdt_block_is(&file->list, block, receiving->block)) {
        receiving->wrong = true;
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: bytes %llu to %llu are not those of the version that was pulled, "
                        "also when asked for again: tell its owner",
                        file->about.store, (unsigned long long)(block * file->list.block_size),
                        (unsigned long long)(block * file->list.block_size + receiving->filled));
    }
    vdt_status status = vdt_write_at(fetch->fd, receiving->block, receiving->filled,
                                     block * file->list.block_size, fetch->path, error);
    if (status != VDT_OK) {
        receiving->final = true;
        return status;
    }
    atomic_fetch_or_explicit(&file->here[block / 64], UINT64_C(1) << block % 64,
                             memory_order_release);
    receiving->next++;
    receiving->filled = 0;
    return VDT_OK;
}

static vdt_status take(void *payload, const void *data, size_t size, struct vdt_error *error)
{
    struct receiving *receiving = payload;
    const struct vdt_partial_fetch *fetch = receiving->work->fetch;
    const unsigned char *from = data;
    if (fetch->stop != NULL && atomic_load(fetch->stop)) {
        receiving->final = true;
        return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", fetch->path);
    }
    while (size > 0 && receiving->next < receiving->end) {
        size_t room = vdt_block_length(&fetch->file->list, receiving->next) - receiving->filled;
        size_t step = size < room ? size : room;
        memcpy(receiving->block + receiving->filled, from, step);
        receiving->filled += step;
        from += step;
        size -= step;
        vdt_status status = step == room ? put_block(receiving, error) : VDT_OK;
        if (status != VDT_OK)
            return status;
    }
    return receiving->next < receiving->end ? VDT_OK : VDT_END;
}

/* One request for what is left of a run. */
static vdt_status ask(struct receiving *receiving, bool *again, double *wait_s,
                      struct vdt_error *error)
{
    const struct vdt_partial_file *file = receiving->work->fetch->file;
    uint64_t block_size = file->list.block_size;
    uint64_t end = receiving->end * block_size;
    const struct vdt_http_request request = {
        .url = file->about.store,
        .first = receiving->next * block_size,
        .last = (end < file->list.size ? end : file->list.size) - 1,
        .start = begin,
        .write = take,
        .payload = receiving};
    struct vdt_http_answer answer = {0};
    receiving->wrong = false;
    vdt_status status =
        vdt_http_once(receiving->work->line->http, &request, &answer, again, wait_s, error);
    vdt_http_answer_clear(&answer);
    if (receiving->next == receiving->end)
        return VDT_OK;
    *again = !receiving->final && (*again || receiving->wrong || status == VDT_OK);
    return status != VDT_OK
               ? status
               : vdt_fail(error, VDT_ERR_IO, "%s: the answer ends early", file->about.store);
}

static vdt_status fetch_run(const struct work *work, const struct run *run, unsigned char *block,
                            struct vdt_error *error)
{
    struct receiving receiving = {
        .work = work, .next = run->first, .end = run->first + run->count, .block = block};
    unsigned tries = 0, wrong = 0;
    for (;;) {
        bool again = false;
        double wait_s = -1;
        uint64_t before = receiving.next;
        vdt_status status = ask(&receiving, &again, &wait_s, error);
        if (status == VDT_OK || !again)
            return status;
        if (receiving.next > before)
            tries = wrong = 0; /* it gets on */
        if (receiving.wrong && ++wrong == WRONG_TRIES)
            return status;
        if (!vdt_http_wait(work->line->http, ++tries, wait_s))
            return status;
    }
}

/* --- all runs ----------------------------------------------------------------------------- */

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    const struct work *work = payload;
    *worker = vdt_allocate(work->fetch->file->list.block_size, 1);
    return *worker == NULL ? vdt_fail_memory(error, work->fetch->path) : VDT_OK;
}

static void stop_worker(void *payload, void *worker)
{
    (void)payload;
    free(worker);
}

static vdt_status process_run(void *payload, void *worker, uint64_t item, uint32_t slot,
                              struct vdt_error *error)
{
    (void)slot;
    const struct work *work = payload;
    return fetch_run(work, &work->runs[item], worker, error);
}

static vdt_status find_runs(struct work *work, const uint64_t *blocks, size_t count,
                            struct vdt_error *error)
{
    uint64_t most = RUN_BYTES / work->fetch->file->list.block_size;
    most = most == 0 ? 1 : most;
    for (size_t i = 0; i < count; i++) {
        struct run *last = work->run_count == 0 ? NULL : &work->runs[work->run_count - 1];
        if (last != NULL && last->first + last->count == blocks[i] && last->count < most) {
            last->count++;
            continue;
        }
        if (!vdt_grow(&work->runs, &work->run_capacity, work->run_count + 1, sizeof *work->runs))
            return vdt_fail_memory(error, work->fetch->path);
        work->runs[work->run_count++] = (struct run){blocks[i], 1};
    }
    return VDT_OK;
}

static vdt_status fetch_all(struct work *work, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {
        .start = start_worker, .process = process_run, .stop = stop_worker};
    const struct vdt_partial_fetch *fetch = work->fetch;
    uint32_t threads = vdt_http_connections(work->line->http), slot = 0;
    struct vdt_ordered *pool = NULL;
    uint64_t done = 0, total = 0;
    threads = work->run_count < threads ? (uint32_t)work->run_count : threads;
    for (size_t i = 0; i < work->run_count; i++)
        total += work->runs[i].count * fetch->file->list.block_size;
    vdt_status status =
        vdt_ordered_start(&ops, work, work->run_count, threads, 2 * threads, &pool, error);
    for (size_t i = 0; status == VDT_OK && i < work->run_count; i++) {
        status = vdt_ordered_take(pool, &slot, error);
        if (status != VDT_OK)
            break;
        vdt_ordered_release(pool, slot);
        done += work->runs[i].count * fetch->file->list.block_size;
        if (fetch->progress != NULL && !fetch->progress(done, total, fetch->payload))
            status = vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", fetch->path);
    }
    atomic_store(&work->line->over, status != VDT_OK);
    vdt_ordered_free(pool);
    return status;
}

/* Who may not see an entry is told that there is none; and no such thing at the server does not
 * mean that there is no such file here. */
static vdt_status explain(const struct vdt_partial_file *file, vdt_status status,
                          struct vdt_error *error)
{
    if (status != VDT_ERR_NOT_FOUND && status != VDT_ERR_DENIED)
        return status;
    status = status == VDT_ERR_NOT_FOUND ? VDT_ERR_IO : status;
    if (file->about.server == NULL)
        return vdt_fail(error, status, "%.600s: is not there any more, or not for everybody",
                        file->about.store);
    return vdt_fail(error, status,
                    "%.600s: is not there any more, or private: 'vedatile login %.200s' with a "
                    "token that may read it, and pull it again",
                    file->about.store, file->about.server);
}

vdt_status vdt_partial_fetch(struct vdt_partial_line *line, const struct vdt_partial_fetch *fetch,
                             const uint64_t *blocks, size_t count, struct vdt_error *error)
{
    struct work work = {.line = line, .fetch = fetch};
    line->fetch = fetch;
    atomic_store(&line->over, false);
    vdt_status status = find_runs(&work, blocks, count, error);
    if (status == VDT_OK && work.run_count == 1) {
        vdt_cleanup(vdt_free_pointer) void *block = NULL;
        status = start_worker(&work, &block, error);
        if (status == VDT_OK)
            status = fetch_run(&work, &work.runs[0], block, error);
    } else if (status == VDT_OK && work.run_count > 1) {
        status = fetch_all(&work, error);
    }
    line->fetch = NULL;
    free(work.runs);
    return explain(fetch->file, status, error);
}

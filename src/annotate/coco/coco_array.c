/* Arrays of records, read by several threads.
 *
 * The text is cut at fixed bytes into pieces; a piece has the records that begin in it. Where the
 * first of them begins is a guess: a '{' behind "},". The guess was right when the piece before
 * ends there, and else the piece is read again from there. The first piece needs no guess, so what
 * comes out is what one thread would read. */
#include "annotate/coco/coco_array.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

enum {
    PIECE = 1 << 20,
    BEFORE = 256,    /* bytes before a piece that are looked at for "}," */
    SPARE = 64 << 10 /* bytes behind it: most last records end there */
};

/* Records from one byte to another. */
struct run {
    bool found;          /* a beginning */
    uint64_t begin, end; /* of the first record, and of the one behind the last */
    bool ended;          /* the array did */
    const char *problem; /* NULL: fine */
    uint64_t problem_at;
    struct vdt_error failure; /* what a problem of reading was */
};

vdt_status vdt_coco_fail(const struct vdt_coco_window *window, const char *name, uint64_t record,
                         struct vdt_error *error)
{
    const char *path = window->file->path, *problem = window->text.problem;
    if (problem == vdt_coco_no_memory)
        return vdt_fail_memory(error, path);
    if (problem == window->error.message)
        return vdt_fail(error, window->error.status, "%s", problem);
    uint64_t at = vdt_coco_window_at(window);
    if (record == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: byte %" PRIu64 ": %s", path, at, problem);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: byte %" PRIu64 ", record %" PRIu64 "%s%s: %s", path,
                    at, record, name == NULL ? "" : " of ", name == NULL ? "" : name, problem);
}

/* --- one thread ----------------------------------------------------------------------------- */

/* What begins a record; the array's other elements have no say in where it ends. */
static bool at_record(struct vdt_coco_text *text, enum vdt_coco_kind kind)
{
    return kind == VDT_COCO_OTHER || *text->at == '{' ||
           vdt_coco_problem(text, "an object has to be here");
}

/* From the begin of a record to that of the next, or behind the array's end. */
static bool take_record(struct vdt_coco_text *text, enum vdt_coco_kind kind,
                        struct vdt_coco_part *part, bool *ended)
{
    if (!vdt_coco_record(text, kind, part))
        return false;
    char next = vdt_coco_peek(text);
    if (next == ']') {
        text->at++;
        *ended = true;
        return true;
    }
    if (next != ',')
        return vdt_coco_problem(text, "no ',' or closing bracket");
    text->at++;
    vdt_coco_peek(text);
    if (*text->at == ']')
        return vdt_coco_problem(text, "a ',' with nothing behind it");
    return at_record(text, kind);
}

/* Reads from where the window is, which is the begin of a record, the records that begin before
 * `stop`. */
static void read_run(struct vdt_coco_window *window, enum vdt_coco_kind kind, uint64_t stop,
                     struct vdt_coco_part *part, struct run *run)
{
    struct vdt_coco_text *text = &window->text;
    *run = (struct run){.found = true, .begin = vdt_coco_window_at(window)};
    while (!run->ended && vdt_coco_window_at(window) < stop) {
        const char *begin = text->at;
        size_t records = part->records;
        if (take_record(text, kind, part, &run->ended))
            continue;
        vdt_coco_part_cut(part, records);
        if (text->problem == vdt_coco_cut_short && vdt_coco_window_more(window, begin))
            continue;
        run->problem = text->problem;
        run->problem_at = vdt_coco_window_at(window);
        break;
    }
    run->end = vdt_coco_window_at(window);
}

/* The first '{' behind "}," from `from` on and before `stop`; NULL where there is none. */
static const char *guess(const struct vdt_coco_window *window, uint64_t from, uint64_t stop)
{
    const char *at = window->data, *end = window->text.end;
    while ((at = memchr(at, '}', (size_t)(end - at))) != NULL) {
        struct vdt_coco_text text = {.at = ++at, .end = end};
        if (vdt_coco_peek(&text) != ',')
            continue;
        text.at++;
        uint64_t place = window->offset + (uint64_t)(text.at - window->data);
        if (place >= stop)
            return NULL;
        if (vdt_coco_peek(&text) != '{')
            continue;
        place = window->offset + (uint64_t)(text.at - window->data);
        if (place >= from)
            return place < stop ? text.at : NULL;
    }
    return NULL;
}

/* --- several -------------------------------------------------------------------------------- */

enum { MOST_SLOTS = 64 };

struct slot {
    struct vdt_coco_part part;
    struct run run;
};

struct pool {
    const struct vdt_coco_array *array;
    const struct vdt_coco_file *file;
    uint64_t begin, piece; /* of the first record */
    uint64_t count;        /* pieces */
    uint32_t slot_count;
    struct slot slots[MOST_SLOTS];
};

static uint64_t piece_begin(const struct pool *pool, uint64_t item)
{
    return item >= pool->count ? UINT64_MAX : pool->begin + item * pool->piece;
}

static void clear_pool(struct pool **pool)
{
    if (*pool == NULL)
        return;
    for (uint32_t i = 0; i < (*pool)->slot_count; i++)
        vdt_coco_part_clear(&(*pool)->slots[i].part);
    free(*pool);
}

static void stop_worker(void *payload, void *worker)
{
    (void)payload;
    vdt_coco_window_clear(worker);
    free(worker);
}

static vdt_status start_worker(void *payload, void **worker, struct vdt_error *error)
{
    const struct pool *pool = payload;
    struct vdt_coco_window *window = vdt_allocate_zero(1, sizeof *window);
    if (window == NULL)
        return vdt_fail_memory(error, pool->file->path);
    if (!vdt_coco_window_open(window, pool->file, (size_t)pool->piece + BEFORE + SPARE)) {
        stop_worker(payload, window);
        return vdt_fail_memory(error, pool->file->path);
    }
    *worker = window;
    return VDT_OK;
}

static vdt_status read_piece(void *payload, void *worker, uint64_t item, uint32_t slot,
                             struct vdt_error *error)
{
    (void)error;
    struct pool *pool = payload;
    struct vdt_coco_window *window = worker;
    struct run *run = &pool->slots[slot].run;
    uint64_t begin = piece_begin(pool, item), stop = piece_begin(pool, item + 1);
    uint64_t from = item == 0 || begin < BEFORE ? begin : begin - BEFORE;
    *run = (struct run){0};
    vdt_coco_part_cut(&pool->slots[slot].part, 0);
    window->error = (struct vdt_error){0};
    window->text.end = window->data; /* never what is there: a piece is read at once */
    window->offset = 0;
    if (vdt_coco_window_place(window, from)) {
        window->text.at = item == 0 ? window->data : guess(window, begin, stop);
        if (window->text.at == NULL) {
            window->text.at = window->data;
            return VDT_OK;
        }
        read_run(window, pool->array->kind, stop, &pool->slots[slot].part, run);
    } else {
        run->found = item == 0;
        run->problem = window->text.problem;
    }
    run->failure = window->error;
    return VDT_OK;
}

/* What a worker found becomes what the array's own window found. */
static void take_over(struct vdt_coco_window *window, const struct run *run)
{
    window->error = run->failure;
    window->text.problem = run->problem;
    if (run->failure.status != VDT_OK && run->problem != NULL && run->problem != vdt_coco_no_memory)
        window->text.problem = window->error.message;
    window->offset = run->problem_at;
    window->text.at = window->text.end = window->data;
}

/* The records of one piece behind those before it. `next`: where the next record begins. */
static vdt_status join(struct vdt_coco_window *window, const struct pool *pool, uint64_t item,
                       struct slot *slot, struct vdt_coco_part *all, uint64_t *next,
                       struct vdt_error *error)
{
    uint64_t stop = piece_begin(pool, item + 1);
    struct run *run = &slot->run;
    run->ended = run->ended && run->found;
    if (*next >= stop) {
        run->ended = false;
        return VDT_OK; /* all of it belongs to a record that began before */
    }
    if (!run->found || run->begin != *next) {
        vdt_coco_part_cut(&slot->part, 0);
        if (vdt_coco_window_place(window, *next))
            read_run(window, pool->array->kind, stop, &slot->part, run);
        else
            run->problem = window->text.problem;
        run->failure = window->error;
    }
    if (run->problem != NULL) {
        take_over(window, run);
        return vdt_coco_fail(window, pool->array->name, all->records + slot->part.records + 1,
                             error);
    }
    if (item == 0)
        vdt_coco_part_expect(all, &slot->part, 1.1 * (double)pool->count);
    if (!vdt_coco_part_append(all, &slot->part))
        return vdt_fail_memory(error, pool->file->path);
    *next = run->end;
    return VDT_OK;
}

static void free_ordered(struct vdt_ordered **ordered)
{
    vdt_ordered_free(*ordered);
}

static vdt_status read_pieces(struct vdt_coco_window *window, struct pool *pool,
                              struct vdt_coco_part *all, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start_worker, read_piece, stop_worker};
    vdt_cleanup(free_ordered) struct vdt_ordered *ordered = NULL;
    vdt_status status = vdt_ordered_start(&ops, pool, pool->count, pool->array->threads,
                                          pool->slot_count, &ordered, error);
    uint64_t next = pool->begin;
    bool ended = false;
    for (uint64_t item = 0; status == VDT_OK && !ended; item++) {
        uint32_t slot;
        status = vdt_ordered_take(ordered, &slot, error);
        if (status != VDT_OK)
            break;
        status = join(window, pool, item, &pool->slots[slot], all, &next, error);
        ended = pool->slots[slot].run.ended;
        vdt_ordered_release(ordered, slot);
    }
    if (status < 0)
        return status;
    /* Place anew: the text in the window may be of anywhere. */
    window->text.end = window->data;
    window->offset = 0;
    if (!vdt_coco_window_place(window, next))
        return vdt_coco_fail(window, NULL, 0, error);
    return VDT_OK;
}

static vdt_status read_alone(struct vdt_coco_window *window, const struct vdt_coco_array *array,
                             struct vdt_coco_part *all, struct vdt_error *error)
{
    struct run run;
    read_run(window, array->kind, UINT64_MAX, all, &run);
    if (run.problem != NULL)
        return vdt_coco_fail(window, array->name, all->records + 1, error);
    return VDT_OK;
}

/* Takes what is before the first record. */
static bool begin_array(struct vdt_coco_window *window, enum vdt_coco_kind kind, bool *empty)
{
    struct vdt_coco_text *text = &window->text;
    for (;;) {
        const char *begin = text->at;
        vdt_coco_peek(text);
        *empty = *text->at == ']';
        text->at += *empty;
        if (*empty || (text->at < text->end && at_record(text, kind)))
            return true;
        vdt_coco_problem(text, vdt_coco_cut_short);
        if (text->problem != vdt_coco_cut_short || !vdt_coco_window_more(window, begin))
            return false;
    }
}

vdt_status vdt_coco_read_array(struct vdt_coco_window *window, const struct vdt_coco_array *array,
                               struct vdt_coco_part *all, struct vdt_error *error)
{
    bool empty;
    if (!begin_array(window, array->kind, &empty))
        return vdt_coco_fail(window, array->name, 1, error);
    if (empty)
        return VDT_OK;
    uint64_t begin = vdt_coco_window_at(window), size = window->file->size - begin;
    uint64_t piece = array->piece == 0 ? PIECE : array->piece;
    if (array->threads == 1 || size < 2 * piece || array->kind == VDT_COCO_OTHER)
        return read_alone(window, array, all, error);
    vdt_cleanup(clear_pool) struct pool *pool = vdt_allocate_zero(1, sizeof *pool);
    if (pool == NULL)
        return vdt_fail_memory(error, window->file->path);
    uint32_t threads = array->threads == 0 ? vdt_core_count() : array->threads;
    pool->array = array;
    pool->file = window->file;
    pool->begin = begin;
    pool->piece = piece;
    pool->count = (size + piece - 1) / piece;
    pool->slot_count = 2 * threads + 2 < MOST_SLOTS ? 2 * threads + 2 : MOST_SLOTS;
    for (uint32_t i = 0; i < pool->slot_count; i++)
        pool->slots[i].part.wanted = all->wanted;
    return read_pieces(window, pool, all, error);
}

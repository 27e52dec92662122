/* The pixels that two masks share: by their runs, or by bits within their boxes, whichever is less
 * work. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "eval/overlap.h"
#include "eval/runs.h"

enum { WORDS_MOST = 1 << 23 }; /* 64 MiB of bits in all */

void vdt_mask_store_clear(struct vdt_mask_store *store)
{
    free(store->spans);
    free(store->words);
    *store = (struct vdt_mask_store){0};
}

/* The column that holds a pixel, found from one before it. */
struct column {
    uint32_t col, rows;
    uint64_t end;
};

static void advance(struct column *column, uint32_t at)
{
    if (at < column->end)
        return;
    uint32_t far = (uint32_t)((at - column->end) / column->rows) + 1;
    column->col += far;
    column->end += (uint64_t)far * column->rows;
}

bool vdt_mask_item_make(struct vdt_mask_store *store, const struct vdt_shapes *shapes,
                        uint64_t index, struct vdt_mask_item *item)
{
    struct vdt_runs runs = vdt_runs_of(shapes, index);
    *item = (struct vdt_mask_item){
        .rows = runs.rows, .cols = runs.cols, .first = store->span_count, .bits = SIZE_MAX};
    if (!vdt_grow(&store->spans, &store->span_capacity, store->span_count + runs.count / 2 + 1,
                  sizeof *store->spans))
        return false;
    struct column column = {.rows = runs.rows, .end = runs.rows};
    uint32_t at = 0, top = UINT32_MAX, bottom = 0;
    for (size_t i = 1; i < runs.count; i += 2) {
        uint32_t first = at + runs.counts[i - 1], end = first + runs.counts[i];
        at = end;
        if (end == first)
            continue;
        uint32_t *span = store->spans[store->span_count++];
        span[0] = first;
        span[1] = end;
        item->area += end - first;
        advance(&column, first);
        if (item->spans++ == 0)
            item->x0 = column.col;
        uint32_t y0 = first - (uint32_t)(column.end - runs.rows);
        uint32_t y1 = end - (uint32_t)(column.end - runs.rows);
        if (end > column.end) {
            advance(&column, end - 1);
            y0 = 0;
            y1 = runs.rows;
        }
        top = y0 < top ? y0 : top;
        bottom = y1 > bottom ? y1 : bottom;
        item->x1 = column.col + 1;
    }
    if (item->spans > 0) {
        item->y0 = top;
        item->y1 = bottom;
        item->word0 = top / 64;
        item->columns = (bottom - 1) / 64 - item->word0 + 1;
    }
    return true;
}

/* --- by bits -------------------------------------------------------------------------------- */

static size_t words_of(const struct vdt_mask_item *item)
{
    return (size_t)(item->x1 - item->x0) * item->columns;
}

static void set_rows(uint64_t *words, uint32_t first, uint32_t end)
{
    uint32_t from = first / 64, last = (end - 1) / 64;
    uint64_t head = ~UINT64_C(0) << (first % 64), tail = ~UINT64_C(0) >> (63 - (end - 1) % 64);
    if (from == last) {
        words[from] |= head & tail;
        return;
    }
    words[from] |= head;
    for (uint32_t i = from + 1; i < last; i++)
        words[i] = ~UINT64_C(0);
    words[last] |= tail;
}

static bool make_bits(struct vdt_mask_store *store, struct vdt_mask_item *item)
{
    size_t count = words_of(item), first = store->word_count;
    if (item->bits != SIZE_MAX)
        return true;
    if (count > WORDS_MOST - first ||
        !vdt_grow(&store->words, &store->word_capacity, first + count, sizeof *store->words))
        return false;
    memset(store->words + first, 0, count * sizeof *store->words);
    store->word_count += count;
    item->bits = first;
    struct column column = {.rows = item->rows, .end = item->rows};
    for (size_t i = 0; i < item->spans; i++) {
        uint32_t at = store->spans[item->first + i][0], end = store->spans[item->first + i][1];
        while (at < end) {
            advance(&column, at);
            uint32_t here = end < column.end ? end : (uint32_t)column.end;
            uint32_t begin = (uint32_t)(column.end - item->rows) + item->word0 * 64;
            uint64_t *words =
                store->words + first + (size_t)(column.col - item->x0) * item->columns;
            set_rows(words, at - begin, here - begin);
            at = here;
        }
    }
    return true;
}

#define SHARE_BITS(name, attribute)                                                     \
    attribute static uint32_t name(const uint64_t *a, size_t a_step, const uint64_t *b, \
                                   size_t b_step, uint32_t cols, uint32_t words)        \
    {                                                                                   \
        uint32_t shared = 0;                                                            \
        for (uint32_t col = 0; col < cols; col++, a += a_step, b += b_step)             \
            for (uint32_t i = 0; i < words; i++)                                        \
                shared += (uint32_t)__builtin_popcountll(a[i] & b[i]);                  \
        return shared;                                                                  \
    }

SHARE_BITS(share_plain, )
#ifdef __x86_64__
SHARE_BITS(share_popcnt, __attribute__((target("popcnt"))))
#endif

static uint32_t share_bits(const struct vdt_mask_store *store, const struct vdt_mask_item *a,
                           const struct vdt_mask_item *b)
{
    uint32_t x0 = a->x0 > b->x0 ? a->x0 : b->x0, x1 = a->x1 < b->x1 ? a->x1 : b->x1;
    uint32_t w0 = a->word0 > b->word0 ? a->word0 : b->word0;
    uint32_t a_end = a->word0 + a->columns, b_end = b->word0 + b->columns;
    uint32_t w1 = a_end < b_end ? a_end : b_end;
    const uint64_t *a_words =
        store->words + a->bits + (size_t)(x0 - a->x0) * a->columns + (w0 - a->word0);
    const uint64_t *b_words =
        store->words + b->bits + (size_t)(x0 - b->x0) * b->columns + (w0 - b->word0);
#ifdef __x86_64__
    if (__builtin_cpu_supports("popcnt"))
        return share_popcnt(a_words, a->columns, b_words, b->columns, x1 - x0, w1 - w0);
#endif
    return share_plain(a_words, a->columns, b_words, b->columns, x1 - x0, w1 - w0);
}

/* --- by runs -------------------------------------------------------------------------------- */

/* The first span that ends behind a pixel. */
static size_t seek(const uint32_t (*spans)[2], size_t count, uint32_t at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans[middle][1] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint32_t share_spans(const struct vdt_mask_store *store, const struct vdt_mask_item *a,
                            const struct vdt_mask_item *b)
{
    const uint32_t(*s)[2] = (const uint32_t(*)[2])store->spans + a->first;
    const uint32_t(*t)[2] = (const uint32_t(*)[2])store->spans + b->first;
    size_t i = seek(s, a->spans, t[0][0]), j = seek(t, b->spans, s[0][0]);
    uint32_t shared = 0;
    while (i < a->spans && j < b->spans) {
        uint32_t s_end = s[i][1], t_end = t[j][1];
        uint32_t first = s[i][0] > t[j][0] ? s[i][0] : t[j][0];
        uint32_t end = s_end < t_end ? s_end : t_end;
        shared += end > first ? end - first : 0;
        i += s_end <= t_end;
        j += t_end <= s_end;
    }
    return shared;
}

/* --- whichever is less work ----------------------------------------------------------------- */

/* Making the bits is shared by all pairs of a mask. In steps of about a nanosecond. */
static double bits_cost(const struct vdt_mask_item *item)
{
    if (item->bits != SIZE_MAX)
        return 0;
    return (4.0 * (double)item->spans + .3 * (double)words_of(item)) /
           (item->pairs > 1 ? item->pairs : 1);
}

uint32_t vdt_mask_items_share(struct vdt_mask_store *store, struct vdt_mask_item *a,
                              struct vdt_mask_item *b)
{
    uint32_t cols = (a->x1 < b->x1 ? a->x1 : b->x1) - (a->x0 > b->x0 ? a->x0 : b->x0);
    uint32_t words = a->columns < b->columns ? a->columns : b->columns;
    double by_bits = bits_cost(a) + bits_cost(b) + .7 * cols * words + cols;
    double by_spans = 2.5 * (double)(a->spans + b->spans);
    if (by_bits < by_spans && make_bits(store, a) && make_bits(store, b))
        return share_bits(store, a, b);
    return share_spans(store, a, b);
}

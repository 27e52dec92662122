/* Pixels counted by true and predicted value.
 *
 * A cell of the table is row(true) + column(predicted), both looked up, with a row for what is left
 * out and one of each for values that are no class. Masks are mostly runs of equal pixels: where
 * few runs end among 64 pixels, each run is one addition. Neighbours go to different lanes of the
 * table, so that adding to a cell need not wait for the addition before it. */
#ifdef __SSE2__
#include <immintrin.h>
#endif
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"

enum {
    LANES = 4,
    LANED_CLASSES = 30, /* with more, the lanes would not stay in the first level of memory */
    BLOCK = 64,         /* pixels */
    MOST_RUNS = 24,     /* of a block, to go by runs: one costs as much as two pixels */
    MOST_U8 = 254,
    MOST_U16 = 4096,
    THREADED_PIXELS = 1 << 22,
    THREADED_CELLS = 1 << 17
};

struct vdt_pixel_counter {
    uint32_t class_count;
    enum vdt_dtype dtype;
    uint32_t lanes;
    size_t columns;  /* background, classes, not predicted, no class */
    size_t cells;    /* of a lane: rows of background, classes, ignored, no class */
    uint64_t *table; /* [lanes][cells] */
    uint64_t *matrix;
    uint32_t row[256], column[256]; /* of values of one byte */
};

/* --- making ------------------------------------------------------------------------------- */

static uint32_t place(uint32_t value, uint32_t class_count, uint32_t ignored)
{
    return value <= class_count ? value : class_count + (value == ignored ? 1 : 2);
}

static void fill_places(struct vdt_pixel_counter *counter)
{
    for (uint32_t value = 0; value < 256; value++) {
        const uint32_t at = place(value, counter->class_count, 255);
        counter->row[value] = at * (uint32_t)counter->columns;
        counter->column[value] = at;
    }
}

vdt_status vdt_pixel_counter_new(uint32_t class_count, enum vdt_dtype dtype,
                                 struct vdt_pixel_counter **out, struct vdt_error *error)
{
    if (dtype != VDT_UINT8 && dtype != VDT_UINT16)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "pixel counter: masks are uint8 or uint16, not %s",
                        vdt_dtype_name(dtype));
    const uint32_t most = dtype == VDT_UINT8 ? MOST_U8 : MOST_U16;
    if (class_count == 0 || class_count > most)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "pixel counter: %u classes; 1 to %u are possible",
                        class_count, most);
    struct vdt_pixel_counter *counter = vdt_allocate_zero(1, sizeof *counter);
    if (!counter)
        return vdt_fail_memory(error, "pixel counter");
    counter->class_count = class_count;
    counter->dtype = dtype;
    counter->lanes = class_count <= LANED_CLASSES ? LANES : 1;
    counter->columns = class_count + 3;
    counter->cells = counter->columns * counter->columns;
    counter->table = vdt_allocate_zero(counter->cells * counter->lanes, sizeof *counter->table);
    counter->matrix =
        vdt_allocate_zero((size_t)(class_count + 1) * (class_count + 2), sizeof *counter->matrix);
    fill_places(counter);
    if (!counter->table || !counter->matrix) {
        vdt_pixel_counter_free(counter);
        return vdt_fail_memory(error, "pixel counter");
    }
    *out = counter;
    return VDT_OK;
}

void vdt_pixel_counter_free(struct vdt_pixel_counter *counter)
{
    if (!counter)
        return;
    free(counter->table);
    free(counter->matrix);
    free(counter);
}

void vdt_pixel_counter_clear(struct vdt_pixel_counter *counter)
{
    memset(counter->table, 0, counter->cells * counter->lanes * sizeof *counter->table);
}

/* --- counting ----------------------------------------------------------------------------- */

/* Bit k of 64 is set where pixel k + 1 differs from pixel k in either mask; 65 pixels are read. */
static uint64_t changes(const uint8_t *truth, const uint8_t *predicted)
{
    uint64_t bits = 0;
#ifdef __SSE2__
    for (int k = 0; k < BLOCK; k += 16) {
        const __m128i t = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(truth + k)),
                                         _mm_loadu_si128((const __m128i *)(truth + k + 1)));
        const __m128i p = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(predicted + k)),
                                         _mm_loadu_si128((const __m128i *)(predicted + k + 1)));
        bits |= (uint64_t)(uint16_t)~_mm_movemask_epi8(_mm_and_si128(t, p)) << k;
    }
#else
    for (int k = 0; k < BLOCK; k++)
        bits |= (uint64_t)(truth[k] != truth[k + 1] || predicted[k] != predicted[k + 1]) << k;
#endif
    return bits;
}

static void count_u8(struct vdt_pixel_counter *counter, const uint8_t *truth,
                     const uint8_t *predicted, uint64_t pixels)
{
    uint64_t *lane[LANES];
    for (uint32_t i = 0; i < LANES; i++)
        lane[i] = counter->table + i % counter->lanes * counter->cells;
    const uint32_t *row = counter->row, *column = counter->column;
    uint64_t i = 0;
    for (; i + BLOCK < pixels; i += BLOCK) {
        const uint8_t *t = truth + i, *p = predicted + i;
        uint64_t ends = changes(t, p) | UINT64_C(1) << (BLOCK - 1);
        if (!(ends & (ends - 1)) || __builtin_popcountll(ends) <= MOST_RUNS) {
            unsigned start = 0;
            for (unsigned n = 0; ends; ends &= ends - 1, n++) {
                const unsigned last = (unsigned)__builtin_ctzll(ends);
                lane[n % LANES][row[t[last]] + column[p[last]]] += last + 1 - start;
                start = last + 1;
            }
            continue;
        }
        for (int k = 0; k < BLOCK; k += LANES)
            for (int n = 0; n < LANES; n++)
                lane[n][row[t[k + n]] + column[p[k + n]]]++;
    }
    for (; i < pixels; i++)
        lane[0][row[truth[i]] + column[predicted[i]]]++;
}

static void count_u16(struct vdt_pixel_counter *counter, const uint16_t *truth,
                      const uint16_t *predicted, uint64_t pixels)
{
    const uint32_t classes = counter->class_count;
    for (uint64_t i = 0; i < pixels;) {
        uint64_t end = i + 1;
        while (end < pixels && truth[end] == truth[i] && predicted[end] == predicted[i])
            end++;
        counter->table[place(truth[i], classes, UINT16_MAX) * counter->columns +
                       place(predicted[i], classes, UINT16_MAX)] += end - i;
        i = end;
    }
}

static void count_run(struct vdt_pixel_counter *counter, const void *truth, const void *predicted,
                      uint64_t first, uint64_t pixels)
{
    if (counter->dtype == VDT_UINT8)
        count_u8(counter, (const uint8_t *)truth + first, (const uint8_t *)predicted + first,
                 pixels);
    else
        count_u16(counter, (const uint16_t *)truth + first, (const uint16_t *)predicted + first,
                  pixels);
}

/* The runs between pixels that `skip` leaves out. */
static void count(struct vdt_pixel_counter *counter, const void *truth, const void *predicted,
                  const uint8_t *skip, uint64_t first, uint64_t pixels)
{
    if (!skip) {
        count_run(counter, truth, predicted, first, pixels);
        return;
    }
    const uint64_t end = first + pixels;
    while (first < end) {
        while (first < end && skip[first])
            first++;
        uint64_t stop = first;
        while (stop < end && !skip[stop])
            stop++;
        count_run(counter, truth, predicted, first, stop - first);
        first = stop;
    }
}

/* --- threads ------------------------------------------------------------------------------ */

struct job {
    const void *truth, *predicted;
    const uint8_t *skip;
    uint64_t pixels, parts;
    struct vdt_pixel_counter **counters; /* [slots] */
};

static vdt_status count_part(void *payload, void *worker, uint64_t item, uint32_t slot,
                             struct vdt_error *error)
{
    (void)worker;
    (void)error;
    const struct job *job = payload;
    const uint64_t first = job->pixels / job->parts * item;
    const uint64_t end =
        item + 1 == job->parts ? job->pixels : job->pixels / job->parts * (item + 1);
    count(job->counters[slot], job->truth, job->predicted, job->skip, first, end - first);
    return VDT_OK;
}

static vdt_status run_parts(struct job *job, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.process = count_part};
    struct vdt_ordered *ordered;
    vdt_status status = vdt_ordered_start(&ops, job, job->parts, (uint32_t)job->parts,
                                          (uint32_t)job->parts, &ordered, error);
    if (status != VDT_OK)
        return status;
    uint32_t slot;
    while ((status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK)
        ;
    vdt_ordered_free(ordered);
    return status == VDT_END ? VDT_OK : status;
}

static void add_tables(struct vdt_pixel_counter *to, const struct vdt_pixel_counter *from,
                       uint32_t times)
{
    for (size_t i = 0; i < to->cells * to->lanes; i++)
        to->table[i] += from->table[i] * times;
}

static vdt_status count_in_threads(struct vdt_pixel_counter *counter, struct job *job,
                                   struct vdt_error *error)
{
    job->counters = vdt_allocate_zero(job->parts, sizeof *job->counters);
    vdt_status status = job->counters ? VDT_OK : vdt_fail_memory(error, "pixel counter");
    for (uint64_t i = 0; i < job->parts && status == VDT_OK; i++)
        status =
            vdt_pixel_counter_new(counter->class_count, counter->dtype, &job->counters[i], error);
    if (status == VDT_OK)
        status = run_parts(job, error);
    for (uint64_t i = 0; job->counters && i < job->parts; i++) {
        if (status == VDT_OK)
            add_tables(counter, job->counters[i], 1);
        vdt_pixel_counter_free(job->counters[i]);
    }
    free(job->counters);
    return status;
}

/* --- what it found ------------------------------------------------------------------------ */

static uint64_t cell(const struct vdt_pixel_counter *counter, size_t row, size_t column)
{
    uint64_t sum = 0;
    for (uint32_t lane = 0; lane < counter->lanes; lane++)
        sum += counter->table[lane * counter->cells + row * counter->columns + column];
    return sum;
}

/* Finds one of the pixels that are no class, for the message. */
static vdt_status name_bad_pixel(const struct vdt_pixel_counter *counter, const void *truth,
                                 const void *predicted, const uint8_t *skip, uint64_t pixels,
                                 struct vdt_error *error)
{
    const bool narrow = counter->dtype == VDT_UINT8;
    for (uint64_t i = 0; i < pixels; i++)
        for (int which = 0; which < 2; which++) {
            const void *values = which ? predicted : truth;
            const uint32_t value =
                narrow ? ((const uint8_t *)values)[i] : ((const uint16_t *)values)[i];
            const uint32_t ignored = narrow ? UINT8_MAX : UINT16_MAX;
            if (!(skip && skip[i]) && value > counter->class_count && value != ignored)
                return vdt_fail(error, VDT_ERR_FORMAT,
                                "pixel %llu: %s value %u is no class; 0 (background) to %u or %u "
                                "(ignored) are",
                                (unsigned long long)i, which ? "predicted" : "true", value,
                                counter->class_count, ignored);
        }
    return vdt_fail(error, VDT_ERR_FORMAT, "pixel counter: counted before: a value is no class");
}

static bool has_bad_pixels(const struct vdt_pixel_counter *counter)
{
    uint64_t bad = 0;
    const size_t last = counter->columns - 1;
    for (size_t i = 0; i < counter->columns; i++)
        bad += cell(counter, last, i) + cell(counter, i, last);
    return bad > 0;
}

vdt_status vdt_pixel_counter_add(struct vdt_pixel_counter *counter, const void *truth,
                                 const void *predicted, const uint8_t *skip, uint64_t pixels,
                                 uint32_t threads, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (threads == 0)
        threads = vdt_core_count();
    if (threads > 1 && pixels >= THREADED_PIXELS && counter->cells <= THREADED_CELLS) {
        struct job job = {.truth = truth,
                          .predicted = predicted,
                          .skip = skip,
                          .pixels = pixels,
                          .parts = threads};
        status = count_in_threads(counter, &job, error);
    } else {
        count(counter, truth, predicted, skip, 0, pixels);
    }
    if (status == VDT_OK && has_bad_pixels(counter))
        status = name_bad_pixel(counter, truth, predicted, skip, pixels, error);
    return status;
}

vdt_status vdt_pixel_counter_merge(struct vdt_pixel_counter *counter,
                                   const struct vdt_pixel_counter *other, uint32_t times,
                                   struct vdt_error *error)
{
    if (counter->class_count != other->class_count)
        return vdt_fail(error, VDT_ERR_MISMATCH, "pixel counter: %u classes and %u",
                        counter->class_count, other->class_count);
    add_tables(counter, other, times);
    return VDT_OK;
}

const uint64_t *vdt_pixel_counter_matrix(struct vdt_pixel_counter *counter)
{
    const size_t rows = counter->class_count + 1, columns = counter->class_count + 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            counter->matrix[r * columns + c] = cell(counter, r, c);
    return counter->matrix;
}

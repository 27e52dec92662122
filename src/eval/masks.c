/* Lists of masks: made of pixels, runs, texts, polygons, boxes and other masks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/rle.h"
#include "base/run_lengths.h"
#include "eval/runs.h"
#include "eval/trace.h"

struct vdt_masks {
    uint32_t *counts;
    uint64_t *offsets;
    uint32_t (*size)[2];
    size_t used; /* counts, with those of a mask that is being made */
    size_t count_capacity, offset_capacity, size_capacity;
    struct vdt_shapes shapes; /* of the above */
    struct vdt_trace trace;
    uint8_t *columns; /* some columns of a mask, one after the other */
    size_t column_capacity;
    uint32_t *merged[2];
    size_t merged_capacity[2];
};

static void refer(struct vdt_masks *masks)
{
    masks->shapes.counts = masks->counts;
    masks->shapes.count_offsets = masks->offsets;
    masks->shapes.size = (const uint32_t(*)[2])masks->size;
}

vdt_status vdt_masks_new(struct vdt_masks **masks, struct vdt_error *error)
{
    struct vdt_masks *made = calloc(1, sizeof *made);
    if (made == NULL || !vdt_grow(&made->offsets, &made->offset_capacity, 1, sizeof(uint64_t)) ||
        !vdt_grow(&made->counts, &made->count_capacity, 1, sizeof(uint32_t)) ||
        !vdt_grow(&made->size, &made->size_capacity, 1, sizeof(uint32_t[2]))) {
        vdt_masks_free(made);
        return vdt_fail_memory(error, "masks");
    }
    made->offsets[0] = 0;
    made->shapes.kind = VDT_SHAPE_RLE;
    refer(made);
    *masks = made;
    return VDT_OK;
}

void vdt_masks_free(struct vdt_masks *masks)
{
    if (masks == NULL)
        return;
    free(masks->counts);
    free(masks->offsets);
    free(masks->size);
    free(masks->columns);
    free(masks->merged[0]);
    free(masks->merged[1]);
    vdt_trace_clear(&masks->trace);
    free(masks);
}

void vdt_masks_clear(struct vdt_masks *masks)
{
    masks->used = 0;
    masks->shapes.count = 0;
}

const struct vdt_shapes *vdt_masks_shapes(const struct vdt_masks *masks)
{
    return &masks->shapes;
}

/* --- one more mask -------------------------------------------------------------------------- */

static vdt_status begin(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                        struct vdt_error *error)
{
    masks->used = (size_t)masks->offsets[masks->shapes.count];
    if ((uint64_t)rows * cols > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "mask of %u x %u pixels: run lengths hold less than 2^32", rows, cols);
    return VDT_OK;
}

/* Room for so many runs more. */
static bool reserve(struct vdt_masks *masks, size_t count)
{
    bool good = vdt_grow(&masks->counts, &masks->count_capacity, masks->used + count,
                         sizeof *masks->counts);
    refer(masks);
    return good;
}

static bool push(struct vdt_masks *masks, uint32_t run)
{
    if (masks->used == masks->count_capacity && !reserve(masks, 1))
        return false;
    masks->counts[masks->used++] = run;
    return true;
}

static bool push_all(struct vdt_masks *masks, const uint32_t *runs, size_t count)
{
    if (count == 0)
        return true;
    if (!reserve(masks, count))
        return false;
    memcpy(masks->counts + masks->used, runs, count * sizeof *runs);
    masks->used += count;
    return true;
}

/* Takes what was pushed as a mask, or fails when `good` is not. */
static vdt_status end(struct vdt_masks *masks, bool good, uint32_t rows, uint32_t cols,
                      struct vdt_error *error)
{
    size_t count = (size_t)masks->shapes.count;
    if (good)
        good =
            vdt_grow(&masks->offsets, &masks->offset_capacity, count + 2, sizeof *masks->offsets) &&
            vdt_grow(&masks->size, &masks->size_capacity, count + 1, sizeof *masks->size);
    if (good) {
        masks->offsets[count + 1] = masks->used;
        masks->size[count][0] = rows;
        masks->size[count][1] = cols;
        masks->shapes.count++;
    }
    refer(masks);
    return good ? VDT_OK : vdt_fail_memory(error, "masks");
}

/* --- of pixels ------------------------------------------------------------------------------ */

static bool has_zero(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return ((eight - ones) & ~eight & (ones << 7)) != 0;
}

/* Pixels column after column, those that are not 0 being the object's: `run` and `in` go on from
 * call to call. */
static bool push_pixels(struct vdt_masks *masks, const uint8_t *pixels, size_t count, uint32_t *run,
                        uint8_t *in)
{
    for (size_t at = 0; at < count;) {
        size_t first = at;
        for (; at + 8 <= count; at += 8) {
            uint64_t eight;
            memcpy(&eight, pixels + at, 8);
            if (*in == 0 ? eight != 0 : has_zero(eight))
                break;
        }
        while (at < count && (pixels[at] != 0) == *in)
            at++;
        *run += (uint32_t)(at - first);
        if (at < count) {
            if (!push(masks, *run))
                return false;
            *run = 0;
            *in ^= 1;
        }
    }
    return true;
}

enum { BLOCK_BYTES = 1 << 15 }; /* what the processor keeps at hand */

/* Where pixels come from: one of the two. */
struct pixels {
    const uint8_t *u8; /* what is not zero */
    const uint16_t *u16;
    uint16_t value;
    ptrdiff_t row_stride, col_stride;
};

/* `count` pixels as 0 and 1. Steps of one are told, so that they are done many at a time. */
static void gather_run(const struct pixels *from, ptrdiff_t at, ptrdiff_t step, uint32_t count,
                       uint8_t *to, size_t to_step)
{
    if (from->u8 != NULL && step == 1 && to_step == 1)
        for (uint32_t i = 0; i < count; i++)
            to[i] = from->u8[at + (ptrdiff_t)i] != 0;
    else if (from->u8 != NULL && step == 1)
        for (uint32_t i = 0; i < count; i++)
            to[i * to_step] = from->u8[at + (ptrdiff_t)i] != 0;
    else if (from->u8 != NULL)
        for (uint32_t i = 0; i < count; i++)
            to[i * to_step] = from->u8[at + (ptrdiff_t)i * step] != 0;
    else if (step == 1 && to_step == 1)
        for (uint32_t i = 0; i < count; i++)
            to[i] = from->u16[at + (ptrdiff_t)i] == from->value;
    else
        for (uint32_t i = 0; i < count; i++)
            to[i * to_step] = from->u16[at + (ptrdiff_t)i * step] == from->value;
}

/* Columns `first` to `last` as 0 and 1, one after the other. */
static void gather(const struct pixels *from, uint32_t rows, uint32_t first, uint32_t last,
                   uint8_t *to)
{
    bool down = labs((long)from->row_stride) <= labs((long)from->col_stride);
    uint32_t cols = last - first, outer = down ? cols : rows, inner = down ? rows : cols;
    ptrdiff_t outer_step = down ? from->col_stride : from->row_stride;
    ptrdiff_t inner_step = down ? from->row_stride : from->col_stride;
    size_t to_outer = down ? rows : 1, to_inner = down ? 1 : rows;
    ptrdiff_t begin_at = (ptrdiff_t)first * from->col_stride;
    for (uint32_t i = 0; i < outer; i++)
        gather_run(from, begin_at + (ptrdiff_t)i * outer_step, inner_step, inner, to + i * to_outer,
                   to_inner);
}

static vdt_status add_pixels(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                             const struct pixels *pixels, struct vdt_error *error)
{
    vdt_status status = begin(masks, rows, cols, error);
    if (status != VDT_OK)
        return status;
    uint32_t step = rows == 0 || rows >= BLOCK_BYTES ? 1 : BLOCK_BYTES / rows, run = 0;
    uint8_t in = 0;
    bool direct = pixels->u8 != NULL && pixels->row_stride == 1;
    bool good = vdt_grow(&masks->columns, &masks->column_capacity, (size_t)step * rows + 1, 1);
    for (uint32_t col = 0; direct && good && col < cols; col++)
        good =
            push_pixels(masks, pixels->u8 + (ptrdiff_t)col * pixels->col_stride, rows, &run, &in);
    for (uint32_t first = 0; !direct && good && rows > 0 && first < cols;) {
        uint32_t last = cols - first < step ? cols : first + step;
        gather(pixels, rows, first, last, masks->columns);
        good = push_pixels(masks, masks->columns, (size_t)(last - first) * rows, &run, &in);
        first = last;
    }
    return end(masks, good && push(masks, run), rows, cols, error);
}

vdt_status vdt_masks_add_u8(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                            const uint8_t *pixels, ptrdiff_t row_stride, ptrdiff_t col_stride,
                            struct vdt_error *error)
{
    struct pixels from = {.u8 = pixels, .row_stride = row_stride, .col_stride = col_stride};
    return add_pixels(masks, rows, cols, &from, error);
}

vdt_status vdt_masks_add_u16(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                             const uint16_t *pixels, uint16_t value, ptrdiff_t row_stride,
                             ptrdiff_t col_stride, struct vdt_error *error)
{
    struct pixels from = {
        .u16 = pixels, .value = value, .row_stride = row_stride, .col_stride = col_stride};
    return add_pixels(masks, rows, cols, &from, error);
}

/* --- of runs -------------------------------------------------------------------------------- */

static vdt_status refuse_sum(const struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                             struct vdt_error *error)
{
    uint64_t sum = 0;
    for (size_t i = (size_t)masks->offsets[masks->shapes.count]; i < masks->used; i++)
        sum += masks->counts[i];
    if (sum == (uint64_t)rows * cols)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "run lengths add up to %llu, but the mask has %u x %u pixels",
                    (unsigned long long)sum, rows, cols);
}

vdt_status vdt_masks_add_counts(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                                const uint32_t *counts, size_t count, struct vdt_error *error)
{
    vdt_status status = begin(masks, rows, cols, error);
    if (status != VDT_OK)
        return status;
    if (!push_all(masks, counts, count))
        return vdt_fail_memory(error, "masks");
    status = refuse_sum(masks, rows, cols, error);
    return status == VDT_OK ? end(masks, true, rows, cols, error) : status;
}

vdt_status vdt_masks_add_text(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                              const char *text, size_t length, struct vdt_error *error)
{
    vdt_status status = begin(masks, rows, cols, error);
    if (status != VDT_OK)
        return status;
    if (!reserve(masks, length))
        return vdt_fail_memory(error, "masks");
    struct vdt_run_lengths runs = {.at = text, .end = text + length};
    int64_t run;
    while (vdt_run_lengths_next(&runs, &run) && run <= UINT32_MAX)
        masks->counts[masks->used++] = (uint32_t)run;
    if (runs.at < runs.end)
        return vdt_fail(error, VDT_ERR_FORMAT, "compressed run lengths are damaged at letter %zu",
                        (size_t)(runs.at - text) + 1);
    status = refuse_sum(masks, rows, cols, error);
    return status == VDT_OK ? end(masks, true, rows, cols, error) : status;
}

/* --- of polygons and masks ------------------------------------------------------------------ */

/* Unites or intersects merged[0] with `other`, into merged[0]. */
static bool merge_in(struct vdt_masks *masks, struct vdt_runs *so_far, const struct vdt_runs *other,
                     bool intersect)
{
    size_t most = so_far->count + other->count + 1;
    if (!vdt_grow(&masks->merged[1], &masks->merged_capacity[1], most, sizeof(uint32_t)))
        return false;
    so_far->count = vdt_runs_merge(so_far, other, intersect, masks->merged[1]);
    so_far->counts = masks->merged[1];
    uint32_t *runs = masks->merged[0];
    size_t capacity = masks->merged_capacity[0];
    masks->merged[0] = masks->merged[1];
    masks->merged_capacity[0] = masks->merged_capacity[1];
    masks->merged[1] = runs;
    masks->merged_capacity[1] = capacity;
    return true;
}

static bool start_merge(struct vdt_masks *masks, struct vdt_runs *so_far)
{
    if (!vdt_grow(&masks->merged[0], &masks->merged_capacity[0], so_far->count, sizeof(uint32_t)))
        return false;
    if (so_far->count > 0)
        memcpy(masks->merged[0], so_far->counts, so_far->count * sizeof(uint32_t));
    so_far->counts = masks->merged[0];
    return true;
}

static vdt_status check_points(const double (*points)[2], size_t count, struct vdt_error *error)
{
    enum { FAR = 1 << 27 };
    for (size_t i = 0; i < count; i++)
        if (!(fabs(points[i][0]) <= FAR && fabs(points[i][1]) <= FAR))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "polygon: point %zu (%g, %g) is beyond 2^27 pixels, or no number", i,
                            points[i][0], points[i][1]);
    return VDT_OK;
}

vdt_status vdt_masks_add_polygons(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                                  const double (*const *rings)[2], const size_t *counts,
                                  size_t ring_count, struct vdt_error *error)
{
    vdt_status status = begin(masks, rows, cols, error);
    for (size_t i = 0; status == VDT_OK && i < ring_count; i++)
        status = check_points(rings[i], counts[i], error);
    if (status != VDT_OK)
        return status;
    struct vdt_trace *trace = &masks->trace;
    struct vdt_runs so_far = {.rows = rows, .cols = cols};
    uint32_t nothing = rows * cols;
    bool good = true;
    for (size_t i = 0; good && i < ring_count; i++) {
        good = vdt_trace_ring(trace, rings[i], counts[i], rows, cols);
        if (!good)
            break;
        struct vdt_runs ring = {trace->runs, trace->run_count, rows, cols};
        if (i == 0) {
            so_far = ring;
            good = ring_count == 1 || start_merge(masks, &so_far);
        } else {
            good = merge_in(masks, &so_far, &ring, false);
        }
    }
    if (good)
        good =
            ring_count == 0 ? push(masks, nothing) : push_all(masks, so_far.counts, so_far.count);
    return end(masks, good, rows, cols, error);
}

vdt_status vdt_masks_add_box(struct vdt_masks *masks, uint32_t rows, uint32_t cols,
                             const double box[4], struct vdt_error *error)
{
    double x0 = box[0], y0 = box[1], x1 = x0 + box[2], y1 = y0 + box[3];
    const double corners[4][2] = {{x0, y0}, {x0, y1}, {x1, y1}, {x1, y0}};
    const double(*const ring)[2] = corners;
    size_t count = 4;
    return vdt_masks_add_polygons(masks, rows, cols, &ring, &count, 1, error);
}

vdt_status vdt_masks_add_merged(struct vdt_masks *masks, const struct vdt_shapes *from,
                                uint64_t first, uint64_t count, bool intersect,
                                struct vdt_error *error)
{
    if (from->kind != VDT_SHAPE_RLE || count == 0 || first > from->count ||
        count > from->count - first)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "masks: nothing to merge there");
    struct vdt_runs so_far = vdt_runs_of(from, first);
    for (uint64_t i = 1; i < count; i++)
        if (from->size[first + i][0] != so_far.rows || from->size[first + i][1] != so_far.cols)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "masks: one has %u x %u pixels, another %u x %u", so_far.rows,
                            so_far.cols, from->size[first + i][0], from->size[first + i][1]);
    vdt_status status = begin(masks, so_far.rows, so_far.cols, error);
    if (status != VDT_OK)
        return status;
    bool good = start_merge(masks, &so_far);
    for (uint64_t i = 1; good && i < count; i++) {
        struct vdt_runs other = vdt_runs_of(from, first + i);
        good = merge_in(masks, &so_far, &other, intersect);
    }
    return end(masks, good && push_all(masks, so_far.counts, so_far.count), so_far.rows,
               so_far.cols, error);
}

/* --- and back ------------------------------------------------------------------------------- */

void vdt_mask_decode(const struct vdt_shapes *shapes, uint64_t index, uint8_t *pixels,
                     ptrdiff_t row_stride, ptrdiff_t col_stride)
{
    struct vdt_runs runs = vdt_runs_of(shapes, index);
    vdt_runs_decode(&runs, pixels, row_stride, col_stride);
}

vdt_status vdt_mask_text(const struct vdt_shapes *shapes, uint64_t index, char **text,
                         size_t *length, struct vdt_error *error)
{
    struct vdt_runs runs = vdt_runs_of(shapes, index);
    struct vdt_buffer written = {0};
    vdt_status status = vdt_rle_text(runs.counts, runs.count, &written, error);
    if (status != VDT_OK) {
        vdt_buffer_clear(&written);
        return status;
    }
    *text = (char *)written.data;
    *length = written.size - 1;
    return VDT_OK;
}

/* Arithmetic on the run lengths of single masks. Private to eval/ and annotate/. No I/O. */
#ifndef EVAL_RUNS_H
#define EVAL_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/shapes.h>

/* Borrowed: down each column, column by column, zeros first. */
struct vdt_runs {
    const uint32_t *counts;
    size_t count;
    uint32_t rows, cols;
};

static inline struct vdt_runs vdt_runs_of(const struct vdt_shapes *shapes, uint64_t index)
{
    uint64_t first = shapes->count_offsets[index];
    return (struct vdt_runs){shapes->counts + first,
                             (size_t)(shapes->count_offsets[index + 1] - first),
                             shapes->size[index][0], shapes->size[index][1]};
}

/* They add up to rows * cols, which is below 2^32. */
bool vdt_runs_fit(const struct vdt_runs *runs);

/* Pixels. */
uint32_t vdt_runs_area(const struct vdt_runs *runs);

/* x, y, width, height around the ones, all zero when there are none; of runs with empty ones among
 * them what pycocotools makes of them. */
void vdt_runs_box(const struct vdt_runs *runs, double box[4]);

/* Pixels of 0 and 1; strides in pixels. */
void vdt_runs_decode(const struct vdt_runs *runs, uint8_t *pixels, ptrdiff_t row_stride,
                     ptrdiff_t col_stride);

/* What either has, or both: runs of masks of one size. merged has room for a.count + b.count + 1;
 * returns how many it has. */
size_t vdt_runs_merge(const struct vdt_runs *a, const struct vdt_runs *b, bool intersect,
                      uint32_t *merged);

#endif

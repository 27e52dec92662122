/* Run lengths: areas, boxes, pixels, unions. */
#include "eval/runs.h"

#include <string.h>

bool vdt_runs_fit(const struct vdt_runs *runs)
{
    uint64_t all = (uint64_t)runs->rows * runs->cols, sum = 0;
    for (size_t i = 0; i < runs->count; i++)
        sum += runs->counts[i];
    return sum == all && all <= UINT32_MAX;
}

uint32_t vdt_runs_area(const struct vdt_runs *runs)
{
    uint32_t area = 0;
    for (size_t i = 1; i < runs->count; i += 2)
        area += runs->counts[i];
    return area;
}

void vdt_runs_box(const struct vdt_runs *runs, double box[4])
{
    uint32_t rows = runs->rows, at = 0;
    uint32_t left = runs->cols, top = rows, right = 0, bottom = 0;
    size_t count = runs->count / 2 * 2;
    memset(box, 0, 4 * sizeof *box);
    if (count == 0 || rows == 0)
        return;
    for (size_t i = 0; i < count; i += 2) {
        uint32_t first = at + runs->counts[i], last = first + runs->counts[i + 1] - 1;
        at = last + 1;
        uint32_t x0 = first / rows, x1 = last / rows;
        uint32_t y0 = first - x0 * rows, y1 = last - x1 * rows;
        if (x0 < x1) {
            top = 0;
            bottom = rows - 1;
        }
        left = x0 < left ? x0 : left;
        left = x1 < left ? x1 : left;
        right = x1 > right ? x1 : right;
        right = x0 > right ? x0 : right;
        top = y0 < top ? y0 : top;
        top = y1 < top ? y1 : top;
        bottom = y1 > bottom ? y1 : bottom;
        bottom = y0 > bottom ? y0 : bottom;
    }
    box[0] = left;
    box[1] = top;
    box[2] = (double)right - left + 1;
    box[3] = (double)bottom - top + 1;
}

static void fill(const struct vdt_runs *runs, uint32_t first, uint32_t end, uint8_t *pixels,
                 ptrdiff_t row_stride, ptrdiff_t col_stride)
{
    uint32_t rows = runs->rows;
    for (uint32_t at = first; at < end;) {
        uint32_t col = at / rows, row = at - col * rows;
        uint32_t most = rows - row, here = end - at < most ? end - at : most;
        uint8_t *to = pixels + (ptrdiff_t)col * col_stride + (ptrdiff_t)row * row_stride;
        if (row_stride == 1)
            memset(to, 1, here);
        else
            for (uint32_t i = 0; i < here; i++)
                to[(ptrdiff_t)i * row_stride] = 1;
        at += here;
    }
}

void vdt_runs_decode(const struct vdt_runs *runs, uint8_t *pixels, ptrdiff_t row_stride,
                     ptrdiff_t col_stride)
{
    if (row_stride == 1)
        for (uint32_t col = 0; col < runs->cols; col++)
            memset(pixels + (ptrdiff_t)col * col_stride, 0, runs->rows);
    else
        for (uint32_t row = 0; row < runs->rows; row++)
            for (uint32_t col = 0; col < runs->cols; col++)
                pixels[(ptrdiff_t)row * row_stride + (ptrdiff_t)col * col_stride] = 0;
    uint32_t at = 0;
    for (size_t i = 0; i + 1 < runs->count; i += 2) {
        uint32_t first = at + runs->counts[i];
        at = first + runs->counts[i + 1];
        fill(runs, first, at, pixels, row_stride, col_stride);
    }
}

size_t vdt_runs_merge(const struct vdt_runs *a, const struct vdt_runs *b, bool intersect,
                      uint32_t *merged)
{
    size_t i = 0, j = 0, count = 0;
    uint64_t all = (uint64_t)a->rows * a->cols, at = 0, begin = 0;
    uint64_t a_end = 0, b_end = 0; /* of the runs before i and j */
    bool a_in = true, b_in = true, in = false;
    while (at < all) {
        /* Into the runs that hold pixel `at`: empty ones are passed over. */
        for (; a_end <= at && i < a->count; i++, a_in = !a_in)
            a_end += a->counts[i];
        for (; b_end <= at && j < b->count; j++, b_in = !b_in)
            b_end += b->counts[j];
        bool now = intersect ? a_in && b_in : a_in || b_in;
        if (now != in) {
            merged[count++] = (uint32_t)(at - begin);
            begin = at;
            in = now;
        }
        at = a_end < b_end ? a_end : b_end;
    }
    merged[count++] = (uint32_t)(all - begin);
    return count;
}

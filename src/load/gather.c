#include "load/gather.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12 vectorises loops of unknown length from -O3 on; clang does at -O2. */
#if !defined(__clang__)
#pragma GCC optimize("O3")
#endif

enum { LINE = 64 }; /* bytes of a cache line */

/* Types for arrays at any address. */
#define ANY __attribute__((aligned(1), may_alias))
typedef uint8_t ANY any_uint8;
typedef uint16_t ANY any_uint16;
typedef uint32_t ANY any_uint32;
typedef uint64_t ANY any_uint64;

bool vdt_walk_is_turned(const struct vdt_walk *walk)
{
    return labs(walk->right) > labs(walk->down);
}

struct vdt_walk vdt_walk_from(struct vdt_walk walk, size_t row, size_t col, size_t values)
{
    const ptrdiff_t step =
        (ptrdiff_t)row * walk.down + (ptrdiff_t)col * walk.right + (ptrdiff_t)values;
    walk.origin += step * (ptrdiff_t)walk.size;
    return walk;
}

/* --- any walk --------------------------------------------------------------------------------- */

/* y[i] = x[-i] */
#define DEFINE_REVERSE(name, type)                                              \
    static void name(const type *restrict x, ptrdiff_t count, type *restrict y) \
    {                                                                           \
        for (ptrdiff_t i = 0; i < count; i++)                                   \
            y[i] = x[-i];                                                       \
    }

DEFINE_REVERSE(reverse_16, any_uint16)
DEFINE_REVERSE(reverse_32, any_uint32)
DEFINE_REVERSE(reverse_64, any_uint64)

/* The oldest x86-64 has no vector instruction for it. */
static void reverse_8(const any_uint8 *restrict x, ptrdiff_t count, any_uint8 *restrict y)
{
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8)
        *(any_uint64 *)(y + i) = __builtin_bswap64(*(const any_uint64 *)(x - i - 7));
    for (; i < count; i++)
        y[i] = x[-i];
}

#define DEFINE_GATHER(name, type, reverse)                                                 \
    static void name(const struct vdt_walk *walk, size_t rows, size_t cols, void *out,     \
                     size_t stride)                                                        \
    {                                                                                      \
        for (size_t row = 0; row < rows; row++) {                                          \
            const type *restrict x = (const type *)vdt_walk_from(*walk, row, 0, 0).origin; \
            type *restrict y = (type *)out + row * stride;                                 \
            if (walk->right == -1)                                                         \
                reverse(x, (ptrdiff_t)cols, y);                                            \
            else                                                                           \
                for (ptrdiff_t col = 0; col < (ptrdiff_t)cols; col++)                      \
                    y[col] = x[col * walk->right];                                         \
        }                                                                                  \
    }

DEFINE_GATHER(gather_8, any_uint8, reverse_8)
DEFINE_GATHER(gather_16, any_uint16, reverse_16)
DEFINE_GATHER(gather_32, any_uint32, reverse_32)
DEFINE_GATHER(gather_64, any_uint64, reverse_64)

static void gather(const struct vdt_walk *walk, size_t rows, size_t cols, void *out, size_t stride)
{
    switch (walk->size) {
    case 1: gather_8(walk, rows, cols, out, stride); break;
    case 2: gather_16(walk, rows, cols, out, stride); break;
    case 4: gather_32(walk, rows, cols, out, stride); break;
    case 8: gather_64(walk, rows, cols, out, stride); break;
    default: assert(!"a size of no type");
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

/* name(walk, out, stride): a block of `lanes` x `lanes` pixels whose columns are rows of the input.
 * Interleaving the first half of the rows with the second, as often as rows can be halved,
 * transposes them. */
#define DEFINE_TRANSPOSE(name, type, lanes, low, high)                                           \
    static void name(const struct vdt_walk *walk, unsigned char *out, size_t stride)             \
    {                                                                                            \
        typedef type vector __attribute__((vector_size(16)));                                    \
        vector rows[lanes], next[lanes];                                                         \
        const bool upward = walk->down < 0;                                                      \
        for (size_t i = 0; i < (lanes); i++)                                                     \
            memcpy(&rows[i], vdt_walk_from(*walk, upward ? (lanes)-1 : 0, i, 0).origin, 16);     \
        for (size_t n = 1; n < (lanes); n *= 2) {                                                \
            for (size_t i = 0; i < (lanes) / 2; i++) {                                           \
                next[2 * i] = __builtin_shufflevector(rows[i], rows[i + (lanes) / 2], low);      \
                next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + (lanes) / 2], high); \
            }                                                                                    \
            memcpy(rows, next, sizeof rows);                                                     \
        }                                                                                        \
        for (size_t i = 0; i < (lanes); i++)                                                     \
            memcpy(out + (upward ? (lanes)-1 - i : i) * stride * sizeof(type), &rows[i], 16);    \
    }

#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define LOW_2 0, 2
#define HIGH_2 1, 3

DEFINE_TRANSPOSE(transpose_8, uint8_t, 16, LOW_16, HIGH_16)
DEFINE_TRANSPOSE(transpose_16, uint16_t, 8, LOW_8, HIGH_8)
DEFINE_TRANSPOSE(transpose_32, uint32_t, 4, LOW_4, HIGH_4)
DEFINE_TRANSPOSE(transpose_64, uint64_t, 2, LOW_2, HIGH_2)

static void transpose(const struct vdt_walk *walk, unsigned char *out, size_t stride)
{
    switch (walk->size) {
    case 1: transpose_8(walk, out, stride); break;
    case 2: transpose_16(walk, out, stride); break;
    case 4: transpose_32(walk, out, stride); break;
    case 8: transpose_64(walk, out, stride); break;
    default: assert(!"a size of no type");
    }
}

/* Whole blocks by vectors, when they can be loaded, and the rest one by one. */
static void turn(const struct vdt_walk *walk, size_t rows, size_t cols, unsigned char *out,
                 size_t stride)
{
    const size_t lanes = 16 / walk->size;
    const size_t whole_rows = labs(walk->down) == 1 ? rows - rows % lanes : 0;
    const size_t whole_cols = whole_rows > 0 ? cols - cols % lanes : 0;
    for (size_t col = 0; col < whole_cols; col += lanes)
        for (size_t row = 0; row < whole_rows; row += lanes) {
            const struct vdt_walk block = vdt_walk_from(*walk, row, col, 0);
            transpose(&block, out + (row * stride + col) * walk->size, stride);
        }
    if (whole_rows > 0 && whole_cols < cols) {
        const struct vdt_walk beside = vdt_walk_from(*walk, 0, whole_cols, 0);
        gather(&beside, whole_rows, cols - whole_cols, out + whole_cols * walk->size, stride);
    }
    if (whole_rows < rows) {
        const struct vdt_walk below = vdt_walk_from(*walk, whole_rows, 0, 0);
        gather(&below, rows - whole_rows, cols, out + whole_rows * stride * walk->size, stride);
    }
}

void vdt_gather(const struct vdt_walk *walk, size_t rows, size_t cols, void *out, size_t stride)
{
    unsigned char *to = out;
    if (walk->right == 1) {
        for (size_t row = 0; row < rows; row++)
            memcpy(to + row * stride * walk->size, vdt_walk_from(*walk, row, 0, 0).origin,
                   cols * walk->size);
        return;
    }
    if (!vdt_walk_is_turned(walk)) {
        gather(walk, rows, cols, out, stride);
        return;
    }
    /* So many rows that lines of the input are used up at once, and those of the output are still
     * cached when they are gone on with. */
    const size_t most = LINE / walk->size;
    for (size_t row = 0; row < rows; row += most) {
        const struct vdt_walk piece = vdt_walk_from(*walk, row, 0, 0);
        turn(&piece, rows - row < most ? rows - row : most, cols, to + row * stride * walk->size,
             stride);
    }
}

/* --- bands ------------------------------------------------------------------------------------ */

#define DEFINE_INTERLEAVE(name, type)                                                              \
    static inline void name(const unsigned char *in, size_t in_stride, size_t bands, size_t count, \
                            void *out, size_t out_stride)                                          \
    {                                                                                              \
        type *restrict y = out;                                                                    \
        for (size_t i = 0; i < count; i++)                                                         \
            for (size_t band = 0; band < bands; band++)                                            \
                y[i * out_stride + band] = ((const type *)(in + band * in_stride))[i];             \
    }

DEFINE_INTERLEAVE(interleave_8, any_uint8)
DEFINE_INTERLEAVE(interleave_16, any_uint16)
DEFINE_INTERLEAVE(interleave_32, any_uint32)
DEFINE_INTERLEAVE(interleave_64, any_uint64)

static inline void interleave(const void *in, size_t in_stride, size_t size, size_t bands,
                              size_t count, void *out, size_t out_stride)
{
    switch (size) {
    case 1: interleave_8(in, in_stride, bands, count, out, out_stride); break;
    case 2: interleave_16(in, in_stride, bands, count, out, out_stride); break;
    case 4: interleave_32(in, in_stride, bands, count, out, out_stride); break;
    case 8: interleave_64(in, in_stride, bands, count, out, out_stride); break;
    default: assert(!"a size of no type");
    }
}

/* With the common numbers as constants, for which loops are unrolled. */
void vdt_interleave(const void *in, size_t in_stride, size_t size, size_t bands, size_t count,
                    void *out, size_t out_stride)
{
    if (bands == 3 && out_stride == 3)
        interleave(in, in_stride, size, 3, count, out, 3);
    else if (bands == 4 && out_stride == 4)
        interleave(in, in_stride, size, 4, count, out, 4);
    else
        interleave(in, in_stride, size, bands, count, out, out_stride);
}

/* Moves values of 1, 2, 4 or 8 bytes, whatever they mean. Any thread; no allocation. */
#ifndef LOAD_GATHER_H
#define LOAD_GATHER_H

#include <stdbool.h>
#include <stddef.h>

/* A way over an array: the pixel (row, col) is the value at origin + row * down + col * right. */
struct vdt_walk {
    const unsigned char *origin; /* borrowed; at any address */
    ptrdiff_t down, right;       /* in values; may be negative */
    size_t size;                 /* bytes of a value */
};

/* Steps are longer to the right than down: rows are taken from columns. */
bool vdt_walk_is_turned(const struct vdt_walk *walk);

/* The same walk begun at another pixel, and `values` further in the array. */
struct vdt_walk vdt_walk_from(struct vdt_walk walk, size_t row, size_t col, size_t values);

/* Writes the pixels row after row; `stride` values from row to row of `out` (at any address). */
void vdt_gather(const struct vdt_walk *walk, size_t rows, size_t cols, void *out, size_t stride);

/* Pixels of `bands` values out of one row a band; the rows begin in_stride bytes apart, pixels of
 * `out` out_stride values. */
void vdt_interleave(const void *in, size_t in_stride, size_t size, size_t bands, size_t count,
                    void *out, size_t out_stride);

#endif

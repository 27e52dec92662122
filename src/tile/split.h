/* Which group a window belongs to. Pure functions of (seed, ground) or (seed, scene) or
 * (seed, key): no order, no thread and no other window has a say.
 *
 * Ground is cut into rectangular blocks on one frame: a grid that the caller fixes once and for all
 * (the feed takes the pixels of the first scene). Every block belongs to one group. A window
 * belongs to a group when all blocks that it touches do, and otherwise to none: so no ground pixel
 * is in two groups, whatever scenes and windows overlap, now or in a later feed. */
#ifndef TILE_SPLIT_H
#define TILE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/feed.h>

enum { VDT_SPLIT_MAX = 64 };
#define VDT_SPLIT_NONE (-1)

/* Plain value. `limits` are cumulative: a hash position u in [0, 1) is in the first group whose
 * limit exceeds it; limits[count - 1] is 1. */
struct vdt_split {
    uint64_t seed;
    double block[2]; /* columns and rows of the frame in a block; zeros without blocks */
    size_t count;
    double limits[VDT_SPLIT_MAX];
};

/* A position in [0, 1) for block (bx, by), stratified on every scale: of the 4^k blocks of any
 * aligned 2^k x 2^k square, each interval of length 4^-k holds one (an Owen-scrambled quadtree). */
double vdt_block_position(uint64_t seed, int64_t bx, int64_t by);

/* `shares` (positive, any sum) -> split->limits, count, seed; no block size. */
void vdt_split_shares(struct vdt_split *split, uint64_t seed, const double *shares, size_t count);

/* As above for blocks of that size, with limits corrected so that the shares hold among the windows
 * that survive: those that touch blocks of two groups are lost, and smaller groups lose more.
 * `window`: width and height of windows that begin anywhere in a block, in pixels of the frame; for
 * windows at whole strides from a block's border, the strides that a window reaches into beyond its
 * first. */
void vdt_split_blocks(struct vdt_split *split, uint64_t seed, const double *shares, size_t count,
                      const double block[2], const double window[2]);

/* The blocks that a footprint [xmin, ymin, xmax, ymax] on the frame shares area with, as first and
 * last column and row: [xmin, ymin, xmax, ymax]. False for what is no place. */
bool vdt_split_range(const struct vdt_split *split, const double box[4], int64_t range[4]);

/* Group index of a footprint [xmin, ymin, xmax, ymax] on the frame, or VDT_SPLIT_NONE. */
int vdt_split_ground(const struct vdt_split *split, const double box[4]);

/* Group index by a hash of bytes (a scene's digest or a sample's key) under the seed. */
int vdt_split_hash(const struct vdt_split *split, const void *data, size_t size);

#endif

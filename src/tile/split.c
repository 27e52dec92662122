/* Groups by ground, scene or key: a scrambled quadtree over the blocks of a frame, and the
 * correction of shares for windows that are lost between blocks of two groups. */
#include "tile/split.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "base/random.h"

enum {
    LEVELS = 26, /* two bits each: what a double's 53 bits hold exactly */
    REGION = 64, /* blocks along a side of the simulated ground */
    REACH = 2,   /* windows wider than so many blocks are simulated as being this wide */
    BLOCKS = REGION + REACH,
    ROUNDS = 40
};

/* The positions of a square of blocks and one window size: what shares are tried out on. */
struct ground {
    double positions[BLOCKS][BLOCKS]; /* [x][y] */
    double width, height;             /* of a window, in blocks */
};

/* floor(value / 2); >> of a negative value is up to the compiler. */
static int64_t half(int64_t value)
{
    return value >= 0 ? value >> 1 : ~(~value >> 1);
}

/* Element `child` of the permutation of 0..3 with that number, 0..23. */
static unsigned permuted(unsigned permutation, unsigned child)
{
    unsigned left[4] = {0, 1, 2, 3};
    unsigned digit = 0;
    for (unsigned i = 0; i <= child; i++) {
        unsigned pick = permutation % (4 - i);
        permutation /= 4 - i;
        digit = left[pick];
        for (unsigned k = pick; k < 3; k++)
            left[k] = left[k + 1];
    }
    return digit;
}

double vdt_block_position(uint64_t seed, int64_t bx, int64_t by)
{
    uint64_t digits = 0;
    for (int level = 0; level < LEVELS; level++) {
        unsigned child = (unsigned)(bx & 1) | (unsigned)(by & 1) << 1;
        bx = half(bx);
        by = half(by);
        uint64_t parent = vdt_mix2(vdt_mix2(seed, (uint64_t)level), (uint64_t)bx);
        digits = digits << 2 | permuted((unsigned)(vdt_mix2(parent, (uint64_t)by) % 24), child);
    }
    return (double)digits * 0x1p-52;
}

static int group_of(const struct vdt_split *split, double position)
{
    int last = (int)split->count - 1, group = 0;
    while (group < last && position >= split->limits[group])
        group++;
    return group;
}

static void set_limits(struct vdt_split *split, const double *shares, size_t count)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        total += shares[i];
    for (size_t i = 0; i < count; i++) {
        sum += shares[i];
        split->limits[i] = sum / total;
    }
    split->limits[count - 1] = 1;
    split->count = count;
}

void vdt_split_shares(struct vdt_split *split, uint64_t seed, const double *shares, size_t count)
{
    assert(count > 0 && count <= VDT_SPLIT_MAX);
    *split = (struct vdt_split){.seed = seed};
    set_limits(split, shares, count);
}

/* Adds `weight` to the group that keeps the window over blocks x .. x+dx, y .. y+dy. Groups are
 * intervals of positions, so the lowest and the highest block decide. */
static void keep_window(const struct ground *ground, const struct vdt_split *split, int x, int y,
                        int dx, int dy, double weight, double *kept)
{
    double low = 1, high = 0;
    for (int i = x; i <= x + dx; i++) {
        for (int j = y; j <= y + dy; j++) {
            low = fmin(low, ground->positions[i][j]);
            high = fmax(high, ground->positions[i][j]);
        }
    }
    int group = group_of(split, low);
    if (group == group_of(split, high))
        kept[group] += weight;
}

/* Share of each group among the windows that survive; all zero when none does. A window that begins
 * anywhere in a block reaches floor(width) blocks on, and one more with probability frac(width). */
static void kept_shares(const struct ground *ground, const struct vdt_split *split, double *kept)
{
    int dx = (int)floor(ground->width), dy = (int)floor(ground->height);
    double more_x = ground->width - dx, more_y = ground->height - dy;
    for (size_t g = 0; g < split->count; g++)
        kept[g] = 0;
    for (int x = 0; x < REGION; x++) {
        for (int y = 0; y < REGION; y++) {
            keep_window(ground, split, x, y, dx, dy, (1 - more_x) * (1 - more_y), kept);
            keep_window(ground, split, x, y, dx + 1, dy, more_x * (1 - more_y), kept);
            keep_window(ground, split, x, y, dx, dy + 1, (1 - more_x) * more_y, kept);
            keep_window(ground, split, x, y, dx + 1, dy + 1, more_x * more_y, kept);
        }
    }
    double total = 0;
    for (size_t g = 0; g < split->count; g++)
        total += kept[g];
    for (size_t g = 0; g < split->count && total > 0; g++)
        kept[g] /= total;
}

static double blocks_wide(double size, double block_size)
{
    double blocks = size / block_size;
    return blocks > 0 ? fmin(blocks, REACH - 0x1p-20) : 0;
}

/* The next try: more ground for groups that keep too little. Damped, because twice the ground can
 * keep more than twice the windows, and bounded, because a group may keep none. */
static void correct(double *tried, const double *wanted, const double *kept, size_t count)
{
    double total = 0;
    for (size_t g = 0; g < count; g++) {
        double ratio = kept[g] > 0 ? wanted[g] / kept[g] : 2;
        tried[g] *= sqrt(fmin(fmax(ratio, 0.5), 2));
        total += tried[g];
    }
    for (size_t g = 0; g < count; g++)
        tried[g] /= total;
}

void vdt_split_blocks(struct vdt_split *split, uint64_t seed, const double *shares, size_t count,
                      const double block[2], const double window[2])
{
    vdt_split_shares(split, seed, shares, count);
    split->block[0] = block[0];
    split->block[1] = block[1];
    struct ground ground = {.width = blocks_wide(window[0], block[0]),
                            .height = blocks_wide(window[1], block[1])};
    if (count == 1 || (ground.width == 0 && ground.height == 0))
        return;
    for (int x = 0; x < BLOCKS; x++)
        for (int y = 0; y < BLOCKS; y++)
            ground.positions[x][y] = vdt_block_position(seed, x, y);

    double wanted[VDT_SPLIT_MAX], tried[VDT_SPLIT_MAX], kept[VDT_SPLIT_MAX], total = 0;
    for (size_t g = 0; g < count; g++)
        total += shares[g];
    for (size_t g = 0; g < count; g++)
        tried[g] = wanted[g] = shares[g] / total;

    struct vdt_split trial = *split;
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        set_limits(&trial, tried, count);
        kept_shares(&ground, &trial, kept);
        double off = 0;
        for (size_t g = 0; g < count; g++)
            off = fmax(off, fabs(kept[g] - wanted[g]));
        if (off < best) {
            best = off;
            *split = trial;
        }
        correct(tried, wanted, kept, count);
    }
}

/* The blocks from `min` up to `max` along an axis: a footprint that ends on a line of the grid does
 * not touch the block behind it. False for NaN and for what is no place on Earth. */
static bool block_range(double min, double max, double size, int64_t *first, int64_t *last)
{
    double low = floor(min / size), high = ceil(max / size) - 1;
    if (!(fabs(low) < 0x1p52 && fabs(high) < 0x1p52))
        return false;
    *first = (int64_t)low;
    *last = high > low ? (int64_t)high : *first;
    return true;
}

bool vdt_split_range(const struct vdt_split *split, const double box[4], int64_t range[4])
{
    return block_range(box[0], box[2], split->block[0], &range[0], &range[2]) &&
           block_range(box[1], box[3], split->block[1], &range[1], &range[3]);
}

int vdt_split_ground(const struct vdt_split *split, const double box[4])
{
    int64_t range[4];
    if (split->count == 1)
        return 0;
    if (!vdt_split_range(split, box, range))
        return VDT_SPLIT_NONE;
    int group = VDT_SPLIT_NONE;
    for (int64_t x = range[0]; x <= range[2]; x++) {
        for (int64_t y = range[1]; y <= range[3]; y++) {
            int block = group_of(split, vdt_block_position(split->seed, x, y));
            if (group != VDT_SPLIT_NONE && block != group)
                return VDT_SPLIT_NONE;
            group = block;
        }
    }
    return group;
}

int vdt_split_hash(const struct vdt_split *split, const void *data, size_t size)
{
    return group_of(split, vdt_unit(vdt_hash(split->seed, data, size)));
}

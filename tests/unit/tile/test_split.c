/* Splits: stratified positions, no ground in two groups, and shares that hold. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tile/split.h"

/* Marks the interval of each block of an aligned square: every one is hit exactly once. */
static void expect_stratified(uint64_t seed, int level, int64_t x, int64_t y)
{
    enum { LEVEL_MAX = 5 };
    static const int side_max = 1 << LEVEL_MAX;
    bool hit[1 << (2 * LEVEL_MAX)] = {false};
    int64_t side = (int64_t)1 << level;
    assert_true(side <= side_max);
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = 0; j < side; j++) {
            double position = vdt_block_position(seed, x * side + i, y * side + j);
            assert_true(position >= 0 && position < 1);
            size_t interval = (size_t)(position * (double)(side * side));
            assert_false(hit[interval]);
            hit[interval] = true;
        }
}

static void positions_are_stratified_on_every_aligned_square(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++)
        for (int level = 0; level <= 5; level++)
            for (int64_t x = -3; x <= 3; x++)
                for (int64_t y = -3; y <= 3; y++)
                    expect_stratified(seed, level, x, y);
    expect_stratified(1, 4, INT64_C(-1000000007), INT64_C(999999937));
}

/* All 24 permutations occur, and the seed decides. */
static void positions_are_scrambled(void **state)
{
    (void)state;
    unsigned seen = 0, number = 0;
    int differ = 0;
    bool codes[256] = {false};
    for (int64_t i = -200; i < 200; i++) {
        unsigned code = 0;
        for (int k = 0; k < 4; k++)
            code =
                code * 4 + (unsigned)(vdt_block_position(7, 2 * i + (k & 1), 2 * i + (k >> 1)) * 4);
        if (!codes[code])
            number++;
        codes[code] = true;
        differ += vdt_block_position(7, i, 5) != vdt_block_position(8, i, 5);
        seen++;
    }
    assert_int_equal(seen, 400);
    assert_int_equal(number, 24);
    assert_true(differ > 395);
}

static void shares_become_limits(void **state)
{
    (void)state;
    struct vdt_split split;
    vdt_split_shares(&split, 9, (const double[]){8, 1, 1}, 3);
    assert_int_equal(split.count, 3);
    assert_int_equal(split.seed, 9);
    assert_true(fabs(split.limits[0] - 0.8) < 1e-15 && fabs(split.limits[1] - 0.9) < 1e-15);
    assert_true(split.limits[2] == 1);
}

static void hashes_follow_the_shares(void **state)
{
    (void)state;
    struct vdt_split split;
    vdt_split_shares(&split, 3, (const double[]){0.7, 0.2, 0.1}, 3);
    int counts[3] = {0}, moved = 0;
    struct vdt_split other = split;
    other.seed = 4;
    for (int i = 0; i < 20000; i++) {
        char key[32];
        int size = snprintf(key, sizeof key, "sample-%d", i);
        int group = vdt_split_hash(&split, key, (size_t)size);
        assert_int_equal(group, vdt_split_hash(&split, key, (size_t)size));
        assert_in_range(group, 0, 2);
        counts[group]++;
        moved += group != vdt_split_hash(&other, key, (size_t)size);
    }
    assert_in_range(counts[0], 13700, 14300);
    assert_in_range(counts[1], 3750, 4250);
    assert_in_range(counts[2], 1800, 2200);
    assert_true(moved > 7000);
}

static int group_of_block(const struct vdt_split *split, int64_t x, int64_t y)
{
    double position = vdt_block_position(split->seed, x, y);
    int group = 0;
    while (position >= split->limits[group])
        group++;
    return group;
}

/* Footprints from within one block to 3 x 3 blocks, by whole quarters of a block, so that many end
 * exactly on a line of the grid: the answer is the common group of all blocks that share area. */
static void footprints_over_two_groups_have_none(void **state)
{
    (void)state;
    struct vdt_split split;
    vdt_split_shares(&split, 11, (const double[]){0.6, 0.3, 0.1}, 3);
    split.block[0] = split.block[1] = 100;
    int none = 0, some = 0;
    for (uint64_t k = 0; k < 20000; k++) {
        uint64_t hash = vdt_mix2(5, k);
        int x = (int)(hash % 64) - 32, y = (int)(hash >> 8 & 63) - 32;
        int w = (int)(hash >> 16 & 7) + 1, h = (int)(hash >> 24 & 7) + 1;
        double box[4] = {x * 25., y * 25., (x + w) * 25., (y + h) * 25.};
        int expected = group_of_block(&split, (x + 400) / 4 - 100, (y + 400) / 4 - 100);
        for (int i = x; i < x + w; i++)
            for (int j = y; j < y + h; j++)
                if (group_of_block(&split, (i + 400) / 4 - 100, (j + 400) / 4 - 100) != expected)
                    expected = VDT_SPLIT_NONE;
        assert_int_equal(vdt_split_ground(&split, box), expected);
        none += expected == VDT_SPLIT_NONE;
        some += expected != VDT_SPLIT_NONE;
    }
    assert_true(none > 2000 && some > 2000);
}

static void odd_footprints(void **state)
{
    (void)state;
    struct vdt_split split;
    vdt_split_shares(&split, 11, (const double[]){1, 1}, 2);
    split.block[0] = split.block[1] = 100;
    /* No extent, on a corner of the grid: the block that begins there. */
    const double point[4] = {200, -300, 200, -300};
    assert_int_equal(vdt_split_ground(&split, point), group_of_block(&split, 2, -3));
    const double broken[4] = {NAN, 0, 1, 1}, endless[4] = {0, 0, INFINITY, 1};
    assert_int_equal(vdt_split_ground(&split, broken), VDT_SPLIT_NONE);
    assert_int_equal(vdt_split_ground(&split, endless), VDT_SPLIT_NONE);
}

static void one_group_takes_all(void **state)
{
    (void)state;
    struct vdt_split split;
    vdt_split_blocks(&split, 1, (const double[]){0.3}, 1, (const double[]){100, 90},
                     (const double[]){80, 80});
    for (int i = 0; i < 100; i++) {
        const double box[4] = {i * 33., i * -17., i * 33. + 1000, i * -17. + 1000};
        assert_int_equal(vdt_split_ground(&split, box), 0);
        assert_int_equal(vdt_split_hash(&split, &i, sizeof i), 0);
    }
}

/* The largest difference between a group's share of the kept windows and what was asked: 100 x 100
 * windows of `ratio` blocks, a bit more than half a block apart, from `offset` blocks on. */
static double share_error(const struct vdt_split *split, const double *shares, double ratio,
                          double offset)
{
    double kept[VDT_SPLIT_MAX] = {0}, total = 0, error = 0;
    double step = 0.5171 * split->block[0], size = ratio * split->block[0];
    for (int i = 0; i < 100; i++)
        for (int j = 0; j < 100; j++) {
            double x = offset * split->block[0] + i * step, y = j * step - x / 3;
            int group = vdt_split_ground(split, (const double[]){x, y, x + size, y + size});
            if (group == VDT_SPLIT_NONE)
                continue;
            kept[group]++;
            total++;
        }
    for (size_t g = 0; g < split->count; g++)
        error = fmax(error, fabs(kept[g] / total - shares[g]));
    return error;
}

static void kept_shares_are_what_was_asked(void **state)
{
    (void)state;
    static const double shares[][4] = {
        {0.8, 0.2}, {0.7, 0.15, 0.15}, {0.9, 0.1}, {0.6, 0.2, 0.1, 0.1}};
    static const size_t counts[] = {2, 3, 2, 4};
    static const double ratios[] = {0.1, 0.3, 0.5};
    double uncorrected = 0;
    for (uint64_t seed = 1; seed <= 2; seed++)
        for (size_t s = 0; s < 4; s++)
            for (size_t r = 0; r < 3; r++) {
                struct vdt_split split, plain;
                double size = 1280 * ratios[r];
                vdt_split_blocks(&split, seed, shares[s], counts[s], (const double[]){1280, 1280},
                                 (const double[]){size, size});
                vdt_split_shares(&plain, seed, shares[s], counts[s]);
                plain.block[0] = plain.block[1] = 1280;
                double offset = r % 2 == 0 ? -71.3 : 1205.9;
                assert_true(share_error(&split, shares[s], ratios[r], offset) < 0.015);
                uncorrected = fmax(uncorrected, share_error(&plain, shares[s], ratios[r], offset));
            }
    assert_true(uncorrected > 0.05);
}

static void same_seed_same_answer(void **state)
{
    (void)state;
    struct vdt_split a, b, c;
    const double shares[] = {0.7, 0.3};
    vdt_split_blocks(&a, 5, shares, 2, (const double[]){500, 500}, (const double[]){120, 90});
    vdt_split_blocks(&b, 5, shares, 2, (const double[]){500, 500}, (const double[]){120, 90});
    vdt_split_blocks(&c, 6, shares, 2, (const double[]){500, 500}, (const double[]){120, 90});
    assert_true(a.limits[0] == b.limits[0] && a.block[0] == 500 && a.seed == 5);
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        const double box[4] = {i * 700., 30, i * 700. + 50, 80};
        assert_int_equal(vdt_split_ground(&a, box), vdt_split_ground(&b, box));
        differ += vdt_split_ground(&a, box) != vdt_split_ground(&c, box);
    }
    assert_true(differ > 20);
}

/* Windows as large as blocks or larger: hardly any survives, but the limits stay limits. */
static void hopeless_sizes_still_make_limits(void **state)
{
    (void)state;
    static const double sizes[] = {0, 1, 1.5, 2, 1000, INFINITY, NAN};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct vdt_split split;
        vdt_split_blocks(&split, 2, (const double[]){0.8, 0.1, 0.1}, 3, (const double[]){1, 1},
                         (const double[]){sizes[i], sizes[i]});
        assert_true(split.limits[0] > 0 && split.limits[0] <= split.limits[1]);
        assert_true(split.limits[1] <= 1 && split.limits[2] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_stratified_on_every_aligned_square),
        cmocka_unit_test(positions_are_scrambled),
        cmocka_unit_test(shares_become_limits),
        cmocka_unit_test(hashes_follow_the_shares),
        cmocka_unit_test(footprints_over_two_groups_have_none),
        cmocka_unit_test(odd_footprints),
        cmocka_unit_test(one_group_takes_all),
        cmocka_unit_test(kept_shares_are_what_was_asked),
        cmocka_unit_test(same_seed_same_answer),
        cmocka_unit_test(hopeless_sizes_still_make_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

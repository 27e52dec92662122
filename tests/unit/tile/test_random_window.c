/* Random windows: in the image, every place as likely, functions of their number; and apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tile/random_window.h"

static const struct vdt_grid small = {
    .scene_cols = 12, .scene_rows = 9, .tile_cols = 8, .tile_rows = 6};
static const char digest[] = "0123456789abcdef0123456789abcdef";
static struct vdt_error error;

/* torchgeo's int(rand * width) never gives the last place; nothing may hang over either. */
static void every_place_is_as_likely(void **state)
{
    (void)state;
    enum { DRAWS = 40000, PLACES = 5 * 4 };
    int counts[PLACES] = {0};
    uint64_t stream = vdt_random_stream(7, digest);
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct vdt_window window = vdt_random_window(&small, stream, i);
        assert_true(window.col >= 0 && window.col <= 4 && window.row >= 0 && window.row <= 3);
        assert_int_equal(window.cols, 8);
        assert_int_equal(window.rows, 6);
        counts[window.row * 5 + window.col]++;
    }
    double expected = (double)DRAWS / PLACES, chi_square = 0;
    for (int i = 0; i < PLACES; i++)
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    assert_true(chi_square < 43.8); /* 19 degrees of freedom: one in a thousand is above */
}

static void a_tile_as_large_as_the_scene_has_one_place(void **state)
{
    (void)state;
    struct vdt_grid whole = {.scene_cols = 8, .scene_rows = 6, .tile_cols = 8, .tile_rows = 6};
    for (uint64_t i = 0; i < 100; i++) {
        struct vdt_window window = vdt_random_window(&whole, vdt_random_stream(i, digest), i);
        assert_int_equal(window.col, 0);
        assert_int_equal(window.row, 0);
    }
}

static void seed_scene_and_number_all_count(void **state)
{
    (void)state;
    const struct vdt_grid large = {
        .scene_cols = INT32_MAX, .scene_rows = INT32_MAX, .tile_cols = 1, .tile_rows = 1};
    struct vdt_window window = vdt_random_window(&large, vdt_random_stream(1, digest), 5);
    struct vdt_window same = vdt_random_window(&large, vdt_random_stream(1, digest), 5);
    struct vdt_window others[] = {vdt_random_window(&large, vdt_random_stream(2, digest), 5),
                                  vdt_random_window(&large, vdt_random_stream(1, "f"), 5),
                                  vdt_random_window(&large, vdt_random_stream(1, digest), 6)};
    assert_memory_equal(&window, &same, sizeof window);
    for (size_t i = 0; i < 3; i++)
        assert_true(window.col != others[i].col && window.row != others[i].row);
}

static bool overlap(const struct vdt_window *a, const struct vdt_window *b)
{
    return abs(a->col - b->col) < a->cols && abs(a->row - b->row) < a->rows;
}

/* Against a plain comparison of all with all. */
static void apart_is_apart(void **state)
{
    (void)state;
    enum { TRIES = 3000 };
    static struct vdt_window taken[TRIES];
    static const struct vdt_grid grids[] = {
        {.scene_cols = 200, .scene_rows = 150, .tile_cols = 13, .tile_rows = 7},
        {.scene_cols = 90, .scene_rows = 400, .tile_cols = 5, .tile_rows = 40},
        {.scene_cols = 64, .scene_rows = 64, .tile_cols = 1, .tile_rows = 1}};
    for (size_t g = 0; g < 3; g++) {
        struct vdt_window_set set = {0};
        size_t count = 0;
        uint64_t stream = vdt_random_stream(3, digest);
        for (uint64_t i = 0; i < TRIES; i++) {
            struct vdt_window window = vdt_random_window(&grids[g], stream, i);
            bool added, expected = true;
            for (size_t k = 0; k < count && expected; k++)
                expected = !overlap(&window, &taken[k]);
            assert_int_equal(vdt_window_set_add_apart(&set, &window, &added, &error), VDT_OK);
            assert_int_equal(added, expected);
            if (added)
                taken[count++] = window;
        }
        assert_int_equal(set.count, count);
        assert_true(count > 20);
        vdt_window_set_clear(&set);
    }
}

static void tries_do_not_overflow(void **state)
{
    (void)state;
    assert_true(vdt_random_tries(1) >= 1000);
    assert_true(vdt_random_tries(1000) > vdt_random_tries(999));
    assert_true(vdt_random_tries(UINT64_MAX) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_is_as_likely),
        cmocka_unit_test(a_tile_as_large_as_the_scene_has_one_place),
        cmocka_unit_test(seed_scene_and_number_all_count),
        cmocka_unit_test(apart_is_apart),
        cmocka_unit_test(tries_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

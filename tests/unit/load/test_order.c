/* The epoch order: a bijection, pinned, and as random as Fisher-Yates. All seeds are fixed, so the
 * statistics are the same in every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "load/order.h"

static void assert_bijection(uint64_t seed, uint64_t count)
{
    struct vdt_order order = vdt_order_make(VDT_SHUFFLED, seed, 3, count, 0, 0, NULL);
    unsigned char *seen = calloc(count, 1);
    assert_non_null(seen);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t index = vdt_order_index(&order, i);
        assert_true(index < count);
        assert_int_equal(seen[index], 0);
        seen[index] = 1;
    }
    free(seen);
}

static void every_index_comes_once(void **state)
{
    (void)state;
    for (uint64_t count = 1; count <= 300; count++)
        assert_bijection(count, count);
    static const uint64_t counts[] = {1023, 1024, 1025, 4097, 65535, 65536, 65537, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_bijection(7, counts[i]);
}

static void sequential_is_the_identity(void **state)
{
    (void)state;
    struct vdt_order order = vdt_order_make(VDT_SEQUENTIAL, 5, 6, 1000, 0, 0, NULL);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(vdt_order_index(&order, i), i);
}

/* A resumed run must get the rest of the order it began with, also from a later version. */
static void the_order_never_changes(void **state)
{
    (void)state;
    static const uint64_t small[] = {3, 139, 334, 938, 32};
    static const uint64_t large[] = {142317652533, 441477960589, 380797879168};
    struct vdt_order order = vdt_order_make(VDT_SHUFFLED, 1, 0, 1000, 0, 0, NULL);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(vdt_order_index(&order, i), small[i]);
    order = vdt_order_make(VDT_SHUFFLED, UINT64_MAX, 9, UINT64_C(1) << 40, 0, 0, NULL);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(vdt_order_index(&order, (UINT64_C(1) << 40) - 1 - i), large[i]);
}

static size_t same_places(const struct vdt_order *a, const struct vdt_order *b)
{
    size_t same = 0;
    for (uint64_t i = 0; i < 1000; i++)
        same += vdt_order_index(a, i) == vdt_order_index(b, i);
    return same;
}

static void seed_epoch_and_count_all_matter(void **state)
{
    (void)state;
    struct vdt_order order = vdt_order_make(VDT_SHUFFLED, 1, 2, 1000, 0, 0, NULL);
    struct vdt_order again = vdt_order_make(VDT_SHUFFLED, 1, 2, 1000, 0, 0, NULL);
    struct vdt_order swapped = vdt_order_make(VDT_SHUFFLED, 2, 1, 1000, 0, 0, NULL);
    struct vdt_order seed = vdt_order_make(VDT_SHUFFLED, 3, 2, 1000, 0, 0, NULL);
    struct vdt_order epoch = vdt_order_make(VDT_SHUFFLED, 1, 3, 1000, 0, 0, NULL);
    struct vdt_order count = vdt_order_make(VDT_SHUFFLED, 1, 2, 1001, 0, 0, NULL);
    assert_int_equal(same_places(&order, &again), 1000);
    /* One place in 1000 agrees by chance, give or take 1: 10 would be far out. */
    assert_true(same_places(&order, &swapped) < 10);
    assert_true(same_places(&order, &seed) < 10);
    assert_true(same_places(&order, &epoch) < 10);
    assert_true(same_places(&order, &count) < 10);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void huge_counts_work(void **state)
{
    (void)state;
    enum { DRAWS = 50000 };
    static uint64_t drawn[DRAWS];
    uint64_t count = (UINT64_C(1) << 40) - 12345;
    struct vdt_order order = vdt_order_make(VDT_SHUFFLED, 4, 4, count, 0, 0, NULL);
    double mean = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        drawn[i] = vdt_order_index(&order, i * 21990000);
        assert_true(drawn[i] < count);
        mean += (double)drawn[i] / (double)count / DRAWS;
    }
    qsort(drawn, DRAWS, sizeof *drawn, compare);
    for (size_t i = 1; i < DRAWS; i++)
        assert_true(drawn[i] != drawn[i - 1]);
    assert_true(fabs(mean - 0.5) < 4 * sqrt(1.0 / 12 / DRAWS));
}

/* --- statistics ----------------------------------------------------------------------------- */

/* Fills `order` with the epoch's permutation, ours or the yardstick's. */
typedef void (*shuffler)(uint64_t seed, uint64_t epoch, uint64_t count, uint32_t *order);

static void ours(uint64_t seed, uint64_t epoch, uint64_t count, uint32_t *order)
{
    struct vdt_order made = vdt_order_make(VDT_SHUFFLED, seed, epoch, count, 0, 0, NULL);
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)vdt_order_index(&made, i);
}

static void fisher_yates(uint64_t seed, uint64_t epoch, uint64_t count, uint32_t *order)
{
    uint64_t random = vdt_mix2(~seed, epoch);
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (uint64_t i = count - 1; i > 0; i--) {
        random = vdt_mix2(random, i);
        uint64_t other = (uint64_t)(vdt_unit(random) * (double)(i + 1));
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

/* How many standard deviations a chi-square sum lies from what chance gives. */
static double deviation(double chi_square, double freedom)
{
    return (chi_square - freedom) / sqrt(2 * freedom);
}

/* Orders of up to 6 samples, all of them counted: each must be equally likely. */
static double all_orders(shuffler shuffle, uint64_t count)
{
    enum { EACH = 100 };
    static double hits[720];
    memset(hits, 0, sizeof hits);
    size_t orders = 1;
    for (uint64_t i = 2; i <= count; i++)
        orders *= i;
    for (uint64_t epoch = 0; epoch < orders * EACH; epoch++) {
        uint32_t order[6];
        shuffle(11, epoch, count, order);
        size_t rank = 0;
        for (uint64_t i = 0; i < count; i++) {
            size_t smaller = 0;
            for (uint64_t j = i + 1; j < count; j++)
                smaller += order[j] < order[i];
            rank = rank * (count - i) + smaller;
        }
        hits[rank]++;
    }
    double sum = 0;
    for (size_t i = 0; i < orders; i++)
        sum += (hits[i] - EACH) * (hits[i] - EACH) / EACH;
    return deviation(sum, (double)orders - 1);
}

/* Distance from each index to the next in the order, modulo count: 1 .. count - 1, all alike. */
static double pair_distances(shuffler shuffle, uint64_t count, uint64_t epochs)
{
    uint32_t *order = calloc(count, sizeof *order);
    double *hits = calloc(count, sizeof *hits);
    assert_true(order != NULL && hits != NULL);
    for (uint64_t epoch = 0; epoch < epochs; epoch++) {
        shuffle(21, epoch, count, order);
        for (uint64_t i = 1; i < count; i++)
            hits[(order[i] + count - order[i - 1]) % count]++;
    }
    double expected = (double)epochs, sum = 0;
    for (uint64_t i = 1; i < count; i++)
        sum += (hits[i] - expected) * (hits[i] - expected) / expected;
    assert_true(hits[0] == 0);
    free(order);
    free(hits);
    return deviation(sum, (double)count - 2);
}

enum { CELLS = 8 };

/* Chi-square of a table whose rows and columns all have the same chance. */
static double table_deviation(double hits[CELLS][CELLS], double total)
{
    double expected = total / (CELLS * CELLS), sum = 0;
    for (int a = 0; a < CELLS; a++)
        for (int b = 0; b < CELLS; b++)
            sum += (hits[a][b] - expected) * (hits[a][b] - expected) / expected;
    return deviation(sum, (CELLS - 1) * (CELLS - 1));
}

/* Which eighth of the order gets which eighth of the store. `count` is a multiple of 8. */
static double positions(shuffler shuffle, uint64_t count, uint64_t epochs)
{
    uint32_t *order = calloc(count, sizeof *order);
    assert_non_null(order);
    double hits[CELLS][CELLS] = {{0}};
    for (uint64_t epoch = 0; epoch < epochs; epoch++) {
        shuffle(31, epoch, count, order);
        for (uint64_t i = 0; i < count; i++)
            hits[i * CELLS / count][order[i] * CELLS / count]++;
    }
    free(order);
    return table_deviation(hits, (double)(count * epochs));
}

/* Where an index is in one epoch says nothing of where it is in the next. */
static double epochs_apart(shuffler shuffle, uint64_t count, uint64_t epochs)
{
    uint32_t *order = calloc(count, sizeof *order);
    uint32_t *before = calloc(count, sizeof *before);
    assert_true(order != NULL && before != NULL);
    double hits[CELLS][CELLS] = {{0}};
    for (uint64_t epoch = 0; epoch <= epochs; epoch++) {
        shuffle(41, epoch, count, order);
        for (uint64_t i = 0; i < count; i++) {
            if (epoch > 0)
                hits[before[order[i]] * CELLS / count][i * CELLS / count]++;
        }
        for (uint64_t i = 0; i < count; i++)
            before[order[i]] = (uint32_t)i;
    }
    free(order);
    free(before);
    return table_deviation(hits, (double)(count * epochs));
}

static void assert_random(shuffler shuffle)
{
    /* 4 deviations: about 1 in 10000 by chance for each of some 25 sums, and seeds are fixed. */
    for (uint64_t count = 2; count <= 6; count++)
        assert_true(fabs(all_orders(shuffle, count)) < 4);
    static const uint64_t counts[] = {7, 16, 17, 64, 100, 256, 1000, 4096};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_true(fabs(pair_distances(shuffle, counts[i], 400)) < 4);
    static const uint64_t eighths[] = {16, 64, 104, 256, 1000, 4096, 65536};
    for (size_t i = 0; i < sizeof eighths / sizeof *eighths; i++) {
        uint64_t epochs = 200000 / eighths[i];
        assert_true(fabs(positions(shuffle, eighths[i], epochs)) < 4);
        assert_true(fabs(epochs_apart(shuffle, eighths[i], epochs)) < 4);
    }
}

static void the_order_is_random(void **state)
{
    (void)state;
    assert_random(ours);
}

/* The yardstick passes the same bars, so they are neither too low to reach nor ours alone. */
static void fisher_yates_is_random(void **state)
{
    (void)state;
    assert_random(fisher_yates);
}

static void bad_order(uint64_t seed, uint64_t epoch, uint64_t count, uint32_t *order)
{
    uint64_t start = vdt_mix2(seed, epoch) % count;
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)((start + i) % count);
}

/* What these statistics are for: an order that only turns the store round fails them. */
static void the_bars_can_be_missed(void **state)
{
    (void)state;
    assert_true(all_orders(bad_order, 5) > 100);
    assert_true(pair_distances(bad_order, 256, 400) > 100);
    assert_true(epochs_apart(bad_order, 256, 700) > 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_comes_once),
        cmocka_unit_test(sequential_is_the_identity),
        cmocka_unit_test(the_order_never_changes),
        cmocka_unit_test(seed_epoch_and_count_all_matter),
        cmocka_unit_test(huge_counts_work),
        cmocka_unit_test(the_order_is_random),
        cmocka_unit_test(fisher_yates_is_random),
        cmocka_unit_test(the_bars_can_be_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

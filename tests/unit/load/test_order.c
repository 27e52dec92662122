/* The epoch order: a bijection, pinned, and as random as Fisher-Yates; windows keep blocks within
 * reach; draws come by weight. All seeds are fixed, so the statistics are the same in every run. */
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

static void assert_bijection(enum vdt_order_kind kind, uint64_t epoch, uint64_t count,
                             uint64_t window)
{
    struct vdt_order order = vdt_order_make(kind, count, epoch, count, window, 0, NULL);
    assert_int_equal(order.length, count);
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
        assert_bijection(VDT_SHUFFLED, 3, count, 0);
    static const uint64_t counts[] = {1023, 1024, 1025, 4097, 65535, 65536, 65537, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_bijection(VDT_SHUFFLED, 3, counts[i], 0);
}

/* Windows of 1 sample to more than there are, with a short last block or without. */
static void every_index_comes_once_by_windows(void **state)
{
    (void)state;
    static const uint64_t windows[] = {0, 1, 2, 63, 64, 65, 127, 128, 130, 192, 200, UINT64_MAX};
    for (uint64_t count = 1; count <= 300; count++)
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
            assert_bijection(VDT_WINDOWED, i, count, windows[i]);
    static const uint64_t counts[] = {1023, 1024, 1025, 16385, 65536, 65537, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_bijection(VDT_WINDOWED, 1, counts[i], 1000);
        assert_bijection(VDT_WINDOWED, 2, counts[i], 0);
    }
}

static void a_window_is_16384_unless_said(void **state)
{
    (void)state;
    struct vdt_order order = vdt_order_make(VDT_WINDOWED, 1, 0, 100000, 0, 0, NULL);
    assert_int_equal(order.window, 16384);
    assert_int_equal(order.block, 256);
}

static void no_samples_make_no_positions(void **state)
{
    (void)state;
    for (int kind = VDT_SEQUENTIAL; kind <= VDT_BALANCED; kind++)
        assert_int_equal(vdt_order_make((enum vdt_order_kind)kind, 1, 2, 0, 5, 6, NULL).length, 0);
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

    static const uint64_t windowed[] = {320, 539, 929, 764, 945};
    order = vdt_order_make(VDT_WINDOWED, 1, 0, 1000, 256, 0, NULL);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(vdt_order_index(&order, i * 200), windowed[i]);

    static const double weights[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct vdt_alias alias = {0};
    assert_int_equal(vdt_alias_init(&alias, weights, 8, NULL), VDT_OK);
    order = vdt_order_make(VDT_WEIGHTED, 1, 0, 8, 0, 100, &alias);
    uint64_t drawn = 0;
    for (uint64_t i = 0; i < order.length; i++)
        drawn = vdt_mix2(drawn, vdt_order_index(&order, i));
    assert_int_equal(drawn, UINT64_C(0x33245611fd66085b));
    vdt_alias_clear(&alias);
}

static size_t same_places(const struct vdt_order *a, const struct vdt_order *b)
{
    size_t same = 0;
    for (uint64_t i = 0; i < 1000; i++)
        same += vdt_order_index(a, i) == vdt_order_index(b, i);
    return same;
}

static void assert_all_matter(enum vdt_order_kind kind)
{
    struct vdt_order order = vdt_order_make(kind, 1, 2, 1000, 256, 0, NULL);
    struct vdt_order again = vdt_order_make(kind, 1, 2, 1000, 256, 0, NULL);
    struct vdt_order swapped = vdt_order_make(kind, 2, 1, 1000, 256, 0, NULL);
    struct vdt_order seed = vdt_order_make(kind, 3, 2, 1000, 256, 0, NULL);
    struct vdt_order epoch = vdt_order_make(kind, 1, 3, 1000, 256, 0, NULL);
    struct vdt_order count = vdt_order_make(kind, 1, 2, 1001, 256, 0, NULL);
    assert_int_equal(same_places(&order, &again), 1000);
    /* One place in 1000 agrees by chance, give or take 1: 10 would be far out. */
    assert_true(same_places(&order, &swapped) < 10);
    assert_true(same_places(&order, &seed) < 10);
    assert_true(same_places(&order, &epoch) < 10);
    assert_true(same_places(&order, &count) < 10);
}

static void seed_epoch_and_count_all_matter(void **state)
{
    (void)state;
    assert_all_matter(VDT_SHUFFLED);
    assert_all_matter(VDT_WINDOWED);
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

    order = vdt_order_make(VDT_WINDOWED, 4, 4, (UINT64_C(1) << 62) - 1, UINT64_C(1) << 61, 0, NULL);
    uint64_t last = 0;
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t index = vdt_order_index(&order, order.length - 1 - i * (order.length / 100));
        assert_true(index < order.count && index != last);
        last = index;
    }
}

/* --- windows -------------------------------------------------------------------------------- */

/* The first and last position that read from a block are less than a window apart, and a stretch
 * of positions as long as a window reads no more blocks than two windows have. */
static void assert_reach(uint64_t epoch, uint64_t count, uint64_t window)
{
    enum { BLOCKS = 64 };
    struct vdt_order order = vdt_order_make(VDT_WINDOWED, 17, epoch, count, window, 0, NULL);
    uint64_t block = window / BLOCKS, blocks = (count + block - 1) / block;
    uint64_t *first = calloc(blocks, sizeof *first);
    assert_non_null(first);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t b = vdt_order_index(&order, i) / block;
        if (first[b] == 0)
            first[b] = i + 1;
        assert_true(i + 1 - first[b] < window);
    }
    size_t begun = 0;
    for (uint64_t b = 0; b < blocks; b++)
        begun += first[b] - 1 < window;
    assert_true(begun <= (size_t)2 * BLOCKS);
    free(first);
}

static void blocks_stay_within_reach(void **state)
{
    (void)state;
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        assert_reach(epoch, 10000, 640);
        assert_reach(epoch, 10007, 640);
        assert_reach(epoch, 10007, 700);
        assert_reach(epoch, 641, 640);
    }
}

/* Two samples that one epoch has in one window are in two in another. */
static void windows_move_from_epoch_to_epoch(void **state)
{
    (void)state;
    unsigned char seen[65] = {0};
    size_t places = 0;
    for (uint64_t epoch = 0; epoch < 400; epoch++) {
        struct vdt_order order = vdt_order_make(VDT_WINDOWED, 1, epoch, 10007, 640, 0, NULL);
        assert_true(order.phase <= order.window && order.phase % order.block == 0);
        places += seen[order.phase / order.block] == 0;
        seen[order.phase / order.block] = 1;
    }
    assert_true(places > 30); /* of 33: from half a window on */
}

/* Also when there is little more than a window: no batch comes from a handful of blocks. */
static void no_window_is_small(void **state)
{
    (void)state;
    for (uint64_t count = 641; count < 3000; count += 7) {
        struct vdt_order order = vdt_order_make(VDT_WINDOWED, 2, count, count, 640, 0, NULL);
        uint64_t end = count + order.gap, first = order.phase;
        first = first < order.last ? first : order.last;
        uint64_t short_one = (order.last - first) % 640;
        assert_true(first >= 320 && end - order.last >= 320 && end - order.last <= 640);
        assert_true(short_one == 0 || short_one >= 320);
    }
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

/* Over many epochs, each place of the windowed order gets each part of the store alike. */
static void windows_leave_no_place_out(void **state)
{
    (void)state;
    enum { EPOCHS = 8000, COUNT = 1003 };
    static const uint64_t places[CELLS] = {0, 1, 127, 128, 500, 900, 1001, 1002};
    for (size_t p = 0; p < CELLS; p++) {
        double hits[17] = {0}, sum = 0;
        for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
            struct vdt_order order = vdt_order_make(VDT_WINDOWED, 5, epoch, COUNT, 130, 0, NULL);
            hits[vdt_order_index(&order, places[p]) / 59]++;
        }
        for (size_t i = 0; i < 17; i++) /* 1003 = 17 * 59 */
            sum += (hits[i] - EPOCHS / 17.0) * (hits[i] - EPOCHS / 17.0) / (EPOCHS / 17.0);
        assert_true(fabs(deviation(sum, 16)) < 4);
    }
}

/* A window as large as the store is a plain shuffle. */
static void one_window(uint64_t seed, uint64_t epoch, uint64_t count, uint32_t *order)
{
    struct vdt_order made = vdt_order_make(VDT_WINDOWED, seed, epoch, count, count, 0, NULL);
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)vdt_order_index(&made, i);
}

static void plain_windows_are_random(void **state)
{
    (void)state;
    for (uint64_t count = 2; count <= 6; count++)
        assert_true(fabs(all_orders(one_window, count)) < 4);
    assert_true(fabs(pair_distances(one_window, 256, 400)) < 4);
}

struct entropy {
    double mean, least;
};

/* Of the classes in batches of 64, in bits; the store has 10 classes, each in one long run. */
static struct entropy batch_entropy(const uint32_t *order, uint64_t count)
{
    enum { SIZE = 64, CLASSES = 10 };
    struct entropy found = {.least = 100};
    uint64_t batches = count / SIZE;
    for (uint64_t b = 0; b < batches; b++) {
        double bits = 0;
        size_t in_class[CLASSES] = {0};
        for (uint64_t i = 0; i < SIZE; i++)
            in_class[order[b * SIZE + i] * CLASSES / count]++;
        for (size_t c = 0; c < CLASSES; c++) {
            double share = (double)in_class[c] / SIZE;
            bits -= share > 0 ? share * log2(share) : 0;
        }
        found.mean += bits / (double)batches;
        found.least = fmin(found.least, bits);
    }
    return found;
}

/* A full shuffle mixes classes as Fisher-Yates does (of log2(10) = 3.32 bits, batches of 64 show
 * 3.22). A window mixes 64 blocks, not all samples: batches know a little less of the classes. */
static void batches_mix_classes(void **state)
{
    (void)state;
    enum { COUNT = 64000 };
    static uint32_t order[COUNT];
    fisher_yates(51, 0, COUNT, order);
    struct entropy yardstick = batch_entropy(order, COUNT);
    ours(51, 0, COUNT, order);
    struct entropy shuffled = batch_entropy(order, COUNT);
    struct vdt_order made = vdt_order_make(VDT_WINDOWED, 51, 0, COUNT, 4096, 0, NULL);
    for (uint64_t i = 0; i < COUNT; i++)
        order[i] = (uint32_t)vdt_order_index(&made, i);
    struct entropy windowed = batch_entropy(order, COUNT);
    /* The deviation of one batch is 0.05 bits, of the mean of 1000 0.0016. */
    assert_true(fabs(shuffled.mean - yardstick.mean) < 0.0064);
    assert_true(fabs(shuffled.least - yardstick.least) < 0.15);
    assert_true(windowed.mean > yardstick.mean - 0.15);
    assert_true(windowed.least > yardstick.least - 0.5);
    for (uint32_t i = 0; i < COUNT; i++)
        order[i] = i;
    assert_true(batch_entropy(order, COUNT).mean < 0.1);
}

/* --- draws ------------------------------------------------------------------------------------ */

static void draws_follow_the_weights(void **state)
{
    (void)state;
    enum { KINDS = 5, DRAWS = 200000 };
    static const double weights[KINDS] = {1, 0, 2, 0.5, 4};
    struct vdt_alias alias = {0};
    assert_int_equal(vdt_alias_init(&alias, weights, KINDS, NULL), VDT_OK);
    struct vdt_order order = vdt_order_make(VDT_WEIGHTED, 3, 1, KINDS, 0, DRAWS, &alias);
    assert_int_equal(order.length, DRAWS);
    assert_int_equal(vdt_order_make(VDT_BALANCED, 3, 1, KINDS, 0, 0, &alias).length, KINDS);
    double hits[KINDS] = {0}, sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++)
        hits[vdt_order_index(&order, i)]++;
    assert_true(hits[1] == 0);
    for (size_t i = 0; i < KINDS; i++) {
        double expected = weights[i] / 7.5 * DRAWS;
        if (expected > 0)
            sum += (hits[i] - expected) * (hits[i] - expected) / expected;
    }
    assert_true(fabs(deviation(sum, KINDS - 2)) < 4);
    vdt_alias_clear(&alias);
}

/* A draw says nothing of the next one, nor of the same one in the next epoch. */
static void draws_are_independent(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    double weights[CELLS], in_row[CELLS][CELLS] = {{0}}, in_epochs[CELLS][CELLS] = {{0}};
    for (size_t i = 0; i < CELLS; i++)
        weights[i] = 3;
    struct vdt_alias alias = {0};
    assert_int_equal(vdt_alias_init(&alias, weights, CELLS, NULL), VDT_OK);
    struct vdt_order order = vdt_order_make(VDT_WEIGHTED, 3, 1, CELLS, 0, DRAWS + 1, &alias);
    struct vdt_order next = vdt_order_make(VDT_WEIGHTED, 3, 2, CELLS, 0, DRAWS + 1, &alias);
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t drawn = vdt_order_index(&order, i);
        in_row[drawn][vdt_order_index(&order, i + 1)]++;
        in_epochs[drawn][vdt_order_index(&next, i)]++;
    }
    assert_true(fabs(table_deviation(in_row, DRAWS)) < 4);
    assert_true(fabs(table_deviation(in_epochs, DRAWS)) < 4);
    vdt_alias_clear(&alias);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_comes_once),
        cmocka_unit_test(every_index_comes_once_by_windows),
        cmocka_unit_test(a_window_is_16384_unless_said),
        cmocka_unit_test(no_samples_make_no_positions),
        cmocka_unit_test(sequential_is_the_identity),
        cmocka_unit_test(the_order_never_changes),
        cmocka_unit_test(seed_epoch_and_count_all_matter),
        cmocka_unit_test(huge_counts_work),
        cmocka_unit_test(blocks_stay_within_reach),
        cmocka_unit_test(windows_move_from_epoch_to_epoch),
        cmocka_unit_test(no_window_is_small),
        cmocka_unit_test(the_order_is_random),
        cmocka_unit_test(fisher_yates_is_random),
        cmocka_unit_test(the_bars_can_be_missed),
        cmocka_unit_test(windows_leave_no_place_out),
        cmocka_unit_test(plain_windows_are_random),
        cmocka_unit_test(batches_mix_classes),
        cmocka_unit_test(draws_follow_the_weights),
        cmocka_unit_test(draws_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Alias tables: the chances they give are the weights' shares, whatever the weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "load/order.h"

/* What the table gives each index, column by column, against the exact share. */
static void assert_shares(const double *weights, uint64_t count)
{
    struct vdt_alias alias = {0};
    struct vdt_error error = {0};
    if (vdt_alias_init(&alias, weights, count, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(alias.count, count);
    long double *share = calloc(count, sizeof *share), sum = 0;
    assert_non_null(share);
    for (uint64_t i = 0; i < count; i++) {
        long double keep = fminl(alias.keep[i], 1);
        assert_true(keep >= 0 && alias.other[i] < count);
        share[i] += keep / (long double)count;
        share[alias.other[i]] += (1 - keep) / (long double)count;
        sum += weights[i];
    }
    for (uint64_t i = 0; i < count; i++) {
        /* A share is rounded once for each column that it fills; the rounding of all columns
         * together lands on the last ones. */
        long double wanted = weights[i] / sum, columns = wanted * (long double)count;
        assert_true(fabsl(share[i] - wanted) <= DBL_EPSILON * (columns * wanted + 1));
        if (weights[i] == 0)
            assert_true(share[i] == 0);
    }
    free(share);
    vdt_alias_clear(&alias);
    assert_null(alias.keep);
}

static void chosen_weights_get_their_shares(void **state)
{
    (void)state;
    static const double cases[][6] = {
        {1, 1, 1, 1, 1, 1},         {1, 2, 3, 4, 5, 6},
        {6, 5, 4, 3, 2, 1},         {0, 0, 0, 0, 0, 1},
        {1, 0, 0, 0, 0, 0},         {0, 1e-300, 0, 2e-300, 0, 0},
        {1e9, 1, 1, 1, 1, 1},       {1, 1, 1e9, 1, 1, 1e9},
        {0.1, 0.2, 0.3, 0.4, 0, 0}, {1e308, 1e308, 1e308, 1e308, 1e308, 0},
        {DBL_MAX, 1, 0, 0, 0, 0},   {DBL_TRUE_MIN, DBL_TRUE_MIN, 0, 0, 0, 3 * DBL_TRUE_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t count = 1; count <= 6; count++) {
            bool any = false;
            for (uint64_t j = 0; j < count; j++)
                any = any || cases[i][j] > 0;
            if (any)
                assert_shares(cases[i], count);
        }
}

static void random_weights_get_their_shares(void **state)
{
    (void)state;
    static double weights[5000];
    for (uint64_t round = 0; round < 400; round++) {
        uint64_t count = 1 + vdt_mix2(round, 0) % (round % 8 == 0 ? 5000 : 50);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t random = vdt_mix2(round + 1000, i);
            weights[i] = vdt_unit(random);
            if (round % 4 == 1)
                weights[i] = exp(40 * weights[i]);
            if (round % 4 == 2 && random % 3 != 0)
                weights[i] = 0;
            if (round % 4 == 3)
                weights[i] = (double)(random % 7);
        }
        weights[vdt_mix2(round, 1) % count] = 1;
        assert_shares(weights, count);
    }
}

/* A million small weights beside a large one: a plain sum in single steps would lose them. */
static void many_weights_get_their_shares(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    double *weights = calloc(COUNT, sizeof *weights);
    assert_non_null(weights);
    for (size_t i = 0; i < COUNT; i++)
        weights[i] = i % 10 == 0 ? 0 : 0.1;
    weights[1] = 1e5;
    assert_shares(weights, COUNT);
    free(weights);
}

static void a_draw_looks_at_one_column(void **state)
{
    (void)state;
    double keep[] = {0.25, 1};
    uint64_t other[] = {1, 0};
    struct vdt_alias alias = {.count = 2, .keep = keep, .other = other};
    assert_int_equal(vdt_alias_draw(&alias, 4, 0), 0);
    assert_int_equal(vdt_alias_draw(&alias, 4, (UINT64_C(1) << 62) - 1), 0);
    assert_int_equal(vdt_alias_draw(&alias, 4, UINT64_C(1) << 62), 1);
    assert_int_equal(vdt_alias_draw(&alias, 5, 0), 1);
    assert_int_equal(vdt_alias_draw(&alias, 5, UINT64_MAX), 1);
}

static void expect_refused(const double *weights, uint64_t count, const char *text)
{
    double keep = 7;
    struct vdt_alias alias = {.count = 9, .keep = &keep};
    struct vdt_error error = {0};
    assert_int_equal(vdt_alias_init(&alias, weights, count, &error), VDT_ERR_ARGUMENT);
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", error.message, text);
    assert_true(alias.count == 9 && alias.keep == &keep);
}

static void bad_weights_are_refused_by_number(void **state)
{
    (void)state;
    expect_refused((double[]){1, 2, NAN, -1}, 4, "weight 2 is nan");
    expect_refused((double[]){1, INFINITY, NAN}, 3, "weight 1 is inf");
    expect_refused((double[]){-0.5, 1}, 2, "weight 0 is -0.5");
    expect_refused((double[]){1, 1, 1, -DBL_TRUE_MIN}, 4, "weight 3 is -4.94");
    expect_refused((double[]){0, 0, -0.0}, 3, "all 3 weights are 0");
    expect_refused(NULL, 0, "all 0 weights");
}

static void an_empty_table_is_cleared(void **state)
{
    (void)state;
    struct vdt_alias empty = {0};
    vdt_alias_clear(&empty);
    vdt_alias_clear(&empty);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_weights_get_their_shares),
        cmocka_unit_test(random_weights_get_their_shares),
        cmocka_unit_test(many_weights_get_their_shares),
        cmocka_unit_test(a_draw_looks_at_one_column),
        cmocka_unit_test(bad_weights_are_refused_by_number),
        cmocka_unit_test(an_empty_table_is_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Resampling: what it draws, and the intervals of what was scored with it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <vedatile/scores.h>

enum { SAMPLES = 1000 };

static void test_weights(void **state)
{
    (void)state;
    uint32_t first[SAMPLES], again[SAMPLES], other[SAMPLES];
    assert_int_equal(vdt_bootstrap_weights(1, 0, SAMPLES, NULL, 0, first, NULL), VDT_OK);
    assert_int_equal(vdt_bootstrap_weights(1, 0, SAMPLES, NULL, 0, again, NULL), VDT_OK);
    assert_int_equal(vdt_bootstrap_weights(1, 1, SAMPLES, NULL, 0, other, NULL), VDT_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    uint64_t sum = 0, never = 0;
    for (int i = 0; i < SAMPLES; i++) {
        sum += first[i];
        never += first[i] == 0;
    }
    assert_int_equal(sum, SAMPLES);
    /* (1 - 1/n)^n of them, 1/e: 368 +- 10 (one standard deviation) */
    assert_in_range(never, 320, 416);
}

static void test_clusters(void **state)
{
    (void)state;
    uint32_t weights[SAMPLES], cluster[SAMPLES];
    for (uint32_t i = 0; i < SAMPLES; i++)
        cluster[i] = i / 100;
    assert_int_equal(vdt_bootstrap_weights(7, 3, SAMPLES, cluster, 10, weights, NULL), VDT_OK);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        assert_int_equal(weights[i], weights[i / 100 * 100]);
        sum += weights[i];
    }
    assert_int_equal(sum, SAMPLES);
    struct vdt_error error = {0};
    cluster[5] = 10;
    assert_int_equal(vdt_bootstrap_weights(7, 3, SAMPLES, cluster, 10, weights, &error),
                     VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "bootstrap: sample 5: cluster 10 of 10");
}

static void test_interval(void **state)
{
    (void)state;
    double values[103];
    for (int i = 0; i < 101; i++)
        values[i] = (i * 37) % 101 - 20; /* -20 .. 80 in another order */
    values[101] = values[102] = NAN;
    struct vdt_interval interval;
    assert_int_equal(vdt_bootstrap_interval(values, 103, 0.9, &interval, NULL), VDT_OK);
    assert_int_equal(interval.count, 101);
    assert_float_equal(interval.low, -15, 1e-12);
    assert_float_equal(interval.high, 75, 1e-12);
    assert_float_equal(interval.mean, 30, 1e-12);
    assert_float_equal(interval.deviation, sqrt(101 * 102 / 12.0), 1e-12);
    assert_float_equal(interval.above, 80.5 / 101, 1e-12);
    assert_int_equal(vdt_bootstrap_interval(values + 101, 2, 0, &interval, NULL), VDT_OK);
    assert_true(interval.count == 0 && isnan(interval.low) && isnan(interval.above));
    assert_int_equal(vdt_bootstrap_interval(values, 3, 1, &interval, NULL), VDT_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"

/* The first outputs of splitmix64 for seed 1234567, as its reference code gives them: its state
 * goes up by the golden gamma, which vdt_mix adds itself. */
static void mix_is_splitmix64(void **state)
{
    (void)state;
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u,
                                        16408922859458223821u};
    uint64_t seed = 1234567;
    for (int i = 0; i < 5; i++, seed += 0x9e3779b97f4a7c15u)
        assert_true(vdt_mix(seed) == expected[i]);
}

static void order_of_chained_values_matters(void **state)
{
    (void)state;
    for (uint64_t a = 0; a < 50; a++)
        for (uint64_t b = 0; b < a; b++)
            assert_true(vdt_mix2(a, b) != vdt_mix2(b, a));
}

static void hash_depends_on_seed_size_and_every_byte(void **state)
{
    (void)state;
    unsigned char data[40] = {0};
    for (size_t size = 0; size < sizeof data; size++) {
        uint64_t hash = vdt_hash(1, data, size);
        assert_true(vdt_hash(1, data, size) == hash);
        assert_true(vdt_hash(2, data, size) != hash);
        assert_true(vdt_hash(1, data, size + 1) != hash);
        for (size_t i = 0; i < size; i++) {
            data[i] = 1;
            assert_true(vdt_hash(1, data, size) != hash);
            data[i] = 0;
        }
    }
}

static void hash_does_not_look_at_alignment(void **state)
{
    (void)state;
    static const char text[] = "a key of more than sixteen bytes";
    char room[64];
    uint64_t hash = vdt_hash(7, text, sizeof text);
    for (size_t shift = 0; shift < 9; shift++) {
        memcpy(room + shift, text, sizeof text);
        assert_true(vdt_hash(7, room + shift, sizeof text) == hash);
    }
}

/* Stores and splits rest on these values: a change is a change of the format. */
static void values_never_change(void **state)
{
    (void)state;
    assert_true(vdt_mix(0) == 0xe220a8397b1dcdafu);
    assert_true(vdt_mix2(0, 0) == vdt_mix(0xe220a8397b1dcdafu));
    assert_true(vdt_hash(5, "", 0) == vdt_mix2(5, 0));
    assert_true(vdt_hash(5, "A", 1) == vdt_mix2(vdt_mix2(5, 1), 0x41));
    assert_true(vdt_hash(5, "ABCDEFGHI", 9) ==
                vdt_mix2(vdt_mix2(vdt_mix2(5, 9), 0x4847464544434241u), 0x49));
}

static void unit_is_below_one(void **state)
{
    (void)state;
    assert_true(vdt_unit(0) == 0.0);
    assert_true(vdt_unit(UINT64_MAX) < 1.0);
    assert_true(vdt_unit(UINT64_MAX) > 1.0 - 1e-15);
    assert_true(vdt_unit((uint64_t)1 << 63) == 0.5);
}

static void units_are_even(void **state)
{
    (void)state;
    enum { BINS = 16, DRAWS = 160000 };
    int counts[BINS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++)
        counts[(int)(vdt_unit(vdt_mix2(3, i)) * BINS)]++;
    for (int i = 0; i < BINS; i++) /* 10000 +- 5 standard deviations */
        assert_in_range(counts[i], 9515, 10485);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mix_is_splitmix64),
        cmocka_unit_test(order_of_chained_values_matters),
        cmocka_unit_test(hash_depends_on_seed_size_and_every_byte),
        cmocka_unit_test(hash_does_not_look_at_alignment),
        cmocka_unit_test(values_never_change),
        cmocka_unit_test(unit_is_below_one),
        cmocka_unit_test(units_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

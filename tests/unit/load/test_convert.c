/* Values of one type as another: against arithmetic in double, every half there is, every pair of
 * types, any address and length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "load/convert.h"

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754-2008, 3.4, for formats of 16 bits with so many of exponent. */
static double value_of(uint16_t half, int exponent_bits)
{
    const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (half & 0x7fff) >> fraction_bits;
    const int fraction = half & ((1 << fraction_bits) - 1);
    double value;
    if (exponent == (1 << exponent_bits) - 1)
        value = fraction == 0 ? INFINITY : NAN;
    else if (exponent == 0)
        value = ldexp(fraction, 1 - bias - fraction_bits);
    else
        value = ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
    return half & 0x8000 ? -value : value;
}

/* The nearest, ties to even; infinity stands for the next power of two. */
static uint16_t nearest(double value, int exponent_bits)
{
    const uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << (15 - exponent_bits));
    const double limit = ldexp(1, 1 << (exponent_bits - 1));
    const double magnitude = fabs(value);
    uint16_t low = 0, high = infinity;
    if (magnitude >= limit)
        low = infinity;
    while (high - low > 1) {
        const uint16_t middle = (uint16_t)((low + high) / 2);
        if (value_of(middle, exponent_bits) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    if (low != infinity) {
        const double next = high == infinity ? limit : value_of(high, exponent_bits);
        const double below = magnitude - value_of(low, exponent_bits), above = next - magnitude;
        if (above < below || (above == below && low % 2 == 1))
            low = high;
    }
    return (uint16_t)(low | (signbit(value) ? 0x8000 : 0));
}

static uint16_t convert_one(double value, enum vdt_dtype from, enum vdt_dtype to)
{
    const struct vdt_conversion conversion = {.from = from, .to = to};
    const float as_float = (float)value;
    uint16_t result;
    vdt_convert(&conversion, from == VDT_FLOAT64 ? (const void *)&value : &as_float, 1, &result);
    return result;
}

/* --- single values ---------------------------------------------------------------------------- */

static void every_half_is_its_value_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= UINT16_MAX; i++) {
        const uint16_t half = (uint16_t)i;
        const double value = value_of(half, 5);
        const float converted = vdt_float_from_half(half);
        if (isnan(value)) {
            assert_true(isnan(converted));
            assert_int_equal(vdt_half_from_float(converted), half | 0x200);
        } else {
            assert_true(converted == value && !signbit(converted) == !signbit(value));
            assert_int_equal(vdt_half_from_float(converted), half);
        }
    }
}

static void every_bfloat16_is_its_value_and_comes_back(void **state)
{
    (void)state;
    const struct vdt_conversion conversion = {.from = VDT_BFLOAT16, .to = VDT_FLOAT32};
    for (uint32_t i = 0; i <= UINT16_MAX; i++) {
        const uint16_t half = (uint16_t)i;
        const double value = value_of(half, 8);
        float converted;
        vdt_convert(&conversion, &half, 1, &converted);
        if (isnan(value)) {
            assert_true(isnan(converted));
            assert_int_equal(vdt_bfloat16_from_float(converted), half | 0x40);
        } else {
            assert_true(converted == value && !signbit(converted) == !signbit(value));
            assert_int_equal(vdt_bfloat16_from_float(converted), half);
        }
    }
}

static void check_rounding(double value)
{
    const float as_float = (float)value;
    if (as_float == value) {
        assert_int_equal(vdt_half_from_float(as_float), nearest(value, 5));
        assert_int_equal(vdt_bfloat16_from_float(as_float), nearest(value, 8));
        assert_int_equal(convert_one(value, VDT_FLOAT32, VDT_FLOAT16), nearest(value, 5));
        assert_int_equal(convert_one(value, VDT_FLOAT32, VDT_BFLOAT16), nearest(value, 8));
    }
    assert_int_equal(convert_one(value, VDT_FLOAT64, VDT_FLOAT16), nearest(value, 5));
    assert_int_equal(convert_one(value, VDT_FLOAT64, VDT_BFLOAT16), nearest(value, 8));
}

/* Between each value and the next: the tie, and a little to each side of it. As float64 the little
 * is less than float32 has, which rounding twice would lose. */
static void halves_round_to_nearest_even(void **state)
{
    (void)state;
    static const int exponent_bits[] = {5, 8};
    for (size_t kind = 0; kind < 2; kind++) {
        const int bits = exponent_bits[kind];
        const uint16_t infinity = (uint16_t)(((1 << bits) - 1) << (15 - bits));
        for (uint16_t half = 0; half < infinity; half++) {
            const double value = value_of(half, bits);
            const double next = half + 1 == infinity ? ldexp(1, 1 << (bits - 1))
                                                     : value_of((uint16_t)(half + 1), bits);
            const double tie = value / 2 + next / 2;
            const double near[] = {value,
                                   tie,
                                   (double)nextafterf((float)tie, 0),
                                   (double)nextafterf((float)tie, INFINITY),
                                   nextafter(tie, 0),
                                   nextafter(tie, INFINITY)};
            for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
                check_rounding(near[i]);
                check_rounding(-near[i]);
            }
        }
    }
}

static void extremes_become_infinity_and_zero(void **state)
{
    (void)state;
    assert_int_equal(vdt_half_from_float(65519.996F), 0x7bff);
    assert_int_equal(vdt_half_from_float(65520), 0x7c00);
    assert_int_equal(vdt_half_from_float(-1e9F), 0xfc00);
    assert_int_equal(vdt_half_from_float(0x1p-25F), 0);
    assert_int_equal(vdt_half_from_float(-0x1.000002p-25F), 0x8001);
    assert_int_equal(vdt_bfloat16_from_float(FLT_MAX), 0x7f80);
    assert_int_equal(convert_one(1e300, VDT_FLOAT64, VDT_BFLOAT16), 0x7f80);
    assert_int_equal(convert_one(-1e300, VDT_FLOAT64, VDT_FLOAT16), 0xfc00);
    assert_int_equal(convert_one(1e-300, VDT_FLOAT64, VDT_FLOAT16), 0);
}

/* Rows may go by the CPU's own instruction, single values never do. */
static void rows_are_to_the_bit_as_single_values(void **state)
{
    (void)state;
    enum { COUNT = 4099 };
    static float in[COUNT];
    static uint16_t half[COUNT], bfloat16[COUNT];
    const struct vdt_conversion to_half = {.from = VDT_FLOAT32, .to = VDT_FLOAT16};
    const struct vdt_conversion to_bfloat16 = {.from = VDT_FLOAT32, .to = VDT_BFLOAT16};
    for (uint32_t run = 0; run < 256; run++) {
        for (uint32_t i = 0; i < COUNT; i++) /* all exponents, infinities and NaNs among them */
            in[i] = float_of((uint32_t)vdt_mix2(run, i) | (i % 16 == 0 ? 0x7f800000 : 0));
        in[run % COUNT] = run % 2 ? INFINITY : -INFINITY;
        vdt_convert(&to_half, in, COUNT, half);
        vdt_convert(&to_bfloat16, in, COUNT, bfloat16);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(half[i], vdt_half_from_float(in[i]));
            assert_int_equal(bfloat16[i], vdt_bfloat16_from_float(in[i]));
            assert_true(isnan(in[i]) == ((half[i] & 0x7fff) > 0x7c00));
            assert_true(isnan(in[i]) == ((bfloat16[i] & 0x7fff) > 0x7f80));
        }
    }
}

/* --- all pairs of types ----------------------------------------------------------------------- */

static const enum vdt_dtype all_types[] = {
    VDT_UINT8,   VDT_UINT16,  VDT_INT16,    VDT_UINT32, VDT_INT32,  VDT_FLOAT32,
    VDT_FLOAT64, VDT_FLOAT16, VDT_BFLOAT16, VDT_INT8,   VDT_UINT64, VDT_INT64,
};
enum { TYPES = sizeof all_types / sizeof *all_types };

/* An integer type's limits; every value is a bit pattern of `bits`. */
static unsigned bits_of_type(enum vdt_dtype dtype)
{
    return (unsigned)(8 * vdt_dtype_size(dtype));
}

static bool is_signed(enum vdt_dtype dtype)
{
    return dtype == VDT_INT8 || dtype == VDT_INT16 || dtype == VDT_INT32 || dtype == VDT_INT64;
}

/* Sign and magnitude, in which all integers of 64 bits can be compared. */
struct number {
    bool negative;
    uint64_t magnitude;
};

static struct number number_of(uint64_t pattern, enum vdt_dtype dtype)
{
    const unsigned bits = bits_of_type(dtype);
    const uint64_t sign = UINT64_C(1) << (bits - 1);
    const uint64_t mask = sign | (sign - 1);
    pattern &= mask;
    if (is_signed(dtype) && pattern & sign)
        return (struct number){true, (~pattern + 1) & mask};
    return (struct number){false, pattern};
}

static struct number clamped(struct number number, enum vdt_dtype dtype)
{
    const uint64_t sign = UINT64_C(1) << (bits_of_type(dtype) - 1);
    const uint64_t most = is_signed(dtype) ? sign - 1 : sign | (sign - 1);
    const uint64_t least = is_signed(dtype) ? sign : 0; /* its magnitude */
    if (number.negative && number.magnitude > least)
        number.magnitude = least;
    if (!number.negative && number.magnitude > most)
        number.magnitude = most;
    number.negative = number.negative && number.magnitude > 0;
    return number;
}

/* Around all powers of two, up and down. */
static uint64_t pattern_at(unsigned i)
{
    const uint64_t near = (UINT64_C(1) << (i / 8 % 64)) + i % 4 - 2;
    return i & 4 ? ~near + 1 : near;
}

enum { PATTERNS = 512 };

static void integers_are_clamped(void **state)
{
    (void)state;
    for (size_t f = 0; f < TYPES; f++)
        for (size_t t = 0; t < TYPES; t++) {
            const enum vdt_dtype from = all_types[f], to = all_types[t];
            if (!vdt_is_integer(from) || !vdt_is_integer(to))
                continue;
            for (unsigned i = 0; i < PATTERNS; i++) {
                const uint64_t in = pattern_at(i); /* little-endian, as all tests of the store */
                uint64_t out = 0;
                const struct vdt_conversion conversion = {.from = from, .to = to};
                vdt_convert(&conversion, &in, 1, &out);
                const struct number expected = clamped(number_of(in, from), to);
                const struct number found = number_of(out, to);
                assert_int_equal(found.magnitude, expected.magnitude);
                assert_int_equal(found.negative, expected.negative);
            }
        }
}

static double double_of(uint64_t pattern, enum vdt_dtype dtype)
{
    double value;
    if (vdt_is_integer(dtype)) {
        const struct number number = number_of(pattern, dtype);
        return number.negative ? -(double)number.magnitude : (double)number.magnitude;
    }
    switch (dtype) {
    case VDT_FLOAT16: return value_of((uint16_t)pattern, 5);
    case VDT_BFLOAT16: return value_of((uint16_t)pattern, 8);
    case VDT_FLOAT32: return (double)float_of((uint32_t)pattern);
    default: memcpy(&value, &pattern, sizeof value); return value;
    }
}

static void assert_rounded(double expected, uint64_t pattern, enum vdt_dtype to)
{
    const double found = double_of(pattern, to);
    double rounded = expected;
    if (isnan(expected)) {
        assert_true(isnan(found));
        return;
    }
    if (to == VDT_FLOAT32)
        rounded = (double)(float)expected;
    else if (to != VDT_FLOAT64)
        rounded = value_of(nearest(expected, to == VDT_FLOAT16 ? 5 : 8), to == VDT_FLOAT16 ? 5 : 8);
    assert_true(found == rounded && !signbit(found) == !signbit(rounded));
}

static void anything_becomes_the_nearest_float(void **state)
{
    (void)state;
    for (size_t f = 0; f < TYPES; f++)
        for (size_t t = 0; t < TYPES; t++) {
            const struct vdt_conversion conversion = {.from = all_types[f], .to = all_types[t]};
            if (vdt_is_integer(conversion.to) || conversion.from == conversion.to)
                continue;
            for (unsigned i = 0; i < 4 * PATTERNS; i++) {
                const uint64_t in = i < PATTERNS ? pattern_at(i) : vdt_mix(i);
                uint64_t out = 0;
                vdt_convert(&conversion, &in, 1, &out);
                assert_rounded(double_of(in, conversion.from), out, conversion.to);
            }
        }
}

/* The arithmetic that vedatile/loader.h says. */
static void scaling_is_in_float32_or_float64(void **state)
{
    (void)state;
    for (size_t f = 0; f < TYPES; f++)
        for (size_t t = 0; t < TYPES; t++) {
            const struct vdt_conversion conversion = {all_types[f], all_types[t], true,
                                                      1 / 255.0 / 0.229, 0.485 * 255};
            const enum vdt_dtype from = conversion.from, to = conversion.to;
            if (vdt_is_integer(to))
                continue;
            const bool narrow =
                to != VDT_FLOAT64 && (vdt_dtype_size(from) <= 2 || from == VDT_FLOAT32);
            for (unsigned i = 0; i < PATTERNS; i++) {
                const uint64_t in = vdt_mix(i);
                const double x = double_of(in, from);
                const float distance = (float)x - (float)conversion.offset;
                const double expected = narrow ? (double)(distance * (float)conversion.factor)
                                               : (x - conversion.offset) * conversion.factor;
                uint64_t out = 0;
                vdt_convert(&conversion, &in, 1, &out);
                assert_rounded(expected, out, to);
            }
        }
}

static void nothing_is_lost_before_float64(void **state)
{
    (void)state;
    const uint32_t in[] = {4000000001U, 4000000003U};
    const struct vdt_conversion conversion = {VDT_UINT32, VDT_FLOAT32, true, 1, 4000000000.0};
    float out[2];
    vdt_convert(&conversion, in, 2, out);
    assert_true(out[0] == 1 && out[1] == 3);
}

/* Rows longer than any block, from and to odd addresses: as value by value, and not beyond. */
static void any_length_and_address(void **state)
{
    (void)state;
    enum { MOST = 1100 };
    static unsigned char in[MOST * 8 + 8], out[MOST * 8 + 16], one[8];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)vdt_mix(i);
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 511, 512, 513, 1100};
    for (size_t f = 0; f < TYPES; f++)
        for (size_t t = 0; t < TYPES; t++)
            for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
                const struct vdt_conversion conversion = {.from = all_types[f], .to = all_types[t]};
                const size_t in_size = vdt_dtype_size(conversion.from);
                const size_t out_size = vdt_dtype_size(conversion.to), count = counts[n];
                if (vdt_is_integer(conversion.to) && !vdt_is_integer(conversion.from))
                    continue;
                memset(out, 0x5a, sizeof out);
                vdt_convert(&conversion, in + 1 + n % 8 % 7, count, out + 3);
                for (size_t i = 0; i < count; i++) {
                    vdt_convert(&conversion, in + 1 + n % 8 % 7 + i * in_size, 1, one);
                    assert_memory_equal(out + 3 + i * out_size, one, out_size);
                }
                for (size_t i = 0; i < 3; i++)
                    assert_int_equal(out[i], 0x5a);
                for (size_t i = 3 + count * out_size; i < sizeof out; i++)
                    assert_int_equal(out[i], 0x5a);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_its_value_and_comes_back),
        cmocka_unit_test(every_bfloat16_is_its_value_and_comes_back),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(extremes_become_infinity_and_zero),
        cmocka_unit_test(rows_are_to_the_bit_as_single_values),
        cmocka_unit_test(integers_are_clamped),
        cmocka_unit_test(anything_becomes_the_nearest_float),
        cmocka_unit_test(scaling_is_in_float32_or_float64),
        cmocka_unit_test(nothing_is_lost_before_float64),
        cmocka_unit_test(any_length_and_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

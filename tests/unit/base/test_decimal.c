#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/random.h"

static const char *read_text(const char *text, struct vdt_decimal *number)
{
    static char padded[512];
    memset(padded, 0, sizeof padded);
    snprintf(padded, sizeof padded - VDT_DECIMAL_AHEAD, "%s", text);
    const char *end = vdt_decimal_read(padded, number);
    return end == NULL ? NULL : text + (end - padded);
}

/* As the C library has it, to the bit. */
static void check_value(const char *text)
{
    struct vdt_decimal number;
    const char *end = read_text(text, &number);
    assert_non_null(end);
    assert_int_equal(*end, '\0');
    double wanted = strtod(text, NULL);
    if (memcmp(&wanted, &number.real, sizeof wanted) != 0)
        fail_msg("%s is %a, not %a", text, wanted, number.real);
}

static void known_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "0.0",
                                        "1e22",
                                        "1e23",
                                        "1.7976931348623157e308",
                                        "1e309",
                                        "4.9e-324",
                                        "2.2250738585072011e-308",
                                        "9007199254740993",
                                        "9007199254740993.0",
                                        "9007199254740992.5",
                                        "0.1e-400",
                                        "123456789012345678901234567890",
                                        "0.000000000000000000000000000000000001234567890123456789",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "7.2057594037927933e16",
                                        "258.15",
                                        "0.23600000143051147"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_value(texts[i]);
}

static void random_numbers(void **state)
{
    (void)state;
    char text[128];
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t bits = vdt_mix(i), shape = vdt_mix(i + 1000000);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 4 == 0 && isfinite(value))
            snprintf(text, sizeof text, "%.17g", value);
        else if (i % 4 == 1)
            snprintf(text, sizeof text, "%.17g", (double)(bits >> 11) * 0x1p-53 * 1000);
        else if (i % 4 == 2)
            snprintf(text, sizeof text, "%llue%d", (unsigned long long)(bits >> shape % 64),
                     (int)(shape / 64 % 110) - 70);
        else
            snprintf(text, sizeof text, "%u.%llu", (unsigned)(bits >> 50),
                     (unsigned long long)(shape >> bits % 60));
        check_value(text);
    }
}

/* Just between two doubles: ties go to the even one. */
static void ties(void **state)
{
    (void)state;
    char text[128];
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t mantissa = (vdt_mix(i) >> 11 | (uint64_t)1 << 52) * 2 + 1;
        snprintf(text, sizeof text, "%llu", (unsigned long long)mantissa);
        check_value(text);
        snprintf(text, sizeof text, "%llu.0", (unsigned long long)mantissa);
        check_value(text);
        snprintf(text, sizeof text, "%llue1", (unsigned long long)mantissa);
        check_value(text);
    }
}

static void whole_numbers(void **state)
{
    (void)state;
    struct vdt_decimal number;
    assert_non_null(read_text("-9223372036854775807", &number));
    assert_true(number.whole);
    assert_int_equal(number.integer, -INT64_MAX);
    assert_non_null(read_text("9223372036854775808", &number));
    assert_false(number.whole);
    assert_non_null(read_text("12.0", &number));
    assert_false(number.whole);
    assert_non_null(read_text("0.0000000000000000000000000015e27", &number));
    assert_true(number.real == 1.5);
}

static void no_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "-",    "+1", ".5",  "01", "-01",
                                        "1.", "1.e5", "1e", "1e+", "x",  "--1"};
    struct vdt_decimal number;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (read_text(texts[i], &number) != NULL)
            fail_msg("'%s' is no number", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers), cmocka_unit_test(random_numbers), cmocka_unit_test(ties),
        cmocka_unit_test(whole_numbers), cmocka_unit_test(no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

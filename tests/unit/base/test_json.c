#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

/* Parses and writes again. */
static void check_text(const char *text, const char *canonical)
{
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    assert_int_equal(vdt_json_parse(text, "x", &value, NULL), VDT_OK);
    vdt_cleanup(vdt_free_pointer) char *written = vdt_json_text(value);
    assert_string_equal(written, canonical);
}

static void text_is_canonical(void **state)
{
    (void)state;
    check_text("{ \"b\" : 1,\n \"a\" : [ true, null ] }", "{\"a\":[true,null],\"b\":1}");
    check_text("\"\\u00c1gua\"", "\"\xc3\x81gua\"");
    check_text("7", "7");
}

static void numbers_survive(void **state)
{
    (void)state;
    vdt_cleanup(vdt_json_release) json_t *value = json_real(0.1);
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(value);
    vdt_cleanup(vdt_json_release) json_t *again = NULL;
    assert_int_equal(vdt_json_parse(text, "x", &again, NULL), VDT_OK);
    assert_true(json_real_value(again) == 0.1);
    check_text("9007199254740993", "9007199254740993");
}

/* The fewest digits that are the same number; what stands in strings is text. */
static void numbers_are_short(void **state)
{
    (void)state;
    check_text("[0.69999999999999996, 0.1, -0.0625, 2.0]", "[0.7,0.1,-0.0625,2.0]");
    check_text("[0.30000000000000004, 1e300, 1.5e-7]", "[0.30000000000000004,1e300,1.5e-7]");
    check_text("[123456789.125, 0.0, 100000.0]", "[123456789.125,0.0,100000.0]");
    check_text("{\"0.69999999999999996\":\"a\\\"0.69999999999999996\"}",
               "{\"0.69999999999999996\":\"a\\\"0.69999999999999996\"}");
    check_text("[\"\\\\\",0.69999999999999996]", "[\"\\\\\",0.7]");
    for (int i = 1; i < 2000; i++) {
        double number = i % 2 ? 1.0 / i : i * 1e-3;
        vdt_cleanup(vdt_json_release) json_t *value = json_real(number);
        vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(value);
        vdt_cleanup(vdt_json_release) json_t *again = NULL;
        assert_int_equal(vdt_json_parse(text, "x", &again, NULL), VDT_OK);
        assert_true(json_real_value(again) == number);
    }
}

static void failure_names_source_and_place(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "[1,]", "{} x", "\"\xff\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vdt_error error = {0};
        json_t *value = NULL;
        assert_int_equal(vdt_json_parse(bad[i], "some.json", &value, &error), VDT_ERR_FORMAT);
        assert_null(value);
        assert_int_equal(strncmp(error.message, "some.json: line 1 ", 18), 0);
    }
}

static void release_takes_nothing(void **state)
{
    (void)state;
    json_t *value = NULL;
    vdt_json_release(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_canonical),     cmocka_unit_test(numbers_survive),
        cmocka_unit_test(numbers_are_short),     cmocka_unit_test(failure_names_source_and_place),
        cmocka_unit_test(release_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

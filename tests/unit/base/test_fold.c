#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/fold.h"

static void folds(const char *text, const char *expected)
{
    char *folded = vdt_fold(text);
    assert_non_null(folded);
    assert_string_equal(folded, expected);
    char *again = vdt_fold(folded);
    assert_string_equal(again, folded);
    free(again);
    free(folded);
}

static void letters_of_any_script_fold(void **state)
{
    (void)state;
    folds("", "");
    folds("Roof", "roof");
    folds("STRASSE Straße", "strasse straße");
    folds("ÀÉÎÕÜ", "àéîõü");
    folds("ΑΒΓ ς", "αβγ σ");
    folds("ЖИЛОЙ Дом", "жилой дом");
    folds("ȺȾ", "ⱥⱦ"); /* two bytes become three */
    folds("日本 123_%", "日本 123_%");
    folds("𐐀", "𐐨");
    folds("K", "k"); /* the Kelvin sign */
}

static void what_is_no_text_stays(void **state)
{
    (void)state;
    folds("A\xff\xc3", "a\xff\xc3");
    folds("\xc0\x80Z", "\xc0\x80z");
}

static void characters_are_counted(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa9\xe6\x97\xa5\xf0\x90\x90\x80\xff";
    static const uint32_t expected[] = {'a', 0xe9, 0x65e5, 0x10400, 0xff};
    size_t at = 0;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(vdt_utf8_next(text, strlen(text), &at), expected[i]);
    assert_int_equal(at, strlen(text));
}

static void text_is_valid_or_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe6\x97", "a\x80"};
    assert_true(vdt_utf8_valid("", 0));
    assert_true(vdt_utf8_valid("é日𐐀", strlen("é日𐐀")));
    assert_false(vdt_utf8_valid("a\0b", 3));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(vdt_utf8_valid(bad[i], strlen(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_any_script_fold),
        cmocka_unit_test(what_is_no_text_stays),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(text_is_valid_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/page/accept.h"

static void test_browsers(void **state)
{
    (void)state;
    assert_true(vdt_accept_prefers_html(
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"));
    assert_true(vdt_accept_prefers_html("text/html"));
    assert_true(vdt_accept_prefers_html("TEXT/HTML ; q=0.3 , application/json;q=0.2"));
    assert_true(vdt_accept_prefers_html("text/html, */*"));
    assert_true(vdt_accept_prefers_html("text/*, application/json;q=0.5"));
    assert_true(vdt_accept_prefers_html("application/json;q=0, text/html;q=0.001"));
}

static void test_programs(void **state)
{
    (void)state;
    assert_false(vdt_accept_prefers_html(NULL));
    assert_false(vdt_accept_prefers_html(""));
    assert_false(vdt_accept_prefers_html("*/*"));
    assert_false(vdt_accept_prefers_html("application/json"));
    assert_false(vdt_accept_prefers_html("application/json, text/html"));
    assert_false(vdt_accept_prefers_html("application/json, text/html;q=0.9"));
    assert_false(vdt_accept_prefers_html("text/html;q=0, */*;q=0.1"));
    assert_false(vdt_accept_prefers_html("text/html;q=0"));
    assert_false(vdt_accept_prefers_html("text/htmlx, text/htm, text"));
    assert_false(vdt_accept_prefers_html("application/geo+json, */*;q=0.5"));
}

static void test_nonsense(void **state)
{
    (void)state;
    assert_false(vdt_accept_prefers_html(",;,;=,,q=,;q="));
    assert_false(vdt_accept_prefers_html("/"));
    assert_false(vdt_accept_prefers_html("; ; ;"));
    assert_true(vdt_accept_prefers_html("text/html;q=banana"));
    assert_true(vdt_accept_prefers_html(",,text/html;;;q=0.5;;"));
    assert_true(vdt_accept_prefers_html("text/html;q=1.9999999999, application/json;q=0.99999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_browsers),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

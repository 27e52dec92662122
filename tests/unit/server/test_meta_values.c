/* Values on their way in and out: times, members of JSON, ETags, tokens of pages. */
#include "unit/server/catalog_db.h"

#include "base/json.h"
#include "server/api/answer.h"
#include "server/meta/fields.h"
#include "server/meta/times.h"
#include "server/query/token.h"

static void same_time(const char *text, int64_t wanted)
{
    int64_t time = -77;
    if (!vdt_time_parse(text, &time) || time != wanted)
        fail_msg("%s is %lld, not %lld", text, (long long)time, (long long)wanted);
}

static void test_times(void **state)
{
    (void)state;
    same_time("1970-01-01T00:00:00Z", 0);
    same_time("1970-01-01t00:00:00.5z", 500000);
    same_time("2026-11-21T21:50:00Z", INT64_C(1795297800) * VDT_SECOND);
    same_time("2026-11-21T22:50:00+01:00", INT64_C(1795297800) * VDT_SECOND);
    same_time("2026-11-21T16:20:00-05:30", INT64_C(1795297800) * VDT_SECOND);
    same_time("1969-12-31T23:59:59.999999Z", -1);
    same_time("2000-02-29T00:00:00Z", INT64_C(951782400) * VDT_SECOND);
    same_time("1969-12-31T23:59:59.9999999Z", -1); /* what is finer is cut off */
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T21:50:00",
        "2026-11-21 21:50:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T21:60:00Z",
        "2026-11-21T21:50:61Z",
        "2026-11-21T21:50:00+0100",
        "2026-11-21T21:50:00+25:00",
        "2026-11-21T21:50:00.Z",
        "2026-11-21T21:50:00Zx",
        "26-11-21T21:50:00Z",
        "+2026-11-21T21:50:00Z",
    };
    int64_t time = 5;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (vdt_time_parse(bad[i], &time))
            fail_msg("%s is taken for a time", bad[i]);
}

static void test_times_come_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t span = INT64_C(250000000000) * VDT_SECOND; /* to about the year 9000 */
        int64_t time = (int64_t)(seed >> 2) % span - span / 5;
        if (time < INT64_C(-62135596800) * VDT_SECOND)
            continue;
        char text[VDT_TIME_ROOM];
        vdt_time_text(time, text);
        same_time(text, time);
    }
}

static vdt_status line(const char *json, const char **text, struct vdt_error *error)
{
    static json_t *object;
    json_decref(object);
    object = json_loads(json, 0, NULL);
    assert_non_null(object);
    return vdt_field_text(object, "name", VDT_FIELD_LINE, 5, text, error);
}

static void test_lines(void **state)
{
    (void)state;
    const char *text = "x";
    OK(line("{}", &text, error));
    assert_null(text);
    OK(line("{\"name\": null}", &text, error));
    assert_null(text);
    OK(line("{\"name\": \"\\u65e5\\u672c\\u8a9e\\ud83d\\ude00!\"}", &text, error));
    assert_string_equal(text, "日本語😀!");
    static const char *const bad[] = {
        "\"\"",        "\" \"",        "\" a\"",        "\"a \"",       "\"abcdef\"",
        "5",           "[]",           "true",          "\"a\\nb\"",    "\"\\u007f\"",
        "\"\\u0085\"", "\"\\ufeffa\"", "\"a\\u202eb\"", "\"\\u00a0a\"", "\"a\\u2028\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"name\": %s}", bad[i]);
        FAILS(VDT_ERR_ARGUMENT, "name", line(json, &text, error));
    }
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(vdt_etag_listed("\"r1\"", "\"r1\""));
    assert_true(vdt_etag_listed("\"r2\", \"r1\"", "\"r1\""));
    assert_true(vdt_etag_listed("  *  ", "\"r1\""));
    assert_true(vdt_etag_listed(",,\"r1\",", "\"r1\""));
    assert_false(vdt_etag_listed("", "\"r1\""));
    assert_false(vdt_etag_listed("W/\"r1\"", "\"r1\""));
    assert_false(vdt_etag_listed("r1", "\"r1\""));
    assert_false(vdt_etag_listed("\"r11\"", "\"r1\""));
    assert_false(vdt_etag_listed("**", "\"r1\""));
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t number = 0;
    OK(vdt_api_number("n", "007", 1, 10, &number, error));
    assert_int_equal(number, 7);
    static const char *const bad[] = {
        "", "0", "11", "-1", "+1", " 1", "1 ", "1.0", "1e1", "x", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        FAILS(VDT_ERR_ARGUMENT, "n: must be", vdt_api_number("n", bad[i], 1, 10, &number, error));
    assert_int_equal(number, 7);
}

static void test_page_tokens(void **state)
{
    (void)state;
    unsigned char secret[32], other[32];
    memset(secret, 7, sizeof secret);
    memset(other, 8, sizeof other);
    for (int size = 0; size < 40; size++) {
        char text[64] = "";
        memset(text, 'x', (size_t)size);
        json_t *after = json_pack("[s, i, f]", text, size, 0.1);
        char *token = vdt_page_token(secret, "list", after);
        json_t *back = NULL;
        assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
                         strlen(token));
        OK(vdt_page_token_read(secret, "list", token, &back, error));
        assert_true(json_equal(back, after));
        json_decref(back);
        back = NULL;
        FAILS(VDT_ERR_ARGUMENT, "token", vdt_page_token_read(other, "list", token, &back, error));
        FAILS(VDT_ERR_ARGUMENT, "token", vdt_page_token_read(secret, "lis", token, &back, error));
        for (size_t i = 0; i + 1 < strlen(token); i++) { /* the last character has spare bits */
            char kept = token[i];
            token[i] = kept == 'A' ? 'B' : 'A';
            FAILS(VDT_ERR_ARGUMENT, "token",
                  vdt_page_token_read(secret, "list", token, &back, error));
            token[i] = kept;
        }
        token[strlen(token) - 1] = '=';
        FAILS(VDT_ERR_ARGUMENT, "token", vdt_page_token_read(secret, "list", token, &back, error));
        assert_null(back);
        free(token);
        json_decref(after);
    }
    json_t *back = NULL;
    FAILS(VDT_ERR_ARGUMENT, "token", vdt_page_token_read(secret, "list", "", &back, error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),   cmocka_unit_test(test_times_come_back),
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_etags),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_page_tokens),
    };
    return cmocka_run_group_tests_name("server/meta_values", tests, NULL, NULL);
}

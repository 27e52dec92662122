#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"
#include "server/meta/times.h"
#include "server/query/time.h"

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T16:00:00-08:00", 0},
        {"2000-02-29T12:00:00.5Z", INT64_C(951825600500000)},
        {"2020-07-23T00:00:00.012345678Z", INT64_C(1595462400012345)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t time = 1;
        assert_true(vdt_time_parse(good[i].text, &time));
        assert_true(time == good[i].time);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "1985-04-12",
        "1937-01-01T12:00:27.87+0100",
        "37-01-01T12:00:27.87Z",
        "1985-12-12T23:20:50.52",
        "21985-12-12T23:20:50.52Z",
        "1985-13-12T23:20:50.52Z",
        "1985-00-12T23:20:50.52Z",
        "1985-12-32T23:20:50.52Z",
        "1985-12-00T23:20:50.52Z",
        "2021-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1985-12-01T24:20:50.52Z",
        "1985-12-01T00:60:50.52Z",
        "1985-12-01T00:06:61.52Z",
        "1985-04-12T23:20:50.Z",
        "1985-04-12T23:20:50,Z",
        "1985-04-12T23:20:50,52Z",
        "1985-04-12 23:20:50Z",
        "1985-04-12T23:20:50Z ",
        " 1985-04-12T23:20:50Z",
        "1985-04-12T23:20:50+24:00",
        "1985-04-12T23:20:50+1:00",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t time = 7;
        assert_false(vdt_time_parse(bad[i], &time));
        assert_true(time == 7);
    }
}

static void written_times_are_read_again(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t time = INT64_C(-62167219200000000) +
                       (int64_t)(vdt_mix(i) % UINT64_C(315569520000000000)),
                back;
        if (i % 2 == 0)
            time -= time % 1000000;
        char text[VDT_TIME_ROOM];
        vdt_time_text(time, text);
        assert_true(vdt_time_parse(text, &back));
        assert_true(back == time);
    }
    char text[VDT_TIME_ROOM];
    vdt_time_text(INT64_C(951825600500000), text);
    assert_string_equal(text, "2000-02-29T12:00:00.5Z");
    vdt_time_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

static void intervals_have_two_ends(void **state)
{
    (void)state;
    struct vdt_interval interval;
    static const char *const open_start[] = {"../1970-01-01T00:00:01Z", "/1970-01-01T00:00:01Z"};
    static const char *const open_end[] = {"1970-01-01T00:00:01Z/..", "1970-01-01T00:00:01Z/"};
    static const char *const bad[] = {"",
                                      "/",
                                      "../..",
                                      "/..",
                                      "../",
                                      "..",
                                      "1970-01-01",
                                      "/1984-04-12T23:20:50.52Z/1985-04-12T23:20:50.52Z",
                                      "1984-04-12T23:20:50.52Z/1985-04-12T23:20:50.52Z/",
                                      "1986-04-12T23:20:50.52Z/1985-04-12T23:20:50.52Z",
                                      "1986-04-12T23:20:50.52Z/1985",
                                      ".../1985-04-12T23:20:50.52Z"};
    assert_int_equal(vdt_interval_parse("1970-01-01T00:00:01Z", &interval, NULL), VDT_OK);
    assert_true(interval.start == 1000000 && interval.end == 1000000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vdt_interval_parse(open_start[i], &interval, NULL), VDT_OK);
        assert_true(interval.start == INT64_MIN && interval.end == 1000000);
        assert_int_equal(vdt_interval_parse(open_end[i], &interval, NULL), VDT_OK);
        assert_true(interval.start == 1000000 && interval.end == INT64_MAX);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vdt_interval_parse(bad[i], &interval, NULL), VDT_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(written_times_are_read_again),
        cmocka_unit_test(intervals_have_two_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

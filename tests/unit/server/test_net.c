/* The parts of the net that need no socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/net/json_depth.h"
#include "server/net/range.h"
#include "server/net/rates.h"
#include "server/net/route.h"
#include "server/net/state.h"
#include "server/net/workers.h"

static void check_range(const char *header, uint64_t size, enum vdt_range_kind kind, uint64_t first,
                        uint64_t count)
{
    struct vdt_range range = {.first = 77, .size = 77};
    assert_int_equal(vdt_range_parse(header, size, &range), kind);
    if (kind == VDT_RANGE_PART) {
        assert_int_equal(range.first, first);
        assert_int_equal(range.size, count);
    } else {
        assert_int_equal(range.first, 77);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    check_range("bytes=0-0", 10, VDT_RANGE_PART, 0, 1);
    check_range("bytes=3-", 10, VDT_RANGE_PART, 3, 7);
    check_range("bytes=3-99", 10, VDT_RANGE_PART, 3, 7);
    check_range("bytes=9-9", 10, VDT_RANGE_PART, 9, 1);
    check_range("bytes=-4", 10, VDT_RANGE_PART, 6, 4);
    check_range("bytes=-40", 10, VDT_RANGE_PART, 0, 10);
    check_range("Bytes = 1-2 ", 10, VDT_RANGE_PART, 1, 2);
    check_range("bytes=0-18446744073709551615", 10, VDT_RANGE_PART, 0, 10);
    check_range("bytes=0-99999999999999999999999", 10, VDT_RANGE_PART, 0, 10);
    check_range("bytes=10-", 10, VDT_RANGE_OUTSIDE, 0, 0);
    check_range("bytes=99999999999999999999999-", 10, VDT_RANGE_OUTSIDE, 0, 0);
    check_range("bytes=-0", 10, VDT_RANGE_OUTSIDE, 0, 0);
    check_range("bytes=0-0", 0, VDT_RANGE_OUTSIDE, 0, 0);
    check_range("bytes=-1", 0, VDT_RANGE_OUTSIDE, 0, 0);
    check_range("bytes=3-2", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes=0-1,3-4", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes=", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes=-", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes=--1", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes=a-b", 10, VDT_RANGE_ALL, 0, 0);
    check_range("bytes", 10, VDT_RANGE_ALL, 0, 0);
    check_range("rows=0-1", 10, VDT_RANGE_ALL, 0, 0);
    check_range("", 10, VDT_RANGE_ALL, 0, 0);
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(vdt_etag_in_list("\"a\"", "\"a\""));
    assert_true(vdt_etag_in_list("\"b\", \"a\"", "\"a\""));
    assert_true(vdt_etag_in_list("W/\"a\"", "\"a\""));
    assert_true(vdt_etag_in_list("\"a\"", "W/\"a\""));
    assert_true(vdt_etag_in_list("*", "\"a\""));
    assert_true(vdt_etag_in_list("\"x,y\" ,\"a\"", "\"a\""));
    assert_false(vdt_etag_in_list("\"ab\"", "\"a\""));
    assert_false(vdt_etag_in_list("a", "\"a\""));
    assert_false(vdt_etag_in_list("\"a", "\"a\""));
    assert_false(vdt_etag_in_list("", "\"a\""));
}

static void check_decoded(const char *text, const char *wanted)
{
    char *got = vdt_percent_decode(text, strlen(text), true);
    if (wanted)
        assert_string_equal(got, wanted);
    else
        assert_null(got);
    free(got);
}

static void test_percent_decoding(void **state)
{
    (void)state;
    check_decoded("", "");
    check_decoded("a+b%20c%2Fd", "a b c/d");
    check_decoded("%C3%A9", "\xc3\xa9");
    check_decoded("%F0%9F%9B%B0", "\xf0\x9f\x9b\xb0");
    check_decoded("%0A", "\n");
    check_decoded("%", NULL);
    check_decoded("%4", NULL);
    check_decoded("a%4", NULL);
    check_decoded("%zz", NULL);
    check_decoded("%00", NULL);
    check_decoded("%01", NULL);
    check_decoded("%7f", NULL);
    check_decoded("%80", NULL);
    check_decoded("%C3", NULL);
    check_decoded("%C0%AF", NULL);
    check_decoded("%E0%80%AF", NULL);
    check_decoded("%ED%A0%80", NULL);
    check_decoded("%F0%80%80%AF", NULL);
    check_decoded("%F4%90%80%80", NULL);
    check_decoded("%F5%80%80%80", NULL);
    char *plus = vdt_percent_decode("a+b", 3, false);
    assert_string_equal(plus, "a+b");
    free(plus);
}

static bool fits(const char *text, size_t most)
{
    return vdt_json_depth_fits(text, strlen(text), most);
}

static void test_json_depth(void **state)
{
    (void)state;
    assert_true(fits("[[1]]", 2));
    assert_false(fits("[[1]]", 1));
    assert_true(fits("[[],[],[]]", 2));
    assert_true(fits("{\"a\": \"[[[[[[\"}", 1));
    assert_true(fits("[\"\\\"[[[[\"]", 1));
    assert_false(fits("[\"\\\\\", [[", 2));
    assert_true(fits("\"\\", 1));
    assert_true(fits("]]]]]]", 1));
    assert_false(fits("]]]]]][[", 1));
}

static void nothing(struct vdt_request *request)
{
    (void)request;
}

static const struct vdt_route first_table[] = {
    {.method = "GET", .pattern = "/", .handle = nothing},
    {.method = "GET", .pattern = "/a/{x}", .handle = nothing},
    {.method = "PUT", .pattern = "/a/{x}", .handle = nothing},
    {.method = "GET", .pattern = "/a/{x}/{y}/end", .handle = nothing},
    {0},
};
static const struct vdt_route second_table[] = {
    {.method = "POST", .pattern = "/a/fixed", .handle = nothing},
    {.method = "GET", .pattern = "/a/{x}/b/end", .handle = nothing},
    {0},
};
static const struct vdt_route *const tables[] = {first_table, second_table, NULL};

static void check_route(const char *method, const char *path, const char *pattern,
                        const char *allow)
{
    struct vdt_route_match match;
    vdt_route_find(tables, method, path, strlen(path), &match);
    if (pattern)
        assert_string_equal(match.route->pattern, pattern);
    else
        assert_null(match.route);
    assert_string_equal(match.allow, allow);
}

static void test_routes(void **state)
{
    (void)state;
    check_route("GET", "/", "/", "GET, HEAD, OPTIONS");
    check_route("HEAD", "/a/1", "/a/{x}", "GET, HEAD, PUT, OPTIONS");
    check_route("DELETE", "/a/1", NULL, "GET, HEAD, PUT, OPTIONS");
    check_route("POST", "/a/fixed", "/a/fixed", "POST, OPTIONS");
    check_route("GET", "/a/fixed", NULL, "POST, OPTIONS"); /* the literal path hides the name */
    check_route("GET", "/a/1/b/end", "/a/{x}/b/end", "GET, HEAD, OPTIONS");
    check_route("GET", "/a/1/c/end", "/a/{x}/{y}/end", "GET, HEAD, OPTIONS");
    check_route("GET", "/a/", NULL, "");
    check_route("GET", "/a", NULL, "");
    check_route("GET", "/a/1/", NULL, "");
    check_route("GET", "//a/1", NULL, "");
    check_route("GET", "", NULL, "");
    struct vdt_route_match match;
    vdt_route_find(tables, "GET", "/a/p%2Fq/r/end", 14, &match);
    assert_int_equal(match.count, 2);
    assert_memory_equal(match.values[0].value, "p%2Fq", match.values[0].value_size);
    assert_int_equal(match.values[0].value_size, 5);
    assert_int_equal(match.values[1].value_size, 1);
    assert_int_equal(match.number, 3);
}

static void test_rates(void **state)
{
    (void)state;
    const int64_t second = 1000000000;
    struct vdt_rates *rates = NULL;
    assert_int_equal(vdt_rates_open(2, 3, &rates, NULL), VDT_OK);
    const uint64_t one = vdt_rates_key("address", "1"), two = vdt_rates_key("token", "1");
    assert_int_not_equal(one, two);
    int64_t now = 5 * second;
    for (int i = 0; i < 3; i++)
        assert_true(vdt_rates_take(rates, one, now) == 0);
    assert_true(vdt_rates_take(rates, one, now) > 0.4);
    assert_true(vdt_rates_take(rates, two, now) == 0);
    now += second; /* brings two */
    assert_true(vdt_rates_take(rates, one, now) == 0);
    assert_true(vdt_rates_take(rates, one, now) == 0);
    assert_true(vdt_rates_take(rates, one, now) > 0);
    now += 1000 * second; /* brings no more than fits */
    for (int i = 0; i < 3; i++)
        assert_true(vdt_rates_take(rates, one, now) == 0);
    assert_true(vdt_rates_take(rates, one, now) > 0);
    for (int i = 0; i < 100000; i++) { /* a flood of keys takes no memory, and harms nobody new */
        char name[24];
        snprintf(name, sizeof name, "%d", i);
        assert_true(vdt_rates_take(rates, vdt_rates_key("flood", name), now) == 0);
    }
    vdt_rates_close(rates);
}

struct counted {
    struct vdt_job job;
    atomic_int *count;
    pthread_mutex_t *gate;
};

static void count_job(struct vdt_job *job)
{
    struct counted *counted = (struct counted *)(void *)job;
    pthread_mutex_lock(counted->gate);
    pthread_mutex_unlock(counted->gate);
    atomic_fetch_add(counted->count, 1);
}

static void test_workers(void **state)
{
    (void)state;
    struct vdt_workers *workers = NULL;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    atomic_int count = 0;
    struct counted jobs[8];
    unsigned waiting = 0, running = 0, taken = 0;
    pthread_mutex_lock(&gate);
    assert_int_equal(vdt_workers_start(2, 3, &workers, NULL), VDT_OK);
    for (int i = 0; i < 8; i++)
        jobs[i] = (struct counted){.job.run = count_job, .count = &count, .gate = &gate};
    for (int i = 0; i < 2; i++) {
        assert_true(vdt_workers_push(workers, &jobs[taken++].job));
        do
            vdt_workers_load(workers, &waiting, &running);
        while (running < taken);
    }
    for (int i = 0; i < 3; i++)
        assert_true(vdt_workers_push(workers, &jobs[taken++].job));
    assert_false(vdt_workers_push(workers, &jobs[taken].job)); /* two run, three wait */
    pthread_mutex_unlock(&gate);
    vdt_workers_stop(workers);
    assert_int_equal(count, 5);
    vdt_workers_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),           cmocka_unit_test(test_etags),
        cmocka_unit_test(test_percent_decoding), cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_routes),           cmocka_unit_test(test_rates),
        cmocka_unit_test(test_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

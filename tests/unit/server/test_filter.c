#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "filters.h"
#include "server/query/lexer.h"

/* The filter in our own words, from text. */
static void reads(const char *text, const char *expected)
{
    struct vdt_filter *filter = NULL, *again = NULL;
    struct vdt_error error = {0};
    if (vdt_filter_parse_text(text, &filter, &error) != VDT_OK)
        fail_msg("%s: %s", text, error.message);
    char *printed = vdt_filter_text(filter);
    assert_string_equal(printed, expected);
    assert_int_equal(vdt_filter_parse_text(printed, &again, &error), VDT_OK);
    assert_true(vdt_node_equal(filter->root, again->root));
    free(printed);
    vdt_filter_free(filter);
    vdt_filter_free(again);
}

static void text_is_read(void **state)
{
    (void)state;
    reads("id='x'", "id = 'x'");
    reads("a = 1 AND b <> 2.50 and c<3", "(a = 1.0 AND b <> 2.5 AND c < 3.0)");
    reads("a=1 OR b=2 AND NOT c=3", "(a = 1.0 OR (b = 2.0 AND NOT (c = 3.0)))");
    reads("(a=1 OR b=2) AND c>=-.5e1", "((a = 1.0 OR b = 2.0) AND c >= -5.0)");
    reads("NOT (a=+1)", "NOT (a = 1.0)");
    reads("1 < a", "1.0 < a");
    reads("vt:group IN ('train','test')", "vt:group IN ('train', 'test')");
    reads("g NOT IN ('a')", "NOT (g IN ('a'))");
    reads("p BETWEEN 1 AND 2 AND q=1", "(p BETWEEN 1.0 AND 2.0 AND q = 1.0)");
    reads("p not between 1 and 2", "NOT (p BETWEEN 1.0 AND 2.0)");
    reads("p LIKE 'a\\%%'", "p LIKE 'a\\%%'");
    reads("CASEI(p) LIKE casei('Ä%')", "CASEI(p) LIKE CASEI('Ä%')");
    reads("p IS NULL or p is not null", "(p IS NULL OR NOT (p IS NULL))");
    reads("TRUE", "TRUE");
    reads("NOT false", "NOT (FALSE)");
    reads("public = TRUE", "public = TRUE");
    reads("TRUE = public", "TRUE = public");
    reads("\"a b\" = 'it''s' AND \"and\" = 'it\\'s'", "(\"a b\" = 'it''s' AND \"and\" = 'it''s')");
    reads("datetime >= TIMESTAMP('2021-04-08T04:39:23.10+01:00')",
          "datetime >= TIMESTAMP('2021-04-08T03:39:23.1Z')");
    reads("datetime < DATE('2021-04-08')", "datetime < DATE('2021-04-08')");
    reads("T_INTERSECTS(datetime, INTERVAL('2020-11-11', '..'))",
          "t_intersects(datetime, INTERVAL('2020-11-11T00:00:00Z', '..'))");
    reads("S_INTERSECTS(geometry, POINT(1 2))", "s_intersects(geometry, POINT(1.0 2.0))");
    reads("s_intersects(geometry,BBOX(1,2,1,2))", "s_intersects(geometry, POINT(1.0 2.0))");
    reads("s_intersects(geometry,BBOX(170,0,0,-170,1,9))",
          "s_intersects(geometry, GEOMETRYCOLLECTION(POLYGON((170.0 0.0, 180.0 0.0, 180.0 1.0, "
          "170.0 1.0, 170.0 0.0)), POLYGON((-180.0 0.0, -170.0 0.0, -170.0 1.0, -180.0 1.0, "
          "-180.0 0.0))))");
    reads("S_DISJOINT(LINESTRING Z (0 0 1, 1.5 1 1), geometry)",
          "s_disjoint(LINESTRING(0.0 0.0, 1.5 1.0), geometry)");
    reads("S_INTERSECTS(geometry, MULTIPOINT(0 0, 1 1))",
          "s_intersects(geometry, GEOMETRYCOLLECTION(POINT(0.0 0.0), POINT(1.0 1.0)))");
    reads("S_INTERSECTS(geometry, MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0), (.1 .1,.2 .1,.2 .2,.1 .1))))",
          "s_intersects(geometry, POLYGON((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0), (0.1 0.1, 0.2 0.1, "
          "0.2 0.2, 0.1 0.1)))");
    reads("A_CONTAINS(tags, ('a', 'b')) AND a_overlaps(tags,())",
          "(a_contains(tags, ('a', 'b')) AND a_overlaps(tags, ()))");
    reads("x = 'a\\\\'", "x = 'a\\\\'");
}

static void refuses(const char *text, const char *part)
{
    struct vdt_filter *filter = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_filter_parse_text(text, &filter, &error), VDT_ERR_ARGUMENT);
    assert_null(filter);
    if (strstr(error.message, part) == NULL)
        fail_msg("%s: %s", text, error.message);
}

static void wrong_text_is_refused(void **state)
{
    (void)state;
    refuses("", "ends where a property or a value");
    refuses("id", "ends where =, <>");
    refuses("id = ", "ends where");
    refuses("id = 'x", "byte 6: a text without its closing quote");
    refuses("id = 'x' id", "byte 10: AND, OR or the end was expected, not id");
    refuses("(id = 'x'", "ends where )");
    refuses("id ; DROP TABLE entry", "byte 4: ; means nothing here");
    refuses("id = x y", "AND, OR or the end");
    refuses("id == 'x'", "a property or a value");
    refuses("id IN ()", "in takes a property and a list");
    refuses("id IN ('x', y)", "a list takes values");
    refuses("id LIKE 5", "like takes a property and a pattern");
    refuses("id IS 'x'", "NULL was expected");
    refuses("a BETWEEN 1 OR 2", "AND was expected");
    refuses("a = 1e999", "no number");
    refuses("a = 1x", "no number");
    refuses("a = .", "no number");
    refuses("datetime > TIMESTAMP('2021-04-08')", "'2021-04-08T04:39:23Z' was expected");
    refuses("datetime > DATE('2021-13-08')", "'2021-04-08' was expected");
    refuses("T_INTERSECTS(datetime, INTERVAL('2021-01-02','2021-01-01'))", "ends before");
    refuses("S_INTERSECTS(geometry, 'x')", "a property and a geometry");
    refuses("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0)))", "a ring has four");
    refuses("S_INTERSECTS(geometry, POINT(0 91))", "no longitude and latitude");
    refuses("S_INTERSECTS(geometry, BBOX(0,1,2))", "bbox: 3 numbers");
    refuses("S_WITHIN(geometry, POINT(0 0))", "=, <>");
    refuses("CASEI(5) = 'x'", "casei takes");
    refuses("NOT NOT a = 1", "a property or a value");
    refuses("a = 'x\xff'", "not UTF-8");
}

static char *repeat(const char *head, const char *text, size_t count, const char *tail)
{
    char *all = calloc(1, strlen(head) + strlen(text) * count + strlen(tail) + 1), *at = all;
    at = stpcpy(at, head);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, text);
    stpcpy(at, tail);
    return all;
}

static void limits_hold(void **state)
{
    (void)state;
    static const struct {
        const char *head, *text;
        size_t good, bad;
        const char *tail, *message;
    } cases[] = {
        {"a IN (1", ",1", 999, 1000, ")", "more than 1000 values"},
        {"a=1", " OR a=1", 84, 85, "", "more than 256 parts"},
        {"", "(", 0, 200, "a=1", "fewer parentheses"},
        {"a = '", "x", 65000, 66000, "'", "more than 65536 bytes"},
        {"s_intersects(g, LINESTRING(0 0", ", 1 1", 9999, 10000, "))", "more than 10000 points"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *good = repeat(cases[i].head, cases[i].text, cases[i].good, cases[i].tail);
        char *bad = repeat(cases[i].head, cases[i].text, cases[i].bad, cases[i].tail);
        struct vdt_filter *filter = NULL;
        struct vdt_error error = {0};
        if (vdt_filter_parse_text(good, &filter, &error) != VDT_OK)
            fail_msg("case %zu: %s", i, error.message);
        vdt_filter_free(filter);
        refuses(bad, cases[i].message);
        free(good);
        free(bad);
    }
    char deep[2000] = "a=1";
    for (int i = 0; i < 31; i++) {
        struct vdt_filter *filter = NULL;
        vdt_status status = vdt_filter_parse_text(deep, &filter, NULL);
        assert_int_equal(status, i < 31 ? VDT_OK : VDT_ERR_ARGUMENT);
        vdt_filter_free(filter);
        char more[2000];
        snprintf(more, sizeof more, "NOT (%.1900s)", deep);
        memcpy(deep, more, sizeof deep);
    }
    refuses(deep, "too deep");
}

/* --- cql2-json ------------------------------------------------------------------------------ */

static void json_reads(const char *text, const char *expected)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    struct vdt_filter *filter = NULL;
    struct vdt_error error = {0};
    assert_non_null(json);
    if (vdt_filter_parse_json(json, &filter, &error) != VDT_OK)
        fail_msg("%s: %s", text, error.message);
    char *printed = vdt_filter_text(filter);
    assert_string_equal(printed, expected);
    free(printed);
    vdt_filter_free(filter);
    json_decref(json);
}

static void json_is_read(void **state)
{
    (void)state;
    json_reads("{\"op\":\"=\",\"args\":[{\"property\":\"id\"},\"x\"]}", "id = 'x'");
    json_reads("{\"op\":\"and\",\"args\":[{\"op\":\"<\",\"args\":[{\"property\":\"a\"},1]},true]}",
               "(a < 1.0 AND TRUE)");
    json_reads("{\"op\":\"between\",\"args\":[{\"property\":\"a\"},[0,50]]}",
               "a BETWEEN 0.0 AND 50.0");
    json_reads("{\"op\":\"between\",\"args\":[{\"property\":\"a\"},0,50]}",
               "a BETWEEN 0.0 AND 50.0");
    json_reads("{\"op\":\"in\",\"args\":[{\"property\":\"a\"},[\"x\",\"y\"]]}", "a IN ('x', 'y')");
    json_reads("{\"op\":\"isNull\",\"args\":[{\"property\":\"a\"}]}", "a IS NULL");
    json_reads("{\"op\":\"isNull\",\"args\":{\"property\":\"a\"}}", "a IS NULL");
    json_reads("{\"op\":\"like\",\"args\":[{\"op\":\"casei\",\"args\":[{\"property\":\"a\"}]},"
               "{\"op\":\"casei\",\"args\":[\"X%\"]}]}",
               "CASEI(a) LIKE CASEI('X%')");
    json_reads("{\"op\":\">=\",\"args\":[{\"property\":\"datetime\"},"
               "{\"timestamp\":\"2021-04-08T04:39:23Z\"}]}",
               "datetime >= TIMESTAMP('2021-04-08T04:39:23Z')");
    json_reads("{\"op\":\"t_intersects\",\"args\":[{\"property\":\"datetime\"},"
               "{\"interval\":[\"..\",\"2020-11-12\"]}]}",
               "t_intersects(datetime, INTERVAL('..', '2020-11-12T00:00:00Z'))");
    json_reads("{\"op\":\"s_intersects\",\"args\":[{\"property\":\"geometry\"},"
               "{\"type\":\"Point\",\"coordinates\":[1,2]}]}",
               "s_intersects(geometry, POINT(1.0 2.0))");
    json_reads("{\"op\":\"s_intersects\",\"args\":[{\"property\":\"geometry\"},"
               "{\"bbox\":[1,2,1,3]}]}",
               "s_intersects(geometry, LINESTRING(1.0 2.0, 1.0 3.0))");
    json_reads("{\"op\":\"a_containedBy\",\"args\":[{\"property\":\"tags\"},[\"x\"]]}",
               "a_containedBy(tags, ('x'))");
    json_reads("{\"op\":\"or\",\"args\":[{\"op\":\"=\",\"args\":[{\"property\":\"a\"},1]}]}",
               "a = 1.0");
}

static void wrong_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "null",
        "5",
        "\"x\"",
        "[]",
        "{}",
        "{\"op\":5,\"args\":[]}",
        "{\"op\":\"=\"}",
        "{\"op\":\"=\",\"args\":[]}",
        "{\"op\":\"drop\",\"args\":[1]}",
        "{\"op\":\"=\",\"args\":[{\"property\":5},1]}",
        "{\"op\":\"=\",\"args\":[null,1]}",
        "{\"op\":\"in\",\"args\":[{\"property\":\"a\"},[[1]]]}",
        "{\"op\":\"in\",\"args\":[{\"property\":\"a\"},[{\"property\":\"b\"}]]}",
        "{\"op\":\"=\",\"args\":[{\"property\":\"a\"},{\"timestamp\":\"2021\"}]}",
        "{\"op\":\"=\",\"args\":[{\"property\":\"a\"},\"x\\u0000y\"]}",
        "{\"op\":\"s_intersects\",\"args\":[{\"property\":\"g\"},{\"type\":\"Point\"}]}",
        "{\"op\":\"s_intersects\",\"args\":[{\"property\":\"g\"},{\"bbox\":[1,2,3]}]}",
        "{\"op\":\"s_intersects\",\"args\":[{\"property\":\"g\"},{\"bbox\":[1,2,3,4,5,6,7]}]}",
        "{\"op\":\"s_intersects\",\"args\":[{\"property\":\"g\"},"
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,1],[1,0],[0,1]]]}]}",
        "{\"op\":\"not\",\"args\":[1]}",
        "{\"property\":\"a\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *json = json_loads(bad[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        struct vdt_filter *filter = NULL;
        struct vdt_error error = {0};
        assert_non_null(json);
        if (vdt_filter_parse_json(json, &filter, &error) != VDT_ERR_ARGUMENT)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(error.message, ": "));
        json_decref(json);
    }
    json_t *deep = json_true();
    for (int i = 0; i < 40; i++)
        deep = json_pack("{s:s, s:[o]}", "op", "not", "args", deep);
    struct vdt_filter *filter = NULL;
    assert_int_equal(vdt_filter_parse_json(deep, &filter, NULL), VDT_ERR_ARGUMENT);
    json_decref(deep);
}

/* --- anything ------------------------------------------------------------------------------- */

static const struct filter_name names[] = {{"id", 't'},       {"vt:group", 't'}, {"a b", 't'},
                                           {"and", 't'},      {"size", 'n'},     {"public", 'b'},
                                           {"datetime", 'd'}, {"tags", 'a'},     {"\"x\"", 'n'},
                                           {"geometry", 'g'}, {"bbox", 'n'},     {NULL, 0}};

static void printed_filters_are_read_again(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        struct vdt_filter *filter = draw_filter(vdt_mix(i), names), *again = NULL;
        struct vdt_error error = {0};
        char *text = vdt_filter_text(filter);
        assert_non_null(text);
        if (filter->nodes < 200 && vdt_filter_parse_text(text, &again, &error) != VDT_OK)
            fail_msg("%s: %s", text, error.message);
        if (again != NULL && !vdt_node_equal(filter->root, again->root))
            fail_msg("%s", text);
        vdt_filter_free(again);
        vdt_filter_free(filter);
        free(text);
    }
}

static void any_text_is_read_or_refused(const char *text)
{
    struct vdt_filter *filter = NULL, *again = NULL;
    struct vdt_error error = {0};
    if (vdt_filter_parse_text(text, &filter, &error) != VDT_OK) {
        assert_null(filter);
        assert_true(error.message[0] != '\0');
        return;
    }
    char *printed = vdt_filter_text(filter);
    if (strlen(printed) <= VDT_FILTER_TEXT &&
        vdt_filter_parse_text(printed, &again, &error) != VDT_OK)
        fail_msg("%s became %s: %s", text, printed, error.message);
    assert_true(again == NULL || vdt_node_equal(filter->root, again->root));
    free(printed);
    vdt_filter_free(filter);
    vdt_filter_free(again);
}

static void changed_text_does_no_harm(void **state)
{
    (void)state;
    static const char *const words[] = {
        "AND ",      " OR ",     "NOT ",  "(",        ")",          "'",
        "''",        "\\",       "\"",    ",",        "=",          "<>",
        "1e9",       "-",        ".5",    "CASEI(",   "POINT(1 2)", "BBOX(1,2,3,4)",
        "IN (",      "BETWEEN ", "LIKE ", "IS NULL ", "TRUE",       "DATE('2020-01-01')",
        "INTERVAL(", "\xc3\xa9", "\xff",  "id",       "Z",          "\n",
        "TIMESTAMP("};
    for (uint64_t i = 0; i < 4000; i++) {
        uint64_t seed = vdt_mix(i);
        struct vdt_filter *filter = draw_filter(seed, names);
        char *text = vdt_filter_text(filter);
        vdt_filter_free(filter);
        size_t size = strlen(text);
        char *changed = calloc(1, size + 200);
        memcpy(changed, text, size);
        for (uint64_t k = 0; k <= draw(&seed, 4); k++) {
            size_t at = draw(&seed, size + 1);
            const char *word = words[draw(&seed, sizeof words / sizeof words[0])];
            size_t length = strlen(word), cut = draw(&seed, 3) * draw(&seed, 8);
            cut = cut > size - at ? size - at : cut;
            memmove(changed + at + length, changed + at + cut, size - at - cut + 1);
            memcpy(changed + at, word, length);
            size = strlen(changed);
        }
        any_text_is_read_or_refused(changed);
        changed[draw(&seed, size + 1)] = '\0';
        any_text_is_read_or_refused(changed);
        free(changed);
        free(text);
    }
}

static void noise_does_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "aZ_:.0159'\"\\(),=<>-+ \t\xc3\xa9%eE";
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t seed = vdt_mix(i);
        char text[64];
        size_t size = draw(&seed, sizeof text);
        for (size_t k = 0; k < size; k++)
            text[k] = letters[draw(&seed, sizeof letters - 1)];
        text[size] = '\0';
        any_text_is_read_or_refused(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read),
        cmocka_unit_test(wrong_text_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(json_is_read),
        cmocka_unit_test(wrong_json_is_refused),
        cmocka_unit_test(printed_filters_are_read_again),
        cmocka_unit_test(changed_text_does_no_harm),
        cmocka_unit_test(noise_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

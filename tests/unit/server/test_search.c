#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "evaluate.h"
#include "filters.h"
#include "server/meta/dialect.h"
#include "server/query/search.h"

enum { ENTRIES = 220, TAGS = 4 };

static const unsigned char secret[32] = {7};
static const struct vdt_caller nobody = {0}, owner = {.user = 1, .scopes = VDT_SCOPE_ALL & ~8u};

/* An entry as the test made it. */
struct made {
    char slug[17], name[40];
    const char *license;
    int64_t samples;
    bool is_public, placed, timed, in_bin;
    int64_t start;
    double box[4];
    const char *tags[TAGS];
    size_t tag_count;
};

static struct made made[ENTRIES];

static const struct filter_name names[] = {{"id", 't'},      {"title", 't'},    {"license", 't'},
                                           {"samples", 'n'}, {"public", 'b'},   {"datetime", 'd'},
                                           {"tags", 'a'},    {"geometry", 'g'}, {NULL, 0}};

static struct cell cell(const void *row, const char *name)
{
    const struct made *one = row;
    if (strcmp(name, "id") == 0)
        return (struct cell){.kind = 't', .text = one->slug};
    if (strcmp(name, "title") == 0)
        return (struct cell){.kind = 't', .text = one->name};
    if (strcmp(name, "license") == 0)
        return (struct cell){.kind = 't', .text = one->license};
    if (strcmp(name, "samples") == 0)
        return (struct cell){.kind = 'n', .number = (double)one->samples};
    if (strcmp(name, "public") == 0)
        return (struct cell){.kind = 'b', .number = one->is_public};
    if (strcmp(name, "datetime") == 0)
        return (struct cell){.kind = one->timed ? 'd' : 0, .number = (double)one->start};
    if (strcmp(name, "tags") == 0)
        return (struct cell){.kind = 'a', .texts = one->tags, .count = one->tag_count};
    struct cell place = {.kind = one->placed ? 'g' : 0};
    memcpy(place.box, one->box, sizeof place.box);
    return place;
}

static void make_one(struct made *one, uint64_t i)
{
    static const char *const texts[] = {"a",    "A",   "b", "Roof", "roof", "ÄÖ",  "äö",
                                        "it's", "a\\", "",  "x%y",  "日本", "raf", "*"};
    static const char *const tags[] = {"a", "A", "b", "roof", "ÄÖ", "x%y", ""};
    static const int64_t times[] = {0, 1000000, 1500000, INT64_C(951825600500000), -1, 86400000000};
    uint64_t seed = vdt_mix(i + 77);
    snprintf(one->slug, sizeof one->slug, "%016u", (unsigned)i);
    snprintf(one->name, sizeof one->name, "%s", texts[draw(&seed, 14)]);
    one->license = texts[draw(&seed, 14)];
    one->samples = (int64_t)draw(&seed, 5) - 1;
    one->is_public = draw(&seed, 3) > 0;
    one->in_bin = draw(&seed, 10) == 0;
    one->timed = draw(&seed, 4) > 0;
    one->start = times[draw(&seed, 6)];
    one->placed = draw(&seed, 4) > 0;
    one->box[0] = (double)draw(&seed, 40) / 4 - 5;
    one->box[1] = (double)draw(&seed, 40) / 4 - 5;
    one->box[2] = one->box[0] + (double)draw(&seed, 3);
    one->box[3] = one->box[1] + (double)draw(&seed, 3) * 1.1;
    for (size_t k = 0; k < 7 && one->tag_count < TAGS; k++)
        if (draw(&seed, 4) == 0)
            one->tags[one->tag_count++] = tags[k];
}

static void insert(struct vdt_session *session, const struct made *one, int64_t id)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL, *tag = NULL;
    assert_int_equal(
        vdt_db_prepare(session,
                       "INSERT INTO entry (id, slug, owner, name, license, public, created, "
                       "updated, deleted, west, south, east, north, start_time, end_time, samples) "
                       "VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, "
                       "?13)",
                       &rows, NULL),
        VDT_OK);
    vdt_bind_integer(rows, 1, id);
    vdt_bind_text(rows, 2, one->slug);
    vdt_bind_text(rows, 3, one->name);
    vdt_bind_text(rows, 4, one->license);
    vdt_bind_integer(rows, 5, one->is_public);
    vdt_bind_integer(rows, 6, id % 7);
    if (one->in_bin)
        vdt_bind_integer(rows, 7, 1);
    for (int i = 0; one->placed && i < 4; i++)
        vdt_bind_real(rows, 8 + i, one->box[i]);
    if (one->timed)
        vdt_bind_integer(rows, 12, one->start);
    vdt_bind_integer(rows, 13, one->samples);
    assert_int_equal(vdt_rows_run(rows, NULL), VDT_OK);
    if (one->placed)
        assert_int_equal(vdt_box_put(session, VDT_BOX_OF_ENTRY, id, one->box, NULL), VDT_OK);
    assert_int_equal(vdt_db_prepare(session, "INSERT INTO entry_tag VALUES (?1, ?2)", &tag, NULL),
                     VDT_OK);
    for (size_t k = 0; k < one->tag_count; k++) {
        vdt_bind_integer(tag, 1, id);
        vdt_bind_text(tag, 2, one->tags[k]);
        assert_int_equal(vdt_rows_run(tag, NULL), VDT_OK);
    }
}

struct state {
    char folder[64], path[80];
    struct vdt_db *db;
    struct vdt_session *session;
};

static int set_up(void **state)
{
    static struct state one;
    strcpy(one.folder, "/tmp/vedatile-search-XXXXXX");
    assert_non_null(mkdtemp(one.folder));
    snprintf(one.path, sizeof one.path, "%s/catalog.db", one.folder);
    assert_int_equal(vdt_db_open(one.path, true, &one.db, NULL), VDT_OK);
    assert_int_equal(vdt_db_begin(one.db, VDT_DB_WRITE, &one.session, NULL), VDT_OK);
    assert_int_equal(
        vdt_db_run(one.session,
                   "INSERT INTO user (id, name, created) VALUES (1, 'ann', 0), (2, 'bob', 0)",
                   NULL),
        VDT_OK);
    for (int i = 0; i < ENTRIES; i++) {
        make_one(&made[i], (uint64_t)i);
        insert(one.session, &made[i], i + 1);
    }
    assert_int_equal(vdt_db_commit(&one.session, NULL), VDT_OK);
    assert_int_equal(vdt_db_begin(one.db, VDT_DB_READ, &one.session, NULL), VDT_OK);
    *state = &one;
    return 0;
}

static int tear_down(void **state)
{
    struct state *one = *state;
    char path[100];
    vdt_db_end(&one->session);
    vdt_db_close(one->db);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", one->path, ends[i]);
        unlink(path);
    }
    return rmdir(one->folder);
}

static bool seen(const struct made *one, bool by_owner)
{
    return !one->in_bin && (by_owner || one->is_public);
}

/* All pages of a search; found[i]: entry i + 1 was there, once. */
static void collect(struct state *state, struct vdt_query *query, const struct vdt_caller *caller,
                    bool found[ENTRIES], const char *text)
{
    memset(found, 0, ENTRIES * sizeof *found);
    for (;;) {
        struct vdt_page page = {0};
        struct vdt_error error = {0};
        if (vdt_query_run(state->session, query, caller, secret, &page, &error) != VDT_OK)
            fail_msg("%s: %s", text, error.message);
        for (size_t i = 0; i < page.count; i++) {
            int64_t id = page.hits[i].id;
            assert_in_range(id, 1, ENTRIES);
            if (found[id - 1])
                fail_msg("%s: %d is there twice", text, (int)id);
            found[id - 1] = true;
        }
        free(query->token);
        query->token = page.next;
        page.next = NULL;
        vdt_page_clear(&page);
        if (query->token == NULL)
            return;
    }
}

/* What the database says of a filter is what its words say. */
static void filters_are_what_they_say(void **state)
{
    static const char *const sorts[] = {
        "", "title", "-title,id", "datetime", "-datetime,title", "-samples,-id", "-updated"};
    bool found[ENTRIES];
    size_t hits = 0, empty = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        struct vdt_query query = {.of = VDT_SEARCH_ENTRIES};
        query.filter = draw_filter(vdt_mix(i), names);
        query.limit = 1 + (int64_t)(i % 97);
        vdt_cleanup(vdt_free_pointer) char *text = vdt_filter_text(query.filter);
        bool known, by_owner = i % 3 != 0;
        assert_int_equal(vdt_query_parameter(&query, "sortby", sorts[i % 7], &known, NULL), VDT_OK);
        collect(*state, &query, by_owner ? &owner : &nobody, found, text);
        size_t count = 0;
        for (int k = 0; k < ENTRIES; k++) {
            const struct evaluation on = {&made[k], cell};
            bool expected = seen(&made[k], by_owner) && evaluate(&on, query.filter->root) == 1;
            if (found[k] != expected)
                fail_msg("%s: entry %d is %d", text, k, found[k]);
            count += expected;
        }
        hits += count > 0;
        empty += count == 0;
        vdt_query_clear(&query);
    }
    assert_true(hits > 400 && empty > 100);
}

static void order_is_as_asked(void **state)
{
    struct state *one = *state;
    bool known;
    struct vdt_query query = {.of = VDT_SEARCH_ENTRIES, .limit = 7};
    assert_int_equal(vdt_query_parameter(&query, "sortby", "-title,samples", &known, NULL), VDT_OK);
    const struct made *last = NULL;
    for (bool more = true; more;) {
        struct vdt_page page = {0};
        assert_int_equal(vdt_query_run(one->session, &query, &owner, secret, &page, NULL), VDT_OK);
        for (size_t i = 0; i < page.count; i++) {
            const struct made *next = &made[page.hits[i].id - 1];
            int order = last == NULL ? 1 : strcmp(last->name, next->name);
            assert_true(order > 0 || (order == 0 && last->samples <= next->samples));
            last = next;
        }
        more = page.next != NULL;
        free(query.token);
        query.token = page.next;
        page.next = NULL;
        vdt_page_clear(&page);
    }
    vdt_query_clear(&query);
}

static void boxes_are_compared_exactly(void **state)
{
    bool found[ENTRIES], known;
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t seed = vdt_mix(i + 5);
        struct vdt_query query = {.of = VDT_SEARCH_ENTRIES, .limit = 1000};
        double west = (double)draw(&seed, 40) / 4 - 5, south = (double)draw(&seed, 40) / 4 - 5;
        double box[4] = {west, south, west + (double)draw(&seed, 3),
                         south + (double)draw(&seed, 2)};
        char text[100];
        snprintf(text, sizeof text, "%.2f,%.2f,%.2f,%.2f", box[0], box[1], box[2], box[3]);
        assert_int_equal(vdt_query_parameter(&query, "bbox", text, &known, NULL), VDT_OK);
        collect(*state, &query, &owner, found, text);
        for (int k = 0; k < ENTRIES; k++) {
            const double *b = made[k].box;
            bool meets = made[k].placed && b[0] <= box[2] && b[2] >= box[0] && b[1] <= box[3] &&
                         b[3] >= box[1];
            assert_int_equal(found[k], meets && seen(&made[k], true));
        }
        vdt_query_clear(&query);
    }
}

static void what_does_not_fit_is_an_error(void **state)
{
    struct state *one = *state;
    static const char *const bad[] = {"rubbish = 1",
                                      "title = 5",
                                      "samples = 'x'",
                                      "tags = 'a'",
                                      "geometry = 'x'",
                                      "public < TRUE",
                                      "datetime > 'x'",
                                      "datetime = 5",
                                      "title LIKE 'a' AND samples LIKE 'b'",
                                      "A_CONTAINS(title, ('a'))",
                                      "A_CONTAINS(tags, (1))",
                                      "S_INTERSECTS(title, POINT(0 0))",
                                      "title IN ('a', 5)",
                                      "samples BETWEEN 'a' AND 5",
                                      "CASEI(samples) = CASEI('a')",
                                      "T_INTERSECTS(title, DATE('2020-01-01'))"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vdt_query query = {.of = VDT_SEARCH_ENTRIES};
        struct vdt_page page = {0};
        struct vdt_error error = {0};
        bool known;
        assert_int_equal(vdt_query_parameter(&query, "filter", bad[i], &known, NULL), VDT_OK);
        assert_int_equal(vdt_query_ready(&query, NULL), VDT_OK);
        if (vdt_query_run(one->session, &query, &owner, secret, &page, &error) != VDT_ERR_ARGUMENT)
            fail_msg("%s was taken", bad[i]);
        assert_memory_equal(error.message, "filter: ", 8);
        vdt_query_clear(&query);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_what_they_say),
        cmocka_unit_test(order_is_as_asked),
        cmocka_unit_test(boxes_are_compared_exactly),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

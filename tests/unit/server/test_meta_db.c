/* The database: sessions, statements, many threads. */
#include "unit/server/catalog_db.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/meta/dialect.h"

static void ok(vdt_status status, const struct vdt_error *error)
{
    if (status != VDT_OK)
        fail_msg("%s: %s", vdt_status_name(status), error->message);
}

static void put(struct vdt_session *session, const char *name, const char *value)
{
    struct vdt_error error = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session,
                      "INSERT INTO setting (name, value) VALUES (?1, ?2) "
                      "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                      &rows, &error),
       &error);
    vdt_bind_text(rows, 1, name);
    vdt_bind_text(rows, 2, value);
    ok(vdt_rows_run(rows, &error), &error);
}

/* "" when it is not there. */
static void get(struct vdt_session *session, const char *name, char value[64])
{
    struct vdt_error error = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session, "SELECT value FROM setting WHERE name = ?1", &rows, &error), &error);
    vdt_bind_text(rows, 1, name);
    vdt_status status = vdt_rows_next(rows, &error);
    assert_true(status == VDT_OK || status == VDT_END);
    snprintf(value, 64, "%s", status == VDT_OK ? vdt_rows_text(rows, 0) : "");
}

static void test_commit_and_roll_back(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    char value[64];
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    put(session, "a", "1");
    ok(vdt_db_commit(&session, &error), &error);
    assert_null(session);
    session = session_of(place, VDT_DB_WRITE);
    put(session, "a", "2");
    put(session, "b", "2");
    vdt_db_end(&session);
    session = session_of(place, VDT_DB_READ);
    get(session, "a", value);
    assert_string_equal(value, "1");
    get(session, "b", value);
    assert_string_equal(value, "");
    vdt_db_end(&session);
}

static void test_a_reader_sees_one_moment(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    char value[64];
    struct vdt_session *reader = session_of(place, VDT_DB_READ);
    get(reader, "a", value);
    assert_string_equal(value, "");
    struct vdt_session *writer = session_of(place, VDT_DB_WRITE);
    put(writer, "a", "new");
    ok(vdt_db_commit(&writer, &error), &error);
    get(reader, "a", value);
    assert_string_equal(value, "");
    vdt_db_end(&reader);
    reader = session_of(place, VDT_DB_READ);
    get(reader, "a", value);
    assert_string_equal(value, "new");
    vdt_db_end(&reader);
}

static void test_kinds_of_values(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_READ);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session, "SELECT ?1, ?2, ?3, ?4, ?5, ?6", &rows, &error), &error);
    vdt_bind_text(rows, 1, "Zürich'; DROP TABLE user; --");
    vdt_bind_integer(rows, 2, INT64_MIN);
    vdt_bind_real(rows, 3, 0.1);
    vdt_bind_blob(rows, 4, "a\0b", 3);
    vdt_bind_real(rows, 5, 0.0 / 0.0);
    vdt_bind_blob(rows, 6, NULL, 0);
    ok(vdt_rows_next(rows, &error), &error);
    size_t size = 0;
    assert_string_equal(vdt_rows_text(rows, 0), "Zürich'; DROP TABLE user; --");
    assert_true(vdt_rows_integer(rows, 1) == INT64_MIN);
    assert_true(vdt_rows_real(rows, 2) == 0.1);
    assert_memory_equal(vdt_rows_blob(rows, 3, &size), "a\0b", 3);
    assert_int_equal(size, 3);
    assert_true(vdt_rows_is_null(rows, 4));
    assert_true(vdt_rows_real(rows, 4) != vdt_rows_real(rows, 4));
    assert_false(vdt_rows_is_null(rows, 5));
    vdt_rows_blob(rows, 5, &size);
    assert_int_equal(size, 0);
    assert_int_equal(vdt_rows_next(rows, &error), VDT_END);
    vdt_rows_free(rows);
    rows = NULL;
    vdt_db_end(&session);
}

static void test_statements_are_kept_and_clean(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    for (int i = 0; i < 1000; i++) { /* more texts than are kept */
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT ?1, %d", i % 300);
        vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
        ok(vdt_db_prepare(session, sql, &rows, &error), &error);
        if (i % 2 == 0)
            vdt_bind_integer(rows, 1, i);
        ok(vdt_rows_next(rows, &error), &error);
        assert_int_equal(vdt_rows_is_null(rows, 0), i % 2); /* nothing of the last use */
        assert_int_equal(vdt_rows_integer(rows, 1), i % 300);
    }
    /* The same text twice at a time, and one set of rows that is run again and again. */
    vdt_cleanup(vdt_rows_release) struct vdt_rows *one = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *two = NULL;
    ok(vdt_db_prepare(session, "SELECT ?1 UNION ALL SELECT ?1 + 1", &one, &error), &error);
    ok(vdt_db_prepare(session, "SELECT ?1 UNION ALL SELECT ?1 + 1", &two, &error), &error);
    for (int i = 0; i < 10; i++) {
        vdt_bind_integer(one, 1, i);
        vdt_bind_integer(two, 1, 100 + i);
        ok(vdt_rows_next(one, &error), &error);
        ok(vdt_rows_next(two, &error), &error);
        assert_int_equal(vdt_rows_integer(one, 0), i);
        assert_int_equal(vdt_rows_integer(two, 0), 100 + i);
        ok(vdt_rows_next(two, &error), &error);
        assert_int_equal(vdt_rows_integer(two, 0), 101 + i);
    }
    vdt_rows_free(one);
    vdt_rows_free(two);
    one = two = NULL;
    vdt_db_end(&session);
}

static void test_one_statement_only(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_READ);
    struct vdt_rows *rows = NULL;
    assert_int_equal(vdt_db_prepare(session, "SELECT 1; DROP TABLE user", &rows, &error),
                     VDT_ERR_ARGUMENT);
    assert_true(vdt_db_prepare(session, "SELECT nothing FROM nowhere", &rows, &error) < 0);
    assert_true(vdt_db_prepare(session, "SELECT \"no column\"", &rows, &error) < 0);
    assert_null(rows);
    vdt_db_end(&session);
}

static void test_constraints_have_their_own_status(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    assert_int_equal(vdt_db_run(session,
                                "INSERT INTO user (name, created) VALUES ('a', 1); "
                                "INSERT INTO user (name, created) VALUES ('a', 1)",
                                &error),
                     VDT_ERR_EXISTS);
    assert_int_equal(vdt_db_run(session,
                                "INSERT INTO entry (slug, owner, name, created, updated) "
                                "VALUES ('s', 777, 'n', 1, 1)",
                                &error),
                     VDT_ERR_MISMATCH);
    vdt_db_end(&session);
}

static void test_a_limit_of_time(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    const char *slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                       "SELECT count(*) FROM n";
    for (int i = 0; i < 2; i++) {
        struct vdt_session *session = session_of(place, i ? VDT_DB_WRITE : VDT_DB_READ);
        vdt_db_limit(session, 50);
        vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
        ok(vdt_db_prepare(session, slow, &rows, &error), &error);
        assert_int_equal(vdt_rows_next(rows, &error), VDT_ERR_BUSY);
        vdt_rows_free(rows);
        rows = NULL;
        vdt_db_end(&session);
        session = session_of(place, i ? VDT_DB_WRITE : VDT_DB_READ); /* and no limit after it */
        vdt_db_end(&session);
    }
}

enum { THREADS = 8, ROUNDS = 50 };

static void *count_up(void *payload)
{
    struct place *place = payload;
    for (int i = 0; i < ROUNDS; i++) {
        char value[64];
        struct vdt_error error = {0};
        struct vdt_session *session = session_of(place, VDT_DB_READ);
        get(session, "count", value);
        vdt_db_end(&session);
        session = session_of(place, VDT_DB_WRITE);
        get(session, "count", value);
        snprintf(value, sizeof value, "%d", atoi(value) + 1);
        put(session, "count", value);
        ok(vdt_db_commit(&session, &error), &error);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    struct place *place = *state;
    pthread_t threads[THREADS];
    char value[64];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, place), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct vdt_session *session = session_of(place, VDT_DB_READ);
    get(session, "count", value);
    vdt_db_end(&session);
    assert_int_equal(atoi(value), THREADS * ROUNDS);
}

static void *hold_a_reader(void *payload)
{
    struct vdt_session *session = session_of(payload, VDT_DB_READ);
    char value[64];
    get(session, "a", value);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    vdt_db_end(&session);
    return NULL;
}

static void test_more_readers_than_connections(void **state)
{
    pthread_t threads[64];
    for (int i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_a_reader, *state), 0);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
}

/* As another process would have it: the server's and that of a command beside it. */
static void test_two_databases_of_one_file(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_db *other = NULL;
    char value[64];
    ok(vdt_db_open(place->path, true, &other, &error), &error);
    struct vdt_session *session = NULL;
    ok(vdt_db_begin(other, VDT_DB_WRITE, &session, &error), &error);
    put(session, "from", "other");
    ok(vdt_db_commit(&session, &error), &error);
    session = session_of(place, VDT_DB_READ);
    get(session, "from", value);
    vdt_db_end(&session);
    assert_string_equal(value, "other");
    vdt_db_close(other);
}

/* The other's writer is waited for, but not for ever. */
static void test_a_writer_that_does_not_end(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_db *other = NULL;
    ok(vdt_db_open(place->path, false, &other, &error), &error);
    struct vdt_session *held = NULL, *session = NULL;
    ok(vdt_db_begin(other, VDT_DB_WRITE, &held, &error), &error);
    assert_int_equal(vdt_db_begin(place->db, VDT_DB_WRITE, &session, &error), VDT_ERR_BUSY);
    assert_null(session);
    ok(vdt_db_begin(place->db, VDT_DB_READ, &session, &error), &error); /* readers do not wait */
    vdt_db_end(&session);
    vdt_db_end(&held);
    ok(vdt_db_begin(place->db, VDT_DB_WRITE, &session, &error), &error);
    vdt_db_end(&session);
    vdt_db_close(other);
}

static void test_files_are_the_owners_alone(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct stat status;
    char path[128];
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    put(session, "a", "1");
    ok(vdt_db_commit(&session, &error), &error);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", place->path, ends[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void test_copy_and_verify(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    char path[128], value[64];
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    put(session, "a", "copied");
    ok(vdt_words_put(session, 1, "roofs", "of Zürich", &error), &error);
    ok(vdt_db_commit(&session, &error), &error);
    snprintf(path, sizeof path, "%s/copy.db", place->folder);
    ok(vdt_db_copy(place->db, path, &error), &error);
    ok(vdt_db_checkpoint(place->db, &error), &error);
    struct place copy = {0};
    ok(vdt_db_open(path, false, &copy.db, &error), &error);
    session = session_of(&copy, VDT_DB_READ);
    get(session, "a", value);
    vdt_db_end(&session);
    assert_string_equal(value, "copied");
    ok(vdt_db_verify(copy.db, NULL, NULL, &error), &error);
    vdt_db_close(copy.db);
}

static void test_missing_file(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_db *db = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/none.db", place->folder);
    assert_int_equal(vdt_db_open(path, false, &db, &error), VDT_ERR_NOT_FOUND);
    assert_null(db);
    assert_int_not_equal(access(path, F_OK), 0);
}

static int found_entries(struct vdt_session *session, const char *typed)
{
    struct vdt_error error = {0};
    vdt_cleanup(vdt_free_pointer) char *query = vdt_words_query(typed);
    struct vdt_buffer sql = {0};
    assert_true(vdt_sql_append(&sql, "SELECT count(*) FROM (SELECT 1 AS id UNION SELECT 2) e "
                                     "WHERE "));
    assert_true(vdt_words_condition(&sql, "e.id", 1));
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session, (const char *)sql.data, &rows, &error), &error);
    vdt_buffer_clear(&sql);
    vdt_bind_text(rows, 1, query);
    ok(vdt_rows_next(rows, &error), &error);
    return (int)vdt_rows_integer(rows, 0);
}

static void test_words(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    ok(vdt_words_put(session, 1, "Roofs of Zürich", "pléiades tiles", &error), &error);
    ok(vdt_words_put(session, 2, "cars", "AND OR NOT \"quoted\" 日本", &error), &error);
    assert_int_equal(found_entries(session, "roof"), 1);
    assert_int_equal(found_entries(session, "zurich roofs"), 1);
    assert_int_equal(found_entries(session, "PLEIADES"), 1);
    assert_int_equal(found_entries(session, "roofs cars"), 0);
    assert_int_equal(found_entries(session, "日本"), 1);
    assert_int_equal(found_entries(session, "NOT"), 1);
    assert_int_equal(found_entries(session, "quoted\" OR \"cars"), 1);
    assert_int_equal(found_entries(session, "name:roofs"), 0);
    assert_int_equal(found_entries(session, "*"), 0);
    ok(vdt_words_put(session, 2, "boats", "", &error), &error);
    assert_int_equal(found_entries(session, "cars"), 0);
    assert_int_equal(found_entries(session, "boat"), 1);
    vdt_db_end(&session);
}

static int found_boxes(struct vdt_session *session, double west, double south, double east,
                       double north)
{
    struct vdt_error error = {0};
    struct vdt_buffer sql = {0};
    assert_true(vdt_sql_append(
        &sql, "SELECT count(*) FROM (SELECT 1 AS id UNION SELECT 2) e WHERE e.id IN ("));
    assert_true(vdt_box_select(&sql, VDT_BOX_OF_ENTRY, 1));
    assert_true(vdt_sql_append(&sql, ")"));
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session, (const char *)sql.data, &rows, &error), &error);
    vdt_buffer_clear(&sql);
    vdt_bind_real(rows, 1, west);
    vdt_bind_real(rows, 2, south);
    vdt_bind_real(rows, 3, east);
    vdt_bind_real(rows, 4, north);
    ok(vdt_rows_next(rows, &error), &error);
    return (int)vdt_rows_integer(rows, 0);
}

static void test_boxes(void **state)
{
    struct place *place = *state;
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    ok(vdt_box_put(session, VDT_BOX_OF_ENTRY, 1, (double[]){8, 47, 9, 48}, &error), &error);
    ok(vdt_box_put(session, VDT_BOX_OF_ENTRY, 2, (double[]){179, -18, -179, -17}, &error), &error);
    assert_int_equal(found_boxes(session, 8.5, 47.5, 8.6, 47.6), 1);
    assert_int_equal(found_boxes(session, 8.5, 47.5, 8.5, 47.5), 1);
    assert_int_equal(found_boxes(session, 10, 47, 11, 48), 0);
    assert_int_equal(found_boxes(session, 179.5, -18, 180, -17), 1);
    assert_int_equal(found_boxes(session, -180, -18, -179.5, -17), 1);
    assert_int_equal(found_boxes(session, 0, -18, 1, -17), 0);
    assert_int_equal(found_boxes(session, -180, -90, 180, 90), 2);
    ok(vdt_box_put(session, VDT_BOX_OF_ENTRY, 2, (double[]){0, 0, 1, 1}, &error), &error);
    assert_int_equal(found_boxes(session, -180, -18, -179.5, -17), 0);
    ok(vdt_box_put(session, VDT_BOX_OF_ENTRY, 2, (double[]){0, 0, 1, 0.0 / 0.0}, &error), &error);
    assert_int_equal(found_boxes(session, -180, -90, 180, 90), 1);
    vdt_db_end(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_commit_and_roll_back),
        TEST(test_a_reader_sees_one_moment),
        TEST(test_kinds_of_values),
        TEST(test_statements_are_kept_and_clean),
        TEST(test_one_statement_only),
        TEST(test_constraints_have_their_own_status),
        TEST(test_a_limit_of_time),
        TEST(test_threads_lose_nothing),
        TEST(test_more_readers_than_connections),
        TEST(test_two_databases_of_one_file),
        TEST(test_a_writer_that_does_not_end),
        TEST(test_files_are_the_owners_alone),
        TEST(test_copy_and_verify),
        TEST(test_missing_file),
        TEST(test_words),
        TEST(test_boxes),
    };
    return cmocka_run_group_tests_name("server/meta_db", tests, NULL, NULL);
}

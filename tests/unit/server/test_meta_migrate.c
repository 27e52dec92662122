/* Schemas: of a new file, of an older one, and those that are refused. */
#include "unit/server/catalog_db.h"

#include <unistd.h>

#include "server/meta/schema.h"

static void run(struct vdt_db *db, const char *sql)
{
    struct place place = {.db = db};
    struct vdt_session *session = session_of(&place, VDT_DB_WRITE);
    OK(vdt_db_run(session, sql, error));
    commit(&session);
}

static void reopen(struct place *place)
{
    vdt_db_close(place->db);
    place->db = NULL;
    OK(vdt_db_open(place->path, false, &place->db, error));
}

static int64_t number(struct place *place, const char *sql)
{
    struct vdt_session *session = session_of(place, VDT_DB_READ);
    struct vdt_rows *rows = NULL;
    OK(vdt_db_prepare(session, sql, &rows, error));
    OK(vdt_rows_next(rows, error));
    int64_t value = vdt_rows_integer(rows, 0);
    vdt_rows_free(rows);
    vdt_db_end(&session);
    return value;
}

static void test_a_new_file(void **state)
{
    struct place *place = *state;
    assert_int_equal(number(place, "PRAGMA user_version"), 1);
    assert_int_equal(number(place, "SELECT count(*) FROM migration"), 1);
    assert_int_equal(number(place, "SELECT length(checksum) FROM migration"), 64);
}

static void test_opened_again_nothing_is_run_again(void **state)
{
    struct place *place = *state;
    run(place->db, "INSERT INTO user (name, created) VALUES ('ada', 5)");
    int64_t applied = number(place, "SELECT applied FROM migration");
    reopen(place);
    assert_int_equal(number(place, "SELECT count(*) FROM user"), 1);
    assert_int_equal(number(place, "SELECT applied FROM migration"), applied);
}

/* As a file that was made with so many steps fewer would be: now that is none at all. */
static void test_a_file_before_the_first_step(void **state)
{
    struct place *place = *state;
    vdt_db_close(place->db);
    place->db = NULL;
    unlink(place->path);
    fclose(fopen(place->path, "w"));
    OK(vdt_db_open(place->path, false, &place->db, error));
    assert_int_equal(number(place, "PRAGMA user_version"), 1);
}

static void refused(struct place *place, const char *sql, vdt_status status, const char *word)
{
    struct vdt_db *db = NULL;
    run(place->db, sql);
    vdt_db_close(place->db);
    place->db = NULL;
    FAILS(status, word, vdt_db_open(place->path, true, &db, error));
    assert_null(db);
}

static void test_a_newer_schema(void **state)
{
    refused(*state, "PRAGMA user_version = 99", VDT_ERR_UNSUPPORTED, "schema 99");
}

static void test_another_first_step(void **state)
{
    refused(*state, "UPDATE migration SET checksum = replace(checksum, 'a', 'b') || 'x'",
            VDT_ERR_MISMATCH, "another schema 1");
}

static void test_a_step_that_is_not_listed(void **state)
{
    refused(*state, "DELETE FROM migration", VDT_ERR_FORMAT, "its list of steps");
}

static void test_a_file_of_something_else(void **state)
{
    refused(*state, "PRAGMA application_id = 5", VDT_ERR_FORMAT, "not a catalog");
}

static void test_no_database_at_all(void **state)
{
    struct place *place = *state;
    struct vdt_db *db = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/text.db", place->folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    FAILS(VDT_ERR_FORMAT, "text.db", vdt_db_open(path, true, &db, error));
}

/* A step is all there or not there. */
static void test_a_step_that_fails_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct vdt_db *db = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/half.db", place->folder);
    OK(vdt_db_open(path, true, &db, error));
    run(db, "PRAGMA user_version = 0; DELETE FROM migration; DROP TABLE migration");
    vdt_db_close(db);
    db = NULL;
    /* Its tables are there already, so the first step cannot be run. */
    FAILS(VDT_ERR_IO, "already exists", vdt_db_open(path, true, &db, error));
    FAILS(VDT_ERR_IO, "already exists", vdt_db_open(path, true, &db, error));
}

static void test_the_embedded_schema_is_the_file(void **state)
{
    (void)state;
    const char *source = getenv("VEDATILE_DATA");
    char path[512], text[65536];
    if (source == NULL)
        skip();
    snprintf(path, sizeof path, "%s/../schemas/catalog/0001.sql", source);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_int_equal(size, vdt_schema_0001_size);
    assert_memory_equal(text, vdt_schema_0001, size);
    assert_int_equal(vdt_schema_0001[size], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_file),
        TEST(test_opened_again_nothing_is_run_again),
        TEST(test_a_file_before_the_first_step),
        TEST(test_a_newer_schema),
        TEST(test_another_first_step),
        TEST(test_a_step_that_is_not_listed),
        TEST(test_a_file_of_something_else),
        TEST(test_no_database_at_all),
        TEST(test_a_step_that_fails_leaves_nothing),
        TEST(test_the_embedded_schema_is_the_file),
    };
    return cmocka_run_group_tests_name("server/meta_migrate", tests, NULL, NULL);
}

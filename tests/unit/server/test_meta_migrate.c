/* Schemas: of a new file, of an older one, and those that are refused. */
#include "unit/server/catalog_db.h"

#include <unistd.h>

#include "server/meta/runs.h"
#include "server/meta/schema.h"

enum { STEPS = 4 };

#define DROP_SETS                                                                                \
    "DROP TABLE annotation; DROP TABLE annotated_sample; DROP TABLE annotation_set; DROP TABLE " \
    "annotation_set_gone; "

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
    assert_int_equal(number(place, "PRAGMA user_version"), STEPS);
    assert_int_equal(number(place, "SELECT count(*) FROM migration"), STEPS);
    assert_int_equal(number(place, "SELECT min(length(checksum)) FROM migration"), 64);
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

static void expect_failure(struct place *place, const char *sql)
{
    struct vdt_error error = {0};
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    assert_true(vdt_db_run(session, sql, &error) < 0);
    vdt_db_end(&session);
}

/* As 0001.sql alone made it, with something in it. */
static void test_a_file_of_the_first_step(void **state)
{
    struct place *place = *state;
    run(place->db, "DROP TABLE evaluation_metric; DROP TABLE evaluation; DROP TABLE prediction; "
                   "DROP TABLE run_sample; DROP TABLE run_raster; DROP TABLE run; DROP TABLE "
                   "run_gone; DROP TABLE model; " DROP_SETS
                   "DELETE FROM migration WHERE number > 1; PRAGMA user_version = 1");
    run(place->db,
        "INSERT INTO user (id, name, created) VALUES (1, 'ada', 5); "
        "INSERT INTO entry (id, slug, owner, name, created, updated, head) VALUES (1, 'e', 1, 'E', "
        "1, 1, 1); INSERT INTO version (entry, number, digest, size, block_size, blocks, created, "
        "creator, info) VALUES (1, 1, 'd', 1, 1, x'', 1, 1, '{}')");
    reopen(place);
    assert_int_equal(number(place, "PRAGMA user_version"), STEPS);
    assert_int_equal(number(place, "SELECT count(*) FROM entry"), 1);
    run(place->db, "INSERT INTO model (id, slug, owner, reference, name, created, updated) VALUES "
                   "(1, 'm', 1, 'r', 'M', 1, 1); INSERT INTO run (id, slug, entry, version, model, "
                   "owner, name, created, samples) VALUES (1, 'r', 1, 1, 1, 1, 'R', 1, 1); INSERT "
                   "INTO prediction (run, sample, name, document) VALUES (1, 5, 'a', '{}'); INSERT "
                   "INTO run_sample (run, sample) VALUES (1, 5); INSERT INTO run_raster (run, "
                   "sample, height, width, bits, pixels) VALUES (1, 5, 1, 1, 8, x'00')");
    expect_failure(place, "INSERT INTO model (slug, owner, reference, name, created, updated) "
                          "VALUES ('n', 1, 'r', 'N', 1, 1)");
    expect_failure(place, "DELETE FROM version");
    expect_failure(place, "DELETE FROM model");
}

/* As 0002.sql left it, with runs in it: all of it is there after the third step. */
static void test_a_file_of_the_second_step(void **state)
{
    struct place *place = *state;
    run(place->db, "DROP TABLE evaluation_metric; DROP TABLE evaluation; DROP TABLE prediction; "
                   "DROP TABLE run_sample; DROP TABLE run_raster; DROP TABLE run; DROP TABLE "
                   "run_gone; DROP TABLE model; " DROP_SETS
                   "DELETE FROM migration WHERE number > 2; PRAGMA user_version = 2");
    run(place->db, (const char *)vdt_schema_0002);
    run(place->db,
        "INSERT INTO user (id, name, created) VALUES (1, 'ada', 5); "
        "INSERT INTO entry (id, slug, owner, name, created, updated, head) VALUES (1, 'e', 1, 'E', "
        "1, 1, 1); INSERT INTO version (entry, number, digest, size, block_size, blocks, created, "
        "creator, info) VALUES (1, 1, 'd', 1, 1, x'', 1, 1, '{}'); INSERT INTO model (id, slug, "
        "owner, reference, name, created, updated) VALUES (1, 'm', 1, 'r', 'M', 1, 1); INSERT INTO "
        "run (id, slug, entry, version, model, owner, name, created, samples) VALUES (7, 'r', 1, "
        "1, 1, 1, 'R', 1, 1); INSERT INTO prediction (id, run, sample, name, document) VALUES (3, "
        "7, 5, 'a', '{}'), (9, 7, 6, 'b', '[]'); INSERT INTO run_sample (run, sample) VALUES (7, "
        "5), (7, 6); UPDATE run SET state = 1; UPDATE run SET state = 2");
    reopen(place);
    assert_int_equal(number(place, "PRAGMA user_version"), STEPS);
    assert_int_equal(number(place, "SELECT count(*) FROM prediction WHERE run = 7 AND ((id = 3 AND "
                                   "sample = 5 AND name = 'a' AND document = '{}') OR (id = 9 AND "
                                   "sample = 6 AND name = 'b' AND document = '[]'))"),
                     2);
    assert_int_equal(number(place, "SELECT count(*) FROM run_sample WHERE run = 7"), 2);
    assert_int_equal(number(place, "SELECT rasters FROM run"), 0);
    expect_failure(place, "DELETE FROM prediction");
    expect_failure(place, "DELETE FROM run_sample");
}

static void test_what_is_committed_stays(void **state)
{
    static const char *const changes[] = {
        "UPDATE run SET name = 'x'",
        "UPDATE run SET state = 0",
        "UPDATE run SET blob = NULL",
        "UPDATE prediction SET document = '{\"x\": 1}'",
        "DELETE FROM prediction",
        "INSERT INTO prediction (run, sample, name, document) VALUES (1, 5, 'b', '{}')",
        "INSERT INTO run_sample (run, sample) VALUES (1, 6)",
        "DELETE FROM run_sample",
        "UPDATE run_raster SET bits = 16",
        "DELETE FROM run_raster",
        "INSERT INTO run_raster (run, sample, height, width, bits, pixels) VALUES (1, 6, 1, 1, 8, "
        "x'00')",
        "UPDATE evaluation SET document = '{}' WHERE state = 2",
    };
    struct place *place = *state;
    test_a_file_of_the_first_step(state);
    run(place->db,
        "UPDATE prediction SET document = '{\"y\": 1}'; UPDATE run SET state = 1; UPDATE "
        "run SET state = 2; INSERT INTO evaluation (slug, run, owner, parameters, state, "
        "created) VALUES ('v', 1, 1, '{}', 2, 1)");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        expect_failure(place, changes[i]);
    /* All of it goes with the entry, the runs' rows piece by piece. */
    run(place->db, "DELETE FROM entry");
    assert_int_equal(number(place, "SELECT count(*) FROM run_gone"), 1);
    struct vdt_error error = {0};
    vdt_status status;
    while ((status = vdt_meta_runs_sweep(place->db, &error)) == VDT_OK)
        continue;
    assert_int_equal(status, VDT_END);
    assert_int_equal(number(place,
                            "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM "
                            "prediction) + (SELECT count(*) FROM run_sample) + (SELECT "
                            "count(*) FROM run_raster) + (SELECT count(*) FROM run_gone) + "
                            "(SELECT count(*) FROM evaluation) + (SELECT count(*) FROM version)"),
                     0);
}

/* As a file that was made with no step would be. */
static void test_a_file_before_the_first_step(void **state)
{
    struct place *place = *state;
    vdt_db_close(place->db);
    place->db = NULL;
    unlink(place->path);
    fclose(fopen(place->path, "w"));
    OK(vdt_db_open(place->path, false, &place->db, error));
    assert_int_equal(number(place, "PRAGMA user_version"), STEPS);
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
    const struct {
        const unsigned char *sql;
        size_t size;
    } steps[] = {{vdt_schema_0001, vdt_schema_0001_size},
                 {vdt_schema_0002, vdt_schema_0002_size},
                 {vdt_schema_0003, vdt_schema_0003_size},
                 {vdt_schema_0004, vdt_schema_0004_size}};
    char path[512], text[65536];
    if (source == NULL)
        skip();
    for (size_t i = 0; i < STEPS; i++) {
        snprintf(path, sizeof path, "%s/../schemas/catalog/000%zu.sql", source, i + 1);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(text, 1, sizeof text, file);
        fclose(file);
        assert_int_equal(size, steps[i].size);
        assert_memory_equal(text, steps[i].sql, size);
        assert_int_equal(steps[i].sql[size], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_file),
        TEST(test_opened_again_nothing_is_run_again),
        TEST(test_a_file_before_the_first_step),
        TEST(test_a_file_of_the_first_step),
        TEST(test_a_file_of_the_second_step),
        TEST(test_what_is_committed_stays),
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

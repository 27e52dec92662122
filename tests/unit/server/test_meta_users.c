/* Users, tokens, quotas and the audit log. */
#include "unit/server/catalog_db.h"

#include "base/json.h"
#include "server/meta/audit.h"
#include "server/meta/people.h"
#include "server/meta/quota.h"
#include "server/meta/times.h"
#include "server/meta/users.h"

static int64_t add_user(struct place *place, const char *name)
{
    int64_t id = 0;
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    OK(vdt_user_create(session, name, &id, error));
    commit(&session);
    return id;
}

static void add_token(struct place *place, int64_t user, unsigned scopes, int64_t expires,
                      char token[VDT_TOKEN_ROOM])
{
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    const struct vdt_new_token wish = {.user = user, .scopes = scopes, .expires = expires};
    OK(vdt_token_create(session, &wish, token, NULL, error));
    commit(&session);
}

static void run(struct place *place, const char *sql)
{
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    OK(vdt_db_run(session, sql, error));
    commit(&session);
}

static void test_a_token_is_its_user(void **state)
{
    struct place *place = *state;
    struct vdt_caller caller = {0};
    char token[VDT_TOKEN_ROOM];
    int64_t ada = add_user(place, "ada");
    add_token(place, ada, VDT_SCOPE_READ | VDT_SCOPE_WRITE, 0, token);
    OK(vdt_caller_of_token(place->db, token, &caller, error));
    assert_int_equal(caller.user, ada);
    assert_string_equal(caller.name, "ada");
    assert_int_equal(caller.scopes, VDT_SCOPE_READ | VDT_SCOPE_WRITE);
    assert_true(vdt_caller_may(&caller, VDT_SCOPE_READ));
    assert_false(vdt_caller_may(&caller, VDT_SCOPE_READ | VDT_SCOPE_PUBLISH));
    assert_true(vdt_caller_may(&(struct vdt_caller){.scopes = VDT_SCOPE_ADMIN}, VDT_SCOPE_ALL));
}

static void test_every_changed_character_is_noticed(void **state)
{
    struct place *place = *state;
    struct vdt_caller caller = {0};
    char token[VDT_TOKEN_ROOM], other[VDT_TOKEN_ROOM];
    add_token(place, add_user(place, "ada"), VDT_SCOPE_READ, 0, token);
    for (size_t i = 0; i < strlen(token); i++) {
        strcpy(other, token);
        other[i] = other[i] == 'a' ? 'b' : 'a';
        FAILS(VDT_ERR_NOT_FOUND, "the token",
              vdt_caller_of_token(place->db, other, &caller, error));
        strcpy(other, token);
        other[i] = '\0';
        FAILS(VDT_ERR_NOT_FOUND, "damaged", vdt_caller_of_token(place->db, other, &caller, error));
    }
    assert_int_equal(caller.user, 0);
}

static void test_tokens_differ(void **state)
{
    struct place *place = *state;
    enum { COUNT = 50 };
    char tokens[COUNT][VDT_TOKEN_ROOM];
    int64_t ada = add_user(place, "ada");
    for (int i = 0; i < COUNT; i++) {
        add_token(place, ada, VDT_SCOPE_READ, 0, tokens[i]);
        for (int k = 0; k < i; k++) {
            assert_int_not_equal(memcmp(tokens[i] + 3, tokens[k] + 3, 8), 0);
            assert_int_not_equal(memcmp(tokens[i] + 12, tokens[k] + 12, 43), 0);
        }
    }
}

static void test_ends_of_tokens(void **state)
{
    struct place *place = *state;
    struct vdt_caller caller = {0};
    char token[VDT_TOKEN_ROOM];
    int64_t ada = add_user(place, "ada");
    add_token(place, ada, VDT_SCOPE_READ, vdt_time_now() + VDT_DAY, token);
    OK(vdt_caller_of_token(place->db, token, &caller, error));
    run(place, "UPDATE token SET expires = 5");
    FAILS(VDT_ERR_NOT_FOUND, "expired", vdt_caller_of_token(place->db, token, &caller, error));
    run(place, "UPDATE token SET expires = NULL, revoked = 5");
    FAILS(VDT_ERR_NOT_FOUND, "revoked", vdt_caller_of_token(place->db, token, &caller, error));
    run(place, "UPDATE token SET revoked = NULL; UPDATE user SET disabled = 1");
    FAILS(VDT_ERR_NOT_FOUND, "disabled", vdt_caller_of_token(place->db, token, &caller, error));
    run(place, "UPDATE user SET disabled = 0, scopes = 2");
    OK(vdt_caller_of_token(place->db, token, &caller, error));
    assert_int_equal(caller.scopes, 0); /* the user's own limit counts as well */
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "9", "ada.b_c-d", "0-0"};
    static const char *const bad[] = {"", "A", "-a", ".a", "_", "a b", "a/b", "é", "a\n"};
    char long_name[VDT_USER_NAME_MOST + 2];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(vdt_user_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(vdt_user_name_valid(bad[i]));
    memset(long_name, 'a', sizeof long_name);
    long_name[VDT_USER_NAME_MOST] = '\0';
    assert_true(vdt_user_name_valid(long_name));
    long_name[VDT_USER_NAME_MOST] = 'a';
    long_name[VDT_USER_NAME_MOST + 1] = '\0';
    assert_false(vdt_user_name_valid(long_name));
}

static void test_scopes(void **state)
{
    (void)state;
    for (unsigned scopes = 1; scopes <= VDT_SCOPE_ALL; scopes++) {
        char text[VDT_SCOPES_ROOM];
        unsigned read = 0;
        vdt_scopes_text(scopes, text);
        OK(vdt_scopes_parse(text, &read, error));
        assert_int_equal(read, scopes);
        json_t *list = vdt_scopes_json(scopes);
        OK(vdt_scopes_of_json(list, &read, error));
        assert_int_equal(read, scopes);
        json_decref(list);
    }
    static const char *const bad[] = {"", ",", "read,", ",read", "Read", "read write", "readx"};
    unsigned read = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        FAILS(VDT_ERR_ARGUMENT, "scopes", vdt_scopes_parse(bad[i], &read, error));
    assert_int_equal(read, 77);
}

/* --- quotas ----------------------------------------------------------------------------------- */

static void test_usage_counts_what_is_the_owners(void **state)
{
    struct place *place = *state;
    struct vdt_usage usage = {0};
    int64_t ada = add_user(place, "ada");
    int64_t bob = add_user(place, "bob");
    run(place,
        "INSERT INTO entry (id, slug, owner, name, created, updated) VALUES (1, 'a', 1, 'n', 0, 0),"
        "  (2, 'b', 2, 'n', 0, 0);"
        "INSERT INTO blob (id, name, size, created) VALUES (1, 'x', 100, 0), (2, 'y', 7, 0),"
        "  (3, 'z', 1000, 0);"
        "INSERT INTO version (entry, number, digest, size, block_size, blocks, created, creator,"
        "  info) VALUES (1, 1, 'd', 1, 1, x'', 0, 1, '{}'), (1, 2, 'e', 1, 1, x'', 0, 1, '{}'),"
        "  (2, 1, 'f', 1, 1, x'', 0, 2, '{}');"
        "INSERT INTO segment (entry, version, first_block, count, blob, blob_offset) VALUES"
        "  (1, 1, 0, 1, 1, 0), (1, 2, 0, 1, 1, 0), (1, 2, 1, 1, 2, 0), (2, 1, 0, 1, 3, 0);"
        "INSERT INTO upload (id, entry, user, created, expires, size, block_size, blocks, received,"
        "  state, reserved) VALUES ('u', 1, 2, 0, 0, 1, 1, x'', x'', 0, 50),"
        "  ('v', 1, 2, 0, 0, 1, 1, x'', x'', 1, 9000)");
    struct vdt_session *session = session_of(place, VDT_DB_READ);
    OK(vdt_usage_of(session, ada, &usage, error));
    assert_int_equal(usage.bytes, 100 + 7 + 50); /* a shared blob once; open uploads, no others */
    assert_int_equal(usage.entries, 1);
    assert_int_equal(usage.uploads, 0);
    OK(vdt_usage_of(session, bob, &usage, error));
    assert_int_equal(usage.bytes, 1000);
    assert_int_equal(usage.uploads, 1);
    OK(vdt_quota_upload(session, bob, ada, INT64_MAX, error)); /* no limit */
    vdt_db_end(&session);
    run(place, "UPDATE user SET quota_bytes = 200 WHERE id = 1");
    session = session_of(place, VDT_DB_READ);
    OK(vdt_quota_upload(session, bob, ada, 43, error));
    FAILS(VDT_ERR_FULL, "157 of 200 bytes", vdt_quota_upload(session, bob, ada, 44, error));
    FAILS(VDT_ERR_FULL, "quota", vdt_quota_upload(session, bob, ada, INT64_MAX, error));
    vdt_db_end(&session);
}

/* --- audit ------------------------------------------------------------------------------------ */

struct problems {
    int count;
    char last[200];
};

static void note_problem(const char *text, void *payload)
{
    struct problems *problems = payload;
    problems->count++;
    snprintf(problems->last, sizeof problems->last, "%s", text);
}

static int audit_problems(struct place *place, struct problems *problems)
{
    *problems = (struct problems){0};
    OK(vdt_audit_check(place->db, note_problem, problems, error));
    return problems->count;
}

static void add_events(struct place *place, int count)
{
    for (int i = 0; i < count; i++) {
        struct vdt_session *session = session_of(place, VDT_DB_WRITE);
        json_t *detail = json_pack("{s:i}", "i", i);
        const struct vdt_audit_event event = {
            .action = "test", .entry = i % 2 ? "slug" : NULL, .detail = detail, .result = 200};
        OK(vdt_audit_add(session, &event, error));
        commit(&session);
        json_decref(detail);
    }
}

static void test_the_chain_is_whole(void **state)
{
    struct problems problems;
    assert_int_equal(audit_problems(*state, &problems), 0);
    add_events(*state, 10);
    assert_int_equal(audit_problems(*state, &problems), 0);
}

#define UNLOCK "DROP TRIGGER audit_stays; DROP TRIGGER audit_all_stays; "

static void test_what_is_done_to_the_chain_is_seen(void **state)
{
    static const char *const crimes[] = {
        "UPDATE audit SET user = 'eve' WHERE id = 3",
        "UPDATE audit SET time = time + 1 WHERE id = 10",
        "UPDATE audit SET result = 500 WHERE id = 1",
        "UPDATE audit SET detail = '{}' WHERE id = 5",
        "UPDATE audit SET entry = action, action = entry WHERE id = 2",
        "DELETE FROM audit WHERE id = 4",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit WHERE id = 10",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 10; DELETE FROM setting WHERE name = 'audit'",
        "UPDATE audit SET hash = 'x' WHERE id = 10",
    };
    struct place *place = *state;
    struct problems problems;
    add_events(place, 10);
    for (size_t i = 0; i < sizeof crimes / sizeof crimes[0]; i++) {
        char path[128], sql[300];
        snprintf(path, sizeof path, "%s/copy%zu.db", place->folder, i);
        OK(vdt_db_copy(place->db, path, error));
        struct place copy = {0};
        OK(vdt_db_open(path, false, &copy.db, error));
        snprintf(sql, sizeof sql, UNLOCK "%s", crimes[i]);
        run(&copy, sql);
        if (audit_problems(&copy, &problems) != 1)
            fail_msg("%s: %d problems", crimes[i], problems.count);
        assert_non_null(strstr(problems.last, "audit: row"));
        vdt_db_close(copy.db);
    }
}

static void test_rows_stay(void **state)
{
    struct place *place = *state;
    add_events(place, 1);
    struct vdt_session *session = session_of(place, VDT_DB_WRITE);
    FAILS(VDT_ERR_MISMATCH, "only ever added to", vdt_db_run(session, "DELETE FROM audit", error));
    FAILS(VDT_ERR_MISMATCH, "only ever added to",
          vdt_db_run(session, "UPDATE audit SET user = ''", error));
    vdt_db_end(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_is_its_user),
        TEST(test_every_changed_character_is_noticed),
        TEST(test_tokens_differ),
        TEST(test_ends_of_tokens),
        TEST(test_names),
        TEST(test_scopes),
        TEST(test_usage_counts_what_is_the_owners),
        TEST(test_the_chain_is_whole),
        TEST(test_what_is_done_to_the_chain_is_seen),
        TEST(test_rows_stay),
    };
    return cmocka_run_group_tests_name("server/meta_users", tests, NULL, NULL);
}

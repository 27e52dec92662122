/* An empty catalog's database in a folder of its own, for tests of the metadata. */
#ifndef TESTS_SERVER_CATALOG_DB_H
#define TESTS_SERVER_CATALOG_DB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "server/meta/db.h"

struct place {
    char folder[64];
    char path[96];
    struct vdt_db *db;
};

#define OK(call)                                                        \
    do {                                                                \
        struct vdt_error error_ = {.status = VDT_OK}, *error = &error_; \
        if ((call) != VDT_OK)                                           \
            fail_msg("%s: %s", #call, error->message);                  \
    } while (0)

/* The call's status must be `wanted`; its message has `word`. */
#define FAILS(wanted, word, call)                                       \
    do {                                                                \
        struct vdt_error error_ = {.status = VDT_OK}, *error = &error_; \
        assert_int_equal((call), wanted);                               \
        if (strstr(error->message, word) == NULL)                       \
            fail_msg("'%s' is not in '%s'", word, error->message);      \
        assert_null(strchr(error->message, '\n'));                      \
    } while (0)

static inline int begin_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->folder, "/tmp/vedatile-db-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/catalog.db", place->folder);
    OK(vdt_db_open(place->path, true, &place->db, error));
    *state = place;
    return 0;
}

static inline int end_place(void **state)
{
    struct place *place = *state;
    vdt_db_close(place->db);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", place->folder);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static inline struct vdt_session *session_of(struct place *place, enum vdt_db_mode mode)
{
    struct vdt_session *session = NULL;
    OK(vdt_db_begin(place->db, mode, &session, error));
    return session;
}

static inline void commit(struct vdt_session **session)
{
    OK(vdt_db_commit(session, error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_place, end_place)

#endif

/* The chain of audit rows. */
#include "server/meta/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "server/meta/times.h"

enum { HASH_ROOM = 65, LAST_ROOM = HASH_ROOM + 24 };

/* One row as it is hashed; texts are borrowed. */
struct row {
    int64_t id, time, result;
    const char *user, *token, *action, *entry, *detail, *previous;
};

/* Lengths before texts, so that no two rows have the same bytes. */
static void add_text(struct vdt_sha256 *sha, const char *text)
{
    char size[24];
    int count = snprintf(size, sizeof size, "%zu:", strlen(text));
    vdt_sha256_add(sha, size, (size_t)count);
    vdt_sha256_add(sha, text, strlen(text));
}

static void add_number(struct vdt_sha256 *sha, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    add_text(sha, text);
}

static void hash_row(const struct row *row, char hash[HASH_ROOM])
{
    unsigned char digest[32];
    struct vdt_sha256 *sha = vdt_sha256_new();
    add_text(sha, row->previous);
    add_number(sha, row->id);
    add_number(sha, row->time);
    add_text(sha, row->user);
    add_text(sha, row->token);
    add_text(sha, row->action);
    add_text(sha, row->entry);
    add_text(sha, row->detail);
    add_number(sha, row->result);
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, hash);
}

/* The last row's id and hash; 0 and "" of an empty log. */
static vdt_status last_row(struct vdt_session *session, int64_t *id, char hash[HASH_ROOM],
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status < 0)
        return status;
    *id = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    snprintf(hash, HASH_ROOM, "%s", status == VDT_OK ? vdt_rows_text(rows, 1) : "");
    return VDT_OK;
}

/* The last row is told in a second place, so that the end of the chain cannot be cut off. */
static vdt_status note_last(struct vdt_session *session, int64_t id, const char *hash,
                            struct vdt_error *error)
{
    char value[LAST_ROOM];
    snprintf(value, sizeof value, "%lld %s", (long long)id, hash);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "INSERT INTO setting (name, value) VALUES ('audit', ?1) "
                                       "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, value);
    return vdt_rows_run(rows, error);
}

static vdt_status insert_row(struct vdt_session *session, const struct row *row, const char *hash,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO audit (id, time, user, token, action, entry, detail, result, previous, hash) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, row->time);
    vdt_bind_text(rows, 3, row->user);
    vdt_bind_text(rows, 4, row->token);
    vdt_bind_text(rows, 5, row->action);
    vdt_bind_text(rows, 6, row->entry);
    vdt_bind_text(rows, 7, row->detail);
    vdt_bind_integer(rows, 8, row->result);
    vdt_bind_text(rows, 9, row->previous);
    vdt_bind_text(rows, 10, hash);
    return vdt_rows_run(rows, error);
}

/* The public part of the caller's token; "" without one. */
static vdt_status token_prefix(struct vdt_session *session, const struct vdt_caller *caller,
                               char prefix[16], struct vdt_error *error)
{
    prefix[0] = '\0';
    if (caller == NULL || caller->token == 0)
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT prefix FROM token WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, caller->token);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        snprintf(prefix, 16, "%s", vdt_rows_text(rows, 0));
    return status < 0 ? status : VDT_OK;
}

vdt_status vdt_audit_add(struct vdt_session *session, const struct vdt_audit_event *event,
                         struct vdt_error *error)
{
    char previous[HASH_ROOM], hash[HASH_ROOM], prefix[16];
    int64_t last = 0;
    vdt_cleanup(vdt_free_pointer) char *detail =
        event->detail == NULL ? NULL : vdt_json_text(event->detail);
    if (event->detail != NULL && detail == NULL)
        return vdt_fail_memory(error, "audit");
    vdt_status status = token_prefix(session, event->caller, prefix, error);
    if (status == VDT_OK)
        status = last_row(session, &last, previous, error);
    if (status != VDT_OK)
        return status;
    const struct row row = {.id = last + 1,
                            .time = vdt_time_now(),
                            .user = event->caller == NULL ? "-" : event->caller->name,
                            .token = prefix,
                            .action = event->action,
                            .entry = event->entry == NULL ? "" : event->entry,
                            .detail = detail == NULL ? "{}" : detail,
                            .result = event->result,
                            .previous = previous};
    hash_row(&row, hash);
    status = insert_row(session, &row, hash, error);
    return status == VDT_OK ? note_last(session, row.id, hash, error) : status;
}

/* --- lists ------------------------------------------------------------------------------------ */

static const char *text_of(struct vdt_rows *rows, int column)
{
    const char *text = vdt_rows_text(rows, column);
    return text == NULL ? "" : text;
}

static json_t *text_or_null(const char *text)
{
    return *text == '\0' ? json_null() : json_string(text);
}

static json_t *event_document(struct vdt_rows *rows)
{
    json_t *detail = json_loads(text_of(rows, 6), 0, NULL);
    return json_pack("{s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:s}", "id",
                     (json_int_t)vdt_rows_integer(rows, 0), "time",
                     vdt_time_json(vdt_rows_integer(rows, 1)), "user",
                     text_or_null(text_of(rows, 2)), "token", text_or_null(text_of(rows, 3)),
                     "action", text_of(rows, 4), "entry", text_or_null(text_of(rows, 5)), "detail",
                     detail == NULL ? json_null() : detail, "result",
                     (json_int_t)vdt_rows_integer(rows, 7), "hash", text_of(rows, 8));
}

vdt_status vdt_audit_list(struct vdt_session *session, const struct vdt_audit_query *query,
                          json_t **events, int64_t *last, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status =
        vdt_db_prepare(session,
                       "SELECT id, time, user, token, action, entry, detail, result, hash FROM "
                       "audit WHERE id < ?1 AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR entry "
                       "= ?3) AND (?4 IS NULL OR action = ?4) ORDER BY id DESC LIMIT ?5",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, query->before);
    vdt_bind_text(rows, 2, query->user);
    vdt_bind_text(rows, 3, query->entry);
    vdt_bind_text(rows, 4, query->action);
    vdt_bind_integer(rows, 5, query->limit + 1);
    *more = false;
    while (!*more && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        *more = json_array_size(list) == (size_t)query->limit;
        if (*more)
            break;
        *last = vdt_rows_integer(rows, 0);
        if (json_array_append_new(list, event_document(rows)) != 0)
            return vdt_fail_memory(error, "audit");
    }
    if (status < 0)
        return status;
    *events = list;
    list = NULL;
    return VDT_OK;
}

/* --- the proof ------------------------------------------------------------------------------- */

/* Compares the row with the one before; false: the chain is broken here. */
static bool row_holds(struct vdt_rows *rows, int64_t id, const char *previous, char hash[HASH_ROOM])
{
    const struct row row = {.id = vdt_rows_integer(rows, 0),
                            .time = vdt_rows_integer(rows, 1),
                            .user = text_of(rows, 2),
                            .token = text_of(rows, 3),
                            .action = text_of(rows, 4),
                            .entry = text_of(rows, 5),
                            .detail = text_of(rows, 6),
                            .result = vdt_rows_integer(rows, 7),
                            .previous = text_of(rows, 8)};
    hash_row(&row, hash);
    return row.id == id && strcmp(row.previous, previous) == 0 &&
           strcmp(hash, text_of(rows, 9)) == 0;
}

static vdt_status check_end(struct vdt_session *session, int64_t id, const char *hash,
                            void (*problem)(const char *text, void *payload), void *payload,
                            struct vdt_error *error)
{
    char value[LAST_ROOM];
    snprintf(value, sizeof value, "%lld %s", (long long)id, hash);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT value FROM setting WHERE name = 'audit'", &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status < 0)
        return status;
    if (status == VDT_END ? id != 0 : strcmp(text_of(rows, 0), value) != 0)
        problem("audit: rows at its end are missing, or were added by something else", payload);
    return VDT_OK;
}

vdt_status vdt_audit_check(struct vdt_db *db, void (*problem)(const char *text, void *payload),
                           void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "SELECT id, time, user, token, action, entry, detail, result, "
                                "previous, hash FROM audit ORDER BY id",
                                &rows, error);
    char hashes[2][HASH_ROOM] = {"", ""};
    int64_t id = 0;
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        const char *previous = hashes[id % 2];
        char *hash = hashes[(id + 1) % 2];
        id++;
        if (!row_holds(rows, id, previous, hash)) {
            char text[160];
            snprintf(text, sizeof text,
                     "audit: row %lld was changed, or rows before it were taken away",
                     (long long)id);
            problem(text, payload);
            return VDT_OK; /* what follows cannot be right either */
        }
    }
    if (status != VDT_END)
        return status;
    return check_end(session, id, hashes[id % 2], problem, payload, error);
}

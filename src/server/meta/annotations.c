/* Annotations as rows. */
#include "server/meta/annotations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/times.h"

enum { ROW_BYTES = 96 /* of an annotation beyond its texts */ };

/* --- samples ---------------------------------------------------------------------------------- */

vdt_status vdt_set_knows(struct vdt_session *session, int64_t entry, const char *key, bool *known,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT 1 FROM sample WHERE entry = ?1 AND key = ?2 LIMIT 1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_text(rows, 2, key);
    status = vdt_rows_next(rows, error);
    *known = status == VDT_OK;
    return status < 0 ? status : VDT_OK;
}

static vdt_status is_marked(struct vdt_session *session, int64_t set, const char *sample,
                            bool *annotated, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT 1 FROM annotated_sample WHERE annotation_set = ?1 AND sample = ?2", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    status = vdt_rows_next(rows, error);
    *annotated = status == VDT_OK;
    return status < 0 ? status : VDT_OK;
}

/* In the newest version. VDT_END: there is none. */
static vdt_status find_in_head(struct vdt_session *session, const struct vdt_entry_row *entry,
                               enum vdt_sample_by by, const char *text, char key[VDT_KEY_SIZE],
                               struct vdt_error *error)
{
#define OF_HEAD                                                                                \
    "SELECT s.key FROM sample s WHERE s.entry = ?1 AND s.since <= ?2 AND (s.until IS NULL OR " \
    "s.until > ?2) "
    static const char *const queries[] = {
        [VDT_BY_REFERENCE] = OF_HEAD "AND s.key = ?3",
        [VDT_BY_INDEX] = OF_HEAD "ORDER BY s.grp, s.position LIMIT 1 OFFSET ?3",
        [VDT_BY_NUMBER] = OF_HEAD "AND s.id = ?3",
    };
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    size_t size = strlen(text);
    if (by != VDT_BY_REFERENCE && (size == 0 || size > 18 || strspn(text, "0123456789") != size))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%.60s: is no number of a sample", text);
    vdt_status status = vdt_db_prepare(session, queries[by], &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    vdt_bind_integer(rows, 2, entry->head);
    if (by == VDT_BY_REFERENCE)
        vdt_bind_text(rows, 3, text);
    else
        vdt_bind_integer(rows, 3, strtoll(text, NULL, 10));
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        snprintf(key, VDT_KEY_SIZE, "%s", vdt_rows_text(rows, 0));
    return status;
}

vdt_status vdt_set_key(struct vdt_session *session, const struct vdt_entry_row *entry, int64_t set,
                       enum vdt_sample_by by, const char *text, char key[VDT_KEY_SIZE],
                       struct vdt_error *error)
{
    bool annotated = false;
    vdt_status status = find_in_head(session, entry, by, text, key, error);
    if (status != VDT_END)
        return status;
    status = by == VDT_BY_REFERENCE && strlen(text) < VDT_KEY_SIZE
                 ? is_marked(session, set, text, &annotated, error)
                 : VDT_OK;
    if (status == VDT_OK && !annotated)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: has no sample %.200s", entry->slug,
                        text);
    if (status == VDT_OK)
        snprintf(key, VDT_KEY_SIZE, "%s", text);
    return status;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Runs SQL of (?1 set, ?2 sample). */
static vdt_status run_on_sample(struct vdt_session *session, const char *sql, int64_t set,
                                const char *sample, int64_t *changes, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        *changes = vdt_db_changes(session);
    return status;
}

vdt_status vdt_set_mark(struct vdt_session *session, int64_t set, const char *sample,
                        struct vdt_meta_run_change *change, struct vdt_error *error)
{
    int64_t marked = 0;
    vdt_status status = run_on_sample(session,
                                      "INSERT INTO annotated_sample (annotation_set, sample) "
                                      "VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                                      set, sample, &marked, error);
    change->marked += marked;
    return status;
}

static int64_t size_of(const char *sample, const char *name)
{
    return (int64_t)(strlen(sample) + strlen(name)) + ROW_BYTES;
}

/* Bytes of the document that is there; -1: there is none. */
static vdt_status find_size(struct vdt_session *session, int64_t set, const char *sample,
                            const char *name, int64_t *size, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "SELECT length(CAST(document AS BLOB)) FROM annotation WHERE annotation_set "
                       "= ?1 AND sample = ?2 AND name = ?3",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    vdt_bind_text(rows, 3, name);
    status = vdt_rows_next(rows, error);
    *size = status == VDT_OK ? vdt_rows_integer(rows, 0) : -1;
    return status < 0 ? status : VDT_OK;
}

/* The value of "class", which may be the only or the best one of several with scores. */
static const char *class_of(const json_t *value)
{
    const json_t *said = json_object_get(json_object_get(value, "labels"), "class");
    const char *best = json_string_value(said), *name;
    double highest = -1;
    json_t *score;
    if (best == NULL)
        best = json_string_value(json_object_get(value, "label"));
    if (best == NULL)
        best = json_string_value(json_array_get(said, 0));
    json_object_foreach((json_t *)said, name, score)
    {
        if (json_number_value(score) > highest) {
            highest = json_number_value(score);
            best = name;
        }
    }
    return best;
}

static vdt_status write_row(struct vdt_session *session, int64_t set, const char *sample,
                            const char *name, const char *document, bool fresh,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *value = json_loads(document, 0, NULL);
    const char *type = json_string_value(json_object_get(value, "type"));
    vdt_status status = vdt_db_prepare(
        session,
        fresh ? "INSERT INTO annotation (annotation_set, sample, name, type, class, document) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
              : "UPDATE annotation SET type = ?4, class = ?5, document = ?6 WHERE annotation_set = "
                "?1 AND sample = ?2 AND name = ?3",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    vdt_bind_text(rows, 3, name);
    vdt_bind_text(rows, 4, type == NULL ? "" : type);
    vdt_bind_text(rows, 5, class_of(value));
    vdt_bind_text(rows, 6, document);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_set_put(struct vdt_session *session, int64_t set, const char *sample,
                       const char *name, const char *document, bool update,
                       struct vdt_meta_run_change *change, struct vdt_error *error)
{
    int64_t before = -1;
    vdt_status status = find_size(session, set, sample, name, &before, error);
    if (status == VDT_OK && before >= 0 && !update) {
        change->ignored++;
        return VDT_OK;
    }
    if (status == VDT_OK)
        status = write_row(session, set, sample, name, document, before < 0, error);
    if (status != VDT_OK)
        return status;
    change->processed += before < 0;
    change->updated += before >= 0;
    change->bytes += (int64_t)strlen(document) - (before < 0 ? -size_of(sample, name) : before);
    return vdt_set_mark(session, set, sample, change, error);
}

vdt_status vdt_set_take_away(struct vdt_session *session, int64_t set, const char *sample,
                             const char *name, struct vdt_meta_run_change *change,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    int64_t before = -1;
    vdt_status status = find_size(session, set, sample, name, &before, error);
    if (status == VDT_OK && before < 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "sample %.200s: has no annotation %.200s", sample,
                        name);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "DELETE FROM annotation WHERE annotation_set = ?1 AND sample = ?2 AND name = ?3", &rows,
            error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    vdt_bind_text(rows, 3, name);
    status = vdt_rows_run(rows, error);
    change->processed--;
    change->bytes -= before + size_of(sample, name);
    return status;
}

/* What the sample's annotations count for. */
static vdt_status weigh_sample(struct vdt_session *session, int64_t set, const char *sample,
                               int64_t *bytes, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT coalesce(sum(length(CAST(document AS BLOB)) + length(CAST(sample AS BLOB)) + "
        "length(CAST(name AS BLOB)) + ?3), 0) FROM annotation WHERE annotation_set = ?1 AND sample "
        "= ?2",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, sample);
    vdt_bind_integer(rows, 3, ROW_BYTES);
    status = vdt_rows_next(rows, error);
    *bytes = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status;
}

vdt_status vdt_set_clear(struct vdt_session *session, int64_t set, const char *sample,
                         struct vdt_meta_run_change *change, struct vdt_error *error)
{
    int64_t bytes = 0, gone = 0, unmarked = 0;
    vdt_status status = weigh_sample(session, set, sample, &bytes, error);
    if (status == VDT_OK)
        status = run_on_sample(session,
                               "DELETE FROM annotation WHERE annotation_set = ?1 AND sample = ?2",
                               set, sample, &gone, error);
    if (status == VDT_OK)
        status = run_on_sample(
            session, "DELETE FROM annotated_sample WHERE annotation_set = ?1 AND sample = ?2", set,
            sample, &unmarked, error);
    change->processed -= gone;
    change->marked -= unmarked;
    change->bytes -= bytes;
    return status;
}

vdt_status vdt_set_count(struct vdt_session *session, struct vdt_set_row *row,
                         const struct vdt_meta_run_change *change, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (change->processed == 0 && change->updated == 0 && change->marked == 0)
        return VDT_OK;
    vdt_status status = vdt_db_prepare(
        session,
        "UPDATE annotation_set SET samples = samples + ?2, annotations = annotations + ?3, bytes = "
        "bytes + ?4, updated = ?5, revision = revision + 1 WHERE id = ?1",
        &rows, error);
    if (status != VDT_OK)
        return status;
    row->samples += change->marked;
    row->annotations += change->processed;
    row->bytes += change->bytes;
    row->updated = vdt_time_now();
    row->revision++;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, change->marked);
    vdt_bind_integer(rows, 3, change->processed);
    vdt_bind_integer(rows, 4, change->bytes);
    vdt_bind_integer(rows, 5, row->updated);
    return vdt_rows_run(rows, error);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool keep_document(void *payload, int64_t id, const char *sample, const char *document)
{
    (void)id;
    (void)sample;
    return json_array_append_new(payload, json_loads(document, 0, NULL)) == 0;
}

vdt_status vdt_set_sample(struct vdt_session *session, int64_t set, const char *sample,
                          bool *annotated, json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    const struct vdt_set_query query = {.sample = sample, .limit = -1};
    vdt_status status = is_marked(session, set, sample, annotated, error);
    if (status == VDT_OK)
        status = vdt_set_each(session, set, &query, keep_document, list, error);
    if (status != VDT_OK)
        return status;
    *out = list;
    list = NULL;
    return VDT_OK;
}

vdt_status vdt_set_each(struct vdt_session *session, int64_t set, const struct vdt_set_query *query,
                        bool (*each)(void *payload, int64_t id, const char *sample,
                                     const char *document),
                        void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    bool good = vdt_sql_append(&sql,
                               "SELECT id, sample, document FROM annotation WHERE annotation_set = "
                               "?1 AND id > ?2%s%s%s ORDER BY id LIMIT ?3",
                               query->sample == NULL ? "" : " AND sample = ?4",
                               query->type == NULL ? "" : " AND type = ?5",
                               query->class_name == NULL ? "" : " AND class = ?6");
    if (!good)
        return vdt_fail_memory(error, "annotations");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_integer(rows, 2, query->after);
    vdt_bind_integer(rows, 3, query->limit);
    if (query->sample != NULL)
        vdt_bind_text(rows, 4, query->sample);
    if (query->type != NULL)
        vdt_bind_text(rows, 5, query->type);
    if (query->class_name != NULL)
        vdt_bind_text(rows, 6, query->class_name);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        if (!each(payload, vdt_rows_integer(rows, 0), vdt_rows_text(rows, 1),
                  vdt_rows_text(rows, 2)))
            return VDT_OK;
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_set_each_sample(struct vdt_session *session, int64_t set, const char *after,
                               int limit, bool (*each)(void *payload, const char *sample),
                               void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT sample FROM annotated_sample WHERE annotation_set = ?1 AND sample > ?2 ORDER BY "
        "sample LIMIT ?3",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, set);
    vdt_bind_text(rows, 2, after == NULL ? "" : after);
    vdt_bind_integer(rows, 3, limit);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        if (!each(payload, vdt_rows_text(rows, 0)))
            return VDT_OK;
    return status == VDT_END ? VDT_OK : status;
}

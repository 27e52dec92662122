/* Predictions as rows: staged while a run is open, and read sample by sample for good. */
#include "server/meta/predictions.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { ROW_BYTES = 64 }; /* of a prediction beyond its texts */

/* Samples of a run: ?1 entry, ?2 version, ?3 group or NULL. */
#define OF_RUN                                                                              \
    "s.entry = ?1 AND s.since <= ?2 AND (s.until IS NULL OR s.until > ?2) AND (?3 IS NULL " \
    "OR s.grp = ?3)"

static void bind_run(struct vdt_rows *rows, const struct vdt_meta_run *run)
{
    vdt_bind_integer(rows, 1, run->entry);
    vdt_bind_integer(rows, 2, run->version);
    vdt_bind_text(rows, 3, run->group);
}

static vdt_status no_sample(const struct vdt_meta_run *run, const char *text,
                            struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "run %s: has no sample %.200s", run->slug, text);
}

/* --- samples ---------------------------------------------------------------------------------- */

static void read_sample(struct vdt_rows *rows, struct vdt_meta_run_sample *sample)
{
    *sample = (struct vdt_meta_run_sample){.number = vdt_rows_integer(rows, 0),
                                           .position = vdt_rows_integer(rows, 3),
                                           .predicted = vdt_rows_integer(rows, 4) != 0};
    snprintf(sample->key, sizeof sample->key, "%s", vdt_rows_text(rows, 1));
    snprintf(sample->group, sizeof sample->group, "%s", vdt_rows_text(rows, 2));
}

#define SAMPLE_COLUMNS                                                                         \
    "SELECT s.id, s.key, s.grp, s.position, EXISTS (SELECT 1 FROM run_sample p WHERE p.run = " \
    "?4 AND p.sample = s.id) FROM sample s WHERE " OF_RUN

static vdt_status find_index(struct vdt_session *session, const struct vdt_meta_run *run,
                             struct vdt_meta_run_sample *sample, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT count(*) FROM sample s WHERE " OF_RUN
                                       " AND (s.grp < ?4 OR (s.grp = ?4 AND s.position < ?5))",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    bind_run(rows, run);
    vdt_bind_text(rows, 4, sample->group);
    vdt_bind_integer(rows, 5, sample->position);
    status = vdt_rows_next(rows, error);
    sample->index = vdt_rows_integer(rows, 0);
    return status;
}

static bool read_number(const char *text, int64_t *number)
{
    size_t size = strlen(text);
    if (size == 0 || size > 18 || strspn(text, "0123456789") != size)
        return false;
    *number = strtoll(text, NULL, 10);
    return true;
}

vdt_status vdt_meta_run_sample(struct vdt_session *session, const struct vdt_meta_run *run,
                               enum vdt_sample_by by, const char *text,
                               struct vdt_meta_run_sample *sample, struct vdt_error *error)
{
    static const char *const queries[] = {
        [VDT_BY_REFERENCE] = SAMPLE_COLUMNS " AND s.key = ?5",
        [VDT_BY_INDEX] = SAMPLE_COLUMNS " ORDER BY s.grp, s.position LIMIT 1 OFFSET ?5",
        [VDT_BY_NUMBER] = SAMPLE_COLUMNS " AND s.id = ?5",
    };
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    int64_t number = 0;
    if (by != VDT_BY_REFERENCE && !read_number(text, &number))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%.60s: is no number of a sample", text);
    vdt_status status = vdt_db_prepare(session, queries[by], &rows, error);
    if (status != VDT_OK)
        return status;
    bind_run(rows, run);
    vdt_bind_integer(rows, 4, run->id);
    if (by == VDT_BY_REFERENCE)
        vdt_bind_text(rows, 5, text);
    else
        vdt_bind_integer(rows, 5, number);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status == VDT_END ? no_sample(run, text, error) : status;
    read_sample(rows, sample);
    return find_index(session, run, sample, error);
}

vdt_status vdt_meta_run_sample_number(struct vdt_session *session, const struct vdt_meta_run *run,
                                      const char *key, int64_t *number, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT s.id FROM sample s WHERE s.key = ?4 AND " OF_RUN, &rows, error);
    if (status != VDT_OK)
        return status;
    bind_run(rows, run);
    vdt_bind_text(rows, 4, key);
    status = vdt_rows_next(rows, error);
    *number = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status;
}

vdt_status vdt_meta_run_samples(struct vdt_session *session, const struct vdt_meta_run *run,
                                const struct vdt_meta_run_samples_query *query,
                                bool (*each)(void *payload,
                                             const struct vdt_meta_run_sample *sample),
                                void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        SAMPLE_COLUMNS " AND (?5 < 0 OR ?5 = EXISTS (SELECT 1 FROM run_sample q WHERE q.run = ?4 "
                       "AND q.sample = s.id)) AND (?6 IS NULL OR s.grp > ?6 OR (s.grp = ?6 AND "
                       "s.position > ?7)) ORDER BY s.grp, s.position LIMIT ?8",
        &rows, error);
    if (status != VDT_OK)
        return status;
    bind_run(rows, run);
    vdt_bind_integer(rows, 4, run->id);
    vdt_bind_integer(rows, 5, query->predicted);
    vdt_bind_text(rows, 6, query->after_group);
    vdt_bind_integer(rows, 7, query->after_position);
    vdt_bind_integer(rows, 8, query->limit);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        struct vdt_meta_run_sample sample;
        read_sample(rows, &sample);
        if (!each(payload, &sample))
            return VDT_OK;
    }
    return status == VDT_END ? VDT_OK : status;
}

/* --- changes ---------------------------------------------------------------------------------- */

vdt_status vdt_meta_run_mark(struct vdt_session *session, int64_t run, int64_t sample,
                             struct vdt_meta_run_change *change, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO run_sample (run, sample) VALUES (?1, ?2) ON CONFLICT (run, sample) DO NOTHING",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    status = vdt_rows_run(rows, error);
    if (status == VDT_OK)
        change->marked += vdt_db_changes(session);
    return status;
}

/* Bytes of the prediction that is there; -1: there is none. */
static vdt_status find_size(struct vdt_session *session, int64_t run, int64_t sample,
                            const char *name, int64_t *size, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT length(CAST(document AS BLOB)) FROM prediction "
                                       "WHERE run = ?1 AND sample = ?2 AND name = ?3",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    vdt_bind_text(rows, 3, name);
    status = vdt_rows_next(rows, error);
    *size = status == VDT_OK ? vdt_rows_integer(rows, 0) : -1;
    return status < 0 ? status : VDT_OK;
}

vdt_status vdt_meta_run_predict(struct vdt_session *session, int64_t run, int64_t sample,
                                const char *name, const char *document, bool update,
                                struct vdt_meta_run_change *change, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    int64_t before = -1;
    vdt_status status = find_size(session, run, sample, name, &before, error);
    if (status == VDT_OK && before >= 0 && !update) {
        change->ignored++;
        return VDT_OK;
    }
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                before < 0 ? "INSERT INTO prediction (run, sample, name, document) "
                                             "VALUES (?1, ?2, ?3, ?4)"
                                           : "UPDATE prediction SET document = ?4 WHERE run = ?1 "
                                             "AND sample = ?2 AND name = ?3",
                                &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    vdt_bind_text(rows, 3, name);
    vdt_bind_text(rows, 4, document);
    status = vdt_rows_run(rows, error);
    if (status != VDT_OK)
        return status;
    change->processed += before < 0;
    change->updated += before >= 0;
    change->bytes +=
        (int64_t)strlen(document) - (before < 0 ? -(int64_t)(strlen(name) + ROW_BYTES) : before);
    return vdt_meta_run_mark(session, run, sample, change, error);
}

vdt_status vdt_meta_run_count(struct vdt_session *session, int64_t run,
                              const struct vdt_meta_run_change *change, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "UPDATE run SET predicted = predicted + ?2, predictions = predictions + ?3, "
                       "bytes = bytes + ?4, rasters = rasters + ?5 WHERE id = ?1",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, change->marked);
    vdt_bind_integer(rows, 3, change->processed);
    vdt_bind_integer(rows, 4, change->bytes);
    vdt_bind_integer(rows, 5, change->rasters);
    return vdt_rows_run(rows, error);
}

/* --- reading ---------------------------------------------------------------------------------- */

vdt_status vdt_meta_run_predictions(struct vdt_session *session, int64_t run, int64_t sample,
                                    json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status = vdt_db_prepare(
        session, "SELECT document FROM prediction WHERE run = ?1 AND sample = ?2 ORDER BY id",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        if (json_array_append_new(list, json_loads(vdt_rows_text(rows, 0), 0, NULL)) != 0)
            return vdt_fail_memory(error, "run");
    if (status != VDT_END)
        return status;
    *out = list;
    list = NULL;
    return VDT_OK;
}

vdt_status vdt_meta_run_each(struct vdt_session *session, int64_t run, int64_t *after, int limit,
                             bool (*each)(void *payload, int64_t sample, const char *document),
                             void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT sample, id, document FROM prediction WHERE run = ?1 AND id > ?2 ORDER BY id LIMIT "
        "?3",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, *after);
    vdt_bind_integer(rows, 3, limit);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        *after = vdt_rows_integer(rows, 1);
        if (!each(payload, vdt_rows_integer(rows, 0), vdt_rows_text(rows, 2)))
            return VDT_OK;
    }
    return status == VDT_END ? VDT_OK : status;
}

/* Evaluations as rows. A job is taken, and ends, in one transaction each; what a server leaves
 * running is pending again when the next one starts. */
#include "server/meta/evaluations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/document.h"
#include "server/meta/times.h"

static const char *const states[] = {"pending", "running", "done", "failed"};

static vdt_status run_with(struct vdt_session *session, const char *sql, int64_t id,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    return vdt_rows_run(rows, error);
}

/* --- asked for -------------------------------------------------------------------------------- */

static vdt_status check_pending(struct vdt_session *session, int64_t user, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT count(*) FROM evaluation WHERE owner = ?1 AND state = 0", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    status = vdt_rows_next(rows, error);
    return status == VDT_OK && vdt_rows_integer(rows, 0) >= VDT_JOBS_OF_USER_MOST
               ? vdt_fail(error, VDT_ERR_FULL, "quota: %d evaluations of yours are pending; wait",
                          VDT_JOBS_OF_USER_MOST)
               : status;
}

/* VDT_END: nobody has asked for it. */
static vdt_status find_same(struct vdt_session *session, int64_t run, const char *parameters,
                            int64_t *id, char slug[VDT_SLUG_SIZE + 1], enum vdt_job_state *state,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT id, slug, state FROM evaluation WHERE run = ?1 AND parameters = ?2", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_text(rows, 2, parameters);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    *id = vdt_rows_integer(rows, 0);
    snprintf(slug, VDT_SLUG_SIZE + 1, "%s", vdt_rows_text(rows, 1));
    *state = (enum vdt_job_state)vdt_rows_integer(rows, 2);
    return VDT_OK;
}

static vdt_status insert(struct vdt_session *session, int64_t user, int64_t run,
                         const char *parameters, const char *slug, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "INSERT INTO evaluation (slug, run, owner, parameters, "
                                       "created) VALUES (?1, ?2, ?3, ?4, ?5)",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, slug);
    vdt_bind_integer(rows, 2, run);
    vdt_bind_integer(rows, 3, user);
    vdt_bind_text(rows, 4, parameters);
    vdt_bind_integer(rows, 5, vdt_time_now());
    return vdt_rows_run(rows, error);
}

vdt_status vdt_evaluation_ask(struct vdt_session *session, int64_t user,
                              const struct vdt_meta_run *run, const char *parameters, bool retry,
                              char slug[VDT_SLUG_SIZE + 1], bool *fresh, struct vdt_error *error)
{
    int64_t id = 0;
    enum vdt_job_state state = VDT_JOB_PENDING;
    *fresh = false;
    vdt_status status = find_same(session, run->id, parameters, &id, slug, &state, error);
    if (status == VDT_OK && (state != VDT_JOB_FAILED || !retry))
        return VDT_OK;
    if (status < 0)
        return status;
    bool again = status == VDT_OK;
    status = check_pending(session, user, error);
    *fresh = true;
    if (status == VDT_OK && again)
        return run_with(session,
                        "UPDATE evaluation SET state = 0, attempts = 0, message = '', started = "
                        "NULL, ended = NULL WHERE id = ?1",
                        id, error);
    if (status == VDT_OK)
        status = vdt_random_slug(slug, error);
    return status == VDT_OK ? insert(session, user, run->id, parameters, slug, error) : status;
}

/* --- found ------------------------------------------------------------------------------------ */

void vdt_evaluation_row_clear(struct vdt_evaluation_row *row)
{
    free(row->run_name);
    *row = (struct vdt_evaluation_row){0};
}

#define OF_ENTRY                                                                              \
    " FROM evaluation v JOIN run r ON r.id = v.run JOIN entry e ON e.id = r.entry JOIN user " \
    "u ON u.id = v.owner JOIN model m ON m.id = r.model "

static vdt_status read_row(struct vdt_rows *rows, struct vdt_evaluation_row *row,
                           struct vdt_error *error)
{
    row->id = vdt_rows_integer(rows, 0);
    row->owner = vdt_rows_integer(rows, 1);
    row->state = (enum vdt_job_state)vdt_rows_integer(rows, 2);
    row->run_owner = vdt_rows_integer(rows, 3);
    snprintf(row->slug, sizeof row->slug, "%s", vdt_rows_text(rows, 4));
    snprintf(row->run_slug, sizeof row->run_slug, "%s", vdt_rows_text(rows, 5));
    snprintf(row->entry_slug, sizeof row->entry_slug, "%s", vdt_rows_text(rows, 6));
    row->run_name = vdt_copy_string(vdt_rows_text(rows, 7));
    row->access = (enum vdt_access)vdt_rows_integer(rows, 8);
    return row->run_name == NULL ? vdt_fail_memory(error, "evaluation") : VDT_OK;
}

vdt_status vdt_evaluation_find(struct vdt_session *session, const struct vdt_caller *caller,
                               const char *slug, bool change, struct vdt_evaluation_row *row,
                               struct vdt_error *error)
{
    static const char columns[] =
        "SELECT v.id, v.owner, v.state, r.owner, v.slug, r.slug, e.slug, r.name, CASE WHEN ?2 <> 0 "
        "OR e.owner = ?1 THEN 3 ELSE coalesce((SELECT s.access FROM entry_share s WHERE s.entry = "
        "e.id AND s.user = ?1), e.public) END" OF_ENTRY "WHERE v.slug = ?3 AND ";
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (!vdt_buffer_append(&sql, columns, sizeof columns - 1) || !vdt_visible_condition(&sql, 1))
        return vdt_fail_memory(error, "evaluation");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    if (change) {
        vdt_bind_integer(rows, 1, caller->user);
        vdt_bind_integer(rows, 2, (caller->scopes & VDT_SCOPE_ADMIN) != 0);
    } else {
        vdt_bind_caller(rows, 1, caller);
    }
    vdt_bind_text(rows, 3, slug);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "there is no such evaluation, or you may not see it");
    if (status == VDT_OK)
        status = read_row(rows, row, error);
    if (status == VDT_OK && change && row->owner != caller->user &&
        row->run_owner != caller->user && row->access < VDT_ACCESS_WRITE)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "evaluation %s: only who asked for it, made its run or may write to its "
                        "entry may do that",
                        row->slug);
    return status;
}

/* --- documents -------------------------------------------------------------------------------- */

#define COLUMNS                                                                               \
    "v.id, v.slug, v.state, v.message, v.created, v.started, v.ended, v.parameters, u.name, " \
    "r.slug, r.name, e.slug, r.version, m.slug, m.name"

static json_t *time_or_null(struct vdt_rows *rows, int column)
{
    return vdt_rows_is_null(rows, column) ? json_null()
                                          : vdt_time_json(vdt_rows_integer(rows, column));
}

static vdt_status put_metrics(struct vdt_session *session, int64_t id, json_t *document,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    json_t *metrics = json_object();
    json_object_set_new(document, "metrics", metrics);
    vdt_status status = vdt_db_prepare(
        session, "SELECT name, value FROM evaluation_metric WHERE evaluation = ?1 ORDER BY name",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        json_object_set_new(metrics, vdt_rows_text(rows, 0), json_real(vdt_rows_real(rows, 1)));
    return status == VDT_END ? VDT_OK : status;
}

/* The row's columns are COLUMNS. */
static vdt_status make_document(struct vdt_session *session, struct vdt_rows *rows,
                                const char *base, json_t **out, struct vdt_error *error)
{
    const char *slug = vdt_rows_text(rows, 1);
    const int64_t state = vdt_rows_integer(rows, 2);
    json_t *links = json_object();
    bool linked = vdt_link(links, "self", NULL, base, "/v1/evaluations/%s", slug) &&
                  vdt_link(links, "run", NULL, base, "/v1/runs/%s", vdt_rows_text(rows, 9)) &&
                  (state != VDT_JOB_DONE ||
                   vdt_link(links, "report", NULL, base, "/v1/evaluations/%s/report", slug));
    json_t *document = json_pack(
        "{s:s, s:{s:s, s:s}, s:s, s:I, s:{s:s, s:s}, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "id",
        slug, "run", "id", vdt_rows_text(rows, 9), "name", vdt_rows_text(rows, 10), "entry",
        vdt_rows_text(rows, 11), "version", (json_int_t)vdt_rows_integer(rows, 12), "model", "id",
        vdt_rows_text(rows, 13), "name", vdt_rows_text(rows, 14), "owner", vdt_rows_text(rows, 8),
        "parameters", json_loads(vdt_rows_text(rows, 7), 0, NULL), "state", states[state],
        "message", vdt_rows_text(rows, 3), "created_at", time_or_null(rows, 4), "started_at",
        time_or_null(rows, 5), "ended_at", time_or_null(rows, 6), "links", links);
    if (document == NULL || !linked) {
        json_decref(document);
        return vdt_fail_memory(error, "evaluation");
    }
    *out = document;
    return put_metrics(session, vdt_rows_integer(rows, 0), document, error);
}

vdt_status vdt_evaluation_json_of(struct vdt_session *session, const char *base, int64_t id,
                                  bool document, json_t **json, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT " COLUMNS ", v.document" OF_ENTRY "WHERE v.id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        status = make_document(session, rows, base, json, error);
    if (status != VDT_OK || !document)
        return status;
    const char *text = vdt_rows_text(rows, 15);
    json_t *made = text == NULL ? json_null() : json_loads(text, 0, NULL);
    return json_object_set_new(*json, "document", made) == 0 ? VDT_OK
                                                             : vdt_fail_memory(error, "evaluation");
}

vdt_status vdt_evaluation_text(struct vdt_session *session, const struct vdt_evaluation_row *row,
                               char **text, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (row->state != VDT_JOB_DONE)
        return vdt_fail(error, VDT_ERR_MISMATCH, "evaluation %s: is %s", row->slug,
                        states[row->state]);
    vdt_status status =
        vdt_db_prepare(session, "SELECT document FROM evaluation WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    *text = vdt_copy_string(vdt_rows_text(rows, 0));
    return *text == NULL ? vdt_fail_memory(error, "evaluation") : VDT_OK;
}

vdt_status vdt_evaluation_remove(struct vdt_session *session, const struct vdt_evaluation_row *row,
                                 struct vdt_error *error)
{
    if (row->state == VDT_JOB_RUNNING)
        return vdt_fail(error, VDT_ERR_MISMATCH, "evaluation %s: is running; wait for its end",
                        row->slug);
    return run_with(session, "DELETE FROM evaluation WHERE id = ?1", row->id, error);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Parameters: 1, 2 caller; 3 run, 4 model, 5 entry, 6 state, 7 id, 8 limit, 9 metric, 10 value. */
static bool write_list(const struct vdt_evaluations_query *query, struct vdt_buffer *sql)
{
    static const char joined[] = OF_ENTRY;
    static const char filters[] =
        " AND (?3 IS NULL OR r.slug = ?3) AND (?4 IS NULL OR m.slug = ?4) AND (?5 IS NULL OR "
        "e.slug = ?5) AND (?6 IS NULL OR v.state = ?6) AND ";
    const char *sign = query->falling ? "<" : ">", *order = query->falling ? "DESC" : "ASC";
    bool sorted = query->metric != NULL;
    bool good = vdt_sql_append(sql, "SELECT " COLUMNS "%s", sorted ? ", x.value" : "") &&
                vdt_buffer_append(sql, joined, sizeof joined - 1) &&
                vdt_sql_append(sql, "%s WHERE ",
                               sorted ? "JOIN evaluation_metric x ON x.evaluation = v.id AND "
                                        "x.name = ?9"
                                      : "") &&
                vdt_visible_condition(sql, 1) &&
                vdt_buffer_append(sql, filters, sizeof filters - 1);
    if (!good)
        return false;
    if (!sorted)
        return vdt_sql_append(sql, "v.id < ?7 ORDER BY v.id DESC LIMIT ?8");
    return vdt_sql_append(sql,
                          "(?10 IS NULL OR x.value %s ?10 OR (x.value = ?10 AND v.id < ?7)) ORDER "
                          "BY x.value %s, v.id DESC LIMIT ?8",
                          sign, order);
}

static vdt_status bind_list(struct vdt_rows *rows, const struct vdt_caller *caller,
                            const struct vdt_evaluations_query *query, struct vdt_error *error)
{
    size_t state = 0;
    while (query->state != NULL && state < 4 && strcmp(query->state, states[state]) != 0)
        state++;
    if (state == 4)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "state: is pending, running, done or failed");
    vdt_bind_caller(rows, 1, caller);
    vdt_bind_text(rows, 3, query->run);
    vdt_bind_text(rows, 4, query->model);
    vdt_bind_text(rows, 5, query->entry);
    if (query->state != NULL)
        vdt_bind_integer(rows, 6, (int64_t)state);
    vdt_bind_integer(rows, 7, query->has_after ? query->after : INT64_MAX);
    vdt_bind_integer(rows, 8, query->limit + 1);
    if (query->metric == NULL)
        return VDT_OK;
    vdt_bind_text(rows, 9, query->metric);
    vdt_bind_real(rows, 10, query->has_after ? query->after_value : NAN);
    return VDT_OK;
}

vdt_status vdt_evaluation_list(struct vdt_session *session, const struct vdt_caller *caller,
                               const char *base, const struct vdt_evaluations_query *query,
                               json_t **documents, int64_t *last, double *value, bool *more,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    *more = false;
    if (!write_list(query, &sql))
        return vdt_fail_memory(error, "evaluations");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status == VDT_OK)
        status = bind_list(rows, caller, query, error);
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        json_t *document = NULL;
        *more = json_array_size(list) == (size_t)query->limit;
        if (*more)
            break;
        *last = vdt_rows_integer(rows, 0);
        *value = query->metric == NULL ? 0 : vdt_rows_real(rows, 15);
        status = make_document(session, rows, base, &document, error);
        json_array_append_new(list, document);
    }
    if (status < 0)
        return status;
    *documents = list;
    list = NULL;
    return VDT_OK;
}

/* --- as jobs ---------------------------------------------------------------------------------- */

vdt_status vdt_job_take(struct vdt_session *session, struct vdt_job_row *job,
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "UPDATE evaluation SET state = 1, attempts = attempts + 1, started = ?1 WHERE id = (SELECT "
        "id FROM evaluation WHERE state = 0 ORDER BY id LIMIT 1) RETURNING id, run, slug, "
        "parameters",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, vdt_time_now());
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    job->id = vdt_rows_integer(rows, 0);
    job->run = vdt_rows_integer(rows, 1);
    snprintf(job->slug, sizeof job->slug, "%s", vdt_rows_text(rows, 2));
    job->parameters = vdt_copy_string(vdt_rows_text(rows, 3));
    return job->parameters == NULL ? vdt_fail_memory(error, "evaluation") : VDT_OK;
}

/* Ends a running job; VDT_END: there is none of that number. */
static vdt_status end_job(struct vdt_session *session, int64_t id, enum vdt_job_state state,
                          const char *message, const char *document, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "UPDATE evaluation SET state = ?2, message = ?3, document = ?4, ended = ?5 "
                       "WHERE id = ?1 AND state = 1",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    vdt_bind_integer(rows, 2, state);
    vdt_bind_text(rows, 3, message);
    vdt_bind_text(rows, 4, document);
    vdt_bind_integer(rows, 5, vdt_time_now());
    status = vdt_rows_run(rows, error);
    return status == VDT_OK && vdt_db_changes(session) == 0 ? VDT_END : status;
}

vdt_status vdt_job_done(struct vdt_session *session, int64_t id, const char *document,
                        const struct vdt_job_metric *metrics, size_t count, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = end_job(session, id, VDT_JOB_DONE, "", document, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "INSERT INTO evaluation_metric (evaluation, name, value) VALUES (?1, ?2, ?3) ON "
            "CONFLICT (evaluation, name) DO NOTHING",
            &rows, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        vdt_bind_integer(rows, 1, id);
        vdt_bind_text(rows, 2, metrics[i].name);
        vdt_bind_real(rows, 3, metrics[i].value);
        status = vdt_rows_run(rows, error);
    }
    return status;
}

vdt_status vdt_job_failed(struct vdt_session *session, int64_t id, const char *message,
                          struct vdt_error *error)
{
    return end_job(session, id, VDT_JOB_FAILED, message, NULL, error);
}

vdt_status vdt_job_put_back(struct vdt_session *session, int64_t id, struct vdt_error *error)
{
    return run_with(session,
                    "UPDATE evaluation SET state = 0, attempts = attempts - 1, started = NULL "
                    "WHERE id = ?1 AND state = 1",
                    id, error);
}

vdt_status vdt_jobs_recover(struct vdt_session *session, struct vdt_error *error)
{
    vdt_status status = run_with(
        session,
        "UPDATE evaluation SET state = 0, started = NULL WHERE state = 1 AND attempts < ?1",
        VDT_JOB_ATTEMPTS_MOST, error);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "UPDATE evaluation SET state = 3, ended = ?1, message = 'the "
                                "server ended each time that it ran' WHERE state = 1",
                                &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, vdt_time_now());
    return vdt_rows_run(rows, error);
}

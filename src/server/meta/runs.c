/* Runs as rows. */
#include "server/meta/runs.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/document.h"
#include "server/meta/entries.h"
#include "server/meta/fields.h"
#include "server/meta/times.h"

static const char *const states[] = {"open", "committing", "committed"};

void vdt_meta_run_clear(struct vdt_meta_run *run)
{
    free(run->name);
    free(run->metadata);
    free(run->model_name);
    free(run->model_reference);
    free(run->digest);
    free(run->group);
    free(run->content_digest);
    *run = (struct vdt_meta_run){0};
}

/* --- made ------------------------------------------------------------------------------------- */

struct wish {
    const char *model, *name, *group; /* of the JSON */
    char *metadata;                   /* owned */
    int64_t release, version;         /* 0: not named */
    int64_t samples;
};

static void clear_wish(struct wish *wish)
{
    free(wish->metadata);
}

static vdt_status read_wish(const json_t *body, struct wish *wish, struct vdt_error *error)
{
    static const char *const names[] = {"model",   "name",    "group", "metadata",
                                        "release", "version", NULL};
    vdt_status status = vdt_fields_only(body, names, error);
    if (status == VDT_OK)
        status =
            vdt_field_text(body, "model", VDT_FIELD_LINE, VDT_REFERENCE_MOST, &wish->model, error);
    if (status == VDT_OK)
        status = vdt_field_text(body, "name", VDT_FIELD_LINE, VDT_NAME_MOST, &wish->name, error);
    if (status == VDT_OK)
        status = vdt_field_text(body, "group", VDT_FIELD_LINE, VDT_NAME_MOST, &wish->group, error);
    if (status == VDT_OK)
        status = vdt_field_object_text(body, &wish->metadata, error);
    if (status == VDT_OK)
        status = vdt_field_integer(body, "release", 1, INT64_MAX, &wish->release, error);
    if (status == VDT_OK)
        status = vdt_field_integer(body, "version", 1, INT64_MAX, &wish->version, error);
    if (status != VDT_OK)
        return status;
    wish->release = wish->release < 0 ? 0 : wish->release; /* null: not named */
    wish->version = wish->version < 0 ? 0 : wish->version;
    if (wish->model == NULL || wish->name == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: is missing",
                        wish->model == NULL ? "model" : "name");
    if (wish->release != 0 && wish->version != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "release and version: name one of them");
    return VDT_OK;
}

/* Sets the version, of a release or the head where none is named. */
static vdt_status choose_version(struct vdt_session *session, const struct vdt_entry_row *entry,
                                 struct wish *wish, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (entry->head == 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "entry %s: has no samples to predict; save a store to it first",
                        entry->slug);
    if (wish->release == 0 && wish->version == 0)
        wish->version = entry->head;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT v.number, v.samples, EXISTS (SELECT 1 FROM release r WHERE r.entry = v.entry AND "
        "r.version = v.number) FROM version v WHERE v.entry = ?1 AND v.number = CASE WHEN ?2 = 0 "
        "THEN ?3 ELSE (SELECT version FROM release WHERE entry = ?1 AND number = ?2) END",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    vdt_bind_integer(rows, 2, wish->release);
    vdt_bind_integer(rows, 3, wish->version);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: has no %s %lld", entry->slug,
                        wish->release != 0 ? "release" : "version",
                        (long long)(wish->release != 0 ? wish->release : wish->version));
    if (status != VDT_OK)
        return status;
    if (entry->access < VDT_ACCESS_WRITE && vdt_rows_integer(rows, 2) == 0)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "entry %s: you may only read it, so runs are of its releases; name one",
                        entry->slug);
    wish->version = vdt_rows_integer(rows, 0);
    wish->samples = vdt_rows_integer(rows, 1);
    return VDT_OK;
}

/* Counts the samples of the group. */
static vdt_status count_group(struct vdt_session *session, const struct vdt_entry_row *entry,
                              struct wish *wish, struct vdt_error *error)
{
    if (wish->group == NULL)
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "SELECT count(*) FROM sample WHERE entry = ?1 AND grp = ?2 AND since <= ?3 "
                       "AND (until IS NULL OR until > ?3)",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry->id);
    vdt_bind_text(rows, 2, wish->group);
    vdt_bind_integer(rows, 3, wish->version);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    wish->samples = vdt_rows_integer(rows, 0);
    return wish->samples > 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: version %lld has no group %s",
                          entry->slug, (long long)wish->version, wish->group);
}

static vdt_status insert_run(struct vdt_session *session, const struct vdt_caller *caller,
                             const struct vdt_entry_row *entry, int64_t model,
                             const struct wish *wish, const char *slug, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        /* Rows of runs that are gone may still be there, under their numbers. */
        "INSERT INTO run (id, slug, entry, version, release, model, owner, name, grp, metadata, "
        "created, samples) SELECT coalesce(max(n.id), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, ?11 FROM (SELECT max(id) AS id FROM run UNION ALL SELECT max(run) AS id FROM "
        "run_gone) n",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, slug);
    vdt_bind_integer(rows, 2, entry->id);
    vdt_bind_integer(rows, 3, wish->version);
    if (wish->release != 0)
        vdt_bind_integer(rows, 4, wish->release);
    vdt_bind_integer(rows, 5, model);
    vdt_bind_integer(rows, 6, caller->user);
    vdt_bind_text(rows, 7, wish->name);
    vdt_bind_text(rows, 8, wish->group);
    vdt_bind_text(rows, 9, wish->metadata == NULL ? "{}" : wish->metadata);
    vdt_bind_integer(rows, 10, vdt_time_now());
    vdt_bind_integer(rows, 11, wish->samples);
    status = vdt_rows_run(rows, error);
    return status == VDT_ERR_EXISTS
               ? vdt_fail(error, VDT_ERR_EXISTS, "run: you have one named %s on entry %s already",
                          wish->name, entry->slug)
               : status;
}

vdt_status vdt_meta_run_create(struct vdt_session *session, const struct vdt_caller *caller,
                               const struct vdt_entry_row *entry, const json_t *body,
                               char slug[VDT_SLUG_SIZE + 1], struct vdt_error *error)
{
    vdt_cleanup(clear_wish) struct wish wish = {0};
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row model = {0};
    vdt_status status = read_wish(body, &wish, error);
    if (status == VDT_OK)
        status = vdt_model_named(session, caller, wish.model, &model, error);
    if (status == VDT_OK)
        status = choose_version(session, entry, &wish, error);
    if (status == VDT_OK)
        status = count_group(session, entry, &wish, error);
    if (status == VDT_OK)
        status = vdt_random_slug(slug, error);
    return status == VDT_OK ? insert_run(session, caller, entry, model.id, &wish, slug, error)
                            : status;
}

/* --- found ------------------------------------------------------------------------------------ */

/* Parameters ?1 and ?2 are the caller's. */
#define RUN_COLUMNS                                                                               \
    "SELECT r.id, r.entry, r.version, r.release, r.model, r.owner, r.slug, e.slug, m.slug, "      \
    "u.name, r.name, r.metadata, m.name, m.reference, v.digest, r.grp, r.content_digest, "        \
    "r.state, r.created, r.committed, r.samples, r.predicted, r.predictions, r.bytes, r.blob, "   \
    "CASE WHEN ?2 <> 0 OR e.owner = ?1 THEN 3 ELSE coalesce((SELECT s.access FROM entry_share s " \
    "WHERE s.entry = e.id AND s.user = ?1), e.public) END, r.rasters FROM run r JOIN entry e ON " \
    "e.id = "                                                                                     \
    "r.entry JOIN model m ON m.id = r.model JOIN user u ON u.id = r.owner JOIN version v ON "     \
    "v.entry = r.entry AND v.number = r.version WHERE "

static bool copy_text(struct vdt_rows *rows, int column, char **text)
{
    const char *value = vdt_rows_text(rows, column);
    *text = value == NULL ? NULL : vdt_copy_string(value);
    return value == NULL || *text != NULL;
}

static vdt_status read_run(struct vdt_rows *rows, struct vdt_meta_run *run, struct vdt_error *error)
{
    run->id = vdt_rows_integer(rows, 0);
    run->entry = vdt_rows_integer(rows, 1);
    run->version = vdt_rows_integer(rows, 2);
    run->release = vdt_rows_integer(rows, 3);
    run->model = vdt_rows_integer(rows, 4);
    run->owner = vdt_rows_integer(rows, 5);
    snprintf(run->slug, sizeof run->slug, "%s", vdt_rows_text(rows, 6));
    snprintf(run->entry_slug, sizeof run->entry_slug, "%s", vdt_rows_text(rows, 7));
    snprintf(run->model_slug, sizeof run->model_slug, "%s", vdt_rows_text(rows, 8));
    snprintf(run->owner_name, sizeof run->owner_name, "%s", vdt_rows_text(rows, 9));
    run->state = (enum vdt_meta_run_state)vdt_rows_integer(rows, 17);
    run->created = vdt_rows_integer(rows, 18);
    run->committed = vdt_rows_integer(rows, 19);
    run->samples = vdt_rows_integer(rows, 20);
    run->predicted = vdt_rows_integer(rows, 21);
    run->predictions = vdt_rows_integer(rows, 22);
    run->bytes = vdt_rows_integer(rows, 23);
    run->blob = vdt_rows_integer(rows, 24);
    run->access = (enum vdt_access)vdt_rows_integer(rows, 25);
    run->rasters = vdt_rows_integer(rows, 26);
    bool copied = copy_text(rows, 10, &run->name) && copy_text(rows, 11, &run->metadata) &&
                  copy_text(rows, 12, &run->model_name) &&
                  copy_text(rows, 13, &run->model_reference) && copy_text(rows, 14, &run->digest) &&
                  copy_text(rows, 15, &run->group) && copy_text(rows, 16, &run->content_digest);
    return copied ? VDT_OK : vdt_fail_memory(error, "run");
}

vdt_status vdt_meta_run_find(struct vdt_session *session, const struct vdt_caller *caller,
                             const char *slug, bool change, struct vdt_meta_run *run,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    static const char columns[] = RUN_COLUMNS "r.slug = ?3 AND ";
    if (!vdt_buffer_append(&sql, columns, sizeof columns - 1) || !vdt_visible_condition(&sql, 1))
        return vdt_fail_memory(error, "run");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    if (change) { /* that the token is good for changes is the route's to say */
        vdt_bind_integer(rows, 1, caller->user);
        vdt_bind_integer(rows, 2, (caller->scopes & VDT_SCOPE_ADMIN) != 0);
    } else {
        vdt_bind_caller(rows, 1, caller);
    }
    vdt_bind_text(rows, 3, slug);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such run, or you may not see it");
    if (status == VDT_OK)
        status = read_run(rows, run, error);
    if (status == VDT_OK && change && run->owner != caller->user && run->access < VDT_ACCESS_WRITE)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "run %s: only who made it, or may write to its entry, may do that",
                        run->slug);
    return status;
}

vdt_status vdt_meta_run_load(struct vdt_session *session, int64_t id, struct vdt_meta_run *run,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, RUN_COLUMNS "r.id = ?3", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, 0);
    vdt_bind_integer(rows, 2, 1);
    vdt_bind_integer(rows, 3, id);
    status = vdt_rows_next(rows, error);
    return status == VDT_END  ? vdt_fail(error, VDT_ERR_NOT_FOUND, "the run is not there any more")
           : status == VDT_OK ? read_run(rows, run, error)
                              : status;
}

/* --- documents -------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *number_or_null(int64_t number)
{
    return number == 0 ? json_null() : json_integer((json_int_t)number);
}

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    return value == NULL ? json_object() : value;
}

/* NULL: memory is out. */
static json_t *links_of(const struct vdt_meta_run *run, const struct vdt_caller *caller,
                        const char *base)
{
    bool changes = vdt_caller_may(caller, VDT_SCOPE_WRITE) &&
                   (run->owner == caller->user || run->access >= VDT_ACCESS_WRITE);
    bool open = run->state == VDT_META_RUN_OPEN;
    const char *at = run->slug;
    json_t *links = json_object();
    if (vdt_link(links, "self", NULL, base, "/v1/runs/%s", at) &&
        vdt_link(links, "samples", NULL, base, "/v1/runs/%s/samples", at) &&
        vdt_link(links, "evaluations", NULL, base, "/v1/evaluations?run=%s", at) &&
        vdt_link(links, "entry", NULL, base, "/v1/entries/%s", run->entry_slug) &&
        vdt_link(links, "model", NULL, base, "/v1/models/%s", run->model_slug) &&
        (!changes || vdt_link(links, "delete", "DELETE", base, "/v1/runs/%s", at)) &&
        (!changes || !open ||
         (vdt_link(links, "predictions", "POST", base, "/v1/runs/%s/predictions", at) &&
          vdt_link(links, "commit", "POST", base, "/v1/runs/%s/commit", at))))
        return links;
    json_decref(links);
    return NULL;
}

json_t *vdt_meta_run_document(const struct vdt_meta_run *run, const struct vdt_caller *caller,
                              const char *base)
{
    json_t *links = links_of(run, caller, base);
    if (links == NULL)
        return NULL;
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:o, s:s, s:{s:s, s:s, s:s}, s:s, s:o, s:s, s:o, s:o, s:o, s:I, s:I, "
        "s:I, s:I, s:I, s:o, s:o}",
        "id", run->slug, "name", run->name, "entry", run->entry_slug, "version",
        (json_int_t)run->version, "release", number_or_null(run->release), "digest", run->digest,
        "model", "id", run->model_slug, "name", run->model_name, "reference", run->model_reference,
        "owner", run->owner_name, "group", text_or_null(run->group), "state", states[run->state],
        "metadata", parsed(run->metadata), "created_at", vdt_time_json(run->created),
        "committed_at", run->committed == 0 ? json_null() : vdt_time_json(run->committed),
        "samples", (json_int_t)run->samples, "predicted", (json_int_t)run->predicted, "predictions",
        (json_int_t)run->predictions, "rasters", (json_int_t)run->rasters, "bytes",
        (json_int_t)run->bytes, "content_sha256", text_or_null(run->content_digest), "links",
        links);
}

static vdt_status bind_query(struct vdt_rows *rows, const struct vdt_caller *caller,
                             const struct vdt_meta_runs_query *query, struct vdt_error *error)
{
    size_t state = 0;
    while (query->state != NULL && state < 3 && strcmp(query->state, states[state]) != 0)
        state++;
    if (state == 3)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "state: is open, committing or committed");
    vdt_bind_caller(rows, 1, caller);
    vdt_bind_integer(rows, 3, query->entry);
    vdt_bind_integer(rows, 4, query->before);
    vdt_bind_text(rows, 5, query->model);
    vdt_bind_text(rows, 6, query->name);
    vdt_bind_text(rows, 7, query->owner);
    if (query->state != NULL)
        vdt_bind_integer(rows, 8, (int64_t)state);
    vdt_bind_integer(rows, 9, query->limit + 1);
    return VDT_OK;
}

vdt_status vdt_meta_run_list(struct vdt_session *session, const struct vdt_caller *caller,
                             const char *base, const struct vdt_meta_runs_query *query,
                             json_t **documents, int64_t *last, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_status status = vdt_db_prepare(
        session,
        RUN_COLUMNS "r.entry = ?3 AND r.id < ?4 AND (?5 IS NULL OR m.slug = ?5) AND (?6 IS NULL OR "
                    "r.name = ?6) AND (?7 IS NULL OR u.name = ?7) AND (?8 IS NULL OR r.state = ?8) "
                    "ORDER BY r.id DESC LIMIT ?9",
        &rows, error);
    if (status == VDT_OK)
        status = bind_query(rows, caller, query, error);
    *more = false;
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
        *more = json_array_size(list) == (size_t)query->limit;
        if (*more)
            break;
        status = read_run(rows, &run, error);
        *last = run.id;
        if (status == VDT_OK &&
            json_array_append_new(list, vdt_meta_run_document(&run, caller, base)) != 0)
            return vdt_fail_memory(error, "runs");
    }
    if (status < 0)
        return status;
    *documents = list;
    list = NULL;
    return VDT_OK;
}

/* --- removed ---------------------------------------------------------------------------------- */

/* `sql` finds an evaluation that is pending or running. */
static vdt_status refuse_busy(struct vdt_session *session, const char *sql, int64_t id,
                              const char *what, const char *slug, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s %s: evaluation %s is not done; wait for it, or delete it", what, slug,
                        vdt_rows_text(rows, 0));
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status run_of(struct vdt_session *session, const char *sql, int64_t run,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_meta_run_remove(struct vdt_session *session, const struct vdt_meta_run *run,
                               struct vdt_error *error)
{
    if (run->state == VDT_META_RUN_COMMITTING)
        return vdt_fail(error, VDT_ERR_MISMATCH, "run %s: is being committed", run->slug);
    vdt_status status =
        refuse_busy(session, "SELECT slug FROM evaluation WHERE run = ?1 AND state < 2 LIMIT 1",
                    run->id, "run", run->slug, error);
    return status == VDT_OK ? run_of(session, "DELETE FROM run WHERE id = ?1", run->id, error)
                            : status;
}

vdt_status vdt_meta_entry_idle(struct vdt_session *session, const struct vdt_entry_row *entry,
                               struct vdt_error *error)
{
    return refuse_busy(session,
                       "SELECT v.slug FROM run r JOIN evaluation v ON v.run = r.id WHERE r.entry = "
                       "?1 AND v.state < 2 LIMIT 1",
                       entry->id, "entry", entry->slug, error);
}

/* --- the commit ------------------------------------------------------------------------------- */

vdt_status vdt_meta_run_begin_commit(struct vdt_session *session, int64_t run,
                                     struct vdt_error *error)
{
    vdt_status status =
        run_of(session, "UPDATE run SET state = 1 WHERE id = ?1 AND state = 0", run, error);
    return status == VDT_OK && vdt_db_changes(session) == 0 ? VDT_END : status;
}

vdt_status vdt_meta_run_reopen(struct vdt_session *session, int64_t run, struct vdt_error *error)
{
    return run_of(session, "UPDATE run SET state = 0 WHERE id = ?1 AND state = 1", run, error);
}

vdt_status vdt_meta_run_end_commit(struct vdt_session *session, int64_t run,
                                   const struct vdt_meta_run_file *file, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *blob = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    int64_t now = vdt_time_now();
    vdt_status status = vdt_db_prepare(
        session, "INSERT INTO blob (name, size, created) VALUES (?1, ?2, ?3)", &blob, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "UPDATE run SET state = 2, committed = ?2, blob = ?3, bytes = ?4, "
                                "file_digest = ?5, content_digest = ?6 WHERE id = ?1 AND state = 1",
                                &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(blob, 1, file->blob);
    vdt_bind_integer(blob, 2, file->size);
    vdt_bind_integer(blob, 3, now);
    status = vdt_rows_run(blob, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, now);
    vdt_bind_integer(rows, 3, vdt_db_last_id(session));
    vdt_bind_integer(rows, 4, file->size);
    vdt_bind_text(rows, 5, file->file_digest);
    vdt_bind_text(rows, 6, file->content_digest);
    status = vdt_rows_run(rows, error);
    return status == VDT_OK && vdt_db_changes(session) == 0
               ? vdt_fail(error, VDT_ERR_NOT_FOUND, "the run is not there any more")
               : status;
}

vdt_status vdt_meta_runs_reopen_all(struct vdt_session *session, struct vdt_error *error)
{
    return vdt_db_run(session, "UPDATE run SET state = 0 WHERE state = 1", error);
}

/* Models of users. */
#include "server/meta/models.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/document.h"
#include "server/meta/entries.h"
#include "server/meta/fields.h"
#include "server/meta/times.h"

void vdt_model_row_clear(struct vdt_model_row *row)
{
    free(row->reference);
    free(row->name);
    free(row->metadata);
    *row = (struct vdt_model_row){0};
}

vdt_status vdt_field_object_text(const json_t *object, char **text, struct vdt_error *error)
{
    const json_t *value = json_object_get(object, "metadata");
    *text = NULL;
    if (value == NULL)
        return VDT_OK;
    if (!json_is_object(value) && !json_is_null(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "metadata: must be an object");
    char *made = json_is_null(value) ? vdt_copy_string("{}") : vdt_json_text(value);
    if (made == NULL)
        return vdt_fail_memory(error, "metadata");
    size_t size = strlen(made);
    if (size > VDT_METADATA_MOST) {
        free(made);
        return vdt_fail(error, VDT_ERR_ARGUMENT, "metadata: has %zu bytes, and may have %d", size,
                        VDT_METADATA_MOST);
    }
    *text = made;
    return VDT_OK;
}

/* --- finding --------------------------------------------------------------------------------- */

/* The columns of a row, and who may see it: parameters ?1 and ?2 are the caller's. */
static bool begin_select(struct vdt_buffer *sql)
{
    return vdt_sql_append(sql, "SELECT m.id, m.slug, m.owner, u.name, m.reference, m.name, "
                               "m.metadata, m.created, m.updated, (SELECT count(*) FROM run r JOIN "
                               "entry e ON e.id = r.entry WHERE r.model = m.id AND ") &&
           vdt_visible_condition(sql, 1) &&
           vdt_sql_append(sql, ") FROM model m JOIN user u ON u.id = m.owner WHERE (?2 <> 0 OR "
                               "m.owner = ?1 OR EXISTS (SELECT 1 FROM run r JOIN entry e ON e.id = "
                               "r.entry WHERE r.model = m.id AND ") &&
           vdt_visible_condition(sql, 1) && vdt_sql_append(sql, ")) ");
}

static bool copy_text(struct vdt_rows *rows, int column, char **text)
{
    *text = vdt_copy_string(vdt_rows_text(rows, column));
    return *text != NULL;
}

static vdt_status read_row(struct vdt_rows *rows, struct vdt_model_row *row,
                           struct vdt_error *error)
{
    row->id = vdt_rows_integer(rows, 0);
    snprintf(row->slug, sizeof row->slug, "%s", vdt_rows_text(rows, 1));
    row->owner = vdt_rows_integer(rows, 2);
    snprintf(row->owner_name, sizeof row->owner_name, "%s", vdt_rows_text(rows, 3));
    row->created = vdt_rows_integer(rows, 7);
    row->updated = vdt_rows_integer(rows, 8);
    row->runs = vdt_rows_integer(rows, 9);
    return copy_text(rows, 4, &row->reference) && copy_text(rows, 5, &row->name) &&
                   copy_text(rows, 6, &row->metadata)
               ? VDT_OK
               : vdt_fail_memory(error, "model");
}

static void bind_user(struct vdt_rows *rows, const struct vdt_caller *caller)
{
    vdt_bind_integer(rows, 1, caller->user);
    vdt_bind_integer(rows, 2, (caller->scopes & VDT_SCOPE_ADMIN) != 0);
}

static vdt_status no_model(struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such model, or you may not see it");
}

/* `rest` has ?3, and ?4 where it likes. VDT_END: none. */
static vdt_status find_where(struct vdt_session *session, const struct vdt_caller *caller,
                             bool to_read, const char *rest, const char *value,
                             struct vdt_model_row *row, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    if (!begin_select(&sql) || !vdt_sql_append(&sql, "%s", rest))
        return vdt_fail_memory(error, "model");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    if (to_read)
        vdt_bind_caller(rows, 1, caller);
    else /* that the token is good for changes is the route's to say */
        bind_user(rows, caller);
    vdt_bind_text(rows, 3, value);
    status = vdt_rows_next(rows, error);
    return status == VDT_OK ? read_row(rows, row, error) : status;
}

vdt_status vdt_model_find(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *slug, bool own, struct vdt_model_row *row,
                          struct vdt_error *error)
{
    vdt_status status = find_where(session, caller, !own, "AND m.slug = ?3", slug, row, error);
    if (status != VDT_OK)
        return status == VDT_END ? no_model(error) : status;
    if (own && row->owner != caller->user && !vdt_caller_may(caller, VDT_SCOPE_ADMIN))
        return vdt_fail(error, VDT_ERR_DENIED, "model %s: only its owner may do that", row->slug);
    return VDT_OK;
}

vdt_status vdt_model_named(struct vdt_session *session, const struct vdt_caller *caller,
                           const char *name, struct vdt_model_row *row, struct vdt_error *error)
{
    vdt_status status =
        find_where(session, caller, false,
                   "AND (m.owner = ?1 OR ?2 <> 0) AND (m.slug = ?3 OR (m.reference = ?3 AND "
                   "m.owner = ?1)) ORDER BY m.slug = ?3 DESC LIMIT 1",
                   name, row, error);
    return status == VDT_END
               ? vdt_fail(error, VDT_ERR_NOT_FOUND,
                          "model: you have none with that id or reference; make it first")
               : status;
}

/* --- made, changed, removed ------------------------------------------------------------------ */

struct fields {
    const char *name, *reference; /* of the JSON */
    char *metadata;               /* owned */
};

static void clear_fields(struct fields *fields)
{
    free(fields->metadata);
}

static vdt_status read_fields(const json_t *wish, struct fields *fields, struct vdt_error *error)
{
    static const char *const names[] = {"name", "reference", "metadata", NULL};
    vdt_status status = vdt_fields_only(wish, names, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "name", VDT_FIELD_LINE, VDT_NAME_MOST, &fields->name, error);
    if (status == VDT_OK)
        status = vdt_field_text(wish, "reference", VDT_FIELD_LINE, VDT_REFERENCE_MOST,
                                &fields->reference, error);
    return status == VDT_OK ? vdt_field_object_text(wish, &fields->metadata, error) : status;
}

static vdt_status run_or_exists(struct vdt_rows *rows, const char *reference,
                                struct vdt_error *error)
{
    vdt_status status = vdt_rows_run(rows, error);
    return status == VDT_ERR_EXISTS
               ? vdt_fail(error, VDT_ERR_EXISTS,
                          "model: you have one with the reference %s already", reference)
               : status;
}

vdt_status vdt_model_create(struct vdt_session *session, const struct vdt_caller *caller,
                            const json_t *wish, char slug[VDT_SLUG_SIZE + 1],
                            struct vdt_error *error)
{
    vdt_cleanup(clear_fields) struct fields fields = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = read_fields(wish, &fields, error);
    if (status != VDT_OK)
        return status;
    if (fields.name == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "name: is missing");
    if (fields.reference == NULL)
        fields.reference = fields.name;
    status = vdt_random_slug(slug, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "INSERT INTO model (slug, owner, reference, name, metadata, "
                                "created, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
                                &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, slug);
    vdt_bind_integer(rows, 2, caller->user);
    vdt_bind_text(rows, 3, fields.reference);
    vdt_bind_text(rows, 4, fields.name);
    vdt_bind_text(rows, 5, fields.metadata == NULL ? "{}" : fields.metadata);
    vdt_bind_integer(rows, 6, vdt_time_now());
    return run_or_exists(rows, fields.reference, error);
}

vdt_status vdt_model_change(struct vdt_session *session, const struct vdt_model_row *row,
                            const json_t *patch, struct vdt_error *error)
{
    vdt_cleanup(clear_fields) struct fields fields = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = read_fields(patch, &fields, error);
    if (status != VDT_OK)
        return status;
    if ((fields.name == NULL && json_object_get(patch, "name") != NULL) ||
        (fields.reference == NULL && json_object_get(patch, "reference") != NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "name and reference: cannot be taken away");
    const char *name = fields.name == NULL ? row->name : fields.name;
    const char *reference = fields.reference == NULL ? row->reference : fields.reference;
    const char *metadata = fields.metadata == NULL ? row->metadata : fields.metadata;
    if (strcmp(name, row->name) == 0 && strcmp(reference, row->reference) == 0 &&
        strcmp(metadata, row->metadata) == 0)
        return VDT_OK;
    status = vdt_db_prepare(session,
                            "UPDATE model SET name = ?2, reference = ?3, metadata = ?4, updated = "
                            "?5 WHERE id = ?1",
                            &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_text(rows, 2, name);
    vdt_bind_text(rows, 3, reference);
    vdt_bind_text(rows, 4, metadata);
    vdt_bind_integer(rows, 5, vdt_time_now());
    return run_or_exists(rows, reference, error);
}

vdt_status vdt_model_remove(struct vdt_session *session, const struct vdt_model_row *row,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *runs = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT 1 FROM run WHERE model = ?1 LIMIT 1", &runs, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "DELETE FROM model WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(runs, 1, row->id);
    status = vdt_rows_next(runs, error);
    if (status < 0)
        return status;
    if (status == VDT_OK)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "model %s: has runs, those of entries in the bin too; remove them first",
                        row->slug);
    vdt_bind_integer(rows, 1, row->id);
    return vdt_rows_run(rows, error);
}

/* --- documents ------------------------------------------------------------------------------- */

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    return value == NULL ? json_object() : value;
}

json_t *vdt_model_document(const struct vdt_model_row *row, const char *base, bool owns)
{
    json_t *links = json_object();
    if (!vdt_link(links, "self", NULL, base, "/v1/models/%s", row->slug) ||
        !vdt_link(links, "evaluations", NULL, base, "/v1/evaluations?model=%s", row->slug) ||
        (owns && (!vdt_link(links, "update", "PATCH", base, "/v1/models/%s", row->slug) ||
                  !vdt_link(links, "delete", "DELETE", base, "/v1/models/%s", row->slug)))) {
        json_decref(links);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o}", "id", row->slug, "name",
                     row->name, "reference", row->reference, "owner", row->owner_name, "metadata",
                     parsed(row->metadata), "created_at", vdt_time_json(row->created), "updated_at",
                     vdt_time_json(row->updated), "runs", (json_int_t)row->runs, "links", links);
}

static vdt_status prepare_list(struct vdt_session *session, const struct vdt_caller *caller,
                               const struct vdt_models_query *query, struct vdt_rows **rows,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    if (!begin_select(&sql) ||
        !vdt_sql_append(&sql, "AND m.id < ?3 AND (?4 IS NULL OR m.reference = ?4) AND (?5 IS NULL "
                              "OR u.name = ?5) ORDER BY m.id DESC LIMIT ?6"))
        return vdt_fail_memory(error, "models");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_caller(*rows, 1, caller);
    vdt_bind_integer(*rows, 3, query->before);
    vdt_bind_text(*rows, 4, query->reference);
    vdt_bind_text(*rows, 5, query->owner);
    vdt_bind_integer(*rows, 6, query->limit + 1);
    return VDT_OK;
}

vdt_status vdt_model_list(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *base, const struct vdt_models_query *query,
                          json_t **documents, int64_t *last, bool *more, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    bool admin = vdt_caller_may(caller, VDT_SCOPE_ADMIN);
    vdt_status status = prepare_list(session, caller, query, &rows, error);
    *more = false;
    while (status == VDT_OK && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        vdt_cleanup(vdt_model_row_clear) struct vdt_model_row row = {0};
        *more = json_array_size(list) == (size_t)query->limit;
        if (*more)
            break;
        status = read_row(rows, &row, error);
        if (status != VDT_OK)
            break;
        *last = row.id;
        bool owns = vdt_caller_may(caller, VDT_SCOPE_WRITE) && (admin || row.owner == caller->user);
        if (json_array_append_new(list, vdt_model_document(&row, base, owns)) != 0)
            return vdt_fail_memory(error, "models");
    }
    if (status < 0)
        return status;
    *documents = list;
    list = NULL;
    return VDT_OK;
}

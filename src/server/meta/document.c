/* Entries as documents. */
#include "server/meta/document.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/times.h"

void vdt_entry_etag(const struct vdt_entry_row *row, char etag[VDT_ETAG_ROOM])
{
    snprintf(etag, VDT_ETAG_ROOM, "\"r%lld\"", (long long)row->revision);
}

bool vdt_link(json_t *links, const char *name, const char *method, const char *base,
              const char *format, ...)
{
    char path[512], href[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof path ||
        (size_t)snprintf(href, sizeof href, "%s%s", base, path) >= sizeof href)
        return false;
    json_t *link = json_pack("{s:s}", "href", href);
    if (method != NULL && link != NULL)
        json_object_set_new(link, "method", json_string(method));
    return json_object_set_new(links, name, link) == 0;
}

/* --- links ----------------------------------------------------------------------------------- */

static bool link_changes(json_t *links, const char *at, const struct vdt_caller *caller,
                         const struct vdt_entry_row *row)
{
    bool writes = vdt_caller_may(caller, VDT_SCOPE_WRITE) && row->access >= VDT_ACCESS_WRITE;
    bool owns = row->access >= VDT_ACCESS_OWN;
    bool removes = vdt_caller_may(caller, VDT_SCOPE_WRITE) && owns;
    bool publishes = vdt_caller_may(caller, VDT_SCOPE_PUBLISH) && owns && row->head != 0;
    if (row->deleted != 0)
        return !removes || vdt_link(links, "restore", "POST", at, "/restore");
    if (writes && !(vdt_link(links, "update", "PATCH", at, "%s", "") &&
                    vdt_link(links, "create", "POST", at, "/uploads")))
        return false;
    if (removes && !(vdt_link(links, "delete", "DELETE", at, "%s", "") &&
                     vdt_link(links, "sharing", NULL, at, "/sharing")))
        return false;
    return !publishes || (vdt_link(links, row->is_public ? "unpublish" : "publish", "POST", at,
                                   row->is_public ? "/unpublish" : "/publish") &&
                          vdt_link(links, "release", "POST", at, "/releases"));
}

static bool link_head(json_t *links, const char *base, const char *at,
                      const struct vdt_entry_row *row)
{
    if (row->head == 0 || row->deleted != 0)
        return true;
    return vdt_link(links, "samples", NULL, at, "/samples") &&
           vdt_link(links, "stats", NULL, at, "/stats") &&
           vdt_link(links, "manifest", NULL, at, "/manifest") &&
           vdt_link(links, "store", NULL, at, "/versions/%lld/store.h5", (long long)row->head) &&
           vdt_link(links, "stac", NULL, base, "/collections/%s", row->slug);
}

/* NULL: memory is out. */
static json_t *links_of(const char *base, const struct vdt_caller *caller,
                        const struct vdt_entry_row *row)
{
    char at[600];
    json_t *links = json_object();
    if ((size_t)snprintf(at, sizeof at, "%s/v1/entries/%s", base, row->slug) < sizeof at &&
        vdt_link(links, "self", NULL, at, "%s", "") &&
        (row->deleted != 0 || vdt_link(links, "releases", NULL, at, "/releases")) &&
        link_head(links, base, at, row) && link_changes(links, at, caller, row))
        return links;
    json_decref(links);
    return NULL;
}

/* --- data ------------------------------------------------------------------------------------- */

static vdt_status names_of(struct vdt_session *session, const char *sql, int64_t entry,
                           json_t *names, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK)
        if (json_array_append_new(names, json_string(vdt_rows_text(rows, 0))) != 0)
            return vdt_fail_memory(error, "entry");
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status put_names(struct vdt_session *session, json_t *data, const char *member,
                            const char *sql, int64_t entry, struct vdt_error *error)
{
    json_t *names = json_array();
    vdt_status status = names_of(session, sql, entry, names, error);
    json_object_set_new(data, member, names);
    return status;
}

/* The share of blocks that have come, of an entry without a head. */
static vdt_status percent_of_upload(struct vdt_session *session, int64_t entry, double *percent,
                                    struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT received, length(blocks) / 32 FROM upload WHERE "
                                       "entry = ?1 AND state = 0 ORDER BY created DESC LIMIT 1",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status < 0 ? status : VDT_OK;
    size_t size = 0, count = 0;
    const unsigned char *bits = vdt_rows_blob(rows, 0, &size);
    for (size_t i = 0; i < size; i++)
        for (unsigned byte = bits[i]; byte != 0; byte &= byte - 1)
            count++;
    int64_t blocks = vdt_rows_integer(rows, 1);
    if (blocks > 0 && (int64_t)count < blocks)
        *percent = 100.0 * (double)count / (double)blocks;
    else if (blocks > 0)
        *percent = 99.9; /* all is there, but nothing is committed */
    return VDT_OK;
}

static vdt_status put_counts(struct vdt_session *session, json_t *data,
                             const struct vdt_entry_row *row, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT (SELECT count(*) FROM release WHERE entry = ?1), (SELECT digest FROM version WHERE "
        "entry = ?1 AND number = ?2)",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, row->head);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status;
    const char *digest = vdt_rows_text(rows, 1);
    json_object_set_new(data, "releases", json_integer(vdt_rows_integer(rows, 0)));
    json_object_set_new(data, "digest", digest == NULL ? json_null() : json_string(digest));
    double percent = row->head != 0 ? 100 : 0;
    if (row->head == 0)
        status = percent_of_upload(session, row->id, &percent, error);
    json_object_set_new(data, "percent_cached", json_real(percent));
    return status;
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || *text == '\0' ? json_null() : json_string(text);
}

/* pyveda's names where it had one for a task. */
static json_t *ml_type(const json_t *tasks)
{
    const char *task = json_string_value(json_array_get(tasks, 0));
    if (task != NULL && strcmp(task, "detection") == 0)
        task = "object_detection";
    return text_or_null(task);
}

static void put_tasks(json_t *data, const char *text)
{
    json_t *tasks = json_array();
    for (const char *at = text == NULL ? "" : text; *at != '\0';) {
        size_t size = strcspn(at, ",");
        json_array_append_new(tasks, json_stringn(at, size));
        at += size + (at[size] == ',');
    }
    json_object_set_new(data, "mlType", ml_type(tasks));
    json_object_set_new(data, "tasks", tasks);
}

static void put_info(json_t *data, const struct vdt_entry_row *row)
{
    vdt_cleanup(vdt_json_release) json_t *info = NULL;
    if (row->info != NULL)
        info = json_loads(row->info, 0, NULL);
    json_t *count = json_object();
    json_t *groups = json_object_get(info, "groups");
    const char *name;
    json_t *group;
    json_object_foreach(groups, name, group) json_object_set_new(
        count, name, json_integer(json_integer_value(json_object_get(group, "count"))));
    json_object_set_new(data, "count", count);
    json_t *source = json_object_get(info, "source");
    json_object_set_new(data, "source", source == NULL ? json_null() : json_incref(source));
}

static void put_places(json_t *data, const struct vdt_entry_row *row)
{
    json_t *box = isfinite(row->box[0]) ? json_array() : json_null();
    for (int i = 0; i < 4 && json_is_array(box); i++)
        json_array_append_new(box, json_real(row->box[i]));
    json_object_set_new(data, "bbox", box);
    json_t *times = row->timed ? json_array() : json_null();
    if (row->timed) {
        json_array_append_new(times, vdt_time_json(row->start_time));
        json_array_append_new(times, vdt_time_json(row->end_time));
    }
    json_object_set_new(data, "datetime", times);
    json_t *shape = row->head == 0 ? json_null()
                                   : json_pack("[I, I, I]", (json_int_t)row->bands,
                                               (json_int_t)row->rows, (json_int_t)row->cols);
    json_object_set_new(data, "shape", shape);
    json_object_set_new(data, "dtype", text_or_null(row->dtype));
}

static void put_own(json_t *data, const struct vdt_entry_row *row)
{
    json_object_set_new(data, "id", json_string(row->slug));
    json_object_set_new(data, "name", json_string(row->name));
    json_object_set_new(data, "description", text_or_null(row->description));
    json_object_set_new(data, "license", text_or_null(row->license));
    json_object_set_new(data, "userId", json_string(row->owner_name));
    json_object_set_new(data, "public", json_boolean(row->is_public));
    json_object_set_new(data, "created_at", vdt_time_json(row->created));
    json_object_set_new(data, "updated_at", vdt_time_json(row->updated));
    json_object_set_new(data, "version", row->head ? json_integer(row->head) : json_null());
    json_object_set_new(data, "bytes", row->head ? json_integer(row->bytes) : json_null());
    if (row->deleted != 0) {
        json_object_set_new(data, "deleted_at", vdt_time_json(row->deleted));
        json_object_set_new(data, "expires_at", vdt_time_json(row->expires));
    }
}

vdt_status vdt_entry_document(struct vdt_session *session, const char *base,
                              const struct vdt_caller *caller, const struct vdt_entry_row *row,
                              json_t **document, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *data = json_object();
    put_own(data, row);
    put_tasks(data, row->tasks);
    put_info(data, row);
    put_places(data, row);
    vdt_status status =
        put_names(session, data, "tags", "SELECT tag FROM entry_tag WHERE entry = ?1 ORDER BY tag",
                  row->id, error);
    if (status == VDT_OK)
        status = put_names(session, data, "classes",
                           "SELECT name FROM entry_class WHERE entry = ?1 ORDER BY position",
                           row->id, error);
    if (status == VDT_OK)
        status = put_names(session, data, "sensors",
                           "SELECT name FROM entry_sensor WHERE entry = ?1 ORDER BY name", row->id,
                           error);
    if (status == VDT_OK)
        status = put_counts(session, data, row, error);
    if (status != VDT_OK)
        return status;
    size_t classes = json_array_size(json_object_get(data, "classes"));
    json_object_set_new(data, "nclasses", json_integer((json_int_t)classes));
    json_t *links = links_of(base, caller, row);
    json_t *made = links == NULL ? NULL : json_pack("{s:O, s:o}", "data", data, "links", links);
    if (made == NULL)
        return vdt_fail_memory(error, "entry");
    *document = made;
    return VDT_OK;
}

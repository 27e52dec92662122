/* Lists of entries. */
#include "server/api/entry_list.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/document.h"

static vdt_status read_deleted(struct vdt_request *request, bool *deleted, struct vdt_error *error)
{
    const char *text = vdt_request_query(request, "deleted");
    *deleted = text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
    if (text != NULL && !*deleted && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "deleted: must be 0 or 1");
    return VDT_OK;
}

static bool known(void *payload, const char *name, const char *value)
{
    (void)value;
    *(const char **)payload = name;
    return strcmp(name, "limit") == 0 || strcmp(name, "token") == 0 || strcmp(name, "deleted") == 0;
}

/* What is not understood is not passed over: the answer would be of another question. */
static vdt_status check_names(struct vdt_request *request, struct vdt_error *error)
{
    const char *last = "limit";
    vdt_request_each_query(request, known, (void *)&last);
    if (known((void *)&last, last, ""))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%.60s: there is no such parameter here", last);
}

/* False: memory is out. */
static bool make_sql(struct vdt_buffer *sql, bool deleted)
{
    if (!vdt_buffer_append(sql, "SELECT " VDT_ENTRY_COLUMNS,
                           sizeof "SELECT " VDT_ENTRY_COLUMNS - 1) ||
        !vdt_sql_append(sql, " FROM entry e JOIN user u ON u.id = e.owner WHERE "))
        return false;
    if (deleted ? !vdt_sql_append(sql, "e.deleted IS NOT NULL AND (e.owner = ?1 OR ?2 <> 0)")
                : !vdt_visible_condition(sql, 1))
        return false;
    return vdt_sql_append(sql, " AND e.id < ?3 ORDER BY e.id DESC LIMIT ?4");
}

struct list {
    json_t *documents;
    json_int_t last; /* row of the last document */
    bool more;
};

static vdt_status take_rows(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_rows *rows, int limit, struct list *list,
                            struct vdt_error *error)
{
    vdt_status status;
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        list->more = json_array_size(list->documents) == (size_t)limit;
        if (list->more)
            return VDT_OK;
        vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
        json_t *document = NULL;
        status = vdt_entry_row_read(rows, &row, error);
        if (status == VDT_OK)
            status = vdt_entry_document(session, vdt_request_base(request),
                                        vdt_request_caller(request), &row, &document, error);
        if (status != VDT_OK)
            return status;
        json_array_append_new(list->documents, document);
        list->last = row.id;
    }
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_api_list_entries(struct vdt_request *request, struct vdt_session *session,
                                struct vdt_answer *answer, struct vdt_error *error)
{
    bool deleted = false;
    int limit = 0;
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = check_names(request, error);
    if (status == VDT_OK)
        status = read_deleted(request, &deleted, error);
    const char *name = deleted ? "bin" : "entries";
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &limit, &after, error);
    if (status == VDT_OK && !make_sql(&sql, deleted))
        status = vdt_fail_memory(error, "entries");
    if (status == VDT_OK)
        status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_caller(rows, 1, vdt_request_caller(request));
    vdt_bind_integer(rows, 3, after == NULL ? INT64_MAX : json_integer_value(after));
    vdt_bind_integer(rows, 4, limit + 1);
    struct list list = {.documents = json_array()};
    status = take_rows(request, session, rows, limit, &list, error);
    if (status != VDT_OK) {
        json_decref(list.documents);
        return status;
    }
    return vdt_api_answer_page(request, name, "entries", list.documents,
                               list.more ? json_integer(list.last) : NULL, limit,
                               deleted ? "deleted=1&" : "", answer, error);
}

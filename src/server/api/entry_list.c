/* Lists of entries. */
#include "server/api/entry_list.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/document.h"
#include "server/query/next.h"
#include "server/query/search.h"
#include "server/server.h"

struct asked {
    struct vdt_query search;
    vdt_status status;
    struct vdt_error *error;
};

/* What is not understood is not passed over: the answer would be of another question. */
static bool take_parameter(void *payload, const char *name, const char *value)
{
    struct asked *asked = payload;
    bool known = false;
    asked->status = vdt_query_parameter(&asked->search, name, value, &known, asked->error);
    if (asked->status == VDT_OK && !known)
        asked->status = vdt_fail(asked->error, VDT_ERR_ARGUMENT,
                                 "%.60s: there is no such parameter here", name);
    return asked->status == VDT_OK;
}

static vdt_status add_entry(struct vdt_request *request, struct vdt_session *session, int64_t id,
                            json_t *list, struct vdt_error *error)
{
    static const char sql[] =
        "SELECT " VDT_ENTRY_COLUMNS " FROM entry e JOIN user u ON u.id = e.owner WHERE e.id = ?3";
    const struct vdt_caller *caller = vdt_request_caller(request);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    json_t *document = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_caller(rows, 1, caller);
    vdt_bind_integer(rows, 3, id);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        status = vdt_entry_row_read(rows, &row, error);
    if (status == VDT_OK)
        status =
            vdt_entry_document(session, vdt_request_base(request), caller, &row, &document, error);
    if (status == VDT_OK)
        json_array_append_new(list, document);
    return status;
}

static vdt_status add_next(struct vdt_request *request, const char *token, json_t *links,
                           struct vdt_error *error)
{
    if (token == NULL)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *href = vdt_next_href(request, "/v1/entries", token);
    json_t *link = href == NULL ? NULL : json_pack("{s:s, s:s}", "rel", "next", "href", href);
    return json_array_append_new(links, link) == 0 ? VDT_OK : vdt_fail_memory(error, "entries");
}

vdt_status vdt_api_list_entries(struct vdt_request *request, struct vdt_session *session,
                                struct vdt_answer *answer, struct vdt_error *error)
{
    struct asked asked = {.search = {.of = VDT_SEARCH_ENTRIES, .limit = VDT_PAGE_LIMIT},
                          .error = error};
    vdt_cleanup(vdt_page_clear) struct vdt_page page = {0};
    json_t *list = json_array(), *links = json_array();
    answer->json = json_pack("{s:o, s:o}", "entries", list, "links", links);
    vdt_request_each_query(request, take_parameter, &asked);
    vdt_status status = asked.status;
    if (status == VDT_OK)
        status = vdt_query_ready(&asked.search, error);
    if (status == VDT_OK)
        status = vdt_query_run(session, &asked.search, vdt_request_caller(request),
                               vdt_request_server(request)->secret, &page, error);
    for (size_t i = 0; status == VDT_OK && i < page.count; i++)
        status = add_entry(request, session, page.hits[i].id, list, error);
    if (status == VDT_OK)
        status = add_next(request, page.next, links, error);
    vdt_query_clear(&asked.search);
    return status;
}

/* /v1/entries/{id}/releases: numbered versions, and what differs between two. */
#include "server/meta/releases.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"
#include "server/api/routes.h"
#include "server/meta/audit.h"

static vdt_status list(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    json_t *documents = NULL;
    char name[64];
    int limit = 0;
    bool more = false;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &row, error);
    snprintf(name, sizeof name, "releases of %s", row.slug);
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &limit, &after, error);
    if (status == VDT_OK)
        status = vdt_release_list(session, vdt_request_base(request), &row,
                                  after == NULL ? INT64_MAX : json_integer_value(after), limit,
                                  &documents, &more, error);
    if (status != VDT_OK)
        return status;
    json_t *last = NULL;
    if (more)
        last = json_incref(
            json_object_get(json_array_get(documents, json_array_size(documents) - 1), "number"));
    return vdt_api_answer_page(request, name, "releases", documents, last, limit, "", answer,
                               error);
}

static vdt_status create(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_cleanup(vdt_json_release) json_t *empty = json_object();
    json_t *wish = empty; /* the body may be left out */
    int64_t number = 0;
    vdt_status status = vdt_api_entry_if(request, session, VDT_ACCESS_OWN, &row, error);
    if (status == VDT_OK && vdt_request_body(request)->size != 0)
        status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status =
            vdt_release_create(session, vdt_request_caller(request), &row, wish, &number, error);
    if (status == VDT_OK)
        status = vdt_release_document(session, vdt_request_base(request), &row, number,
                                      &answer->json, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    snprintf(answer->location, sizeof answer->location, "%s/v1/entries/%s/releases/%lld",
             vdt_request_base(request), row.slug, (long long)number);
    vdt_cleanup(vdt_json_release) json_t *detail =
        json_pack("{s:I, s:I}", "release", (json_int_t)number, "version", (json_int_t)row.head);
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = "entry.release",
                                          .entry = row.slug,
                                          .detail = detail,
                                          .result = 201};
    return vdt_audit_add(session, &event, error);
}

static vdt_status path_number(struct vdt_request *request, int64_t *number, struct vdt_error *error)
{
    return vdt_api_number("release", vdt_request_path(request, "n"), 1, INT64_MAX - 1, number,
                          error);
}

static vdt_status get(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    int64_t number = 0;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &row, error);
    if (status == VDT_OK)
        status = path_number(request, &number, error);
    return status == VDT_OK ? vdt_release_document(session, vdt_request_base(request), &row, number,
                                                   &answer->json, error)
                            : status;
}

static vdt_status diff(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    const char *text = vdt_request_query(request, "to");
    int64_t from = 0, to = 0;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &row, error);
    if (status == VDT_OK)
        status = path_number(request, &from, error);
    if (status == VDT_OK)
        status = text == NULL ? VDT_OK : vdt_api_number("to", text, 1, INT64_MAX - 1, &to, error);
    return status == VDT_OK ? vdt_release_diff(session, &row, from, text == NULL ? from + 1 : to,
                                               &answer->json, error)
                            : status;
}

VDT_API_HANDLER(handle_list, VDT_DB_READ, list)
VDT_API_HANDLER(handle_create, VDT_DB_WRITE, create)
VDT_API_HANDLER(handle_get, VDT_DB_READ, get)
VDT_API_HANDLER(handle_diff, VDT_DB_READ, diff)

#define RELEASES "/v1/entries/{id}/releases"

const struct vdt_route vdt_release_routes[] = {
    {"GET", RELEASES, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", RELEASES, VDT_SCOPE_PUBLISH, 0, VDT_JSON_BODY_MOST, handle_create, NULL},
    {"GET", RELEASES "/{n}", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_get, NULL},
    {"GET", RELEASES "/{n}/diff", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_diff, NULL},
    {0},
};

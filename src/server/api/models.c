/* /v1/models: made, read, changed, removed. */
#include "server/meta/models.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"
#include "server/api/routes.h"
#include "server/meta/audit.h"

static vdt_status note(struct vdt_request *request, struct vdt_session *session, const char *action,
                       const char *slug, int result, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "model", slug);
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

/* `own`: for changes. */
static vdt_status find(struct vdt_request *request, struct vdt_session *session, bool own,
                       struct vdt_model_row *row, struct vdt_error *error)
{
    return vdt_model_find(session, vdt_request_caller(request), vdt_request_path(request, "id"),
                          own, row, error);
}

static vdt_status answer_with(struct vdt_request *request, const struct vdt_model_row *row,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    const struct vdt_caller *caller = vdt_request_caller(request);
    bool owns = vdt_caller_may(caller, VDT_SCOPE_WRITE) &&
                (row->owner == caller->user || vdt_caller_may(caller, VDT_SCOPE_ADMIN));
    answer->json = vdt_model_document(row, vdt_request_base(request), owns);
    return answer->json == NULL ? vdt_fail_memory(error, "model") : VDT_OK;
}

static vdt_status create(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row row = {0};
    const struct vdt_caller *caller = vdt_request_caller(request);
    char slug[VDT_SLUG_SIZE + 1];
    json_t *wish = NULL;
    vdt_status status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status = vdt_model_create(session, caller, wish, slug, error);
    if (status == VDT_OK)
        status = note(request, session, "model.create", slug, 201, error);
    if (status == VDT_OK)
        status = vdt_model_find(session, caller, slug, true, &row, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    snprintf(answer->location, sizeof answer->location, "%s/v1/models/%s",
             vdt_request_base(request), slug);
    return answer_with(request, &row, answer, error);
}

static vdt_status get(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row row = {0};
    vdt_status status = find(request, session, false, &row, error);
    return status == VDT_OK ? answer_with(request, &row, answer, error) : status;
}

static vdt_status change(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row row = {0};
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row changed = {0};
    json_t *patch = NULL;
    vdt_status status = find(request, session, true, &row, error);
    if (status == VDT_OK)
        status = vdt_request_json(request, &patch, error);
    if (status == VDT_OK)
        status = vdt_model_change(session, &row, patch, error);
    if (status == VDT_OK)
        status = note(request, session, "model.change", row.slug, 200, error);
    if (status == VDT_OK)
        status = find(request, session, true, &changed, error);
    return status == VDT_OK ? answer_with(request, &changed, answer, error) : status;
}

static vdt_status delete (struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    vdt_cleanup(vdt_model_row_clear) struct vdt_model_row row = {0};
    vdt_status status = find(request, session, true, &row, error);
    if (status == VDT_OK)
        status = vdt_model_remove(session, &row, error);
    return status == VDT_OK ? note(request, session, "model.remove", row.slug, 204, error) : status;
}

static vdt_status list(struct vdt_request *request, struct vdt_session *session,
                       struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    static const char *const names[] = {"reference", "owner", NULL};
    struct vdt_models_query query = {.reference = vdt_request_query(request, "reference"),
                                     .owner = vdt_request_query(request, "owner"),
                                     .before = INT64_MAX};
    json_t *documents = NULL;
    int64_t last = 0;
    bool more = false;
    vdt_status status = vdt_api_repeat(request, names, "models?", &repeated, error);
    const char *name = (const char *)repeated.data;
    if (status == VDT_OK)
        status = vdt_api_page(request, name, &query.limit, &after, error);
    if (after != NULL)
        query.before = json_integer_value(after);
    if (status == VDT_OK)
        status = vdt_model_list(session, vdt_request_caller(request), vdt_request_base(request),
                                &query, &documents, &last, &more, error);
    if (status != VDT_OK)
        return status;
    return vdt_api_answer_page(request, name, "models", documents,
                               more ? json_integer((json_int_t)last) : NULL, query.limit,
                               name + strlen("models?"), answer, error);
}

VDT_API_HANDLER(handle_list, VDT_DB_READ, list)
VDT_API_HANDLER(handle_create, VDT_DB_WRITE, create)
VDT_API_HANDLER(handle_get, VDT_DB_READ, get)
VDT_API_HANDLER(handle_change, VDT_DB_WRITE, change)
VDT_API_HANDLER(handle_delete, VDT_DB_WRITE, delete)

#define MODEL "/v1/models/{id}"

const struct vdt_route vdt_model_routes[] = {
    {"GET", "/v1/models", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", "/v1/models", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_create, NULL},
    {"GET", MODEL, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_get, NULL},
    {"PATCH", MODEL, VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_change, NULL},
    {"DELETE", MODEL, VDT_SCOPE_WRITE, 0, 0, handle_delete, NULL},
    {0},
};

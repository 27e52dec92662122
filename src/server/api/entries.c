/* /v1/entries: made, read, changed, removed, published, shared. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"
#include "server/api/entry_list.h"
#include "server/api/routes.h"
#include "server/meta/audit.h"
#include "server/meta/document.h"
#include "server/meta/entries.h"
#include "server/meta/fields.h"
#include "server/server.h"

static vdt_status note(struct vdt_request *request, struct vdt_session *session, const char *action,
                       const char *slug, json_t *detail, int result, struct vdt_error *error)
{
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .entry = slug,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

/* --- one entry -------------------------------------------------------------------------------- */

static vdt_status create(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    char slug[VDT_SLUG_SIZE + 1];
    json_t *wish = NULL;
    vdt_status status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status = vdt_entry_create(session, vdt_request_caller(request), wish, slug, error);
    if (status == VDT_OK)
        status = note(request, session, "entry.create", slug, NULL, 201, error);
    if (status == VDT_OK)
        status = vdt_api_answer_entry(request, session, slug, answer, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    snprintf(answer->location, sizeof answer->location, "%s/v1/entries/%s",
             vdt_request_base(request), slug);
    return VDT_OK;
}

/* What shows in the document may change without a revision while nothing is saved: uploads. */
static bool not_modified(struct vdt_request *request, const struct vdt_entry_row *row)
{
    char etag[VDT_ETAG_ROOM];
    const char *known = vdt_request_header(request, "If-None-Match");
    vdt_entry_etag(row, etag);
    if (known == NULL || row->head == 0 || !vdt_etag_listed(known, etag))
        return false;
    vdt_reply_header(request, "ETag", etag);
    vdt_reply_empty(request, 304);
    return true;
}

static vdt_status get(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    const struct vdt_caller *caller = vdt_request_caller(request);
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &row, error);
    if (status == VDT_ERR_NOT_FOUND && vdt_caller_may(caller, VDT_SCOPE_READ)) {
        struct vdt_error ignored;
        if (vdt_api_entry(request, session, VDT_ACCESS_BIN, &row, &ignored) == VDT_OK)
            status = VDT_OK;
    }
    if (status != VDT_OK)
        return status;
    if (not_modified(request, &row))
        return VDT_END;
    vdt_entry_etag(&row, answer->etag);
    return vdt_entry_document(session, vdt_request_base(request), caller, &row, &answer->json,
                              error);
}

static vdt_status change(struct vdt_request *request, struct vdt_session *session,
                         struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    json_t *patch = NULL;
    vdt_status status = vdt_api_entry_if(request, session, VDT_ACCESS_WRITE, &row, error);
    if (status == VDT_OK)
        status = vdt_request_json(request, &patch, error);
    if (status == VDT_OK)
        status = vdt_entry_change(session, &row, patch, error);
    if (status == VDT_OK)
        status = note(request, session, "entry.change", row.slug, NULL, 200, error);
    return status == VDT_OK ? vdt_api_answer_entry(request, session, row.slug, answer, error)
                            : status;
}

static vdt_status delete (struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    const struct vdt_server *server = vdt_request_server(request);
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_status status = vdt_api_entry_if(request, session, VDT_ACCESS_OWN, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_remove(session, &row, (int)server->options.bin_days, error);
    return status == VDT_OK ? note(request, session, "entry.remove", row.slug, NULL, 204, error)
                            : status;
}

static vdt_status restore(struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_BIN, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_restore(session, &row, error);
    if (status == VDT_OK)
        status = note(request, session, "entry.restore", row.slug, NULL, 200, error);
    return status == VDT_OK ? vdt_api_answer_entry(request, session, row.slug, answer, error)
                            : status;
}

static vdt_status set_public(struct vdt_request *request, struct vdt_session *session,
                             bool is_public, struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_status status = vdt_api_entry_if(request, session, VDT_ACCESS_OWN, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_publish(session, &row, is_public, error);
    if (status == VDT_OK)
        status = note(request, session, is_public ? "entry.publish" : "entry.unpublish", row.slug,
                      NULL, 200, error);
    return status == VDT_OK ? vdt_api_answer_entry(request, session, row.slug, answer, error)
                            : status;
}

static vdt_status publish(struct vdt_request *request, struct vdt_session *session,
                          struct vdt_answer *answer, struct vdt_error *error)
{
    return set_public(request, session, true, answer, error);
}

static vdt_status unpublish(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_answer *answer, struct vdt_error *error)
{
    return set_public(request, session, false, answer, error);
}

/* --- sharing ---------------------------------------------------------------------------------- */

static vdt_status get_sharing(struct vdt_request *request, struct vdt_session *session,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    json_t *shares = NULL;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &row, error);
    if (status == VDT_OK && row.access < VDT_ACCESS_OWN)
        return vdt_fail(error, VDT_ERR_DENIED, "entry %s: only its owner may see that", row.slug);
    if (status == VDT_OK)
        status = vdt_entry_shares(session, &row, &shares, error);
    if (status == VDT_OK)
        answer->json = json_pack("{s:o}", "sharing", shares);
    return status;
}

static vdt_status read_access(json_t *wish, enum vdt_access *access, struct vdt_error *error)
{
    static const char *const names[] = {"access", NULL};
    vdt_status status = vdt_fields_only(wish, names, error);
    if (status != VDT_OK)
        return status;
    const char *text = json_string_value(json_object_get(wish, "access"));
    if (text == NULL || (strcmp(text, "read") != 0 && strcmp(text, "write") != 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "access: must be read or write");
    *access = strcmp(text, "write") == 0 ? VDT_ACCESS_WRITE : VDT_ACCESS_READ;
    return VDT_OK;
}

static vdt_status put_share(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_answer *answer, struct vdt_error *error)
{
    const char *user = vdt_request_path(request, "user");
    enum vdt_access access = VDT_ACCESS_NONE;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    json_t *wish = NULL;
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_OWN, &row, error);
    if (status == VDT_OK)
        status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status = read_access(wish, &access, error);
    if (status == VDT_OK)
        status = vdt_entry_share(session, &row, user, access, error);
    if (status != VDT_OK)
        return status;
    const char *word = access == VDT_ACCESS_WRITE ? "write" : "read";
    answer->json = json_pack("{s:s, s:s}", "user", user, "access", word);
    return note(request, session, "entry.share", row.slug, answer->json, 200, error);
}

static vdt_status delete_share(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    const char *user = vdt_request_path(request, "user");
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_OWN, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_share(session, &row, user, VDT_ACCESS_NONE, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "user", user);
    return note(request, session, "entry.unshare", row.slug, detail, 204, error);
}

/* --- routes ----------------------------------------------------------------------------------- */

VDT_API_HANDLER(handle_list, VDT_DB_READ, vdt_api_list_entries)
VDT_API_HANDLER(handle_create, VDT_DB_WRITE, create)
VDT_API_HANDLER(handle_get, VDT_DB_READ, get)
VDT_API_HANDLER(handle_change, VDT_DB_WRITE, change)
VDT_API_HANDLER(handle_delete, VDT_DB_WRITE, delete)
VDT_API_HANDLER(handle_restore, VDT_DB_WRITE, restore)
VDT_API_HANDLER(handle_publish, VDT_DB_WRITE, publish)
VDT_API_HANDLER(handle_unpublish, VDT_DB_WRITE, unpublish)
VDT_API_HANDLER(handle_get_sharing, VDT_DB_READ, get_sharing)
VDT_API_HANDLER(handle_put_share, VDT_DB_WRITE, put_share)
VDT_API_HANDLER(handle_delete_share, VDT_DB_WRITE, delete_share)

#define ENTRY "/v1/entries/{id}"

const struct vdt_route vdt_entry_routes[] = {
    {"GET", "/v1/entries", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_list, NULL},
    {"POST", "/v1/entries", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_create, NULL},
    {"GET", ENTRY, VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, handle_get, NULL},
    {"PATCH", ENTRY, VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_change, NULL},
    {"DELETE", ENTRY, VDT_SCOPE_WRITE, 0, 0, handle_delete, NULL},
    {"POST", ENTRY "/restore", VDT_SCOPE_WRITE, 0, 0, handle_restore, NULL},
    {"POST", ENTRY "/publish", VDT_SCOPE_PUBLISH, 0, 0, handle_publish, NULL},
    {"POST", ENTRY "/unpublish", VDT_SCOPE_PUBLISH, 0, 0, handle_unpublish, NULL},
    {"GET", ENTRY "/sharing", VDT_SCOPE_READ, 0, 0, handle_get_sharing, NULL},
    {"PUT", ENTRY "/sharing/{user}", VDT_SCOPE_WRITE, 0, VDT_JSON_BODY_MOST, handle_put_share,
     NULL},
    {"DELETE", ENTRY "/sharing/{user}", VDT_SCOPE_WRITE, 0, 0, handle_delete_share, NULL},
    {0},
};

/* /v1/me, /v1/users, /v1/tokens and /v1/audit. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"
#include "server/api/routes.h"
#include "server/meta/audit.h"
#include "server/meta/fields.h"
#include "server/meta/people.h"

static vdt_status note(struct vdt_request *request, struct vdt_session *session, const char *action,
                       json_t *detail, int result, struct vdt_error *error)
{
    const struct vdt_audit_event event = {.caller = vdt_request_caller(request),
                                          .action = action,
                                          .detail = detail,
                                          .result = result};
    return vdt_audit_add(session, &event, error);
}

/* --- who asks --------------------------------------------------------------------------------- */

static vdt_status me(struct vdt_request *request, struct vdt_session *session,
                     struct vdt_answer *answer, struct vdt_error *error)
{
    const struct vdt_caller *caller = vdt_request_caller(request);
    struct vdt_user_row user;
    vdt_status status = vdt_user_find(session, caller->name, &user, error);
    if (status == VDT_OK)
        status = vdt_user_document(session, &user, &answer->json, error);
    if (status == VDT_OK)
        json_object_set_new(answer->json, "scopes", vdt_scopes_json(caller->scopes));
    return status;
}

/* --- users ------------------------------------------------------------------------------------ */

static vdt_status list_users(struct vdt_request *request, struct vdt_session *session,
                             struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    json_t *documents = NULL;
    int limit = 0;
    bool more = false;
    vdt_status status = vdt_api_page(request, "users", &limit, &after, error);
    const char *name = after == NULL ? "" : json_string_value(after);
    if (status == VDT_OK)
        status = vdt_user_list(session, name, limit, &documents, &more, error);
    if (status != VDT_OK)
        return status;
    json_t *last = json_array_get(documents, json_array_size(documents) - 1);
    return vdt_api_answer_page(request, "users", "users", documents,
                               more ? json_incref(json_object_get(last, "name")) : NULL, limit, "",
                               answer, error);
}

static vdt_status create_user(struct vdt_request *request, struct vdt_session *session,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    struct vdt_user_row user;
    const char *name = NULL;
    json_t *wish = NULL;
    int64_t id = 0;
    vdt_status status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK && !json_is_object(wish))
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "the body: is no JSON object");
    if (status == VDT_OK)
        status = vdt_field_text(wish, "name", VDT_FIELD_LINE, VDT_USER_NAME_MOST, &name, error);
    if (status == VDT_OK && name == NULL)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "name: is missing");
    if (status == VDT_OK)
        status = vdt_user_create(session, name, &id, error);
    if (status == VDT_OK)
        status = vdt_user_change(session, id, wish, true, error);
    if (status == VDT_OK)
        status = vdt_user_find(session, name, &user, error);
    if (status == VDT_OK)
        status = vdt_user_document(session, &user, &answer->json, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    snprintf(answer->location, sizeof answer->location, "%s/v1/users/%s", vdt_request_base(request),
             name);
    return note(request, session, "user.create", wish, 201, error);
}

static vdt_status get_user(struct vdt_request *request, struct vdt_session *session,
                           struct vdt_answer *answer, struct vdt_error *error)
{
    struct vdt_user_row user;
    vdt_status status = vdt_user_find(session, vdt_request_path(request, "name"), &user, error);
    return status == VDT_OK ? vdt_user_document(session, &user, &answer->json, error) : status;
}

/* An admin who is shut out could not come back over HTTP. */
static vdt_status not_oneself(struct vdt_request *request, const struct vdt_user_row *user,
                              struct vdt_error *error)
{
    if (user->id != vdt_request_caller(request)->user)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "user %s: that is yourself; another admin can do it",
                    user->name);
}

static vdt_status change_user(struct vdt_request *request, struct vdt_session *session,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    const char *name = vdt_request_path(request, "name");
    struct vdt_user_row user;
    json_t *patch = NULL;
    vdt_status status = vdt_user_find(session, name, &user, error);
    if (status == VDT_OK)
        status = vdt_request_json(request, &patch, error);
    if (status == VDT_OK && (json_is_true(json_object_get(patch, "disabled")) ||
                             json_object_get(patch, "scopes") != NULL))
        status = not_oneself(request, &user, error);
    if (status == VDT_OK)
        status = vdt_user_change(session, user.id, patch, false, error);
    if (status == VDT_OK)
        status = vdt_user_find(session, name, &user, error);
    if (status == VDT_OK)
        status = vdt_user_document(session, &user, &answer->json, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *detail =
        json_pack("{s:s, s:O}", "user", user.name, "change", patch);
    return note(request, session, "user.change", detail, 200, error);
}

static vdt_status delete_user(struct vdt_request *request, struct vdt_session *session,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    struct vdt_user_row user;
    vdt_status status = vdt_user_find(session, vdt_request_path(request, "name"), &user, error);
    if (status == VDT_OK)
        status = not_oneself(request, &user, error);
    if (status == VDT_OK)
        status = vdt_user_remove(session, &user, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "user", user.name);
    return note(request, session, "user.remove", detail, 204, error);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static vdt_status list_tokens(struct vdt_request *request, struct vdt_session *session,
                              struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    json_t *documents = NULL;
    char list[48];
    int limit = 0;
    bool more = false;
    int64_t user = vdt_request_caller(request)->user;
    snprintf(list, sizeof list, "tokens of %lld", (long long)user);
    vdt_status status = vdt_api_page(request, list, &limit, &after, error);
    if (status == VDT_OK)
        status =
            vdt_token_list(session, user, after == NULL ? INT64_MAX : json_integer_value(after),
                           limit, &documents, &more, error);
    if (status != VDT_OK)
        return status;
    json_t *last = json_array_get(documents, json_array_size(documents) - 1);
    return vdt_api_answer_page(request, list, "tokens", documents,
                               more ? json_incref(json_object_get(last, "id")) : NULL, limit, "",
                               answer, error);
}

static vdt_status create_token(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    json_t *wish = NULL;
    vdt_status status = vdt_request_json(request, &wish, error);
    if (status == VDT_OK)
        status = vdt_token_wish(session, vdt_request_caller(request), wish, &answer->json, error);
    if (status != VDT_OK)
        return status;
    answer->code = 201;
    answer->secret = true;
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack(
        "{s:O, s:O, s:O}", "user", json_object_get(answer->json, "user"), "prefix",
        json_object_get(answer->json, "prefix"), "scopes", json_object_get(answer->json, "scopes"));
    return note(request, session, "token.create", detail, 201, error);
}

static vdt_status revoke_token(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    (void)answer;
    const struct vdt_caller *caller = vdt_request_caller(request);
    char prefix[VDT_TOKEN_PREFIX_SIZE + 1];
    int64_t id = 0;
    vdt_status status =
        vdt_api_number("token", vdt_request_path(request, "id"), 0, INT64_MAX - 1, &id, error);
    if (status == VDT_OK)
        status = vdt_token_revoke(
            session, id, vdt_caller_may(caller, VDT_SCOPE_ADMIN) ? 0 : caller->user, prefix, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *detail = json_pack("{s:s}", "prefix", prefix);
    return note(request, session, "token.revoke", detail, 204, error);
}

/* --- audit ------------------------------------------------------------------------------------ */

/* "user=ada&": what the next page repeats; names are checked, so nothing has to be escaped. */
static bool repeat(char *query, size_t room, const char *name, const char *value)
{
    size_t size = strlen(query);
    if (value == NULL)
        return true;
    if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(value))
        return false;
    return (size_t)snprintf(query + size, room - size, "%s=%s&", name, value) < room - size;
}

static vdt_status audit(struct vdt_request *request, struct vdt_session *session,
                        struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    struct vdt_audit_query query = {.user = vdt_request_query(request, "user"),
                                    .entry = vdt_request_query(request, "entry"),
                                    .action = vdt_request_query(request, "action")};
    char text[256] = "", list[300];
    json_t *events = NULL;
    int64_t last = 0;
    bool more = false;
    if (!repeat(text, sizeof text, "user", query.user) ||
        !repeat(text, sizeof text, "entry", query.entry) ||
        !repeat(text, sizeof text, "action", query.action))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "user, entry and action: are of a-z, 0-9, '.', '_' and '-'");
    snprintf(list, sizeof list, "audit?%s", text);
    vdt_status status = vdt_api_page(request, list, &query.limit, &after, error);
    query.before = after == NULL ? INT64_MAX : json_integer_value(after);
    if (status == VDT_OK)
        status = vdt_audit_list(session, &query, &events, &last, &more, error);
    if (status != VDT_OK)
        return status;
    return vdt_api_answer_page(request, list, "events", events, more ? json_integer(last) : NULL,
                               query.limit, text, answer, error);
}

/* --- routes ----------------------------------------------------------------------------------- */

VDT_API_HANDLER(handle_me, VDT_DB_READ, me)
VDT_API_HANDLER(handle_list_users, VDT_DB_READ, list_users)
VDT_API_HANDLER(handle_create_user, VDT_DB_WRITE, create_user)
VDT_API_HANDLER(handle_get_user, VDT_DB_READ, get_user)
VDT_API_HANDLER(handle_change_user, VDT_DB_WRITE, change_user)
VDT_API_HANDLER(handle_delete_user, VDT_DB_WRITE, delete_user)
VDT_API_HANDLER(handle_list_tokens, VDT_DB_READ, list_tokens)
VDT_API_HANDLER(handle_create_token, VDT_DB_WRITE, create_token)
VDT_API_HANDLER(handle_revoke_token, VDT_DB_WRITE, revoke_token)
VDT_API_HANDLER(handle_audit, VDT_DB_READ, audit)

#define USER "/v1/users/{name}"

const struct vdt_route vdt_user_routes[] = {
    {"GET", "/v1/me", VDT_SCOPE_NONE, 0, 0, handle_me, NULL},
    {"GET", "/v1/users", VDT_SCOPE_ADMIN, 0, 0, handle_list_users, NULL},
    {"POST", "/v1/users", VDT_SCOPE_ADMIN, 0, VDT_JSON_BODY_MOST, handle_create_user, NULL},
    {"GET", USER, VDT_SCOPE_ADMIN, 0, 0, handle_get_user, NULL},
    {"PATCH", USER, VDT_SCOPE_ADMIN, 0, VDT_JSON_BODY_MOST, handle_change_user, NULL},
    {"DELETE", USER, VDT_SCOPE_ADMIN, 0, 0, handle_delete_user, NULL},
    {"GET", "/v1/tokens", VDT_SCOPE_NONE, 0, 0, handle_list_tokens, NULL},
    {"POST", "/v1/tokens", VDT_SCOPE_NONE, 0, VDT_JSON_BODY_MOST, handle_create_token, NULL},
    {"DELETE", "/v1/tokens/{id}", VDT_SCOPE_NONE, 0, 0, handle_revoke_token, NULL},
    {"GET", "/v1/audit", VDT_SCOPE_ADMIN, 0, 0, handle_audit, NULL},
    {0},
};

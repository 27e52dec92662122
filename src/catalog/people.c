/* Users and tokens. */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/catalog.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"

static vdt_status list(struct vdt_catalog *catalog, struct vdt_call *call, const char *member,
                       char **document, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    vdt_status status = vdt_call_pages(catalog, call, member, 0, &json, error);
    return status == VDT_OK ? vdt_hand_out(json, document, error) : status;
}

vdt_status vdt_catalog_users(struct vdt_catalog *catalog, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.path = "/v1/users"};
    return list(catalog, &call, "users", document, error);
}

vdt_status vdt_catalog_add_user(struct vdt_catalog *catalog, const char *name, char **document,
                                struct vdt_error *error)
{
    struct vdt_call call = {.method = "POST", .path = "/v1/users", .once = true};
    call.body = json_pack("{s:s}", "name", name);
    if (call.body == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the user's name is not UTF-8");
    return vdt_call_text(catalog, &call, document, error);
}

vdt_status vdt_catalog_disable_user(struct vdt_catalog *catalog, const char *name, bool disabled,
                                    char **document, struct vdt_error *error)
{
    struct vdt_call call = {.method = "PATCH"};
    if (!vdt_call_path(&call, "/v1/users/", name, NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "'%.40s': not the name of a user", name);
    call.body = json_pack("{s:b}", "disabled", disabled);
    return vdt_call_text(catalog, &call, document, error);
}

vdt_status vdt_catalog_tokens(struct vdt_catalog *catalog, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.path = "/v1/tokens"};
    return list(catalog, &call, "tokens", document, error);
}

vdt_status vdt_catalog_add_token(struct vdt_catalog *catalog, const struct vdt_token_values *values,
                                 char **document, struct vdt_error *error)
{
    struct vdt_call call = {.method = "POST", .path = "/v1/tokens", .once = true};
    json_t *scopes = json_array();
    for (size_t i = 0; i < values->scope_count; i++)
        json_array_append_new(scopes, json_string(values->scopes[i]));
    if (values->scope_count == 0)
        json_array_append_new(scopes, json_string("read"));
    call.body = json_pack("{s:o, s:s*, s:s*, s:s*}", "scopes", scopes, "user", values->user,
                          "expires_at", values->expires, "note", values->note);
    if (call.body == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the token's user, expiry or note is not UTF-8");
    return vdt_call_text(catalog, &call, document, error);
}

vdt_status vdt_catalog_revoke_token(struct vdt_catalog *catalog, uint64_t id,
                                    struct vdt_error *error)
{
    struct vdt_call call = {.method = "DELETE"};
    snprintf(call.path, sizeof call.path, "/v1/tokens/%" PRIu64, id);
    return vdt_call_text(catalog, &call, NULL, error);
}

/* Entries by name, changed, published, released and removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/catalog.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"

vdt_status vdt_catalog_open(const char *url, const char *token,
                            const struct vdt_catalog_options *options, struct vdt_catalog **out,
                            struct vdt_error *error)
{
    struct vdt_catalog *catalog = vdt_allocate_zero(1, sizeof *catalog);
    if (catalog == NULL)
        return vdt_fail_memory(error, "catalog");
    vdt_status status = vdt_http_open(url, token, options, &catalog->http, error);
    if (status == VDT_OK)
        *out = catalog;
    else
        free(catalog);
    return status;
}

void vdt_catalog_free(struct vdt_catalog *catalog)
{
    if (catalog == NULL)
        return;
    vdt_http_free(catalog->http);
    free(catalog);
}

vdt_status vdt_catalog_me(struct vdt_catalog *catalog, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.path = "/v1/me"};
    return vdt_call_text(catalog, &call, document, error);
}

/* --- names -------------------------------------------------------------------------------- */

bool vdt_is_entry_id(const char *text)
{
    return strlen(text) == 16 && strspn(text, "abcdefghijklmnopqrstuvwxyz234567") == 16;
}

/* Among the entries of an answer, those with that very name: the caller's own win over others. */
struct named {
    const char *name;
    const char *user;
    char id[17];
    size_t own, others;
};

static void look_at(struct named *named, const json_t *document)
{
    const json_t *data = json_object_get(document, "data");
    const char *name = json_string_value(json_object_get(data, "name"));
    const char *id = json_string_value(json_object_get(data, "id"));
    const char *owner = json_string_value(json_object_get(data, "userId"));
    if (name == NULL || id == NULL || strcmp(name, named->name) != 0 || !vdt_is_entry_id(id))
        return;
    bool own = owner != NULL && named->user != NULL && strcmp(owner, named->user) == 0;
    if (own || named->own == 0)
        snprintf(named->id, sizeof named->id, "%s", id);
    *(own ? &named->own : &named->others) += 1;
}

vdt_status vdt_entry_id(struct vdt_catalog *catalog, const char *entry, char id[17],
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *found = NULL, *me = NULL;
    struct vdt_call who = {.path = "/v1/me"};
    if (vdt_is_entry_id(entry)) {
        snprintf(id, 17, "%s", entry);
        return VDT_OK;
    }
    if (*entry == '\0' || strlen(entry) > 200)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "'%.40s': not an entry's id or name", entry);
    struct named named = {.name = entry};
    if (vdt_call_json(catalog, &who, &me, NULL, NULL) == VDT_OK)
        named.user = json_string_value(json_object_get(me, "name"));
    char *text = NULL;
    const struct vdt_search search = {.text = entry, .limit = 1000};
    vdt_status status = vdt_catalog_search(catalog, &search, &text, error);
    vdt_cleanup(vdt_free_pointer) char *owned = text;
    if (status == VDT_OK)
        status = vdt_json_parse(text, "search", &found, error);
    if (status != VDT_OK)
        return status;
    size_t i;
    json_t *document;
    json_array_foreach(json_object_get(found, "entries"), i, document) look_at(&named, document);
    if (named.own > 1 || (named.own == 0 && named.others > 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "'%s': %zu entries have that name: give the id, 'vedatile search' shows it",
                        entry, named.own > 1 ? named.own : named.others);
    if (named.own + named.others == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no entry '%s' that you may see",
                        vdt_http_base(catalog->http), entry);
    snprintf(id, 17, "%s", named.id);
    return VDT_OK;
}

/* Fills the call's path with "/v1/entries/<id>" and what follows. */
static vdt_status entry_call(struct vdt_catalog *catalog, const char *entry, const char *after,
                             struct vdt_call *call, struct vdt_error *error)
{
    char id[17];
    vdt_status status = vdt_entry_id(catalog, entry, id, error);
    if (status == VDT_OK)
        vdt_call_path(call, "/v1/entries/", id, after, NULL);
    return status;
}

static vdt_status entry_text(struct vdt_catalog *catalog, const char *entry, const char *method,
                             const char *after, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.method = method};
    vdt_status status = entry_call(catalog, entry, after, &call, error);
    return status == VDT_OK ? vdt_call_text(catalog, &call, document, error) : status;
}

vdt_status vdt_catalog_entry(struct vdt_catalog *catalog, const char *entry, char **document,
                             struct vdt_error *error)
{
    return entry_text(catalog, entry, NULL, "", document, error);
}

/* --- changes ------------------------------------------------------------------------------ */

static void set_text(json_t *json, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_new(json, name, *text == '\0' ? json_null() : json_string(text));
}

json_t *vdt_entry_values_json(const struct vdt_entry_values *values)
{
    json_t *json = json_object();
    set_text(json, "name", values->name);
    set_text(json, "description", values->description);
    set_text(json, "license", values->license);
    if (values->tag_count > 0 || values->no_tags) {
        json_t *tags = json_array();
        for (size_t i = 0; i < values->tag_count; i++)
            json_array_append_new(tags, json_string(values->tags[i]));
        json_object_set_new(json, "tags", tags);
    }
    return json;
}

vdt_status vdt_catalog_update(struct vdt_catalog *catalog, const char *entry,
                              const struct vdt_entry_values *values, char **document,
                              struct vdt_error *error)
{
    struct vdt_call call = {.method = "PATCH"};
    vdt_status status = entry_call(catalog, entry, "", &call, error);
    if (status != VDT_OK)
        return status;
    call.body = vdt_entry_values_json(values);
    return vdt_call_text(catalog, &call, document, error);
}

vdt_status vdt_catalog_publish(struct vdt_catalog *catalog, const char *entry, bool published,
                               char **document, struct vdt_error *error)
{
    return entry_text(catalog, entry, "POST", published ? "/publish" : "/unpublish", document,
                      error);
}

vdt_status vdt_catalog_remove(struct vdt_catalog *catalog, const char *entry,
                              struct vdt_error *error)
{
    return entry_text(catalog, entry, "DELETE", "", NULL, error);
}

vdt_status vdt_catalog_restore(struct vdt_catalog *catalog, const char *entry, char **document,
                               struct vdt_error *error)
{
    if (!vdt_is_entry_id(entry))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "'%.40s': what is in the bin is named by its id; 'vedatile search --bin' "
                        "shows it",
                        entry);
    return entry_text(catalog, entry, "POST", "/restore", document, error);
}

/* --- releases ----------------------------------------------------------------------------- */

vdt_status vdt_catalog_release(struct vdt_catalog *catalog, const char *entry, const char *name,
                               const char *notes, char **document, struct vdt_error *error)
{
    struct vdt_call call = {.method = "POST", .once = true};
    vdt_status status = entry_call(catalog, entry, "/releases", &call, error);
    if (status != VDT_OK)
        return status;
    call.body = json_object();
    set_text(call.body, "name", name);
    set_text(call.body, "notes", notes);
    return vdt_call_text(catalog, &call, document, error);
}

vdt_status vdt_catalog_releases(struct vdt_catalog *catalog, const char *entry, char **document,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    struct vdt_call call = {0};
    vdt_status status = entry_call(catalog, entry, "/releases", &call, error);
    if (status == VDT_OK)
        status = vdt_call_pages(catalog, &call, "releases", 0, &json, error);
    return status == VDT_OK ? vdt_hand_out(json, document, error) : status;
}

vdt_status vdt_catalog_diff(struct vdt_catalog *catalog, const char *entry, uint32_t from,
                            uint32_t to, char **document, struct vdt_error *error)
{
    char after[80];
    snprintf(after, sizeof after, "/releases/%u/diff?to=%u", (unsigned)from, (unsigned)to);
    return entry_text(catalog, entry, NULL, after, document, error);
}

/* --- sharing ------------------------------------------------------------------------------ */

vdt_status vdt_catalog_share(struct vdt_catalog *catalog, const char *entry, const char *user,
                             const char *access, struct vdt_error *error)
{
    char id[17];
    struct vdt_call call = {.method = access == NULL ? "DELETE" : "PUT"};
    vdt_status status = vdt_entry_id(catalog, entry, id, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_call_path(&call, "/v1/entries/", id, "/sharing/", user, NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "'%.40s': not the name of a user", user);
    if (access != NULL)
        call.body = json_pack("{s:s}", "access", access);
    return vdt_call_text(catalog, &call, NULL, error);
}

vdt_status vdt_catalog_sharing(struct vdt_catalog *catalog, const char *entry, char **document,
                               struct vdt_error *error)
{
    return entry_text(catalog, entry, NULL, "/sharing", document, error);
}

/* Collections, items and searches over them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/query/next.h"
#include "server/server.h"
#include "server/stac/landing.h"
#include "server/stac/stac.h"

bool vdt_stac_begin(struct vdt_request *request, struct vdt_stac *stac, struct vdt_error *error)
{
    struct vdt_server *server = vdt_request_server(request);
    *stac = (struct vdt_stac){.request = request,
                              .caller = vdt_request_caller(request),
                              .base = vdt_request_base(request),
                              .secret = server->secret,
                              .error = error};
    if (vdt_db_begin(server->db, VDT_DB_READ, &stac->session, error) == VDT_OK)
        return true;
    vdt_reply_failure(request, error);
    return false;
}

static void reply(struct vdt_stac *stac, vdt_status status, const char *type, json_t *document)
{
    vdt_db_end(&stac->session);
    if (status == VDT_OK) {
        vdt_reply_typed_json(stac->request, 200, type, document);
    } else {
        json_decref(document);
        vdt_reply_failure(stac->request, stac->error);
    }
}

/* --- parameters ----------------------------------------------------------------------------- */

/* What a request asks for, in whatever form it came. */
struct asked {
    struct vdt_query search;
    struct vdt_stac_fields fields;
    json_t *collections;      /* ids; NULL: all */
    const char *const *extra; /* names beyond those of every list */
    bool nothing;             /* is left to look for */
    vdt_status status;
    struct vdt_error *error;
};

static void clear_asked(struct asked *asked)
{
    vdt_query_clear(&asked->search);
    vdt_stac_fields_clear(&asked->fields);
    json_decref(asked->collections);
}

static bool is_of(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool allowed(const struct asked *asked, const char *name)
{
    static const char *const all[] = {"bbox",        "datetime",   "limit",  "token",  "filter",
                                      "filter-lang", "filter-crs", "sortby", "fields", NULL};
    return is_of(all, name) || is_of(asked->extra, name);
}

static vdt_status unknown(const struct asked *asked, const char *name)
{
    return vdt_fail(asked->error, VDT_ERR_ARGUMENT, "%.60s: no parameter here", name);
}

static vdt_status list_collections(struct asked *asked, const char *value)
{
    asked->collections = json_array();
    while (*value != '\0') {
        size_t size = strcspn(value, ",");
        if (size > 0)
            json_array_append_new(asked->collections, json_stringn(value, size));
        value += size + (value[size] == ',');
    }
    return VDT_OK;
}

static bool take_parameter(void *payload, const char *name, const char *value)
{
    struct asked *asked = payload;
    bool known = true;
    if (!allowed(asked, name))
        asked->status = unknown(asked, name);
    else if (strcmp(name, "fields") == 0)
        asked->status = vdt_stac_fields_parameter(&asked->fields, value, asked->error);
    else if (strcmp(name, "collections") == 0)
        asked->status = list_collections(asked, value);
    else
        asked->status = vdt_query_parameter(&asked->search, name, value, &known, asked->error);
    return asked->status == VDT_OK;
}

static vdt_status take_url(struct vdt_request *request, struct asked *asked)
{
    vdt_request_each_query(request, take_parameter, asked);
    if (asked->status == VDT_OK)
        asked->status = vdt_query_ready(&asked->search, asked->error);
    return asked->status;
}

static vdt_status take_member(struct asked *asked, const char *name, const json_t *value)
{
    bool known = true;
    if (!allowed(asked, name))
        return unknown(asked, name);
    if (strcmp(name, "fields") == 0)
        return vdt_stac_fields_member(&asked->fields, value, asked->error);
    if (strcmp(name, "collections") != 0)
        return vdt_query_member(&asked->search, name, value, &known, asked->error);
    json_decref(asked->collections);
    asked->collections = NULL;
    if (json_is_string(value))
        return list_collections(asked, json_string_value(value));
    asked->collections = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i)))
            return vdt_fail(asked->error, VDT_ERR_ARGUMENT, "collections: ids were expected");
        json_array_append(asked->collections, json_array_get(value, i));
    }
    return json_is_array(value)
               ? VDT_OK
               : vdt_fail(asked->error, VDT_ERR_ARGUMENT, "collections: ids were expected");
}

static vdt_status take_body(struct vdt_request *request, struct asked *asked)
{
    json_t *body = NULL, *value;
    const char *name;
    vdt_status status = vdt_request_json(request, &body, asked->error);
    if (status != VDT_OK)
        return status;
    if (!json_is_object(body))
        return vdt_fail(asked->error, VDT_ERR_ARGUMENT, "an object was expected");
    json_object_foreach(body, name, value)
    {
        status = take_member(asked, name, value);
        if (status != VDT_OK)
            return status;
    }
    return vdt_query_ready(&asked->search, asked->error);
}

/* --- lists ---------------------------------------------------------------------------------- */

static bool add_next(const struct vdt_stac *stac, json_t *links, const char *type, const char *path,
                     const char *token)
{
    if (strcmp(vdt_request_method(stac->request), "POST") == 0) {
        json_t *link = json_pack("{s:s, s:s, s:s, s:{s:s}, s:b}", "rel", "next", "type", type,
                                 "method", "POST", "body", "token", token, "merge", true);
        char href[1200];
        snprintf(href, sizeof href, "%s%s", stac->base, path);
        json_object_set_new(link, "href", json_string(href));
        return json_array_append_new(links, link) == 0;
    }
    vdt_cleanup(vdt_free_pointer) char *href = vdt_next_href(stac->request, path, token);
    json_t *link = href == NULL ? NULL
                                : json_pack("{s:s, s:s, s:s, s:s}", "rel", "next", "type", type,
                                            "method", "GET", "href", href);
    return json_array_append_new(links, link) == 0;
}

static json_t *list_links(const struct vdt_stac *stac, const char *type, const char *path,
                          const char *next)
{
    json_t *links = json_array();
    if (vdt_stac_link(links, "self", type, "%s%s", stac->base, path) &&
        vdt_stac_link(links, "root", VDT_STAC_JSON, "%s/", stac->base) &&
        (next == NULL || add_next(stac, links, type, path, next)))
        return links;
    json_decref(links);
    return NULL;
}

static vdt_status slug_of(const struct vdt_stac *stac, int64_t entry, char id[VDT_SLUG_SIZE + 1])
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(stac->session, "SELECT slug FROM entry WHERE id = ?1", &rows, stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_next(rows, stac->error);
    if (status == VDT_OK)
        snprintf(id, VDT_SLUG_SIZE + 1, "%s", vdt_rows_text(rows, 0));
    return status;
}

static vdt_status add_collection(const struct vdt_stac *stac, const struct asked *asked,
                                 int64_t entry, json_t *list)
{
    char id[VDT_SLUG_SIZE + 1] = "";
    struct vdt_stac_collection collection = {0};
    json_t *document = NULL;
    vdt_status status = slug_of(stac, entry, id);
    if (status == VDT_OK)
        status = vdt_stac_find(stac, id, &collection);
    if (status == VDT_OK)
        status = vdt_stac_collection_json(stac, &collection, &document);
    if (status == VDT_OK)
        json_array_append_new(list, vdt_stac_fields_apply(&asked->fields, document));
    vdt_stac_collection_clear(&collection);
    return status;
}

static void get_collections(struct vdt_request *request)
{
    static const char *const extra[] = {"q", NULL};
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct asked asked = {.extra = extra, .error = &error};
    struct vdt_page page = {0};
    json_t *list = json_array(), *document = NULL;
    asked.search.saved = asked.search.phrases = asked.search.unknown = true;
    if (vdt_stac_begin(request, &stac, &error)) {
        vdt_status status = take_url(request, &asked);
        if (status == VDT_OK)
            status =
                vdt_query_run(stac.session, &asked.search, stac.caller, stac.secret, &page, &error);
        for (size_t i = 0; status == VDT_OK && i < page.count; i++)
            status = add_collection(&stac, &asked, page.hits[i].id, list);
        if (status == VDT_OK)
            document = json_pack("{s:O, s:o, s:I}", "collections", list, "links",
                                 list_links(&stac, VDT_STAC_JSON, "/collections", page.next),
                                 "numberReturned", (json_int_t)page.count);
        if (status == VDT_OK && document == NULL)
            status = vdt_fail_memory(&error, "collections");
        reply(&stac, status, VDT_STAC_JSON, document);
    }
    json_decref(list);
    vdt_page_clear(&page);
    clear_asked(&asked);
}

static void get_collection(struct vdt_request *request)
{
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct vdt_stac_collection collection = {0};
    json_t *document = NULL;
    if (vdt_stac_begin(request, &stac, &error)) {
        vdt_status status = vdt_stac_find(&stac, vdt_request_path(request, "id"), &collection);
        if (status == VDT_OK)
            status = vdt_stac_collection_json(&stac, &collection, &document);
        reply(&stac, status, VDT_STAC_JSON, document);
    }
    vdt_stac_collection_clear(&collection);
}

/* --- items ---------------------------------------------------------------------------------- */

/* Collections that the items of a page are of, by their place in the search, or by entry. */
struct loaded {
    struct vdt_stac_collection *list;
    int64_t *keys;
    size_t count;
};

static void clear_loaded(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->count; i++)
        vdt_stac_collection_clear(&loaded->list[i]);
    free(loaded->list);
    free(loaded->keys);
}

static vdt_status load(const struct vdt_stac *stac, struct loaded *loaded, int64_t key,
                       const char *id, const struct vdt_stac_collection **found)
{
    for (size_t i = 0; i < loaded->count; i++)
        if (loaded->keys[i] == key) {
            *found = &loaded->list[i];
            return VDT_OK;
        }
    struct vdt_stac_collection *list = realloc(loaded->list, (loaded->count + 1) * sizeof *list);
    if (list != NULL)
        loaded->list = list;
    int64_t *keys = realloc(loaded->keys, (loaded->count + 1) * sizeof *keys);
    if (keys != NULL)
        loaded->keys = keys;
    if (list == NULL || keys == NULL)
        return vdt_fail_memory(stac->error, "items");
    list[loaded->count] = (struct vdt_stac_collection){0};
    keys[loaded->count] = key;
    *found = &list[loaded->count++];
    return vdt_stac_find(stac, id, &list[loaded->count - 1]);
}

static vdt_status collection_of(const struct vdt_stac *stac, const struct vdt_query *search,
                                const struct vdt_hit *hit, struct loaded *loaded,
                                const struct vdt_stac_collection **found)
{
    if (search->some)
        return load(stac, loaded, (int64_t)hit->collection,
                    search->collections[hit->collection].name, found);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        stac->session,
        "SELECT e.id, e.slug FROM sample s JOIN entry e ON e.id = s.entry WHERE s.id = ?1", &rows,
        stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, hit->id);
    status = vdt_rows_next(rows, stac->error);
    return status == VDT_OK
               ? load(stac, loaded, vdt_rows_integer(rows, 0), vdt_rows_text(rows, 1), found)
               : status;
}

static vdt_status list_items(const struct vdt_stac *stac, const struct asked *asked,
                             const struct vdt_page *page, json_t *list)
{
    struct loaded loaded = {0};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < page->count; i++) {
        const struct vdt_stac_collection *collection = NULL;
        json_t *item = NULL;
        status = collection_of(stac, &asked->search, &page->hits[i], &loaded, &collection);
        if (status == VDT_OK)
            status = vdt_stac_item_json(stac, collection, page->hits[i].id, &item);
        if (status == VDT_OK)
            json_array_append_new(list, vdt_stac_fields_apply(&asked->fields, item));
    }
    clear_loaded(&loaded);
    return status;
}

/* Runs what is asked, and replies. */
static void reply_items(struct vdt_stac *stac, struct asked *asked, vdt_status status,
                        const char *path)
{
    struct vdt_page page = {0};
    json_t *list = json_array(), *document = NULL;
    if (status == VDT_OK && !asked->nothing)
        status = vdt_query_run(stac->session, &asked->search, stac->caller, stac->secret, &page,
                               stac->error);
    if (status == VDT_OK)
        status = list_items(stac, asked, &page, list);
    if (status == VDT_OK)
        document = json_pack("{s:s, s:O, s:o, s:I}", "type", "FeatureCollection", "features", list,
                             "links", list_links(stac, VDT_STAC_GEOJSON, path, page.next),
                             "numberReturned", (json_int_t)page.count);
    if (status == VDT_OK && document == NULL)
        status = vdt_fail_memory(stac->error, "items");
    reply(stac, status, VDT_STAC_GEOJSON, document);
    json_decref(list);
    vdt_page_clear(&page);
}

static vdt_status add_to_search(const struct vdt_stac *stac, struct asked *asked, const char *id)
{
    struct vdt_stac_collection collection = {0};
    vdt_status status = vdt_stac_find(stac, id, &collection);
    if (status == VDT_OK &&
        !vdt_query_collection(&asked->search, collection.row.id, collection.version, collection.id))
        status = vdt_fail(stac->error, VDT_ERR_ARGUMENT, "collections: more than %d",
                          VDT_SEARCH_COLLECTIONS);
    vdt_stac_collection_clear(&collection);
    return status;
}

/* Those that there are not, or that are not to be seen, have no items. */
static vdt_status find_collections(const struct vdt_stac *stac, struct asked *asked)
{
    vdt_status status = VDT_OK;
    asked->search.some = json_array_size(asked->collections) > 0;
    for (size_t i = 0; status == VDT_OK && i < json_array_size(asked->collections); i++) {
        const char *id = json_string_value(json_array_get(asked->collections, i));
        bool again = false;
        for (size_t k = 0; k < asked->search.collection_count; k++)
            again |= strcmp(asked->search.collections[k].name, id) == 0;
        if (!again)
            status = add_to_search(stac, asked, id);
        if (status == VDT_ERR_NOT_FOUND)
            status = VDT_OK;
    }
    return status;
}

static void search(struct vdt_request *request,
                   vdt_status (*take)(struct vdt_request *request, struct asked *asked))
{
    static const char *const extra[] = {"intersects", "ids", "collections", NULL};
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct asked asked = {.extra = extra, .error = &error};
    asked.search.of = VDT_SEARCH_SAMPLES;
    asked.search.unknown = true;
    if (vdt_stac_begin(request, &stac, &error)) {
        vdt_status status = take(request, &asked);
        if (status == VDT_OK)
            status = find_collections(&stac, &asked);
        reply_items(&stac, &asked, status, "/search");
    }
    clear_asked(&asked);
}

static void get_search(struct vdt_request *request)
{
    search(request, take_url);
}

static void post_search(struct vdt_request *request)
{
    search(request, take_body);
}

/* pystac-client names the collection once more. */
static bool names_collection(const struct asked *asked, const char *id)
{
    for (size_t i = 0; i < json_array_size(asked->collections); i++)
        if (strcmp(json_string_value(json_array_get(asked->collections, i)), id) == 0)
            return true;
    return asked->collections == NULL;
}

static void get_items(struct vdt_request *request)
{
    static const char *const extra[] = {"collections", NULL};
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct asked asked = {.extra = extra, .error = &error};
    char path[VDT_STAC_ID_ROOM + 40];
    asked.search.of = VDT_SEARCH_SAMPLES;
    asked.search.unknown = asked.search.some = true;
    if (vdt_stac_begin(request, &stac, &error)) {
        vdt_status status = add_to_search(&stac, &asked, vdt_request_path(request, "id"));
        if (status == VDT_OK)
            status = take_url(request, &asked);
        if (status == VDT_OK && !names_collection(&asked, vdt_request_path(request, "id")))
            asked.nothing = true;
        snprintf(path, sizeof path, "/collections/%s/items",
                 asked.search.collection_count > 0 ? asked.search.collections[0].name : "");
        reply_items(&stac, &asked, status, path);
    }
    clear_asked(&asked);
}

static vdt_status find_item(const struct vdt_stac *stac,
                            const struct vdt_stac_collection *collection, const char *key,
                            int64_t *id)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(stac->session,
                                       "SELECT id FROM sample WHERE key = ?1 AND entry = ?2 AND "
                                       "since <= ?3 AND (until IS NULL OR until > ?3)",
                                       &rows, stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, key);
    vdt_bind_integer(rows, 2, collection->row.id);
    vdt_bind_integer(rows, 3, collection->version);
    status = vdt_rows_next(rows, stac->error);
    if (status == VDT_OK)
        *id = vdt_rows_integer(rows, 0);
    return status == VDT_END ? vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no item %.80s in %s", key,
                                        collection->id)
                             : status;
}

static void get_item(struct vdt_request *request)
{
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct vdt_stac_collection collection = {0};
    json_t *document = NULL;
    int64_t id = 0;
    if (vdt_stac_begin(request, &stac, &error)) {
        vdt_status status = vdt_stac_find(&stac, vdt_request_path(request, "id"), &collection);
        if (status == VDT_OK)
            status = find_item(&stac, &collection, vdt_request_path(request, "item"), &id);
        if (status == VDT_OK)
            status = vdt_stac_item_json(&stac, &collection, id, &document);
        reply(&stac, status, VDT_STAC_GEOJSON, document);
    }
    vdt_stac_collection_clear(&collection);
}

#define GET(path, function)                                                             \
    {                                                                                   \
        .method = "GET", .pattern = path, .flags = VDT_ROUTE_ANYONE, .handle = function \
    }

const struct vdt_route vdt_stac_routes[] = {
    GET("/conformance", vdt_stac_get_conformance),
    GET("/queryables", vdt_stac_get_queryables),
    GET("/collections", get_collections),
    GET("/collections/{id}", get_collection),
    GET("/collections/{id}/queryables", vdt_stac_get_collection_queryables),
    GET("/collections/{id}/items", get_items),
    GET("/collections/{id}/items/{item}", get_item),
    GET("/search", get_search),
    {.method = "POST",
     .pattern = "/search",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_SHARED,
     .body_limit = 1 << 20,
     .handle = post_search},
    {0},
};

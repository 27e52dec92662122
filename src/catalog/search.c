/* Searches, and lists that come in pages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/catalog.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"

/* Entries of a page, the limit where none is given, and the longest geometry that goes into an
 * address (servers refuse longer lines). */
enum { PAGE_ENTRIES = 200, LIMIT = 100, LONGEST_GEOMETRY = 6000 };

/* Puts the query of the page that follows behind the path; false: there is none. The rest of its
 * address is not believed: a server could point to another one. */
static bool next_page(const json_t *page, char *path, size_t size)
{
    size_t i;
    const json_t *link;
    json_array_foreach(json_object_get(page, "links"), i, link)
    {
        const char *rel = json_string_value(json_object_get(link, "rel"));
        const char *href = json_string_value(json_object_get(link, "href"));
        if (rel == NULL || href == NULL || strcmp(rel, "next") != 0)
            continue;
        const char *query = strchr(href, '?');
        size_t own = strcspn(path, "?");
        if (query == NULL || own + strlen(query) >= size)
            return false;
        memcpy(path + own, query, strlen(query) + 1);
        return true;
    }
    return false;
}

vdt_status vdt_call_pages(struct vdt_catalog *catalog, struct vdt_call *call, const char *member,
                          uint64_t limit, json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *all = json_pack("{s:[]}", member);
    json_t *list = json_object_get(all, member);
    bool more = true;
    if (all == NULL)
        return vdt_fail_memory(error, "catalog");
    while (more && (limit == 0 || json_array_size(list) < limit)) {
        vdt_cleanup(vdt_json_release) json_t *page = NULL;
        char before[sizeof call->path];
        vdt_status status = vdt_call_json(catalog, call, &page, NULL, error);
        if (status != VDT_OK)
            return status;
        const json_t *items = json_object_get(page, member);
        if (!json_is_array(items))
            return vdt_fail(error, VDT_ERR_FORMAT, "%s%.*s: the answer has no \"%s\"",
                            vdt_http_base(catalog->http), (int)strcspn(call->path, "?"), call->path,
                            member);
        json_array_extend(list, (json_t *)items);
        memcpy(before, call->path, sizeof before);
        more = next_page(page, call->path, sizeof call->path) && json_array_size(items) > 0 &&
               strcmp(before, call->path) != 0;
    }
    while (limit > 0 && json_array_size(list) > limit) {
        json_array_remove(list, json_array_size(list) - 1);
        more = true;
    }
    json_object_set_new(all, "more", json_boolean(more));
    *out = all;
    all = NULL;
    return VDT_OK;
}

/* --- searches ----------------------------------------------------------------------------- */

struct query {
    struct vdt_buffer text;
    bool failed;
};

static void add(struct query *query, const char *name, const char *value)
{
    if (value == NULL)
        return;
    vdt_cleanup(vdt_free_pointer) char *escaped = vdt_url_escape(value);
    const char *parts[] = {query->text.size == 0 ? "?" : "&", name, "=", escaped};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        query->failed |=
            parts[i] == NULL || !vdt_buffer_append(&query->text, parts[i], strlen(parts[i]));
}

/* A geometry, the geometry of a feature, or all those of a collection of features as one. */
static json_t *geometry_of(json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    if (type == NULL)
        return NULL;
    if (strcmp(type, "Feature") == 0)
        return json_incref(json_object_get(json, "geometry"));
    if (strcmp(type, "FeatureCollection") != 0)
        return json_incref(json);
    size_t i;
    json_t *feature, *list = json_array();
    json_array_foreach(json_object_get(json, "features"), i, feature)
        json_array_append(list, json_object_get(feature, "geometry"));
    if (json_array_size(list) == 1) {
        json_t *only = json_incref(json_array_get(list, 0));
        json_decref(list);
        return only;
    }
    return json_pack("{s:s, s:o}", "type", "GeometryCollection", "geometries", list);
}

static vdt_status add_polygon(struct query *query, const char *text, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    vdt_status status = vdt_json_parse(text, "polygon", &json, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *geometry = geometry_of(json);
    if (!json_is_object(geometry))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "polygon: no GeoJSON geometry, feature or collection of features");
    /* Seven digits are a centimetre. */
    vdt_cleanup(vdt_free_pointer) char *short_text =
        json_dumps(geometry, JSON_COMPACT | JSON_REAL_PRECISION(10));
    if (short_text == NULL)
        return vdt_fail_memory(error, "polygon");
    if (strlen(short_text) > LONGEST_GEOMETRY)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "polygon: %zu bytes, and %d are the most: simplify it first, as 'ogr2ogr "
                        "-simplify' does",
                        strlen(short_text), LONGEST_GEOMETRY);
    add(query, "intersects", short_text);
    return VDT_OK;
}

static vdt_status build(struct query *query, const struct vdt_search *search,
                        struct vdt_error *error)
{
    char text[160];
    uint64_t limit = search->limit == 0 ? LIMIT : search->limit;
    add(query, "q", search->text);
    if (search->bbox != NULL) {
        snprintf(text, sizeof text, "%.10g,%.10g,%.10g,%.10g", search->bbox[0], search->bbox[1],
                 search->bbox[2], search->bbox[3]);
        add(query, "bbox", text);
    }
    vdt_status status =
        search->polygon == NULL ? VDT_OK : add_polygon(query, search->polygon, error);
    add(query, "class", search->class_name);
    add(query, "task", search->task);
    add(query, "sensor", search->sensor);
    add(query, "datetime", search->time);
    add(query, "tag", search->tag);
    add(query, "owner", search->owner);
    add(query, "filter", search->filter);
    if (search->filter != NULL)
        add(query, "filter-lang", "cql2-text");
    if (search->bin)
        add(query, "deleted", "1");
    snprintf(text, sizeof text, "%" PRIu64, limit < PAGE_ENTRIES ? limit : PAGE_ENTRIES);
    add(query, "limit", text);
    if (status == VDT_OK && query->failed)
        status = vdt_fail_memory(error, "search");
    return status;
}

vdt_status vdt_catalog_search(struct vdt_catalog *catalog, const struct vdt_search *search,
                              char **document, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *found = NULL;
    struct query query = {0};
    struct vdt_call call = {.path = "/v1/entries"};
    size_t path = strlen(call.path);
    if (search->bbox != NULL && search->polygon != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox and polygon: give one of them");
    vdt_status status = build(&query, search, error);
    if (status == VDT_OK && path + query.text.size >= sizeof call.path)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "the search is too long for an address");
    if (status == VDT_OK) {
        memcpy(call.path + path, query.text.data, query.text.size);
        status = vdt_call_pages(catalog, &call, "entries",
                                search->limit == 0 ? LIMIT : search->limit, &found, error);
    }
    vdt_buffer_clear(&query.text);
    return status == VDT_OK ? vdt_hand_out(found, document, error) : status;
}

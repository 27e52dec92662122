/* What the API is: landing page, conformance, queryables. */
#include "server/stac/landing.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/stac/stac.h"

/* Only what tests/python/test_stac*.py have seen to hold. */
static const char *const classes[] = {
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/ogcapi-features#fields",
    "https://api.stacspec.org/v1.0.0/ogcapi-features#filter",
    "https://api.stacspec.org/v1.0.0/ogcapi-features#sort",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "https://api.stacspec.org/v1.0.0-rc.1/collection-search",
    "https://api.stacspec.org/v1.0.0-rc.1/collection-search#fields",
    "https://api.stacspec.org/v1.0.0-rc.1/collection-search#filter",
    "https://api.stacspec.org/v1.0.0-rc.1/collection-search#free-text",
    "https://api.stacspec.org/v1.0.0-rc.1/collection-search#sort",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/simple-query",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/array-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
};

static json_t *conformance(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        json_array_append_new(list, json_string(classes[i]));
    return list;
}

bool vdt_stac_link(json_t *links, const char *rel, const char *type, const char *format, ...)
{
    char href[4096];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(href, sizeof href, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof href)
        return false;
    json_t *link = json_pack("{s:s, s:s}", "rel", rel, "href", href);
    if (type != NULL && link != NULL)
        json_object_set_new(link, "type", json_string(type));
    return json_array_append_new(links, link) == 0;
}

json_t *vdt_stac_landing(const char *base)
{
    static const char openapi[] = "application/vnd.oai.openapi+json;version=3.0";
    json_t *links = json_array();
    bool good = vdt_stac_link(links, "self", VDT_STAC_JSON, "%s/", base) &&
                vdt_stac_link(links, "root", VDT_STAC_JSON, "%s/", base) &&
                vdt_stac_link(links, "conformance", VDT_STAC_JSON, "%s/conformance", base) &&
                vdt_stac_link(links, "data", VDT_STAC_JSON, "%s/collections", base) &&
                vdt_stac_link(links, "service-desc", openapi, "%s/api", base) &&
                vdt_stac_link(links, "search", VDT_STAC_GEOJSON, "%s/search", base) &&
                vdt_stac_link(links, "search", VDT_STAC_GEOJSON, "%s/search", base) &&
                vdt_stac_link(links, VDT_STAC_QUERYABLES, VDT_STAC_SCHEMA, "%s/queryables", base);
    static const char *const methods[] = {"GET", "POST"};
    for (size_t i = 0; good && i < 2; i++)
        json_object_set_new(json_array_get(links, 5 + i), "method", json_string(methods[i]));
    if (good)
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "type", "Catalog", "stac_version",
                         "1.1.0", "id", "vedatile", "title", "vedatile", "description",
                         "Training data from georeferenced imagery and vector labels", "conformsTo",
                         conformance(), "links", links);
    json_decref(links);
    return NULL;
}

void vdt_stac_reply_landing(struct vdt_request *request)
{
    json_t *landing = vdt_stac_landing(vdt_request_base(request));
    if (landing == NULL)
        vdt_reply_error(request, 500, "InternalError", "out of memory");
    else
        vdt_reply_json(request, 200, landing);
}

void vdt_stac_get_conformance(struct vdt_request *request)
{
    vdt_reply_json(request, 200, json_pack("{s:o}", "conformsTo", conformance()));
}

/* --- queryables ----------------------------------------------------------------------------- */

static json_t *schema_of(const struct vdt_queryable *one)
{
    json_t *schema = json_pack("{s:s}", "title", one->title);
    switch (one->kind) {
    case VDT_KIND_TEXT: json_object_set_new(schema, "type", json_string("string")); break;
    case VDT_KIND_NUMBER:
        json_object_set_new(schema, "type", json_string(one->whole ? "integer" : "number"));
        break;
    case VDT_KIND_BOOLEAN: json_object_set_new(schema, "type", json_string("boolean")); break;
    case VDT_KIND_TIME:
        json_object_set_new(schema, "type", json_string("string"));
        json_object_set_new(schema, "format", json_string("date-time"));
        break;
    case VDT_KIND_TEXTS:
        json_object_set_new(schema, "type", json_string("array"));
        json_object_set_new(schema, "items", json_pack("{s:s}", "type", "string"));
        break;
    default:
        json_object_set_new(schema, "$ref",
                            json_string("https://geojson.org/schema/Geometry.json"));
    }
    return schema;
}

/* Names that are ours have our prefix, as in the documents. */
static const char *prefix_of(const char *name)
{
    static const char *const common[] = {"id", "collection", "datetime", "geometry"};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (strcmp(common[i], name) == 0)
            return "";
    return "vt:";
}

static void reply_queryables(struct vdt_request *request, const char *path)
{
    char id[1200], name[64];
    json_t *properties = json_object();
    for (const struct vdt_queryable *one = vdt_sample_queryables.list; one->name != NULL; one++) {
        snprintf(name, sizeof name, "%s%s", prefix_of(one->name), one->name);
        json_object_set_new(properties, name, schema_of(one));
    }
    snprintf(id, sizeof id, "%s%s", vdt_request_base(request), path);
    vdt_reply_typed_json(request, 200, VDT_STAC_SCHEMA,
                         json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "$schema",
                                   "https://json-schema.org/draft/2019-09/schema", "$id", id,
                                   "type", "object", "title", "What filters know of samples",
                                   "properties", properties, "additionalProperties", true));
}

void vdt_stac_get_queryables(struct vdt_request *request)
{
    reply_queryables(request, "/queryables");
}

void vdt_stac_get_collection_queryables(struct vdt_request *request)
{
    struct vdt_error error = {0};
    struct vdt_stac stac;
    struct vdt_stac_collection collection = {0};
    if (!vdt_stac_begin(request, &stac, &error))
        return;
    vdt_status status = vdt_stac_find(&stac, vdt_request_path(request, "id"), &collection);
    vdt_db_end(&stac.session);
    if (status == VDT_OK) {
        char path[VDT_STAC_ID_ROOM + 40];
        snprintf(path, sizeof path, "/collections/%s/queryables", collection.id);
        reply_queryables(request, path);
    } else {
        vdt_reply_failure(request, &error);
    }
    vdt_stac_collection_clear(&collection);
}

/* The server's routes and schemas/openapi.json say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "server/net/route.h"
#include "server/page/assets.h"

static json_t *paths(json_t **document)
{
    *document = json_loadb((const char *)vdt_page_openapi, vdt_page_openapi_size, 0, NULL);
    assert_non_null(*document);
    return json_object_get(*document, "paths");
}

/* "/v1/entries/{id}" -> "/v1/entries/{}": names of parts are free. */
static void without_names(const char *pattern, char *text, size_t room)
{
    size_t size = 0;
    for (bool inside = false; *pattern && size + 1 < room; pattern++) {
        inside = *pattern == '}' ? false : inside;
        if (!inside)
            text[size++] = *pattern;
        inside = *pattern == '{' ? true : inside;
    }
    text[size] = '\0';
}

static void lower(const char *method, char text[16])
{
    snprintf(text, 16, "%s", method);
    for (char *at = text; *at; at++)
        *at = (char)tolower((unsigned char)*at);
}

static json_t *operation_of(json_t *all, const struct vdt_route *route)
{
    char wanted[200], found[200], method[16];
    const char *path;
    json_t *item;
    without_names(route->pattern, wanted, sizeof wanted);
    lower(route->method, method);
    json_object_foreach(all, path, item)
    {
        without_names(path, found, sizeof found);
        if (strcmp(found, wanted) == 0)
            return json_object_get(item, method);
    }
    return NULL;
}

static unsigned scopes_of(const json_t *operation)
{
    unsigned scopes = 0;
    size_t at;
    json_t *scope;
    json_array_foreach(json_object_get(operation, "x-scopes"), at, scope)
    {
        const char *name = json_string_value(scope);
        scopes |= strcmp(name, "read") == 0      ? VDT_SCOPE_READ
                  : strcmp(name, "write") == 0   ? VDT_SCOPE_WRITE
                  : strcmp(name, "publish") == 0 ? VDT_SCOPE_PUBLISH
                                                 : VDT_SCOPE_ADMIN;
    }
    return scopes;
}

/* Whether the document lets anyone call it: an empty object in `security`. */
static bool open_to_all(const json_t *operation)
{
    size_t at;
    json_t *one;
    json_array_foreach(json_object_get(operation, "security"), at,
                       one) if (json_object_size(one) == 0) return true;
    return false;
}

static void test_every_route_is_documented(void **state)
{
    (void)state;
    json_t *document;
    json_t *all = paths(&document);
    for (const struct vdt_route *const *table = vdt_all_routes; *table; table++)
        for (const struct vdt_route *route = *table; route->method; route++) {
            const json_t *operation = operation_of(all, route);
            if (!operation)
                fail_msg("%s %s is not in schemas/openapi.json", route->method, route->pattern);
            if (scopes_of(operation) != route->scopes)
                fail_msg("%s %s: x-scopes are others than the route's", route->method,
                         route->pattern);
            if (open_to_all(operation) != !!(route->flags & VDT_ROUTE_ANYONE))
                fail_msg("%s %s: security says otherwise than the route", route->method,
                         route->pattern);
            if (json_object_get(operation, "requestBody") && route->body_limit == 0)
                fail_msg("%s %s takes no body", route->method, route->pattern);
        }
    json_decref(document);
}

/* The route of an operation; NULL: the server has none. */
static const struct vdt_route *route_of(const char *path, const char *method)
{
    char wanted[200], found[200], name[16];
    without_names(path, wanted, sizeof wanted);
    for (const struct vdt_route *const *table = vdt_all_routes; *table; table++)
        for (const struct vdt_route *route = *table; route->method; route++) {
            without_names(route->pattern, found, sizeof found);
            lower(route->method, name);
            if (strcmp(found, wanted) == 0 && strcmp(name, method) == 0)
                return route;
        }
    return NULL;
}

static void test_every_operation_is_there(void **state)
{
    (void)state;
    json_t *document, *item, *operation;
    const char *path, *method;
    json_t *all = paths(&document);
    json_object_foreach(all, path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (!route_of(path, method))
                fail_msg("%s %s of schemas/openapi.json is no route", method, path);
        }
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_documented),
        cmocka_unit_test(test_every_operation_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

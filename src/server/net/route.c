#include "server/net/route.h"

#include <stdio.h>
#include <string.h>

/* The end of the part that begins at `text`. */
static const char *part_end(const char *text, const char *end)
{
    const char *slash = memchr(text, '/', (size_t)(end - text));
    return slash ? slash : end;
}

static void take_value(struct vdt_route_match *match, const char *name, const char *name_end,
                       const char *value, const char *value_end)
{
    if (match->count == VDT_PATH_NAMES_MOST)
        return;
    match->values[match->count++] = (struct vdt_path_value){
        .name = name + 1,
        .name_size = (size_t)(name_end - name) - 2,
        .value = value,
        .value_size = (size_t)(value_end - value),
    };
}

/* How well a path fits: a digit for each part, 2 for a literal one and 1 for a name. 0: it does
 * not. */
static uint64_t fit(const char *pattern, const char *path, const char *end,
                    struct vdt_route_match *match)
{
    const char *pattern_stop = pattern + strlen(pattern);
    uint64_t score = 1;
    match->count = 0;
    for (;;) {
        if (*pattern != '/' || path == end || *path != '/')
            return 0;
        const char *ours = part_end(++pattern, pattern_stop);
        const char *theirs = part_end(++path, end);
        const size_t size = (size_t)(ours - pattern);
        const bool literal = *pattern != '{';
        if (literal && ((size_t)(theirs - path) != size || memcmp(pattern, path, size) != 0))
            return 0;
        if (!literal) {
            if (theirs == path)
                return 0; /* a name is never empty */
            take_value(match, pattern, ours, path, theirs);
        }
        score = score * 3 + (literal ? 2 : 1);
        pattern = ours;
        path = theirs;
        if (ours == pattern_stop || theirs == end)
            return ours == pattern_stop && theirs == end ? score : 0;
    }
}

static void allow(char *list, size_t size, const char *method)
{
    const size_t length = strlen(method);
    for (const char *at = strstr(list, method); at; at = strstr(at + 1, method))
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
            return;
    snprintf(list + strlen(list), size - strlen(list), "%s%s%s", *list ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

void vdt_route_find(const struct vdt_route *const *tables, const char *method, const char *path,
                    size_t size, struct vdt_route_match *match)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct vdt_route_match tried;
    uint64_t path_best = 0, best = 0;
    size_t number = 0;
    *match = (struct vdt_route_match){.number = SIZE_MAX};
    for (; *tables; tables++)
        for (const struct vdt_route *route = *tables; route->method; route++, number++) {
            const uint64_t score = fit(route->pattern, path, path + size, &tried);
            if (score == 0)
                continue;
            if (score > path_best) { /* methods of a path that fits less well do not count */
                path_best = score;
                match->allow[0] = '\0';
                match->route = NULL;
                match->number = SIZE_MAX;
            }
            if (score == path_best)
                allow(match->allow, sizeof match->allow, route->method);
            if (score == path_best && score > best && strcmp(route->method, wanted) == 0) {
                best = score;
                match->route = route;
                match->number = number;
                match->count = tried.count;
                memcpy(match->values, tried.values, sizeof tried.values);
            }
        }
    if (match->allow[0])
        allow(match->allow, sizeof match->allow, "OPTIONS");
}

#include "server/page/accept.h"

#include <string.h>
#include <strings.h>

/* How much a header wants a type, in thousandths, by the part of it that names the type best. */
struct wish {
    int quality;
    int named; /* 0: not at all, 1: by a star, 2: by "text" and a star, 3: by its name */
};

/* The bytes of [at, end) without blanks around them. */
static const char *trim(const char *at, const char **end)
{
    while (at < *end && strchr(" \t", *at))
        at++;
    while (*end > at && strchr(" \t", (*end)[-1]))
        (*end)--;
    return at;
}

static const char *until(const char *at, const char *end, char sign)
{
    const char *found = memchr(at, sign, (size_t)(end - at));
    return found ? found : end;
}

static int how_named(const char *at, const char *end, const char *type)
{
    size_t size = (size_t)(end - at);
    size_t head = strcspn(type, "/");
    if (size == strlen(type) && strncasecmp(at, type, size) == 0)
        return 3;
    if (size == head + 2 && strncasecmp(at, type, head + 1) == 0 && at[size - 1] == '*')
        return 2;
    return size == 3 && memcmp(at, "*/*", 3) == 0 ? 1 : 0;
}

/* "0.8" in thousandths; what is no such number counts as 1. */
static int thousandths(const char *at, const char *end)
{
    if (at == end || (*at != '0' && *at != '1'))
        return 1000;
    int value = (*at++ - '0') * 1000;
    if (at < end && *at == '.')
        at++;
    for (int step = 100; at < end && *at >= '0' && *at <= '9' && step > 0; at++, step /= 10)
        value += (*at - '0') * step;
    return value > 1000 ? 1000 : value;
}

static int quality_of(const char *at, const char *end)
{
    while (at < end) {
        const char *stop = until(at, end, ';');
        const char *next = stop < end ? stop + 1 : end;
        at = trim(at, &stop);
        if (stop - at > 2 && strncasecmp(at, "q=", 2) == 0)
            return thousandths(at + 2, stop);
        at = next;
    }
    return 1000;
}

static struct wish wish_of(const char *accept, const char *type)
{
    struct wish wish = {0};
    const char *end = accept + strlen(accept);
    for (const char *at = accept; at < end;) {
        const char *stop = until(at, end, ',');
        const char *name_end = until(at, stop, ';');
        const char *more = name_end;
        const char *name = trim(at, &name_end);
        int named = how_named(name, name_end, type);
        if (named > wish.named) {
            wish.named = named;
            wish.quality = quality_of(more, stop);
        }
        at = stop < end ? stop + 1 : end;
    }
    return wish;
}

bool vdt_accept_prefers_html(const char *accept)
{
    if (!accept)
        return false;
    struct wish html = wish_of(accept, "text/html");
    struct wish json = wish_of(accept, "application/json");
    if (html.quality != json.quality)
        return html.quality > json.quality;
    return html.quality > 0 && html.named == 3 && json.named < 3;
}

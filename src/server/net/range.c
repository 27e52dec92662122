#include "server/net/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_blank(const char *text)
{
    return text + strspn(text, " \t");
}

/* Digits to a number; what is too big becomes the greatest. NULL: no digit. */
static const char *read_number(const char *text, uint64_t *value)
{
    if (*text < '0' || *text > '9')
        return NULL;
    for (*value = 0; *text >= '0' && *text <= '9'; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
    }
    return text;
}

enum vdt_range_kind vdt_range_parse(const char *header, uint64_t size, struct vdt_range *range)
{
    uint64_t first = 0, last = UINT64_MAX;
    const char *text = header;
    if (strncasecmp(text, "bytes", 5) != 0)
        return VDT_RANGE_ALL;
    text = skip_blank(text + 5);
    if (*text++ != '=')
        return VDT_RANGE_ALL;
    text = skip_blank(text);
    const bool suffix = *text == '-';
    if (suffix) { /* the last so many bytes */
        text = read_number(text + 1, &last);
    } else {
        text = read_number(text, &first);
        if (!text || *text++ != '-')
            return VDT_RANGE_ALL;
        if (*text >= '0' && *text <= '9')
            text = read_number(text, &last);
    }
    if (!text || *skip_blank(text) != '\0' || (!suffix && last < first))
        return VDT_RANGE_ALL;
    if (suffix) {
        first = last < size ? size - last : 0;
        if (last == 0)
            return VDT_RANGE_OUTSIDE;
        last = UINT64_MAX;
    }
    if (first >= size)
        return VDT_RANGE_OUTSIDE;
    if (last > size - 1)
        last = size - 1;
    *range = (struct vdt_range){.first = first, .size = last - first + 1};
    return VDT_RANGE_PART;
}

bool vdt_etag_in_list(const char *list, const char *etag)
{
    const char *tag = strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
    const size_t size = strlen(tag);
    for (list = skip_blank(list); *list;) {
        if (*list == '*')
            return true;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        const char *end = *list == '"' ? strchr(list + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - list) == size && memcmp(list, tag, size) == 0)
            return true;
        list = end + 1 + strspn(end + 1, " \t,");
    }
    return false;
}

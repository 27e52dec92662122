/* What people send, member by member. */
#include "server/meta/fields.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

vdt_status vdt_fields_only(const json_t *object, const char *const *names, struct vdt_error *error)
{
    if (!json_is_object(object))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the body: is no JSON object");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], name) != 0)
            i++;
        if (names[i] == NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%.60s: there is no such member here", name);
    }
    return VDT_OK;
}

/* The next character of valid UTF-8. */
static unsigned next_character(const char **at)
{
    const unsigned char *c = (const unsigned char *)*at;
    int more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : c[0] >= 0xc0 ? 1 : 0;
    unsigned character = more == 0 ? c[0] : c[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++)
        character = character << 6 | (c[i] & 0x3f);
    *at += more + 1;
    return character;
}

/* Characters that show nothing, or make other text look as what it is not. */
static bool character_allowed(unsigned c, enum vdt_field_kind kind)
{
    if (c == '\n' || c == '\t' || c == '\r')
        return kind == VDT_FIELD_TEXT;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
        c == 0xfffe || c == 0xffff)
        return false;
    bool turns = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return !turns || kind == VDT_FIELD_TEXT;
}

static bool is_blank(unsigned c)
{
    return c == ' ' || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200b);
}

static vdt_status check_text(const json_t *value, const char *name, enum vdt_field_kind kind,
                             size_t most, struct vdt_error *error)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: must be text", name);
    size_t count = 0;
    unsigned last = 0;
    bool allowed = strlen(text) == json_string_length(value), first_blank = false;
    for (const char *at = text; *at != '\0' && allowed; count++) {
        last = next_character(&at);
        allowed = character_allowed(last, kind);
        first_blank = first_blank || (count == 0 && is_blank(last));
    }
    if (!allowed)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has a control character in it", name);
    if (count > most)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has %zu characters, and may have %zu", name,
                        count, most);
    if (kind == VDT_FIELD_LINE && (count == 0 || first_blank || is_blank(last)))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: is empty, or has a blank at its beginning or end", name);
    return VDT_OK;
}

vdt_status vdt_field_text(const json_t *object, const char *name, enum vdt_field_kind kind,
                          size_t most, const char **text, struct vdt_error *error)
{
    const json_t *value = json_object_get(object, name);
    *text = NULL;
    if (value == NULL || json_is_null(value))
        return VDT_OK;
    vdt_status status = check_text(value, name, kind, most, error);
    if (status == VDT_OK)
        *text = json_string_value(value);
    return status;
}

vdt_status vdt_field_integer(const json_t *object, const char *name, int64_t least, int64_t most,
                             int64_t *number, struct vdt_error *error)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return VDT_OK;
    if (json_is_null(value)) {
        *number = -1;
        return VDT_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: must be a whole number from %lld to %lld, or null", name,
                        (long long)least, (long long)most);
    *number = json_integer_value(value);
    return VDT_OK;
}

vdt_status vdt_field_lines(const json_t *object, const char *name, size_t count, size_t size,
                           const json_t **lines, struct vdt_error *error)
{
    const json_t *value = json_object_get(object, name);
    *lines = NULL;
    if (value == NULL || json_is_null(value))
        return VDT_OK;
    if (!json_is_array(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: must be a list of texts", name);
    if (json_array_size(value) > count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has %zu items, and may have %zu", name,
                        json_array_size(value), count);
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)value, i, item)
    {
        vdt_status status = check_text(item, name, VDT_FIELD_LINE, size, error);
        if (status != VDT_OK)
            return status;
    }
    *lines = value;
    return VDT_OK;
}

/* Canonical JSON text. */
#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { SAFE_DIGITS = 15, DIGITS = 17, NUMBER_MOST = 32 };

/* The number at `token`, `size` bytes of 17 digits, with as few as bring it back; returns the bytes
 * written. A decimal of up to 15 digits survives, so those are tried first. jansson does the
 * conversions, as the C library's depend on the locale. */
static size_t write_number(const char *token, size_t size, char *out)
{
    vdt_cleanup(vdt_json_release) json_t *number =
        json_loadb(token, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    for (int digits = SAFE_DIGITS; number != NULL && digits < DIGITS; digits++) {
        char shorter[NUMBER_MOST];
        size_t length = json_dumpb(number, shorter, sizeof shorter,
                                   JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        vdt_cleanup(vdt_json_release) json_t *back =
            length > size ? NULL : json_loadb(shorter, length, JSON_DECODE_ANY, NULL);
        if (back != NULL && json_real_value(back) == json_real_value(number)) {
            memcpy(out, shorter, length);
            return length;
        }
    }
    memmove(out, token, size);
    return size;
}

/* Bytes of the string that begins at `text`, quotes included. */
static size_t string_size(const char *text)
{
    size_t size = 1;
    while (text[size] != '"' && text[size] != '\0')
        size += text[size] == '\\' ? 2 : 1;
    return size + 1;
}

/* In place: numbers become no longer. */
static void shorten_numbers(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0';) {
        size_t number = strspn(at, "+-.0123456789eE");
        bool real = number > 0 && *at != 'e' && *at != 'E' && strcspn(at, ".eE") < number;
        size_t size = *at == '"' ? string_size(at) : number > 0 ? number : 1;
        if (real) {
            out += write_number(at, size, out);
        } else {
            memmove(out, at, size);
            out += size;
        }
        at += size;
    }
    *out = '\0';
}

char *vdt_json_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
                                       JSON_REAL_PRECISION(DIGITS));
    if (text != NULL)
        shorten_numbers(text);
    return text;
}

vdt_status vdt_json_parse(const char *text, const char *what, json_t **value,
                          struct vdt_error *error)
{
    json_error_t place;
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &place);
    if (parsed == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d column %d: %s", what, place.line,
                        place.column, place.text);
    *value = parsed;
    return VDT_OK;
}

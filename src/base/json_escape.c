/* Escapes in the strings of JSON text. */
#include "base/json_escape.h"

#include <stdint.h>
#include <string.h>

/* Four hexadecimal digits; below 0 when they are not. */
static int32_t hexadecimal(const char *text)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t utf8(uint32_t code, char text[4])
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        text[i] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(leads[size] | code);
    return size;
}

/* "\uXXXX" and the second half that may follow. */
static struct vdt_json_escape unicode(const char *at)
{
    struct vdt_json_escape escape = {.taken = 6};
    int32_t code = hexadecimal(at + 2);
    if (code < 0)
        return (struct vdt_json_escape){.problem = "no hexadecimal digits behind \\u"};
    if (code >= 0xd800 && code < 0xdc00 && at[6] == '\\' && at[7] == 'u') {
        int32_t low = hexadecimal(at + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            escape.taken = 12;
        }
    }
    if (code != 0 && (code < 0xd800 || code >= 0xe000))
        escape.size = utf8((uint32_t)code, escape.text);
    return escape;
}

struct vdt_json_escape vdt_json_escape_read(const char *at)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (at[1] == 'u')
        return unicode(at);
    const char *found = at[1] == '\0' ? NULL : strchr(names, at[1]);
    if (found == NULL)
        return (struct vdt_json_escape){.problem = "an unknown escape in a string"};
    return (struct vdt_json_escape){.taken = 2, .size = 1, .text = {meanings[found - names]}};
}

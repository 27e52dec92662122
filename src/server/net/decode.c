/* Percent-encoding, and texts that may be believed. */
#include <string.h>

#include "server/net/state.h"

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Bytes of the UTF-8 character at `text`, by its first byte; 0: none begins so. */
static size_t character_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

static bool is_utf8(const unsigned char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        const size_t count = character_size(text[at]);
        if (count == 0 || count > size - at)
            return false;
        for (size_t i = 1; i < count; i++)
            if ((text[at + i] & 0xc0) != 0x80)
                return false;
        const unsigned char second = count > 2 ? text[at + 1] : 0;
        if ((text[at] == 0xe0 && second < 0xa0) || (text[at] == 0xed && second > 0x9f) ||
            (text[at] == 0xf0 && second < 0x90) || (text[at] == 0xf4 && second > 0x8f))
            return false; /* too long, a surrogate, or beyond Unicode */
        at += count;
    }
    return true;
}

char *vdt_percent_decode(const char *text, size_t size, bool plus_is_space)
{
    char *out = vdt_allocate(size + 1, 1);
    size_t to = 0;
    if (!out)
        return NULL;
    for (size_t at = 0; at < size; at++) {
        int byte = (unsigned char)text[at];
        if (byte == '%') {
            const int high = size - at > 2 ? hex(text[at + 1]) : -1;
            const int low = size - at > 2 ? hex(text[at + 2]) : -1;
            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            at += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        /* Line breaks and tabs are legal in filters; other control bytes are in nobody's text. */
        if (byte == 0 || byte == 0x7f || (byte < 0x20 && !strchr("\t\n\r", byte))) {
            free(out);
            return NULL;
        }
        out[to++] = (char)byte;
    }
    out[to] = '\0';
    if (!is_utf8((const unsigned char *)out, to)) {
        free(out);
        return NULL;
    }
    return out;
}

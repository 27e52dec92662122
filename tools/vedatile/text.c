/* Text for people. */
#include "text.h"

#include <stdbool.h>

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t text_character(const char *text)
{
    if (!*text)
        return 0;
    size_t size = 1;
    if ((unsigned char)*text >= 0xC0)
        while (size < 4 && is_continuation(text[size]))
            size++;
    return size;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text += text_character(text))
        width++;
    return width;
}

void text_print(FILE *file, const char *text)
{
    for (size_t size; (size = text_character(text)) > 0; text += size) {
        unsigned char first = (unsigned char)text[0];
        bool control = first < 0x20 || first == 0x7F ||
                       (first == 0xC2 && size == 2 && (unsigned char)text[1] < 0xA0);
        if (control)
            fputc('?', file);
        else
            fwrite(text, 1, size, file);
    }
}

void text_cell(FILE *file, const char *text, size_t width)
{
    text_print(file, text);
    for (size_t at = text_width(text); at < width; at++)
        fputc(' ', file);
}

const char *text_bytes(char *buffer, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) {
        snprintf(buffer, size, "%u bytes", (unsigned)bytes);
        return buffer;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    for (; value >= 999.5 && unit < 4; unit++)
        value /= 1000;
    snprintf(buffer, size, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buffer;
}

const char *text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

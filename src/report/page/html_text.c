/* Text of a page. */
#include "report/page/html_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vdt_html_raw(struct vdt_html *html, const char *text)
{
    html->failed = html->failed || !vdt_buffer_append(&html->text, text, strlen(text));
}

void vdt_html_put(struct vdt_html *html, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof text)
        html->failed = true;
    else
        vdt_html_raw(html, text);
}

void vdt_html_text(struct vdt_html *html, const char *text)
{
    for (; *text; text++) {
        char one[2] = {*text, 0};
        const char *written = one;
        switch (*text) {
        case '&': written = "&amp;"; break;
        case '<': written = "&lt;"; break;
        case '>': written = "&gt;"; break;
        case '"': written = "&quot;"; break;
        case '\'': written = "&#39;"; break;
        default:
            if ((unsigned char)*text < 0x20 || *text == 0x7f)
                written = " ";
        }
        vdt_html_raw(html, written);
    }
}

void vdt_html_number(struct vdt_html *html, const json_t *value)
{
    if (json_is_integer(value))
        vdt_html_put(html, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        vdt_html_put(html, "%.4g", json_real_value(value));
    else
        vdt_html_raw(html, "-");
}

void vdt_html_score(struct vdt_html *html, const json_t *value)
{
    double number = json_real_value(value);
    if (json_is_real(value))
        vdt_html_put(html, number > -100 && number < 100 ? "%.4f" : "%.1f", number);
    else
        vdt_html_number(html, value);
}

void vdt_html_words(struct vdt_html *html, const char *name)
{
    for (; *name; name++) {
        const char one[2] = {*name == '_' ? ' ' : *name, 0};
        vdt_html_text(html, one);
    }
}

const char *vdt_html_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

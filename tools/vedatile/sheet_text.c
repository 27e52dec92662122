/* Text on a sheet. cairo refuses a whole string for one bad byte, so bad ones are replaced. */
#include "sheet_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define QUARTER_TURN 1.5707963267948966

static size_t expected_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static void clean(char *buffer, size_t size, const char *text)
{
    size_t used = 0;
    for (size_t step; (step = text_character(text)) > 0 && used + step + 4 < size; text += step) {
        bool broken = (unsigned char)*text < 0x20 || step != expected_size((unsigned char)*text);
        if (broken)
            buffer[used++] = '?';
        else
            memcpy(buffer + used, text, step);
        used += broken ? 0 : step;
    }
    buffer[used] = '\0';
}

static void set_font(cairo_t *cairo, const struct ink *ink)
{
    cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           ink->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, ink->size);
}

static double advance(cairo_t *cairo, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, text, &extents);
    return extents.x_advance;
}

double sheet_text_width(cairo_t *cairo, const struct ink *ink, const char *text)
{
    char line[512];
    clean(line, sizeof line, text);
    set_font(cairo, ink);
    return advance(cairo, line);
}

double sheet_text(cairo_t *cairo, const struct ink *ink, double x, double y, double width,
                  const char *text)
{
    char line[516];
    clean(line, sizeof line - 4, text);
    set_font(cairo, ink);
    size_t end = strlen(line);
    while (end > 0 && advance(cairo, line) > width) {
        do
            end--;
        while (end > 0 && ((unsigned char)line[end] & 0xC0) == 0x80);
        snprintf(line + end, sizeof line - end, "\xE2\x80\xA6");
    }
    cairo_set_source_rgb(cairo, ink->grey, ink->grey, ink->grey);
    cairo_move_to(cairo, x, y);
    cairo_show_text(cairo, line);
    return advance(cairo, line);
}

void sheet_rounded(cairo_t *cairo, double x, double y, double width, double height, double radius)
{
    cairo_new_sub_path(cairo);
    cairo_arc(cairo, x + width - radius, y + radius, radius, -QUARTER_TURN, 0);
    cairo_arc(cairo, x + width - radius, y + height - radius, radius, 0, QUARTER_TURN);
    cairo_arc(cairo, x + radius, y + height - radius, radius, QUARTER_TURN, 2 * QUARTER_TURN);
    cairo_arc(cairo, x + radius, y + radius, radius, 2 * QUARTER_TURN, 3 * QUARTER_TURN);
    cairo_close_path(cairo);
}

void sheet_set_colour(cairo_t *cairo, struct colour colour)
{
    cairo_set_source_rgb(cairo, colour.red, colour.green, colour.blue);
}

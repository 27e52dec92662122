/* Text on a sheet. */
#ifndef TOOL_SHEET_TEXT_H
#define TOOL_SHEET_TEXT_H

#include <cairo.h>
#include <stdbool.h>

#include "palette.h"

struct ink {
    double size; /* pixels */
    bool bold;
    double grey; /* 0 black .. 1 white */
};

double sheet_text_width(cairo_t *cairo, const struct ink *ink, const char *text);

/* Text whose baseline begins at (x, y), cut with an ellipsis to `width`. Returns its width. */
double sheet_text(cairo_t *cairo, const struct ink *ink, double x, double y, double width,
                  const char *text);

/* A rounded rectangle as a path. */
void sheet_rounded(cairo_t *cairo, double x, double y, double width, double height, double radius);

void sheet_set_colour(cairo_t *cairo, struct colour colour);

#endif

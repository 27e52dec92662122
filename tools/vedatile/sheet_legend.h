/* The legend of a sheet: the classes that its tiles show, and how often. */
#ifndef TOOL_SHEET_LEGEND_H
#define TOOL_SHEET_LEGEND_H

#include "sheet.h"

struct legend {
    size_t class_count;
    uint32_t *tiles;  /* [class_count] shown tiles with the class */
    uint32_t *boxes;  /* [class_count] boxes on shown tiles */
    uint32_t ignored; /* shown tiles with ignored pixels */
};

/* On success legend_clear releases it; on failure there is nothing to release. */
vdt_status legend_count(const struct sheet *sheet, struct legend *legend, struct vdt_error *error);

void legend_clear(struct legend *legend);

/* Draws the legend in `width` from (x, y) down, unless `cairo` only measures (`draw` false).
 * Returns its height. */
double legend_draw(cairo_t *cairo, const struct sheet *sheet, const struct legend *legend, double x,
                   double y, double width, bool draw);

#endif

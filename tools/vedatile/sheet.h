/* A contact sheet: tiles with their labels, a header and a legend. */
#ifndef TOOL_SHEET_H
#define TOOL_SHEET_H

#include <cairo.h>

#include "picture.h"

struct sheet {
    const struct vdt_reader *reader;
    const struct sample_ref *samples;
    size_t count;       /* of samples; positive */
    uint64_t of;        /* samples that they were chosen from */
    const char *groups; /* names, for the header */
    size_t columns;
    uint32_t tile_pixels; /* drawn size of the longer side */
    bool labels;
    struct stretch stretch;
};

/* On success *surface belongs to the caller: cairo_surface_destroy. */
vdt_status sheet_draw(const struct sheet *sheet, cairo_surface_t **surface,
                      struct vdt_error *error);

#endif

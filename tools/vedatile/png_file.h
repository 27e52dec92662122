/* Pictures as PNG files that are whole or not there. */
#ifndef TOOL_PNG_FILE_H
#define TOOL_PNG_FILE_H

#include <cairo.h>
#include <stdbool.h>
#include <stdio.h>
#include <vedatile/error.h>

bool png_write(cairo_surface_t *surface, FILE *file);

/* Under another name first: a failure leaves no half picture. */
vdt_status png_write_file(cairo_surface_t *surface, const char *path, struct vdt_error *error);

/* Fonts stay in memory to the end of the process otherwise, which leak checkers report. */
void png_release_fonts(void);

#endif

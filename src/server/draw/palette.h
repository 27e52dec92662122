/* Colours of classes: those of `vedatile show`. Private to draw/. */
#ifndef SERVER_DRAW_PALETTE_H
#define SERVER_DRAW_PALETTE_H

#include <stddef.h>
#include <stdint.h>

/* Red, green, blue and an alpha of 255. */
void vdt_palette_colour(size_t class_id, uint8_t colour[4]);

#endif

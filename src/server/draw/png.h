/* PNG (ISO/IEC 15948) in memory: grey, RGB or a palette. Private to draw/. */
#ifndef SERVER_DRAW_PNG_H
#define SERVER_DRAW_PNG_H

#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"

struct vdt_png {
    uint32_t cols, rows;
    unsigned channels;     /* 1: grey, or numbers of the palette; 3: red, green, blue */
    unsigned depth;        /* bits a value: 8, or 16 (grey, in the machine's byte order) */
    const void *pixels;    /* [row][col][channel] */
    uint8_t (*palette)[4]; /* red, green, blue, alpha; NULL: none */
    unsigned colours;      /* of the palette, 1 to 256 */
};

/* Appends the file's bytes. */
vdt_status vdt_png_encode(const struct vdt_png *png, struct vdt_buffer *bytes,
                          struct vdt_error *error);

#endif

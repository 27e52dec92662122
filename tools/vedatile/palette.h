/* One colour for each class: told apart by people with any colour vision, for the first dozen. */
#ifndef TOOL_PALETTE_H
#define TOOL_PALETTE_H

#include <stdbool.h>
#include <stddef.h>

struct colour {
    double red; /* 0..1 */
    double green;
    double blue;
};

struct colour palette_colour(size_t class_id);

/* True when dark text reads better on the colour than white text. */
bool palette_is_light(struct colour colour);

#endif

/* Okabe and Ito's colours, brightened where satellite imagery is dark, then evenly spread hues. */
#include "server/draw/palette.h"

#include <math.h>

static const unsigned fixed[] = {0xE69F00, 0x56B4E9, 0xF0E442, 0xCC79A7, 0x00B283, 0xE8590C,
                                 0x3B7DDD, 0xB8E186, 0x9B6BD6, 0xF7B6D2, 0x8C6D46, 0x9EDAE5};
enum { FIXED = sizeof fixed / sizeof fixed[0] };

static uint8_t channel(double hue, double shift, double value, double saturation)
{
    double at = fmod(hue * 6 + shift, 6);
    double part = fmax(0, fmin(1, fmin(at, 4 - at)));
    return (uint8_t)(value * (1 - saturation * part) * 255 + 0.5);
}

void vdt_palette_colour(size_t class_id, uint8_t colour[4])
{
    colour[3] = 255;
    if (class_id < FIXED) {
        for (int i = 0; i < 3; i++)
            colour[i] = (uint8_t)(fixed[class_id] >> (16 - 8 * i));
        return;
    }
    /* The golden ratio's multiples are spread evenly however many there are. */
    size_t step = class_id - FIXED;
    double hue = fmod(0.07 + 0.6180339887498949 * (double)step, 1);
    double value = step % 2 != 0 ? 0.78 : 0.95;
    double saturation = step % 3 != 0 ? 0.75 : 0.5;
    colour[0] = channel(hue, 5, value, saturation);
    colour[1] = channel(hue, 3, value, saturation);
    colour[2] = channel(hue, 1, value, saturation);
}
